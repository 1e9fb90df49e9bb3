"""Retry: tries again, with a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.kernel.events import ERROR, RATE_LIMITED, REFUSED, RESET, SHED, TIMEOUT, UNAVAILABLE
from resilience_sim.settings import codes
from resilience_sim.settings.budget import TABLE as BUDGET
from resilience_sim.settings.budget import BudgetConfig, budget
from resilience_sim.settings.policy import PolicyConfig, added
from resilience_sim.settings.service import METHODS, OperationConfig, operation_kind
from resilience_sim.settings.table import Findings, Loc, Nested, Param, Values
from resilience_sim.settings.types import (
    DURATION,
    FLAG,
    LONGER_THAN_ZERO,
    MULTIPLIER,
    Choice,
    Count,
    Jitter,
    Outcomes,
)

DEFAULT_RETRY_ON: tuple[int, ...] = (ERROR, UNAVAILABLE, RATE_LIMITED, TIMEOUT, REFUSED, RESET, SHED)
NO_CAP = float(1 << 62)
UNLIMITED_ATTEMPTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
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
    only_idempotent: bool = added(False)


PAGE = """\
Tries again when an attempt fails with an outcome that is listed in `on`. For trouble that passes; it multiplies
trouble that stays.

`attempts` counts the first try. After try n the wait is, before jitter and the cap `max_delay`:
    constant      d
    linear        d * n
    exponential   d * factor^(n-1)
    decorrelated  uniform between d and 3 * the wait before
Jitter: full is uniform (0, w), equal w/2 + uniform (0, w/2), 25% w * uniform (0.75, 1.25); then it is capped again.
No wait follows the last try. When B sends a Retry-After with its 429, that is the wait.

A rejection by a policy inside (breaker_open, bulkhead_full) is not retried unless listed.

With failures that are independent with probability f, n attempts succeed with 1 - f^n at a cost of
(1 - f^n) / (1 - f) attempts per request: f = 50%, n = 3 gives 87.5% for 1.75 attempts. In an outage f is 1, and
the cost is n attempts for nothing: see `budget`.

A budget limits all retries of a client instance together. A ratio: retries may be that share of the calls of the last
10 s, plus 1. token_bucket: `capacity` tokens at the start, `deposit` per call or per success, `cost` per retry.
failure_rate: no retries while more than `threshold` fails.

With `only_idempotent` a POST is tried again only if it carries an idempotency key; GET, PUT and DELETE always are."""

PARAMS = (
    Param(
        "attempts",
        Count(1, 10_000),
        3,
        "How many tries, the first one included.",
        first="3",
        synonyms=("max_attempts", "max_retries", "retries", "tries"),
    ),
    Param("delay", DURATION, "0ms", "Wait before the first retry.", first="100ms", synonyms=("base", "wait")),
    Param(
        "backoff",
        Choice("constant", "linear", "exponential", "decorrelated"),
        "constant",
        "How the wait grows from retry to retry.",
        first="exponential",
    ),
    Param("factor", MULTIPLIER, 2, "What an exponential wait is multiplied by each time.", synonyms=("multiplier",)),
    Param("max_delay", LONGER_THAN_ZERO, about="No wait is longer.", synonyms=("cap",)),
    Param(
        "jitter",
        Jitter(),
        "none",
        "How the wait is randomized: none, full, equal, or a share like `25%`.",
        first="full",
    ),
    Param(
        "on",
        Outcomes(),
        ["error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed"],
        "The outcomes that are tried again.",
        synonyms=("retry_on",),
    ),
    Param("honor_retry_after", FLAG, True, "Wait as long as B asks for with its 429."),
    Param("max_elapsed", LONGER_THAN_ZERO, about="No retry after this time since the first try."),
    Param("budget", Nested(BUDGET), about="Limits all retries together: a ratio, or a scheme."),
    Param("only_idempotent", FLAG, False, "A POST is tried again only if it carries an idempotency key."),
)


def classic_retry(values: Values, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    """Our own rules."""
    kind, spread = values.jitter
    if values.backoff != "constant" and not values.delay:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: backoff `{values.backoff}` of no `delay` is no wait at all")
    elif kind != "none" and not values.delay:
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `jitter` of no `delay` is no wait at all")
    if "factor" in values.written and values.backoff != "exponential":
        findings.warn(codes.NO_EFFECT, f"`{ident}`: `factor` has no effect on backoff `{values.backoff}`")
    return RetryConfig(
        ident,
        attempts=values.attempts,
        delay=values.delay,
        backoff=values.backoff,
        factor=values.factor,
        max_delay=values.max_delay or 0,
        jitter=kind,
        spread=spread,
        on=values.on if "on" in values.written else DEFAULT_RETRY_ON,
        honor_retry_after=values.honor_retry_after,
        max_elapsed=values.max_elapsed or 0,
        budget=budget(values.budget),
        only_idempotent=values.only_idempotent,
    )


# --- under a library's rules --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WaitConfig:
    """How long to wait before a retry, in nanoseconds.

    ``growth`` from retry to retry: ``constant``, ``linear`` (``base`` + ``step``·(n-1)), ``exponential``
    (``base``·``factor``^(n-1)), ``fibonacci`` (``base``, ``base`` + ``step``, sums), ``list`` (``of_times``, from the
    beginning again), ``decorrelated`` (drawn between ``base`` and ``factor`` times the wait before), ``smoothed``
    (Polly's decorrelated jitter), ``chain`` (one of ``of`` after the other, the last one for ever), ``sum`` (of
    ``of``), ``hint`` (what the answer asks for, else ``base``). ``jitter``: ``none``, ``full`` U(0, w), ``equal`` w/2
    + U(0, w/2), ``spread`` w·U(1-s, 1+s), ``mirrored`` (as spread, the draw counted downwards), ``added`` w + U(0,
    ``extra``), ``above`` U(``least``, w), ``around`` w + U(-``extra``, ``extra``) in whole milliseconds,
    ``resilience4j`` w·(1-s) + U·(2·w·s + 1 ms), at least 1 ms. ``most`` (0: none) caps ``before`` the jitter or
    ``after`` it. No wait is shorter than ``least``. ``cut`` to milliseconds: each step of the growth and the wait;
    ``whole``: the wait.
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
    whole: bool = added(False)


@dataclass(frozen=True, slots=True)
class StopConfig:
    """When to give up after a failure: ``never``, ``attempts`` (``limit`` of them), ``after`` (``limit`` ns have
    passed), ``before`` (they would, with the pending wait), ``exceeded`` (more than ``limit`` ns), ``twice`` (as
    ``after``, and again when the wait is over, instead of the try), ``ends`` (more than ``limit`` attempts had one of
    these ``outcomes``), or ``any`` / ``all`` of ``of``.
    """

    kind: str = "never"
    limit: int = 0
    of: tuple[StopConfig, ...] = ()
    outcomes: tuple[int, ...] = added(())


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
    ``counts_first``: whether the limit counts the first try. ``on``: what is tried again when nobody says.
    """

    library: str
    version: str
    hint: str = "ignored"
    trims: bool = False
    counts_first: bool = True
    on: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeRetryConfig(PolicyConfig):
    """A retry under a library's rules; ``limit`` ns is the one that waits are trimmed to.

    ``on_hint``: tried again only when the answer has a Retry-After. ``methods``: only requests with one of these HTTP
    methods are tried again, except after the outcomes ``on_any_method``; none: all are. ``hint_most``: no Retry-After
    counts for more ns than this; -1: no limit. ``heeds_hint`` False: none counts at all, whatever the rules.
    """

    kind: ClassVar[str] = "retry"
    rules: RetryRules
    wait: WaitConfig = WaitConfig()
    stop: StopConfig = StopConfig()
    again: AgainConfig | None = None
    on: tuple[int, ...] = ()
    limit: int = 0
    budget: BudgetConfig | None = None
    on_hint: tuple[int, ...] = added(())
    methods: tuple[str, ...] = added(())
    on_any_method: tuple[int, ...] = added(())
    hint_most: int = added(-1)
    heeds_hint: bool = added(True)
    only_idempotent: bool = added(False)

    @property
    def like(self) -> str:
        """Whose rules."""
        return self.rules.library

    @property
    def attempts(self) -> int:
        """How many tries there are at most, the first one included."""
        limit = _max_attempts(self.stop)
        ends = [stop for stop in self.stop.of if stop.kind == "ends"]
        if ends and {*self.on, *self.on_hint} <= {each for stop in ends for each in stop.outcomes}:
            each_kind = sum(stop.limit for stop in ends) + 1
            limit = min(limit, each_kind) if limit else each_kind
        return limit or UNLIMITED_ATTEMPTS

    @property
    def delay(self) -> int:
        """The wait before the first retry, before jitter."""
        return int(self.wait.base)


def spared(config: RetryConfig | LikeRetryConfig) -> tuple[int, ...]:
    """The kinds of operations (settings/service.py: operation_kind) that are not tried again, or only at times."""
    methods = config.methods if isinstance(config, LikeRetryConfig) else ()
    return tuple(
        operation_kind(method, keyed)
        for method in METHODS
        for keyed in (False, True)
        if (methods and method not in methods) or (config.only_idempotent and method == "POST" and not keyed)
    )


def tries_again(config: RetryConfig | LikeRetryConfig, operation: OperationConfig, outcome: int) -> bool:
    """Whether a request with this operation whose attempt ended so is worth another one."""
    worth = outcome in config.on
    if config.only_idempotent and not operation.repeatable:
        return False
    if isinstance(config, LikeRetryConfig) and config.methods and operation.method not in config.methods:
        return worth and outcome in config.on_any_method
    return worth


def _max_attempts(stop: StopConfig) -> int:
    if stop.kind == "attempts":
        return stop.limit
    limits = [limit for limit in map(_max_attempts, stop.of) if limit]
    if stop.kind == "any" and limits:
        return min(limits)
    return max(limits) if stop.kind == "all" and len(limits) == len(stop.of) and limits else 0
