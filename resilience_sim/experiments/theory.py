"""What arithmetic alone says of a cliff, to be held against what the runs have found.

Three arguments: attempts times load against B's capacity, threads by Little's law, and the waiting time of M/M/c. Each
holds under conditions that are checked here; where they are not met it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log

from resilience_sim.kernel import format as fmt
from resilience_sim.lint.arithmetic import capacity, mean_time, traffic
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.metrics import percentile_of
from resilience_sim.settings.plan import Expectation, Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.retry import RetryConfig

AGREES = 0.08  # relative: as near as finite runs come to a limit that holds for endless ones
SCALES = ("load", "slower")  # axes on which the rate, or B's capacity, is divided by a factor


@dataclass(frozen=True, slots=True)
class Cliff:
    """``factor``: of today's value at which ``because`` becomes true."""

    factor: float
    because: str


def cliffs(plan: Plan, axis: str, until: tuple[Expectation, ...] = ()) -> list[Cliff]:
    """What theory has to say of an axis; a factor of today's value each."""
    return list(_cliffs(plan, axis, until)) if axis in SCALES else []


def agreeing(found: list[Cliff], factor: float) -> Cliff | None:
    """The argument that is nearest to what was found, if it is near."""
    nearest = min(found, key=lambda cliff: abs(log(cliff.factor / factor)), default=None)
    if nearest is None or abs(nearest.factor / factor - 1) > AGREES:
        return None
    return nearest


def _cliffs(plan: Plan, axis: str, until: tuple[Expectation, ...]) -> Iterator[Cliff]:
    if plan.traffic.loop != "open" or plan.service.per_concurrent or plan.several:
        return
    rate, places = traffic(plan).peak, capacity(plan)
    if rate <= 0:
        return
    if places < float("inf") and not _capped(plan):
        attempts, words = worst_attempts(plan.stack)
        alone = (1.0, "")
        for number, said in [(attempts, f"{words} x "), alone] if attempts > 1 else [alone]:
            factor = places / number / rate
            if axis == "load":
                yield Cliff(factor, f"{said}{fmt.rate(places / number)} = B's {fmt.rate(places)}")
            else:
                served = f"B's {fmt.rate(places / factor)} at {fmt.factor(factor)} its latency"
                yield Cliff(factor, f"{said}{fmt.rate(rate)} = {served}")
        yield from _waiting(plan, axis, rate, until)
    if plan.client.threads and axis == "load":
        held = mean_time(plan) / 1e9
        threads = plan.client.threads * plan.client.instances
        if 0 < held < float("inf"):
            at = threads / held
            words = f"{fmt.rate(at)} x {fmt.seconds(held)} = {threads} threads (Little's law)"
            yield Cliff(at / rate, words)


def _capped(plan: Plan) -> bool:
    """Whether something lets only so much through to B: what breaks then need not be B's capacity."""
    threads = plan.client.threads * plan.client.instances
    few = 0 < threads < plan.service.workers * plan.service.replicas
    return few or any(config.kind in ("rate_limiter", "bulkhead", "throttle") for config in plan.stack)


def worst_attempts(stack: tuple[PolicyConfig, ...]) -> tuple[float, str]:
    """Attempts that one request costs when every attempt fails, as far as budgets let it; and in words."""
    number, parts = 1.0, []
    for config in stack:
        if isinstance(config, RetryConfig) and config.attempts > 1:
            budget = config.budget
            if budget is None:
                number *= config.attempts
                parts.append(f"{config.attempts} attempts")
            elif budget.scheme == "ratio":
                number *= min(config.attempts, 1 + budget.ratio)
                parts.append(f"{fmt.digits(min(config.attempts, 1 + budget.ratio))} attempts (budget)")
            else:
                return 1.0, ""
        elif isinstance(config, HedgeConfig) and config.max_extra:
            number *= 1 + config.max_extra
            parts.append(f"{1 + config.max_extra} hedges")
        elif config.kind in ("retry", "hedge", "throttle"):
            return 1.0, ""
    return number, " x ".join(parts)


def _waiting(plan: Plan, axis: str, rate: float, until: tuple[Expectation, ...]) -> Iterator[Cliff]:
    """M/M/c: where a percentile, or the mean, of the time in B's system reaches its limit."""
    service = plan.service
    plain = (
        service.latency.kind == "exponential"
        and service.network.is_zero
        and service.queue < 0
        and service.replicas == 1
        and service.discipline == "fifo"
        and not service.failure_rate
        and plan.traffic.arrivals == "poisson"
        and not plan.stack
        and not plan.faults
    )
    if not plain or axis != "load":
        return
    work = service.latency.a / 1e9
    for each in until:
        if each.op in ("<", "<=") and each.scope.whole:
            percent = percentile_of(each.metric)
            if percent is not None or each.metric == "mean":
                at = _reaches(each.limit, percent, service.workers, work)
                if at is not None:
                    yield Cliff(
                        at / rate,
                        f"M/M/{service.workers}: {each.metric} is {fmt.seconds(each.limit)} at {fmt.rate(at)}",
                    )


def _reaches(limit: float, percent: float | None, workers: int, work: float) -> float | None:
    """The arrival rate at which the mean, or a percentile, of the sojourn time is ``limit`` s."""
    low, high = 0.0, workers / work

    def above(rate: float) -> bool:
        if percent is None:
            return work + erlang_c(workers, rate * work) / (workers / work - rate) > limit
        return sojourn_longer(limit, workers, rate, work) > 1 - percent / 100

    if above(1e-9 * high):
        return None
    for _ in range(80):
        middle = (low + high) / 2
        if above(middle):
            high = middle
        else:
            low = middle
    return low


def erlang_c(workers: int, load: float) -> float:
    """Chance to wait in M/M/c with an offered load in Erlangs (Gross and Harris, Fundamentals of Queueing Theory, 2.4).

    By Erlang B's recursion, which does not overflow.
    """
    blocked = 1.0
    for n in range(1, workers + 1):
        blocked = load * blocked / (n + load * blocked)
    used = load / workers
    return blocked / (1 - used + used * blocked) if used < 1 else 1.0


def sojourn_longer(t: float, workers: int, rate: float, work: float) -> float:
    """P(T > t) of the time in an M/M/c system, first come first served (Gross and Harris, 2.4)."""
    served, spare = 1 / work, workers / work - rate
    waits = erlang_c(workers, rate * work)
    if abs(spare - served) < 1e-9 * served:
        return exp(-served * t) * (1 + waits * served * t)
    return exp(-served * t) + waits * served / (spare - served) * (exp(-served * t) - exp(-spare * t))
