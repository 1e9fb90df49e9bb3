"""How long a breaker stays open, and how that grows from opening to opening.

Owns the formulas. Refuses to count openings (rules/breaker.py does).

* ``constant``: most of them.
* ``exponential``: resilience4j IntervalFunction.ofExponentialBackoff, each step cut to milliseconds, capped last.
* ``jittered``: Finagle Backoff.equalJittered(5 s, 300 s): the first is the base; then half of the growth, half drawn.
* ``expression``: Polly BreakDurationGenerator, seconds from ``n`` (half-open attempts), ``rate`` and ``count``.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.policies.config_like import LikeBreakerConfig
from resilience_sim.policies.rules.expression import Expression
from resilience_sim.policies.rules.tally import Tally

ARGUMENTS = ("n", "rate", "count", "half_open_attempts", "failure_rate", "failure_count")
MILLI: Final = 1_000_000
LONGEST: Final = 1 << 60


class OpenTime:
    """Answers :meth:`wait`; ``asked`` holds what the generator was last asked with."""

    __slots__ = ("_base", "_expression", "_factor", "_growth", "_max", "asked")

    _base: i64
    _max: i64

    def __init__(self, config: LikeBreakerConfig) -> None:
        self._base = config.open_for
        self._growth = config.growth
        self._factor = config.open_factor
        self._max = config.open_max or LONGEST
        self._expression = Expression(config.open_expression, ARGUMENTS) if config.open_expression else None
        self.asked: list[float] = []

    def wait(self, now: i64, openings: i64, half_opens: i64, tally: Tally, unit: float) -> i64:
        """Nanoseconds for the opening number ``openings`` since it was closed."""
        growth = self._growth
        if growth == "expression" and self._expression is not None:
            tally.look(now)  # reading health is what ages it
            rate = float(tally.bad) / float(tally.total) if tally.total else 0.0
            self.asked = [float(half_opens), rate, float(tally.bad)]
            return int(min(self._expression.value(self.asked * 2) * 1e9 + 0.5, float(LONGEST)))
        if growth == "exponential":
            steps = self._base // MILLI
            for _ in range(openings - 1):
                steps = int(min(float(steps) * self._factor, float(LONGEST // MILLI)))
            return min(steps * MILLI, self._max)
        if growth == "jittered" and openings > 1:
            half = float(self._base) * 2.0 ** min(float(openings - 1), 62.0)
            return int(min(half + half * unit, float(self._max)))
        return self._base
