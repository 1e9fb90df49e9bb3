"""A fork: another future of a run, from an instant on.

Owns its beginning (the past lived again, then the action that makes it another run) and keeping it at the instant that
is shown. Refuses to pace, and to decide what becomes of it (session.py).
"""

from __future__ import annotations

from resilience_sim.kernel.sim import FOREVER
from resilience_sim.measure.divergence import Divergence
from resilience_sim.play.difference import Difference
from resilience_sim.play.run import GoOn, Run
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.simulation import Simulation
from resilience_sim.world.actions import Action


class Future:
    """``action`` is what is to be done to it first, None once that is done; ``at`` is when."""

    def __init__(self, of: Run, action: Action) -> None:
        source = of.source
        if of.simulation is None:
            raise ActionError("this recording is only played back; it cannot be forked")
        self.run = Run(Simulation(source.plan, source.seed, of.actions_before(action.t)), "what if")
        self.at = action.t
        self.action: Action | None = action
        self._difference = Difference(of, self.run)

    def prepare(self, go_on: GoOn) -> None:
        """Live the past again, then do what makes it another run. ActionError: that is not possible."""
        action = self.action
        if action is None or not self.run.extend(action.t - 1, go_on):
            return
        self.run.act(action)
        self.action = None

    def follow(self, clock: int, over: bool, go_on: GoOn) -> None:
        """Be shown at the same instant as the run, or at its end when that is at its."""
        if self.action is not None:
            return
        run = self.run
        run.extend(FOREVER if over else clock, go_on)
        run.show(len(run.tape) if over else run.tape.index_after(clock), clock)

    def difference(self, over: bool) -> Divergence | None:
        """The first request that fares differently, as far as both are known at the clock."""
        if self.action is not None:
            return None
        return self._difference.first(over and self.run.over)
