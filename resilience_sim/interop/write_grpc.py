"""A stack as a gRPC service config, for all methods.

Owns that text; grpc.py reads it back.
"""

from __future__ import annotations

import json
from typing import Any

from resilience_sim.interop.durations import show_protobuf
from resilience_sim.interop.grpc import OUTCOMES
from resilience_sim.interop.writing import Parts, outcomes
from resilience_sim.policies.config import RetryConfig

_CODES = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED")


def write(parts: Parts) -> str:
    """One entry with the empty name."""
    for policy in (parts.limiter, parts.bulkhead):
        if policy is not None:
            parts.lost(f"`{policy.id}`", "gRPC has no such policy")
    if parts.breaker is not None:
        parts.lost("the circuit breaker", "gRPC has none; xDS outlier detection comes near")
    entry: dict[str, Any] = {"name": [{}]}
    total = parts.total or (parts.attempt if parts.retry is None and parts.hedge is None else None)
    if total is not None:
        entry["timeout"] = show_protobuf(total.after)
    if parts.attempt is not None and parts.attempt is not total:
        parts.lost(f"`{parts.attempt.id}`", "gRPC has a timeout of the whole call only")
    document: dict[str, Any] = {"methodConfig": [entry]}
    if parts.retry is not None and parts.retry.attempts > 1:
        entry["retryPolicy"] = _retry(parts, parts.retry)
        _throttling(parts, parts.retry, document)
        if parts.hedge is not None:
            parts.lost(f"`{parts.hedge.id}`", "retryPolicy and hedgingPolicy exclude each other")
    elif parts.hedge is not None:
        if parts.hedge.max_extra > 4:
            parts.lost(f"{parts.hedge.max_extra} extra attempts", "gRPC makes at most 5 in all")
        most = min(5, parts.hedge.max_extra + 1)
        entry["hedgingPolicy"] = {"maxAttempts": most, "hedgingDelay": show_protobuf(parts.hedge.delay)}
    return json.dumps(document, indent=2) + "\n"


def _retry(parts: Parts, retry: RetryConfig) -> dict[str, Any]:
    if retry.attempts > 5:
        parts.lost(f"{retry.attempts} attempts", "gRPC makes at most 5")
    if retry.backoff not in ("exponential", "constant"):
        parts.lost(f"backoff `{retry.backoff}`", "always exponential")
    if retry.jitter != "spread" or retry.spread != 0.2:
        parts.lost("the jitter", "always plus or minus 20 %")
    wanted, codes = outcomes(retry), []
    for code in _CODES:
        if set(OUTCOMES[code]) <= wanted:
            codes.append(code)
    first = max(1_000_000, retry.delay)
    return {
        "maxAttempts": min(5, retry.attempts),
        "initialBackoff": show_protobuf(first),
        "maxBackoff": show_protobuf(max(first, retry.max_delay or 120_000_000_000)),
        "backoffMultiplier": retry.factor if retry.backoff == "exponential" else 1,
        "retryableStatusCodes": codes or ["UNAVAILABLE"],
    }


def _throttling(parts: Parts, retry: RetryConfig, document: dict[str, Any]) -> None:
    budget = retry.budget
    if budget is None:
        return
    scheme = getattr(budget, "scheme", "")
    if scheme == "grpc":
        document["retryThrottling"] = {"maxTokens": budget.capacity, "tokenRatio": budget.deposit}
    elif scheme == "token_bucket" and budget.deposit_on == "success":
        tokens, ratio = 2 * budget.capacity / budget.cost, round(budget.deposit / budget.cost, 3)
        document["retryThrottling"] = {"maxTokens": min(1000, round(tokens, 3)), "tokenRatio": ratio}
        parts.lost("the budget", "written as retryThrottling of twice the size, which charges every failure")
    else:
        parts.lost("the budget", "gRPC knows retryThrottling only")
