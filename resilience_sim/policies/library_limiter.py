"""Rate limiter under a library's rules: the layer around rules/cycles.py, and hyx's bucket.

Owns waiting. A call that would wait longer than the limiter's patience is refused, by resilience4j only after it has
waited that long for nothing.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import ADMITTED_LATE, LIMITED, QUEUED, REJECTED
from resilience_sim.kernel.frames import Frame, Layer, answer
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config_like_guards import LikeLimiterConfig
from resilience_sim.policies.rules.cycles import REFUSED_PERMIT, Cycles, Refilling

INSIDE = 0
WAITING = 1
DOOMED = 2


class LibraryLimiter(Layer):
    """The layer. A frame's ``k`` is ``INSIDE``, ``WAITING`` or ``DOOMED``, ``x`` the instant it came."""

    __slots__ = ("_cycles", "_doomed_wait", "_inner", "_patience", "_refilling", "_waiting")

    _patience: i64
    _waiting: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: LikeLimiterConfig) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._patience = config.patience
        self._doomed_wait = config.doomed_wait
        self._waiting = 0
        self._cycles = Cycles(config.count, config.period, sim.now)
        self._refilling = Refilling(config.burst, config.period, sim.now) if config.scheme == "refilling" else None

    def enter(self, parent: Frame) -> None:
        """Let in, now or when its permit falls due, or refuse."""
        sim = self.sim
        now = sim.now
        if self._refilling is not None:
            wait = 0 if self._refilling.take(now) else REFUSED_PERMIT
        else:
            wait = self._cycles.reserve(now, 1, self._patience)
        if wait == 0:
            self._inner.enter(Frame(self, parent))
            return
        if wait == REFUSED_PERMIT and not (self._doomed_wait and self._patience):
            sim.sink.emit(now, REJECTED, self.source, parent.req.rid, LIMITED, 0)
            parent.layer.on_result(parent, LIMITED)
            return
        f = Frame(self, parent)
        f.x = now
        f.k = WAITING
        if wait == REFUSED_PERMIT:
            f.k = DOOMED
            wait = self._patience
        self._waiting += 1
        sim.sink.emit(now, QUEUED, self.source, f.req.rid, self._waiting, wait)
        sim.schedule(now + wait, f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """Pass it on."""
        answer(f, outcome)

    def on_timer(self, f: Frame) -> None:
        """The permit is due, or patience is at its end."""
        sim = self.sim
        self._waiting -= 1
        doomed = f.k == DOOMED
        f.k = INSIDE
        if doomed:
            sim.sink.emit(sim.now, REJECTED, self.source, f.req.rid, LIMITED, 0)
            answer(f, LIMITED)
            return
        sim.sink.emit(sim.now, ADMITTED_LATE, self.source, f.req.rid, self._waiting, sim.now - f.x)
        self._inner.enter(f)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """A waiting call leaves; its permit is spent."""
        if f.k != INSIDE:
            self._waiting -= 1
            f.k = INSIDE
        super().on_cancel(f, why, stop_work)
