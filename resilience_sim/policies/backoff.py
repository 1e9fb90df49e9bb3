"""How long to wait before a retry: pure arithmetic, never sees a clock.

Owns the formulas. "Equal" and "decorrelated" jitter as named by M. Brooker, "Exponential Backoff And Jitter" (AWS
Architecture Blog, 2015); the order is cap, jitter, cap again.
"""

from __future__ import annotations

from math import log
from typing import Final

from mypy_extensions import i64

from resilience_sim.policies.config import RetryConfig

CONSTANT: Final = 0
LINEAR: Final = 1
EXPONENTIAL: Final = 2
DECORRELATED: Final = 3

NO_JITTER: Final = 0
FULL: Final = 1
EQUAL: Final = 2
SPREAD: Final = 3

SHAPES: Final = {"constant": CONSTANT, "linear": LINEAR, "exponential": EXPONENTIAL, "decorrelated": DECORRELATED}
JITTERS: Final = {"none": NO_JITTER, "full": FULL, "equal": EQUAL, "spread": SPREAD}
_LONGEST: Final = 1 << 61  # a wait that would outlive the virtual clock is cut to "practically for ever"


class Backoff:
    """Waits before retry n = 1, 2, … in nanoseconds."""

    __slots__ = ("_cap", "_delay", "_factor", "_jitter", "_log_factor", "_shape", "_spread", "needs_luck")

    _shape: i64
    _jitter: i64
    _delay: i64
    _cap: i64

    def __init__(self, config: RetryConfig) -> None:
        self._shape: i64 = SHAPES[config.backoff]
        self._jitter: i64 = JITTERS[config.jitter]
        self._delay = config.delay
        self._factor = config.factor
        self._log_factor = log(config.factor)
        self._cap = config.max_delay if config.max_delay else _LONGEST
        self._spread = config.spread
        self.needs_luck = self._shape == DECORRELATED or self._jitter != NO_JITTER

    def wait(self, n: i64, previous: i64, shape_luck: float, jitter_luck: float) -> tuple[int, int]:
        """The wait before retry ``n`` (from 1), and the un-jittered value to pass in as ``previous`` next time.

        constant d; linear d·n; exponential d·factor^(n-1); decorrelated U(d, 3·previous), previous starting at d.
        Then capped; then full U(0, w), equal w/2 + U(0, w/2), spread s: w·U(1-s, 1+s); then capped again.
        """
        base = float(self._delay)
        shape = self._shape
        if shape == CONSTANT:
            w = base
        elif shape == LINEAR:
            w = base * float(n)
        elif shape == EXPONENTIAL:
            # The power alone may overflow a float long before the cap is looked at: exp(100) ns is beyond any clock.
            growth = float(n - 1) * self._log_factor
            w = base * self._factor ** (n - 1) if growth < 100.0 else float(_LONGEST)
            if base == 0.0:
                w = 0.0
        else:
            before = float(previous) if previous > 0 else base
            w = base + shape_luck * (3.0 * before - base)
        w = min(w, float(self._cap))
        plain = int(w + 0.5)
        jitter = self._jitter
        if jitter == FULL:
            w *= jitter_luck
        elif jitter == EQUAL:
            w = w / 2.0 + jitter_luck * (w / 2.0)
        elif jitter == SPREAD:
            w *= 1.0 - self._spread + 2.0 * self._spread * jitter_luck
        return min(int(w + 0.5), self._cap), plain
