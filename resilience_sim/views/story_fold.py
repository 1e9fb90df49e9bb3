"""What every layer knew and decided: a fold over the events of a run.

Owns how a result travels outwards through the layers: who was told, who swallowed it, who decided what. With a request
it keeps that request's steps; without, what is known at the instant reached. Refuses to phrase (story_words.py).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Component
from resilience_sim.kernel.sink import Fold
from resilience_sim.scenario.plan import Plan
from resilience_sim.views.story_breakers import BreakerMemory, is_breaker
from resilience_sim.views.story_layers import Layers

SECOND = 1_000_000_000
PASSED = 1000  # a step of our own: a result went outwards through a retry that did not try again; b: its outcome
KNEW = 1001  # a breaker let the request in; ``text`` says what it knew; a: since when, b: its state


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to the request, or was decided about it."""

    t: int
    kind: int
    source: int
    a: int = 0
    b: int = 0
    text: str = ""


@dataclass(slots=True)
class Flight:
    """A request under way: when it came, which try each retry layer is at, the attempts that wait for an answer."""

    rid: int
    instance: int
    arrived: int
    tries: dict[int, int] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)
    waits_until: int = 0
    held: bool = True


@dataclass(slots=True)
class _Pending:
    """A result on its way out: the next layer to be told, outermost 0."""

    t: int
    position: int
    outcome: int
    cut: bool


class RequestTraceFold(Fold):
    """Attach it before the run begins. ``rid`` -1: nobody in particular."""

    def __init__(
        self, plan: Plan, components: tuple[Component, ...], rid: int = -1, layers: Layers | None = None
    ) -> None:
        self.plan, self.components, self.rid = plan, components, rid
        self.layers = layers or Layers(plan)
        self.breakers: dict[int, BreakerMemory] = {}
        self._change(0)
        self.steps: list[Step] = []
        self.flights: dict[int, Flight] = {}
        self.faults: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        self.busy: dict[int, int] = {}
        self.queues: dict[int, dict[tuple[int, int], int]] = {}
        self.recent: deque[tuple[int, int, int]] = deque()
        self.waiting: dict[int, int] = {}
        self.rejected: dict[int, deque[int]] = {}
        self.denied: dict[int, int] = {}
        self.requests = 0
        self.instance = 0
        self.faults_met: list[tuple[int, int]] = []
        self._pending: dict[int, _Pending] = {}

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """Take one event."""
        if 0 <= self._next_change <= t:
            self._change(t)
        pending = self._pending.get(rid)
        if pending is not None and self._settles(pending, t, kind, source, rid, a):
            self._pending.pop(rid, None)
        mine = rid == self.rid >= 0
        if mine:
            self.steps.append(Step(t, kind, source, a, b))
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, t, source, rid, a, b)

    def _change(self, t: int) -> None:
        """The layers are those of ``t`` from now on."""
        self.shot = self.layers.at(t)
        self._next_change = self.layers.until(t)
        for component, config in self.shot.config.items():
            known = self.breakers.get(component)
            if known is not None and getattr(known.config, "like", "") == getattr(config, "like", ""):
                known.retune(config)
            elif is_breaker(config):  # new, or under other rules: it begins anew
                self.breakers[component] = BreakerMemory(config)

    def _place(self, source: int) -> int:
        return self.shot.position.get(source, -1)

    # --- how a result travels ---

    def _settles(self, pending: _Pending, t: int, kind: int, source: int, rid: int, a: int) -> bool:
        """Tell the layers between a result and this event of the same request; True when the result has arrived."""
        if kind == ev.DONE:
            self._tell(pending, rid, t, -1)
            return True
        if kind == ev.RESULT and pending.cut and t == pending.t:
            return False  # the attempt that the timeout cancelled
        if t != pending.t or kind not in _ON_THE_WAY:
            self._tell(pending, rid, pending.t, self._swallower(pending.position))
            return True
        here = self._place(source)
        if kind == ev.BREAKER and (a >> 16 == ev.OPEN or here > pending.position):
            return False
        self._tell(pending, rid, t, here)
        if kind in (ev.RETRY_WAIT, ev.FELL_BACK):
            return True
        pending.position = here - 1
        return False

    def _swallower(self, position: int) -> int:
        """The next layer outside that keeps results to itself: a hedge that waits for its other legs."""
        stack = self.shot.stack
        return next((p for p in range(min(position, len(stack) - 1), -1, -1) if stack[p].kind == "hedge"), -1)

    def _tell(self, pending: _Pending, rid: int, t: int, until: int) -> None:
        """Layers from ``pending.position`` outwards, up to but without ``until``, get the outcome."""
        flight = self.flights.get(rid)
        instance = flight.instance if flight else 0
        for position in range(pending.position, until, -1):
            component = self.shot.places.get((instance, position), -1)
            if component < 0:
                continue
            memory = self.breakers.get(component)
            if memory is not None:
                memory.record(t, pending.outcome)
            if rid == self.rid and self.shot.stack[position].kind == "retry":
                tries = flight.tries.get(position, 1) if flight else 1
                self.steps.append(Step(t, PASSED, component, tries, pending.outcome))

    def _came(self, t: int, rid: int, position: int, outcome: int, cut: bool = False) -> None:
        self._pending[rid] = _Pending(t, position, outcome, cut)

    # --- events ---

    def _arrive(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.requests += 1
        while self.recent and self.recent[0][0] <= t - SECOND:
            self.recent.popleft()
        self.recent.append((t, ev.ARRIVE, 0))
        self.flights[rid] = Flight(rid, self.components[source].instance, t, held=a == ev.ADMITTED)
        if rid == self.rid:
            self.instance = self.components[source].instance
            self.faults_met = [(fault, t) for fault in self.faults]
            held = sum(f.held and f.instance == self.instance for f in self.flights.values())
            self.steps[-1] = Step(t, ev.ARRIVE, source, a, held)

    def _start(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.flights[rid].held = True

    def _done(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.recent.append((t, ev.DONE, a & 0xFF))
        self.flights.pop(rid, None)

    def _sent(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.recent.append((t, ev.SENT, 0))
        flight = self.flights.get(rid)
        if flight is None:
            return
        flight.sent[a] = t
        flight.waits_until = 0
        if rid == self.rid:
            known = [self.shot.places[flight.instance, p] for p in range(len(self.shot.stack))]
            asked = [(c, self.breakers[c]) for c in known if c in self.breakers]
            said = [Step(t, KNEW, c, memory.since, memory.state, memory.says(t)) for c, memory in asked]
            self.steps[-1:-1] = said

    def _result(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        outcome = a & 0xFF
        self.recent.append((t, ev.RESULT, outcome))
        flight = self.flights.get(rid)
        if flight is not None:
            flight.sent.pop(a >> 16, None)
        pending = self._pending.get(rid)
        if outcome != ev.CANCELLED and not (pending is not None and pending.cut and pending.t == t):
            self._came(t, rid, len(self.shot.stack) - 1, outcome)

    def _timed_out(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self._came(t, rid, self._place(source) - 1, ev.TIMEOUT, True)

    def _rejected(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.rejected.setdefault(source, deque()).append(t)
        self._came(t, rid, self._place(source) - 1, a)

    def _retry(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        flight = self.flights.get(rid)
        if flight is None:
            return
        position = self._place(source)
        flight.tries = {p: n for p, n in flight.tries.items() if p < position} | {position: a}
        flight.waits_until = t + b

    def _denied(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.denied[source] = self.denied.get(source, 0) + 1
        pending = self._pending.get(rid)
        if rid == self.rid and pending is not None:
            self.steps.append(Step(t, PASSED, source, a - 1, pending.outcome))

    def _breaker(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        memory = self.breakers.get(source)
        if memory is not None:
            memory.change(t, a, b)
            if rid != self.rid and self.rid in self.flights and self.components[source].instance == self.instance:
                self.steps.append(Step(t, ev.BREAKER, source, a, b, "another request"))

    def _queued(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.waiting[source] = a

    def _admitted(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.waiting[source] = a

    def _received(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        if b == ev.STARTED:
            self.busy[source] = self.busy.get(source, 0) + 1
        elif b == ev.QUEUED_AT_B:
            self.queues.setdefault(source, {})[rid, a] = t

    def _begin(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.queues.get(source, {}).pop((rid, a), None)
        self.busy[source] = self.busy.get(source, 0) + 1

    def _end(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.busy[source] = max(0, self.busy.get(source, 0) - 1)

    def _left(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.queues.get(source, {}).pop((rid, a), None)

    def _action(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        if self.rid in self.flights and 0 <= a < len(self.layers.phrases):
            self.steps.append(Step(t, ev.ACTION, source, a, b, self.layers.phrases[a]))

    def _fault_on(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.faults[a] = t
        if self.rid in self.flights:
            self.faults_met.append((a, t))

    def _fault_off(self, t: int, source: int, rid: int, a: int, b: int) -> None:
        self.faults.pop(a, None)
        self.ended[a] = t


_ON_THE_WAY = frozenset(
    (ev.BREAKER, ev.LATE_RESULT, ev.RETRY_WAIT, ev.RETRY_DENIED, ev.FELL_BACK, ev.HEDGE_WON)
)  # a layer's word about a result that passes it
_HANDLERS = {
    ev.ARRIVE: RequestTraceFold._arrive,
    ev.START: RequestTraceFold._start,
    ev.DONE: RequestTraceFold._done,
    ev.SENT: RequestTraceFold._sent,
    ev.RESULT: RequestTraceFold._result,
    ev.TIMED_OUT: RequestTraceFold._timed_out,
    ev.REJECTED: RequestTraceFold._rejected,
    ev.RETRY_WAIT: RequestTraceFold._retry,
    ev.RETRY_DENIED: RequestTraceFold._denied,
    ev.BREAKER: RequestTraceFold._breaker,
    ev.QUEUED: RequestTraceFold._queued,
    ev.ADMITTED_LATE: RequestTraceFold._admitted,
    ev.RECEIVED: RequestTraceFold._received,
    ev.BEGIN: RequestTraceFold._begin,
    ev.END: RequestTraceFold._end,
    ev.LEFT_QUEUE: RequestTraceFold._left,
    ev.ACTION: RequestTraceFold._action,
    ev.FAULT_ON: RequestTraceFold._fault_on,
    ev.FAULT_OFF: RequestTraceFold._fault_off,
}
