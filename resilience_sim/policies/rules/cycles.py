"""Permits by fixed cycles that begin with the limiter: resilience4j AtomicRateLimiter, failsafe-go's bursty limiter.

Owns the arithmetic. Unused permits expire with their cycle; reservations push the balance below zero. Sans-IO.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

REFUSED_PERMIT: Final = -1


class Cycles:
    """``count`` permits in each cycle of ``period`` ns, counted from ``start``."""

    __slots__ = ("_count", "_cycle", "_period", "_permits", "_start")

    _count: i64
    _period: i64
    _start: i64
    _cycle: i64
    _permits: i64

    def __init__(self, count: i64, period: i64, start: i64) -> None:
        self._count = count
        self._period = period
        self._start = start
        self._cycle = 0
        self._permits = count

    def available(self, now: i64) -> i64:
        """Permits of the cycle at ``now``; negative: reserved ahead."""
        passed = (now - self._start) // self._period - self._cycle
        if passed <= 0:
            return self._permits
        return min(self._permits + passed * self._count, self._count)

    def wait(self, now: i64, permits: i64) -> i64:
        """How long until that many could be had (0: now)."""
        here = self.available(now)
        if here >= permits:
            return 0
        at = now - self._start
        to_next = (at // self._period + 1) * self._period - at
        missing = permits - (here + self._count)
        return max(0, (missing + self._count - 1) // self._count) * self._period + to_next

    def reserve(self, now: i64, permits: i64, patience: i64) -> i64:
        """Take permits, now or ahead: the wait, or :data:`REFUSED_PERMIT` when it is longer than ``patience``."""
        wait = self.wait(now, permits)
        here = self.available(now)
        self._cycle = max(self._cycle, (now - self._start) // self._period)
        self._permits = here
        if wait > patience:
            return REFUSED_PERMIT
        self._permits -= permits
        return wait

    def drain(self, now: i64) -> i64:
        """Take all there are; how many those were."""
        here = max(0, self.available(now))
        self.reserve(now, here, 0)
        return here

    def reconfigure(self, now: i64, count: i64) -> None:
        """Another limit: from the next cycle on."""
        self._permits = self.available(now)
        self._cycle = max(self._cycle, (now - self._start) // self._period)
        self._count = count


class Refilling:
    """hyx TokenBucketLimiter (ratelimit/managers.py, 0.0.2): refilled only when no token is left."""

    __slots__ = ("_every", "_next", "_size", "_tokens")

    _every: i64

    def __init__(self, size: i64, every: i64, start: i64) -> None:
        self._size = float(size)
        self._every = every
        self._tokens = float(size)
        self._next = float(start + every)

    def take(self, now: i64) -> bool:
        """Take a token, if there is one."""
        if self._tokens > 0.0:
            self._tokens -= 1.0
            return True
        early = self._next - float(now)
        if early > 0.0:
            return False
        every = float(self._every)
        added = min(self._size, 1.0 + -early / every)
        self._next = max(self._next + added * every, float(now) + every)
        self._tokens = added - 1.0
        return True
