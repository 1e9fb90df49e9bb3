"""Circuit breaker under a library's rules: the layer around rules/breaker.py.

Owns what the simulator adds: outcomes made into kinds of results, events, and the timers of those libraries that have
any (they never keep a run going by themselves). Refuses the rules. Whether a late result counts is the library's
rule; the event ``late_result`` is sent either way.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    BREAKER,
    BREAKER_OPEN,
    CLOSED,
    FALLBACK,
    HALF_OPEN,
    LATE_RESULT,
    OPEN,
    PROBE,
    REJECTED,
    WHY_PROBE_FAILED,
    WHY_RESTART,
    pack_change,
    pack_pair,
    pack_states,
)
from resilience_sim.kernel.frames import Clock, Frame, Layer, answer
from resilience_sim.kernel.rng import JITTER
from resilience_sim.kernel.sim import Sim
from resilience_sim.policies.config_like import LikeBreakerConfig
from resilience_sim.policies.rules.breaker import (
    BAD,
    CANCELLED_CALL,
    GOOD,
    IGNORED,
    REJECTED_CALL,
    RuleBreaker,
)
from resilience_sim.policies.rules.machine import NEVER

OPEN_TIME: Final = 1 << 20  # luck of the open time, apart from that of retries


class LibraryBreaker(Layer):
    """The layer. A frame's ``k`` is the token it was admitted with, ``x`` the instant."""

    __slots__ = ("_clock", "_ignore", "_inner", "_machine", "_purpose", "_slow_call")

    _slow_call: i64
    _ignore: i64
    _purpose: i64

    def __init__(self, sim: Sim, source: i64, inner: Layer, config: LikeBreakerConfig, ordinal: i64) -> None:
        super().__init__(sim, source)
        self._inner = inner
        self._machine = RuleBreaker(config, 0)
        self._slow_call = config.slow_call
        self._purpose = JITTER + OPEN_TIME + ordinal
        self._clock: Clock | None = None
        ignore = 0
        for outcome in config.ignore:
            ignore |= 1 << outcome
        self._ignore = ignore

    def enter(self, parent: Frame) -> None:
        """Admit or reject."""
        sim = self.sim
        now = sim.now
        machine = self._machine
        rid = parent.req.rid
        token: i64 = machine.admit(now)
        self._tell(rid, 0)
        if token == REJECTED_CALL:
            left = max(0, machine.blocked_until - now) if machine.state == OPEN else 0
            sim.sink.emit(now, REJECTED, self.source, rid, BREAKER_OPEN, left)
            parent.layer.on_result(parent, BREAKER_OPEN)
            return
        if machine.state == HALF_OPEN:
            machine.probing += 1
            sim.sink.emit(now, PROBE, self.source, rid, machine.probing, machine.successes)
        f = Frame(self, parent)
        f.k = token
        f.x = now
        self._inner.enter(f)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """Report the result, and pass it on."""
        kind = IGNORED if self._ignore >> outcome & 1 else GOOD if outcome <= FALLBACK else BAD
        self._report(f, kind, outcome)
        answer(f, outcome)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """Nobody waits: what that means is the library's rule."""
        self._report(f, CANCELLED_CALL, why)
        super().on_cancel(f, why, stop_work)

    def _report(self, f: Frame, kind: i64, outcome: i64) -> None:
        sim = self.sim
        now = sim.now
        machine = self._machine
        if machine.is_late(f.k):
            if kind != CANCELLED_CALL:
                states = pack_states(machine.state_of(f.k), machine.state)
                sim.sink.emit(now, LATE_RESULT, self.source, f.req.rid, outcome, states)
        elif machine.state == HALF_OPEN:
            machine.probing -= 1
        slow = 1 if self._slow_call and now - f.x > self._slow_call else 0
        unit = sim.rng.uniform(self._purpose, f.req.rid, f.req.attempts)
        machine.result(now, f.k, f.x, kind, slow, unit)
        self._tell(f.req.rid, outcome)

    # --- timers ---

    def on_timer(self, f: Frame) -> None:
        """A library that moves by the clock."""
        self._clock = None
        self._machine.on_time(self.sim.now)
        self._tell(-1, 0)

    def _tell(self, rid: i64, outcome: i64) -> None:
        """Send the changes as events, and see to the timer."""
        machine = self._machine
        if machine.changes:
            sim = self.sim
            for change in machine.changes:
                if change.old == change.new:
                    continue  # a late failure makes it stay open longer (pybreaker): the event above says so
                x = outcome if change.why == WHY_PROBE_FAILED else change.x
                packed = pack_change(change.old, change.new, change.why)
                sim.sink.emit(sim.now, BREAKER, self.source, rid, packed, pack_pair(x, change.y))
            machine.changes.clear()
        due: i64 = machine.due
        clock = self._clock
        if clock is not None:
            if clock.armed and clock.time == due:
                return
            clock.armed = False
            self._clock = None
        if due != NEVER:
            clock = Clock(self)
            self._clock = clock
            self.sim.schedule_background(max(due, self.sim.now), clock)

    def trip(self) -> None:
        """Somebody opens it by hand, as far as the library's rules allow."""
        self._machine.force(self.sim.now, OPEN, -1)
        self._tell(-1, 0)

    def reset(self) -> None:
        """Somebody closes it by hand."""
        self._machine.force(self.sim.now, CLOSED, -1)
        self._tell(-1, 0)

    def restart(self) -> None:
        """The client instance came back: what it knew is gone; a breaker that was not CLOSED says so."""
        if self._clock is not None:
            self._clock.armed = False
            self._clock = None
        state = self._machine.state
        if state != CLOSED:
            sim = self.sim
            sim.sink.emit(sim.now, BREAKER, self.source, -1, pack_change(state, CLOSED, WHY_RESTART), 0)
