"""A stack as an Envoy cluster and the route to it."""

from __future__ import annotations

from resilience_sim.interop.durations import show_protobuf
from resilience_sim.interop.mesh import failures_in_a_row, note_backoff, note_unsupported, retry_words, share_written
from resilience_sim.interop.writing import Parts, number
from resilience_sim.settings.breaker import OutlierConfig
from resilience_sim.settings.budget import BudgetConfig, LikeBudgetConfig


def write(parts: Parts) -> str:
    """``clusters`` and ``route_config``."""
    note_unsupported(parts)
    lines = ["clusters:", f"- name: {parts.name}", "  connect_timeout: 1s"]
    lines += _limits(parts) + _outlier(parts)
    lines += [
        "route_config:",
        "  virtual_hosts:",
        f"  - name: {parts.name}",
        '    domains: ["*"]',
        "    routes:",
        "    - match: {prefix: /}",
        "      route:",
        f"        cluster: {parts.name}",
    ]
    lines += [f"        {line}" for line in _route(parts)]
    return "\n".join(lines) + "\n"


def _limits(parts: Parts) -> list[str]:
    budget = parts.retry.budget if parts.retry else None
    ratio = budget.ratio if isinstance(budget, BudgetConfig) and budget.scheme in ("ratio", "envoy") else 0.0
    cap = 4294967295 if parts.retry is not None else None  # Envoy's default is 3, which is a budget of its own
    if isinstance(budget, LikeBudgetConfig) and budget.scheme == "envoy" and not ratio:
        cap = budget.min_concurrency
    elif budget is not None and not ratio:
        parts.lost("the budget", "Envoy's is a share of the requests under way")
    if parts.bulkhead is None and not ratio and cap is None:
        return []
    lines = ["  circuit_breakers:", "    thresholds:", "    - priority: DEFAULT"]
    if parts.bulkhead is not None:
        most, queue = parts.bulkhead.max_concurrent, parts.bulkhead.queue
        if queue:  # what waits, waits for a connection
            lines += [f"      max_connections: {most}", f"      max_pending_requests: {queue}"]
            lines += [f"      max_requests: {most + 1}"] if most >= 1024 else []
        else:
            lines += [f"      max_requests: {most}"]
            lines += [f"      max_connections: {most}"] if most > 1024 else []
        if parts.bulkhead.max_wait > 0:
            parts.lost("`max_wait` of the bulkhead", "pending requests wait until the route's timeout")
    if cap is not None and not ratio:
        lines.append(f"      max_retries: {cap}")
    if ratio:
        least = getattr(budget, "min_concurrency", 3)
        lines += [
            "      retry_budget:",
            f"        budget_percent: {{value: {share_written(parts, ratio)}}}",
            f"        min_retry_concurrency: {least}",
        ]
    return lines


def _outlier(parts: Parts) -> list[str]:
    view = parts.breaker
    if view is None:
        return []
    row = failures_in_a_row(parts)
    if view.probes < 1000:
        parts.lost("half open", "an ejected host comes back fully")
    longest = [f"    max_ejection_time: {show_protobuf(view.open_max)}"] if view.open_max else []
    return [
        "  outlier_detection:",
        f"    consecutive_5xx: {row}",
        f"    base_ejection_time: {show_protobuf(view.recovery)}",
        *longest,
        *(_statistics(parts.outlier) if parts.outlier else ["    max_ejection_percent: 100"]),
    ]


def _statistics(config: OutlierConfig) -> list[str]:
    """What Envoy's own rules have beyond a breaker's."""
    return [
        f"    interval: {show_protobuf(config.interval)}",
        f"    max_ejection_percent: {number(config.max_ejection_percent)}",
        f"    always_eject_one_host: {'true' if config.always_eject_one_host else 'false'}",
        f"    consecutive_gateway_failure: {config.consecutive_gateway_failure}",
        f"    enforcing_consecutive_gateway_failure: {number(config.enforcing_consecutive_gateway_failure * 100)}",
        f"    enforcing_success_rate: {number(config.enforcing_success_rate * 100)}",
        f"    success_rate_minimum_hosts: {config.success_rate_minimum_hosts}",
        f"    success_rate_request_volume: {config.success_rate_request_volume}",
        f"    success_rate_stdev_factor: {config.success_rate_stdev_factor}",
        f"    enforcing_failure_percentage: {number(config.enforcing_failure_percentage * 100)}",
        f"    failure_percentage_threshold: {number(config.failure_percentage_threshold)}",
        f"    failure_percentage_minimum_hosts: {config.failure_percentage_minimum_hosts}",
        f"    failure_percentage_request_volume: {config.failure_percentage_request_volume}",
    ]


def _route(parts: Parts) -> list[str]:
    total = parts.total or (parts.attempt if parts.retry is None and parts.hedge is None else None)
    lines = [f"timeout: {show_protobuf(total.after) if total else '0s'}"]
    attempt = parts.attempt if parts.attempt is not total else None
    each = [f"  per_try_timeout: {show_protobuf(attempt.after)}"] if attempt else []
    if parts.retry is not None:
        retry = parts.retry
        note_backoff(parts, retry)
        base = max(retry.delay, 1_000_000)
        found = retry_words(parts, retry).split(",")
        words = [word for word in found if not word.isdigit()]
        numbers = [word for word in found if word.isdigit()]
        codes = [f"  retriable_status_codes: [{', '.join(numbers)}]"] if numbers else []
        words += ["retriable-status-codes"] if numbers else []
        lines += [
            "retry_policy:",
            f"  retry_on: {','.join(words)}",
            *codes,
            f"  num_retries: {retry.attempts - 1}",
            *each,
            f"  retry_back_off: {{base_interval: {show_protobuf(base)}, max_interval: "
            f"{show_protobuf(max(base, retry.max_delay or 10 * base))}}}",
        ]
        if retry.honor_retry_after:
            lines.append("  rate_limited_retry_back_off: {reset_headers: [{name: Retry-After, format: SECONDS}]}")
    if parts.hedge is not None:
        if parts.retry is not None:
            parts.lost(f"`{parts.hedge.id}`", "hedging and retrying share one policy in Envoy")
        else:
            lines += [
                "retry_policy:",
                "  retry_on: 5xx",
                f"  num_retries: {parts.hedge.max_extra}",
                f"  per_try_timeout: {show_protobuf(parts.hedge.delay)}",
                "hedge_policy: {hedge_on_per_try_timeout: true}",
            ]
            if attempt:
                parts.lost(f"`{attempt.id}`", "with hedging the per-try timeout is the delay of the hedge")
    return lines
