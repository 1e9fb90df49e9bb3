"""What was played, put into files: a scenario, a recording.

Owns asking for which future and for a name that is free, and going on with a recording frame by frame. Refuses the
files' contents (written.py, keeping.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience_sim.play.app import Cockpit
    from resilience_sim.play.keeping import Keeping
    from resilience_sim.play.run import GoOn, Run


class Files:
    """``keeping``: the recording that is being written; ``saved``: the last one that is whole."""

    def __init__(self, app: Cockpit) -> None:
        self.app = app
        self.keeping: Keeping | None = None
        self.saved = ""

    def write(self) -> None:
        """As a scenario file."""
        from resilience_sim.play.written import scenario_text

        scenario = self.app.session.scenario

        def done(run: Run, path: str) -> None:
            try:
                text = scenario_text(scenario, run.plan_now, run.actions, run.source.plan)
                Path(path).write_text(text, encoding="utf-8")
            except OSError as error:
                self.app.say(f"cannot write {path}: {error.strerror or error}")
                return
            self.app.say(f"written: resim run {path}")

        self._ask("Write as a scenario file", "yaml", done)

    def save(self) -> None:
        """As a recording."""
        session = self.app.session

        def done(run: Run, path: str) -> None:
            from resilience_sim.play.keeping import Keeping
            from resilience_sim.recording.layout import RecordingError

            try:
                self.keeping = Keeping(run, session.scenario, path, session.variant)
            except RecordingError as error:
                self.app.say(f"{error.place}: {error.cause}")
                return
            self.app.say(f"saving {path} ...")

        if session.run.simulation is None:
            self.app.say("this recording is only played back; it is a file already")
        elif self.keeping is not None:
            self.app.say(f"{self.keeping.path} is still being saved")
        else:
            self._ask("Save as a recording", "resim", done)

    def work(self, go_on: GoOn) -> None:
        """Go on with the recording that is being written, if there is one."""
        keeping = self.keeping
        if keeping is None:
            return
        if keeping.work(go_on):
            self.keeping, self.saved = None, str(keeping.path)
            self.app.session.said = f"saved: resim replay {keeping.path}"

    def finish(self) -> None:
        """The screen is gone: write what is left of it."""
        self.work(lambda: True)

    def _ask(self, title: str, suffix: str, then: Callable[[Run, str], None]) -> None:
        from resilience_sim.play.dialogs import Ask, Choose

        session = self.app.session
        fork = session.fork

        def ask(run: Run) -> None:
            name = f"{run.source.plan.name}-{'what-if' if run is fork else 'played'}.{suffix}"
            self.app.push_screen(Ask(title, name), lambda path: given(run, path))

        def given(run: Run, path: str | None) -> None:
            if not path:
                return
            if Path(path).exists():
                self.app.say(f"{path} exists already; choose another name")
                return
            then(run, path)

        if fork is None:
            ask(session.run)
            return
        futures = [session.run, fork]
        self.app.push_screen(
            Choose(f"{title}: which future?", ["the run as it is", "the fork"]),
            lambda index: None if index is None else ask(futures[index]),
        )
