"""The libraries' parameters of timeouts, bulkheads, rate limiters and hedges, with their defaults, made into settings.

Owns the tables and what a table's parameters mean together (docs/reference/library-rules.md, sections 5 to 7). A
default of -1 stands for "must be written". Times are nanoseconds already.
"""

from __future__ import annotations

from resilience_sim.kernel.events import ERROR, RATE_LIMITED
from resilience_sim.policies.config import BulkheadConfig, PolicyConfig, RateLimiterConfig, TimeoutConfig
from resilience_sim.policies.config_like_guards import LikeHedgeConfig, LikeLimiterConfig, LikeThrottleConfig
from resilience_sim.policies.rules.native import (
    COUNT,
    FLAG,
    MAPPING,
    SHARE,
    TIME,
    NativeError,
    Param,
    Settings,
    filled,
)

MS = 1_000_000
S = 1_000 * MS
DUE = -1
MANY = 1_000_000

TIMEOUTS: dict[str, tuple[Param, ...]] = {
    "resilience4j": (Param("timeoutDuration", TIME, 1 * S, "after"), Param("cancelRunningFuture", FLAG, True)),
    "polly": (Param("Timeout", TIME, 30 * S, "after"),),
    "failsafe-go": (Param("Timeout", TIME, DUE, "after"),),
    "hyx": (Param("timeout_secs", TIME, DUE, "after", unit=S),),
    "hystrix": (Param("timeoutInMilliseconds", TIME, 1 * S, "after", unit=MS),),
    "envoy": (Param("timeout", TIME, 15 * S, "after", unit=S),),
    "grpc": (Param("timeout", TIME, DUE, "after", unit=S),),
    "dapr": (Param("timeout", TIME, DUE, "after", unit=S),),
    "aws": (Param("read_timeout", TIME, 60 * S, "after", unit=S),),
}
BULKHEADS: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("maxConcurrentCalls", COUNT, 25, "max_concurrent", least=1),
        Param("maxWaitDuration", TIME, 0, "max_wait"),
    ),
    "polly": (Param("PermitLimit", COUNT, 1000, "max_concurrent", least=1), Param("QueueLimit", COUNT, 0, "queue")),
    "failsafe-go": (
        Param("MaxConcurrency", COUNT, DUE, "max_concurrent", least=1),
        Param("MaxWaitTime", TIME, 0, "max_wait"),
    ),
    "hyx": (
        Param("max_concurrency", COUNT, DUE, "max_concurrent", least=1),
        Param("max_capacity", COUNT, DUE, least=1),
    ),
    "hystrix": (Param("maxConcurrentRequests", COUNT, 10, "max_concurrent", least=1),),
    "envoy": (
        Param("max_requests", COUNT, 1024, "max_concurrent", least=1),
        Param("max_pending_requests", COUNT, 1024, "queue"),
    ),
}
_PER = (("executions", COUNT), ("period", TIME))
LIMITERS: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("limitForPeriod", COUNT, 50, least=1),
        Param("limitRefreshPeriod", TIME, 500),
        Param("timeoutDuration", TIME, 5 * S, "max_wait"),
    ),
    "failsafe-go": (
        Param("Smooth", MAPPING, None, keys=_PER),
        Param("Bursty", MAPPING, None, keys=_PER),
        Param("MaxWaitTime", TIME, 0, "max_wait"),
    ),
    "hyx": (
        Param("max_executions", COUNT, DUE, least=1),
        Param("per_time_secs", TIME, 1 * S, unit=S),
        Param("bucket_size", COUNT, 0, "burst"),
    ),
}
HEDGES: dict[str, tuple[Param, ...]] = {
    "resilience4j": (Param("hedgeDuration", TIME, DUE, "delay"),),
    "polly": (Param("Delay", TIME, 2 * S, "delay"), Param("MaxHedgedAttempts", COUNT, 1, "max_extra", least=1)),
    "failsafe-go": (Param("Delay", TIME, DUE, "delay"), Param("MaxHedges", COUNT, 1, "max_extra", least=1)),
    "grpc": (Param("hedgingDelay", TIME, 0, "delay"), Param("maxAttempts", COUNT, 2, least=2)),
    "envoy": (Param("per_try_timeout", TIME, DUE, "delay"), Param("num_retries", COUNT, 1, "max_extra", least=1)),
}
THROTTLES: dict[str, tuple[Param, ...]] = {
    "failsafe-go": (
        Param("FailureRateThreshold", SHARE, 0.1),
        Param("ThresholdingPeriod", TIME, 60 * S, "window"),
        Param("MinExecutions", COUNT, 0),
        Param("MaxRejectionRate", SHARE, 0.9),
    ),
}
GRPC_FATAL = (ERROR, RATE_LIMITED)  # a status that is not listed as non-fatal cancels all other legs


def _asked(tables: dict[str, tuple[Param, ...]], library: str, given: Settings, what: str) -> Settings:
    if library not in tables:
        raise NativeError("like", f"{library} has no {what}", "there are " + ", ".join(tables))
    p = filled(tables[library], given)
    for param in tables[library]:
        if param.default == DUE and p[param.name] == DUE:
            raise NativeError("like", f"{library} needs `{param.name}`", f"write `{param.name}`")
    return p


def timeout_like(library: str, given: Settings, ident: str = "", cancels_work: bool = False) -> PolicyConfig:
    """Every library's timeout ends the caller's wait; none stops B by itself."""
    p = _asked(TIMEOUTS, library, given, "timeout")
    return TimeoutConfig(ident, after=p[TIMEOUTS[library][0].name], cancels_work=cancels_work)


def bulkhead_like(library: str, given: Settings, ident: str = "") -> PolicyConfig:
    """A semaphore and who may wait at it."""
    p = _asked(BULKHEADS, library, given, "bulkhead")
    inside = p[BULKHEADS[library][0].name]
    if library in {"resilience4j", "failsafe-go"}:
        patience = p["maxWaitDuration" if library == "resilience4j" else "MaxWaitTime"]
        return BulkheadConfig(ident, max_concurrent=inside, queue=MANY if patience else 0, max_wait=patience)
    if library == "hyx":
        return BulkheadConfig(ident, max_concurrent=inside, queue=max(0, p["max_capacity"] - inside))
    queue = {"polly": "QueueLimit", "envoy": "max_pending_requests"}.get(library)
    return BulkheadConfig(ident, max_concurrent=inside, queue=p[queue] if queue else 0)


def limiter_like(library: str, given: Settings, ident: str = "") -> PolicyConfig:
    """Cycles, an even flow, or hyx's bucket."""
    p = _asked(LIMITERS, library, given, "rate limiter")
    if library == "resilience4j":
        return LikeLimiterConfig(
            ident, library, "cycles", p["limitForPeriod"], p["limitRefreshPeriod"], patience=p["timeoutDuration"],
            doomed_wait=True,
        )  # fmt: skip
    if library == "hyx":
        every = p["per_time_secs"] // p["max_executions"]
        return LikeLimiterConfig(ident, library, "refilling", 1, every, burst=p["bucket_size"] or p["max_executions"])
    chosen = p["Bursty"] or p["Smooth"]
    if chosen is None:
        remedy = "write `Smooth: {executions: 50, period: 1s}`"
        raise NativeError("like", "failsafe-go needs `Smooth` or `Bursty`", remedy)
    if p["Bursty"]:
        return LikeLimiterConfig(
            ident, library, "cycles", chosen["executions"], chosen["period"], patience=p["MaxWaitTime"]
        )
    return RateLimiterConfig(
        ident,
        count=float(chosen["executions"]),
        per=chosen["period"],
        burst=1,
        max_wait=p["MaxWaitTime"],
        scheme="smooth",
    )


def hedge_like(library: str, given: Settings, ident: str = "") -> PolicyConfig:
    """A race by the library's rules."""
    p = _asked(HEDGES, library, given, "hedge")
    delay = p[HEDGES[library][0].name]
    if library == "resilience4j":
        return LikeHedgeConfig(ident, library, delay, 1, cancels_loser=False, wins="any")
    if library == "failsafe-go":
        return LikeHedgeConfig(ident, library, delay, p["MaxHedges"], wins="any")
    if library == "polly":
        return LikeHedgeConfig(ident, library, delay, p["MaxHedgedAttempts"], fails_forward=True, when_all_fail="first")
    if library == "grpc":
        extra = min(p["maxAttempts"], 5) - 1
        return LikeHedgeConfig(ident, library, delay, extra, fails_forward=True, fatal=GRPC_FATAL)
    return LikeHedgeConfig(ident, library, delay, p["num_retries"], fails_forward=True)


def throttle_like(library: str, given: Settings, ident: str = "") -> PolicyConfig:
    """failsafe-go's form of adaptive throttling."""
    p = _asked(THROTTLES, library, given, "throttle")
    return LikeThrottleConfig(
        ident, library, p["FailureRateThreshold"], p["ThresholdingPeriod"], p["MinExecutions"], p["MaxRejectionRate"]
    )
