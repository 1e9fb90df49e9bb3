"""Fallback: an answer from somewhere else when the inside fails.

A failure is replaced by ``fallback`` after a fixed latency. To the layers outside, that is a success; the request's
outcome says what it was.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import FALLBACK, FELL_BACK, SUCCESS
from resilience_sim.kernel.frames import Clock, Frame, Layer, answer
from resilience_sim.policies.layer import PolicyLayer, outcome_set
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.types import unlisted


class Fallback(PolicyLayer):
    """The layer."""

    __slots__ = ("_latency", "_passed_on")

    _latency: i64
    _passed_on: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: FallbackConfig) -> None:
        super().__init__(sim, source, inner)
        self._take(config)

    def _take(self, config: FallbackConfig) -> None:
        self._latency = config.latency
        self._passed_on = outcome_set((SUCCESS, FALLBACK, *unlisted(config.on)))

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, FallbackConfig):
            return False
        self._take(config)
        return True

    def on_result(self, f: Frame, outcome: i64) -> None:
        if self._passed_on >> outcome & 1:
            answer(f, outcome)
            return
        sim = self.sim
        sim.sink.emit(sim.now, FELL_BACK, self.source, f.req.rid, outcome, self._latency)
        if self._latency:
            sim.schedule(sim.now + self._latency, f)
        else:
            answer(f, FALLBACK)

    def on_timer(self, f: Frame) -> None:
        answer(f, FALLBACK)
