"""Where the user's own client comes from, which takes the place of the stack. Code is never in a scenario."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from resilience_sim.settings.policy import PolicyConfig

if TYPE_CHECKING:
    from resilience_sim.settings.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCodeConfig(PolicyConfig):
    """``target``: ``module:callable``; or a name that this process knows a callable by."""

    kind: ClassVar[str] = "code"
    target: str = ""


def own_code_of(plan: Plan) -> OwnCodeConfig | None:
    """The user's code that is the client of a plan, if it is."""
    return next((policy for policy in plan.stack if isinstance(policy, OwnCodeConfig)), None)


def with_own_code(plan: Plan, target: str) -> Plan:
    """The plan with ``module:callable`` in the place of its stack."""
    name = target.rpartition(":")[2].rpartition(".")[2]
    return replace(plan, stack=(OwnCodeConfig(name, target=target),))
