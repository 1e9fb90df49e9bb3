"""Sliding windows of results: the last N calls, or the calls of the last so many nanoseconds.

Owns counting. Refuses to know what is counted or when to act on it.
"""

from __future__ import annotations

from collections import deque

from mypy_extensions import i64


class Window:
    """Counts of calls, failures and slow calls among the last ``calls`` results or those of the last ``span`` ns.

    Exactly one of ``calls`` and ``span`` is positive; with both 0 nothing is ever forgotten. In a time window a
    result counts at t while ``t - span < its time <= t``.
    """

    __slots__ = ("_items", "_limit", "_span", "bad", "slow", "total")

    _limit: i64
    _span: i64
    total: i64
    bad: i64
    slow: i64

    def __init__(self, calls: i64, span: i64) -> None:
        self._limit = calls
        self._span = span
        self._items: deque[tuple[int, int, int]] = deque()
        self.total = 0
        self.bad = 0
        self.slow = 0

    def add(self, now: i64, bad: i64, slow: i64) -> None:
        """Record one result (``bad`` and ``slow`` are 0 or 1)."""
        if self._span:
            self.expire(now)
        elif self._limit and self.total == self._limit:
            _, was_bad, was_slow = self._items.popleft()
            self.bad -= was_bad
            self.slow -= was_slow
            self.total -= 1
        if self._span or self._limit:
            self._items.append((now, bad, slow))
        self.total += 1
        self.bad += bad
        self.slow += slow

    def expire(self, now: i64) -> None:
        """Forget what has left a time window."""
        if not self._span:
            return
        items = self._items
        oldest = now - self._span
        while items and items[0][0] <= oldest:
            _, bad, slow = items.popleft()
            self.bad -= bad
            self.slow -= slow
            self.total -= 1

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self.total = 0
        self.bad = 0
        self.slow = 0
