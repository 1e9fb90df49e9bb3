"""Retry budget: a limit on all retries of a client instance together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resilience_sim.settings import codes
from resilience_sim.settings.library_types import FRACTION, LibraryShare
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import Findings, Loc, Param, Table, Values
from resilience_sim.settings.types import AMOUNT, NUMBER, Choice, Count, Duration, Ratio, Window
from resilience_sim.settings.units import UnitError, shown


@dataclass(frozen=True, slots=True)
class BudgetConfig:
    """A retry budget.

    ====================  =========================================================================================
    scheme                fields
    ====================  =========================================================================================
    ``ratio``             ``ratio``: retries of the last 10 s may be that share of its calls, plus 1
    ``token_bucket``      ``capacity``, ``deposit``, ``deposit_on`` (call | success), ``cost``
    ``failure_rate``      ``ratio`` (threshold), ``window_calls`` or ``window_time`` ns (both 0: all), ``counts``
                          (first_tries | attempts)
    ====================  =========================================================================================
    """

    scheme: str
    ratio: float = 0.0
    capacity: float = 5.0
    deposit: float = 0.1
    deposit_on: str = "call"
    cost: float = 1.0
    window_calls: int = 0
    window_time: int = 0
    counts: str = "first_tries"


@dataclass(frozen=True, slots=True)
class LikeBudgetConfig(BudgetConfig):
    """A library's retry budget; ``scheme`` says whose.

    ===============  ============================================================================================
    scheme           fields
    ===============  ============================================================================================
    ``finagle``      ``ttl`` ns, ``min_retries`` per second, ``ratio`` (percentCanRetry)
    ``envoy``        ``ratio`` (budget_percent), ``min_concurrency``
    ``failsafe-go``  ``ratio`` (maxRate), ``min_concurrency``
    ``grpc``         ``capacity`` (maxTokens), ``deposit`` (tokenRatio)
    ``aws``          ``capacity``, ``mode``: standard | 2026 | adaptive
    ===============  ============================================================================================
    """

    ttl: int = 10_000_000_000
    min_retries: float = 10.0
    min_concurrency: int = 3
    mode: str = "standard"


AWS_CAPACITY = 500.0

# the parameters that each scheme takes, and what they make
SCHEMES: dict[str, tuple[tuple[str, ...], Callable[[Values], BudgetConfig]]] = {
    "token_bucket": (
        ("capacity", "deposit", "deposit_on", "cost"),
        lambda v: BudgetConfig(
            "token_bucket", capacity=v.capacity, deposit=v.deposit, deposit_on=v.deposit_on, cost=v.cost
        ),
    ),
    "failure_rate": (
        ("threshold", "window", "counts"),
        lambda v: BudgetConfig(
            "failure_rate",
            ratio=v.threshold,
            window_calls=v.window.calls,
            window_time=v.window.time,
            counts=v.counts,
        ),
    ),
    "finagle": (
        ("ttl", "minRetriesPerSec", "percentCanRetry"),
        lambda v: LikeBudgetConfig("finagle", ratio=v.percentCanRetry, ttl=v.ttl, min_retries=v.minRetriesPerSec),
    ),
    "envoy": (
        ("budget_percent", "min_retry_concurrency"),
        lambda v: LikeBudgetConfig("envoy", ratio=v.budget_percent, min_concurrency=v.min_retry_concurrency),
    ),
    "failsafe-go": (
        ("maxRate", "minConcurrency"),
        lambda v: LikeBudgetConfig("failsafe-go", ratio=v.maxRate, min_concurrency=v.minConcurrency),
    ),
    "grpc": (
        ("maxTokens", "tokenRatio"),
        lambda v: LikeBudgetConfig("grpc", capacity=v.maxTokens, deposit=v.tokenRatio),
    ),
    "aws": (
        ("mode", "capacity"),
        lambda v: LikeBudgetConfig(
            "aws", capacity=v.capacity if "capacity" in v.written else AWS_CAPACITY, mode=v.mode
        ),
    ),
}


class _Scheme(Choice):
    """A scheme of budgets."""

    def read(self, value: object) -> str:
        said = str(value)
        if said in self.words:
            return said
        remedy = did_you_mean(said, self.words) or one_of(self.words)
        raise UnitError(codes.CHOICE, f"{shown(value)} is no kind of budget", remedy)


def _fitting(values: Values, loc: Loc, findings: Findings) -> None:
    takes = SCHEMES[values.kind][0]
    for name in sorted(set(values.written) - {"kind"}):
        if name not in takes:
            owner = next(scheme for scheme, (names, _) in SCHEMES.items() if name in names)
            message = f"`{name}` belongs to the budget `{owner}`, not `{values.kind}`"
            findings.error((*loc, name), codes.CONFLICT, message, one_of(takes), key=True)


TABLE = Table(
    "budget",
    "A limit for all retries together: `10%`, or `{kind: token_bucket, …}`.",
    (
        Param("kind", _Scheme(*SCHEMES), about="The scheme.", required=True),
        Param("capacity", AMOUNT, 5, "token_bucket, aws: how many tokens it holds; it starts full (aws: 500)."),
        Param("deposit", NUMBER, 0.1, "token_bucket: tokens that each call or success puts in."),
        Param("deposit_on", Choice("call", "success"), "call", "token_bucket: what puts tokens in."),
        Param("cost", AMOUNT, 1, "token_bucket: tokens that a retry takes out."),
        Param("threshold", Ratio(), "10%", "failure_rate: no retries while more than this share fails."),
        Param("window", Window(all=True), "10s", "failure_rate: how far it looks back: `10s`, `100` calls, or `all`."),
        Param(
            "counts",
            Choice("first_tries", "attempts"),
            "first_tries",
            "failure_rate: failed first tries, or failed attempts over calls.",
        ),
        Param("ttl", Duration(1_000_000), "10s", "finagle: how far it looks back."),
        Param("minRetriesPerSec", NUMBER, 10, "finagle: retries a second that are always allowed."),
        Param("percentCanRetry", LibraryShare(least=1e-6), "20%", "finagle: retries beyond, per call."),
        Param(
            "budget_percent",
            LibraryShare(100.0, divided=True),
            "20%",
            "envoy: share of the requests under way that may be retries.",
        ),
        Param("min_retry_concurrency", Count(0), 3, "envoy: retries at once that are always allowed."),
        Param("maxRate", FRACTION, "20%", "failsafe-go: share of the executions under way that may be retries."),
        Param("minConcurrency", Count(0), 3, "failsafe-go: retries at once that are always allowed."),
        Param("maxTokens", AMOUNT, 10, "grpc: tokens; retries only while more than half are there."),
        Param("tokenRatio", AMOUNT, 0.1, "grpc: tokens that a success gives back."),
        Param(
            "mode",
            Choice("standard", "adaptive", "2026"),
            "standard",
            "aws: which quota; adaptive adds a send rate that throttling cuts.",
        ),
    ),
    short=Ratio(0, 10),
    check=_fitting,
)


def budget(values: Values | None) -> BudgetConfig | None:
    """What limits the retries together."""
    if values is None:
        return None
    if values.scalar is not None:
        return BudgetConfig("ratio", ratio=values.scalar)
    return SCHEMES[values.kind][1](values)
