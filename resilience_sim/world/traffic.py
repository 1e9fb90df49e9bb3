"""Traffic: when requests arrive, from an open loop, from users who wait, or from a list of times.

An open loop inverts the cumulated rate: the n-th request comes when the area under the rate reaches
n (``even``, from 0) or the sum of n + 1 unit exponentials keyed by request (``poisson``). So a rate may ramp and spike
without any approximation, and the same request keeps its random number whatever the rate.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.frames import Clock, Frame, Request, Timer
from resilience_sim.kernel.rng import ARRIVAL, THINK
from resilience_sim.kernel.sim import FOREVER, SimulationError
from resilience_sim.kernel.vectors import vec
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig
from resilience_sim.world.client import Caller, Client
from resilience_sim.world.latency import make_times

AHEAD: Final = 64  # requests whose gaps are drawn at once: draws that do not wait for one another overlap
STANDSTILL: Final = 1_000_000  # arrivals at one instant from which on time stands still


class Stretch:
    """A stretch of time in which the rate is linear. Rates are per ns, ``area`` is the count due before it begins."""

    __slots__ = ("area", "end", "full", "rate", "slope", "start", "total")

    start: i64
    end: i64
    rate: float
    slope: float
    area: float
    total: float  # how many requests come in it, on average
    full: float  # what the count has to stay below to lie in this stretch

    def __init__(self, start: i64, end: i64, rate: float, slope: float, area: float) -> None:
        self.start = start
        self.end = end
        self.rate = rate
        self.slope = slope
        self.area = area
        width = float(end - start)
        total = rate * width + 0.5 * slope * width * width
        self.total = total
        # A request due exactly at the end belongs to the next stretch; sums of floats are not that exact.
        self.full = (area + total) * (1.0 - 1e-12) if total > 0.0 else -1.0

    def when(self, area: float) -> i64:
        """The instant at which the count reaches ``area`` (which lies in this stretch)."""
        due = area - self.area
        if self.slope == 0.0:
            return self.start + int(due / self.rate + 0.5)
        if due <= 0.0:
            return self.start  # also where the rate rises from nothing
        root = sqrt(max(0.0, self.rate * self.rate + 2.0 * self.slope * due))
        return min(self.end, self.start + int(2.0 * due / (self.rate + root) + 0.5))


def make_stretches(phases: tuple[Phase, ...], spikes: list[FaultConfig]) -> list[Stretch]:
    """Phases, cut where a spike begins or ends; overlapping spikes multiply."""
    stretches: list[Stretch] = []
    start = 0
    area = 0.0
    for phase in phases:
        end = start + phase.duration if phase.duration else FOREVER
        cuts = {start, end}
        for spike in spikes:
            cuts.update(t for t in (spike.at, spike.at + spike.duration) if start < t < end)
        slope = (phase.to - phase.rate) / phase.duration if phase.duration else 0.0
        edges = sorted(cuts)
        for i in range(len(edges) - 1):
            low, high = edges[i], edges[i + 1]
            factor = 1e-9
            for spike in spikes:
                if spike.at <= low < spike.at + spike.duration:
                    factor *= spike.factor
            rate = phase.rate + slope * (low - start)
            stretch = Stretch(low, high, rate * factor, slope * factor, area)
            stretches.append(stretch)
            area += stretch.total
        start = end
    # Of no phase at all (`resim serve`, whose requests come from outside): one in which nothing is due.
    return stretches or [Stretch(0, FOREVER, 0.0, 0.0, 0.0)]


class Traffic(Caller):
    """Sends requests to the client until their number or time is up. The base counts; subclasses time."""

    __slots__ = ("_client", "_duration", "_limit", "_rid")

    _duration: i64
    _limit: i64
    _rid: i64

    def __init__(self, sim: Clock, client: Client, config: TrafficConfig) -> None:
        super().__init__(sim, -1)
        self._client: Final = client
        self._limit = config.requests or FOREVER
        self._duration = config.duration or FOREVER
        self._rid = 0


class OpenLoop(Traffic):
    """Requests come at a rate, whatever becomes of them."""

    __slots__ = ("_area", "_clock", "_even", "_gaps", "_last", "_phases", "_spikes", "_stretch", "_to_come")

    _area: float
    _last: i64

    def __init__(self, sim: Clock, client: Client, config: TrafficConfig, faults: tuple[FaultConfig, ...]) -> None:
        super().__init__(sim, client, config)
        self._phases = config.phases
        self._spikes = [f for f in faults if f.kind == "spike"]
        self._to_come = make_stretches(config.phases, self._spikes)[::-1]  # the next one is the last of the list
        self._stretch = self._to_come.pop()  # the one that the next arrival lies in, as far as is known
        self._even = config.arrivals == "even"
        self._area = 0.0
        self._gaps: Final = vec[float]([0.0] * AHEAD)  # unit exponentials of the next requests
        self._last = 0
        self._clock = Timer(self)
        self._schedule(self._clock)

    def spike(self, add: FaultConfig | None, end: FaultConfig | None) -> None:
        """The rate changes now: a spike begins, or one ends early; the next arrival is scheduled anew.

        ``end`` is the spike as it will have been: with the duration it had until now.
        """
        if add is not None:
            self._spikes.append(add)
        if end is not None:
            self._spikes = [end if spike.id == end.id else spike for spike in self._spikes]
        self._to_come = make_stretches(self._phases, self._spikes)[::-1]
        self._stretch = self._to_come.pop()
        self._last = self.sim.now
        self.sim.unschedule(self._clock)
        if self._rid < self._limit:
            self._time(self._clock)

    def _schedule(self, clock: Frame) -> None:
        rid = self._rid
        if rid >= self._limit:
            return
        if self._even:
            self._area = float(rid)
        else:
            at = rid & (AHEAD - 1)
            if at == 0:
                self._draw(rid)
            self._area += self._gaps[at]
        self._time(clock)

    def _draw(self, rid: i64) -> None:
        """The gaps before this request and those that follow it."""
        rng = self.sim.rng
        at: i64 = 0
        while at < AHEAD:
            self._gaps[at] = -log(1.0 - rng.uniform(ARRIVAL, rid + at, 0))
            at += 1

    def _time(self, clock: Frame) -> None:
        """Arm the clock for the instant at which the count reaches ``_area``."""
        while self._area >= self._stretch.full:
            if not self._to_come:
                return
            self._stretch = self._to_come.pop()
        when = self._stretch.when(self._area)
        if when < self._last:  # noqa: PLR1730 (max() costs a call)
            when = self._last
        if when < self._duration:
            self._last = when
            self.sim.schedule_recurring(when, clock)

    def on_timer(self, f: Frame) -> None:
        """One more request; the next one is timed before it is handled."""
        rid = self._rid
        self._rid = rid + 1
        self._schedule(f)
        self._client.arrive(rid, 0)


class Trace(Traffic):
    """Requests come at given times."""

    __slots__ = ("_times",)

    def __init__(self, sim: Clock, client: Client, config: TrafficConfig) -> None:
        super().__init__(sim, client, config)
        self._times = config.trace
        self._limit = min(self._limit, len(self._times))
        self._schedule(Timer(self))

    def _schedule(self, clock: Frame) -> None:
        if self._rid < self._limit and self._times[self._rid] < self._duration:
            self.sim.schedule_recurring(self._times[self._rid], clock)

    def on_timer(self, f: Frame) -> None:
        rid = self._rid
        self._rid = rid + 1
        self._schedule(f)
        self._client.arrive(rid, 0)


class ClosedLoop(Traffic):
    """Users who think, call, and wait for their outcome before they think again."""

    __slots__ = ("_calls", "_clocks", "_instant", "_same", "_think")

    _instant: i64
    _same: i64

    def __init__(self, sim: Clock, client: Client, config: TrafficConfig) -> None:
        super().__init__(sim, client, config)
        self._think = make_times(config.think)
        self._calls = [0] * config.users
        self._clocks: list[Timer] = []
        self._instant = -1
        self._same = 0
        client.report_to(self)
        for user in range(config.users):
            self._clocks.append(Timer(self, user))
            self._think_again(user)

    def _think_again(self, user: i64) -> None:
        sim = self.sim
        self._calls[user] += 1
        when = sim.now + self._think.draw(sim.rng, THINK, user, self._calls[user])
        if when < self._duration and self._rid < self._limit:
            sim.schedule(when, self._clocks[user])

    def on_timer(self, f: Frame) -> None:
        if self._rid >= self._limit:
            return
        now = self.sim.now
        self._same = self._same + 1 if now == self._instant else 1
        self._instant = now
        if self._same > STANDSTILL:
            raise SimulationError(
                f"time stands still at {float(now) / 1e9:.3f}s: users who do not think call and are answered at once, "
                "for ever; give `traffic.think` a time above 0ms"
            )
        rid = self._rid
        self._rid = rid + 1
        assert isinstance(f, Timer)
        self._client.arrive(rid, f.user)

    def on_done(self, req: Request) -> None:
        self._think_again(req.user)


def make_traffic(sim: Clock, client: Client, config: TrafficConfig, faults: tuple[FaultConfig, ...]) -> Traffic:
    """The traffic of a scenario, with its first arrival scheduled."""
    if config.loop == "open":
        return OpenLoop(sim, client, config, faults)
    if config.loop == "closed":
        return ClosedLoop(sim, client, config)
    if config.loop == "trace":
        return Trace(sim, client, config)
    raise ValueError(f"unknown traffic {config.loop!r}")
