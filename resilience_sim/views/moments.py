"""The instants that an explanation names: first crash, first duplicate, the moment of highest load, and the like.

Owns remembering them while a run goes by. Refuses to say anything (why.py does) and to keep what no sentence needs:
bounded memory, but for operations with effects, where requests in flight are remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.scenario.plan import Plan
from resilience_sim.views.live.facts import horizon
from resilience_sim.views.live.state import BINS, Bins


@dataclass(frozen=True, slots=True)
class DuplicateExecution:
    """A request executed twice: when, by which attempts, and what the caller had seen of the first one."""

    rid: int
    first_at: int
    first_attempt: int
    seen: int  # outcome code; -1: nothing yet
    again_at: int
    again_attempt: int


@dataclass(frozen=True, slots=True)
class Peak:
    """The stretch with the most attempts: its start and length (ns), how many, attempts and requests per second."""

    at: int
    length: int
    count: int
    attempts: float
    requests: float


class MomentsFold(Fold):
    """Attach it to a single run that is to be explained. Instants are ns, None where it never happened."""

    __slots__ = (
        "_bins", "_executed", "_seen", "crashed_at", "crashed_with", "denied_at", "exhausted_at",
        "failed_at", "hedges", "hedges_won", "shed_at", "twice",
    )  # fmt: skip

    def __init__(self, plan: Plan) -> None:
        self._bins = Bins(horizon(plan) * 16)  # coarse: some sixty stretches over the expected length of the run
        self._executed: dict[int, tuple[int, int]] = {}
        self._seen: dict[int, int] = {}
        self.crashed_at: int | None = None
        self.crashed_with = 0
        self.denied_at: int | None = None
        self.exhausted_at: int | None = None
        self.failed_at: int | None = None
        self.hedges = 0
        self.hedges_won = 0
        self.shed_at: int | None = None
        self.twice: DuplicateExecution | None = None

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """Note what is the first of its kind."""
        if kind in (ev.ARRIVE, ev.SENT):
            while not self._bins.fits(t):
                self._bins.double()
            counts = self._bins.arrivals if kind == ev.ARRIVE else self._bins.sent
            counts[t // self._bins.width] += 1
        elif kind == ev.RESULT:
            self._result(t, rid, a)
        elif kind == ev.EFFECT:
            self._effect(t, rid, ev.attempt_of(a), ev.effect_of(a))
        elif kind == ev.DONE:
            outcome = ev.outcome_of(a)
            if outcome > ev.FALLBACK and self.failed_at is None:
                self.failed_at = t
            if outcome == ev.EXHAUSTED and self.exhausted_at is None:
                self.exhausted_at = t
        elif kind == ev.CRASH and self.crashed_at is None:
            self.crashed_at, self.crashed_with = t, a
        elif kind == ev.RETRY_DENIED and self.denied_at is None:
            self.denied_at = t
        elif kind == ev.HEDGE:
            self.hedges += 1
        elif kind == ev.HEDGE_WON:
            self.hedges_won += a > 1

    def _result(self, t: int, rid: int, a: int) -> None:
        outcome = ev.outcome_of(a)
        if outcome == ev.SHED and self.shed_at is None:
            self.shed_at = t
        if self.twice is None and rid in self._executed and ev.attempt_of(a) == self._executed[rid][1]:
            if outcome <= ev.FALLBACK:
                del self._executed[rid]  # its caller knows: it will not be sent again
            else:
                self._seen[rid] = outcome

    def _effect(self, t: int, rid: int, attempt: int, effect: int) -> None:
        if self.twice is not None:
            return
        if effect == ev.APPLIED:
            self._executed[rid] = (t, attempt)
        elif effect == ev.DUPLICATE and rid in self._executed:
            first_at, first_attempt = self._executed[rid]
            self.twice = DuplicateExecution(rid, first_at, first_attempt, self._seen.get(rid, -1), t, attempt)
            self._executed.clear()
            self._seen.clear()

    def peak(self) -> Peak | None:
        """Where most attempts were made; None when none was."""
        bins = self._bins
        index = max(range(BINS), key=lambda i: bins.sent[i])
        if not bins.sent[index]:
            return None
        per_second = 1e9 / bins.width
        return Peak(
            index * bins.width,
            bins.width,
            bins.sent[index],
            bins.sent[index] * per_second,
            bins.arrivals[index] * per_second,
        )
