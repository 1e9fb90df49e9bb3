"""What a library's breaker may have been set to, from the settings of its rules.

Owns the inverse of rules/native_breakers.py as guesses, the likeliest first. Refuses to say which one is right
(write_like.py reads each again).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from resilience_sim.policies.config_like import LikeBreakerConfig
from resilience_sim.policies.config_outliers import OutlierConfig
from resilience_sim.policies.rules.native import Settings
from resilience_sim.policies.rules.native_breakers import PARAMS, R4J_STATES, S
from resilience_sim.scenario.undo import undo


def proposals(policy: LikeBreakerConfig) -> Iterable[Settings]:
    """Parameters under the library's own names that may give these settings."""
    known = _GUESSES.get(policy.like)
    return known(policy) if known else ()


def outliers(policy: OutlierConfig) -> Iterator[Settings]:
    """Envoy's outlier detection; its enforcing shares are percentages there."""
    found: Settings = {}
    for param in PARAMS["envoy"]:
        value = getattr(policy, param.name)
        found[param.name] = _percent(value) if param.name.startswith("enforcing") else value
    yield found


def _percent(share: float) -> float:
    return undo(share, lambda percent: percent / 100, share * 100)


def _resilience4j(p: LikeBreakerConfig) -> Iterator[Settings]:
    states = {state: name for name, state in R4J_STATES.items()}
    yield {
        "slidingWindowType": "TIME_BASED" if p.window == "grid" else "COUNT_BASED",
        "slidingWindowSize": p.window_time // S if p.window == "grid" else p.window_calls,
        "minimumNumberOfCalls": max(p.min_calls, p.probe_min),
        "failureRateThreshold": _percent(p.failure_share),
        "slowCallRateThreshold": _percent(p.slow_share),
        "slowCallDurationThreshold": p.slow_call,
        "waitDurationInOpenState": p.open_for,
        "enableExponentialBackoff": p.growth == "exponential",
        "exponentialBackoffMultiplier": p.open_factor,
        "exponentialMaxWaitDurationInOpenState": p.open_max,
        "permittedNumberOfCallsInHalfOpenState": p.probes,
        "maxWaitDurationInHalfOpenState": p.half_open_for,
        "transitionToStateAfterWaitDuration": states[p.half_open_to],
        "automaticTransitionFromOpenToHalfOpenEnabled": p.automatic,
        "initialState": states[p.initial],
    }


def _polly(p: LikeBreakerConfig) -> Iterator[Settings]:
    yield {
        "FailureRatio": p.failure_share,
        "MinimumThroughput": p.min_calls,
        "SamplingDuration": p.window_time,
        "BreakDuration": p.open_for,
        "BreakDurationGenerator": p.open_expression,
    }


def _gobreaker(p: LikeBreakerConfig) -> Iterator[Settings]:
    yield {
        "MaxRequests": p.probes,
        "Interval": 0 if p.window == "forever" else p.window_time,
        "BucketPeriod": p.window_time // p.slices if p.window == "rolling" else 0,
        "Timeout": p.open_for,
        "ReadyToTrip": p.trip,
    }


def _dapr(p: LikeBreakerConfig) -> Iterator[Settings]:
    interval = 0 if p.window == "forever" else p.window_time
    yield {"maxRequests": p.probes, "interval": interval, "timeout": p.open_for, "trip": p.trip}


def _failsafe_go(p: LikeBreakerConfig) -> Iterator[Settings]:
    opens: list[Settings] = [
        {"FailureThreshold": p.failures},
        {"FailureThresholdRatio": {"threshold": p.failures, "capacity": p.out_of}},
        {"FailureThresholdPeriod": {"threshold": p.failures, "period": p.window_time}},
        {},
    ]
    rate: Settings = {
        "FailureRateThreshold": {"rate": p.failure_share, "executions": p.min_calls, "period": p.window_time}
    }
    closes: list[Settings] = [
        {"SuccessThreshold": p.successes},
        {"SuccessThresholdRatio": {"threshold": p.successes, "capacity": p.probe_ring}},
        {},
    ]
    for first in opens:
        for second in ({}, rate):
            for third in closes:
                yield {
                    **first,
                    **second,
                    "FailureExecutionThreshold": p.min_calls,
                    **third,
                    "Delay": p.open_for,
                }


def _pybreaker(p: LikeBreakerConfig) -> Iterator[Settings]:
    yield {"fail_max": p.consecutive, "reset_timeout": p.open_for, "success_threshold": p.successes}


def _hyx(p: LikeBreakerConfig) -> Iterator[Settings]:
    yield {"failure_threshold": p.consecutive, "recovery_time_secs": p.open_for, "recovery_threshold": p.successes}


def _hystrix(p: LikeBreakerConfig) -> Iterator[Settings]:
    yield {
        "requestVolumeThreshold": p.min_calls,
        "errorThresholdPercentage": _percent(p.failure_share),
        "sleepWindowInMilliseconds": p.open_for,
        "rollingStatsTimeInMilliseconds": p.window_time,
    }


def _finagle(p: LikeBreakerConfig) -> Iterator[Settings]:
    share = p.failure_share
    yield {
        "consecutiveFailures": p.consecutive,
        "requiredSuccessRate": undo(share, lambda rate: 1.0 - rate, 1.0 - share) if share else 0.0,
        "window": p.window_time,
        "minRequestThreshold": p.min_calls,
        "markDeadFor": p.open_for,
        "markDeadForMax": p.open_max,
    }
    yield {"consecutiveFailures": p.consecutive, "requiredSuccessRate": 1.0, "window": p.window_time,
           "minRequestThreshold": p.min_calls, "markDeadFor": p.open_for, "markDeadForMax": p.open_max}  # fmt: skip


_GUESSES: dict[str, Callable[[LikeBreakerConfig], Iterator[Settings]]] = {
    "resilience4j": _resilience4j, "polly": _polly, "gobreaker": _gobreaker, "dapr": _dapr,
    "failsafe-go": _failsafe_go, "pybreaker": _pybreaker, "hyx": _hyx, "hystrix": _hystrix, "finagle": _finagle,
}  # fmt: skip
