"""Estimates from a plan before it runs: how long it will take, what B can do, how fast to show it.

Only the picture depends on them, never what is simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from resilience_sim.kernel.format import SECOND
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig

WATCH_SECONDS = 20.0  # how long a run takes to watch at the default speed


def mean_latency(latency: Latency) -> float:
    """The mean of a distribution, in ns; 0 where it has none."""
    a, b = latency.a, latency.b
    if latency.kind in ("constant", "exponential"):
        return a
    if latency.kind == "uniform":
        return (a + b) / 2
    if latency.kind == "lognormal":
        return exp(a + b * b / 2)
    if latency.kind == "gamma":
        return a * b
    if latency.kind == "pareto":
        return a * b / (b - 1) if b > 1 else 0.0
    if latency.kind == "empirical" and latency.values:
        return sum(latency.values) / len(latency.values)
    return 0.0


def workers(plan: Plan) -> int:
    """How many requests B works on at once, all replicas together; 0: unlimited."""
    return plan.service.workers * max(1, plan.service.replicas)


def capacity(plan: Plan) -> float:
    """How many attempts per second a healthy B can serve; 0: no limit is known."""
    if plan.several:  # its workers may wait for others
        return 0.0
    mean = mean_latency(plan.service.latency)
    return workers(plan) * SECOND / mean if mean > 0 else 0.0


def traffic_end(plan: Plan) -> int:
    """About when the last request arrives, in ns; 0 where the plan does not say."""
    traffic = plan.traffic
    if traffic.loop == "trace":
        times = traffic.trace[: traffic.requests] if traffic.requests else traffic.trace
        end = times[-1] if times else 0
    elif traffic.loop == "closed":
        cycle = (
            mean_latency(traffic.think) + mean_latency(plan.service.latency) + 2 * mean_latency(plan.service.network)
        )
        end = round(traffic.requests / max(1, traffic.users) * cycle) if traffic.requests else 0
    else:
        end = _open_end(plan)
    if traffic.duration:
        end = min(end, traffic.duration) if end else traffic.duration
    return end


def arrivals_over(plan: Plan, arrived: int, clock: int) -> bool:
    """Whether no more requests come, once ``arrived`` have until ``clock``."""
    traffic = plan.traffic
    if (traffic.requests and arrived >= traffic.requests) or (traffic.duration and clock >= traffic.duration):
        return True
    if traffic.loop == "trace":
        return arrived >= len(traffic.trace)
    phases = traffic.phases
    return bool(phases) and all(phase.duration for phase in phases) and clock >= sum(each.duration for each in phases)


def _open_end(plan: Plan) -> int:
    """When an open loop ends: after its phases, or earlier when its number of requests is reached."""
    wanted = plan.traffic.requests
    seen = 0.0
    t = 0
    for phase in plan.traffic.phases:
        mean_rate = (phase.rate + phase.to) / 2
        if wanted and mean_rate > 0:
            left = (wanted - seen) / mean_rate
            if not phase.duration or left <= phase.duration / SECOND:
                return t + round(left * SECOND)
            seen += mean_rate * phase.duration / SECOND
        t += phase.duration
    return t


def horizon(plan: Plan) -> int:
    """About how long the run takes, in ns: the right edge of the time axis until the run proves otherwise."""
    end = traffic_end(plan)
    if not end:
        end = max((fault.at + fault.duration for fault in plan.faults), default=0) or 60 * SECOND
    return max(end, SECOND // 1000)


def most_attempts(plan: Plan) -> int:
    """How many attempts one request can make at most; 0 where the plan does not say."""
    return 0 if plan.actions else most_tries(plan.stack)


def most_tries(stack: Sequence[PolicyConfig]) -> int:
    """How many attempts can leave a stack for one call; 0: nobody can say."""
    most = 1
    for policy in stack:
        if policy.kind == "retry":
            most *= int(getattr(policy, "attempts", 0))
        elif policy.kind == "hedge":
            most *= 1 + int(getattr(policy, "max_extra", 0))
        elif policy.kind in ("plugin", "code"):
            return 0
    return most


def nice(value: float) -> float:
    """The nearest of 1, 1.5, 2, 3, 5, 7 times a power of ten: speeds people can say."""
    best = 1.0
    for power in range(-6, 10):
        for digit in (1.0, 1.5, 2.0, 3.0, 5.0, 7.0):
            candidate = digit * 10.0**power
            if abs(candidate - value) * best < abs(best - value) * candidate:
                best = candidate
    return best


def default_speed(*plans: Plan) -> float:
    """Virtual seconds per wall second at which the longest of the plans takes about twenty seconds to watch."""
    return nice(max(horizon(plan) for plan in plans) / SECOND / WATCH_SECONDS)
