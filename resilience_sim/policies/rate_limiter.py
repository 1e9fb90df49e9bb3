"""Rate limiter: a number of calls per time, by one of several schemes, exact in nanoseconds.

A call that may wait reserves its permit at once and goes in when the permit is there; one that would have to wait too
long is rejected. A reservation is not given back. Schemes of ``classic``:

* ``token_bucket``: up to ``burst`` tokens, full at the start, refilled evenly (as GCRA, the virtual scheduling form of
  ITU-T I.371: one instant says it all).
* ``smooth``: one call per interval, no burst: a bucket of one.
* ``fixed_window``: ``count`` calls in each window of ``per`` counted from t = 0; unused ones expire.

Those of libraries are :class:`Cycles` (resilience4j AtomicRateLimiter, failsafe-go's bursty limiter),
:class:`Refilling` (hyx) and :class:`TimedBucket` (Envoy until 1.30).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import ADMITTED_LATE, LIMITED, QUEUED
from resilience_sim.kernel.frames import Clock, Frame, Layer
from resilience_sim.policies.layer import Gauges, PolicyLayer
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.rate_limiter import LikeLimiterConfig, RateLimiterConfig

# how a call is in the layer: Frame.k
INSIDE: Final = 0
WAITING: Final = 1
DOOMED: Final = 2  # kept waiting although it will be rejected (resilience4j)

REFUSED_PERMIT: Final = -1
PARTS: Final = 1024  # of a nanosecond


class Permits:
    """A bucket of ``burst`` permits refilled with ``count`` every ``per`` ns. Also Service B's own 429 limiter.

    Instants are kept as nanoseconds and 1/1024 of one, so that 3 a second does not gain a nanosecond with every call;
    together they would not fit into 64 bits.
    """

    __slots__ = ("_full_at", "_full_part", "_interval", "_interval_part", "_slack", "_slack_part")

    _interval: i64
    _interval_part: i64
    _slack: i64
    _slack_part: i64
    _full_at: i64
    _full_part: i64

    def __init__(self, count: float, per: i64, burst: i64) -> None:
        self._set(round(float(int(per) * PARTS) / count), burst)
        self._full_at = 0
        self._full_part = 0

    def _set(self, interval: int, burst: i64) -> None:
        slack = interval * (int(burst) - 1)
        self._interval = interval // PARTS
        self._interval_part = interval % PARTS
        self._slack = slack // PARTS
        self._slack_part = slack % PARTS

    def reconfigure(self, now: i64, count: float, per: i64, burst: i64) -> None:
        """As full as it was; permits taken in advance stay taken."""
        interval = int(self._interval) * PARTS + int(self._interval_part)
        room = int(self._slack) * PARTS + int(self._slack_part) + interval
        self._set(round(float(int(per) * PARTS) / count), burst)
        interval_now = int(self._interval) * PARTS + int(self._interval_part)
        later = int(self._slack) * PARTS + int(self._slack_part) + interval_now
        if interval_now == interval and later == room:
            return
        early = max(0, (int(self._full_at) - int(now)) * PARTS + int(self._full_part))
        missing = early * later // room if early <= room else later + (early - room) * interval_now // interval
        self._full_at = int(now) + missing // PARTS
        self._full_part = missing % PARTS

    def wait(self, now: i64) -> i64:
        """Nanoseconds until a permit would be there (0: now)."""
        early = self._full_at - self._slack - now
        if self._full_part > self._slack_part:
            early += 1
        return max(early, 0)

    def take(self, now: i64) -> None:
        """Take the next permit, now or in advance."""
        if self._full_at < now:
            self._full_at = now
            self._full_part = 0
        self._full_at += self._interval
        self._full_part += self._interval_part
        if self._full_part >= PARTS:
            self._full_part -= PARTS
            self._full_at += 1

    def gauges(self, now: i64) -> Gauges:
        interval = int(self._interval) * PARTS + int(self._interval_part)
        burst = (int(self._slack) * PARTS + int(self._slack_part)) // interval + 1
        early = max(0, (int(self._full_at) - int(now)) * PARTS + int(self._full_part))
        return {"tokens": max(0.0, burst - float(early) / float(interval)), "burst": burst}


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

    def reconfigure(self, now: i64, count: float, per: i64) -> None:
        """What was taken of the window at ``now``, and in advance, stays taken."""
        ahead = self._window - now // self._per
        taken = ahead * self._count + self._used if ahead >= 0 else 0
        self._count = max(1, int(count))
        self._per = per
        full = max(0, taken - 1) // self._count
        self._window = now // per + full
        self._used = taken - full * self._count

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

    def gauges(self, now: i64) -> Gauges:
        count = int(self._count)
        ahead = int(self._window) - int(now) // int(self._per)
        left = count if ahead < 0 else 0 if ahead > 0 else max(0, count - int(self._used))
        return {"tokens": left, "burst": count}


class Cycles:
    """``count`` permits in each cycle of ``period`` ns, counted from ``start``.

    Unused permits expire with their cycle; reservations push the balance below zero.
    """

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
        missing = self._count - self._permits
        return (
            self._count
            if passed >= (missing + self._count - 1) // self._count
            else (self._permits + passed * self._count)
        )

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

    def reconfigure(self, now: i64, count: i64, period: i64 = 0) -> None:
        """Another limit: from the next cycle on; another ``period``, if it is given, at once."""
        self._permits = self.available(now)
        self._period = period or self._period
        self._cycle = (
            (now - self._start) // self._period if period else max(self._cycle, (now - self._start) // self._period)
        )
        self._count = count

    def gauges(self, now: i64) -> Gauges:
        return {"tokens": max(0, int(self.available(now))), "burst": int(self._count)}


class Refilling:
    """hyx TokenBucketLimiter (ratelimit/managers.py, 0.0.2): refilled only when no token is left."""

    __slots__ = ("_every", "_next", "_size", "_tokens")

    _every: i64

    def __init__(self, size: i64, every: i64, start: i64) -> None:
        self._size = float(size)
        self._every = every
        self._tokens = float(size)
        self._next = float(start + every)

    def reconfigure(self, now: i64, size: i64, every: i64) -> None:
        """As full as it was; the next token takes the same share of its time."""
        self._tokens *= float(size) / self._size
        self._size = float(size)
        self._next = float(now) + (self._next - float(now)) * (float(every) / float(self._every))
        self._every = every

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

    def gauges(self, now: i64) -> Gauges:
        return {"tokens": max(0.0, self._tokens), "burst": self._size}


class TimedBucket:
    """Envoy's local rate limit until 1.30 (local_ratelimit_impl.cc, onFillTimer): a timer brings ``fill`` tokens at
    once every ``every`` ns, and what goes beyond ``size`` is lost.
    """

    __slots__ = ("_every", "_fill", "_fills", "_size", "_start", "_tokens")

    _every: i64
    _fill: i64
    _fills: i64
    _size: i64
    _start: i64
    _tokens: i64

    def __init__(self, size: i64, fill: i64, every: i64, start: i64) -> None:
        self._size = size
        self._fill = fill
        self._every = every
        self._start = start
        self._fills = 0
        self._tokens = size

    def _catch_up(self, now: i64) -> None:
        fills = (now - self._start) // self._every
        due = fills - self._fills
        self._fills = fills
        if due > (self._size - self._tokens) // self._fill:
            self._tokens = self._size
        else:
            self._tokens += due * self._fill

    def take(self, now: i64) -> bool:
        """Take a token, if there is one."""
        self._catch_up(now)
        if self._tokens <= 0:
            return False
        self._tokens -= 1
        return True

    def reconfigure(self, now: i64, size: i64, fill: i64, every: i64) -> None:
        """The tokens stay, as far as there is room; another ``every`` starts the timer anew."""
        self._catch_up(now)
        self._tokens = min(self._tokens, size)
        self._size = size
        self._fill = fill
        if every != self._every:
            self._every = every
            self._start = now
            self._fills = 0

    def gauges(self, now: i64) -> Gauges:
        self._catch_up(now)
        return {"tokens": int(self._tokens), "burst": int(self._size)}


class Limiter(PolicyLayer):
    """What a limiter is under any rules: calls that wait for their permit. A frame's ``x`` is when it came, ``k`` how
    it is here: ``INSIDE``, ``WAITING`` or ``DOOMED``.
    """

    __slots__ = ("_waiting",)

    _waiting: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer) -> None:
        super().__init__(sim, source, inner)
        self._waiting = 0

    def _hold(self, parent: Frame, wait: i64, how: i64) -> None:
        """Let a call wait before it goes in, or is rejected."""
        sim = self.sim
        f = Frame(self, parent)
        f.k = how
        f.x = sim.now
        self._waiting += 1
        sim.sink.emit(sim.now, QUEUED, self.source, f.req.rid, self._waiting, wait)
        sim.schedule(sim.now + wait, f)

    def on_timer(self, f: Frame) -> None:
        self._waiting -= 1
        doomed = f.k == DOOMED
        f.k = INSIDE
        if doomed:
            self.reject_waiting(f, LIMITED, 0)
            return
        sim = self.sim
        sim.sink.emit(sim.now, ADMITTED_LATE, self.source, f.req.rid, self._waiting, sim.now - f.x)
        self.inner.enter(f)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """A waiting call leaves; its permit is spent."""
        if f.k != INSIDE:
            self._waiting -= 1
            f.k = INSIDE
        super().on_cancel(f, why, stop_work)


class RateLimiter(Limiter):
    """The rules of ``classic``; a rejection is ``rate_limited`` to the user."""

    __slots__ = ("_max_wait", "_permits", "_scheme")

    _max_wait: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: RateLimiterConfig) -> None:
        super().__init__(sim, source, inner)
        self._max_wait = config.max_wait
        self._scheme = config.scheme
        self._permits: Permits | Windows
        if config.scheme == "fixed_window":
            self._permits = Windows(config.count, config.per)
        else:
            burst = 1 if config.scheme == "smooth" else config.burst
            self._permits = Permits(config.count, config.per, burst)

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, RateLimiterConfig) or config.scheme != self._scheme:
            return False
        self._max_wait = config.max_wait
        permits = self._permits
        if isinstance(permits, Windows):
            permits.reconfigure(self.sim.now, config.count, config.per)
        else:
            burst = 1 if config.scheme == "smooth" else config.burst
            permits.reconfigure(self.sim.now, config.count, config.per, burst)
        return True

    def enter(self, parent: Frame) -> None:
        now = self.sim.now
        wait = self._permits.wait(now)
        if wait > self._max_wait:
            self.reject(parent, LIMITED, wait)
            return
        self._permits.take(now)
        if wait == 0:
            self.inner.enter(Frame(self, parent))
        else:
            self._hold(parent, wait, WAITING)

    def gauges(self, now: i64) -> Gauges:
        return {**self._permits.gauges(now), "waiting": int(self._waiting)}


class LibraryLimiter(Limiter):
    """The rules of a library. A call that would wait longer than its patience is refused, by resilience4j only after it
    has waited that long for nothing.
    """

    __slots__ = ("_config", "_cycles", "_doomed_wait", "_patience", "_refilling", "_timed")

    _patience: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: LikeLimiterConfig) -> None:
        super().__init__(sim, source, inner)
        self._config = config
        self._patience = config.patience
        self._doomed_wait = config.doomed_wait
        self._cycles = Cycles(config.count, config.period, sim.now)
        self._refilling = Refilling(config.burst, config.period, sim.now) if config.scheme == "refilling" else None
        timed = config.scheme == "timer"
        self._timed = TimedBucket(config.burst, config.count, config.period, sim.now) if timed else None

    def reconfigure(self, config: PolicyConfig) -> bool:
        before = self._config
        if not isinstance(config, LikeLimiterConfig) or config.library != before.library:
            return False
        if config.scheme != before.scheme:
            return False
        self._config = config
        self._patience = config.patience
        now = self.sim.now
        if self._refilling is not None:
            self._refilling.reconfigure(now, config.burst, config.period)
        elif self._timed is not None:
            self._timed.reconfigure(now, config.burst, config.count, config.period)
        else:
            self._cycles.reconfigure(now, config.count, config.period if config.period != before.period else 0)
        return True

    def enter(self, parent: Frame) -> None:
        now = self.sim.now
        if self._refilling is not None:
            wait = 0 if self._refilling.take(now) else REFUSED_PERMIT
        elif self._timed is not None:
            wait = 0 if self._timed.take(now) else REFUSED_PERMIT
        else:
            wait = self._cycles.reserve(now, 1, self._patience)
        if wait == 0:
            self.inner.enter(Frame(self, parent))
        elif wait != REFUSED_PERMIT:
            self._hold(parent, wait, WAITING)
        elif self._doomed_wait and self._patience:
            self._hold(parent, self._patience, DOOMED)
        else:
            self.reject(parent, LIMITED, 0)

    def gauges(self, now: i64) -> Gauges:
        if self._timed is not None:
            held = self._timed.gauges(now)
        else:
            held = self._cycles.gauges(now) if self._refilling is None else self._refilling.gauges(now)
        return {**held, "waiting": int(self._waiting)}
