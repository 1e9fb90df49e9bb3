"""A stack as a Dapr Resiliency resource with one target."""

from __future__ import annotations

from resilience_sim.interop.durations import show_go
from resilience_sim.interop.mesh import code_outcomes
from resilience_sim.interop.writing import Parts, outcomes
from resilience_sim.settings.retry import RetryConfig

EVERYTHING = ("error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed", "client_error")
_ORDER = ("retry", "breaker", "attempt")


def write(parts: Parts) -> str:
    """The whole document."""
    for policy in (parts.limiter, parts.bulkhead, parts.hedge, parts.total):
        if policy is not None:
            parts.lost(f"`{policy.id}`", "Dapr has retries, breakers and a timeout of each attempt")
    present = [role for role in parts.order if role in _ORDER]
    if present != [role for role in _ORDER if role in present]:
        parts.lost("the order", "always retry(breaker(timeout))")
    lines, target = ["  policies:"], []
    if parts.attempt is not None:
        lines.append(f"    timeouts: {{limit: {show_go(parts.attempt.after)}}}")
        target.append("timeout: limit")
    if parts.retry is not None:
        lines += ["    retries:", f"      again: {{{_write_retry(parts)}}}"]
        target.append("retry: again")
    if parts.breaker is not None:
        lines += ["    circuitBreakers:", f"      breaker: {{{_write_breaker(parts)}}}"]
        target.append("circuitBreaker: breaker")
    if not target:
        lines = ["  policies: {}"]
    head = ["apiVersion: dapr.io/v1alpha1", "kind: Resiliency", f"metadata: {{name: {parts.name}}}", "spec:"]
    tail = ["  targets:", "    apps:", f"      {parts.name}: {{{', '.join(target)}}}"]
    return "\n".join([*head, *lines, *tail]) + "\n"


def _write_retry(parts: Parts) -> str:
    retry = parts.retry
    assert retry is not None
    if retry.budget is not None:
        parts.lost("the budget", "Dapr has none")
    match = _write_matching(parts, retry)
    most = -1 if retry.attempts >= 10_000 else retry.attempts - 1
    if retry.backoff == "exponential":
        if retry.delay != 500_000_000 or retry.factor != 1.5 or (retry.jitter, retry.spread) != ("spread", 0.5):
            parts.lost("the shape of the waits", "always from 500 ms, by 1.5, plus or minus 50 %")
        cap = f"maxInterval: {show_go(retry.max_delay)}, " if retry.max_delay else ""
        return f"policy: exponential, {cap}maxRetries: {most}{match}"
    if retry.backoff != "constant" or retry.jitter != "none":
        parts.lost("the shape of the waits", "written as constant, without jitter")
    return f"policy: constant, duration: {show_go(retry.delay)}, maxRetries: {most}{match}"


def _write_matching(parts: Parts, retry: RetryConfig) -> str:
    """The statuses to retry; nothing when it is all of them."""
    wanted = outcomes(retry)
    known = ("400-407,409-428,430-499", "429", "500", "503", "504")
    codes = [code for code in known if set(code_outcomes(code)) <= wanted]
    if {*EVERYTHING} <= wanted and len(codes) == len(known):
        return ""
    return f', matching: {{httpStatusCodes: "{",".join(codes)}"}}'


def _write_breaker(parts: Parts) -> str:
    view = parts.breaker
    assert view is not None
    row = view.consecutive
    if not row:
        row = view.failures_from(view.min_calls)
        parts.lost("a share of a window", f"written as {row} failures in a row")
    interval = f"interval: {show_go(view.window_time)}, " if view.consecutive and view.window_time else ""
    return (
        f"maxRequests: {view.probes}, {interval}timeout: {show_go(view.recovery)}, trip: consecutiveFailures >= {row}"
    )
