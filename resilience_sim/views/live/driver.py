"""The driver: plays one or several sources of events on a stage, at a chosen speed.

It paces: how virtual time follows the wall clock, pausing, speeding, stopping. The wall clock, the keyboard and the
terminal are the :class:`Stage` it is given, which may be a test's. How long drawing takes changes how many frames
there are, never what is simulated: a source is only ever asked for its events up to an instant, and stops between two
events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from resilience_sim.kernel.format import SECOND
from resilience_sim.kernel.sim import FOREVER
from resilience_sim.runs.simulation import Source
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.frame import PlaybackStatus, frame
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.views.live.race import race_frame
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.text import Sheet

FPS = 10.0
DRAIN = 10.0  # how many times faster the rest is played once the last request has arrived
CHUNK = 2_000  # engine steps between two looks at the wall clock
LONGEST_STEP = 1.0  # s of wall time a frame makes up for; a laptop that slept does not leap
ROWS_PER_SECOND = 5.0  # requests that may enter the stream per wall second; more cannot be read
LEAST_SPEED, MOST_SPEED = 1e-3, 1e6
OVER, QUIT, INTERRUPTED = "over", "quit", "interrupted"


class Stage(Protocol):
    """Where the show takes place: wall clock, screen, keyboard."""

    keys: bool  # whether anybody can press one
    stop_asked: bool  # Ctrl-C

    def now(self) -> float:
        """Wall time in seconds, from anywhere."""

    def size(self) -> tuple[int, int]:
        """Columns and rows, now."""

    def show(self, sheet: Sheet) -> None:
        """Put a frame on the screen."""

    def wait(self, seconds: float) -> str:
        """Pass the time; return early with the keys pressed, if any."""


@dataclass(frozen=True, slots=True)
class Show:
    """One source to play and what it is called. The driver attaches its own fold before the first step."""

    source: Source
    name: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """How a show ended: ``over``, ``quit`` (the user had seen enough) or ``interrupted`` (Ctrl-C).

    ``now`` is the virtual instant reached; what was simulated until then is in the folds the caller attached.
    """

    ended: str
    now: int
    frames: int

    @property
    def interrupted(self) -> bool:
        return self.ended == INTERRUPTED


class Player:
    """The sources and their folds: brings all of them to one virtual instant."""

    def __init__(self, shows: Sequence[Show]) -> None:
        self.sources = [show.source for show in shows]
        self.folds = [LiveFold(s.source.plan, s.source.seed, s.source.components, s.name) for s in shows]
        for source, fold in zip(self.sources, self.folds, strict=True):
            source.attach(fold)
        self.clock = 0
        self._seen = 0

    @property
    def over(self) -> bool:
        return all(fold.over for fold in self.folds)

    @property
    def draining(self) -> bool:
        return all(fold.draining for fold in self.folds)

    def advance(self, until: int, go_on: Callable[[], bool]) -> bool:
        """Bring every source to ``until``, as long as ``go_on`` agrees; False when that was cut short."""
        behind = [i for i, fold in enumerate(self.folds) if not fold.over]
        while behind:
            still = []
            for i in behind:
                fold = self.folds[i]
                before = fold.events
                fold.over = not self.sources[i].run(until, CHUNK)
                # Fewer events than steps allowed: the source has come to ``until`` (or will in the next frame).
                if not fold.over and fold.events - before >= CHUNK:
                    still.append(i)
            behind = still
            if behind and not go_on():
                break
        self._settle(until, set(behind))
        return not behind

    def _settle(self, until: int, behind: set[int]) -> None:
        """Say what time it is: sources that came all the way are at ``until``, even if nothing happened there."""
        reached = [self.folds[i].clock for i in behind]
        if not behind and self.over:
            self.clock = max(fold.clock for fold in self.folds)
        else:
            self.clock = max(self.clock, min([*reached, until]))
            for i, fold in enumerate(self.folds):
                if not fold.over and i not in behind:
                    fold.tick(self.clock)

    def sample(self, wall_seconds: float) -> None:
        """Choose how many requests the stream leaves out, from how many came lately."""
        arrived = max(fold.arrived for fold in self.folds)
        rate = (arrived - self._seen) / wall_seconds if wall_seconds > 0 else 0.0
        self._seen = arrived
        for fold in self.folds:
            wanted = rate / ROWS_PER_SECOND
            if wanted > 1.5 * fold.sample or wanted < 0.5 * fold.sample:
                fold.sample = next((n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if n >= wanted), 5000)


def watch(
    stage: Stage,
    shows: Sequence[Show],
    speed: float,
    start_at: int = 0,
    look: Look = UNICODE,
    title: str = "",
    fps: float = FPS,
) -> Watched:
    """Play ``shows`` on one virtual clock at ``speed`` virtual seconds per second until they are over.

    ``start_at``: what happened before that virtual instant (ns) is simulated but not shown.
    """
    return _Session(stage, shows, speed, look, title, fps).play(start_at)


class _Session:
    def __init__(self, stage: Stage, shows: Sequence[Show], speed: float, look: Look, title: str, fps: float) -> None:
        self.stage = stage
        self.player = Player(shows)
        self.speed = speed
        self.look = look
        self.title = title
        self.period = 1.0 / fps
        self.paused = False
        self.lagging = False
        self.quit = False
        self.frames = 0

    def play(self, start_at: int) -> Watched:
        stage, player = self.stage, self.player
        if start_at > 0:
            player.advance(start_at, lambda: not stage.stop_asked)
        self._guess_sample()
        last = sampled = stage.now()
        while True:
            begun = stage.now()
            if not self.paused:
                self._step(begun, min(begun - last, LONGEST_STEP))
            last = begun
            if begun - sampled >= 1.0:
                player.sample(begun - sampled)
                sampled = begun
            self._draw()
            if stage.stop_asked:
                return Watched(INTERRUPTED, player.clock, self.frames)
            if player.over or self.quit:
                return Watched(OVER if player.over else QUIT, player.clock, self.frames)
            self._keys(begun + self.period)

    def _step(self, begun: float, elapsed: float) -> None:
        stage = self.stage
        until = FOREVER if self.speed == inf else self.player.clock + round(elapsed * self._pace() * SECOND)
        budget = begun + self.period
        arrived = self.player.advance(min(until, FOREVER), lambda: stage.now() < budget and not stage.stop_asked)
        self.lagging = not arrived and self.speed != inf

    def _pace(self) -> float:
        return self.speed * (DRAIN if self.player.draining else 1.0)

    def _draw(self) -> None:
        width, height = self.stage.size()
        playback = PlaybackStatus(self._pace(), self.paused, self.stage.keys, self.lagging)
        folds = self.player.folds
        if len(folds) == 1:
            sheet = frame(folds[0], width, height, playback, self.look, self.title)
        else:
            sheet = race_frame(folds, self.player.clock, width, height, playback, self.look, self.title)
        self.stage.show(sheet)
        self.frames += 1

    def _keys(self, until: float) -> None:
        """Wait for the next frame's time; a key is answered at once."""
        while not self.stage.stop_asked:
            left = until - self.stage.now()
            for key in self.stage.wait(max(0.0, left)):
                self._press(key)
                left = 0.0
            if left <= 0 or self.quit:
                return

    def _press(self, key: str) -> None:
        if key in "qQ\x1b\x04":
            self.quit = True
        elif key in " pP":
            self.paused = not self.paused
        elif key in "+=":
            self._change_speed(2.0)
        elif key in "-_":
            self._change_speed(0.5)
        elif key in "fF":
            self.speed, self.paused = inf, False

    def _change_speed(self, by: float) -> None:
        if self.speed != inf:
            self.speed = min(MOST_SPEED, max(LEAST_SPEED, self.speed * by))
            self._guess_sample(by)

    def _guess_sample(self, by: float = 0.0) -> None:
        """Before any request was seen: from the plan; when the speed changes: in proportion."""
        for fold in self.player.folds:
            fold.sample = max(1, round(min(fold.sample * by, 5000.0))) if by else first_sample(fold.plan, self.speed)


def first_sample(plan: Plan, speed: float) -> int:
    """How many requests one in the stream stands for, judging by the first rate of the plan."""
    phases = plan.traffic.phases
    return max(1, round(min(phases[0].rate * speed / ROWS_PER_SECOND, 5000.0))) if phases else 1
