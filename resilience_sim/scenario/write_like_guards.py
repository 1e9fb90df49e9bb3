"""What a library's limiter, hedge or throttle was set to: the inverse of rules/native_guards.py.

Owns the guesses. Refuses timeouts and bulkheads: under any library's names their settings are ours (write_policies.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience_sim.policies.config_like_guards import LikeHedgeConfig, LikeLimiterConfig, LikeThrottleConfig
from resilience_sim.policies.rules.native import Settings
from resilience_sim.policies.rules.native_guards import HEDGES

_EXTRA = {"polly": "MaxHedgedAttempts", "failsafe-go": "MaxHedges", "envoy": "num_retries"}


def proposals(policy: LikeLimiterConfig | LikeHedgeConfig | LikeThrottleConfig) -> Iterator[Settings]:
    """Parameters under the library's own names that may give these settings."""
    if isinstance(policy, LikeLimiterConfig):
        yield from _limiter(policy)
    elif isinstance(policy, LikeHedgeConfig):
        found: Settings = {HEDGES[policy.library][0].name: policy.delay}
        if policy.library in _EXTRA:
            found[_EXTRA[policy.library]] = policy.max_extra
        elif policy.library == "grpc":
            found["maxAttempts"] = policy.max_extra + 1
        yield found
    else:
        yield {
            "FailureRateThreshold": policy.threshold,
            "ThresholdingPeriod": policy.window,
            "MinExecutions": policy.min_calls,
            "MaxRejectionRate": policy.most,
        }


def _limiter(p: LikeLimiterConfig) -> Iterator[Settings]:
    if p.library == "resilience4j":
        yield {"limitForPeriod": p.count, "limitRefreshPeriod": p.period, "timeoutDuration": p.patience}
    elif p.library == "hyx":  # which knows how long a token takes by the time that all of them take
        yield {"max_executions": p.burst, "per_time_secs": p.period * p.burst}
        yield {"max_executions": 1, "per_time_secs": p.period, "bucket_size": p.burst}
    else:
        yield {"Bursty": {"executions": p.count, "period": p.period}, "MaxWaitTime": p.patience}
