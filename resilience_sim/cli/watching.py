"""How a run is watched: live, as plain lines, or not at all.

Owns that decision and the driving of one or several sources to their end, Ctrl-C included. Refuses to measure and to
summarise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, TextIO

from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.interrupts import Interrupts
from resilience_sim.cli.progress import Progress

if TYPE_CHECKING:
    from resilience_sim.runs.simulation import Source
    from resilience_sim.views.actions_text import ActionText

LIVE, PLAIN, NOTHING = "live", "plain", "nothing"
OVER, QUIT = "over", "quit"  # how a live view ended, as views/live/driver.py says it
USER_INTERFACES = ("auto", "plain", "live")


@dataclass(frozen=True)
class WatchOptions:
    """What the command line says about watching. ``speed`` None: not said."""

    ui: str = "auto"
    speed: float | None = None
    start_at: int = 0


def way_to_watch(ctx: CommandContext, wish: WatchOptions, stdout_taken: bool, many_runs: bool = False) -> str:
    """Live on a terminal, lines elsewhere; nothing when asked to be quiet, or when standard output holds a document."""
    if ctx.json or stdout_taken:
        return NOTHING
    io = ctx.io
    term = io.environ.get("TERM", "")
    able = io.stdout_is_terminal and term not in ("", "dumb", "unknown")
    if wish.ui == LIVE:
        if able:
            return LIVE
        ctx.note("--ui live needs a terminal; these are plain lines")
        return NOTHING if ctx.quiet or many_runs else PLAIN
    if ctx.quiet or (many_runs and wish.ui == "auto"):
        return NOTHING
    if wish.ui == PLAIN:
        return PLAIN
    if not io.stdout_is_terminal:
        return PLAIN
    if wish.speed == inf:
        return NOTHING
    return LIVE if able else PLAIN


def watch_live(ctx: CommandContext, sources: Sequence[tuple[str, Source]], wish: WatchOptions, title: str = "") -> str:
    """Play sources live, side by side when there are several; how it ended: ``over``, ``quit`` or ``interrupted``."""
    from resilience_sim.views.live.driver import Show, watch
    from resilience_sim.views.live.facts import default_speed
    from resilience_sim.views.live.look import look_for

    speed = wish.speed or default_speed(*(source.plan for _, source in sources))
    look = look_for(getattr(ctx.io.stdout, "encoding", None), ctx.io.environ)
    shows = [Show(source, name) for name, source in sources]
    with ctx.io.stage() as stage:
        return watch(stage, shows, speed, wish.start_at, look, title).ended


def watch_plain(ctx: CommandContext, source: Source, wish: WatchOptions) -> bool:
    """A line for everything worth one, at a speed if one was asked for; False after Ctrl-C."""
    from resilience_sim.views.plain import PlainFold

    gated = GatedStream(ctx.io.stdout, wish.start_at == 0)
    said = action_texts_of(source)
    lines = PlainFold(gated, source.plan, source.components, ctx.io.stdout_color, said)  # type: ignore[arg-type]
    source.attach(lines)
    with Interrupts() as interrupts:
        whole = True
        if wish.start_at:
            whole = advance(source, wish.start_at - 1, lambda: not interrupts.asked)
            gated.open = True
        if whole and wish.speed is not None and wish.speed != inf:
            whole = pace(ctx, source, wish.speed, lambda: not interrupts.asked)
        elif whole:
            whole = run_out(ctx, source, interrupts, quiet=True)
    if whole:
        lines.finish(source.now)
    ctx.io.stdout.flush()
    return whole


def action_texts_of(source: Source) -> Sequence[ActionText]:
    """What the scenario changes while it runs, and what was done by hand to a recorded run."""
    plan = getattr(source, "plan_at_first", source.plan)  # of a Playback; naming that class would import SQLite
    actions = getattr(source, "actions", ())
    if not actions and not plan.actions:
        return ()
    from resilience_sim.views.actions_text import action_texts

    return action_texts(plan, actions)


class GatedStream:
    """A stream that swallows everything until it is opened."""

    def __init__(self, stream: TextIO, is_open: bool) -> None:
        self._stream = stream
        self.open = is_open

    def write(self, text: str) -> int:
        """Write it, or not."""
        return self._stream.write(text) if self.open else len(text)

    def flush(self) -> None:
        """Pass on what is buffered."""
        self._stream.flush()


def advance(source: Source, until: int, go_on: Callable[[], bool]) -> bool:
    """Bring a source to an instant; False when told to stop before."""
    from resilience_sim.runs.simulate import SLICE

    before = -1
    while go_on():
        if not source.run(until, SLICE):
            return True
        if source.now == before:
            return True
        before = source.now
    return False


def pace(ctx: CommandContext, source: Source, speed: float, go_on: Callable[[], bool]) -> bool:
    """Let virtual time pass at ``speed`` virtual seconds per second; False when told to stop before the end."""
    import time

    begun = ctx.io.clock()
    origin = source.now
    while go_on():
        reached = origin + round((ctx.io.clock() - begun) * speed * 1e9)
        if not source.run(reached):
            return True
        ctx.io.stdout.flush()
        time.sleep(0.05)
    return False


def run_out(ctx: CommandContext, source: Source, interrupts: Interrupts | None = None, quiet: bool = False) -> bool:
    """Run a source to its end as fast as it goes; False after Ctrl-C. A bar shows how far it is, unless ``quiet``."""
    from resilience_sim.runs.simulate import drain
    from resilience_sim.views.live.facts import horizon

    def look_up(at: Source) -> bool:
        if not quiet:
            progress.at(at.now)
        return not ours.asked

    held = nullcontext(interrupts) if interrupts is not None else Interrupts()
    with held as ours, Progress(ctx, source.plan.name, horizon(source.plan)) as progress:
        ctx.detail("simulating")  # from here on, Ctrl-C keeps what has been simulated
        return drain(source, look_up)
