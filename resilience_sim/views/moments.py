"""Instants and counts that an explanation names (why.py): first crash, first duplicate, highest load, who ended what.

Memory is that of the requests in flight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.settings.plan import Plan
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


@dataclass(frozen=True, slots=True)
class Ended:
    """Failed requests that a policy itself ended, and with which outcome: a rejection of its own, or TIMEOUT.

    Of a timeout: ``after`` ns, and whether B's work alone mostly took longer while no fault was active.
    """

    name: str
    kind: str
    outcome: int
    requests: int
    after: int = 0
    shorter_than_work: bool = False


_B = -1  # in place of the source of a policy
_NOBODY = (_B, ev.SUCCESS)


class MomentsFold(Fold):
    """Attach it to a single run that is to be explained. Instants are ns, None where it never happened.

    ``failed_by_b``: failed requests whose last outcome was B's answer.
    """

    __slots__ = (
        "_after", "_bins", "_components", "_ended", "_executed", "_faults", "_last", "_longer", "_seen", "_works",
        "crashed_at", "crashed_with", "denied_at", "exhausted_at", "failed_at", "failed_by_b", "hedges", "hedges_won",
        "shed_at", "twice",
    )  # fmt: skip

    def __init__(self, plan: Plan, components: Sequence[ev.Component]) -> None:
        self._components = {component.id: component for component in components}
        self._last: dict[int, tuple[int, int]] = {}  # by request in flight: who gave it its last outcome, and which
        self._ended: dict[tuple[int, int], int] = {}  # failed requests by the policy that ended them, and outcome
        self._after: dict[int, int] = {}  # by timeout, ns
        self._works = 0  # pieces of work that B finished while no fault was active, once a timeout had struck
        self._longer: dict[int, int] = {}  # those of them longer than that timeout
        self._faults = 0
        self.failed_by_b = 0
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
        if kind in (ev.ARRIVE, ev.SENT):
            while not self._bins.fits(t):
                self._bins.double()
            counts = self._bins.arrivals if kind == ev.ARRIVE else self._bins.sent
            counts[t // self._bins.width] += 1
            if kind == ev.ARRIVE:
                self._last[rid] = _NOBODY
        elif kind == ev.RESULT:
            self._result(t, rid, a)
        elif kind in (ev.REJECTED, ev.TIMED_OUT):
            if rid in self._last:
                self._last[rid] = (source, a if kind == ev.REJECTED else ev.TIMEOUT)
            if kind == ev.TIMED_OUT:
                self._after[source] = a
        elif kind == ev.END:
            if self._after and not self._faults:
                self._works += 1
                for timeout, after in self._after.items():
                    self._longer[timeout] = self._longer.get(timeout, 0) + (b > after)
        elif kind == ev.EFFECT:
            self._effect(t, rid, ev.attempt_of(a), ev.effect_of(a))
        elif kind == ev.DONE:
            outcome = ev.outcome_of(a)
            by, last = self._last.pop(rid, _NOBODY)
            if outcome > ev.FALLBACK:
                if self.failed_at is None:
                    self.failed_at = t
                if last == outcome and by == _B:
                    self.failed_by_b += 1
                elif last == outcome:
                    self._ended[by, outcome] = self._ended.get((by, outcome), 0) + 1
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
        elif kind == ev.FAULT_ON:
            self._faults += 1
        elif kind == ev.FAULT_OFF:
            self._faults -= 1

    def _result(self, t: int, rid: int, a: int) -> None:
        outcome = ev.outcome_of(a)
        if outcome not in (ev.TIMEOUT, ev.CANCELLED, ev.CRASHED) and rid in self._last:
            self._last[rid] = (_B, outcome)
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

    def ended_by_policy(self) -> list[Ended]:
        """The policies that ended requests themselves; those of all client instances together."""
        found: dict[tuple[str, int], Ended] = {}
        for (source, outcome), requests in self._ended.items():
            component = self._components.get(source)
            if component is not None:
                before = found.get((component.name, outcome))
                together = requests + (before.requests if before is not None else 0)
                longer = 2 * self._longer.get(source, 0) > self._works
                after = self._after.get(source, 0)
                found[component.name, outcome] = Ended(component.name, component.kind, outcome, together, after, longer)
        return list(found.values())

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
