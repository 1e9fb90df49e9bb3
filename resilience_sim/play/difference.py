"""Where two futures of one run first treat a request differently.

Owns finding that request while both are still going on: only outcomes that are known count, until both runs are over.
Refuses to say why (panels/fork.py).
"""

from __future__ import annotations

from resilience_sim.kernel.events import UNANSWERED
from resilience_sim.measure.divergence import Divergence
from resilience_sim.play.run import Run


def first_difference(run: Run, fork: Run, forked_at: int, both_over: bool) -> Divergence | None:
    """The first request whose outcome differs, as far as both are shown; None when there is none so far."""
    ours, theirs = run.tape, fork.tape
    common = min(ours.requests_by(run.position), theirs.requests_by(fork.position))
    for rid in range(_first_open(run, forked_at), common):
        a, b = ours.outcome(rid, run.position)[0], theirs.outcome(rid, fork.position)[0]
        if a != b and (both_over or (a >= 0 and b >= 0)):
            return Divergence(rid, ours.time(ours.arrived[rid]), UNANSWERED if a < 0 else a, UNANSWERED if b < 0 else b)
    return None


def _first_open(run: Run, forked_at: int) -> int:
    """A request before which all had ended when the fork began."""
    tape = run.tape
    index = tape.index_after(forked_at - 1)
    rid = tape.requests_by(index)
    ended = [at for at in range(rid) if not 0 <= tape.ended[at] < index]
    return ended[0] if ended else rid
