"""Settings of the policies, frozen. One class per policy; the rules live in the file of that policy.

Owns the shapes the core takes. Refuses to parse or validate (scenario/ does).
Times are integer nanoseconds, shares are 0..1 floats, outcomes are the codes of kernel/events.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.kernel.events import ERROR, RATE_LIMITED, REFUSED, RESET, SHED, TIMEOUT, UNAVAILABLE

DEFAULT_RETRY_ON: tuple[int, ...] = (ERROR, UNAVAILABLE, RATE_LIMITED, TIMEOUT, REFUSED, RESET, SHED)


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """Common to all: the id that events, ``set:`` paths and results use (``retry``, ``timeout#2``, or the user's)."""

    kind: ClassVar[str] = ""
    id: str


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
class RetryConfig(PolicyConfig):
    """``attempts`` includes the first try. ``max_delay`` and ``max_elapsed`` 0: none."""

    kind: ClassVar[str] = "retry"
    attempts: int = 3
    delay: int = 0
    backoff: str = "constant"  # constant | linear | exponential | decorrelated
    factor: float = 2.0
    max_delay: int = 0
    jitter: str = "none"  # none | full | equal | spread
    spread: float = 0.0  # with jitter "spread": 0.25 for 25%
    on: tuple[int, ...] = DEFAULT_RETRY_ON
    honor_retry_after: bool = True
    max_elapsed: int = 0
    budget: BudgetConfig | None = None


@dataclass(frozen=True, slots=True)
class BreakerConfig(PolicyConfig):
    """``consecutive`` > 0: trip on failures in a row; else on ``failure_share`` of the window.

    Exactly one of ``window_calls`` and ``window_time`` (ns) is set. ``min_calls``, ``success_threshold`` are resolved
    (never 0). ``slow_call`` 0: slow calls are not looked at. Open-time backoff: ``open_factor`` 1.0 none;
    each re-opening multiplies the open time, up to ``open_max`` (0: no cap); closing resets it.
    """

    kind: ClassVar[str] = "circuit_breaker"
    consecutive: int = 5
    failure_share: float = 0.0
    window_calls: int = 100
    window_time: int = 0
    min_calls: int = 100
    recovery_time: int = 30_000_000_000
    probes: int = 1
    success_threshold: int = 1
    slow_call: int = 0
    slow_share: float = 0.8
    ignore: tuple[int, ...] = ()
    open_factor: float = 1.0
    open_max: int = 0
    like: str = "classic"


@dataclass(frozen=True, slots=True)
class TimeoutConfig(PolicyConfig):
    """The caller stops waiting ``after`` ns; B's work goes on unless ``cancels_work``."""

    kind: ClassVar[str] = "timeout"
    after: int = 0
    cancels_work: bool = False


@dataclass(frozen=True, slots=True)
class BulkheadConfig(PolicyConfig):
    """``max_wait`` -1: a queued call waits as long as its caller does."""

    kind: ClassVar[str] = "bulkhead"
    max_concurrent: int = 1
    queue: int = 0
    max_wait: int = -1


@dataclass(frozen=True, slots=True)
class RateLimiterConfig(PolicyConfig):
    """``count`` permits every ``per`` ns; ``burst`` resolved (token_bucket only)."""

    kind: ClassVar[str] = "rate_limiter"
    count: float = 1.0
    per: int = 1_000_000_000
    burst: int = 1
    max_wait: int = 0
    scheme: str = "token_bucket"  # token_bucket | fixed_window | smooth


@dataclass(frozen=True, slots=True)
class HedgeConfig(PolicyConfig):
    """After each ``delay`` ns without an answer one more leg starts, up to ``max_extra``."""

    kind: ClassVar[str] = "hedge"
    delay: int = 0
    max_extra: int = 1
    cancels_loser: bool = True


@dataclass(frozen=True, slots=True)
class FallbackConfig(PolicyConfig):
    """Answers in B's place after ``latency`` ns when the inside fails."""

    kind: ClassVar[str] = "fallback"
    latency: int = 0


@dataclass(frozen=True, slots=True)
class ThrottleConfig(PolicyConfig):
    """Adaptive throttling of the SRE book (chapter "Handling Overload"): ``k``, ``window`` ns."""

    kind: ClassVar[str] = "throttle"
    k: float = 2.0
    window: int = 120_000_000_000
