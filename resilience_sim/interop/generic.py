"""A stack in common terms, whatever library's settings it has: for the linter and the writers.

Retries, limiters, hedges and throttles become the generic policy that comes nearest; a breaker is looked at through
``BreakerView``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import ceil, floor

from resilience_sim.settings.breaker import BreakerConfig, LikeBreakerConfig
from resilience_sim.settings.hedge import HedgeConfig, LikeHedgeConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.rate_limiter import LikeLimiterConfig, RateLimiterConfig
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig, StopConfig, WaitConfig
from resilience_sim.settings.throttle import LikeThrottleConfig, ThrottleConfig

WITHOUT_LIMIT = 10_000
_COUNTED = 100
_GROWTH = {
    "constant": "constant",
    "linear": "linear",
    "exponential": "exponential",
    "decorrelated": "decorrelated",
    "smoothed": "exponential",
    "fibonacci": "exponential",
    "list": "constant",
    "hint": "constant",
}
_JITTER = {"none": "none", "full": "full", "equal": "equal"}


_REMEMBERING = ("decorrelated", "smoothed")


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestRetry(RetryConfig):
    """The generic retry that comes nearest to a library's. ``rule``: the library's own waits, if each of them can be
    told without those before it. ``overruns``: a wait that begins in time may end after ``max_elapsed``.
    """

    rule: WaitConfig | None = None
    overruns: bool = False


def as_generic(stack: tuple[PolicyConfig, ...]) -> tuple[PolicyConfig, ...]:
    """The same stack in generic policies; breakers stay as they are."""
    return tuple(_shared(config, _generic(config)) for config in stack)


def _shared(config: PolicyConfig, made: PolicyConfig) -> PolicyConfig:
    return made if made is config or made.shared == config.shared else replace(made, shared=config.shared)


def _generic(config: PolicyConfig) -> PolicyConfig:
    if isinstance(config, LikeRetryConfig):
        return _retry(config)
    if isinstance(config, LikeLimiterConfig):
        scheme = "fixed_window" if config.scheme == "cycles" else "token_bucket"
        return RateLimiterConfig(
            config.id,
            count=config.count,
            per=config.period,
            burst=config.burst,
            max_wait=config.patience,
            scheme=scheme,
        )
    if isinstance(config, LikeHedgeConfig):
        return HedgeConfig(
            config.id,
            delay=max(0, config.delay),
            max_extra=config.max_extra,
            cancels_loser=config.cancels_loser,
        )
    if isinstance(config, LikeThrottleConfig):
        return ThrottleConfig(config.id, window=config.window)
    return config


def _retry(config: LikeRetryConfig) -> RetryConfig:
    wait = _single(config.wait)
    jitter, spread = _spread(wait)
    return NearestRetry(
        id=config.id,
        attempts=min(config.attempts or WITHOUT_LIMIT, _begun_in_time(config)),
        delay=int(wait.of_times[-1] if wait.of_times else wait.base),
        backoff=_GROWTH.get(wait.growth, "constant"),
        factor=1.62 if wait.growth == "fibonacci" else wait.factor,
        max_delay=int(wait.most),
        jitter=jitter,
        spread=spread,
        on=config.on or config.rules.on,
        honor_retry_after=config.heeds_hint and config.rules.hint != "ignored",
        max_elapsed=config.limit or _time_limit(config.stop),
        budget=config.budget,
        only_idempotent=config.only_idempotent or bool(config.methods and "POST" not in config.methods),
        rule=None if _remembers(config.wait) else config.wait,
        overruns=_overruns(config.stop),
    )


def _remembers(wait: WaitConfig) -> bool:
    """Whether a wait depends on those before it."""
    return wait.growth in _REMEMBERING or any(map(_remembers, wait.of))


def _single(wait: WaitConfig) -> WaitConfig:
    """One formula for a chain, whose last part counts in the long run, and for a sum; a random wait by its middle."""
    while wait.growth == "chain" and wait.of:
        wait = wait.of[-1]
    if wait.growth == "sum" and wait.of:
        parts = [_single(each) for each in wait.of]
        lead = next((each for each in parts if each.growth != "constant"), parts[0])
        rest = [each for each in parts if each is not lead]
        width = lead.extra + sum(2 * each.spread * each.base for each in rest)
        base = lead.base + (sum(each.base for each in rest) if lead.growth == "constant" else 0.0)
        if lead.growth == "constant":
            width = sum(2 * each.spread * each.base for each in parts)
            return replace(
                lead, base=base, jitter="spread" if width else "none", spread=width / 2 / base if base else 0.0
            )
        return replace(lead, jitter="added", extra=width) if width and lead.jitter == "none" else lead
    if wait.growth == "constant" and wait.jitter == "added":
        middle = wait.base + wait.extra / 2
        return replace(wait, base=middle, jitter="spread", spread=wait.extra / 2 / middle if middle else 0.0)
    return wait


def _time_limit(stop: StopConfig) -> int:
    """The time after which no retry begins; 0 for none."""
    if stop.kind in ("after", "before", "exceeded"):
        return stop.limit
    limits = [_time_limit(each) for each in stop.of]
    real = [each for each in limits if each]
    if stop.kind == "any":
        return min(real, default=0)
    return max(real) if stop.kind == "all" and len(real) == len(limits) and real else 0


def _overruns(stop: StopConfig) -> bool:
    """Whether the time is looked at before a wait, without the wait."""
    return stop.kind in ("after", "exceeded") or any(map(_overruns, stop.of))


def _begun_in_time(config: LikeRetryConfig) -> int:
    """The attempts that a time limit leaves where all fail at once; only waits of a known least length tell."""
    limit, overruns, passed = _time_limit(config.stop), _overruns(config.stop), 0.0
    for n in range(1, _COUNTED if limit else 1):
        wait = _shortest(config.wait, n)
        if (passed if overruns else passed + wait) >= limit:
            return n
        passed += wait
    return WITHOUT_LIMIT


def _shortest(wait: WaitConfig, n: int) -> float:
    """The least that the wait before the nth retry can be, as far as its formula is a simple one."""
    if wait.growth == "sum":
        return sum(_shortest(each, n) for each in wait.of)
    if wait.growth == "chain" and wait.of:
        return _shortest(wait.of[min(n, len(wait.of)) - 1], n)
    known = wait.growth in ("constant", "exponential") and wait.jitter in ("none", "added")
    grown = wait.base * wait.factor ** (n - 1) if wait.growth == "exponential" else wait.base
    return max(wait.least, min(grown, wait.most or grown)) if known else wait.least


def _spread(wait: WaitConfig) -> tuple[str, float]:
    if wait.growth == "smoothed":
        return "spread", 0.5
    if wait.jitter in _JITTER:
        return _JITTER[wait.jitter], 0.0
    if wait.jitter in ("added", "around"):
        return "spread", min(1.0, wait.extra / wait.base) if wait.base else 1.0
    return ("full", 0.0) if wait.jitter == "above" else ("spread", wait.spread)


_TRIP = re.compile(r"\s*consecutive_?failures\s*(>=|>)\s*([0-9]{1,9})\s*\Z", re.IGNORECASE)


def failures_needed(share: float, calls: int, strict: bool = False) -> int:
    """How many of ``calls`` must fail to reach the share, or to exceed it."""
    return max(1, floor(share * calls + 1e-9) + 1 if strict else ceil(share * calls - 1e-9))


@dataclass(frozen=True, slots=True)
class BreakerView:
    """``consecutive`` 0: by share. ``half_open_limit`` 0: half-open may last for ever. Times in ns.

    ``ignore``: outcomes that count as a success, or not at all; these are ``uncounted``. ``strict``: the share must be
    exceeded. ``errors`` of ``window_time`` open it, whatever share they are, each ``lumping`` ns after the one before.
    ``waits``: whoever finds a probe under way waits for its result. ``looks_when_failing``: a success trips nothing.
    """

    consecutive: int
    share: float
    window_calls: int
    window_time: int
    min_calls: int
    recovery: int
    probes: int
    successes: int
    slow_call: int
    slow_share: float
    ignore: tuple[int, ...]
    half_open_limit: int
    lets_all_in: bool
    like: str
    open_factor: float = 1.0
    open_max: int = 0
    counts_cancelled: bool = False
    uncounted: tuple[int, ...] = ()
    strict: bool = False
    errors: int = 0
    lumping: int = 0
    waits: bool = False
    looks_when_failing: bool = False

    def window_size(self, rate: float) -> int:
        """Calls in a full window, at this many calls a second."""
        return self.window_calls or round(rate * self.window_time / 1e9)

    def failures_from(self, calls: int) -> int:
        """Failures needed among the calls of the window."""
        return self.errors or failures_needed(self.share, calls, self.strict)


def breaker_of(config: PolicyConfig) -> BreakerView | None:
    """The view of a breaker; None for other policies, and for trip conditions that are no threshold."""
    if isinstance(config, BreakerConfig):
        return BreakerView(
            config.consecutive,
            config.failure_share,
            config.window_calls if not config.window_time else 0,
            config.window_time,
            config.min_calls,
            round(config.recovery_time * {"full": 0.5, "equal": 0.75}.get(config.jitter, 1.0)),
            config.probes,
            config.success_threshold,
            config.slow_call,
            config.slow_share,
            config.uncounted,
            0,
            False,
            "classic",
            config.open_factor,
            config.open_max,
            uncounted=config.uncounted,
        )
    if not isinstance(config, LikeBreakerConfig):
        return None
    errors = config.failures if config.window == "errors" else 0
    consecutive = config.consecutive or (config.failures if config.failures == config.out_of and not errors else 0)
    trip = _TRIP.match(config.trip)
    if trip:
        consecutive = max(1, int(trip.group(2)) + (trip.group(1) == ">"))
    if not consecutive and not config.failure_share and not errors:
        return None
    uncounted = config.uncounted
    return BreakerView(
        consecutive,
        config.failure_share,
        config.window_calls if not config.window_time else 0,
        config.window_time,
        errors or max(1, config.min_calls),
        int(_single(config.open_wait[0]).base) if config.open_wait else config.open_for,
        config.probes,
        config.successes,
        config.slow_call,
        config.slow_share,
        (*uncounted, *config.harmless),
        config.half_open_for,
        config.rules.admits == "all",
        config.like,
        config.open_factor,
        config.open_max,
        config.rules.cancelled in ("failure", "reopens"),
        () if config.rules.ignored == "success" else uncounted,
        config.rules.strict,
        errors,
        config.lumping,
        config.rules.admits == "waiting",
        config.rules.judged_on == "failure",
    )
