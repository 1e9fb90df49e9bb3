"""Retry budgets: how many retries a whole client instance may afford, whatever one call would like.

Owns the bookkeeping of each scheme. Refuses to know backoff, outcomes' names or the queue of events.
All amounts are integers (millionths of a token), so that ten deposits of 0.1 pay for one retry exactly.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from mypy_extensions import i64

from resilience_sim.policies.budget import Budget
from resilience_sim.policies.config import BudgetConfig
from resilience_sim.policies.config_like_retry import LikeBudgetConfig
from resilience_sim.policies.library_budgets import make_library_budget
from resilience_sim.policies.windows import Window

MILLION: Final = 1_000_000
TEN_SECONDS: Final = 10_000_000_000


class RatioBudget(Budget):
    """Retries of the last 10 s may be at most ``ratio`` of the calls of the last 10 s, plus 1."""

    __slots__ = ("_calls", "_ratio", "_retries")

    _ratio: i64

    def __init__(self, ratio: float) -> None:
        self._ratio = round(ratio * MILLION)
        self._calls: deque[int] = deque()
        self._retries: deque[int] = deque()

    def on_call(self, now: i64) -> None:
        """Remember the call for ten seconds."""
        self._calls.append(now)
        oldest = now - TEN_SECONDS
        while self._calls[0] <= oldest:
            self._calls.popleft()

    def take(self, now: i64) -> bool:
        """Compare what there would be with what there may be."""
        oldest = now - TEN_SECONDS
        for times in (self._calls, self._retries):
            while times and times[0] <= oldest:
                times.popleft()
        if len(self._retries) * MILLION > self._ratio * len(self._calls):
            return False
        self._retries.append(now)
        return True


class TokenBudget(Budget):
    """A bucket of tokens, full at the start: calls (or successes) pay in, retries pay out."""

    __slots__ = ("_capacity", "_cost", "_deposit", "_on_success", "_tokens")

    _capacity: i64
    _deposit: i64
    _cost: i64
    _tokens: i64

    def __init__(self, config: BudgetConfig) -> None:
        self._capacity = round(config.capacity * MILLION)
        self._deposit = round(config.deposit * MILLION)
        self._cost = round(config.cost * MILLION)
        self._on_success = config.deposit_on == "success"
        self._tokens = self._capacity

    def _pay_in(self) -> None:
        self._tokens = min(self._capacity, self._tokens + self._deposit)

    def on_call(self, now: i64) -> None:
        """Pay in, if calls do."""
        if not self._on_success:
            self._pay_in()

    def on_try(self, now: i64, first: bool, failed: bool) -> None:
        """Pay in, if successes do."""
        if self._on_success and not failed:
            self._pay_in()

    def take(self, now: i64) -> bool:
        """Pay for a retry, if the tokens suffice."""
        if self._tokens < self._cost:
            return False
        self._tokens -= self._cost
        return True


class FailureRateBudget(Budget):
    """No retries while more than ``threshold`` fails.

    ``first_tries``: failed first tries over first tries, in the window. ``attempts``: failed tries over calls, so that
    retries weigh too.
    """

    __slots__ = ("_by_calls", "_calls", "_calls_ever", "_failures", "_first_only", "_threshold")

    _threshold: i64
    _calls_ever: i64

    def __init__(self, config: BudgetConfig) -> None:
        self._threshold = round(config.ratio * MILLION)
        self._first_only = config.counts == "first_tries"
        self._calls = Window(config.window_calls, config.window_time)
        # A failed try is forgotten with the calls of its time: after so many ns, or after so many more calls.
        self._by_calls = config.window_calls > 0
        self._failures = Window(0, config.window_calls or config.window_time)
        self._calls_ever = 0

    def on_call(self, now: i64) -> None:
        """Count the call, where calls are the measure."""
        if not self._first_only:
            self._calls.add(now, 0, 0)
            self._calls_ever += 1

    def on_try(self, now: i64, first: bool, failed: bool) -> None:
        """Count the try's outcome."""
        if self._first_only:
            if first:
                self._calls.add(now, 1 if failed else 0, 0)
        elif failed:
            self._failures.add(self._calls_ever if self._by_calls else now, 1, 0)

    def take(self, now: i64) -> bool:
        """Compare the share of failures with the threshold."""
        self._calls.expire(now)
        self._failures.expire(self._calls_ever if self._by_calls else now)
        bad = self._calls.bad if self._first_only else self._failures.bad
        return bad * MILLION <= self._threshold * self._calls.total


def make_budget(config: BudgetConfig | None) -> Budget:
    """The budget a retry layer asks; without settings one that never says no."""
    if config is None:
        return Budget()
    if isinstance(config, LikeBudgetConfig):
        return make_library_budget(config)
    if config.scheme == "ratio":
        return RatioBudget(config.ratio)
    if config.scheme == "token_bucket":
        return TokenBudget(config)
    if config.scheme == "failure_rate":
        return FailureRateBudget(config)
    raise ValueError(f"unknown budget scheme {config.scheme!r}")
