"""A stack as an Istio VirtualService and the DestinationRule of its host."""

from __future__ import annotations

from resilience_sim.interop.durations import show_go
from resilience_sim.interop.mesh import failures_in_a_row, note_backoff, note_unsupported, retry_words, share_written
from resilience_sim.interop.writing import Parts, number
from resilience_sim.settings.breaker import OutlierConfig
from resilience_sim.settings.budget import LikeBudgetConfig


def write(parts: Parts) -> str:
    """Both documents, for a host of the scenario's name."""
    note_unsupported(parts)
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
    once = parts.retry is None or parts.retry.attempts < 2
    if parts.attempt is not None and once:  # validation refuses a `perTryTimeout` beside no retries
        total = min(parts.attempt.after, parts.total.after if parts.total else parts.attempt.after)
    else:
        total = parts.total.after if parts.total else 0
    if total:
        lines.append(f"    timeout: {show_go(total)}")
    lines += _write_retries(parts)
    rule = _write_rule(parts)
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


def _write_retries(parts: Parts) -> list[str]:
    retry = parts.retry
    if retry is None or retry.attempts < 2:
        return ["    retries: {attempts: 0}"]
    note_backoff(parts, retry)
    if retry.max_delay and retry.max_delay != 10 * retry.delay:
        parts.lost("`max_delay`", "always ten times the backoff")
    each = f", perTryTimeout: {show_go(parts.attempt.after)}" if parts.attempt else ""
    backoff = f", backoff: {show_go(retry.delay)}" if retry.delay else ""
    words = retry_words(parts, retry)
    return [f'    retries: {{attempts: {retry.attempts - 1}{each}{backoff}, retryOn: "{words}"}}']


def _write_rule(parts: Parts) -> list[str]:
    lines = _write_budget(parts)
    tcp, http = [], []
    budget = parts.retry.budget if parts.retry else None
    if isinstance(budget, LikeBudgetConfig) and budget.scheme == "envoy" and not budget.ratio:
        if not budget.min_concurrency:
            parts.lost("a budget of no retries", "0 means no limit to Istio; 1 was written")
        http.append(f"maxRetries: {max(1, budget.min_concurrency)}")
    if parts.bulkhead is not None:
        bulkhead = parts.bulkhead
        if bulkhead.queue:
            tcp.append(f"maxConnections: {bulkhead.max_concurrent}")
            http.append(f"http1MaxPendingRequests: {bulkhead.queue}")
        else:
            http.append(f"http2MaxRequests: {bulkhead.max_concurrent}")
        if bulkhead.max_wait > 0:
            parts.lost("`max_wait` of the bulkhead", "pending requests wait until the route's timeout")
    if http:
        lines.append("    connectionPool:")
        lines += [f"      {name}: {{{', '.join(each)}}}" for name, each in (("tcp", tcp), ("http", http)) if each]
    view = parts.breaker
    if view is not None:
        row = failures_in_a_row(parts)
        if view.probes < 1000:
            parts.lost("half open", "an ejected host comes back fully")
        lines += [
            "    outlierDetection:",
            f"      consecutive5xxErrors: {row}",
            f"      baseEjectionTime: {show_go(view.recovery)}",
            *(_write_outlier(parts.outlier) if parts.outlier else ["      maxEjectionPercent: 100"]),
        ]
    return lines


def _write_outlier(config: OutlierConfig) -> list[str]:
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


def _write_budget(parts: Parts) -> list[str]:
    budget = parts.retry.budget if parts.retry else None
    if budget is None:
        return []
    if isinstance(budget, LikeBudgetConfig) and budget.scheme == "envoy" and budget.ratio:
        share = f"percent: {share_written(parts, budget.ratio)}, minRetryConcurrency: {budget.min_concurrency}"
        return [f"    retryBudget: {{{share}}}"]
    if budget.ratio and budget.scheme == "ratio":
        return [f"    retryBudget: {{percent: {share_written(parts, budget.ratio)}}}"]
    if not (budget.scheme == "envoy" and not budget.ratio):
        parts.lost("the budget", "Istio's is a share of the requests under way")
    return []
