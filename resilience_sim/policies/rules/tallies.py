"""What a breaker has seen lately, counted as each library counts it: the windows and their alignment.

Owns counting and forgetting. Refuses to know thresholds. A tally also counts, for who wants to know, the calls admitted
and not yet answered, those left out of account and those turned away.

* :class:`Tally`: for ever (gobreaker without Interval, and all that only count failures in a row);
* :class:`RingTally`: the last N results (resilience4j COUNT_BASED, failsafe-go by count);
* :class:`GridTally`: slices on the grid of the clock (resilience4j TIME_BASED: whole seconds of the epoch;
  failsafe-go: tenths
  of the period, and reading does not age it; Hystrix: half seconds);
* :class:`AnchoredTally`: slices that begin with their first event (Polly, RollingHealthMetrics.cs);
* :class:`SingleTally`: one window (Polly below 200 ms, SingleHealthMetrics.cs);
* :class:`RollingTally`: slices counted from the entry into the state (gobreaker v2 with BucketPeriod, counter.go).
"""

from __future__ import annotations

from collections import deque

from mypy_extensions import i64

from resilience_sim.policies.config_like import LikeBreakerConfig
from resilience_sim.policies.rules.slices import AnchoredTally, RollingTally, SingleTally
from resilience_sim.policies.rules.tally import Tally


class RingTally(Tally):
    """The last ``size`` results."""

    __slots__ = ("_marks", "_size")

    _size: i64

    def __init__(self, min_calls: i64, size: i64) -> None:
        super().__init__(min_calls)
        self._size = size
        self._marks: deque[int] = deque()

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """The oldest result makes room."""
        if self._size <= 0:
            return
        marks = self._marks
        if len(marks) >= self._size:
            oldest = marks.popleft()
            self.total -= 1
            self.bad -= oldest & 1
            self.slow -= oldest >> 1
        marks.append(bad | slow << 1)
        super().add(now, since, bad, slow)


class GridTally(Tally):
    """``count`` slices of ``width`` ns on the grid of the clock; ``ages``: reading forgets what is too old."""

    __slots__ = ("_ages", "_bad", "_count", "_head", "_slow", "_total", "_width")

    _count: i64
    _width: i64
    _head: i64

    def __init__(self, min_calls: i64, width: i64, count: i64, ages: bool) -> None:
        super().__init__(min_calls)
        self._width = width
        self._count = count
        self._ages = ages
        self._head = 0
        self._total: list[int] = [0] * count
        self._bad: list[int] = [0] * count
        self._slow: list[int] = [0] * count

    def _roll(self, now: i64) -> None:
        head = now // self._width
        moves = min(head - self._head, self._count)
        for step in range(1, moves + 1):
            i = (self._head + step) % self._count
            self.total -= self._total[i]
            self.bad -= self._bad[i]
            self.slow -= self._slow[i]
            self._total[i] = 0
            self._bad[i] = 0
            self._slow[i] = 0
        self._head = max(self._head, head)

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """Into the slice of now."""
        self._roll(now)
        i = self._head % self._count
        self._total[i] += 1
        self._bad[i] += bad
        self._slow[i] += slow
        super().add(now, since, bad, slow)

    def look(self, now: i64) -> None:
        """Forget, if reading does."""
        if self._ages:
            self._roll(now)


def make_tally(config: LikeBreakerConfig, now: i64) -> Tally:
    """An empty tally as the settings want it, begun now."""
    least = config.min_calls
    span = config.window_time
    kind = config.window
    if kind == "ring":
        return RingTally(least, config.window_calls)
    if kind == "grid":
        return GridTally(least, span // config.slices, config.slices, config.ages_when_read)
    if kind == "anchored":
        return AnchoredTally(least, span, span // config.slices)
    if kind == "single":
        return SingleTally(least, now, span)
    if kind == "rolling":
        return RollingTally(least, now, span // config.slices, config.slices)
    return Tally(least)
