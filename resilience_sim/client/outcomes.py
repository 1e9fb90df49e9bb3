"""What a call of the user's code came to."""

from __future__ import annotations

from resilience_sim.kernel import events as ev

# The exceptions by which libraries say that they let nothing pass: module, then class -> outcome.
REJECTIONS: dict[str, dict[str, int]] = {
    "pybreaker": {"CircuitBreakerError": ev.BREAKER_OPEN},
    "aiobreaker": {"CircuitBreakerError": ev.BREAKER_OPEN},
    "circuitbreaker": {"CircuitBreakerError": ev.BREAKER_OPEN},
    "purgatory": {"OpenedState": ev.BREAKER_OPEN},
    "hyx": {
        "BreakerFailing": ev.BREAKER_OPEN,
        "BulkheadFull": ev.BULKHEAD_FULL,
        "RateLimitExceeded": ev.LIMITED,
        "EmptyBucket": ev.LIMITED,
    },
    "ratelimit": {"RateLimitException": ev.LIMITED},
    "pyrate_limiter": {"BucketFullException": ev.LIMITED},
    "limits": {"RateLimitExceeded": ev.LIMITED},
}
DEEPEST = 20  # exceptions within exceptions


def rejection(error: BaseException) -> int:
    """The outcome that a known breaker, bulkhead or limiter stands for; ``SUCCESS`` if it is none of them."""
    found: BaseException | None = error
    for _ in range(DEEPEST):
        if found is None:
            break
        for kind in type(found).__mro__:
            known = REJECTIONS.get(kind.__module__.partition(".")[0])
            if known is not None and kind.__name__ in known:
                return known[kind.__name__]
        found = _inside(found)
    return ev.SUCCESS


def _inside(error: BaseException) -> BaseException | None:
    """What a retry has given up over: tenacity hands in the last try, others chain."""
    last = getattr(error, "last_attempt", None)
    if last is not None and hasattr(last, "exception"):
        inner: BaseException | None = last.exception()
        return inner
    return error.__cause__
