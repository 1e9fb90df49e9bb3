"""A stack as a Dapr Resiliency, with one app as its target.

Owns that text; dapr.py reads it back. The order is fixed: retry(breaker(timeout)).
"""

from __future__ import annotations

from resilience_sim.interop.dapr import EVERYTHING
from resilience_sim.interop.durations import show_go
from resilience_sim.interop.mesh import code_outcomes
from resilience_sim.interop.writing import Parts, outcomes
from resilience_sim.policies.config import RetryConfig

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
        lines += ["    retries:", f"      again: {{{_retry(parts)}}}"]
        target.append("retry: again")
    if parts.breaker is not None:
        lines += ["    circuitBreakers:", f"      breaker: {{{_breaker(parts)}}}"]
        target.append("circuitBreaker: breaker")
    if not target:
        lines = ["  policies: {}"]
    head = ["apiVersion: dapr.io/v1alpha1", "kind: Resiliency", f"metadata: {{name: {parts.name}}}", "spec:"]
    tail = ["  targets:", "    apps:", f"      {parts.name}: {{{', '.join(target)}}}"]
    return "\n".join([*head, *lines, *tail]) + "\n"


def _retry(parts: Parts) -> str:
    retry = parts.retry
    assert retry is not None
    if retry.budget is not None:
        parts.lost("the budget", "Dapr has none")
    match = _matching(parts, retry)
    most = -1 if retry.attempts >= 10_000 else retry.attempts - 1
    if retry.backoff == "exponential":
        if retry.delay != 500_000_000 or retry.factor != 1.5 or (retry.jitter, retry.spread) != ("spread", 0.5):
            parts.lost("the shape of the waits", "always from 500 ms, by 1.5, plus or minus 50 %")
        cap = f"maxInterval: {show_go(retry.max_delay)}, " if retry.max_delay else ""
        return f"policy: exponential, {cap}maxRetries: {most}{match}"
    if retry.backoff != "constant" or retry.jitter != "none":
        parts.lost("the shape of the waits", "written as constant, without jitter")
    return f"policy: constant, duration: {show_go(retry.delay)}, maxRetries: {most}{match}"


def _matching(parts: Parts, retry: RetryConfig) -> str:
    """The statuses to retry; nothing when it is all of them."""
    wanted = outcomes(retry)
    codes = [code for code in ("429", "500", "503", "504") if set(code_outcomes(code)) <= wanted]
    return (
        "" if {*EVERYTHING} <= wanted and len(codes) == 4 else f', matching: {{httpStatusCodes: "{",".join(codes)}"}}'
    )


def _breaker(parts: Parts) -> str:
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
