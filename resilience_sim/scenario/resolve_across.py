"""Checks that need the whole plan.

Owns what no section can see alone: users who would call endlessly at one instant. Refuses advice (that is linting).
"""

from __future__ import annotations

from resilience_sim.scenario import codes
from resilience_sim.scenario.check import Findings
from resilience_sim.scenario.plan import Plan
from resilience_sim.world.config import Latency

INSTANT_POLICIES = ("circuit_breaker", "bulkhead", "rate_limiter", "throttle")


def across(plan: Plan, findings: Findings) -> None:
    """All of them."""
    traffic = plan.traffic
    if traffic.loop == "closed" and not traffic.requests and _always_zero(traffic.think):
        why = _answers_at_once(plan)
        if why:
            findings.error(
                ("traffic", "users"),
                codes.CONFLICT,
                f"users who never think would call endlessly at one instant: {why}",
                "add `think: 1s`, or `requests: 1000`",
                key=True,
                rests_on=(
                    ("traffic", "requests"),
                    ("traffic", "think"),
                    ("service", "latency"),
                    ("service", "network"),
                ),
            )


def _always_zero(times: Latency) -> bool:
    if times.kind == "empirical":
        return not times.values or times.values[-1] == 0
    return times.kind in ("constant", "uniform") and times.a == 0 and times.b == 0


def _answers_at_once(plan: Plan) -> str:
    """Why a call may end at the instant at which it began; "" when it cannot."""
    if _always_zero(plan.service.latency) and _always_zero(plan.service.network):
        return "B answers in no time"
    policy = next((each.id for each in plan.stack if each.kind in INSTANT_POLICIES), "")
    if policy:
        return f"`{policy}` may refuse at once"
    fault = next((each.id for each in plan.faults if each.kind == "outage" and each.how == "refuse"), "")
    if fault:
        return f"during `{fault}` B refuses at once"
    limited = plan.service.queue >= 0 or any(each.kind in ("rate_limit", "crash_replica") for each in plan.faults)
    if limited and _always_zero(plan.service.network):
        return "B may refuse at once"
    return "a client without free threads refuses at once" if plan.client.threads else ""
