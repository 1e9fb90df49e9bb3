"""Windows whose slices are not on the clock's grid: anchored in their events (Polly), or in the state (gobreaker).

Owns counting and forgetting, as rules/tallies.py does; the bullet points there say which library counts so.
"""

from __future__ import annotations

from collections import deque

from mypy_extensions import i64

from resilience_sim.policies.rules.tally import Tally


class Slice:
    """What happened since ``start``."""

    __slots__ = ("bad", "start", "total")

    start: i64
    bad: i64
    total: i64

    def __init__(self, start: i64) -> None:
        self.start = start
        self.bad = 0
        self.total = 0


class AnchoredTally(Tally):
    """Slices of ``width`` ns, each begun by the first event after the end of the one before; gone after ``span``."""

    __slots__ = ("_slices", "_span", "_width")

    _span: i64
    _width: i64

    def __init__(self, min_calls: i64, span: i64, width: i64) -> None:
        super().__init__(min_calls)
        self._span = span
        self._width = width
        self._slices: deque[Slice] = deque()

    def _current(self, now: i64) -> Slice:
        slices = self._slices
        if not slices or now - slices[-1].start >= self._width:
            slices.append(Slice(now))
        while now - slices[0].start >= self._span:
            gone = slices.popleft()
            self.total -= gone.total
            self.bad -= gone.bad
        return slices[-1]

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """Into the current slice."""
        current = self._current(now)
        current.total += 1
        current.bad += bad
        super().add(now, since, bad, slow)

    def look(self, now: i64) -> None:
        """Reading begins slices too."""
        self._current(now)


class SingleTally(Tally):
    """One window of ``span`` ns, begun anew by the first event after its end."""

    __slots__ = ("_span", "_start")

    _span: i64
    _start: i64

    def __init__(self, min_calls: i64, now: i64, span: i64) -> None:
        super().__init__(min_calls)
        self._span = span
        self._start = now

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """In the window of now."""
        self.look(now)
        super().add(now, since, bad, slow)

    def look(self, now: i64) -> None:
        """Begin anew, if it is over."""
        if now - self._start >= self._span:
            self._start = now
            self.total = 0
            self.bad = 0


class RollingTally(Tally):
    """``count`` slices of ``width`` ns from ``now`` on; a result belongs to the slice its call was let in."""

    __slots__ = ("_age", "_count", "_slices", "_start", "_width")

    _start: i64
    _width: i64
    _count: i64
    _age: i64

    def __init__(self, min_calls: i64, now: i64, width: i64, count: i64) -> None:
        super().__init__(min_calls)
        self._start = now
        self._width = width
        self._count = count
        self._age = 0
        self._slices: list[Tally] = [Tally(0) for _ in range(count)]

    def request(self, now: i64) -> None:
        """Into the current slice."""
        self.requests += 1
        self._slices[self._age % self._count].requests += 1

    def _slice_of(self, since: i64) -> Tally | None:
        # half open the slices do not grow: all belongs to the first
        age = min((since - self._start) // self._width, self._age)
        return self._slices[age % self._count] if 0 <= self._age - age < self._count else None

    def exclude(self, now: i64, since: i64) -> None:
        """In the slice of its call, while there is one."""
        piece = self._slice_of(since)
        if piece is not None:
            self.excluded += 1
            piece.excluded += 1

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """In the slice of its call, while there is one."""
        piece = self._slice_of(since)
        if piece is not None:
            super().add(now, since, bad, slow)
            piece.add(now, since, bad, slow)

    def look(self, now: i64) -> None:
        """Forget slices that have left the window."""
        age = (now - self._start) // self._width
        if age - self._age >= self._count:
            self._slices = [Tally(0) for _ in range(self._count)]
            self.total = 0
            self.bad = 0
            self.slow = 0
            self.run_bad = 0
            self.run_good = 0
            self.requests = 0
            self.excluded = 0
            self._age = age
        while self._age < age:
            self._age += 1
            self._drop(self._age % self._count)

    def _drop(self, oldest: i64) -> None:
        """Take a slice out; a row of equal results loses its part only if it reaches back that far."""
        gone = self._slices[oldest]
        good = gone.run_good
        bad = gone.run_bad
        for i in range(1, self._count):
            piece = self._slices[(oldest + i) % self._count]
            good += piece.total - piece.bad
            bad += piece.bad
        if self.run_good == good:
            self.run_good = max(0, self.run_good - gone.run_good)
        if self.run_bad == bad:
            self.run_bad = max(0, self.run_bad - gone.run_bad)
        self.total -= gone.total
        self.bad -= gone.bad
        self.requests = max(0, self.requests - gone.requests)
        self.excluded -= gone.excluded
        self._slices[oldest] = Tally(0)
