"""The commands that write files: what was played as a scenario file, or as a recording."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from resilience_sim.play.state import CockpitState, Ui

if TYPE_CHECKING:
    from resilience_sim.play.run import GoOn, Run
    from resilience_sim.play.save_recording import RecordingJob


class FileDialogs:
    """``job``: the recording that is being written; ``saved``: path of the last complete one."""

    def __init__(self, state: CockpitState, ui: Ui) -> None:
        self._state = state
        self._ui = ui
        self.job: RecordingJob | None = None
        self.saved = ""
        self._has: tuple[Run, int] | None = None  # of which run it is, and how many of its actions it has

    def write(self) -> None:
        """Write a scenario file."""
        scenario = self._state.session.scenario

        def done(run: Run, path: str) -> None:
            from resilience_sim.play.written import scenario_text
            from resilience_sim.views.export.files import write_text

            source = run.source
            text = scenario_text(scenario, run.plan_now, run.actions, source.plan, source.seed, path)
            write_text(Path(path), text, force=False)
            self._state.say(f"written: resim run {quote(path)}")

        self._ask("Write as a scenario file", "yaml", done)

    def save(self) -> None:
        """Save a recording: it is written a little with every frame."""
        session = self._state.session

        def done(run: Run, path: str) -> None:
            from resilience_sim.play.save_recording import RecordingJob

            self.job = RecordingJob(run, session.scenario, path, session.variant)
            self._has = run, len(run.actions)
            self._state.say(f"saving {path} ...")

        if session.run.simulation is None:
            self._state.say("this recording can only be played back; it is already a file")
        elif self.job is not None:
            self._state.say(f"{self.job.path} is still being saved")
        else:
            self._ask("Save as a recording", "resim", done)

    def work(self, go_on: GoOn) -> None:
        """Go on with the recording that is being written, if there is one."""
        from resilience_sim.recording.layout import RecordingError

        job = self.job
        if job is None:
            return
        try:
            if not job.work(go_on):
                return
        except RecordingError as error:
            self.job = self._has = None
            with suppress(RecordingError):
                job.close()
            self._state.say(f"not saved: {error.place}: {error.cause}")
            return
        self.job, self.saved = None, str(job.path)
        self._state.say(f"saved: resim replay {job.path}")

    def has_all_of(self, run: Run) -> bool:
        """Whether the last recording that was saved has everything that was done to a run."""
        return self._has is not None and self._has[0] is run and self._has[1] == len(run.actions)

    def finish(self) -> None:
        """The screen is gone: write the rest of it."""
        self.work(lambda: True)

    def _ask(self, title: str, suffix: str, then: Callable[[Run, str], None]) -> None:
        session = self._state.session
        fork = session.fork

        def given(run: Run, path: str) -> None:
            from resilience_sim.recording.layout import RecordingError
            from resilience_sim.views.export.files import ExportError

            if not path:
                return
            try:
                if Path(path).exists():
                    self._state.say(f"{path} already exists; choose another name")
                else:
                    then(run, path)
            except (RecordingError, ExportError) as error:
                self._state.say(f"{error.place}: {error.cause}")
            except (OSError, ValueError) as error:  # a folder one may not enter, a name that is too long, ...
                self._state.say(f"cannot write {path}: {getattr(error, 'strerror', None) or error}")

        def ask(run: Run) -> None:
            name = f"{run.source.plan.name}-{'what-if' if run is fork else 'played'}.{suffix}"
            self._ui.ask(title, name, lambda path: given(run, path))

        if fork is None:
            ask(session.run)
            return
        futures = [session.run, fork]
        options = ["the run as it is", "the fork"]
        self._ui.choose(f"{title}: which future?", options, lambda index: ask(futures[index]))
