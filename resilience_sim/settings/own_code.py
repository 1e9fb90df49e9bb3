"""Where the user's own client comes from, which takes the place of the stack. Code is never in a scenario."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.policy import PolicyConfig

if TYPE_CHECKING:
    from resilience_sim.settings.plan import Plan


SERVED = "resim serve"  # in place of a target: whoever calls a service that is served, from outside this process
CLIENTS = "clients"  # and what that is called


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCodeConfig(PolicyConfig):
    """``target``: ``module:callable``; a name that this process knows a callable by; or ``SERVED``."""

    kind: ClassVar[str] = "code"
    target: str = ""


def own_code_of(plan: Plan) -> OwnCodeConfig | None:
    """The user's code that is the client of a plan, if it is."""
    return next((policy for policy in plan.stack if isinstance(policy, OwnCodeConfig)), None)


def is_served(plan: Plan) -> bool:
    """Whether its clients are outside of this process."""
    code = own_code_of(plan)
    return code is not None and code.target == SERVED


def with_own_code(plan: Plan, target: str) -> Plan:
    """The plan with ``module:callable`` in the place of its stack; ``SERVED``: of its client and its traffic, too."""
    if target == SERVED:
        traffic = replace(plan.traffic, loop="open", phases=(), users=0, trace=(), requests=0, duration=0)
        return replace(plan, stack=(OwnCodeConfig(CLIENTS, target=SERVED),), client=ClientConfig(), traffic=traffic)
    name = target.rpartition(":")[2].rpartition(".")[2]
    return replace(plan, stack=(OwnCodeConfig(name, target=target),))
