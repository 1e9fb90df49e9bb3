"""Sessions of the cockpit in which somebody does anything at all.

    python tests/fuzz/cockpit.py --actions 50000 --seed 1

plays every shipped scenario, and a recording of each, with random commands, clicks, answers to dialogs (good ones and
nonsense), sizes and frames. What must not happen: an exception that the screen would not catch, a call that holds the
screen for longer than a frame may, memory that grows, a written file that is another run or cannot be read.
The screen itself is drawn as rows of text, without a terminal: tests/play drives the real one.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[2]
FREEZE = 0.1  # s of CPU in one call
BUDGET = 0.04  # s of a frame that may go into simulating, as in play/app.py
GROWTH = 24_000_000  # bytes that the second half of a session may add to the first, beside what it has to hold
UNDER_WAY = 6_000  # bytes that a request in flight or in a queue may take
NONSENSE = (
    "", " ", "0", "-1", "1e300", "nan", "\x1b]0;PWN\x07", "\u202e", "'", "{", "retry.attempts=", "until queue >",
    "x" * 5000, "\ud800", "#0", "#999999", "timeout", "../x", "a/b", "/dev/null", "[]", "null", "26688d", "1ns",
)  # fmt: skip
LINES = (
    "retry.attempts=2", "retry.attempts=null", "until t >= 30s", "until queue > 5", "until breaker open",
    "until failed > 3", "retry.delay=1ns", "circuit_breaker.failure_threshold=1", "until t >= 0s",
)  # fmt: skip


@dataclass
class Report:
    """What a number of sessions did."""

    actions: int = 0
    sessions: int = 0
    forks: int = 0
    written: int = 0
    saved: int = 0
    slowest: tuple[float, str] = (0.0, "")
    grown: tuple[int, str] = (0, "")
    commands: Counter[str] = field(default_factory=Counter)
    freezes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.sessions} sessions, {self.actions:,} actions of {len(self.commands)} kinds, {self.forks} forks, "
            f"{self.written} files written, {self.saved} recordings saved; slowest call {self.slowest[0] * 1e3:.0f} ms "
            f"({self.slowest[1]}), grown by at most {self.grown[0] / 1e6:.1f} MB ({self.grown[1]}); "
            f"{len(self.freezes)} freezes, {len(self.faults)} faults"
        )


class Hands:
    """The screen as far as the helpers know it (play/state.py: Ui): one dialog may be open, answered when luck says."""

    def __init__(self, luck: random.Random) -> None:
        self._luck = luck
        self.open: Callable[[], None] | None = None

    def choose(self, title: str, options: Sequence[str], then: Callable[[int], None], at: int = 0) -> None:
        self.open = lambda: then(self._luck.randrange(len(options)))

    def ask(self, title: str, value: str, then: Callable[[str], None], hint: str = "") -> None:
        own = self._luck.choice([value, value, f"{self._luck.randrange(10**9)}-{value}", self._luck.choice(NONSENSE)])
        self.open = lambda: then(own)

    def form(
        self,
        title: str,
        about: str,
        fields: Sequence[Any],
        accept: Callable[[Any], Any],
        verb: str,
        then: Callable[[Any], None],
    ) -> None:
        def answer() -> None:
            values = {each.key: each.value for each in fields}
            for key in self._luck.sample(list(values), min(len(values), self._luck.choice((0, 0, 1, 2)))):
                values[key] = self._luck.choice([*NONSENSE, "1s", "250ms", "10%", "3", "true", "classic", "polly"])
            then(accept(values))

        self.open = answer

    def line(self, hint: str, completion: Any, accept: Callable[[str], None]) -> None:
        typed = self._luck.choice([*LINES, *NONSENSE])

        def answer() -> None:
            for end in range(0, min(len(typed), 20), 3):
                completion.words(typed[:end])
                completion.on(typed[:end])
            accept(typed)

        self.open = answer

    def page(self, title: str, rows: Sequence[Any]) -> None:
        self.open = lambda: None

    def relayout(self) -> None:
        pass

    def switch_theme(self) -> None:
        pass

    def leave(self) -> None:
        pass


class Player:
    """One session; :meth:`act` does something at random and looks whether the cockpit would have lived."""

    def __init__(self, name: str, session: Any, luck: random.Random, report: Report) -> None:
        from resilience_sim.play.command_table import CommandTable
        from resilience_sim.play.commands import COMMANDS
        from resilience_sim.play.file_dialogs import FileDialogs
        from resilience_sim.play.panel_renderer import PanelRenderer
        from resilience_sim.play.state import CockpitState

        self.name = name
        self.session = session
        self.state = CockpitState(session)
        self.hands = Hands(luck)
        self.files = FileDialogs(self.state, self.hands)
        self.commands = CommandTable(self.state, self.hands, self.files)
        self.renderer = PanelRenderer(self.state)
        self.size = (140, 42)
        self._ids = [each.id for each in COMMANDS]
        self._luck = luck
        self._report = report
        self._done: list[str] = []

    def act(self) -> None:
        """One action, then some frames."""
        luck, report = self._luck, self._report
        report.actions += 1
        forked = self.session.fork
        if self.hands.open is not None:
            answer, self.hands.open = self.hands.open, None
            if luck.random() < 0.8:
                self._try("answer", answer)
        elif luck.random() < 0.12:
            self._click()
        else:
            id = luck.choice(self._ids)
            if id == "save" and luck.random() < 0.8:  # whole recordings, which take their time
                id = "top_speed"
            report.commands[id] += 1
            self.state.say("")
            self._try(id, lambda: self.commands.run(id))
        report.forks += self.session.fork is not forked and self.session.fork is not None
        if luck.random() < 0.02:
            self.size = luck.choice([(140, 42), (80, 24), (60, 18), (200, 60), (20, 6), (1, 1)])
        for _ in range(luck.choice((0, 1, 1, 2, 5))):
            self._try("frame", self._frame)
        self._try("draw", lambda: self.renderer.screen_rows(*self.size))
        said = self.session.said
        report.written += said.startswith("written: ")
        report.saved += said.startswith("saved: ")

    def _frame(self) -> None:
        deadline = time.thread_time() + BUDGET
        self.session.held = self.hands.open is not None
        elapsed = self._luck.choice((0.0, 1 / 15, 1 / 15, 0.5, 30.0))
        self.session.frame(elapsed, lambda: time.thread_time() < deadline)
        self.files.work(lambda: time.thread_time() < deadline)

    def _click(self) -> None:
        run = self.session.run
        what = self._luck.choice(["instant", "event", "request", "policy", "command"])
        ids = [policy.id for policy in run.plan.stack] or ["nothing"]
        value: Any = {
            "instant": self._luck.randrange(-1, run.tape.last() + 10**9),
            "event": self._luck.randrange(len(run.tape) + 1),
            "request": self._luck.randrange(max(1, run.tape.requests_by(run.position))),
            "policy": self._luck.choice(ids),
            "command": self._luck.choice(self._ids),
        }[what]
        self._report.commands[f"click {what}"] += 1
        self._try(f"click {what}", lambda: self.commands.press((what, value)))

    def _try(self, what: str, action: Callable[[], object]) -> None:
        from resilience_sim.recording.layout import RecordingError

        self._done = [*self._done[-15:], what]
        begun = time.thread_time()
        try:
            with watched() as places:
                action()
        except (ValueError, RecordingError) as error:  # as play/app.py: Cockpit
            self.state.say(str(error))
        except Exception as error:
            trace = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(trace.filename).name}:{trace.lineno}"
            fault = f"{self.name}: {type(error).__name__}: {error} at {where} after {' '.join(self._done)}"
            self._report.faults.append(fault)
        took = time.thread_time() - begun
        if took > self._report.slowest[0]:
            self._report.slowest = (took, f"{what} in {self.name}")
        if took > FREEZE:
            where = f", at {' < '.join(places)}" if places else ""
            self._report.freezes.append(f"{self.name}: {what} held the screen for {took * 1e3:.0f} ms{where}")


@contextmanager
def watched() -> Iterator[list[str]]:
    """Where the call is when it has taken as much CPU as it may."""
    places: list[str] = []

    def look(_number: int, frame: FrameType | None) -> None:
        while frame is not None and len(places) < 6:
            code = frame.f_code
            places.append(f"{Path(code.co_filename).stem}.{code.co_name}:{frame.f_lineno}")
            frame = frame.f_back

    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield places
        return
    before = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, FREEZE)
    try:
        yield places
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def play(name: str, session: Any, actions: int, luck: random.Random, report: Report) -> None:
    """One session; its memory is looked at in the middle and at the end."""
    player = Player(name, session, luck, report)
    report.sessions += 1
    middle = held = 0
    for number in range(actions):
        if number == actions // 2:
            middle, held = resident(), to_hold(session)
        player.act()
    # What is held no longer need not be back with the system: it excuses growth, but is no debt.
    grown = resident() - middle - max(0, to_hold(session) - held)
    if grown > report.grown[0]:
        report.grown = (grown, name)
    if grown > GROWTH:
        report.faults.append(f"{name}: the second half of the session has taken {grown / 1e6:.0f} MB more")
    player.files.finish()
    check_written(name, player, report)


def check_written(name: str, player: Player, report: Report) -> None:
    """The run, and its fork, as files: each is the run that was played, or is refused in words."""
    from resilience_sim.play.written import NotWritable, scenario_text
    from resilience_sim.runs.simulate import drain
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.scenario.load import load_text
    from resilience_sim.settings.actions import Inject, Lift

    scenario, run = player.session.scenario, player.session.run
    if run.simulation is None:
        return
    try:
        text = scenario_text(scenario, run.plan_now, run.actions, run.source.plan, run.source.seed)
    except (NotWritable, ValueError) as error:
        if "another" in str(error):
            report.faults.append(f"{name}: cannot be written: {error}")
        return
    if not run.over or any(isinstance(each, Inject | Lift) for each in run.actions):
        return  # then the ACTION events differ, or the end is not known
    plan = load_text(text, scenario.path, files=dict(scenario.files)).plan
    again = Simulation(plan, plan.seed)
    drain(again)
    if again.digest() != run.source.digest():
        report.faults.append(f"{name}: what was written is another run")


def to_hold(session: Any) -> int:
    """Bytes of the events that the session has, and of the requests under way."""
    runs = [each for each in (session.run, session.fork) if each is not None]
    held = sum(sys.getsizeof(getattr(run.tape, name)) for run in runs for name in type(run.tape).__slots__)
    return held + UNDER_WAY * sum(run.head.in_flight + run.head.queue for run in runs)


def resident() -> int:
    """Bytes that this process holds after a collection."""
    gc.collect()
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def sessions(folder: Path, names: Sequence[str]) -> list[tuple[str, Callable[[], Any]]]:
    """A new session on every scenario, and on a recording of it, whole or cut short."""
    from resilience_sim.play.session import Session
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.scenario.load import load

    def fresh(name: str, overrides: Sequence[str] = ()) -> Any:
        scenario = load(name, overrides)
        return Session(scenario, Simulation(scenario.plan, 7, []), None)

    def first(name: str) -> str:
        services = load(name).plan.services
        return f"services.{services[0].name}" if len(services) > 1 else "service"

    def recorded(name: str) -> Any:
        from resilience_sim.recording.reader import open_recording
        from resilience_sim.runs.record import record
        from resilience_sim.runs.replay import actions_of, plan_of, scenario_of

        path = folder / f"{name}.resim"
        scenario = load(name)
        with record(Simulation(scenario.plan, 1), scenario, path, force=True) as source:
            source.run(budget=2_000)
        with open_recording(path) as recording:
            scenario = scenario_of(recording)
            source = Simulation(plan_of(recording, scenario), recording.meta.seed, actions_of(recording) or [])
            session = Session(scenario, source, None, recording.meta.variant)
            session.loading = True
            session.load_until = None if recording.finished else recording.end
        return session

    found: list[tuple[str, Callable[[], Any]]] = []
    for name in names:
        found.append((name, lambda name=name: fresh(name)))  # type: ignore[misc]
        found.append((f"{name}, recorded", lambda name=name: recorded(name)))  # type: ignore[misc]
        found.append((f"{name}, set", lambda name=name: fresh(name, [f"{first(name)}.workers=3"])))  # type: ignore[misc]
    return found


def campaign(
    actions: int, seed: int, names: Sequence[str] = (), said: Callable[[str], None] = lambda line: None
) -> Report:
    """So many actions over all sessions, in a folder of its own."""
    from resilience_sim.scenario.text import shipped

    report = Report()
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="resim-cockpit-") as folder:
        os.chdir(folder)
        try:
            makers = sessions(Path(folder), names or shipped.names())
            each = max(20, actions // len(makers))
            for name, make in makers:  # each with luck of its own, so that one can be played again without the others
                play(name, make(), each, random.Random(f"{seed} {name}"), report)
                said(f"{name}: {len(report.freezes)} freezes, {len(report.faults)} faults so far")
        finally:
            os.chdir(before)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("scenarios", nargs="*")
    options = parser.parse_args()
    report = campaign(options.actions, options.seed, options.scenarios, partial(print, flush=True))
    for kind, count in Counter([*report.faults, *report.freezes]).most_common(60):
        print(f"{count} x {kind}")
    print(report)
    return 1 if report.faults or report.freezes else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
