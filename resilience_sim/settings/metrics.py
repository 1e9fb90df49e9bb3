"""The table of metrics: names, units, meanings, and which direction is better; measure/readings.py computes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience_sim.settings.plan import Plan


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing to ask of a run.

    ``unit``: ``ratio`` (0..1), ``seconds``, ``count``, ``factor`` (of one) or ``per_second``.
    ``better``: +1 higher is better, -1 lower is better, 0 neither: a fact about the run, not its quality.
    ``needs``: what has to be counted for it beyond arrivals and outcomes (measure/run_fold.py, NEEDED_KINDS).
    """

    name: str
    unit: str
    better: int
    meaning: str
    needs: str = ""


METRICS: tuple[Metric, ...] = (
    Metric("availability", "ratio", +1, "requests that succeeded in time, of all"),
    Metric("goodput", "per_second", +1, "requests that succeeded in time, per second"),
    Metric("succeeded", "count", +1, "requests that succeeded in time"),
    Metric("late", "count", -1, "requests that succeeded after the deadline"),
    Metric("failed", "count", -1, "requests that failed or never got an answer"),
    # Failing fast is no merit: only the latency of successes is better or worse.
    Metric("mean", "seconds", 0, "mean latency of the requests that got an outcome", "latencies"),
    Metric("p50", "seconds", 0, "median latency, failures included", "latencies"),
    Metric("p90", "seconds", 0, "latency that 90% of the requests do not exceed", "latencies"),
    Metric("p95", "seconds", 0, "latency that 95% of the requests do not exceed", "latencies"),
    Metric("p99", "seconds", 0, "latency that 99% of the requests do not exceed", "latencies"),
    Metric("p99.9", "seconds", 0, "latency that 99.9% of the requests do not exceed", "latencies"),
    Metric("max", "seconds", 0, "highest latency", "latencies"),
    Metric("mean_success", "seconds", -1, "mean latency of the requests that succeeded", "latencies"),
    Metric("p50_success", "seconds", -1, "median latency of the requests that succeeded", "latencies"),
    Metric("p90_success", "seconds", -1, "latency that 90% of the successes do not exceed", "latencies"),
    Metric("p95_success", "seconds", -1, "latency that 95% of the successes do not exceed", "latencies"),
    Metric("p99_success", "seconds", -1, "latency that 99% of the successes do not exceed", "latencies"),
    Metric("p99.9_success", "seconds", -1, "latency that 99.9% of the successes do not exceed", "latencies"),
    Metric("max_success", "seconds", -1, "highest latency of the requests that succeeded", "latencies"),
    Metric("amplification", "factor", -1, "attempts that reached B, per request", "received"),
    Metric("attempts_per_request", "factor", -1, "attempts made, per request", "sent"),
    Metric("denied_by_budget", "count", 0, "retries that a budget denied", "denied"),
    Metric(
        "rejected",
        "count",
        0,
        "calls turned away by a breaker, bulkhead, limiter or throttle of the client",
        "rejected",
    ),
    Metric("wasted_work", "ratio", -1, "share of B's busy time spent on attempts whose caller had given up", "work"),
    Metric("utilization", "ratio", 0, "share of B's worker time that was busy", "work"),
    Metric("duplicates", "count", -1, "effects that happened a second time or more", "effects"),
    Metric("orphans", "count", -1, "effects of requests that were reported as failed", "effects"),
    Metric("detection", "seconds", -1, "from the start of a fault to the first opening of a breaker", "breakers"),
    Metric(
        "recovery",
        "seconds",
        -1,
        "from the end of a fault until availability is back within a point, to stay",
        "availability",
    ),
    Metric("opened", "count", 0, "times a breaker opened", "breakers"),
    Metric("open_time", "seconds", 0, "time that breakers were open, all together", "breakers"),
    Metric("threads_peak", "count", -1, "most threads held at once by one client instance", "threads"),
    Metric("crashes", "count", -1, "times a client instance crashed", "crashes"),
    Metric("collapse_probability", "ratio", -1, "share of runs that had collapsed by their end", "availability"),
)

# Asked of a service or a link among several, and of nothing else.
OF_PLACES: tuple[Metric, ...] = (
    Metric("queue_peak", "count", -1, "most attempts that waited at once for a worker of the service"),
    Metric("expired", "count", -1, "attempts whose work was not begun, for the deadline they were told had passed"),
    Metric("calls", "count", 0, "calls that entered the stack of the link"),
)
OF_SERVICES: tuple[str, ...] = (
    "amplification", "availability", "mean", "max", "utilization", "queue_peak", "wasted_work", "expired",
    "duplicates", "orphans",
)  # fmt: skip
OF_LINKS: tuple[str, ...] = ("calls", "attempts_per_request", "opened", "open_time", "rejected", "denied_by_budget")

_BY_NAME = {metric.name: metric for metric in (*METRICS, *OF_PLACES)}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,6})?)\Z")
OF_SUCCESSES = "_success"


@lru_cache(maxsize=1024)
def percentile_of(name: str) -> float | None:
    """``p99.9`` is 99.9, and so is ``p99.9_success``; None for a name that is no percentile between p0 and p100
    (both excluded).

    >>> percentile_of("p99.9"), percentile_of("p99_success"), percentile_of("p100"), percentile_of("max")
    (99.9, 99.0, None, None)
    """
    match = _PERCENTILE.match(name.removesuffix(OF_SUCCESSES))
    if match is None:
        return None
    percent = float(match[1])
    return percent if percent > 0 else None


def least_values(percent: float) -> int:
    """How many values a percentile needs to be another than the highest.

    >>> least_values(50.0), least_values(99.0), least_values(99.9)
    (2, 100, 1000)
    """
    return ceil(round(100 / (100 - percent), 6))


def metric(name: str) -> Metric | None:
    """The metric of that name, any percentile included; None when there is none."""
    known = _BY_NAME.get(name)
    if known is None and percentile_of(name) is not None:
        good = name.endswith(OF_SUCCESSES)
        whose = "successes" if good else "requests"
        meaning = f"latency that {name.removesuffix(OF_SUCCESSES)[1:]}% of the {whose} do not exceed"
        return Metric(name, "seconds", -1 if good else 0, meaning, "latencies")
    return known


def metrics_of(plan: Plan, wanted: Sequence[str] | None = None) -> tuple[Metric, ...]:
    """What a run of the plan reads: the table, and what percentiles its expectations name beyond it; or ``wanted``."""
    if wanted is not None:
        return tuple(found for name in dict.fromkeys(wanted) if (found := metric(name)) is not None)
    extra = {e.metric for e in plan.expect if not e.scope.place} - _BY_NAME.keys()
    return METRICS + tuple(found for name in sorted(extra) if (found := metric(name)) is not None)
