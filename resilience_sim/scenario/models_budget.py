"""The `budget` of a retry: a ratio, or a scheme with its settings.

Owns the schemes and their keys. To add one: its kind to ``SUPPORTED``, its keys to ``KEYS`` and the model, its
resolution to resolve_budget.py. Refuses the arithmetic of budgets (policies/).
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from resilience_sim.policies.rules.native import SHARE, Param
from resilience_sim.scenario import codes, leaves, like_leaves, units
from resilience_sim.scenario.leaves import (
    DURATION_SCHEMA,
    Leaf,
    Number,
    PositiveNumber,
    SomeShare,
    either,
    problem,
    read_count,
)
from resilience_sim.scenario.models_base import Short, key, required
from resilience_sim.scenario.policy_leaves import MOST_CALLS, CallsOrTime
from resilience_sim.scenario.suggest import did_you_mean, one_of
from resilience_sim.scenario.units import UnitError, shown

SUPPORTED: tuple[str, ...] = ("token_bucket", "failure_rate", "finagle", "envoy", "failsafe-go", "grpc", "aws")
KEYS: dict[str, tuple[str, ...]] = {
    "token_bucket": ("capacity", "deposit", "deposit_on", "cost"),
    "failure_rate": ("threshold", "window", "counts"),
    "finagle": ("ttl", "minRetriesPerSec", "percentCanRetry"),
    "envoy": ("budget_percent", "min_retry_concurrency"),
    "failsafe-go": ("maxRate", "minConcurrency"),
    "grpc": ("maxTokens", "tokenRatio"),
    "aws": ("mode", "capacity"),
}
_SHARE_OR_NUMBER = like_leaves.leaf(Param("", SHARE, None))
_PERCENT = like_leaves.percent_as_share()


def _kind(value: object) -> str:
    said = str(value)
    if said in SUPPORTED:
        return said
    raise UnitError(
        codes.CHOICE, f"{shown(value)} is no kind of budget", did_you_mean(said, SUPPORTED) or one_of(SUPPORTED)
    )


def _window(value: object) -> CallsOrTime:
    if value == "all":
        return CallsOrTime()
    if isinstance(value, str):
        time = units.duration(value)
        if not time:
            raise UnitError(codes.RANGE, "a window cannot be empty", "write `10s`, `100` (calls) or `all`")
        return CallsOrTime(time=time)
    return CallsOrTime(calls=read_count(value, 1, MOST_CALLS))


Kind = Annotated[str, Leaf(_kind, {"enum": list(SUPPORTED)}, "token_bucket")]
BudgetWindow = Annotated[
    CallsOrTime,
    Leaf(
        _window, either({"const": "all"}, {"type": "integer", "minimum": 1, "maximum": MOST_CALLS}, DURATION_SCHEMA), 10
    ),
]


class BudgetModel(Short):
    """A limit for all retries together: `10%`, or `{kind: token_bucket, …}`."""

    kind: Kind = required(description="The scheme.")
    capacity: PositiveNumber = key(
        5, description="token_bucket, aws: how many tokens it holds; it starts full (aws: 500)."
    )
    deposit: Number = key(0.1, description="token_bucket: tokens that each call or success puts in.")
    deposit_on: Annotated[str, leaves.choice("call", "success")] = key(
        "call", description="token_bucket: what puts tokens in."
    )
    cost: PositiveNumber = key(1, description="token_bucket: tokens that a retry takes out.")
    threshold: Annotated[float, leaves.ratio()] = key(
        "10%", description="failure_rate: no retries while more than this share fails."
    )
    window: BudgetWindow = key("10s", description="failure_rate: how far it looks back: `10s`, `100` calls, or `all`.")
    counts: Annotated[str, leaves.choice("first_tries", "attempts")] = key(
        "first_tries", description="failure_rate: failed first tries, or failed attempts over calls."
    )
    ttl: leaves.LongerThanZero = key("10s", description="finagle: how far it looks back.")
    minRetriesPerSec: Number = key(10, description="finagle: retries a second that are always allowed.")
    percentCanRetry: Annotated[float, _SHARE_OR_NUMBER] = key("20%", description="finagle: retries beyond, per call.")
    budget_percent: Annotated[float, _PERCENT] = key(
        "20%", description="envoy: share of the requests under way that may be retries."
    )
    min_retry_concurrency: Annotated[int, leaves.count(0, MOST_CALLS)] = key(
        3, description="envoy: retries at once that are always allowed."
    )
    maxRate: Annotated[float, _SHARE_OR_NUMBER] = key(
        "20%", description="failsafe-go: share of the executions under way that may be retries."
    )
    minConcurrency: Annotated[int, leaves.count(0, MOST_CALLS)] = key(
        3, description="failsafe-go: retries at once that are always allowed."
    )
    maxTokens: PositiveNumber = key(10, description="grpc: tokens; retries only while more than half are there.")
    tokenRatio: PositiveNumber = key(0.1, description="grpc: tokens that a success gives back.")
    mode: Annotated[str, leaves.choice("standard", "adaptive", "2026")] = key(
        "standard", description="aws: which quota; adaptive adds a send rate that throttling cuts."
    )

    @classmethod
    def short(cls) -> Leaf:
        """Retries as a share of calls."""
        return _SHARE

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self._scalar is None:
            for name in sorted(self.model_fields_set - {"kind"}):
                if name not in KEYS[self.kind]:
                    owner = next(kind for kind, keys in KEYS.items() if name in keys)
                    raise problem(codes.CONFLICT, f"`{name}` belongs to the budget `{owner}`, not `{self.kind}`",
                                  one_of(KEYS[self.kind]), at=name)  # fmt: skip
        return self


_SHARE: Leaf = leaves.ratio(0, 10)
__all__ = ["BudgetModel", "SomeShare"]
