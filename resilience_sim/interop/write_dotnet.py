"""A stack as options of Microsoft.Extensions.Http.Resilience, within the ranges that its validation allows."""

from __future__ import annotations

import json
from typing import Any

from resilience_sim.interop.dotnet_sections import DAY, SECOND, SHORTEST
from resilience_sim.interop.durations import show_timespan
from resilience_sim.interop.writing import Parts, whole

_ORDER = ("bulkhead", "total", "retry", "breaker", "attempt")
_HEDGING = ("total", "hedge", "bulkhead", "breaker", "attempt")
_ABSENT = {
    "bulkhead": "1000 at once",
    "total": "30 s",
    "retry": "3 retries",
    "breaker": "10 % of 100 calls",
    "attempt": "10 s",
}


def write(parts: Parts) -> str:
    """The section, under the name of the scenario."""
    order = _HEDGING if parts.hedge else _ORDER
    present = [role for role in parts.order if role in order]
    if present != [role for role in order if role in present]:
        parts.lost("the order", f"the handler's is fixed: {', '.join(order)}")
    for role in order:
        if role not in present and role in _ABSENT:
            parts.lost(f"no {role}", f"the handler always has one; its default is {_ABSENT[role]}")
    if parts.limiter is not None:
        parts.lost(f"`{parts.limiter.id}`", "rates are limited in code; `RateLimiter` in the file is a bulkhead")
    inner: dict[str, Any] = {}
    if parts.bulkhead is not None:
        limits = {"PermitLimit": parts.bulkhead.max_concurrent, "QueueLimit": parts.bulkhead.queue}
        inner["RateLimiter"] = {"DefaultRateLimiterOptions": limits}
    found: dict[str, Any] = {} if parts.hedge else dict(inner)
    if parts.total is not None:
        found["TotalRequestTimeout"] = {"Timeout": _time(parts, "Timeout", parts.total.after, "the total timeout")}
    if parts.hedge is not None:
        found["Hedging"] = {
            "MaxHedgedAttempts": parts.hedge.max_extra,
            "Delay": _time(parts, "Delay", parts.hedge.delay, "the delay"),
        }
        if parts.retry is not None:
            parts.lost(f"`{parts.retry.id}`", "the hedging handler has no retry")
    elif parts.retry is not None:
        found["Retry"] = _write_retry(parts)
    below = inner if parts.hedge else found
    if parts.breaker is not None:
        below["CircuitBreaker"] = _write_breaker(parts)
    if parts.attempt is not None:
        attempt = {"Timeout": _time(parts, "Timeout", parts.attempt.after, "the attempt timeout")}
        below["Timeout" if parts.hedge else "AttemptTimeout"] = attempt
    _reconcile(parts, found, below)
    if parts.hedge and inner:
        found["Endpoint"] = inner
    return json.dumps({parts.name: found}, indent=2) + "\n"


def _time(parts: Parts, name: str, ns: int, what: str) -> str:
    """A TimeSpan in the range that validation allows under that name."""
    least = SHORTEST.get(name, 0)
    if not least <= ns <= DAY:
        parts.lost(what, f"{show_timespan(least)} to 24 hours are allowed: the nearest was written")
    return show_timespan(whole(parts, min(max(ns, least), DAY), 100, what) * 100)


def _reconcile(parts: Parts, found: dict[str, Any], below: dict[str, Any]) -> None:
    """What validation compares: an attempt is no longer than the whole, and sampling lasts two of them."""
    name = "Timeout" if parts.hedge else "AttemptTimeout"
    total = parts.total.after if parts.total else 30 * SECOND
    attempt = parts.attempt.after if parts.attempt else 10 * SECOND
    if attempt > total and parts.attempt is None:
        attempt = total
        below[name] = {"Timeout": show_timespan(total)}
        parts.lost("the attempt timeout", "its default is longer than the total one: as long was written")
    elif attempt > total:
        total = min(attempt, DAY)
        found["TotalRequestTimeout"] = {"Timeout": show_timespan(total)}
        parts.lost("the total timeout", "it must be no shorter than that of an attempt: as long was written")
    window = parts.breaker.window_time if parts.breaker and not parts.breaker.consecutive else 0
    least = 2 * min(attempt, DAY // 2)
    if least > (window or 30 * SECOND):
        breaker = below.setdefault("CircuitBreaker", {})
        breaker["SamplingDuration"] = show_timespan(least)
        parts.lost("the breaker's window", "it must last twice the attempt timeout: so much was written")


def _write_retry(parts: Parts) -> dict[str, Any]:
    retry = parts.retry
    assert retry is not None
    if retry.attempts < 2:
        parts.lost("a retry of one attempt", "at least one retry is required")
    kinds = {"constant": "Constant", "linear": "Linear"}
    if retry.backoff == "decorrelated" or (retry.backoff == "exponential" and retry.factor != 2):
        parts.lost("the growth of the waits", "Polly's exponential backoff always doubles")
    if retry.jitter in ("full", "equal"):
        parts.lost(f"jitter `{retry.jitter}`", "Polly has its own")
    if retry.budget is not None:
        parts.lost("the budget", "Polly has none")
    found: dict[str, Any] = {
        "MaxRetryAttempts": max(1, retry.attempts - 1),
        "BackoffType": kinds.get(retry.backoff, "Exponential"),
        "Delay": _time(parts, "Delay", retry.delay, "the delay"),
        "UseJitter": retry.jitter != "none",
        "ShouldRetryAfterHeader": retry.honor_retry_after,
    }
    if 0 < retry.max_delay <= DAY:  # a longer one is none: no wait may be longer
        found["MaxDelay"] = show_timespan(retry.max_delay)
    return found


def _write_breaker(parts: Parts) -> dict[str, Any]:
    view = parts.breaker
    assert view is not None
    window, share, least = view.window_time, view.share, view.min_calls
    if view.consecutive:
        parts.lost("failures in a row", "Polly knows shares of a time window: all of N calls in 30 s")
        window, share, least = 30 * SECOND, 1.0, view.consecutive
    elif not window:
        parts.lost("a window of calls", "Polly's windows are times: 30 s was written")
        window = 30 * SECOND
    if view.probes != 1:
        parts.lost(f"{view.probes} probes", "Polly has exactly one")
    return {
        "FailureRatio": round(share, 6),
        "MinimumThroughput": max(2, least),
        "SamplingDuration": _time(parts, "SamplingDuration", window, "the window"),
        "BreakDuration": _time(parts, "BreakDuration", view.recovery, "the recovery time"),
    }
