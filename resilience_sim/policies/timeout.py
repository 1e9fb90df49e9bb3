"""Timeout: the caller stops waiting after a while.

Whichever comes first, the answer or the timer; at the same instant, whichever was scheduled first (the timer of a call
is scheduled before the call goes inside). The layers inside are told that nobody waits any more; B's work goes on, and
its effect may still happen, unless ``cancels_work``.
"""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import TIMED_OUT, TIMEOUT
from resilience_sim.kernel.frames import NULL_REQUEST, Clock, Frame, Layer, answer, cancel_child
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.timeout import TimeoutConfig


@mypyc_attr(acyclic=True, free_list_len=1)
class Timed(Frame):
    """One call with a timer. ``x`` is the deadline that the inside is told, 0: none.

    A class of its own also for the sake of its free list.
    """

    __slots__ = ()


class Timeout(PolicyLayer):
    """The layer; all its timers have the same delay and share a queue."""

    __slots__ = ("_after", "_passes_on", "_stops_work")

    _after: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: TimeoutConfig) -> None:
        super().__init__(sim, source, inner)
        self._after = config.after
        self._stops_work = config.cancels_work
        self._passes_on = config.passes_on
        if config.passes_on:
            sim.passes_deadlines = True
        self.delay_queue = sim.delay_queue(config.after)

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, TimeoutConfig) or config.after != self._after:
            return False  # its timers are in the queue of their delay
        self._stops_work = config.cancels_work
        self._passes_on = config.passes_on
        if config.passes_on:
            self.sim.passes_deadlines = True
        return True

    def enter(self, parent: Frame) -> None:
        f = Timed(self, parent)
        if self._passes_on:
            f.x = self.sim.now + self._after
        self.sim.schedule_in_queue(self.delay_queue, f)
        self.inner.enter(f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        f.armed = False
        answer(f, outcome)
        f.req = NULL_REQUEST  # a dead timer stays in its queue for long: it must not keep the request alive

    def on_timer(self, f: Frame) -> None:
        """Too late: cut the inside off and answer in its place."""
        sim = self.sim
        sim.sink.emit(sim.now, TIMED_OUT, self.source, f.req.rid, self._after, 0)
        cancel_child(f, TIMEOUT, self._stops_work)
        answer(f, TIMEOUT)
