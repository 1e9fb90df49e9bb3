"""Whether to try again and after how long, as pure arithmetic: it is told the time and handed its random numbers.

:class:`Backoff` is the formula of ``classic``. :class:`RuleRetry` follows a library: is the end of the attempt worth
another one (:func:`again`), how long would the wait be (:class:`Wait`: growth, jitter and cap are separate rules), is
it time to stop (:func:`stops`). Which library uses which rule: rules/library_retries.py, docs/reference/. "Equal" and
"decorrelated" jitter as named by M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import re
from math import log, sqrt, tanh
from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.settings.retry import AgainConfig, LikeRetryConfig, RetryConfig, StopConfig, WaitConfig

# --- classic ----------------------------------------------------------------------------------------------------------

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
_LONGEST: Final = 1 << 61  # ns; longer waits are cut to this, beyond the end of virtual time


def jittered(w: float, jitter: i64, spread: float, luck: float) -> float:
    """Of a wait ``w``: full U(0, w), equal w/2 + U(0, w/2), spread s: w·U(1-s, 1+s)."""
    if jitter == FULL:
        return w * luck
    if jitter == EQUAL:
        return w / 2.0 + luck * (w / 2.0)
    if jitter == SPREAD:
        return w * (1.0 - spread + 2.0 * spread * luck)
    return w


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
        if shape == CONSTANT or (n == 1 and shape != DECORRELATED):  # nearly always: it has not grown yet
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
        w = min(jittered(w, self._jitter, self._spread, jitter_luck), float(self._cap))
        return min(int(w + 0.5), self._cap), plain


# --- libraries --------------------------------------------------------------------------------------------------------

STOP: Final = -1
FIVE_SECONDS: Final = 5_000_000_000
LONGEST: Final = float(1 << 60)
MILLI: Final = 1_000_000.0
SMOOTHING: Final = 1.4  # Polly RetryHelper.cs: RpScalingFactor is its reciprocal
STEEPNESS: Final = 4.0  # PFactor


@mypyc_attr(allow_interpreted_subclasses=True)
class Draws:
    """A supply of random numbers, uniform on [0, 1)."""

    __slots__ = ()

    def next(self) -> float:
        return 0.5


class Memory:
    """What one call remembers from wait to wait."""

    __slots__ = ("ends", "hint", "previous")

    previous: float
    hint: float  # what the last answer asked for; below 0: nothing
    ends: dict[int, int]  # how many attempts had which outcome, kept by who wants to know

    def __init__(self) -> None:
        self.previous = 0.0
        self.hint = -1.0
        self.ends = {}


def is_random(config: WaitConfig) -> bool:
    """Whether a wait asks for random numbers."""
    return config.growth in {"decorrelated", "smoothed"} or config.jitter != "none" or any(map(is_random, config.of))


class Wait:
    """One formula."""

    __slots__ = ("_before", "_config", "_cut", "_growth", "_jitter", "_least", "_most", "_of", "_whole")

    def __init__(self, config: WaitConfig) -> None:
        self._config = config
        self._growth = config.growth
        self._jitter = config.jitter
        self._most = min(config.most, LONGEST)
        self._least = max(0.0, config.least)
        self._before = config.capped == "before"
        self._cut = config.cut
        self._whole = config.whole
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
        if self._cut or self._whole:
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
            if t * log(config.factor) > 600.0:
                return LONGEST
            reached = float(config.factor**t) * tanh(sqrt(STEEPNESS * t))
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
        if jitter == "around":
            extra = self._config.extra
            return w - extra + draws.next() * (2.0 * extra + MILLI)
        if jitter == "above":
            return self._least + (w - self._least) * draws.next()
        if jitter == "resilience4j":
            return max(MILLI, w * (1.0 - spread) + draws.next() * (2.0 * w * spread + MILLI))
        return w


class Ended:
    """How an attempt ended: an error with its class and what that derives from, or a returned value."""

    __slots__ = ("causes", "failed", "lineage", "message", "name")

    def __init__(
        self, name: str, failed: bool, lineage: tuple[str, ...] = (), message: str = "", causes: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.failed = failed
        self.lineage = lineage or (name,)
        self.message = message
        self.causes = causes


def again(config: AgainConfig, end: Ended) -> bool:
    """Whether an end is worth another attempt; tenacity's retry_* and what others say with fewer words."""
    kind = config.kind
    if kind in {"any", "all"}:
        held = [again(each, end) for each in config.of]
        return any(held) if kind == "any" else all(held)
    if kind in {"always", "never"}:
        return kind == "always"
    if kind in {"result", "not_result"}:
        return not end.failed and (end.name in config.names) == (kind == "result")
    if not end.failed:
        return kind in {"unless_error", "not_message"}
    if kind in {"message", "not_message"}:
        matches = bool(re.match(config.pattern, end.message)) if config.pattern else end.message == config.text
        return matches == (kind == "message")
    if kind == "cause":
        return any(name in config.names for name in end.causes)
    return any(name in config.names for name in end.lineage) == (kind == "error")


def stops(config: StopConfig, attempt: i64, elapsed: i64, wait: i64, ends: dict[int, int]) -> bool:
    """Whether to give up after failed attempt number ``attempt``; ``ends``: how many had which outcome."""
    kind = config.kind
    if kind == "ends":
        return sum(ends.get(outcome, 0) for outcome in config.outcomes) > config.limit
    if kind == "attempts":
        return attempt >= config.limit
    if kind in {"after", "twice"}:
        return elapsed >= config.limit
    if kind == "before":
        return elapsed + wait >= config.limit
    if kind == "exceeded":
        return elapsed > config.limit
    if kind == "any":
        return any(stops(each, attempt, elapsed, wait, ends) for each in config.of)
    return kind == "all" and all(stops(each, attempt, elapsed, wait, ends) for each in config.of)


def last_look(config: StopConfig) -> int:
    """The time after which a wait that is over is followed by no try any more; 0: none."""
    return config.limit if config.kind == "twice" else max((last_look(each) for each in config.of), default=0)


class RuleRetry:
    """The machine: settings only; what a call remembers is its :class:`Memory`."""

    __slots__ = (
        "_hint", "_hint_most", "_limit", "_methods", "_on", "_on_any_method", "_on_hint", "_stop", "_trims", "_wait",
        "last_look",
    )  # fmt: skip

    _limit: i64
    last_look: i64
    _hint_most: float  # below 0: no limit

    def __init__(self, config: LikeRetryConfig) -> None:
        self._wait = Wait(config.wait)
        self._stop = config.stop
        self._hint = config.rules.hint if config.heeds_hint else "ignored"
        self._hint_most = float(config.hint_most)
        self._trims = config.rules.trims
        self._limit = config.limit
        self.last_look = last_look(config.stop)
        self._on = config.on
        self._on_hint = config.on_hint
        self._methods = config.methods
        self._on_any_method = config.on_any_method

    def worth(self, outcome: int, hinted: bool, method: str) -> bool:
        """Whether an attempt of a request with this method that ended so is worth another one.

        ``hinted``: the answer has a Retry-After.
        """
        if self._methods and method not in self._methods:
            return outcome in self._on_any_method
        return outcome in self._on or (hinted and outcome in self._on_hint)

    def next(self, attempt: i64, retry: i64, elapsed: i64, memory: Memory, draws: Draws) -> i64:
        """The wait after attempt number ``attempt``, which was worth another one, or :data:`STOP`.

        ``retry`` is the number of the wait as backoff counts it; a hint may make that start anew.
        """
        w = self._wait.wait(retry, memory, draws)
        hint = memory.hint
        if hint > self._hint_most >= 0.0:
            hint = self._hint_most if self._hint_most else -1.0
        if hint >= 0.0:
            if self._hint in {"replaces", "restarts"}:
                w = hint
            elif self._hint == "bounds":
                w = min(max(w, hint), hint + float(FIVE_SECONDS))
        wait: i64 = int((w if w < LONGEST else LONGEST) + 0.5)  # also of what is no number
        if stops(self._stop, attempt, elapsed, wait, memory.ends):
            return STOP
        if self._trims and self._limit:
            wait = max(0, min(wait, self._limit - elapsed))
        return wait
