"""A fork of a run: the same past, another future from an instant on; and the first request that fares differently."""

from __future__ import annotations

from collections.abc import Iterator

from resilience_sim.kernel.events import UNANSWERED
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.measure.divergence import Divergence
from resilience_sim.play.run import GoOn, Run
from resilience_sim.play.tape import OPEN, OUTCOMES
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.actions import Action

BLOCK = 4096
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
        action, known = self.action, len(self.run.tape)
        if action is None or not self.run.extend(action.t - 1, go_on) or len(self.run.tape) > known:
            return  # an action may be thousands of events at once: it has the next frame to itself
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
        for rid in self._unlike(self._alike, min(common, self._alike + LOOK_AHEAD)):
            a = run.tape.outcome(rid, run.position)[0]
            b = fork.tape.outcome(rid, fork.position)[0]
            if a != b and (both_over or (a >= 0 and b >= 0)):
                arrival = run.tape.time(run.tape.arrived[rid])
                return Divergence(rid, arrival, UNANSWERED if a < 0 else a, UNANSWERED if b < 0 else b)
        return None

    def _unlike(self, first: int, stop: int) -> Iterator[int]:
        """Requests whose fates on the two tapes are not the same: the others cannot fare differently, except that one
        is known already and the other not yet, which does not count.
        """
        for at in range(first, stop, BLOCK):
            ours, theirs = self._fates(at, min(stop, at + BLOCK))
            if ours != theirs:
                yield from (at + i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)

    def _fates(self, first: int, stop: int) -> tuple[bytearray, bytearray]:
        ours, theirs = self._run.tape.fates, self._fork.tape.fates
        return ours[first:stop].translate(OUTCOMES), theirs[first:stop].translate(OUTCOMES)

    def _skip(self) -> None:
        stop = min(len(self._run.tape.fates), len(self._fork.tape.fates))
        while self._alike < stop:
            ours, theirs = self._fates(self._alike, min(stop, self._alike + BLOCK))
            alike = len(ours) if ours == theirs else next(i for i, a in enumerate(ours) if a != theirs[i])
            ended = ours.find(OPEN, 0, alike)
            self._alike += alike if ended < 0 else ended
            if alike < len(ours) or ended >= 0:
                return
