"""How much traffic there is: the usual rate, the highest, and what arrives at a layer.

Owns the reading of the traffic section. Rates are per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from resilience_sim.lint.arithmetic import mean_time, mean_tries, most_attempts
from resilience_sim.lint.chance import mean_until
from resilience_sim.policies.config import RateLimiterConfig
from resilience_sim.scenario.plan import Plan

SECOND = 1e9


@dataclass(frozen=True, slots=True)
class Traffic:
    """``usual``: average over the run; ``peak``: highest, spikes included. Both of all client instances together."""

    usual: float
    peak: float


def traffic(plan: Plan) -> Traffic:
    """The traffic of a plan."""
    found = plan.traffic
    if found.loop == "trace":
        span = (found.trace[-1] - found.trace[0]) / SECOND if len(found.trace) > 1 else 0.0
        rate = (len(found.trace) - 1) / span if span else 0.0
        return Traffic(rate, rate)
    if found.loop == "closed":
        cycle = (mean_until(found.think) + mean_time(plan)) / SECOND
        rate = found.users / cycle if 0 < cycle < inf else 0.0
        return Traffic(rate, rate)
    phases = found.phases
    weights = [phase.duration or found.duration or 1 for phase in phases]
    means = [(phase.rate + phase.to) / 2 for phase in phases]
    usual = sum(w * m for w, m in zip(weights, means, strict=True)) / sum(weights) if phases else 0.0
    spike = max([fault.factor for fault in plan.faults if fault.kind == "spike"], default=1.0)
    return Traffic(usual, spike * max((max(phase.rate, phase.to) for phase in phases), default=0.0))


def at_layer(plan: Plan, index: int, failing: bool = False) -> float:
    """Calls per second that reach a layer of one client instance; ``failing``: while every attempt fails."""
    rate = traffic(plan).usual / plan.client.instances
    for position in range(index):
        config = plan.stack[position]
        if isinstance(config, RateLimiterConfig):
            rate = min(rate, config.count * SECOND / config.per)
        rate *= most_attempts(plan.stack, position, position + 1) if failing else mean_tries(plan, position)
    return rate


def capacity(plan: Plan) -> float:
    """Attempts per second that B can work on; ``inf`` when its workers are not limited."""
    work = mean_until(plan.service.latency) / SECOND
    return plan.service.workers * plan.service.replicas / work if plan.service.workers and work else inf


def least_capacity(plan: Plan) -> float:
    """The same at the worst moment of the faults that slow B down."""
    least = capacity(plan)
    for fault in plan.faults:
        if fault.kind == "brownout" and plan.service.workers:
            kept = max(1, int(plan.service.workers * fault.workers)) / plan.service.workers
            least = min(least, capacity(plan) * kept / fault.slower)
        elif fault.kind == "cold_cache":
            least = min(least, capacity(plan) / fault.slower)
    return least
