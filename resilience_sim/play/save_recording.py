"""A run that was played, or its fork, saved as a recording: it is simulated once more into the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from resilience_sim.kernel.sim import FOREVER
from resilience_sim.play.layer_state import SLICE
from resilience_sim.play.run import GoOn, Run, always
from resilience_sim.runs.action_schedule import BY_HAND, merge_actions
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.actions import Action


def user_actions(run: Run) -> list[Action]:
    """What the user did, without the changes that the scenario makes itself."""
    return [step.action for step in merge_actions(run.source.plan, run.actions) if step.own == BY_HAND]


def last_session(environ: Mapping[str, str]) -> Path:
    """Where a session is kept that the user did not save."""
    state = environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state else Path.home() / ".local" / "state") / "resim" / "last.resim"


class RecordingJob:
    """Saves what has been played by now, a little at a time. RecordingError when the file cannot be created."""

    def __init__(self, run: Run, scenario: Scenario, path: str | Path, variant: str) -> None:
        from resilience_sim.runs.record import record

        self.path = path
        self.done = False
        self._simulation = Simulation(run.source.plan, run.source.seed, [])
        self._recorded = record(self._simulation, scenario, path, variant)
        self._actions = user_actions(run)[::-1]  # the simulation does the scenario's own changes by itself
        self._until = FOREVER if run.over else run.tape.last()

    @property
    def share(self) -> float:
        """How much of it is written, 0..1, as far as that is known."""
        return 0.0 if self._until == FOREVER else min(1.0, self._simulation.now / max(1, self._until))

    def work(self, go_on: GoOn = always) -> bool:
        """Write while ``go_on`` agrees; True when the file is complete."""
        while not self.done:
            if not self._advance(self._actions[-1].t - 1 if self._actions else self._until, go_on):
                return False
            if self._actions:
                self._recorded.act(self._actions.pop())
            else:
                self.close()
        return True

    def close(self) -> None:
        """Keep what there is."""
        if not self.done:
            self.done = True
            self._recorded.__exit__(None, None, None)

    def _advance(self, until: int, go_on: GoOn) -> bool:
        while True:
            before = self._simulation.event_count
            if not self._recorded.run(until, SLICE) or self._simulation.event_count == before:
                return True
            if not go_on():
                return False


def save_recording(run: Run, scenario: Scenario, path: str | Path, variant: str) -> None:
    """Write all of it now."""
    job = RecordingJob(run, scenario, path, variant)
    try:
        job.work()
    finally:
        job.close()
