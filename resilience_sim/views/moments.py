"""Instants and counts that an explanation names (why.py): first crash, first duplicate, highest load, who ended what.

Memory is that of the requests in flight.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.facts import horizon
from resilience_sim.views.live.state import BINS, Bins
from resilience_sim.views.services_moments import ServicesMoments


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
    """The stretch whose requests made the most attempts, whenever they made them: its start and length (ns)."""

    at: int
    length: int
    requests: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Level:
    """The share of the requests that arrived from ``start`` to ``end`` (ns) and succeeded in time."""

    start: int
    end: int
    share: float


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


class Meanwhile:
    """What became of the requests that came while a fault was on.

    ``came`` counts them, ``over`` those of them that have their outcome, ``good`` those that succeeded in time;
    ``next``: when (ns) the first one after it came, None: not yet. ``good_after``: how many of those that came after
    it succeeded in time.
    """

    __slots__ = ("_after", "_first", "_last", "came", "good", "good_after", "next", "on", "over")

    def __init__(self) -> None:
        self._first = self._last = self._after = -1  # requests
        self.came = 0
        self.over = 0
        self.good = 0
        self.good_after = 0
        self.next: int | None = None
        self.on = True

    def arrive(self, t: int, rid: int) -> None:
        if self.on:
            self._first = rid if self._first < 0 else self._first
            self._last = rid
            self.came += 1
        elif self.next is None:
            self.next = t
            self._after = rid

    def end(self, rid: int, in_time: bool) -> None:
        if self._first <= rid <= self._last:
            self.over += 1
            self.good += in_time
        elif 0 <= self._after <= rid:
            self.good_after += in_time


_B = -1  # in place of the source of a policy
_NOBODY = (_B, ev.SUCCESS)


class MomentsFold(Fold):
    """Attach it to a single run that is to be explained. Instants are ns, None where it never happened.

    ``failed_by_b``: failed requests whose last outcome was a failure of B; ``refused_by_b``: those that found it down;
    ``turned_down``: those that found Service A itself down.
    ``arrivals_since_fault``: requests that arrived since a fault last began or ended. ``hedges`` and ``hedges_won``
    count requests, ``repeated`` those that B executed more than once while their caller waited.
    """

    __slots__ = (
        "_after", "_bins", "_came", "_components", "_deadline", "_ended", "_executed", "_executions", "_faults",
        "_given_up", "_hedged", "_last", "_longer", "_seen", "_won", "_works", "acted_at", "actions",
        "arrivals_since_fault", "crashed_at", "crashed_with", "denied_at", "exhausted_at", "failed_at", "failed_by_b",
        "first_arrival", "hedges", "hedges_won", "last_arrival", "meanwhile", "refused_by_b", "repeated", "services",
        "shed_at", "turned_down", "twice",
    )  # fmt: skip

    def __init__(self, plan: Plan, components: Sequence[ev.Component]) -> None:
        self._components = {component.id: component for component in components}
        self.services = ServicesMoments(plan, components) if plan.several else None
        self._last: dict[int, tuple[int, int]] = {}  # by request in flight: who gave it its last outcome, and which
        self._came: dict[int, int] = {}  # by request in flight: when it arrived
        self._given_up: dict[tuple[int, int], int] = {}  # failed requests by outcome and attempts
        self._executions: dict[int, int] = {}  # by request in flight: how often B did its work
        self._deadline = plan.traffic.deadline or 1 << 62
        self.acted_at: list[int] = []  # instants at which settings were changed
        self._hedged: set[int] = set()  # requests in flight
        self._won: set[int] = set()  # requests in flight
        self._ended: dict[tuple[int, int], int] = {}  # failed requests by the policy that ended them, and outcome
        self._after: dict[int, int] = {}  # by timeout, ns
        self._works = 0  # pieces of work that B finished while no fault was active, once a timeout had struck
        self._longer: dict[int, int] = {}  # those of them longer than that timeout
        self._faults = 0
        self.meanwhile: dict[int, Meanwhile] = {}  # by fault
        self.failed_by_b = 0
        self.refused_by_b = 0
        self.turned_down = 0
        self.repeated = 0
        self.actions = 0
        self.first_arrival = -1
        self.last_arrival = -1
        self.arrivals_since_fault = 0
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

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if self.services is not None:
            self.services.take(t, kind, source, rid, a, b)
            if kind >= ev.CALL or self.services.graph.behind(source):
                return
        if kind == ev.ARRIVE:
            while not self._bins.fits(t):
                self._bins.double()
            self._bins.arrivals[t // self._bins.width] += 1
            self._last[rid] = _NOBODY
            self._came[rid] = t
            if self.first_arrival < 0:
                self.first_arrival = t
            self.last_arrival = t
            self.arrivals_since_fault += 1
            for fault in self.meanwhile.values():
                fault.arrive(t, rid)
        elif kind == ev.SENT:
            if rid in self._came:
                self._bins.sent[self._came[rid] // self._bins.width] += 1
        elif kind == ev.RESULT:
            self._result(t, rid, a)
        elif kind in (ev.REJECTED, ev.TIMED_OUT):
            if rid in self._last:
                self._last[rid] = (source, a if kind == ev.REJECTED else ev.TIMEOUT)
            if kind == ev.TIMED_OUT:
                self._after[source] = a
        elif kind == ev.END:
            if rid in self._came and ev.outcome_of(a) in (ev.SUCCESS, ev.LOST):
                self._executions[rid] = self._executions.get(rid, 0) + 1
                self.repeated += self._executions[rid] == 2
            if self._after and not self._faults:
                self._works += 1
                for timeout, after in self._after.items():
                    self._longer[timeout] = self._longer.get(timeout, 0) + (b > after)
        elif kind == ev.EFFECT:
            self._effect(t, rid, ev.attempt_of(a), ev.effect_of(a))
        elif kind == ev.DONE:
            outcome = ev.outcome_of(a)
            by, last = self._last.pop(rid, _NOBODY)
            came = self._came.pop(rid, None)
            if came is not None:
                in_time = outcome == ev.SUCCESS and b <= self._deadline
                (self._bins.good if in_time else self._bins.bad)[came // self._bins.width] += 1
                for fault in self.meanwhile.values():
                    fault.end(rid, in_time)
            self._executions.pop(rid, None)
            self._hedged.discard(rid)
            self._won.discard(rid)
            if outcome > ev.FALLBACK:
                if self.failed_at is None:
                    self.failed_at = t
                key = (outcome, ev.attempts_of(a))
                self._given_up[key] = self._given_up.get(key, 0) + 1
                if last == outcome and by == _B:
                    if outcome == ev.REFUSED:
                        self.refused_by_b += 1
                    elif outcome != ev.CLIENT_ERROR:
                        self.failed_by_b += 1
                elif outcome == ev.REFUSED and (by, last) == _NOBODY and not ev.attempts_of(a):
                    self.turned_down += 1
                elif last == outcome:
                    self._ended[by, outcome] = self._ended.get((by, outcome), 0) + 1
            if outcome == ev.EXHAUSTED and self.exhausted_at is None:
                self.exhausted_at = t
        elif kind == ev.CRASH and self.crashed_at is None:
            self.crashed_at, self.crashed_with = t, a
        elif kind == ev.RETRY_DENIED and self.denied_at is None:
            self.denied_at = t
        elif kind == ev.ACTION:
            self.actions += 1
            if not self.acted_at or self.acted_at[-1] < t:
                self.acted_at.append(t)
        elif kind == ev.HEDGE:
            if rid in self._came and rid not in self._hedged:
                self._hedged.add(rid)
                self.hedges += 1
        elif kind == ev.HEDGE_WON:
            if a > 1 and rid in self._came and rid not in self._won:
                self._won.add(rid)
                self.hedges_won += 1
        elif kind == ev.FAULT_ON:
            self._faults += 1
            self.meanwhile[a] = Meanwhile()
            self.arrivals_since_fault = 0
        elif kind == ev.FAULT_OFF:
            self._faults -= 1
            if a in self.meanwhile:
                self.meanwhile[a].on = False
            self.arrivals_since_fault = 0

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

    def failed_after(self, attempts: int, outcomes: Collection[int]) -> tuple[int, int]:
        """Requests that failed with one of the outcomes after the given number of attempts, and after more."""
        found = [(made, n) for (outcome, made), n in self._given_up.items() if outcome in outcomes and made >= attempts]
        return sum(n for made, n in found if made == attempts), sum(n for made, n in found if made > attempts)

    def level(self, start: int, end: int) -> Level | None:
        """What share of the requests of the last fifth of a stretch (ns) succeeded in time; None without any."""
        bins = self._bins
        first, stop = -(-(end - (end - start) // 5) // bins.width), end // bins.width
        good = sum(bins.good[first:stop])
        total = good + sum(bins.bad[first:stop])
        return Level(first * bins.width, stop * bins.width, good / total) if total else None

    def peak(self) -> Peak | None:
        """The requests that made most attempts; None when none was made."""
        bins = self._bins
        index = max(range(BINS), key=lambda i: bins.sent[i])
        if not bins.sent[index]:
            return None
        return Peak(index * bins.width, bins.width, bins.arrivals[index], bins.sent[index])
