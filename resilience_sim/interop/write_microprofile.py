"""A stack as properties of MicroProfile Fault Tolerance, for one method."""

from __future__ import annotations

from math import ceil

from resilience_sim.interop.generic import failures_needed
from resilience_sim.interop.writing import Parts, no_consecutive, number, whole

_ORDER = ("retry", "breaker", "limiter", "attempt", "bulkhead")
MILLI = 1_000_000


def write(parts: Parts) -> str:
    """``microprofile-config.properties``."""
    if parts.total is not None:
        parts.lost(f"`{parts.total.id}`", "the timeout is inside the retry; `maxDuration` comes near")
    if parts.hedge is not None:
        parts.lost(f"`{parts.hedge.id}`", "there are no hedges")
    present = [role for role in parts.order if role in _ORDER]
    if present != [role for role in _ORDER if role in present]:
        parts.lost("the order", "it is fixed: retry, breaker, limiter, timeout, bulkhead")
    found = {"Retry": _retry(parts), "CircuitBreaker": _breaker(parts), "RateLimit": _limiter(parts)}
    if parts.attempt is not None:
        found["Timeout"] = [("value", _ms(parts, parts.attempt.after, "the timeout"))]
    if parts.bulkhead is not None:
        found["Bulkhead"] = [("value", str(parts.bulkhead.max_concurrent))]
        if parts.bulkhead.queue:
            found["Bulkhead"].append(("waitingTaskQueue", str(parts.bulkhead.queue)))
        if parts.bulkhead.max_wait >= 0 and parts.bulkhead.queue:
            parts.lost("`max_wait` of the bulkhead", "who waits does so as long as it takes")
    place = "com.example." + "".join(word.capitalize() for word in parts.name.split("-"))
    lines = [_line(place, annotation, name, value) for annotation, rows in found.items() for name, value in rows]
    return "\n".join(lines or ["MP_Fault_Tolerance_NonFallback_Enabled=false"]) + "\n"


def _line(place: str, annotation: str, name: str, value: str) -> str:
    if annotation == "RateLimit":  # SmallRye's own
        return f'smallrye.faulttolerance."{place}/call".rate-limit.{name}={value}'
    return f"{place}/call/{annotation}/{name}={value}"


def _ms(parts: Parts, ns: int, what: str) -> str:
    return str(max(1, whole(parts, ns, MILLI, what)))


def _retry(parts: Parts) -> list[tuple[str, str]]:
    retry = parts.retry
    if retry is None:
        return []
    unlimited = retry.attempts >= 10_000
    found = [
        ("maxRetries", "-1" if unlimited else str(retry.attempts - 1)),
        ("delay", str(whole(parts, retry.delay, MILLI, "the delay"))),
        ("maxDuration", str(whole(parts, retry.max_elapsed, MILLI, "`max_elapsed`"))),
        ("jitter", str(int(retry.spread * retry.delay / MILLI + 0.5) if retry.jitter == "spread" else 0)),
    ]
    if retry.jitter not in ("none", "spread"):
        parts.lost(f"jitter `{retry.jitter}`", "there is only jitter of a fixed size to either side of the delay")
    if retry.backoff == "exponential":
        parts.lost("the exponential backoff", "write @ExponentialBackoff beside @Retry in the code")
    elif retry.backoff != "constant":
        parts.lost(f"backoff `{retry.backoff}`", "only constant, exponential and Fibonacci are there")
    if retry.budget is not None:
        parts.lost("the budget", "there is none")
    return found


def _breaker(parts: Parts) -> list[tuple[str, str]]:
    view = parts.breaker
    if view is None:
        return []
    share, calls, least = no_consecutive(parts, view)
    if view.window_time and not view.consecutive:
        parts.lost("a window of time", "the window is a number of calls: the minimum was written")
        calls = least
    elif least != calls and not view.consecutive:
        parts.lost("`min_calls`", "the window must be full")
    if view.slow_call:
        parts.lost("`slow_call`", "slow calls are not looked at")
    if view.open_factor > 1:
        parts.lost("the backoff of the breaker", "the open time does not grow")
    return [
        ("requestVolumeThreshold", str(max(1, calls))),
        ("failureRatio", _ratio(share, max(1, calls))),
        ("delay", str(whole(parts, view.recovery, MILLI, "the recovery time"))),
        ("successThreshold", str(max(1, view.successes))),
    ]


def _ratio(share: float, calls: int) -> str:
    """With as few digits as mean the same number of failures."""
    needed = failures_needed(share, calls)
    return next(
        (number(round(share, n)) for n in range(1, 9) if ceil(round(share, n) * calls) == needed), number(share)
    )


def _limiter(parts: Parts) -> list[tuple[str, str]]:
    limiter = parts.limiter
    if limiter is None:
        return []
    if limiter.max_wait:
        parts.lost("`max_wait` of the limiter", "nobody waits for a permit")
    kind = "fixed" if limiter.scheme == "fixed_window" else "smooth"
    return [
        ("value", str(max(1, int(limiter.count)))),
        ("window", _ms(parts, limiter.per, "the limiter's window")),
        ("window-unit", "MILLIS"),
        ("type", kind),
    ]
