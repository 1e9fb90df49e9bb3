"""The libraries' breaker parameters under their own names, with their defaults, made into settings of the rules.

Owns the tables and, per library, the few lines that say what its parameters mean together. Refuses the rules
(rules/library_breakers.py). Times are nanoseconds already, percentages plain numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience_sim.kernel.events import CLOSED, HALF_OPEN, OPEN
from resilience_sim.policies.config_like import DISABLED, FORCED_OPEN, METRICS_ONLY, LikeBreakerConfig
from resilience_sim.policies.config_outliers import OutlierConfig
from resilience_sim.policies.rules.library_breakers import BREAKERS
from resilience_sim.policies.rules.native import (
    COUNT,
    FLAG,
    MAPPING,
    NUMBER,
    PERCENT,
    SHARE,
    TEXT,
    TIME,
    NativeError,
    Param,
    Settings,
    filled,
)

S = 1_000_000_000
R4J_STATES = {
    "CLOSED": CLOSED, "OPEN": OPEN, "HALF_OPEN": HALF_OPEN, "FORCED_OPEN": FORCED_OPEN, "DISABLED": DISABLED,
    "METRICS_ONLY": METRICS_ONLY,
}  # fmt: skip
POLLY_SLICES = 10
POLLY_LEAST = 200_000_000  # sampling below this is one window
_OF = (("threshold", COUNT), ("capacity", COUNT))

PARAMS: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("slidingWindowType", TEXT, "COUNT_BASED", words=("COUNT_BASED", "TIME_BASED")),
        Param("slidingWindowSize", COUNT, 100, "window", least=1),
        Param("slidingWindowSynchronizationStrategy", TEXT, "SYNCHRONIZED", words=("SYNCHRONIZED", "LOCK_FREE")),
        Param("minimumNumberOfCalls", COUNT, 100, "min_calls", least=1),
        Param("failureRateThreshold", PERCENT, 50.0, "failure_threshold"),
        Param("slowCallRateThreshold", PERCENT, 100.0, "slow_threshold"),
        Param("slowCallDurationThreshold", TIME, 60 * S, "slow_call"),
        Param("waitDurationInOpenState", TIME, 60 * S, "recovery_time"),
        Param("enableExponentialBackoff", FLAG, False),
        Param("exponentialBackoffMultiplier", NUMBER, 1.5, "backoff", least=1),
        Param("exponentialMaxWaitDurationInOpenState", TIME, 0),
        Param("permittedNumberOfCallsInHalfOpenState", COUNT, 10, "probes", least=1),
        Param("maxWaitDurationInHalfOpenState", TIME, 0),
        Param("transitionToStateAfterWaitDuration", TEXT, "OPEN", words=("OPEN", "CLOSED")),
        Param("automaticTransitionFromOpenToHalfOpenEnabled", FLAG, False),
        Param("initialState", TEXT, "CLOSED", words=tuple(R4J_STATES)),
    ),
    "polly": (
        Param("FailureRatio", SHARE, 0.1, "failure_threshold"),
        Param("MinimumThroughput", COUNT, 100, "min_calls", least=2),
        Param("SamplingDuration", TIME, 30 * S, "window"),
        Param("BreakDuration", TIME, 5 * S, "recovery_time"),
        Param("BreakDurationGenerator", TEXT, ""),
    ),
    "gobreaker": (
        Param("MaxRequests", COUNT, 1, "probes"),
        Param("Interval", TIME, 0, "window"),
        Param("BucketPeriod", TIME, 0),
        Param("Timeout", TIME, 60 * S, "recovery_time"),
        Param("ReadyToTrip", TEXT, "ConsecutiveFailures > 5", "failure_threshold"),
    ),
    "failsafe-go": (
        Param("FailureThreshold", COUNT, 0, "failure_threshold"),
        Param("FailureThresholdRatio", MAPPING, None, keys=_OF),
        Param("FailureThresholdPeriod", MAPPING, None, keys=(("threshold", COUNT), ("period", TIME))),
        Param("FailureRateThreshold", MAPPING, None, keys=(("rate", SHARE), ("executions", COUNT), ("period", TIME))),
        Param("FailureExecutionThreshold", COUNT, 0, "min_calls"),
        Param("SuccessThreshold", COUNT, 0, "success_threshold"),
        Param("SuccessThresholdRatio", MAPPING, None, keys=_OF),
        Param("Delay", TIME, 60 * S, "recovery_time"),
    ),
    "pybreaker": (
        Param("fail_max", COUNT, 5, "failure_threshold"),
        Param("reset_timeout", TIME, 60 * S, "recovery_time", unit=S),
        Param("success_threshold", COUNT, 1, "success_threshold"),
        Param("throw_new_error_on_trip", FLAG, True),
    ),
    "hyx": (
        Param("failure_threshold", COUNT, 5, "failure_threshold"),
        Param("recovery_time_secs", TIME, 30 * S, "recovery_time", unit=S),
        Param("recovery_threshold", COUNT, 3, "success_threshold"),
    ),
    "hystrix": (
        Param("requestVolumeThreshold", COUNT, 20, "min_calls"),
        Param("errorThresholdPercentage", PERCENT, 50.0, "failure_threshold"),
        Param("sleepWindowInMilliseconds", TIME, 5 * S, "recovery_time", unit=S // 1000),
        Param("rollingStatsTimeInMilliseconds", TIME, 10 * S, "window", unit=S // 1000),
    ),
    "finagle": (
        Param("consecutiveFailures", COUNT, 5, "failure_threshold"),
        Param("requiredSuccessRate", SHARE, 0.8),
        Param("window", TIME, 30 * S, "window"),
        Param("minRequestThreshold", COUNT, 5, "min_calls"),
        Param("markDeadFor", TIME, 5 * S, "recovery_time"),
        Param("markDeadForMax", TIME, 300 * S),
    ),
    # outlier detection; its "circuit breakers" are concurrency caps: bulkhead, like: envoy
    "envoy": (
        Param("consecutive_5xx", COUNT, 5, "failure_threshold", least=1),
        Param("consecutive_gateway_failure", COUNT, 5, least=1),
        Param("enforcing_consecutive_5xx", PERCENT, 100.0),
        Param("enforcing_consecutive_gateway_failure", PERCENT, 0.0),
        Param("interval", TIME, 10 * S),
        Param("base_ejection_time", TIME, 30 * S, "recovery_time"),
        Param("max_ejection_time", TIME, 300 * S),
        Param("max_ejection_percent", PERCENT, 10.0),
        Param("always_eject_one_host", FLAG, False),
        Param("enforcing_success_rate", PERCENT, 100.0),
        Param("success_rate_minimum_hosts", COUNT, 5),
        Param("success_rate_request_volume", COUNT, 100),
        Param("success_rate_stdev_factor", COUNT, 1900),
        Param("enforcing_failure_percentage", PERCENT, 0.0),
        Param("failure_percentage_threshold", PERCENT, 85.0),
        Param("failure_percentage_minimum_hosts", COUNT, 5),
        Param("failure_percentage_request_volume", COUNT, 50),
        Param("healthy_panic_threshold", PERCENT, 50.0),
    ),
    "dapr": (
        Param("maxRequests", COUNT, 1, "probes"),
        Param("interval", TIME, 0, "window"),
        Param("timeout", TIME, 60 * S, "recovery_time"),
        Param("trip", TEXT, "consecutiveFailures > 5", "failure_threshold"),
    ),
}


def _resilience4j(p: Settings) -> Settings:
    by_time = p["slidingWindowType"] == "TIME_BASED"
    size, least = p["slidingWindowSize"], p["minimumNumberOfCalls"]
    probes = p["permittedNumberOfCallsInHalfOpenState"]
    growing = p["enableExponentialBackoff"]
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
        "growth": "exponential" if growing else "constant",
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


_MEANINGS: dict[str, Callable[[Settings], Settings]] = {
    "resilience4j": _resilience4j, "polly": _polly, "gobreaker": _gobreaker, "failsafe-go": _failsafe_go,
    "pybreaker": _pybreaker, "hyx": _hyx, "hystrix": _hystrix, "finagle": _finagle, "dapr": _dapr,
}  # fmt: skip


def outliers_like(given: Settings, ident: str = "") -> OutlierConfig:
    """Envoy's outlier detection."""
    p = filled(PARAMS["envoy"], given)
    if not p["interval"] or not p["base_ejection_time"]:
        raise NativeError("interval" if not p["interval"] else "base_ejection_time", "it must be longer than nothing")
    shares = {name: value / 100 for name, value in p.items() if name.startswith("enforcing")}
    return OutlierConfig(id=ident, **{**p, **shares})


def breaker_like(library: str, given: Settings, ident: str = "", ignore: tuple[int, ...] = ()) -> LikeBreakerConfig:
    """The settings of a breaker that follows ``library``, from parameters under its own names."""
    if library not in _MEANINGS:
        raise NativeError("like", f"{library} has no circuit breaker", "there are " + ", ".join(_MEANINGS))
    settings: dict[str, Any] = _MEANINGS[library](filled(PARAMS[library], given))
    return LikeBreakerConfig(id=ident, rules=BREAKERS[library], ignore=ignore, **settings)
