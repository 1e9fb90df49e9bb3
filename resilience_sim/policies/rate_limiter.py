"""Rate limiter: so many calls per time, by one of three schemes.

Owns the arithmetic of permits, exact in nanoseconds. A call that may wait reserves its permit at once and comes in when
it falls due; what it would have to wait longer than ``max_wait`` is rejected at once. A reservation is not given back.

* ``token_bucket``: up to ``burst`` tokens, full at the start, refilled evenly (as GCRA, the virtual scheduling form of
  ITU-T I.371: one instant says it all).
* ``smooth``: one call per interval, no burst: a bucket of one.
* ``fixed_window``: ``count`` calls in each window of ``per`` counted from t = 0; unused ones expire.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import ADMITTED_LATE, LIMITED, QUEUED, REJECTED
from resilience_sim.kernel.frames import Frame, Layer, answer
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config import RateLimiterConfig


class Permits:
    """A bucket of ``burst`` permits refilled with ``count`` every ``per`` ns. Also Service B's own 429 limiter."""

    __slots__ = ("_full_at", "_interval", "_slack")

    _interval: i64
    _slack: i64
    _full_at: i64

    def __init__(self, count: float, per: i64, burst: i64) -> None:
        # In 1/1024 ns, so that 3 a second does not gain a nanosecond with every call.
        self._interval = round(float(per * 1024) / count)
        self._slack = self._interval * (burst - 1)
        self._full_at = 0

    def wait(self, now: i64) -> i64:
        """Nanoseconds until a permit would be there (0: now)."""
        early = self._full_at - self._slack - now * 1024
        return 0 if early <= 0 else -(-early // 1024)

    def take(self, now: i64) -> None:
        """Take the next permit, now or in advance."""
        self._full_at = max(self._full_at, now * 1024) + self._interval


class Windows:
    """``count`` permits in each window of ``per`` ns; reservations fill the windows to come."""

    __slots__ = ("_count", "_per", "_used", "_window")

    _count: i64
    _per: i64
    _used: i64
    _window: i64

    def __init__(self, count: float, per: i64) -> None:
        self._count = max(1, int(count))
        self._per = per
        self._window = 0  # the latest window in which a permit was taken
        self._used = 0

    def wait(self, now: i64) -> i64:
        """Nanoseconds until a permit would be there (0: now)."""
        current = now // self._per
        used_up = current <= self._window and self._used >= self._count
        target = self._window + 1 if used_up else max(current, self._window)
        return max(0, target * self._per - now)

    def take(self, now: i64) -> None:
        """Take the next permit, now or in advance."""
        current = now // self._per
        if current > self._window:
            self._window = current
            self._used = 0
        elif self._used >= self._count:
            self._window += 1
            self._used = 0
        self._used += 1


class RateLimiter(Layer):
    """The layer; its rejection is ``rate_limited`` to the user."""

    __slots__ = ("_inner", "_max_wait", "_permits", "_waiting")

    _max_wait: i64
    _waiting: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: RateLimiterConfig) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._max_wait = config.max_wait
        self._permits: Permits | Windows
        if config.scheme == "fixed_window":
            self._permits = Windows(config.count, config.per)
        else:
            burst = 1 if config.scheme == "smooth" else config.burst
            self._permits = Permits(config.count, config.per, burst)
        self._waiting = 0

    def enter(self, parent: Frame) -> None:
        """Let in, now or when its permit falls due, or reject."""
        sim = self.sim
        wait = self._permits.wait(sim.now)
        if wait > self._max_wait:
            sim.sink.emit(sim.now, REJECTED, self.source, parent.req.rid, LIMITED, wait)
            parent.layer.on_result(parent, LIMITED)
            return
        self._permits.take(sim.now)
        f = Frame(self, parent)
        if wait == 0:
            self._inner.enter(f)
            return
        self._waiting += 1
        f.k = 1
        f.x = sim.now
        sim.sink.emit(sim.now, QUEUED, self.source, f.req.rid, self._waiting, wait)
        sim.schedule(sim.now + wait, f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """Pass it on."""
        answer(f, outcome)

    def on_timer(self, f: Frame) -> None:
        """The permit is due."""
        sim = self.sim
        self._waiting -= 1
        f.k = 0
        sim.sink.emit(sim.now, ADMITTED_LATE, self.source, f.req.rid, self._waiting, sim.now - f.x)
        self._inner.enter(f)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """A waiting call leaves; its permit is spent."""
        if f.k:
            self._waiting -= 1
        super().on_cancel(f, why, stop_work)
