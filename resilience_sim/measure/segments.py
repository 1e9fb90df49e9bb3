"""When a scope begins and ends.

Owns the instants at which a run is cut so that every scope is a whole number of parts. Refuses to count anything.
"""

from __future__ import annotations

from typing import Final

from resilience_sim.scenario.plan import Plan, Scope

FOREVER: Final = 1 << 62


def window(plan: Plan, scope: Scope) -> tuple[int, int] | None:
    """Arrivals with ``from <= t < to`` (ns) belong to the scope; None when the plan has no such fault or phase.

    The last phase has no end: what happens while the run drains still belongs to it.
    """
    if scope.kind == "all":
        return 0, FOREVER
    if scope.kind == "phase":
        return _phase(plan, scope.ref)
    for fault in plan.faults:
        if fault.id == scope.ref:
            if scope.kind == "before":
                return 0, fault.at
            end = fault.at + fault.duration
            return (fault.at, end) if scope.kind == "during" else (end, FOREVER)
    return None


def _phase(plan: Plan, ref: str) -> tuple[int, int] | None:
    phases = plan.traffic.phases
    if not ref.isdigit() or not 1 <= int(ref) <= len(phases):
        return None
    number = int(ref)
    start = sum(phase.duration for phase in phases[: number - 1])
    return start, FOREVER if number == len(phases) else start + phases[number - 1].duration


def cuts(plan: Plan) -> list[int]:
    """Every instant at which a scope of the plan's expectations begins or ends; ascending, without 0 and for ever."""
    instants: set[int] = set()
    for expectation in plan.expect:
        limits = window(plan, expectation.scope)
        if limits is not None:
            instants.update(limits)
    return sorted(instants - {0, FOREVER})
