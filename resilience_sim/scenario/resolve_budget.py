"""The budget of a retry: from the model to its settings.

Owns nothing but the names. Refuses the arithmetic (policies/budgets.py, policies/budgets.py).
"""

from __future__ import annotations

from collections.abc import Callable

from resilience_sim.policies.config import BudgetConfig
from resilience_sim.policies.config_like_retry import LikeBudgetConfig
from resilience_sim.scenario.models_budget import BudgetModel

AWS_CAPACITY = 500.0


def budget(model: BudgetModel) -> BudgetConfig:
    """What limits the retries together."""
    if model.scalar is not None:
        return BudgetConfig("ratio", ratio=model.scalar)
    if model.kind == "failure_rate":
        return BudgetConfig(
            "failure_rate",
            ratio=model.threshold,
            window_calls=model.window.calls,
            window_time=model.window.time,
            counts=model.counts,
        )
    if model.kind in _LIKE:
        return _LIKE[model.kind](model)
    return BudgetConfig(
        "token_bucket", capacity=model.capacity, deposit=model.deposit, deposit_on=model.deposit_on, cost=model.cost
    )


def _finagle(model: BudgetModel) -> BudgetConfig:
    return LikeBudgetConfig("finagle", ratio=model.percentCanRetry, ttl=model.ttl, min_retries=model.minRetriesPerSec)


def _envoy(model: BudgetModel) -> BudgetConfig:
    return LikeBudgetConfig("envoy", ratio=model.budget_percent, min_concurrency=model.min_retry_concurrency)


def _failsafe_go(model: BudgetModel) -> BudgetConfig:
    return LikeBudgetConfig("failsafe-go", ratio=model.maxRate, min_concurrency=model.minConcurrency)


def _grpc(model: BudgetModel) -> BudgetConfig:
    return LikeBudgetConfig("grpc", capacity=model.maxTokens, deposit=model.tokenRatio)


def _aws(model: BudgetModel) -> BudgetConfig:
    written = "capacity" in model.model_fields_set
    return LikeBudgetConfig("aws", capacity=model.capacity if written else AWS_CAPACITY, mode=model.mode)


_LIKE: dict[str, Callable[[BudgetModel], BudgetConfig]] = {
    "finagle": _finagle, "envoy": _envoy, "failsafe-go": _failsafe_go, "grpc": _grpc, "aws": _aws,
}  # fmt: skip
