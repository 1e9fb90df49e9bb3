"""Whether a breaker's counts trip it: a library's thresholds, rounded as the library rounds."""

from __future__ import annotations

from math import floor, inf
from struct import pack, unpack

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    WHY_CONSECUTIVE,
    WHY_ERRORS,
    WHY_FAILURE_SHARE,
    WHY_SLOW_SHARE,
    WHY_TRIP_CONDITION,
)
from resilience_sim.kernel.expression import Expression
from resilience_sim.policies.rules.tallies import ErrorTally, Tally
from resilience_sim.settings.breaker import COUNTERS, LikeBreakerConfig


def single(number: float) -> float:
    """The nearest 32-bit float: resilience4j computes percentages in those."""
    return float(unpack("<f", pack("<f", number))[0])


def half_up(number: float) -> float:
    """The nearest whole number, halves upwards: Go's math.Round of what is not negative."""
    return float(floor(number + 0.5))


class Trips:
    """Thresholds. After :meth:`due` said yes, ``why``, ``x`` and ``y`` tell the reason as an event does."""

    __slots__ = (
        "_calls", "_config", "_consecutive", "_expression", "_failures", "_rounding", "_share", "_slow", "_strict",
        "why", "x", "y",
    )  # fmt: skip

    _consecutive: i64
    _failures: i64
    why: i64
    x: i64
    y: i64

    def __init__(self, config: LikeBreakerConfig) -> None:
        self._config = config
        self._consecutive = config.consecutive
        self._failures = config.failures
        self._rounding = config.rules.rounding
        self._strict = config.rules.strict
        self._calls = config.rules.counts == "calls"
        self._share = self.threshold(config.failure_share)
        self._slow = self.threshold(config.slow_share)
        self._expression = Expression(config.trip, COUNTERS) if config.trip else None
        self.why = 0
        self.x = 0
        self.y = 0

    def threshold(self, share: float) -> float:
        """A threshold in the unit that :meth:`rate` speaks."""
        if self._rounding == "single":
            return single(share * 100.0)
        if self._rounding == "times100":
            return round(share * 100.0, 9)  # what was written, before it was divided
        return share * 100.0 if self._rounding == "percent" else share

    def rate(self, part: i64, whole: i64) -> float:
        """A share in the library's unit and precision; nothing of nothing is none."""
        if whole == 0:
            return inf if self._calls and part else 0.0
        if self._rounding == "times100":
            return float(part) / float(whole) * 100.0
        if self._rounding == "single":
            return single(float(part) * 100.0 / float(whole))
        if self._rounding == "cents":
            return half_up(float(part) / float(whole) * 100.0) / 100.0
        if self._rounding == "percent":
            return float(part * 100 // whole)
        return float(part) / float(whole)

    def _exceeded(self, part: i64, whole: i64, threshold: float) -> bool:
        if self._rounding == "product":
            return float(part) > threshold * float(whole)
        rate = self.rate(part, whole)
        return rate > threshold or (rate == threshold and not self._strict)

    def due(self, tally: Tally, now: i64) -> bool:
        """Whether these counts trip."""
        if self._consecutive and tally.run_bad >= self._consecutive:
            return self._because(WHY_CONSECUTIVE, tally.run_bad, self._consecutive)
        if self._expression is not None:
            held = self._expression.holds(counters(tally))
            return held and self._because(WHY_TRIP_CONDITION, tally.bad, tally.requests)
        tally.look(now)
        if tally.total < tally.min_calls or (tally.total == 0 and not self._calls):
            return False
        if isinstance(tally, ErrorTally):
            errors = self._failures
            return tally.bad >= errors and self._because(WHY_ERRORS, tally.bad, tally.span() // 1_000_000)
        if (self._share or self._calls) and self._exceeded(tally.bad, tally.total, self._share):
            return self._because(WHY_FAILURE_SHARE, tally.bad, tally.total)
        if self._failures and not self._share and tally.bad >= self._failures:
            return self._because(WHY_FAILURE_SHARE, tally.bad, tally.total)
        if self._slow and self._exceeded(tally.slow, tally.total, self._slow):
            return self._because(WHY_SLOW_SHARE, tally.slow, tally.total)
        return False

    def _because(self, why: i64, x: i64, y: i64) -> bool:
        self.why = why
        self.x = x
        self.y = y
        return True

    # --- failsafe-go's balance (circuitstates.go, halfOpenState) ---

    def enough_successes(self, tally: Tally) -> bool:
        """Close? By the success threshold if there is one, else when the failure threshold is out of reach."""
        config = self._config
        good = tally.total - tally.bad
        if config.successes:
            return good >= config.successes
        if self._share:
            return tally.total >= config.min_calls and self.rate(good, tally.total) > 1.0 - self._share
        return good > config.out_of - self._failures

    def too_many_failures(self, tally: Tally) -> bool:
        """Open again?"""
        config = self._config
        if config.successes:
            return tally.bad > config.probe_ring - config.successes
        if self._share:
            return tally.total >= config.min_calls and self.rate(tally.bad, tally.total) >= self._share
        return tally.bad >= self._failures


def counters(tally: Tally) -> list[float]:
    """The values of :data:`COUNTERS`."""
    return [float(tally.requests), float(tally.total - tally.bad), float(tally.bad), float(tally.excluded),
            float(tally.run_good), float(tally.run_bad)]  # fmt: skip
