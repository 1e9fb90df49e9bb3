"""Circuit breakers under the rules of known libraries (Envoy's outlier detection is outliers.py).

Per library: the rules that no parameter changes, its parameters and defaults, and what they mean together. How our own
parameters are said in its terms is breaker_terms.py. Sources: the libraries' own code at the versions named, run or
read (docs/reference/library-rules.md); docs/libraries.md is made from these tables.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

from resilience_sim.kernel.events import CLIENT_ERROR, CLOSED, HALF_OPEN, OPEN
from resilience_sim.settings.breaker import (
    COUNTERS,
    DISABLED,
    FORCED_OPEN,
    METRICS_ONLY,
    OPEN_TIME_ARGUMENTS,
    BreakerRules,
    LikeBreakerConfig,
)
from resilience_sim.settings.cockatiel import PARAMS as COCKATIEL_PARAMS
from resilience_sim.settings.cockatiel import RULES as COCKATIEL
from resilience_sim.settings.cockatiel import cockatiel
from resilience_sim.settings.library_types import (
    FRACTION,
    MILLISECONDS,
    PERCENT,
    SECONDS,
    Expression,
    LibraryNumber,
    Nest,
    count,
)
from resilience_sim.settings.opossum import PARAMS as OPOSSUM_PARAMS
from resilience_sim.settings.opossum import RULES as OPOSSUM
from resilience_sim.settings.opossum import opossum
from resilience_sim.settings.outliers import OUTLIER_PARAMS
from resilience_sim.settings.retry import WaitConfig
from resilience_sim.settings.semian import PARAMS as SEMIAN_PARAMS
from resilience_sim.settings.semian import RULES as SEMIAN
from resilience_sim.settings.semian import semian
from resilience_sim.settings.table import LibraryError, Param, Settings, with_defaults
from resilience_sim.settings.types import DURATION, FAILURES, FLAG, LONGER_THAN_ZERO, Choice
from resilience_sim.settings.units import show_duration

S = 1_000_000_000
MOST_SLICES = 100_000  # of a window of time; each of them is kept
R4J_STATES = {
    "CLOSED": CLOSED, "OPEN": OPEN, "HALF_OPEN": HALF_OPEN, "FORCED_OPEN": FORCED_OPEN, "DISABLED": DISABLED,
    "METRICS_ONLY": METRICS_ONLY,
}  # fmt: skip
POLLY_SLICES = 10
POLLY_LEAST = 200_000_000  # sampling below this is one window


_R4J_FRESH = (CLOSED, HALF_OPEN, FORCED_OPEN, DISABLED, METRICS_ONLY)
_R4J_ILLEGAL = ((CLOSED, HALF_OPEN), (METRICS_ONLY, OPEN), (METRICS_ONLY, HALF_OPEN))
_EVERY_STATE = (CLOSED, OPEN, HALF_OPEN)

ROWS: tuple[BreakerRules, ...] = (
    # CircuitBreakerStateMachine.java, CircuitBreakerMetrics.java
    BreakerRules(
        "resilience4j", "3.0 development (af9e7c9)", judged_on="every", leaves_open="after", admits="total",
        verdict="sample", late="current", open_counts=True, ignored="released", cancelled="released", fresh=_R4J_FRESH,
        probes_apart=True, rounding="single", illegal=_R4J_ILLEGAL, on=(*FAILURES, CLIENT_ERROR),
    ),
    # CircuitStateController.cs, AdvancedCircuitBehavior.cs
    BreakerRules(
        "polly", "8.7 development (173d6d1)", judged_on="failure", leaves_open="at", admits="total", verdict="first",
        late="current", open_counts=True, ignored="success", cancelled="success", fresh=(CLOSED,),
    ),
    # v2/gobreaker.go, v2/counter.go
    BreakerRules(
        "gobreaker", "2.4.0-1 (fed8e9e)", judged_on="failure", leaves_open="after", leaves_on="touch", admits="total",
        verdict="run", late="dropped", ignored="released", cancelled="failure", fresh=_EVERY_STATE,
    ),
    # circuitbreaker/circuitstates.go, circuitstats.go
    BreakerRules(
        "failsafe-go", "0.9.7 (5759a5e)", judged_on="every", leaves_open="at", admits="concurrent", verdict="balance",
        late="current", open_counts=True, ignored="success", cancelled="failure", fresh=(CLOSED, HALF_OPEN),
        probes_apart=True, rounding="cents", manual="changed",
    ),
    # pybreaker/__init__.py
    BreakerRules(
        "pybreaker", "1.4.1", judged_on="failure", leaves_open="at", admits="all", verdict="run", late="admitting",
        ignored="success", cancelled="failure", fresh=(CLOSED,),
    ),
    # hyx/circuitbreaker/states.py; the decorator, which leaves unlisted exceptions alone
    BreakerRules(
        "hyx", "0.0.2 (06ef7d3)", judged_on="failure", leaves_open="at", admits="all", verdict="run", late="current",
        ignored="nothing", cancelled="nothing", fresh=(CLOSED,),
    ),
    # HystrixCircuitBreaker.java (HystrixCircuitBreakerImpl), HealthCountsStream.java
    BreakerRules(
        "hystrix", "1.5 (stored source)", judged_on="tick", leaves_open="after", admits="total", verdict="first",
        late="current", ignored="nothing", cancelled="reopens", fresh=(CLOSED,), rounding="percent",
    ),
    # FailureAccrualFactory.scala, FailureAccrualPolicy.scala
    BreakerRules(
        "finagle", "4feb34c", judged_on="failure", leaves_open="at", admits="concurrent", verdict="run",
        late="current", ignored="released", cancelled="released", fresh=(CLOSED,), strict=True,
    ),
    # core/circuit/breaker/CircuitBreaker.java, BitsetRollingWindow.java: MicroProfile Fault Tolerance
    BreakerRules(
        "smallrye", "7.0 development (5066307c)", judged_on="every", leaves_open="at", admits="total", verdict="run",
        late="dropped", ignored="success", cancelled="failure", fresh=_EVERY_STATE, on=(*FAILURES, CLIENT_ERROR),
    ),
    # pkg/resiliency/breaker/circuitbreaker.go around gobreaker 1: no exclusions, no slices; fails by any status but 2xx
    BreakerRules(
        "dapr", "d845074, around gobreaker 1", judged_on="failure", leaves_open="after", leaves_on="touch",
        admits="total", verdict="run", late="dropped", ignored="success", cancelled="failure", fresh=_EVERY_STATE,
        on=(*FAILURES, CLIENT_ERROR),
    ),
    OPOSSUM,
    COCKATIEL,
    SEMIAN,
)  # fmt: skip

BREAKERS: dict[str, BreakerRules] = {row.library: row for row in ROWS}

LIBRARIES: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("slidingWindowType", Choice("COUNT_BASED", "TIME_BASED"), "COUNT_BASED"),
        Param("slidingWindowSize", count(1), 100, same_as="window"),
        Param("slidingWindowSynchronizationStrategy", Choice("SYNCHRONIZED", "LOCK_FREE"), "SYNCHRONIZED"),
        Param("minimumNumberOfCalls", count(1), 100, same_as="min_calls"),
        Param("failureRateThreshold", PERCENT, 50.0, same_as="failure_threshold"),
        Param("slowCallRateThreshold", PERCENT, 100.0, same_as="slow_threshold"),
        Param("slowCallDurationThreshold", DURATION, "1m", same_as="slow_call"),
        Param("waitDurationInOpenState", DURATION, "1m", same_as="recovery_time"),
        Param("enableExponentialBackoff", FLAG, False),
        Param("exponentialBackoffMultiplier", LibraryNumber(1), 1.5, same_as="backoff"),
        Param("exponentialMaxWaitDurationInOpenState", DURATION, "0ms"),
        Param("enableRandomizedWait", FLAG, False),
        Param("randomizedWaitFactor", FRACTION, 0.5),
        Param("permittedNumberOfCallsInHalfOpenState", count(1), 10, same_as="probes"),
        Param("maxWaitDurationInHalfOpenState", DURATION, "0ms"),
        Param("transitionToStateAfterWaitDuration", Choice("OPEN", "CLOSED"), "OPEN"),
        Param("automaticTransitionFromOpenToHalfOpenEnabled", FLAG, False),
        Param(
            "initialState", Choice("CLOSED", "OPEN", "HALF_OPEN", "FORCED_OPEN", "DISABLED", "METRICS_ONLY"), "CLOSED"
        ),
    ),
    "polly": (
        Param("FailureRatio", FRACTION, 0.1, same_as="failure_threshold"),
        Param("MinimumThroughput", count(2), 100, same_as="min_calls"),
        Param("SamplingDuration", DURATION, "30s", same_as="window"),
        Param("BreakDuration", DURATION, "5s", same_as="recovery_time"),
        Param("BreakDurationGenerator", Expression(*OPEN_TIME_ARGUMENTS), ""),
    ),
    "gobreaker": (
        Param("MaxRequests", count(), 1, same_as="probes"),
        Param("Interval", DURATION, "0ms", same_as="window"),
        Param("BucketPeriod", DURATION, "0ms"),
        Param("Timeout", DURATION, "1m", same_as="recovery_time"),
        Param("ReadyToTrip", Expression(*COUNTERS), "ConsecutiveFailures > 5", same_as="failure_threshold"),
    ),
    "failsafe-go": (
        Param("FailureThreshold", count(), 0, same_as="failure_threshold"),
        Param("FailureThresholdRatio", Nest("FailureThresholdRatio", threshold=count(), capacity=count())),
        Param("FailureThresholdPeriod", Nest("FailureThresholdPeriod", threshold=count(), period=LONGER_THAN_ZERO)),
        Param(
            "FailureRateThreshold",
            Nest("FailureRateThreshold", rate=FRACTION, executions=count(), period=LONGER_THAN_ZERO),
        ),
        Param("FailureExecutionThreshold", count(), 0, same_as="min_calls"),
        Param("SuccessThreshold", count(), 0, same_as="success_threshold"),
        Param("SuccessThresholdRatio", Nest("SuccessThresholdRatio", threshold=count(), capacity=count())),
        Param("Delay", DURATION, "1m", same_as="recovery_time"),
    ),
    "pybreaker": (
        Param("fail_max", count(), 5, same_as="failure_threshold"),
        Param("reset_timeout", SECONDS, "1m", same_as="recovery_time"),
        Param("success_threshold", count(), 1, same_as="success_threshold"),
        Param("throw_new_error_on_trip", FLAG, True),
    ),
    "hyx": (
        Param("failure_threshold", count(), 5, same_as="failure_threshold"),
        Param("recovery_time_secs", SECONDS, "30s", same_as="recovery_time"),
        Param("recovery_threshold", count(), 3, same_as="success_threshold"),
    ),
    "hystrix": (
        Param("requestVolumeThreshold", count(), 20, same_as="min_calls"),
        Param("errorThresholdPercentage", PERCENT, 50.0, same_as="failure_threshold"),
        Param("sleepWindowInMilliseconds", MILLISECONDS, "5s", same_as="recovery_time"),
        Param("rollingStatsTimeInMilliseconds", MILLISECONDS, "10s", same_as="window"),
    ),
    "finagle": (
        Param("consecutiveFailures", count(), 5, same_as="failure_threshold"),
        Param("requiredSuccessRate", FRACTION, 0.8),
        Param("window", DURATION, "30s", same_as="window"),
        Param("minRequestThreshold", count(), 5, same_as="min_calls"),
        Param("markDeadFor", DURATION, "5s", same_as="recovery_time"),
        Param("markDeadForMax", DURATION, "5m"),
    ),
    "envoy": OUTLIER_PARAMS,
    "smallrye": (
        Param("requestVolumeThreshold", count(1), 20, same_as="window"),
        Param("failureRatio", FRACTION, 0.5, same_as="failure_threshold"),
        Param("delay", DURATION, "5s", same_as="recovery_time"),
        Param("successThreshold", count(1), 1, same_as="success_threshold"),
    ),
    "dapr": (
        Param("maxRequests", count(), 1, same_as="probes"),
        Param("interval", DURATION, "0ms", same_as="window"),
        Param("timeout", DURATION, "1m", same_as="recovery_time"),
        Param("trip", Expression(*COUNTERS), "consecutiveFailures > 5", same_as="failure_threshold"),
    ),
    "opossum": OPOSSUM_PARAMS,
    "cockatiel": COCKATIEL_PARAMS,
    "semian": SEMIAN_PARAMS,
}


def _resilience4j(p: Settings) -> Settings:
    by_time = p["slidingWindowType"] == "TIME_BASED"
    size, least = p["slidingWindowSize"], p["minimumNumberOfCalls"]
    probes = p["permittedNumberOfCallsInHalfOpenState"]
    growing = p["enableExponentialBackoff"]  # goes before chance: configureCircuitBreakerOpenStateIntervalFunction
    chance = WaitConfig("constant", float(p["waitDurationInOpenState"]), jitter="resilience4j",
                        spread=p["randomizedWaitFactor"], cut=True)  # fmt: skip
    spread = chance if p["enableRandomizedWait"] else None
    return {
        "window": "grid" if by_time else "ring",
        "window_calls": 0 if by_time else size,
        "window_time": size * S if by_time else 0,
        "slices": size if by_time else 1,
        "min_calls": least if by_time else min(least, size),
        "failure_share": p["failureRateThreshold"] / 100,
        "slow_call": p["slowCallDurationThreshold"],
        "slow_share": p["slowCallRateThreshold"] / 100,
        "open_for": p["waitDurationInOpenState"],
        "growth": "exponential" if growing else "waits" if spread else "constant",
        "open_wait": (spread,) if spread and not growing else (),
        "open_factor": p["exponentialBackoffMultiplier"] if growing else 1.0,
        "open_max": p["exponentialMaxWaitDurationInOpenState"],
        "automatic": p["automaticTransitionFromOpenToHalfOpenEnabled"],
        "probes": probes,
        "probe_ring": probes,
        "probe_min": min(least, probes),
        "half_open_for": p["maxWaitDurationInHalfOpenState"],
        "half_open_to": R4J_STATES[p["transitionToStateAfterWaitDuration"]],
        "initial": R4J_STATES[p["initialState"]],
    }


def _polly(p: Settings) -> Settings:
    sampling = p["SamplingDuration"]
    return {
        "window": "anchored" if sampling >= POLLY_LEAST else "single",
        "window_time": sampling,
        "slices": POLLY_SLICES,
        "min_calls": p["MinimumThroughput"],
        "failure_share": p["FailureRatio"],
        "open_for": p["BreakDuration"],
        "growth": "expression" if p["BreakDurationGenerator"] else "constant",
        "open_expression": str(p["BreakDurationGenerator"] or ""),
    }


def _gobreaker(p: Settings) -> Settings:
    interval, bucket, most = p["Interval"], p["BucketPeriod"], p["MaxRequests"] or 1
    slices = -(-interval // bucket) if interval > 0 and bucket > 0 else 1
    return {
        "window": "forever" if interval <= 0 else "rolling" if slices > 1 else "interval",
        "window_time": slices * bucket if interval > 0 and bucket > 0 else max(0, interval),
        "slices": slices,
        "trip": p["ReadyToTrip"],
        "open_for": p["Timeout"] if p["Timeout"] > 0 else 60 * S,
        "probes": most,
        "successes": most,
    }


def _dapr(p: Settings) -> Settings:
    return _gobreaker(
        {"MaxRequests": p["maxRequests"], "Interval": p["interval"], "BucketPeriod": 0, "Timeout": p["timeout"],
         "ReadyToTrip": p["trip"]}
    )  # fmt: skip


def _failsafe_go(p: Settings) -> Settings:
    count, of, least, period, rate = 1, 1, p["FailureExecutionThreshold"], 0, 0.0
    if p["FailureThreshold"]:
        count = of = p["FailureThreshold"]
    if p["FailureThresholdRatio"]:
        count, of = p["FailureThresholdRatio"]["threshold"], p["FailureThresholdRatio"]["capacity"]
    if p["FailureThresholdPeriod"]:
        count = of = p["FailureThresholdPeriod"]["threshold"]
        least, period = least or count, p["FailureThresholdPeriod"]["period"]
    if p["FailureRateThreshold"]:
        chosen = p["FailureRateThreshold"]
        rate, least, period = chosen["rate"], chosen["executions"], chosen["period"]
    wanted = of_so_many = p["SuccessThreshold"]
    if p["SuccessThresholdRatio"]:
        wanted, of_so_many = p["SuccessThresholdRatio"]["threshold"], p["SuccessThresholdRatio"]["capacity"]
    probes = of_so_many or least or of
    return {
        "window": "grid" if period else "ring",
        "window_calls": 0 if period else least or of,
        "window_time": period,
        "slices": 10,
        "ages_when_read": False,
        "min_calls": least,
        "failures": count,
        "out_of": of,
        "failure_share": rate,
        "open_for": p["Delay"],
        "probes": probes,
        "probe_ring": probes,
        "probe_min": 0,
        "successes": wanted,
    }


def _pybreaker(p: Settings) -> Settings:
    return {
        "consecutive": max(1, p["fail_max"]),
        "open_for": p["reset_timeout"],
        "successes": p["success_threshold"],
        "own_error": p["throw_new_error_on_trip"],
    }


def _hyx(p: Settings) -> Settings:
    return {
        "consecutive": max(1, p["failure_threshold"]),
        "open_for": p["recovery_time_secs"],
        "successes": p["recovery_threshold"],
    }


def _hystrix(p: Settings) -> Settings:
    span = p["rollingStatsTimeInMilliseconds"]
    return {
        "window": "grid",
        "window_time": span,
        "slices": max(1, span // (S // 2)),
        "min_calls": p["requestVolumeThreshold"],
        "failure_share": p["errorThresholdPercentage"] / 100,
        "open_for": p["sleepWindowInMilliseconds"],
    }


def _finagle(p: Settings) -> Settings:
    return {
        "window": "grid",
        "window_time": p["window"],
        "slices": 5,
        "min_calls": p["minRequestThreshold"],
        "consecutive": p["consecutiveFailures"],
        "failure_share": 1.0 - p["requiredSuccessRate"] if p["requiredSuccessRate"] else 0.0,
        "open_for": p["markDeadFor"],
        "growth": "jittered",
        "open_max": p["markDeadForMax"],
        "automatic": True,
    }


def _smallrye(p: Settings) -> Settings:
    calls, needed = p["requestVolumeThreshold"], ceil(p["failureRatio"] * p["requestVolumeThreshold"])
    if not needed:
        remedy = "write a ratio above 0"
        raise LibraryError("failureRatio", f"0 opens it after any {calls} calls, whatever came of them", remedy)
    return {
        "window": "ring",
        "window_calls": calls,
        "min_calls": calls,
        "failure_share": needed / calls,
        "open_for": p["delay"],
        "automatic": True,
        "probes": p["successThreshold"],
        "successes": p["successThreshold"],
    }


_MEANINGS: dict[str, Callable[[Settings], Settings]] = {
    "resilience4j": _resilience4j, "polly": _polly, "gobreaker": _gobreaker, "failsafe-go": _failsafe_go,
    "pybreaker": _pybreaker, "hyx": _hyx, "hystrix": _hystrix, "finagle": _finagle, "dapr": _dapr,
    "smallrye": _smallrye, "opossum": opossum, "cockatiel": cockatiel, "semian": semian,
}  # fmt: skip


def emulate_breaker(
    library: str, given: Settings, ident: str = "", ignore: tuple[int, ...] = (), on: tuple[int, ...] | None = None
) -> LikeBreakerConfig:
    """The settings of a breaker that follows ``library``, from parameters under its own names."""
    if library not in _MEANINGS:
        raise LibraryError("like", f"{library} has no circuit breaker", "there are " + ", ".join(_MEANINGS))
    settings: dict[str, Any] = _MEANINGS[library](with_defaults(LIBRARIES[library], given))
    slices, span = settings.get("slices", 1), settings.get("window_time", 0)
    if settings.get("window") in {"grid", "anchored", "rolling"} and not slices <= min(MOST_SLICES, span):
        name = next((param.name for param in LIBRARIES[library] if param.same_as == "window"), "like")
        remedy = f"the {slices:,} slices it is made of hold at least 1ns each, and are at most {MOST_SLICES:,}"
        raise LibraryError(name, f"a window of {show_duration(span)} cannot be counted", remedy)
    rules = BREAKERS[library]
    return LikeBreakerConfig(id=ident, rules=rules, ignore=ignore, on=rules.on if on is None else on, **settings)
