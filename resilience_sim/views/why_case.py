"""What the rules behind "Why" look at: one run.

Owns that bundle and its small questions. Refuses to conclude anything (why_damage.py, why_policies.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resilience_sim.policies.config import PolicyConfig
from resilience_sim.scenario.plan import Plan
from resilience_sim.views import format as fmt
from resilience_sim.views.moments import MomentsFold


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at: one run."""

    plan: Plan
    run: dict[str, Any]
    moments: MomentsFold | None = None

    def policies(self, kind: type[PolicyConfig]) -> list[Any]:
        """The policies of a kind, by whosever rules, outermost first."""
        return [policy for policy in self.plan.stack if policy.kind == kind.kind]

    def outcome(self, name: str) -> int:
        """Requests that ended in an outcome."""
        return int(self.run["requests"]["by_outcome"].get(name, 0))


def at(ns: int | None) -> str:
    """``at 31.4s``, or nothing when the instant is not known."""
    return "" if ns is None else f" at {fmt.instant(ns)}"
