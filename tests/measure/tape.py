"""A tiny builder of event lists, so that a story about a fold reads like one."""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Component, pack_attempt, pack_change, pack_done, pack_pair
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.traffic import TrafficConfig

S = 1_000_000_000
MS = 1_000_000

COMPONENTS = (
    Component(0, "client", "A", 0),
    Component(1, "client", "A#2", 1),
    Component(2, "service", "B"),
    Component(3, "replica", "B#1", number=1),
    Component(4, "circuit_breaker", "circuit_breaker", 0),
    Component(5, "retry", "retry", 0, 1),
    Component(6, "circuit_breaker", "circuit_breaker", 1),
)
A, A2, B, REPLICA, BREAKER, RETRY, BREAKER2 = range(7)


def plan(**settings) -> Plan:
    """A plan with nothing in it but what is given."""
    base = {
        "name": "story",
        "service": ServiceConfig(workers=2),
        "operation": OperationConfig(),
        "traffic": TrafficConfig(),
        "client": ClientConfig(),
        "faults": (),
        "stack": (),
    }
    return Plan(**{**base, **settings})


@dataclass
class Tape:
    """Events in the order they are told; every helper appends and returns the tape."""

    events: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    requests: int = 0
    arrived: dict[int, int] = field(default_factory=dict)

    def put(self, t: int, kind: int, source: int, rid: int = -1, a: int = 0, b: int = 0) -> Tape:
        self.events.append((t, kind, source, rid, a, b))
        return self

    def arrive(self, t: int, how: int = ev.ADMITTED, source: int = A) -> int:
        rid = self.requests
        self.requests += 1
        self.arrived[rid] = t
        self.put(t, ev.ARRIVE, source, rid, how)
        return rid

    def done(self, t, rid, outcome=ev.SUCCESS, attempts=1, effects=0, held=1, source=A) -> Tape:
        return self.put(t, ev.DONE, source, rid, pack_done(outcome, held, attempts, effects), t - self.arrived[rid])

    def attempt(self, rid, start, end, outcome=ev.SUCCESS, number=1, abandoned=0) -> Tape:
        """One attempt, sent, received, worked on and answered."""
        self.put(start, ev.SENT, B, rid, number)
        self.put(start, ev.RECEIVED, REPLICA, rid, number, ev.STARTED)
        self.put(end, ev.END, REPLICA, rid, pack_attempt(number, outcome, abandoned), end - start)
        if not abandoned:
            self.put(end, ev.RESULT, B, rid, pack_attempt(number, outcome, 0), end - start)
        return self

    def request(self, start: int, end: int, outcome: int = ev.SUCCESS) -> int:
        """A request with one attempt, from arrival to outcome."""
        rid = self.arrive(start)
        self.attempt(rid, start, end, outcome)
        self.done(end, rid, outcome)
        return rid

    def breaker(self, t, old, new, why, x=0, y=0, source=BREAKER) -> Tape:
        return self.put(t, ev.BREAKER, source, -1, pack_change(old, new, why), pack_pair(x, y))

    def into(self, fold: Fold) -> None:
        """Play to a fold, in order of time; same instant: in the order told."""
        for event in sorted(self.events, key=lambda event: event[0]):
            fold.on_event(*event)

    def result(self, the_plan: Plan | None = None, series: int = 0, end: int | None = None) -> RunResult:
        fold = RunFold(the_plan or plan(), COMPONENTS, series)
        self.into(fold)
        if end is None:
            end = max((event[0] for event in self.events), default=0)
        return fold.result(1, "0" * 16, end)
