"""Adaptive throttling on the client: the less B accepts, the more calls are rejected before they are sent.

The rule is that of the SRE book (Beyer et al., "Site Reliability Engineering", 2016, chapter "Handling Overload"): over
the last ``window``, reject with probability max(0, (requests - K * accepts) / (requests + 1)). Rejections here count as
requests too, so the rate of rejection settles. An answer counts as accepted when B took the call on: any outcome but
refused, shed, unavailable, rate limited, timed out or reset.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import CLIENT_ERROR, ERROR, FALLBACK, THROTTLED, TRIES
from resilience_sim.kernel.frames import Clock, Frame, Layer, answer
from resilience_sim.policies.layer import Gauges, PolicyLayer
from resilience_sim.policies.windows import Window
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.throttle import LikeThrottleConfig, ThrottleConfig


class ChanceThrottle(PolicyLayer):
    """What a throttle is under any rules: a chance to be rejected, and a draw for each call."""

    __slots__ = ()

    def _chance(self, now: i64) -> float:
        """The chance of the call that comes in now, which is counted."""
        raise NotImplementedError

    def enter(self, parent: Frame) -> None:
        chance = self._chance(self.sim.now)
        if chance > 0.0:
            req = parent.req
            tries = req.attempts & TRIES
            if self.sim.rng.uniform(self.fresh(req, tries), req.luck, tries) < chance:
                self.reject(parent, THROTTLED, int(chance * 1_000_000))
                return
        self.inner.enter(Frame(self, parent))


class Throttle(ChanceThrottle):
    """The rules of ``classic``: two windows, of requests and of those that were accepted."""

    __slots__ = ("_accepts", "_k", "_requests")

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: ThrottleConfig) -> None:
        super().__init__(sim, source, inner)
        self._k = config.k
        self._requests = Window(0, config.window)
        self._accepts = Window(0, config.window)

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, ThrottleConfig):
            return False
        self._k = config.k
        self._requests.look_back(config.window)
        self._accepts.look_back(config.window)
        return True

    def _chance(self, now: i64) -> float:
        requests = self._requests
        accepts = self._accepts
        requests.expire(now)
        accepts.expire(now)
        surplus = float(requests.total) - self._k * float(accepts.total)
        chance = surplus / float(requests.total + 1) if surplus > 0.0 else 0.0
        requests.add(now, 0, 0)
        return chance

    def on_result(self, f: Frame, outcome: i64) -> None:
        if outcome <= FALLBACK or outcome in (ERROR, CLIENT_ERROR):
            self._accepts.add(self.sim.now, 0, 0)
        answer(f, outcome)

    def gauges(self, now: i64) -> Gauges:
        requests = self._requests.counts(now)[0]
        surplus = requests - self._k * self._accepts.counts(now)[0]
        return {"chance": surplus / (requests + 1) if surplus > 0 else 0.0}


class LibraryThrottle(ChanceThrottle):
    """failsafe-go's AdaptiveThrottler (v0.9.7): the rule over executions that ended, not over those rejected here.

    1/(1-threshold) takes the place of K, and the chance has an upper limit. One window of completed calls, failures
    marked.
    """

    __slots__ = ("_factor", "_least", "_most", "_window")

    _least: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: LikeThrottleConfig) -> None:
        super().__init__(sim, source, inner)
        self._take(config)
        self._window = Window(0, config.window)

    def _take(self, config: LikeThrottleConfig) -> None:
        self._factor = 1.0 / (1.0 - config.threshold)
        self._most = config.most
        self._least = config.min_calls

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, LikeThrottleConfig):
            return False
        self._take(config)
        self._window.look_back(config.window)
        return True

    def _chance(self, now: i64) -> float:
        self._window.expire(now)
        return self._chance_of(self._window.total, self._window.bad)

    def _chance_of(self, completed: i64, failed: i64) -> float:
        total = float(completed)
        surplus = total - self._factor * (total - float(failed))
        return min(self._most, surplus / (total + 1.0)) if surplus > 0.0 and completed >= self._least else 0.0

    def on_result(self, f: Frame, outcome: i64) -> None:
        self._window.add(self.sim.now, 0 if outcome <= FALLBACK or outcome == CLIENT_ERROR else 1, 0)
        answer(f, outcome)

    def gauges(self, now: i64) -> Gauges:
        total, bad, _ = self._window.counts(now)
        return {"chance": self._chance_of(total, bad)}
