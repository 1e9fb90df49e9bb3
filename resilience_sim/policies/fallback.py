"""Fallback: an answer from somewhere else when the inside fails.

Owns one rule: any failure is replaced by ``fallback`` after a fixed latency. To the layers outside, that is a success;
the request's outcome says what it was.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import FALLBACK, FELL_BACK
from resilience_sim.kernel.frames import Frame, Layer, answer
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config import FallbackConfig


class Fallback(Layer):
    """The layer."""

    __slots__ = ("_inner", "_latency")

    _latency: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: FallbackConfig) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._latency = config.latency

    def enter(self, parent: Frame) -> None:
        """Let the call in."""
        self._inner.enter(Frame(self, parent))

    def on_result(self, f: Frame, outcome: i64) -> None:
        """Pass success on; replace anything else."""
        if outcome <= FALLBACK:
            answer(f, outcome)
            return
        sim = self.sim
        sim.sink.emit(sim.now, FELL_BACK, self.source, f.req.rid, outcome, self._latency)
        if self._latency:
            sim.schedule(sim.now + self._latency, f)
        else:
            answer(f, FALLBACK)

    def on_timer(self, f: Frame) -> None:
        """The substitute is ready."""
        answer(f, FALLBACK)
