"""A fork of a run: the same past, another future from an instant on; and the first request that fares differently."""

from __future__ import annotations

from resilience_sim.kernel.events import UNANSWERED
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.measure.divergence import Divergence
from resilience_sim.play.run import GoOn, Run
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.actions import Action

LOOK_AHEAD = 20_000  # requests beyond the first one that is still open


class Fork:
    """It begins ``at`` an instant with an ``action``, which is None once it has been done."""

    def __init__(self, of: Run, action: Action) -> None:
        source = of.source
        if of.simulation is None:
            raise ActionError("this recording can only be played back; it cannot be forked")
        self.run = Run(Simulation(source.plan, source.seed, of.actions_before(action.t)), "what if")
        self.at = action.t
        self.action: Action | None = action
        self._difference = FirstDifference(of, self.run)

    def prepare(self, go_on: GoOn) -> None:
        """Simulate the past again up to the fork, then do the action. ActionError when that is impossible."""
        action = self.action
        if action is None or not self.run.extend(action.t - 1, go_on):
            return
        self.run.act(action)
        self.action = None

    def follow(self, clock: int, over: bool, go_on: GoOn) -> None:
        """Show it at the main run's clock, or at its end when the main run is ``over``."""
        if self.action is not None:
            return
        run = self.run
        run.extend(FOREVER if over else clock, go_on)
        run.show(len(run.tape) if over else run.tape.index_after(clock), clock)

    def difference(self, over: bool) -> Divergence | None:
        """The first request that fares differently, as far as both runs are known at the clock."""
        return None if self.action is not None else self._difference.find(over and self.run.over)


class FirstDifference:
    """Searches while both runs are still going on: each call continues where the last one stopped."""

    def __init__(self, run: Run, fork: Run) -> None:
        self._run = run
        self._fork = fork
        self._alike = 0  # all requests before this one have ended, and alike

    def find(self, both_over: bool) -> Divergence | None:
        """None when there is no difference so far. A request without an outcome counts only when ``both_over``."""
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
        ours, theirs = self._run.tape, self._fork.tape
        stop = min(len(ours.ended), len(theirs.ended))
        while self._alike < stop:
            a, b = ours.outcome(self._alike, len(ours))[0], theirs.outcome(self._alike, len(theirs))[0]
            if a < 0 or a != b:
                return
            self._alike += 1
