"""A circuit breaker made of orthogonal rules (policies/config_like.py): one machine, a row of data for each library.

Owns who is admitted and what a result means. Sans-IO: whoever drives it passes the time in, asks
:meth:`RuleBreaker.admit`, reports :meth:`RuleBreaker.result`, calls ``on_time`` at ``due``, and reads ``changes``.
Refuses to know the simulator, outcomes' names or the libraries (rules/library_breakers.py). States and timers are
rules/machine.py, thresholds rules/trips.py, the open time rules/open_time.py.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    CLOSED,
    HALF_OPEN,
    OPEN,
    WHY_PROBE_FAILED,
    WHY_PROBES_BAD,
    WHY_PROBES_SUCCEEDED,
    WHY_REOPENED,
)
from resilience_sim.policies.config_like import FORCED_OPEN, ISOLATED, METRICS_ONLY
from resilience_sim.policies.rules.machine import NEVER, TICK, Machine
from resilience_sim.policies.rules.tally import Tally

# kinds of results
GOOD: Final = 0
BAD: Final = 1
IGNORED: Final = 2
CANCELLED_CALL: Final = 3

REJECTED_CALL: Final = -1  # admit() said no

_STATE_BITS: Final = 3


class RuleBreaker(Machine):
    """The machine and its calls."""

    __slots__ = ()

    # --- asking ---

    def admit(self, now: i64) -> i64:
        """A token to report the result with, or :data:`REJECTED_CALL`."""
        if self._touch:
            self._settle(now)
        state = self.state
        if state == OPEN and self._may_leave(now):
            self._half_open(now)
            state = HALF_OPEN
        admitted = True
        if state in {OPEN, FORCED_OPEN, ISOLATED}:
            admitted = False
        elif state == HALF_OPEN and not self._admits_all:
            admitted = self._permits > 0
            if admitted:
                self._permits -= 1
        if not admitted:
            self.tally.rejected += 1
            return REJECTED_CALL
        self.tally.request(now)
        return self.generation << _STATE_BITS | state

    def is_late(self, token: i64) -> bool:
        """Whether a call was let in before the last change of state."""
        return token >> _STATE_BITS != self.generation

    @staticmethod
    def state_of(token: i64) -> i64:
        """The state a call was let in."""
        return token & ((1 << _STATE_BITS) - 1)

    # --- reporting ---

    def result(self, now: i64, token: i64, since: i64, kind: i64, slow: i64, unit: float) -> None:
        """A call let in at ``since`` has ended. ``unit``: a number of [0, 1) for who draws the open time."""
        self._unit = unit
        if self._touch:
            self._settle(now)
        if self._forgets and self.is_late(token):
            return
        rules = self.rules
        how = rules.cancelled if kind == CANCELLED_CALL else rules.ignored if kind == IGNORED else ""
        if how == "released":
            self.tally.exclude(now, since)
            self.release()
            return
        if how == "nothing":
            return
        if how == "reopens":
            if self.state == HALF_OPEN and not self.is_late(token):
                self._become(OPEN, WHY_PROBE_FAILED, 0, 0, now)
            return
        bad: i64 = 1 if kind == BAD or how == "failure" else 0
        handler = self.state_of(token) if rules.late == "admitting" else self.state
        if handler == HALF_OPEN:
            self._judge(now, since, bad, slow)
        elif handler == CLOSED:
            self.tally.add(now, since, bad, slow)
            if self._ticks:
                if self._next_tick == NEVER:
                    self._next_tick = (now // TICK + 1) * TICK
            elif self._every or bad:
                self._look(now)
        elif handler == METRICS_ONLY or (handler in {OPEN, ISOLATED} and rules.open_counts):
            self.tally.add(now, since, bad, slow)

    def _judge(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """HALF_OPEN: what one more result means."""
        verdict = self._verdict
        tally = self.tally
        generation = self.generation
        if verdict == "first":
            if bad:
                self._become(OPEN, WHY_PROBE_FAILED, 0, 0, now)
            else:
                self._become(CLOSED, WHY_PROBES_SUCCEEDED, 1, 1, now)
            return
        tally.add(now, since, bad, slow)
        if verdict == "run":
            if bad:
                self._become(OPEN, WHY_PROBE_FAILED if self.state == HALF_OPEN else WHY_REOPENED, 0, 0, now)
            else:
                self.successes += 1
                if self.successes >= self._config.successes:
                    self._become(CLOSED, WHY_PROBES_SUCCEEDED, self.successes, self._config.successes, now)
        elif verdict == "sample":
            if tally.total >= tally.min_calls:
                if self._trips.due(tally, now):
                    self._become(OPEN, WHY_PROBES_BAD, self._trips.x, self._trips.y, now)
                else:
                    self._become(CLOSED, WHY_PROBES_SUCCEEDED, tally.total - tally.bad, tally.total, now)
        else:
            self._balance(now, tally)
        if self._recycles and self.generation == generation:
            self._permits += 1

    def _balance(self, now: i64, tally: Tally) -> None:
        """failsafe-go, circuitstates.go: successes are looked at before failures."""
        trips = self._trips
        if trips.enough_successes(tally):
            self._become(CLOSED, WHY_PROBES_SUCCEEDED, tally.total - tally.bad, tally.total, now)
        elif trips.too_many_failures(tally):
            self._become(OPEN, WHY_PROBES_BAD, tally.bad, tally.total, now)
