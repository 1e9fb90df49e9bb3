"""The first request whose outcome differs between two runs with the same seed."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    ARRIVE,
    DONE,
    UNANSWERED,
    outcome_of,
)
from resilience_sim.kernel.sink import Fold


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
