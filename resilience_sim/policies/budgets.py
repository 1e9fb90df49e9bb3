"""Retry budgets: how many retries a whole client instance may afford, whatever one call would like.

The base class is the protocol between a retry layer and its budget, and never denies. Then the schemes of ``classic``,
and those of the libraries (docs/reference/library-rules.md, section 4): Finagle, Envoy, failsafe-go, gRPC, AWS.
All amounts are integers (millionths of a token, say), so that ten deposits of 0.1 pay for one retry exactly.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import CLIENT_ERROR, FALLBACK, RATE_LIMITED, TIMEOUT
from resilience_sim.policies.layer import Gauges
from resilience_sim.policies.rules.cubic import CubicRate
from resilience_sim.policies.windows import Window
from resilience_sim.settings.budget import BudgetConfig, LikeBudgetConfig

MILLION: Final = 1_000_000
TEN_SECONDS: Final = 10_000_000_000
SLICES: Final = 10
SCALE: Final = 1000  # Finagle RetryBudget.ScaleFactor, and thousandths of a gRPC token


class Budget:
    """Hooks of a retry layer. Most schemes need ``on_call``, ``on_try`` and ``take`` only."""

    __slots__ = ()

    def on_call(self, now: i64) -> None:
        """A call entered the retry layer: its first attempt begins."""

    def on_try(self, now: i64, first: bool, failed: bool) -> None:
        """An attempt (``first``: the call's first) has its outcome."""

    def take(self, now: i64) -> bool:
        """May a retry be made? If so it is paid for."""
        return True

    # --- the same in more detail ---

    def on_end(self, now: i64, attempt: i64, outcome: i64, worth_it: bool, paid: i64) -> None:
        """Attempt number ``attempt`` has its outcome; ``paid`` is what the call's last retry cost."""
        self.on_try(now, attempt == 1, outcome > FALLBACK and (outcome != CLIENT_ERROR or worth_it))

    def allows(self, now: i64, outcome: i64) -> i64:
        """May a retry after this outcome be made? What it cost, or -1."""
        return 0 if self.take(now) else -1

    def on_again(self, now: i64) -> None:
        """The wait of a retry that was allowed is over: it begins."""

    def on_cancel(self, now: i64, attempt: i64, waiting: bool) -> None:
        """The call was given up during attempt number ``attempt``, or the wait before it."""

    def delay(self, now: i64) -> i64:
        """Nanoseconds that an attempt must wait to be sent (AWS adaptive mode only)."""
        return 0

    def reconfigure(self, config: BudgetConfig) -> bool:
        """Take other settings of the same scheme and keep what it holds. False: a new budget must take over."""
        return False

    def gauges(self, now: i64) -> Gauges:
        """``tokens`` left and ``burst``, how many there can be; nothing where retries are not paid from a stock."""
        return {}


class RatioBudget(Budget):
    """Retries of the last 10 s may be at most ``ratio`` of the calls of the last 10 s, plus 1."""

    __slots__ = ("_calls", "_ratio", "_retries")

    _ratio: i64

    def __init__(self, ratio: float) -> None:
        self._ratio = round(ratio * MILLION)
        self._calls: deque[int] = deque()
        self._retries: deque[int] = deque()

    def reconfigure(self, config: BudgetConfig) -> bool:
        if config.scheme != "ratio":
            return False
        self._ratio = round(config.ratio * MILLION)
        return True

    def on_call(self, now: i64) -> None:
        self._calls.append(now)
        oldest = now - TEN_SECONDS
        while self._calls[0] <= oldest:
            self._calls.popleft()

    def take(self, now: i64) -> bool:
        oldest = now - TEN_SECONDS
        for times in (self._calls, self._retries):
            while times and times[0] <= oldest:
                times.popleft()
        if len(self._retries) * MILLION > self._ratio * len(self._calls):
            return False
        self._retries.append(now)
        return True

    def gauges(self, now: i64) -> Gauges:
        """Allowed are retries while those of the last 10 s do not exceed their share."""
        calls = _younger(self._calls, now - TEN_SECONDS)
        allowed = int(self._ratio) * calls // MILLION + 1
        return {"tokens": max(0, allowed - _younger(self._retries, now - TEN_SECONDS)), "burst": allowed}


class TokenBudget(Budget):
    """A bucket of tokens, full at the start: calls (or successes) pay in, retries pay out."""

    __slots__ = ("_capacity", "_cost", "_deposit", "_on_success", "_tokens")

    _capacity: i64
    _deposit: i64
    _cost: i64
    _tokens: i64

    def __init__(self, config: BudgetConfig) -> None:
        self._take(config)
        self._tokens = self._capacity

    def _take(self, config: BudgetConfig) -> None:
        self._capacity = round(config.capacity * MILLION)
        self._deposit = round(config.deposit * MILLION)
        self._cost = round(config.cost * MILLION)
        self._on_success = config.deposit_on == "success"

    def reconfigure(self, config: BudgetConfig) -> bool:
        """As full as it was."""
        if config.scheme != "token_bucket":
            return False
        before = self._capacity
        self._take(config)
        self._tokens = as_full(self._tokens, before, self._capacity)
        return True

    def _pay_in(self) -> None:
        self._tokens = min(self._capacity, self._tokens + self._deposit)

    def on_call(self, now: i64) -> None:
        if not self._on_success:
            self._pay_in()

    def on_try(self, now: i64, first: bool, failed: bool) -> None:
        if self._on_success and not failed:
            self._pay_in()

    def take(self, now: i64) -> bool:
        if self._tokens < self._cost:
            return False
        self._tokens -= self._cost
        return True

    def gauges(self, now: i64) -> Gauges:
        return {"tokens": int(self._tokens) / MILLION, "burst": int(self._capacity) / MILLION}


class FailureRateBudget(Budget):
    """No retries while more than ``threshold`` fails.

    ``first_tries``: failed first tries over first tries, in the window. ``attempts``: failed tries over calls, so that
    retries weigh too.
    """

    __slots__ = ("_by_calls", "_calls", "_calls_ever", "_config", "_failures", "_first_only", "_threshold")

    _threshold: i64
    _calls_ever: i64

    def __init__(self, config: BudgetConfig) -> None:
        self._threshold = round(config.ratio * MILLION)
        self._first_only = config.counts == "first_tries"
        self._calls = Window(config.window_calls, config.window_time)
        # A failed try is forgotten with the calls of its time: after that many ns, or that many further calls.
        self._by_calls = config.window_calls > 0
        self._failures = Window(0, config.window_calls or config.window_time)
        self._calls_ever = 0
        self._config = config

    def reconfigure(self, config: BudgetConfig) -> bool:
        """Counts mean something only in the same window."""
        before = self._config
        if (config.scheme, config.window_calls, config.window_time, config.counts) != (
            before.scheme, before.window_calls, before.window_time, before.counts,
        ):  # fmt: skip
            return False
        self._config = config
        self._threshold = round(config.ratio * MILLION)
        return True

    def on_call(self, now: i64) -> None:
        if not self._first_only:
            self._calls.add(now, 0, 0)
            self._calls_ever += 1

    def on_try(self, now: i64, first: bool, failed: bool) -> None:
        if self._first_only:
            if first:
                self._calls.add(now, 1 if failed else 0, 0)
        elif failed:
            self._failures.add(self._calls_ever if self._by_calls else now, 1, 0)

    def take(self, now: i64) -> bool:
        self._calls.expire(now)
        self._failures.expire(self._calls_ever if self._by_calls else now)
        bad = self._calls.bad if self._first_only else self._failures.bad
        return bad * MILLION <= self._threshold * self._calls.total


class WindowedSum:
    """Finagle (util) WindowedAdder: this slice and nine before; a slice ends with the first event after its time."""

    __slots__ = ("_at", "_begun", "_older", "_width", "_writing")

    _width: i64
    _begun: i64
    _writing: i64
    _at: i64

    def __init__(self, span: i64) -> None:
        self._width = span // SLICES
        self._begun = 0
        self._writing = 0
        self._older: list[int] = [0] * (SLICES - 1)
        self._at = 0

    def _turn(self, now: i64) -> None:
        passed = now - self._begun
        if passed < self._width:
            return
        older = self._older
        older[self._at] = self._writing
        self._at = (self._at + 1) % (SLICES - 1)
        self._writing = 0
        for _ in range(min(passed // self._width - 1, SLICES - 1)):
            older[self._at] = 0
            self._at = (self._at + 1) % (SLICES - 1)
        self._begun = now

    def add(self, now: i64, amount: i64) -> None:
        """Into this slice; a withdrawal is negative, and expires like everything else."""
        self._turn(now)
        self._writing += amount

    def total(self, now: i64) -> i64:
        """All slices together."""
        self._turn(now)
        return self._writing + sum(self._older)


DEAREST: Final = 2.0**31  # a retry, for the smallest ratios: their price would outgrow 64 bits


class FinagleBudget(Budget):
    """RetryBudget(ttl, minRetriesPerSec, percentCanRetry): a call pays in, a retry takes out, both expire."""

    __slots__ = ("_deposit", "_price", "_reserve", "_sum", "_ttl")

    _ttl: i64
    _deposit: i64
    _price: i64
    _reserve: i64

    def __init__(self, config: LikeBudgetConfig) -> None:
        self._take(config)
        self._sum = WindowedSum(config.ttl)

    def _take(self, config: LikeBudgetConfig) -> None:
        self._ttl = config.ttl
        self._deposit = SCALE if config.ratio > 0.0 else 0
        self._price = int(min(SCALE / config.ratio, DEAREST)) if config.ratio > 0.0 else 1
        # what is more than all retries that there can be is as good as any such number
        self._reserve = min(int(config.min_retries * (config.ttl // 1_000_000_000)) * int(self._price), 1 << 61)

    def reconfigure(self, config: BudgetConfig) -> bool:
        if not isinstance(config, LikeBudgetConfig) or config.scheme != "finagle" or config.ttl != self._ttl:
            return False
        self._take(config)
        return True

    def on_call(self, now: i64) -> None:
        self._sum.add(now, self._deposit)

    def take(self, now: i64) -> bool:
        """A retry takes out what several calls paid in."""
        if self._sum.total(now) + self._reserve < self._price:
            return False
        self._sum.add(now, -self._price)
        return True


class ConcurrencyBudget(Budget):
    """A share of what is under way may be retries, and always a few. A retry counts from its scheduling to its outcome.

    Envoy (retry_budget): fewer retries than max(floor(share of the requests under way), minimum).
    failsafe-go (budget): denied once there are at least the minimum AND their share is exceeded.
    """

    __slots__ = ("_active", "_minimum", "_ratio", "_retries", "_strict_share")

    _active: i64
    _retries: i64
    _ratio: i64
    _minimum: i64

    def __init__(self, config: LikeBudgetConfig) -> None:
        self._ratio = round(config.ratio * MILLION)
        self._minimum = config.min_concurrency
        self._strict_share = config.scheme == "failsafe-go"
        self._active = 0
        self._retries = 0

    def reconfigure(self, config: BudgetConfig) -> bool:
        if not isinstance(config, LikeBudgetConfig) or config.scheme not in {"envoy", "failsafe-go"}:
            return False
        self._ratio = round(config.ratio * MILLION)
        self._minimum = config.min_concurrency
        self._strict_share = config.scheme == "failsafe-go"
        return True

    def on_call(self, now: i64) -> None:
        self._active += 1

    def on_again(self, now: i64) -> None:
        self._active += 1

    def on_end(self, now: i64, attempt: i64, outcome: i64, worth_it: bool, paid: i64) -> None:
        self._active -= 1
        if attempt > 1:
            self._retries -= 1

    def on_cancel(self, now: i64, attempt: i64, waiting: bool) -> None:
        if not waiting:
            self._active -= 1
        if attempt > 1:
            self._retries -= 1

    def take(self, now: i64) -> bool:
        if self._strict_share:
            denied = self._retries >= self._minimum and self._retries * MILLION > self._ratio * self._active
        else:
            denied = self._retries >= max(self._ratio * self._active // MILLION, self._minimum)
        if not denied:
            self._retries += 1
        return not denied

    def gauges(self, now: i64) -> Gauges:
        allowed = max(int(self._ratio) * int(self._active) // MILLION, int(self._minimum))
        return {"tokens": max(0, allowed - int(self._retries)), "burst": allowed}


class GrpcBudget(Budget):
    """Retry throttling of gRPC A6: retries only while more than half of the tokens are there."""

    __slots__ = ("_back", "_most", "_tokens")

    _most: i64
    _back: i64
    _tokens: i64

    def __init__(self, config: LikeBudgetConfig) -> None:
        self._most = round(config.capacity * SCALE)
        self._back = int(config.deposit * SCALE)
        self._tokens = self._most

    def reconfigure(self, config: BudgetConfig) -> bool:
        """As full as it was."""
        if config.scheme != "grpc":
            return False
        before = self._most
        self._most = round(config.capacity * SCALE)
        self._back = int(config.deposit * SCALE)
        self._tokens = as_full(self._tokens, before, self._most)
        return True

    def on_end(self, now: i64, attempt: i64, outcome: i64, worth_it: bool, paid: i64) -> None:
        """A retryable failure costs a token, first attempts included; a success gives part of one back."""
        if outcome <= FALLBACK:
            self._tokens = min(self._most, self._tokens + self._back)
        elif worth_it:
            self._tokens = max(0, self._tokens - SCALE)

    def take(self, now: i64) -> bool:
        """Look; a retry as such costs nothing."""
        return self._tokens * 2 > self._most

    def gauges(self, now: i64) -> Gauges:
        return {"tokens": int(self._tokens) / SCALE, "burst": int(self._most) / SCALE}


class AwsBudget(Budget):
    """The retry quota of the AWS SDKs (botocore, retries/standard.py): a bucket without refill by time.

    ``standard``: a retry costs 5, after a timeout 10. ``2026``: 14, after throttling 5. A success without retry pays
    1 in, one after retries what its last retry cost. ``adaptive``: standard, and a send rate that throttling cuts
    (rules/cubic.py).
    """

    __slots__ = ("_cubic", "_mode", "_most", "_recent", "_tokens")

    _most: i64
    _tokens: i64

    def __init__(self, config: LikeBudgetConfig) -> None:
        self._most = int(config.capacity)
        self._tokens = self._most
        self._recent = config.mode == "2026"
        self._cubic = CubicRate() if config.mode == "adaptive" else None
        self._mode = config.mode

    def reconfigure(self, config: BudgetConfig) -> bool:
        """As full as it was."""
        if not isinstance(config, LikeBudgetConfig) or config.scheme != "aws" or config.mode != self._mode:
            return False
        before = self._most
        self._most = int(config.capacity)
        self._tokens = as_full(self._tokens, before, self._most)
        return True

    def delay(self, now: i64) -> i64:
        return self._cubic.delay(now) if self._cubic is not None else 0

    def on_end(self, now: i64, attempt: i64, outcome: i64, worth_it: bool, paid: i64) -> None:
        if self._cubic is not None:
            self._cubic.on_response(now, outcome == RATE_LIMITED)
        if outcome <= FALLBACK:
            self._tokens = min(self._most, self._tokens + (paid if attempt > 1 else 1))

    def price(self, outcome: i64) -> i64:
        """What the retry of such a failure costs."""
        if self._recent:
            return 5 if outcome == RATE_LIMITED else 14
        return 10 if outcome == TIMEOUT else 5

    def allows(self, now: i64, outcome: i64) -> i64:
        price = self.price(outcome)
        if self._tokens < price:
            return -1
        self._tokens -= price
        return price

    def gauges(self, now: i64) -> Gauges:
        return {"tokens": int(self._tokens), "burst": int(self._most)}


def as_full(tokens: i64, before: i64, after: i64) -> i64:
    """What a bucket that becomes larger or smaller holds: the same share of what it can."""
    return int(tokens) * int(after) // int(before) if before else after


def _younger(times: deque[int], oldest: i64) -> int:
    """How many instants of a queue, oldest first, are later than ``oldest``."""
    left = len(times)
    for t in times:
        if t > oldest:
            break
        left -= 1
    return left


def make_budget(config: BudgetConfig | None) -> Budget:
    """The budget a retry layer asks; without settings one that never denies."""
    if config is None:
        return Budget()
    scheme = config.scheme
    if isinstance(config, LikeBudgetConfig):
        if scheme == "finagle":
            return FinagleBudget(config)
        if scheme in {"envoy", "failsafe-go"}:
            return ConcurrencyBudget(config)
        if scheme == "grpc":
            return GrpcBudget(config)
        if scheme == "aws":
            return AwsBudget(config)
    elif scheme == "ratio":
        return RatioBudget(config.ratio)
    elif scheme == "token_bucket":
        return TokenBudget(config)
    elif scheme == "failure_rate":
        return FailureRateBudget(config)
    raise ValueError(f"unknown budget scheme {scheme!r}")
