"""A stack as Spring Boot configuration of resilience4j; the order is written out where it is not the default."""

from __future__ import annotations

from resilience_sim.interop.durations import show_spring
from resilience_sim.interop.writing import Parts, no_consecutive, number, whole
from resilience_sim.settings.units import LONGEST

_ROLES = ("retry", "breaker", "limiter", "attempt", "bulkhead")
_MODULE_OF = {
    "retry": "retry",
    "breaker": "circuitbreaker",
    "limiter": "ratelimiter",
    "attempt": "timelimiter",
    "bulkhead": "bulkhead",
}
_ASPECT_OF = {
    "retry": "retryAspectOrder",
    "breaker": "circuitBreakerAspectOrder",
    "limiter": "rateLimiterAspectOrder",
    "attempt": "timeLimiterAspectOrder",
    "bulkhead": "bulkheadAspectOrder",
}


def write(parts: Parts) -> str:
    """``application.yml``."""
    if parts.total is not None:
        parts.lost(f"`{parts.total.id}`", "a time limiter outside the retry needs a second instance in code")
    if parts.hedge is not None:
        parts.lost(f"`{parts.hedge.id}`", "resilience4j's hedge has no Spring configuration")
    settings = {
        "retry": _retry(parts),
        "breaker": _breaker(parts),
        "limiter": _limiter(parts),
        "attempt": _timeout(parts),
        "bulkhead": _bulkhead(parts),
    }
    present = [role for role in parts.order if settings.get(role)]
    moved = present != [role for role in _ROLES if role in present]
    lines = ["resilience4j:"]
    for role in _ROLES:
        if role not in present:
            continue
        lines.append(f"  {_MODULE_OF[role]}:")
        if moved:
            lines.append(f"    {_ASPECT_OF[role]}: {present.index(role) + 1}")
        lines += ["    instances:", f"      {parts.name}:"]
        lines += [f"        {key}: {value}" for key, value in settings[role]]
    return "\n".join(lines if present else ["resilience4j: {}"]) + "\n"


def _ms(parts: Parts, ns: int, what: str) -> str:
    return show_spring(whole(parts, ns, 1_000_000, what) * 1_000_000)


def _retry(parts: Parts) -> list[tuple[str, str]]:
    retry = parts.retry
    if retry is None:
        return []
    found = [
        ("maxAttempts", str(retry.attempts)),
        ("waitDuration", _ms(parts, max(retry.delay, 1_000_000), "the delay")),
    ]
    if retry.delay < 1_000_000:
        parts.lost("a delay of nothing", "resilience4j waits at least a millisecond")
    if retry.backoff == "exponential":
        found += [("enableExponentialBackoff", "true"), ("exponentialBackoffMultiplier", number(retry.factor))]
        if 0 < retry.max_delay < LONGEST // 2:
            found.append(("exponentialMaxWaitDuration", _ms(parts, retry.max_delay, "the cap")))
    elif retry.backoff != "constant":
        parts.lost(f"backoff `{retry.backoff}`", "only constant and exponential can be configured")
    share = {"full": 1.0, "equal": 0.25, "spread": retry.spread}.get(retry.jitter, 0.0)
    if share:
        share = min(share, 0.99)  # IntervalFunction refuses 1
        found += [("enableRandomizedWait", "true"), ("randomizedWaitFactor", number(share))]
        if retry.jitter != "spread" or retry.spread > share:
            parts.lost(
                f"jitter `{retry.jitter}`", f"written as plus or minus {number(share * 100)} %, which comes near"
            )
    if retry.budget is not None:
        parts.lost("the budget", "resilience4j has none")
    if retry.max_elapsed:
        parts.lost("`max_elapsed`", "resilience4j has none")
    return found


def _breaker(parts: Parts) -> list[tuple[str, str]]:
    view = parts.breaker
    if view is None:
        return []
    share, calls, least = no_consecutive(parts, view)
    timed = bool(view.window_time) and not view.consecutive
    size = whole(parts, view.window_time, 1_000_000_000, "the window") if timed else calls
    found = [
        ("slidingWindowType", "TIME_BASED" if timed else "COUNT_BASED"),
        ("slidingWindowSize", str(size)),
        ("minimumNumberOfCalls", str(least)),
        ("failureRateThreshold", number(share * 100)),
        ("waitDurationInOpenState", _ms(parts, view.recovery, "the recovery time")),
        ("permittedNumberOfCallsInHalfOpenState", str(view.probes)),
    ]
    if view.slow_call:
        found += [
            ("slowCallDurationThreshold", _ms(parts, view.slow_call, "`slow_call`")),
            ("slowCallRateThreshold", number(view.slow_share * 100)),
        ]
    if view.open_factor > 1:
        found += [("enableExponentialBackoff", "true"), ("exponentialBackoffMultiplier", number(view.open_factor))]
        if view.open_max:
            found.append(("exponentialMaxWaitDurationInOpenState", _ms(parts, view.open_max, "the longest open time")))
    if view.half_open_limit:
        found.append(("maxWaitDurationInHalfOpenState", _ms(parts, view.half_open_limit, "the half-open limit")))
    return found


def _limiter(parts: Parts) -> list[tuple[str, str]]:
    limiter = parts.limiter
    if limiter is None:
        return []
    if limiter.scheme != "fixed_window":
        parts.lost(f"the kind `{limiter.scheme}` of `{limiter.id}`", "resilience4j counts in fixed periods")
    return [
        ("limitForPeriod", str(max(1, int(limiter.count)))),
        ("limitRefreshPeriod", show_spring(limiter.per)),
        ("timeoutDuration", _ms(parts, limiter.max_wait, "`max_wait`")),
    ]


def _timeout(parts: Parts) -> list[tuple[str, str]]:
    return [("timeoutDuration", _ms(parts, parts.attempt.after, "the timeout"))] if parts.attempt else []


def _bulkhead(parts: Parts) -> list[tuple[str, str]]:
    bulkhead = parts.bulkhead
    if bulkhead is None:
        return []
    wait = bulkhead.max_wait if bulkhead.queue else 0
    if bulkhead.queue and bulkhead.queue < 1_000_000:
        parts.lost("`queue` of the bulkhead", "resilience4j bounds how long calls wait, not how many")
    if wait < 0:
        parts.lost("a wait without end", "written as an hour")
        wait = 3_600_000_000_000
    return [("maxConcurrentCalls", str(bulkhead.max_concurrent)), ("maxWaitDuration", _ms(parts, wait, "`max_wait`"))]
