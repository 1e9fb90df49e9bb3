"""A stack as ``appsettings.json`` for Microsoft.Extensions.Http.Resilience.

Owns that text; dotnet.py reads it back. With a hedge it is the hedging handler, else the standard one.
"""

from __future__ import annotations

import json
from typing import Any

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
        found["TotalRequestTimeout"] = {"Timeout": show_timespan(parts.total.after)}
    if parts.hedge is not None:
        found["Hedging"] = {"MaxHedgedAttempts": parts.hedge.max_extra, "Delay": show_timespan(parts.hedge.delay)}
        if parts.retry is not None:
            parts.lost(f"`{parts.retry.id}`", "the hedging handler has no retry")
    elif parts.retry is not None:
        found["Retry"] = _retry(parts)
    below = inner if parts.hedge else found
    if parts.breaker is not None:
        below["CircuitBreaker"] = _breaker(parts)
    if parts.attempt is not None:
        below["Timeout" if parts.hedge else "AttemptTimeout"] = {"Timeout": show_timespan(parts.attempt.after)}
    if parts.hedge and inner:
        found["Endpoint"] = inner
    return json.dumps({parts.name: found}, indent=2) + "\n"


def _retry(parts: Parts) -> dict[str, Any]:
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
        "Delay": show_timespan(retry.delay),
        "UseJitter": retry.jitter != "none",
        "ShouldRetryAfterHeader": retry.honor_retry_after,
    }
    if retry.max_delay:
        found["MaxDelay"] = show_timespan(retry.max_delay)
    return found


def _breaker(parts: Parts) -> dict[str, Any]:
    view = parts.breaker
    assert view is not None
    window, share, least = view.window_time, view.share, view.min_calls
    if view.consecutive:
        parts.lost("failures in a row", "Polly knows shares of a time window: all of so many calls in 30 s")
        window, share, least = 30_000_000_000, 1.0, view.consecutive
    elif not window:
        parts.lost("a window of calls", "Polly's windows are times: 30 s was written")
        window = 30_000_000_000
    if view.probes != 1:
        parts.lost(f"{view.probes} probes", "Polly has exactly one")
    return {
        "FailureRatio": round(share, 6),
        "MinimumThroughput": max(2, least),
        "SamplingDuration": show_timespan(window),
        "BreakDuration": show_timespan(whole(parts, view.recovery, 100, "the recovery time") * 100),
    }
