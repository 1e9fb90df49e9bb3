"""failsafe-go's AdaptiveThrottler: turns calls away the more of the completed ones fail.

Owns the rule (v0.9.7, adaptivethrottler): the SRE book's form over executions that ended, not over those turned away
here, with 1/(1-threshold) in the place of K and a highest rejection rate.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import FALLBACK, REJECTED, THROTTLED
from resilience_sim.kernel.frames import Frame, Layer, answer
from resilience_sim.kernel.rng import THROTTLE
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config_like_guards import LikeThrottleConfig
from resilience_sim.policies.windows import Window


class LibraryThrottle(Layer):
    """The layer; one window of completed calls, failures marked."""

    __slots__ = ("_factor", "_inner", "_least", "_most", "_purpose", "_window")

    _purpose: i64
    _least: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: LikeThrottleConfig, ordinal: i64) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._factor = 1.0 / (1.0 - config.threshold)
        self._most = config.most
        self._least = config.min_calls
        self._window = Window(0, config.window)
        self._purpose = THROTTLE + ordinal

    def enter(self, parent: Frame) -> None:
        """Draw, then let in or reject."""
        sim = self.sim
        req = parent.req
        window = self._window
        window.expire(sim.now)
        total = float(window.total)
        surplus = total - self._factor * (total - float(window.bad))
        chance = min(self._most, surplus / (total + 1.0)) if surplus > 0.0 and window.total >= self._least else 0.0
        if chance > 0.0 and sim.rng.uniform(self._purpose, req.rid, req.attempts) < chance:
            sim.sink.emit(sim.now, REJECTED, self.source, req.rid, THROTTLED, int(chance * 1_000_000))
            parent.layer.on_result(parent, THROTTLED)
            return
        self._inner.enter(Frame(self, parent))

    def on_result(self, f: Frame, outcome: i64) -> None:
        """Count what ended."""
        self._window.add(self.sim.now, 0 if outcome <= FALLBACK else 1, 0)
        answer(f, outcome)
