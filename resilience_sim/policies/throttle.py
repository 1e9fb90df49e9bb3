"""Adaptive throttling on the client: the less B accepts, the more is turned away before it is sent.

Owns the rule of the SRE book (Beyer et al., "Site Reliability Engineering", 2016, chapter "Handling Overload"): over
the last ``window``, reject with probability max(0, (requests - K * accepts) / (requests + 1)). Rejections here count as
requests too, so the rate of rejection settles. An answer counts as accepted when B took the call on: any outcome but
refused, shed, unavailable, rate limited, timed out or reset.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import ERROR, FALLBACK, REJECTED, THROTTLED
from resilience_sim.kernel.frames import Frame, Layer, answer
from resilience_sim.kernel.rng import THROTTLE
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config import ThrottleConfig
from resilience_sim.policies.windows import Window


class Throttle(Layer):
    """The layer. Accepts are kept as the ``bad`` count of their own window, requests as the total of another."""

    __slots__ = ("_accepts", "_inner", "_k", "_purpose", "_requests")

    _purpose: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: ThrottleConfig, ordinal: i64) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._k = config.k
        self._requests = Window(0, config.window)
        self._accepts = Window(0, config.window)
        self._purpose = THROTTLE + ordinal

    def enter(self, parent: Frame) -> None:
        """Draw, then let in or reject."""
        sim = self.sim
        now = sim.now
        req = parent.req
        self._requests.expire(now)
        self._accepts.expire(now)
        surplus = float(self._requests.total) - self._k * float(self._accepts.total)
        chance = surplus / float(self._requests.total + 1) if surplus > 0.0 else 0.0
        self._requests.add(now, 0, 0)
        if chance > 0.0 and sim.rng.uniform(self._purpose, req.rid, req.attempts) < chance:
            sim.sink.emit(now, REJECTED, self.source, req.rid, THROTTLED, int(chance * 1_000_000))
            parent.layer.on_result(parent, THROTTLED)
            return
        self._inner.enter(Frame(self, parent))

    def on_result(self, f: Frame, outcome: i64) -> None:
        """Count what B accepted."""
        if outcome <= FALLBACK or outcome == ERROR:
            self._accepts.add(self.sim.now, 0, 0)
        answer(f, outcome)
