"""Of several services: what those see of a run who know of one only."""

from __future__ import annotations

from collections.abc import Collection

from mypy_extensions import i64

from resilience_sim.kernel.events import CALL, Component
from resilience_sim.kernel.sink import Fold
from resilience_sim.settings.plan import Plan


def inner_sources(plan: Plan, components: Collection[Component]) -> frozenset[int]:
    """The components behind the first service: all other services, and the links between services."""
    if not plan.several:
        return frozenset()
    entry = plan.service.name
    return frozenset(
        each.id for each in components if each.link or (each.node != entry and each.kind in ("service", "replica"))
    )


class OuterEvents(Fold):
    """Passes on what Service A, the first service and the faults do, and nothing from behind."""

    __slots__ = ("_fold", "_inner")

    def __init__(self, fold: Fold, inner: frozenset[int]) -> None:
        self._fold = fold
        self._inner = inner

    def leave_out(self, inner: frozenset[int]) -> None:
        """There are more components now: those of ``inner`` are behind."""
        self._inner = inner

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        if kind < CALL and int(source) not in self._inner:
            self._fold.on_event(t, kind, source, rid, a, b)


def seen_by(fold: Fold, plan: Plan, components: Collection[Component]) -> Fold:
    """``fold``, or something before it that leaves out what it does not know of."""
    inner = inner_sources(plan, components)
    return OuterEvents(fold, inner) if plan.several and not fold.sees_services() else fold
