"""Bulkhead: a limited number of calls inside at once; a few more may wait, the rest is rejected.

First come, first served. A waiting call whose caller gives up leaves the queue at once.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import ADMITTED_LATE, BULKHEAD_FULL, QUEUED
from resilience_sim.kernel.frames import Clock, Frame, Layer, answer
from resilience_sim.policies.layer import Gauges, PolicyLayer
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.policy import PolicyConfig

WAITING: Final = 0
INSIDE: Final = 1
LEFT: Final = 2


class Bulkhead(PolicyLayer):
    """The layer. A frame's ``k`` is ``WAITING``, ``INSIDE`` or ``LEFT``, ``x`` the instant it came."""

    __slots__ = ("_admitting", "_inside", "_max_concurrent", "_max_wait", "_places", "_queue", "_waiting")

    _max_concurrent: i64
    _places: i64
    _max_wait: i64
    _inside: i64
    _waiting: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: BulkheadConfig) -> None:
        super().__init__(sim, source, inner)
        self._max_concurrent = config.max_concurrent
        self._places = config.queue
        self._max_wait = config.max_wait
        self._inside = 0
        self._waiting = 0  # frames in the queue that still wait; the others are skipped when their turn comes
        self._queue: deque[Frame] = deque()
        self._admitting = False  # letting waiting calls in, further out on the call stack

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, BulkheadConfig):
            return False
        self._max_concurrent = config.max_concurrent
        self._places = config.queue
        self._max_wait = config.max_wait
        return True

    def resume(self) -> None:
        """There may be more places now."""
        self._admit_waiting()

    def gauges(self, now: i64) -> Gauges:
        return {
            "inside": int(self._inside),
            "places": int(self._max_concurrent),
            "waiting": int(self._waiting),
            "queue": int(self._places),
        }

    def enter(self, parent: Frame) -> None:
        sim = self.sim
        if self._inside < self._max_concurrent and not self._waiting:
            self._inside += 1
            f = Frame(self, parent)
            f.k = INSIDE
            self.inner.enter(f)
        elif self._waiting < self._places:
            f = Frame(self, parent)
            f.k = WAITING
            f.x = sim.now
            self._waiting += 1
            self._queue.append(f)
            sim.sink.emit(sim.now, QUEUED, self.source, f.req.rid, self._waiting, -1)
            if self._max_wait >= 0:
                sim.schedule(sim.now + self._max_wait, f)
        else:
            self.reject(parent, BULKHEAD_FULL, self._waiting)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """A place is free: the next one goes in before the caller reacts."""
        f.k = LEFT
        self._leave()
        answer(f, outcome)

    def on_timer(self, f: Frame) -> None:
        """It has waited too long."""
        self._waiting -= 1
        self.reject_waiting(f, BULKHEAD_FULL, self._waiting)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        was = f.k
        f.k = LEFT
        super().on_cancel(f, why, stop_work)
        if was == INSIDE:
            self._leave()
        elif was == WAITING:
            self._waiting -= 1

    def shut_down(self) -> None:
        """Nobody is admitted to places that become free from now on."""
        self._queue.clear()

    def _leave(self) -> None:
        self._inside -= 1
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        """Admit waiting calls to the free places. A loop, because the next one may be answered at once."""
        if self._admitting:
            return
        self._admitting = True
        queue = self._queue
        while queue and self._inside < self._max_concurrent:
            f = queue.popleft()
            if not f.live:
                continue
            sim = self.sim
            self._waiting -= 1
            self._inside += 1
            f.armed = False
            f.k = INSIDE
            sim.sink.emit(sim.now, ADMITTED_LATE, self.source, f.req.rid, self._waiting, sim.now - f.x)
            self.inner.enter(f)
        self._admitting = False
