"""Retry budgets of known libraries: Finagle, Envoy, failsafe-go, gRPC, AWS.

Rules: docs/reference/library-rules.md, section 4. Amounts are integers. The base class and our own schemes are in
policies/budgets.py.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import FALLBACK, RATE_LIMITED, TIMEOUT
from resilience_sim.policies.budget import Budget
from resilience_sim.policies.config_like_retry import LikeBudgetConfig
from resilience_sim.policies.rules.cubic import CubicRate

MILLI: Final = 1_000_000
SLICES: Final = 10
SCALE: Final = 1000  # Finagle RetryBudget.ScaleFactor, and thousandths of a gRPC token
MILLION: Final = 1_000_000


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


class FinagleBudget(Budget):
    """RetryBudget(ttl, minRetriesPerSec, percentCanRetry): a call pays in, a retry takes out, both expire."""

    __slots__ = ("_deposit", "_price", "_reserve", "_sum")

    _deposit: i64
    _price: i64
    _reserve: i64

    def __init__(self, config: LikeBudgetConfig) -> None:
        self._deposit = SCALE if config.ratio > 0.0 else 0
        self._price = int(SCALE / config.ratio) if config.ratio > 0.0 else 1
        self._reserve = int(config.min_retries * (config.ttl // 1_000_000_000)) * self._price
        self._sum = WindowedSum(config.ttl)

    def on_call(self, now: i64) -> None:
        """A call pays in."""
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

    def on_call(self, now: i64) -> None:
        """One more under way."""
        self._active += 1

    def on_again(self, now: i64) -> None:
        """A retry begins."""
        self._active += 1

    def on_end(self, now: i64, attempt: i64, outcome: i64, worth_it: bool, paid: i64) -> None:
        """An attempt is over."""
        self._active -= 1
        if attempt > 1:
            self._retries -= 1

    def on_cancel(self, now: i64, attempt: i64, waiting: bool) -> None:
        """Its caller gave up, during an attempt or the wait before it."""
        if not waiting:
            self._active -= 1
        if attempt > 1:
            self._retries -= 1

    def take(self, now: i64) -> bool:
        """Compare retries with everything under way."""
        if self._strict_share:
            denied = self._retries >= self._minimum and self._retries * MILLION > self._ratio * self._active
        else:
            denied = self._retries >= max(self._ratio * self._active // MILLION, self._minimum)
        if not denied:
            self._retries += 1
        return not denied


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

    def on_end(self, now: i64, attempt: i64, outcome: i64, worth_it: bool, paid: i64) -> None:
        """A retryable failure costs a token, first attempts included; a success gives part of one back."""
        if outcome <= FALLBACK:
            self._tokens = min(self._most, self._tokens + self._back)
        elif worth_it:
            self._tokens = max(0, self._tokens - SCALE)

    def take(self, now: i64) -> bool:
        """Look; a retry as such costs nothing."""
        return self._tokens * 2 > self._most


class AwsBudget(Budget):
    """The retry quota of the AWS SDKs (botocore, retries/standard.py): a bucket without refill by time.

    ``standard``: a retry costs 5, after a timeout 10. ``2026``: 14, after throttling 5. A success without retry pays
    1 in, one after retries what its last retry cost. ``adaptive``: standard, and a send rate that throttling cuts
    (rules/cubic.py).
    """

    __slots__ = ("_cubic", "_most", "_recent", "_tokens")

    _most: i64
    _tokens: i64

    def __init__(self, config: LikeBudgetConfig) -> None:
        self._most = int(config.capacity)
        self._tokens = self._most
        self._recent = config.mode == "2026"
        self._cubic = CubicRate() if config.mode == "adaptive" else None

    def delay(self, now: i64) -> i64:
        """How long an attempt must wait to be sent."""
        return self._cubic.delay(now) if self._cubic is not None else 0

    def on_end(self, now: i64, attempt: i64, outcome: i64, worth_it: bool, paid: i64) -> None:
        """Pay back."""
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
        """Pay, if the tokens suffice."""
        price = self.price(outcome)
        if self._tokens < price:
            return -1
        self._tokens -= price
        return price


def make_library_budget(config: LikeBudgetConfig) -> Budget:
    """The budget of the library that the scheme names."""
    if config.scheme == "finagle":
        return FinagleBudget(config)
    if config.scheme in {"envoy", "failsafe-go"}:
        return ConcurrencyBudget(config)
    if config.scheme == "grpc":
        return GrpcBudget(config)
    if config.scheme == "aws":
        return AwsBudget(config)
    raise ValueError(f"unknown budget scheme {config.scheme!r}")
