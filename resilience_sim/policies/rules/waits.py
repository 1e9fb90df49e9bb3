"""How long to wait before a retry, by the formulas of the libraries: growth, jitter and cap are separate rules.

Owns the arithmetic, in float nanoseconds. Sans-IO: chance is handed in (:class:`Draws`), and so is what one call
remembers (:class:`Memory`). The formulas and where they come from: ``WaitConfig`` (policies/config_like.py) and
rules/library_retries.py.
"""

from __future__ import annotations

from math import log, sqrt, tanh
from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.policies.config_like_retry import WaitConfig

LONGEST: Final = float(1 << 60)
MILLI: Final = 1_000_000.0
SMOOTHING: Final = 1.4  # Polly RetryHelper.cs: RpScalingFactor is its reciprocal
STEEPNESS: Final = 4.0  # PFactor


@mypyc_attr(allow_interpreted_subclasses=True)
class Draws:
    """Numbers uniform on [0, 1), one after the other."""

    __slots__ = ()

    def next(self) -> float:
        """The next one."""
        return 0.5


class Memory:
    """What one call remembers from wait to wait."""

    __slots__ = ("hint", "previous")

    previous: float
    hint: float  # what the last answer asked for; below 0: nothing

    def __init__(self) -> None:
        self.previous = 0.0
        self.hint = -1.0


class Wait:
    """One formula."""

    __slots__ = ("_before", "_config", "_cut", "_growth", "_jitter", "_least", "_most", "_of")

    def __init__(self, config: WaitConfig) -> None:
        self._config = config
        self._growth = config.growth
        self._jitter = config.jitter
        self._most = min(config.most, LONGEST)
        self._least = max(0.0, config.least)
        self._before = config.capped == "before"
        self._cut = config.cut
        self._of = [Wait(each) for each in config.of]

    def wait(self, n: i64, memory: Memory, draws: Draws) -> float:
        """Nanoseconds before retry ``n`` (from 1)."""
        growth = self._growth
        if growth == "sum":
            return sum(each.wait(n, memory, draws) for each in self._of)
        if growth == "chain":
            return self._of[min(int(n), len(self._of)) - 1].wait(n, memory, draws)
        if growth == "hint":
            return memory.hint if memory.hint >= 0.0 else self._config.base
        plain = self._plain(n, memory, draws)
        if self._before:
            plain = min(plain, self._most)
        if self._jitter == "above":
            plain = max(self._least, min(plain, self._most))
        w = self._jittered(plain, draws)
        if not self._before:
            w = min(w, self._most)
        if self._cut:
            w = float(int(w / MILLI)) * MILLI
        return max(w, self._least)

    def _plain(self, n: i64, memory: Memory, draws: Draws) -> float:
        config = self._config
        base = config.base
        growth = self._growth
        if growth == "linear":
            return base + config.step * float(n - 1)
        if growth == "exponential":
            return self._power(base, n)
        if growth == "fibonacci":
            current, following = base, base + config.step
            for _ in range(n - 1):
                current, following = following, min(current + following, LONGEST)
            return current
        if growth == "list":
            return config.of_times[(int(n) - 1) % len(config.of_times)]
        if growth == "decorrelated":
            before = memory.previous if memory.previous > 0.0 else base
            memory.previous = base + draws.next() * (min(before * config.factor, self._most) - base)
            return memory.previous
        if growth == "smoothed":
            t = float(n - 1) + draws.next()
            reached = 2.0**t * tanh(sqrt(STEEPNESS * t)) if t < 900.0 else LONGEST
            grown = (reached - memory.previous) * base / SMOOTHING
            memory.previous = reached
            return min(grown, LONGEST)
        return base

    def _power(self, base: float, n: i64) -> float:
        factor = self._config.factor
        if self._cut:  # resilience4j truncates every step to whole milliseconds
            steps = float(int(base / MILLI))
            for _ in range(n - 1):
                steps = float(int(min(steps * factor, LONGEST / MILLI)))
            return steps * MILLI
        if factor > 1.0 and float(n - 1) * log(factor) > 600.0:
            return LONGEST if base > 0.0 else 0.0
        return min(base * float(factor ** float(n - 1)), LONGEST)

    def _jittered(self, w: float, draws: Draws) -> float:
        jitter = self._jitter
        spread = self._config.spread
        if jitter == "full":
            return w * draws.next()
        if jitter == "equal":
            return w / 2.0 + w / 2.0 * draws.next()
        if jitter == "spread":
            return w * (1.0 - spread + 2.0 * spread * draws.next())
        if jitter == "mirrored":
            return w * (1.0 + spread * (1.0 - 2.0 * draws.next()))
        if jitter == "added":
            return w + self._config.extra * draws.next()
        if jitter == "above":
            return self._least + (w - self._least) * draws.next()
        if jitter == "resilience4j":
            return max(MILLI, w * (1.0 - spread) + draws.next() * (2.0 * w * spread + MILLI))
        return w
