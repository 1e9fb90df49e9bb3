"""A stack as an HTTPRoute, and an XBackendTrafficPolicy for its retry budget."""

from __future__ import annotations

from resilience_sim.interop.durations import SECOND, show_spring
from resilience_sim.interop.mesh import code_outcomes, note_unsupported
from resilience_sim.interop.writing import Parts, outcomes
from resilience_sim.settings.budget import LikeBudgetConfig

_MS = 1_000_000


def write(parts: Parts) -> str:
    """The documents, for a service of the scenario's name."""
    note_unsupported(parts)
    if parts.hedge is not None:
        parts.lost(f"`{parts.hedge.id}`", "the Gateway API has no hedging")
    if parts.bulkhead is not None:
        parts.lost(f"`{parts.bulkhead.id}`", "the Gateway API has no limits of concurrency")
    if parts.breaker is not None:
        parts.lost("the breaker", "the Gateway API has no ejection; each implementation has a policy of its own for it")
    lines = [
        "apiVersion: gateway.networking.k8s.io/v1",
        "kind: HTTPRoute",
        f"metadata: {{name: {parts.name}}}",
        "spec:",
        "  parentRefs: [{name: gateway}]",
        "  rules:",
        f"  - backendRefs: [{{name: {parts.name}, port: 80}}]",
        *_timeouts(parts),
        *_retry(parts),
    ]
    return "\n".join([*lines, *_budget(parts)]) + "\n"


def _span(parts: Parts, ns: int, what: str) -> str:
    if ns % _MS or ns >= 100_000 * SECOND:
        parts.lost(what, "durations are whole milliseconds of five digits at most")
    whole = max(1, round(ns / _MS)) * _MS
    shown = show_spring(whole)
    if len(shown.rstrip("hms")) <= 5:
        return shown
    return f"{min(whole // SECOND, 99_999)}s" + (f"{whole // _MS % 1000}ms" if whole // _MS % 1000 else "")


def _timeouts(parts: Parts) -> list[str]:
    total = parts.total or (parts.attempt if parts.retry is None else None)
    attempt = parts.attempt if parts.attempt is not total else None
    found = [f"request: {_span(parts, total.after, 'the exact timeout')}"] if total else []
    if attempt is not None:
        found.append(f"backendRequest: {_span(parts, attempt.after, 'the exact timeout of each try')}")
    return [f"    timeouts: {{{', '.join(found)}}}"] if found else []


def _retry(parts: Parts) -> list[str]:
    retry = parts.retry
    if retry is None or retry.attempts < 2:
        return []
    wanted = outcomes(retry)
    codes = [code for code in ("429", "500", "502", "503", "504") if set(code_outcomes(code)) & wanted]
    if retry.backoff != "constant" or retry.jitter != "none":
        parts.lost("the shape of the waits", "implementations may grow and spread them as they like")
    wait = [f"backoff: {_span(parts, retry.delay, 'the exact wait')}"] if retry.delay else []
    said = [f"attempts: {retry.attempts - 1}", f"codes: [{', '.join(codes)}]" if codes else "", *wait]
    return [f"    retry: {{{', '.join(each for each in said if each)}}}"]


def _budget(parts: Parts) -> list[str]:
    budget = parts.retry.budget if parts.retry else None
    if budget is None:
        return []
    if not (budget.ratio and budget.scheme in ("ratio", "finagle")):
        parts.lost("the budget", "the Gateway API's is a share of the requests of an interval")
        return []
    share = round(budget.ratio * 100)
    if share != budget.ratio * 100 or share > 100:
        parts.lost("the exact share of the budget", "percentages are integers up to 100")
    interval = budget.ttl if isinstance(budget, LikeBudgetConfig) else 10 * SECOND
    least = round(budget.min_retries) if isinstance(budget, LikeBudgetConfig) else 0
    if not least:
        parts.lost("no retries beyond the share", "at least one a second is always allowed")
    return [
        "---",
        "apiVersion: gateway.networking.x-k8s.io/v1alpha1",
        "kind: XBackendTrafficPolicy",
        f"metadata: {{name: {parts.name}}}",
        "spec:",
        f"  targetRefs: [{{group: '', kind: Service, name: {parts.name}}}]",
        "  retryConstraint:",
        f"    budget: {{percent: {min(100, max(1, share))}, interval: {_span(parts, interval, 'the interval')}}}",
        f"    minRetryRate: {{count: {max(1, least)}, interval: 1s}}",
    ]
