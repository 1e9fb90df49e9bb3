"""The fault timeline: which faults are active now, and whether one hits this attempt.

Overlapping faults are combined here, place by place; a listener (the service they strike) is told when one begins or
ends. A fault is active for ``at <= t < at + duration``; both ends come before anything else at their instants.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import FAULT_OFF, FAULT_ON, TRIES
from resilience_sim.kernel.frames import Clock, Frame, Layer, Request, Timer
from resilience_sim.kernel.rng import FAULT_ERROR, FAULT_SHARE, purpose_of
from resilience_sim.policies.rate_limiter import Permits
from resilience_sim.settings.faults import FaultConfig

LN2: Final = 0.6931471805599453

# kinds, and ways of an outage, as numbers: they are looked at for every attempt
OUTAGE: Final = 1
BROWNOUT: Final = 2
SLOWED: Final = 3
ERRORS: Final = 4
RATE_LIMIT: Final = 5
COLD_CACHE: Final = 6
REPLICA_CRASH: Final = 7
SPIKE: Final = 8
KINDS: Final = {
    "outage": OUTAGE, "brownout": BROWNOUT, "latency": SLOWED, "errors": ERRORS, "rate_limit": RATE_LIMIT,
    "cold_cache": COLD_CACHE, "crash_replica": REPLICA_CRASH, "spike": SPIKE,
}  # fmt: skip
REFUSE: Final = 1
HANG: Final = 2
FAIL: Final = 3
CUT: Final = 4
HALF: Final = 5  # of a lost answer is seen
CLOSED: Final = 6
WAYS: Final = {"refuse": REFUSE, "hang": HANG, "error": FAIL, "reset": CUT, "cut": HALF, "close": CLOSED}


class Fault:
    """One entry of the timeline. Settings that every attempt needs are copied into native attributes."""

    __slots__ = (
        "_by_attempt", "_error_key", "_rate", "_replica", "_share", "_share_key", "add", "answer", "config",
        "failure_rate", "how", "index", "kind", "outcome", "permits", "retry_after", "slower",
    )  # fmt: skip

    index: i64
    kind: i64
    how: i64
    add: i64
    outcome: i64
    answer: i64
    retry_after: i64
    _replica: i64
    _share_key: i64
    _error_key: i64
    _rate: float
    _share: float
    failure_rate: float
    slower: float

    def __init__(self, config: FaultConfig, index: i64) -> None:
        self.config = config
        self.index = index
        self.kind = KINDS[config.kind]
        self.how = WAYS[config.how]
        self.add = config.add
        self.outcome = config.outcome
        self.answer = config.answer
        self.retry_after = config.retry_after
        self.failure_rate = config.failure_rate
        self.slower = config.slower
        self._replica = config.replica
        self._rate = config.rate
        self._share = config.share
        self._by_attempt = config.of == "attempts"
        if config.place:  # of several: by name, so that a fault elsewhere changes nothing
            self._share_key = purpose_of(config.id + "?share")
            self._error_key = purpose_of(config.id + "?error")
        else:
            self._share_key = FAULT_SHARE + index
            self._error_key = FAULT_ERROR + index
        # Service B's own limiter: a bucket of one second's worth, full when the fault begins.
        self.permits = Permits(config.limit, 1_000_000_000, max(1, int(config.limit))) if config.limit > 0 else None

    def hits(self, sim: Clock, req: Request, attempt: i64, replica: i64) -> bool:
        """Whether this attempt, at this replica (from 1), is among those the fault strikes."""
        if not self.concerns(replica):
            return False
        if self._share >= 1.0:
            return True
        if self._by_attempt:
            return sim.rng.uniform(self._share_key, req.luck, attempt & TRIES) < self._share
        return sim.rng.uniform(self._share_key, req.rid, 0) < self._share

    def concerns(self, replica: i64) -> bool:
        """Whether it is a fault of this replica (from 1)."""
        return self._replica in (0, replica)

    def strikes_error(self, sim: Clock, req: Request, attempt: i64) -> bool:
        """``errors``: whether the attempt is among the share that fails."""
        return self._rate >= 1.0 or sim.rng.uniform(self._error_key, req.luck, attempt & TRIES) < self._rate


class Place:
    """Where faults strike, a service or the way to it: those that are active there, by when they are asked about."""

    __slots__ = ("_listener", "any_active", "at_arrival", "at_work", "crashes")

    def __init__(self) -> None:
        self._listener: Callable[[Fault, bool], None] | None = None
        self.any_active = False
        self.at_arrival: list[Fault] = []  # outages that refuse or hang, rate limits
        self.at_work: list[Fault] = []  # the rest of what a started attempt meets
        self.crashes: list[Fault] = []

    def listen(self, listener: Callable[[Fault, bool], None]) -> None:
        """Tell ``listener`` about every change from now on."""
        self._listener = listener

    def note(self, fault: Fault, begins: bool) -> None:
        """A fault of this place begins or ends."""
        if fault.kind == REPLICA_CRASH:
            active = self.crashes
        elif fault.kind == RATE_LIMIT or (fault.kind == OUTAGE and fault.how <= HANG):
            active = self.at_arrival
        else:
            active = self.at_work
        if begins:
            active.append(fault)
        else:
            active.remove(fault)
        self.any_active = bool(self.at_arrival or self.at_work or self.crashes)

    def tell(self, fault: Fault, begins: bool) -> None:
        """It has begun or ended."""
        if self._listener is not None:
            self._listener(fault, begins)

    def worker_share(self, replica: i64) -> float:
        """The share of its workers that brownouts leave a replica: the product of those that are active."""
        share = 1.0
        for fault in self.at_work:
            if fault.kind == BROWNOUT and fault.concerns(replica):
                share *= fault.config.workers
        return share

    def down(self, replica: i64) -> bool:
        """Whether a ``crash_replica`` keeps this replica (from 1) down."""
        for fault in self.crashes:  # noqa: SIM110 (a generator costs a frame, for every attempt)
            if fault.concerns(replica):
                return True
        return False


class Faults(Layer):
    """The timeline of a run, and the places where its faults strike."""

    __slots__ = ("_ends", "_places", "_sources", "timeline")

    def __init__(self, sim: Clock, configs: tuple[FaultConfig, ...], sources: tuple[int, ...], entry: str = "") -> None:
        """``entry``: the service that a fault strikes which does not say where."""
        super().__init__(sim, -1)
        self._sources = sources
        first = Place()
        self._places: dict[str, Place] = {"": first, entry: first}
        self._ends: list[Frame] = []  # the timer of each fault's end, by index
        self.timeline = [Fault(config, i) for i, config in enumerate(configs)]
        for fault in self.timeline:
            self._time(fault, fault.config.at, 1)
            self._time(fault, fault.config.at + fault.config.duration, 0)

    def at(self, name: str) -> Place:
        """The place of that name: a service, or ``caller>callee``."""
        if name not in self._places:
            self._places[name] = Place()
        return self._places[name]

    def _time(self, fault: Fault, when: i64, begins: i64) -> None:
        f = Timer(self)
        f.k = fault.index
        f.x = begins
        self.sim.schedule_first(when, f)
        if not begins:
            self._ends.append(f)

    def add(self, config: FaultConfig, source: i64) -> None:
        """One more fault, which begins now."""
        fault = Fault(config, len(self.timeline))
        self.timeline.append(fault)
        self._sources = (*self._sources, source)
        f = Timer(self)
        f.k = fault.index
        f.x = 1
        self.on_timer(f)
        self._time(fault, self.sim.now + config.duration, 0)

    def lift(self, index: i64) -> None:
        """End an active fault now."""
        end = self._ends[index]
        self.sim.unschedule_background(end)
        self.on_timer(end)

    def on_timer(self, f: Frame) -> None:
        """A fault begins (``x`` 1) or ends (``x`` 0)."""
        sim = self.sim
        fault = self.timeline[f.k]
        config = fault.config
        begins = f.x == 1
        place = self.at(config.place)
        place.note(fault, begins)
        if begins:
            if config.limit > 0:
                fault.permits = Permits(config.limit, 1_000_000_000, max(1, int(config.limit)))
            sim.sink.emit(sim.now, FAULT_ON, self._sources[f.k], -1, f.k, config.at + config.duration)
        else:
            sim.sink.emit(sim.now, FAULT_OFF, self._sources[f.k], -1, f.k, 0)
        place.tell(fault, begins)


def cold_factor(fault: Fault, now: i64) -> float:
    """``cold_cache``: how many times slower now; starts at ``slower`` and loses half of the excess every half-life."""
    config = fault.config
    return 1.0 + (config.slower - 1.0) * exp(-LN2 * float(now - config.at) / config.half_life)
