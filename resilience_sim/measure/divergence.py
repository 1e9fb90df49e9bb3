"""Where two runs on the same luck first go different ways, and what happened to one request.

Owns outcomes per request and the story of a single one. Refuses to explain in words (views/).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    ARRIVE,
    BREAKER,
    DONE,
    FAULT_OFF,
    FAULT_ON,
    UNANSWERED,
    outcome_of,
)
from resilience_sim.kernel.sink import Fold

Event = tuple[int, int, int, int, int, int]  # t, kind, source, rid, a, b


class OutcomeFold(Fold):
    """The arrival (ns) and outcome code of every request: nine bytes each. UNANSWERED until it has one."""

    __slots__ = ("arrivals", "outcomes")

    def __init__(self) -> None:
        self.arrivals: array[int] = array("q")
        self.outcomes = bytearray()

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Note arrivals and outcomes."""
        if kind == ARRIVE:
            self.arrivals.append(t)
            self.outcomes.append(UNANSWERED)
        elif kind == DONE:
            self.outcomes[rid] = outcome_of(a)


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first request whose outcome differs: its number, its arrival (ns, in the first run), both outcome codes."""

    rid: int
    arrival: int
    outcome_a: int
    outcome_b: int


def first_divergence(a: OutcomeFold, b: OutcomeFold) -> Divergence | None:
    """Compare request by request, as many as both have; None when all of them ended alike."""
    common = min(len(a.outcomes), len(b.outcomes))
    if a.outcomes[:common] == b.outcomes[:common]:
        return None
    rid = next(i for i, (x, y) in enumerate(zip(a.outcomes, b.outcomes, strict=False)) if x != y)
    return Divergence(rid, a.arrivals[rid], a.outcomes[rid], b.outcomes[rid])


class StoryFold(Fold):
    """Every event of one request, and what it found when it came.

    ``breakers``: the last change of state of each breaker before the request's outcome, by component id: a request
    that was rejected did not itself say why. ``faults``: indexes of the faults active at any moment of its life.
    """

    __slots__ = ("_arrived", "_done", "breakers", "events", "faults", "rid")

    def __init__(self, rid: int) -> None:
        self.rid = rid
        self.events: list[Event] = []
        self.breakers: dict[int, Event] = {}
        self.faults: list[int] = []
        self._arrived = False
        self._done = False

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Keep what belongs to the story."""
        if rid == self.rid:
            self.events.append((t, kind, source, rid, a, b))
            if kind == ARRIVE:
                self._arrived = True
            elif kind == DONE:
                self._done = True
        if self._done:
            return
        if kind == BREAKER:
            self.breakers[source] = (t, kind, source, rid, a, b)
        elif kind == FAULT_ON:
            self.faults.append(a)
        elif kind == FAULT_OFF and not self._arrived and a in self.faults:
            self.faults.remove(a)
