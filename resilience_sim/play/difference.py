"""Where two futures of one run first treat a request differently.

Owns finding that request while both are still going on: only outcomes that are known count, until both runs are over.
Refuses to say why (panels/fork.py).
"""

from __future__ import annotations

from resilience_sim.kernel.events import UNANSWERED
from resilience_sim.measure.divergence import Divergence
from resilience_sim.play.run import Run

LOOK_AHEAD = 20_000  # requests beyond the first one that is still open


class Difference:
    """Asked every frame, it goes on where it stopped: requests that ended alike are not looked at again."""

    def __init__(self, run: Run, fork: Run) -> None:
        self._run = run
        self._fork = fork
        self._alike = 0  # up to here all have ended, and alike

    def first(self, both_over: bool) -> Divergence | None:
        """The first request whose outcome differs, as far as both are shown; None when there is none so far."""
        run, fork = self._run, self._fork
        self._skip()
        common = min(run.tape.requests_by(run.position), fork.tape.requests_by(fork.position))
        for rid in range(self._alike, min(common, self._alike + LOOK_AHEAD)):
            a = run.tape.outcome(rid, run.position)[0]
            b = fork.tape.outcome(rid, fork.position)[0]
            if a != b and (both_over or (a >= 0 and b >= 0)):
                arrival = run.tape.time(run.tape.arrived[rid])
                return Divergence(rid, arrival, UNANSWERED if a < 0 else a, UNANSWERED if b < 0 else b)
        return None

    def _skip(self) -> None:
        """What has ended alike on both tapes stays so, wherever the clock is."""
        ours, theirs = self._run.tape, self._fork.tape
        stop = min(len(ours.ended), len(theirs.ended))
        while self._alike < stop:
            a, b = ours.outcome(self._alike, len(ours))[0], theirs.outcome(self._alike, len(theirs))[0]
            if a < 0 or a != b:
                return
            self._alike += 1
