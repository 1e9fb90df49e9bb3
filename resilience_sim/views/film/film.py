"""A film: frames of the live view at even steps of virtual time, for a picture that moves.

Nothing here knows what time it is: how fast the picture plays is virtual seconds per second of the picture, and what
a frame shows depends on the scenario, the seed and the version only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resilience_sim.kernel.format import SECOND
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.driver import Player, Show, first_sample
from resilience_sim.views.live.facts import horizon, nice
from resilience_sim.views.live.frame import PlaybackStatus, frame
from resilience_sim.views.live.race import race_frame
from resilience_sim.views.text import Row

FPS = 10  # frames per second of the picture
HOLD = 3.0  # s that the last frame stays before the picture begins again
LENGTH, LONGEST = 10.0, 60.0  # s: how long a picture is about, unless a speed is given, and how long it may be
DRAIN_FRAMES = 30  # what happens after the last request has arrived takes at most so many
SIZE, SIZE_OF_SEVERAL = (100, 30), (140, 31)  # columns and rows


@dataclass(frozen=True, slots=True)
class Film:
    """Frames of ``height`` rows, each ``width`` columns wide."""

    title: str
    width: int
    height: int
    frames: tuple[tuple[Row, ...], ...]

    @property
    def seconds(self) -> float:
        """How long it plays, the last frame included."""
        return (len(self.frames) - 1) / FPS + HOLD


def film_speed(*plans: Plan) -> float:
    """Virtual seconds per second at which the longest of the plans makes a picture of about ten seconds."""
    return nice(max(horizon(plan) for plan in plans) / SECOND / LENGTH)


def film_length(speed: float, *plans: Plan) -> float:
    """About how many seconds a picture of these plans plays at a speed."""
    return max(horizon(plan) for plan in plans) / SECOND / speed


def shoot(
    shows: Sequence[Show],
    speed: float,
    end: int,
    title: str = "",
    name: str = "",
    at: Callable[[int], object] = lambda now: None,
) -> Film:
    """Run ``shows``, which are fresh, up to the virtual instant ``end`` (ns), and take their picture on the way.

    ``title`` is that of the window, ``name`` that in its first line (default: the scenario's). ``at`` is told the
    instant of every frame.
    """
    player = Player(shows)
    width, height = SIZE if len(shows) == 1 else SIZE_OF_SEVERAL
    for fold in player.folds:
        fold.sample = first_sample(fold.plan, speed)
    step = max(1, round(speed * SECOND / FPS))
    most = round(LONGEST * FPS)
    frames: list[tuple[Row, ...]] = []
    now = 0
    draining = False
    while True:
        if player.draining and not draining:
            draining, step = True, max(step, (end - now) // DRAIN_FRAMES + 1)
        elif not draining and len(frames) >= most:  # the plan did not tell how long it would take
            step, most = 2 * step, most + round(LENGTH * FPS)
        now = min(end, now + step)
        player.advance(now, lambda: True)
        if frames and len(frames) % FPS == 0:
            player.sample(1.0)
        playback = PlaybackStatus(step * FPS / SECOND, keys=False)
        if len(shows) == 1:
            sheet = frame(player.folds[0], width, height + 1, playback, title=name)
        else:
            sheet = race_frame(player.folds, player.clock, width, height + 1, playback, title=name)
        frames.append(tuple(sheet.rows[:height]))  # the last row is about keys, which a picture has none of
        at(now)
        if now >= end or player.over:
            used = max(number for rows in frames for number, row in enumerate(rows, 1) if row.plain().strip())
            return Film(title, width, used, tuple(rows[:used] for rows in frames))
