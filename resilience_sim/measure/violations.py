"""The first instant at which an expectation was violated, where there is one: what only grows and must not."""

from __future__ import annotations

from collections.abc import Sequence

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    APPLIED,
    ARRIVE,
    BREAKER,
    CRASH,
    DONE,
    DUPLICATE,
    EFFECT,
    FALLBACK,
    OPEN,
    REJECTED,
    RETRY_DENIED,
    SUCCESS,
    effect_of,
    effects_of,
    new_state,
    outcome_of,
)
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.run_fold import window
from resilience_sim.settings.plan import Expectation, Plan

OF_REQUESTS = ("late", "failed", "succeeded", "duplicates", "orphans", "denied_by_budget", "rejected")
OF_INSTANTS = ("opened", "crashes")
LATENCIES = ("max", "max_success")
UPPER = ("<", "<=", "==")


class Watched:
    """One expectation: its scope, the count so far, and when that first went beyond the limit (ns, -1: not yet)."""

    __slots__ = ("at", "count", "end", "expectation", "first", "last", "limit", "metric", "start", "strict")

    def __init__(self, expectation: Expectation, scope: tuple[int, int], limit: float) -> None:
        self.expectation = expectation
        self.metric = expectation.metric
        self.start, self.end = scope
        self.limit = limit
        self.strict = expectation.op == "<"
        self.first = (
            -1
        )  # requests from ``first`` on, up to but without ``last``, arrived in the scope; -1: not yet known
        self.last = -1
        self.count = 0.0
        self.at = -1

    def holds(self, rid: int) -> bool:
        """Whether the request arrived in the scope."""
        return 0 <= self.first <= rid and (self.last < 0 or rid < self.last)

    def add(self, t: int, count: float) -> None:
        """Something more was counted."""
        self.count += count
        self.note(t, self.count)

    def note(self, t: int, value: float) -> None:
        """A value that the metric has at least."""
        if self.at < 0 and (value >= self.limit if self.strict else value > self.limit):
            self.at = t


def _watched(plan: Plan, expectation: Expectation) -> Watched | None:
    scope = window(plan, expectation.scope)
    name, op, limit = expectation.metric, expectation.op, expectation.limit
    if expectation.scope.variant or expectation.scope.place or scope is None:
        return None
    if name in (*OF_REQUESTS, *OF_INSTANTS, *LATENCIES):
        return Watched(expectation, scope, limit) if op in UPPER else None
    if name == "availability" and (limit == 1.0 and op in (">=", "==")):
        return Watched(expectation, scope, 0.0)  # of requests that were not available
    if name == "availability" and limit == 0.0 and op in ("<=", "=="):
        return Watched(expectation, scope, 0.0)  # of those that were
    return None


class ViolationFold(Fold):
    """Attach it to a single run. ``needed`` is false where no expectation of the plan can have such an instant."""

    __slots__ = ("_arrivals", "_deadline", "_watched", "needed")

    def __init__(self, plan: Plan) -> None:
        found = [_watched(plan, expectation) for expectation in plan.expect]
        self._watched: list[Watched] = [each for each in found if each is not None]
        self._deadline = plan.traffic.deadline or 1 << 62
        self._arrivals = 0
        self.needed = bool(self._watched)

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        if kind == ARRIVE:
            for each in self._watched:
                if each.first < 0 and t >= each.start:
                    each.first = int(rid)
                if each.last < 0 and t >= each.end:
                    each.last = int(rid)
        elif kind == DONE:
            self._done(int(t), int(rid), int(outcome_of(a)), int(effects_of(a)), int(b))
        elif kind == EFFECT:
            effect = effect_of(a)
            if effect == DUPLICATE:
                self._count("duplicates", t, rid, 1)
            if b and effect in (APPLIED, DUPLICATE):
                self._count("orphans", t, rid, 1)
        elif kind == REJECTED:
            self._count("rejected", t, rid, 1)
        elif kind == RETRY_DENIED:
            self._count("denied_by_budget", t, rid, 1)
        elif kind == CRASH:
            self._instant("crashes", t)
        elif kind == BREAKER and new_state(a) == OPEN:
            self._instant("opened", t)

    def _done(self, t: int, rid: int, outcome: int, effects: int, latency: int) -> None:
        in_time = outcome == SUCCESS and latency <= self._deadline
        for each in self._watched:
            if not each.holds(rid):
                continue
            name = each.metric
            if name == "availability":
                each.add(t, float(in_time == (each.expectation.limit == 0.0)))
            elif name == "late":
                each.add(t, float(outcome == SUCCESS and not in_time))
            elif name == "succeeded":
                each.add(t, float(in_time))
            elif name == "failed":
                each.add(t, float(outcome > FALLBACK))
            elif name == "orphans":
                each.add(t, float(effects if outcome > FALLBACK else 0))
            elif name == "max" or (name == "max_success" and outcome == SUCCESS):
                each.note(t, latency / 1e9)

    def _count(self, name: str, t: int, rid: int, count: int) -> None:
        for each in self._watched:
            if each.metric == name and each.holds(rid):
                each.add(t, float(count))

    def _instant(self, name: str, t: int) -> None:
        for each in self._watched:
            if each.metric == name and each.start <= t < each.end:
                each.add(t, 1.0)

    def instants(self) -> dict[Expectation, int]:
        """The first violation of each expectation that has one, in virtual ns."""
        return {each.expectation: each.at for each in self._watched if each.at >= 0}


def overdue(plan: Plan, expectations: Sequence[Expectation]) -> dict[Expectation, int]:
    """When a recovery or detection had taken longer than it may: the end, or start, of its fault and the limit."""
    found: dict[Expectation, int] = {}
    for each in expectations:
        if (
            each.metric in ("recovery", "detection")
            and each.op in ("<", "<=")
            and not each.scope.variant
            and not each.scope.place
        ):
            fault = next((fault for fault in plan.faults if fault.id == each.scope.ref), None)
            if fault is not None:
                start = fault.at + (fault.duration if each.metric == "recovery" else 0)
                found[each] = start + round(each.limit * 1e9)
    return found
