"""Timeout: the caller stops waiting after a while.

Owns one rule: whichever comes first, the answer or the timer; at the same instant, whichever was scheduled first (the
timer of a call is armed before the call goes inside). The layers inside are told that nobody waits any more; B's work
goes on, and its effect may still happen, unless ``cancels_work``.
"""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import TIMED_OUT, TIMEOUT
from resilience_sim.kernel.frames import NULL_REQUEST, Frame, Layer, answer, cancel_child
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config import TimeoutConfig


@mypyc_attr(acyclic=True, free_list_len=1)
class Timed(Frame):
    """One call against the clock; a class of its own so that the one that died last is there for the next."""

    __slots__ = ()


class Timeout(Layer):
    """The layer; all calls share one lane of timers."""

    __slots__ = ("_after", "_inner", "_stops_work", "_timers")

    _after: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: TimeoutConfig) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._after = config.after
        self._stops_work = config.cancels_work
        self._timers = sim.fixed_delay_queue(config.after)
        self.delay_queue = self._timers

    def enter(self, parent: Frame) -> None:
        """Arm the timer, then let the call in."""
        f = Timed(self, parent)
        self.sim.schedule_fixed(self._timers, f)
        self._inner.enter(f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """In time."""
        f.armed = False
        answer(f, outcome)
        f.req = NULL_REQUEST  # a dead timer stands in its lane for long: it shall not keep the request

    def on_timer(self, f: Frame) -> None:
        """Too late: cut the inside off and answer in its place."""
        sim = self.sim
        sim.sink.emit(sim.now, TIMED_OUT, self.source, f.req.rid, self._after, 0)
        cancel_child(f, TIMEOUT, self._stops_work)
        answer(f, TIMEOUT)
