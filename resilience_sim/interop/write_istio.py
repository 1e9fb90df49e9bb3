"""A stack as an Istio VirtualService and DestinationRule.

Owns that text; istio.py reads it back.
"""

from __future__ import annotations

from resilience_sim.interop.durations import show_go
from resilience_sim.interop.write_mesh import check_backoff, check_breaker, check_rest, retry_words
from resilience_sim.interop.writing import Parts, number
from resilience_sim.policies.config_outliers import OutlierConfig


def write(parts: Parts) -> str:
    """Both documents, for a host of the scenario's name."""
    check_rest(parts)
    if parts.hedge is not None:
        parts.lost(f"`{parts.hedge.id}`", "Istio has no hedging")
    lines = [
        "apiVersion: networking.istio.io/v1",
        "kind: VirtualService",
        f"metadata: {{name: {parts.name}}}",
        "spec:",
        f"  hosts: [{parts.name}]",
        "  http:",
        f"  - route: [{{destination: {{host: {parts.name}}}}}]",
    ]
    total = parts.total or (parts.attempt if parts.retry is None else None)
    if total is not None:
        lines.append(f"    timeout: {show_go(total.after)}")
    lines += _retries(parts)
    rule = _rule(parts)
    if rule:
        lines += [
            "---",
            "apiVersion: networking.istio.io/v1",
            "kind: DestinationRule",
            f"metadata: {{name: {parts.name}}}",
            "spec:",
            f"  host: {parts.name}",
            "  trafficPolicy:",
            *rule,
        ]
    return "\n".join(lines) + "\n"


def _retries(parts: Parts) -> list[str]:
    retry = parts.retry
    if retry is None:
        return ["    retries: {attempts: 0}"]
    check_backoff(parts, retry)
    if retry.max_delay and retry.max_delay != 10 * retry.delay:
        parts.lost("`max_delay`", "always ten times the backoff")
    if retry.budget is not None:
        parts.lost("the budget", "written in a newer Istio as trafficPolicy.retryBudget, by hand")
    each = f", perTryTimeout: {show_go(parts.attempt.after)}" if parts.attempt else ""
    backoff = f", backoff: {show_go(retry.delay)}" if retry.delay else ""
    words = retry_words(parts, retry)
    return [f'    retries: {{attempts: {retry.attempts - 1}{each}{backoff}, retryOn: "{words}"}}']


def _rule(parts: Parts) -> list[str]:
    lines = []
    if parts.bulkhead is not None:
        bulkhead = parts.bulkhead
        lines += [
            "    connectionPool:",
            f"      http: {{http2MaxRequests: {bulkhead.max_concurrent}, http1MaxPendingRequests: {bulkhead.queue}}}",
        ]
        if bulkhead.max_wait > 0:
            parts.lost("`max_wait` of the bulkhead", "pending requests wait until the route's timeout")
    view = parts.breaker
    if view is not None:
        row = check_breaker(parts)
        if view.probes < 1000:
            parts.lost("half open", "an ejected host comes back fully")
        lines += [
            "    outlierDetection:",
            f"      consecutive5xxErrors: {row}",
            f"      baseEjectionTime: {show_go(view.recovery)}",
            *(_own(parts.outlier) if parts.outlier else ["      maxEjectionPercent: 100"]),
        ]
    return lines


def _own(config: OutlierConfig) -> list[str]:
    """What the mesh has beyond a breaker's settings."""
    lines = [
        f"      interval: {show_go(config.interval)}",
        f"      maxEjectionPercent: {number(config.max_ejection_percent)}",
    ]
    if config.enforcing_consecutive_gateway_failure:
        lines.append(f"      consecutiveGatewayErrors: {config.consecutive_gateway_failure}")
    if config.healthy_panic_threshold:
        lines.append(f"      minHealthPercent: {number(config.healthy_panic_threshold)}")
    return lines
