"""The result of one run: small, frozen, picklable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resilience_sim.settings.plan import Scope


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of one run, in base units (seconds, 0..1 shares, counts, per second).

    ``value`` None: no data. ``bound`` then may say what is certain: not seen yet, so at least this much (a recovery
    that had not happened 34 s after the fault has the bound 34.0).
    """

    value: float | None
    bound: float | None = None


NO_READING = Reading(None)


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run: the RUN of the result document, and every metric as a reading.

    ``document``: the RUN object of ``resim.result/1``, times in seconds, floats not yet rounded.
    ``metrics``: over the whole run, by metric name. ``scoped``: the same for each scope that the plan's expectations
    name, by :func:`scope_key`; a scope that the plan cannot have (no such fault) has no data for any metric.
    ``partial``: only some metrics were asked for; then ``scoped`` is empty and ``document`` says little.
    """

    seed: int
    digest: str
    document: dict[str, Any]
    metrics: dict[str, Reading]
    scoped: dict[str, dict[str, Reading]]
    partial: bool = False
    notes: tuple[str, ...] = ()  # what is odd about the user's own code, where that is the client

    def at(self, scope: Scope) -> dict[str, Reading]:
        """The readings of a scope, as far as there are any."""
        return self.metrics if scope.whole else self.scoped.get(scope_key(scope.kind, scope.ref, scope.place), {})


def scope_key(kind: str, ref: str, place: str = "") -> str:
    """The key of a scope in ``RunResult.scoped``: ``"before main"``, ``"phase 2"``, ``"all "``, ``"all @shop>db"``."""
    return f"{kind} {ref}@{place}" if place else f"{kind} {ref}"
