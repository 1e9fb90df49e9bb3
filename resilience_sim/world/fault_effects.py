"""What the active faults do to one attempt: turn it away when it arrives, or slow and break its work.

Where several faults hit one attempt, the order here decides. The service (world/service.py) asks, acts and emits the
events.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import ERROR, LOST, RESET, SUCCESS
from resilience_sim.kernel.frames import Clock
from resilience_sim.world.faults import (
    BROWNOUT,
    COLD_CACHE,
    CUT,
    ERRORS,
    HANG,
    OUTAGE,
    RATE_LIMIT,
    REFUSE,
    SLOWED,
    Place,
    cold_factor,
)
from resilience_sim.world.replica import Job, Replica

LONGEST: Final = 1 << 61  # ns


class FaultEffects:
    """Answers about one attempt at a time; what :meth:`at_work` found stays to be read until it is called again."""

    __slots__ = ("_faults", "_sim", "add", "lost", "lost_answer", "outcome", "rate", "slower")

    rate: float  # at which attempts fail now
    slower: float
    add: i64  # ns
    outcome: i64  # SUCCESS unless a fault makes it fail
    lost: bool  # the answer, whatever it is
    lost_answer: i64  # and what the caller hears instead; SUCCESS: nothing

    def __init__(self, sim: Clock, faults: Place) -> None:
        self._sim = sim
        self._faults = faults
        self.rate = 0.0
        self.slower = 1.0
        self.add = 0
        self.outcome = SUCCESS
        self.lost = False
        self.lost_answer = SUCCESS

    def on_arrival(self, job: Job, replica: Replica) -> i64:
        """``REFUSE``, ``HANG``, ``RATE_LIMIT`` (with its hint in ``job``) or 0; the first one wins."""
        faults = self._faults
        sim = self._sim
        req = job.req
        if faults.crashes and faults.down(replica.number):
            return REFUSE
        for how in (REFUSE, HANG):
            for fault in faults.at_arrival:
                if fault.how == how and fault.permits is None and fault.hits(sim, req, job.attempt, replica.number):
                    return how
        for fault in faults.at_arrival:
            permits = fault.permits
            if permits is not None and fault.hits(sim, req, job.attempt, replica.number):
                if permits.wait(sim.now) == 0:
                    permits.take(sim.now)
                    continue
                job.hint = fault.retry_after
                return RATE_LIMIT
        return 0

    def at_work(self, job: Job, replica: Replica, rate: float) -> None:
        """``rate``: at which attempts fail without faults."""
        sim = self._sim
        req = job.req
        slower = 1.0
        add: i64 = 0
        outcome: i64 = SUCCESS
        lost = False
        answered = False
        for fault in self._faults.at_work:
            if not fault.hits(sim, req, job.attempt, replica.number):
                continue
            kind = fault.kind
            if kind == SLOWED:
                add = min(add + fault.add, LONGEST)
            elif kind == BROWNOUT:
                slower *= fault.slower
                rate += fault.failure_rate - rate * fault.failure_rate
            elif kind == COLD_CACHE:
                slower *= cold_factor(fault, sim.now)
            elif kind == ERRORS:
                if fault.outcome == LOST:
                    if not lost and fault.strikes_error(sim, req, job.attempt):
                        lost = True
                        self.lost_answer = fault.answer
                elif outcome == SUCCESS and fault.strikes_error(sim, req, job.attempt):
                    outcome = fault.outcome
            elif kind == OUTAGE:
                answered = True
                if fault.how == CUT:
                    outcome = RESET
                elif outcome != RESET:
                    outcome = ERROR
        self.rate = rate
        self.slower = slower
        self.add = add
        self.outcome = outcome
        self.lost = lost and not answered
