"""Sliding windows of results: the last N calls, or the calls of the last N nanoseconds."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.vectors import append, vec

TRIM: Final = 1024  # forgotten results that are kept before the lists are cut


class Window:
    """Counts of calls, failures and slow calls among the last ``calls`` results or those of the last ``span`` ns.

    Exactly one of ``calls`` and ``span`` is positive; with both 0 nothing is ever forgotten. In a time window a
    result counts at t while ``t - span < its time <= t``.
    """

    __slots__ = ("_head", "_limit", "_marks", "_span", "_times", "bad", "slow", "total")

    _head: i64
    _limit: i64
    _span: i64
    total: i64
    bad: i64
    slow: i64

    def __init__(self, calls: i64, span: i64) -> None:
        self._limit = calls
        self._span = span
        # Of calls, a ring: once it is full the new result takes the place of the oldest, which is at ``_head``.
        # Of a span of time, a queue in two vectors, its head an index: far cheaper than a deque of tuples.
        self._marks = vec[i64]()  # bad + 2 * slow
        self._times = vec[i64]()  # of a time window only
        self._head = 0
        self.total = 0
        self.bad = 0
        self.slow = 0

    def add(self, now: i64, bad: i64, slow: i64) -> None:
        """Record one result (``bad`` and ``slow`` are 0 or 1)."""
        if self._span:
            self.expire(now)
            self._times = append(self._times, now)
            self._marks = append(self._marks, bad | slow << 1)
        elif self._limit:
            marks = self._marks
            if self.total == self._limit:
                head = self._head
                old = marks[head]
                new = bad | slow << 1
                if new != old:
                    marks[head] = new
                    self.bad += bad - (old & 1)
                    self.slow += slow - (old >> 1)
                head += 1
                if head == self._limit:  # not an expression of both: the literal would make it an object
                    head = 0
                self._head = head
                return
            self._marks = append(marks, bad | slow << 1)
        self.total += 1
        self.bad += bad
        self.slow += slow

    def expire(self, now: i64) -> None:
        """Forget what has left a time window."""
        oldest = now - self._span
        if self._span:
            while self.total and self._times[self._head] <= oldest:
                self._drop()

    def look_back(self, span: i64) -> None:
        """A time window looks back this far from now on; what it has forgotten stays forgotten."""
        self._span = span

    def counts(self, now: i64) -> tuple[int, int, int]:
        """All, bad and slow results that the window counts at ``now``; nothing is forgotten by looking."""
        total, bad, slow, i = self.total, self.bad, self.slow, self._head
        if self._span:
            oldest = now - self._span
            while total and self._times[i] <= oldest:
                mark = self._marks[i]
                total -= 1
                bad -= mark & 1
                slow -= mark >> 1
                i += 1
        return total, bad, slow

    def _drop(self) -> None:
        head = self._head
        mark = self._marks[head]
        self.bad -= mark & 1
        self.slow -= mark >> 1
        self.total -= 1
        head += 1
        if head >= TRIM and 2 * head >= len(self._marks):
            self._marks = self._marks[head:]
            self._times = self._times[head:]
            head = 0
        self._head = head

    def renew(self, calls: int, span: int) -> None:
        """Forget everything and be another window."""
        self._limit = calls
        self._span = span
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._marks = vec[i64]()
        self._times = vec[i64]()
        self._head = 0
        self.total = 0
        self.bad = 0
        self.slow = 0
