"""The live view's state: a fold over events, as large after a million requests as after a hundred.

It keeps what the screen needs to know of a run: counters, history in time bins, state timelines, the last requests and
notes. Drawing is frame.py's. ``clock`` is set by the driver: virtual time passes also between events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.story import BriefStory
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.facts import arrivals_over, capacity, horizon, workers
from resilience_sim.views.live.places import Graph, Places
from resilience_sim.views.words import change_words, has_copies, outcome_name, speaker

BINS = 960
MANTISSA = 4  # bits: latency buckets are 1/16 to 1/32 wide


def bucket(ns: int) -> int:
    """The logarithmic bucket of a latency: exponent and the leading bits of the mantissa."""
    if ns <= 1 << MANTISSA:
        return max(ns, 0)
    extra = ns.bit_length() - 1 - MANTISSA
    return (extra << MANTISSA) + (ns >> extra)


def unbucket(index: int) -> int:
    """A latency in the middle of a bucket; the inverse of :func:`bucket` within one part in 32."""
    if index <= 1 << MANTISSA:
        return index
    extra = (index >> MANTISSA) - 1
    low = ((index & (1 << MANTISSA) - 1) | 1 << MANTISSA) << extra
    return low + (1 << extra >> 1)


class Bins:
    """Counts per time bin. ``arrivals``, ``sent``, ``again``, ``good``, ``bad`` are sums, ``queue`` and ``busy`` peaks.

    ``again``: the attempts among ``sent`` that were not the first of their request. ``latencies``: of successes.
    """

    __slots__ = ("again", "arrivals", "bad", "busy", "good", "latencies", "queue", "sent", "width")

    def __init__(self, horizon: int) -> None:
        self.width = max(1, -(-horizon // (BINS - 60)))
        self.arrivals = [0] * BINS
        self.sent = [0] * BINS
        self.again = [0] * BINS
        self.good = [0] * BINS
        self.bad = [0] * BINS
        self.queue = [0] * BINS
        self.busy = [0] * BINS
        self.latencies: list[dict[int, int] | None] = [None] * BINS

    def index(self, t: int) -> int:
        """The bin of an instant, which must lie within the bins (see :meth:`fits`)."""
        return t // self.width

    def fits(self, t: int) -> bool:
        """Whether an instant still has a bin; if not, call :meth:`double`."""
        return t < self.width * BINS

    def double(self) -> None:
        """Merge neighbours: every bin becomes twice as long, the second half is free again."""
        empty = [0] * (BINS // 2)
        for sums in (self.arrivals, self.sent, self.again, self.good, self.bad):
            sums[:] = [sums[i] + sums[i + 1] for i in range(0, BINS, 2)] + empty
        for peaks in (self.queue, self.busy):
            peaks[:] = [max(peaks[i], peaks[i + 1]) for i in range(0, BINS, 2)] + empty
        merged = [_merge(self.latencies[i], self.latencies[i + 1]) for i in range(0, BINS, 2)]
        self.latencies[:] = merged + [None] * (BINS // 2)
        self.width *= 2

    def latency(self, index: int, ns: int) -> None:
        counts = self.latencies[index]
        if counts is None:
            counts = self.latencies[index] = {}
        at = bucket(ns)
        counts[at] = counts.get(at, 0) + 1


def _merge(one: dict[int, int] | None, other: dict[int, int] | None) -> dict[int, int] | None:
    if one is None or other is None:
        return other if one is None else one
    for key, number in other.items():
        one[key] = one.get(key, 0) + number
    return one


def percentiles(counts: dict[int, int], *wanted: float) -> list[int]:
    """Nearest-rank percentiles (0..1, ascending) of counted latencies, in ns; nothing where nothing was counted."""
    total = sum(counts.values())
    if not total:
        return []
    found = []
    seen = 0
    ordered = iter(sorted(counts.items()))
    key = 0
    for share in wanted:
        rank = max(1, -int(-share * total // 1))
        while seen < rank:
            key, number = next(ordered)
            seen += number
        found.append(unbucket(key))
    return found


class StateTimeline:
    """States over time, on the same bins: what was entered in a bin, and what held at its end."""

    __slots__ = ("entered", "last", "name", "opened", "since", "state")

    def __init__(self, name: str, state: int = 0) -> None:
        self.name = name
        self.state = state
        self.since = 0
        self.opened = 0
        self.entered: dict[int, int] = {}  # bin -> bits of states entered
        self.last: dict[int, int] = {}

    def change(self, index: int, t: int, state: int) -> None:
        """The state changed at ``t``, which is in bin ``index``."""
        self.state = state
        self.since = t
        self.entered[index] = self.entered.get(index, 0) | 1 << state
        self.last[index] = state

    def double(self) -> None:
        """Follow :meth:`Bins.double`."""
        entered: dict[int, int] = {}
        for index, bits in self.entered.items():
            entered[index // 2] = entered.get(index // 2, 0) | bits
        self.entered = entered
        self.last = {index // 2: state for index, state in self.last.items()}  # ascending: the later one stays


STREAM = 96  # requests remembered for the stream
NOTES = 12


class LiveFold(Fold):
    """``graph`` and ``places``: of a plan with several services, what they are and what becomes of each; else None.

    Everything else is about what users see: Service A and the first service; breakers and notes are those of all.
    """

    __slots__ = (
        "applied", "arrived", "attempts", "bins", "breakers", "busy", "by_hand", "by_outcome", "capacity",
        "clients", "clock", "components", "crashes", "denied", "done", "duplicates", "events", "faults_on", "first_try",
        "graph", "held", "held_peak", "horizon", "late", "many", "memo", "name", "notes", "orphans", "over",
        "own_changes", "places", "plan", "queue", "rejected", "retries", "sample", "seed", "stream", "succeeded",
        "workers",
    )  # fmt: skip

    def __init__(self, plan: Plan, seed: int, components: Sequence[ev.Component], name: str = "") -> None:
        self.plan = plan
        self.seed = seed
        self.name = name or plan.name
        self.components = {component.id: component for component in components}
        self.many = plan.client.instances > 1
        self.clock = 0
        self.over = False
        self.events = 0
        self.horizon = horizon(plan)
        self.capacity = capacity(plan)
        self.workers = workers(plan)
        self.bins = Bins(self.horizon)
        self.graph = Graph(plan, components) if plan.several else None
        self.places = Places(self.graph, self.horizon) if self.graph is not None else None
        self.breakers = {c.id: StateTimeline(self.speaker(c)) for c in components if c.kind == "circuit_breaker"}
        self.clients: dict[int, StateTimeline] = {}  # only those that ever crashed: up (0) and down (1)
        self.faults_on: set[int] = set()
        self.by_hand = False  # something was changed that the plan does not say
        self.own_changes = _own_changes(plan)  # those still to come
        self.notes: deque[tuple[int, str, str, str]] = deque(maxlen=NOTES)  # t, who, what, why
        self.stream: dict[int, BriefStory] = {}
        self.sample = 1  # every n-th request is shown in the stream
        self.by_outcome = [0] * len(ev.OUTCOME_NAMES)
        self.arrived = self.done = self.succeeded = self.first_try = self.late = 0
        self.attempts = self.retries = self.denied = self.rejected = 0
        self.applied = self.duplicates = self.orphans = 0
        self.busy = self.queue = self.crashes = 0
        self.held: dict[int, int] = {}
        self.memo: dict[str, tuple[Any, list[Any]]] = {}  # points.py: what it computed once
        self.held_peak = 0

    def speaker(self, component: ev.Component | None) -> str:
        """The name of an event's component, with its instance where there are several."""
        return speaker(component, has_copies(component, self.plan))

    @property
    def in_flight(self) -> int:
        """Requests that arrived and have no outcome yet."""
        return self.arrived - self.done

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self.events += 1
        self.clock = t
        if self.graph is not None and self.places is not None:
            self.places.take(self.graph, t, kind, source, a, b)
            if kind >= ev.CALL or self.graph.behind(source):
                if kind == ev.BREAKER:
                    while not self.bins.fits(t):
                        self._double()
                    self._policy(t // self.bins.width, t, kind, source, a, b)
                return
        bins = self.bins
        while not bins.fits(t):
            self._double()
        index = t // bins.width
        if kind > ev.FELL_BACK:
            self._surroundings(index, t, kind, source, a, b)
            return
        request = self.stream.get(rid)
        if request is not None:
            request.take(kind, a, b)
        if kind == ev.ARRIVE:
            self.arrived += 1
            bins.arrivals[index] += 1
            if ev.admission_of(a) == ev.ADMITTED:
                self._hold(source, 1)
            if rid % self.sample == 0:
                self._remember(rid, t)
        elif kind == ev.START:
            self._hold(source, 1)
        elif kind == ev.DONE:
            self._done(index, source, a, b)
        elif kind <= ev.EFFECT:
            self._attempt(index, kind, a, b)
        else:
            self._policy(index, t, kind, source, a, b)

    @property
    def draining(self) -> bool:
        """Whether the last request has arrived: what is left is to answer those under way."""
        return self.over or arrivals_over(self.plan, self.arrived, self.clock)

    def tick(self, now: int) -> None:
        """Virtual time has come to ``now``, with or without events."""
        self.clock = max(self.clock, now)
        while not self.bins.fits(self.clock):
            self._double()
        while self.clock > self.horizon:
            self.horizon += max(1, self.horizon // 4)

    # --- requests -------------------------------------------------------------------------------------------------

    def _remember(self, rid: int, t: int) -> None:
        stream = self.stream
        if len(stream) >= STREAM:
            # The oldest that is over leaves; were all still waiting, the oldest of them.
            old = next((key for key, request in stream.items() if request.outcome >= 0), next(iter(stream)))
            del stream[old]
        stream[rid] = BriefStory(rid, t)

    def _done(self, index: int, source: int, a: int, latency: int) -> None:
        outcome = ev.outcome_of(a)
        self.done += 1
        if ev.held_thread(a):
            self._hold(source, -1)
        self.by_outcome[outcome] += 1
        deadline = self.plan.traffic.deadline
        late = outcome == ev.SUCCESS and 0 < deadline < latency
        if outcome == ev.SUCCESS and not late:
            self.succeeded += 1
            self.first_try += ev.attempts_of(a) == 1
            self.bins.good[index] += 1
        else:
            self.late += late
            self.bins.bad[index] += 1
            if outcome > ev.FALLBACK:
                self.orphans += ev.effects_of(a)  # done, and now reported as failed
        if outcome == ev.SUCCESS:
            self.bins.latency(index, latency)

    def _hold(self, source: int, change: int) -> None:
        held = self.held[source] = max(0, self.held.get(source, 0) + change)
        self.held_peak = max(self.held_peak, held)

    # --- attempts and B -------------------------------------------------------------------------------------------

    def _attempt(self, index: int, kind: int, a: int, b: int) -> None:
        bins = self.bins
        if kind == ev.SENT:
            self.attempts += 1
            bins.sent[index] += 1
            if a > 1:
                self.retries += 1
                bins.again[index] += 1
        elif kind == ev.RECEIVED:
            if b == ev.STARTED:
                self._load(index, 1, 0)
            elif b == ev.QUEUED_AT_B:
                self._load(index, 0, 1)
        elif kind == ev.BEGIN:
            self._load(index, 1, -1)
        elif kind == ev.END:
            self._load(index, -1, 0)
        elif kind == ev.LEFT_QUEUE:
            self._load(index, 0, -1)
        elif kind == ev.EFFECT:
            effect = ev.effect_of(a)
            if effect in (ev.APPLIED, ev.DUPLICATE):
                self.applied += 1
                self.duplicates += effect == ev.DUPLICATE
                self.orphans += b

    def _load(self, index: int, busy: int, queue: int) -> None:
        self.busy = max(0, self.busy + busy)
        self.queue = max(0, self.queue + queue)
        bins = self.bins
        bins.busy[index] = max(bins.busy[index], self.busy)
        bins.queue[index] = max(bins.queue[index], self.queue)

    # --- policies and surroundings --------------------------------------------------------------------------------

    def _policy(self, index: int, t: int, kind: int, source: int, a: int, b: int) -> None:
        if kind == ev.BREAKER:
            lane = self.breakers.get(source)
            new = ev.new_state(a)
            if lane is not None:
                lane.change(index, t, new)
                lane.opened += new == ev.OPEN
                self.notes.append((t, lane.name, *change_words(kind, a, b, self.plan.faults)))
            return
        if kind == ev.REJECTED:
            self.rejected += 1
        elif kind == ev.RETRY_DENIED:
            self.denied += 1

    def _surroundings(self, index: int, t: int, kind: int, source: int, a: int, b: int) -> None:
        component = self.components.get(source)
        who = self.speaker(component)
        if kind == ev.FAULT_ON:
            self.faults_on.add(a)
        elif kind == ev.FAULT_OFF:
            self.faults_on.discard(a)
        elif kind == ev.ACTION:
            words = self.own_changes.get(t)
            self.by_hand = self.by_hand or not words
            self.notes.append((t, "stack", "changed", words.pop(0) if words else "by hand"))
        elif kind in (ev.CRASH, ev.RESTART):
            down = kind == ev.CRASH
            lane = self.clients.setdefault(source, StateTimeline(who))
            lane.change(index, t, int(down))
            lane.opened += down
            self.crashes += down
            if down:
                self.held[source] = 0
            what, details = change_words(kind, a, b, self.plan.faults)
            self.notes.append((t, who, what.upper() if down else what, details))

    def _double(self) -> None:
        self.bins.double()
        for lane in (*self.breakers.values(), *self.clients.values()):
            lane.double()

    def outcomes(self) -> list[tuple[str, int]]:
        """Outcomes other than success that occurred, the most frequent first; equal names together."""
        counts: dict[str, int] = {}
        for outcome, number in enumerate(self.by_outcome):
            if number and outcome != ev.SUCCESS:
                name = outcome_name(outcome)
                counts[name] = counts.get(name, 0) + number
        return sorted(counts.items(), key=lambda item: -item[1])


def _own_changes(plan: Plan) -> dict[int, list[str]]:
    if not plan.actions:
        return {}
    from resilience_sim.views.actions_text import phrases_by_instant

    return phrases_by_instant(plan)
