"""Settings of retries and their budgets that follow a known library's rules, frozen.

Owns the shapes, as policies/config_like.py does for breakers: rows are rules/library_retries.py, behaviour is rules/.
Times are nanoseconds, in waits as floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.policies.config import BudgetConfig, PolicyConfig

NO_CAP = float(1 << 62)
UNLIMITED_ATTEMPTS = 10_000


@dataclass(frozen=True, slots=True)
class WaitConfig:
    """How long to wait before a retry, in nanoseconds.

    ``growth`` from retry to retry: ``constant``, ``linear`` (``base`` + ``step``·(n-1)), ``exponential``
    (``base``·``factor``^(n-1)), ``fibonacci`` (``base``, ``base`` + ``step``, sums), ``list`` (``of_times``, from the
    beginning again), ``decorrelated`` (drawn between ``base`` and ``factor`` times the wait before), ``smoothed``
    (Polly's decorrelated jitter), ``chain`` (one of ``of`` after the other, the last one for ever), ``sum`` (of
    ``of``), ``hint`` (what the answer asks for, else ``base``). ``jitter``: ``none``, ``full`` U(0, w), ``equal`` w/2
    + U(0, w/2), ``spread`` w·U(1-s, 1+s), ``mirrored`` (as spread, the draw counted downwards), ``added`` w + U(0,
    ``extra``), ``above`` U(``least``, w), ``resilience4j`` w·(1-s) + U·(2·w·s + 1 ms), at least 1 ms. ``most`` (0:
    none) caps ``before`` the jitter or ``after`` it. No wait is shorter than ``least``. ``cut``: milliseconds.
    """

    growth: str = "constant"
    base: float = 0.0
    step: float = 0.0
    factor: float = 2.0
    jitter: str = "none"
    spread: float = 0.0
    extra: float = 0.0
    most: float = NO_CAP
    capped: str = "after"
    least: float = 0.0
    cut: bool = False
    of: tuple[WaitConfig, ...] = ()
    of_times: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class StopConfig:
    """When to give up after a failure: ``never``, ``attempts`` (``limit`` of them), ``after`` (``limit`` ns have
    passed), ``before`` (they would, with the pending wait), ``exceeded`` (more than ``limit`` ns), or ``any`` /
    ``all`` of ``of``.
    """

    kind: str = "never"
    limit: int = 0
    of: tuple[StopConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class AgainConfig:
    """Which ends of an attempt are worth another one.

    ``error`` (one of ``names`` or derived from it), ``no_error`` (an error that is none of them), ``unless_error``
    (anything but those, results too), ``cause`` (of one of them), ``message`` (``text`` in full, or ``pattern`` from
    its start), ``not_message``, ``result`` / ``not_result`` (a returned value among ``names``), ``always``,
    ``never``, ``any`` / ``all``.
    """

    kind: str = "error"
    names: tuple[str, ...] = ("Exception",)
    text: str = ""
    pattern: str = ""
    of: tuple[AgainConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryRules:
    """What a library's retry does that no parameter changes.

    ``hint`` (a Retry-After): ``ignored`` · ``replaces`` the backoff · ``restarts`` it too (gRPC pushback) ·
    ``bounds`` it to [hint, hint + 5 s] (AWS 2026). ``trims``: no wait goes beyond the time limit (failsafe-go).
    ``draws``: how many numbers one wait takes at most. ``counts_first``: whether the limit counts the first try.
    """

    library: str
    version: str
    hint: str = "ignored"
    trims: bool = False
    counts_first: bool = True
    on: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LikeRetryConfig(PolicyConfig):
    """A retry under a library's rules; ``limit`` ns is the one that waits are trimmed to."""

    kind: ClassVar[str] = "retry"
    rules: RetryRules
    wait: WaitConfig = WaitConfig()
    stop: StopConfig = StopConfig()
    again: AgainConfig | None = None
    on: tuple[int, ...] = ()
    limit: int = 0
    budget: BudgetConfig | None = None

    @property
    def like(self) -> str:
        """Whose rules."""
        return self.rules.library

    @property
    def attempts(self) -> int:
        """How many tries there are at most, the first one included."""
        return _most_attempts(self.stop) or UNLIMITED_ATTEMPTS

    @property
    def delay(self) -> int:
        """The wait before the first retry, without chance."""
        return int(self.wait.base)


def _most_attempts(stop: StopConfig) -> int:
    if stop.kind == "attempts":
        return stop.limit
    limits = [limit for limit in map(_most_attempts, stop.of) if limit]
    if stop.kind == "any" and limits:
        return min(limits)
    return max(limits) if stop.kind == "all" and len(limits) == len(stop.of) and limits else 0


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
