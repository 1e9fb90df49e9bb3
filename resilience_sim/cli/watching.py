"""How a run is watched: live, as plain lines, or not at all; progress bars and Ctrl-C meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import Problem
from resilience_sim.runs.endings import Interrupts

if TYPE_CHECKING:
    from resilience_sim.measure.result import RunResult
    from resilience_sim.runs.batch import Batch, Hands
    from resilience_sim.runs.simulation import Source
    from resilience_sim.settings.plan import Plan, Warned
    from resilience_sim.views.actions_text import ActionText

LIVE, PLAIN, NOTHING = "live", "plain", "nothing"
MOST_LOST_LISTED = 5
OVER, QUIT = "over", "quit"  # how a live view ended, as in views/live/driver.py


@dataclass(frozen=True)
class WatchOptions:
    """What the command line says about watching. ``speed`` None: not given."""

    ui: str = "auto"
    speed: float | None = None
    start_at: int = 0


def way_to_watch(ctx: CommandContext, watch: WatchOptions, stdout_taken: bool, many_runs: bool = False) -> str:
    """Live on a terminal; nothing elsewhere, unless lines are asked for (--ui plain, a speed, an instant to start at).

    Nothing with ``-q``, or if standard output is for a document; lines on a terminal that cannot move its cursor.
    """
    if ctx.json or stdout_taken:
        return NOTHING
    terminal = ctx.io.stdout_is_terminal
    if watch.ui == LIVE:
        if terminal and ctx.io.capable:
            return LIVE
        ctx.note("--ui live needs a terminal; showing plain lines instead")
        return NOTHING if ctx.quiet or many_runs else PLAIN
    if ctx.quiet or (many_runs and watch.ui == "auto"):
        return NOTHING
    if watch.ui == PLAIN:
        return PLAIN
    if not terminal:
        return PLAIN if watch.speed not in (None, inf) or watch.start_at else NOTHING
    if watch.speed == inf:
        return NOTHING
    return LIVE if ctx.io.capable else PLAIN


def watch_live(ctx: CommandContext, sources: Sequence[tuple[str, Source]], watch: WatchOptions, title: str = "") -> str:
    """Play sources live, side by side if there are several; how it ended: ``over``, ``quit`` or ``interrupted``."""
    from resilience_sim.views.live import driver
    from resilience_sim.views.live.facts import default_speed
    from resilience_sim.views.live.look import look_for

    speed = watch.speed or default_speed(*(source.plan for _, source in sources))
    look = look_for(ctx.io.encoding, ctx.io.environ)
    shows = [driver.Show(source, name) for name, source in sources]
    with ctx.io.stage() as stage:
        return driver.watch(stage, shows, speed, watch.start_at, look, title).ended


def watch_plain(ctx: CommandContext, source: Source, watch: WatchOptions) -> bool:
    """Print a line for every notable event, at the given speed if any; False after Ctrl-C."""
    from resilience_sim.views.plain import PlainFold

    gated = GatedStream(ctx.io.stdout, watch.start_at == 0)
    actions = action_texts_of(source)
    lines = PlainFold(gated, source.plan, source.components, ctx.io.stdout_color, actions)  # type: ignore[arg-type]
    source.attach(lines)
    with Interrupts() as interrupts:
        whole = True
        if watch.start_at:
            whole = advance(source, watch.start_at - 1, lambda: not interrupts.asked)
            gated.open = True
        if whole and watch.speed is not None and watch.speed != inf:
            whole = pace(ctx, source, watch.speed, lambda: not interrupts.asked)
        elif whole:
            whole = drain_until(ctx, source, interrupts)
    if whole:
        lines.finish(source.now)
    ctx.io.stdout.flush()
    return whole


def action_texts_of(source: Source) -> Sequence[ActionText]:
    """What the scenario changes while it runs, and what a user changed in a recorded run."""
    plan = getattr(source, "plan_at_first", source.plan)  # of a Playback; naming that class would import SQLite
    actions = getattr(source, "actions", ())
    if not actions and not plan.actions:
        return ()
    from resilience_sim.views.actions_text import action_texts

    return action_texts(plan, actions)


class GatedStream:
    """A stream that drops everything until it is opened."""

    def __init__(self, stream: TextIO, is_open: bool) -> None:
        self._stream = stream
        self.open = is_open

    def write(self, text: str) -> int:
        return self._stream.write(text) if self.open else len(text)

    def flush(self) -> None:
        self._stream.flush()


def advance(source: Source, until: int, go_on: Callable[[], bool]) -> bool:
    """Run a source up to an instant; False if told to stop before."""
    from resilience_sim.runs.simulate import SLICE

    before = -1
    while go_on():
        if not source.run(until, SLICE) or source.now == before:
            return True
        before = source.now
    return False


def pace(ctx: CommandContext, source: Source, speed: float, go_on: Callable[[], bool]) -> bool:
    """Run a source at ``speed`` virtual seconds per second; False if told to stop before the end."""
    import time

    started = ctx.io.clock()
    origin = source.now
    while go_on():
        reached = origin + round((ctx.io.clock() - started) * speed * 1e9)
        if not source.run(reached):
            return True
        ctx.io.stdout.flush()
        time.sleep(0.05)
    return False


def run_out(ctx: CommandContext, source: Source) -> bool:
    """Run a source to its end as fast as possible, with a progress bar; False after Ctrl-C."""
    from resilience_sim.views.live.facts import horizon

    with Interrupts() as interrupts, Progress(ctx, source.plan.name, horizon(source.plan)) as progress:
        return drain_until(ctx, source, interrupts, progress)


def drain_until(ctx: CommandContext, source: Source, interrupts: Interrupts, progress: Progress | None = None) -> bool:
    """Run a source to its end; False after Ctrl-C."""
    from resilience_sim.runs.simulate import drain

    def go_on(at: Source) -> bool:
        if progress is not None:
            progress.at(at.now)
        return not interrupts.asked

    ctx.detail("simulating")  # from here on, Ctrl-C keeps what has been simulated
    return drain(source, go_on)


def run_seeds(
    ctx: CommandContext,
    plans: Mapping[str, Plan],
    seeds: Sequence[int],
    series: int = 0,
    elsewhere: Hands | None = None,
) -> Batch:
    """Run every plan with every seed, on all cores or elsewhere, with a progress bar; after Ctrl-C some are missing.

    The bar also says what is known of the availability so far, with its 95 % interval. A warning names what was lost.
    """
    from resilience_sim.runs.batch import run_many

    total = len(plans) * len(seeds)
    finished = 0
    seen: dict[str, list[float]] = {name: [] for name in plans}

    def count(variant: str, result: RunResult) -> None:
        nonlocal finished
        finished += 1
        reading = result.metrics.get("availability")
        if reading is not None and reading.value is not None:
            seen[variant].append(reading.value)
        progress.at(finished, f"{finished} of {total} runs", lambda: estimates(seen))

    with Progress(ctx, "simulating", total) as progress:
        ctx.detail(f"simulating {total} runs")
        batch = run_many(plans, seeds, on_result=count, series=series, elsewhere=elsewhere)
    if not ctx.json:
        ctx.warnings(lost_runs(batch))
    return batch


def lost_runs(batch: Batch) -> list[Warned]:
    """A warning for each run that was lost, as far as anybody wants to read them."""
    from resilience_sim.settings.codes import LOST_RUN
    from resilience_sim.settings.plan import Warned

    several = len(batch.results) > 1
    listed = batch.lost[:MOST_LOST_LISTED]
    found = []
    for each in listed:
        where, so = (f" of {each.variant}", "; no variant is measured with it") if several else ("", "")
        found.append(Warned(LOST_RUN, f"seed {each.seed}{where} was lost: {each.cause}{so}"))
    if more := len(batch.lost) - len(listed):
        last = batch.lost[-1]
        found.append(Warned(LOST_RUN, f"so were {more} more runs, the last with seed {last.seed}: {last.cause}"))
    return found


def nothing_left(batch: Batch) -> Problem:
    """What to say when no run at all has a result."""
    first = batch.lost[0]
    remedy = f"one run alone shows more: resim run SCENARIO --seed {first.seed}"
    return Problem("lost", f"every run was lost; that with seed {first.seed}: {first.cause}", remedy)


def estimates(seen: Mapping[str, Sequence[float]]) -> str:
    """``budget 83.1% ± 1.2``: the mean of each variant so far, and half of its interval; empty before there is one."""
    from resilience_sim.kernel.format import points, share
    from resilience_sim.measure.statistics import t_interval

    found = []
    for name, values in seen.items():
        interval = t_interval(values) if len(values) > 1 else None
        if interval is not None:
            half = points((interval[1] - interval[0]) / 2).lstrip("+").split(" ")[0]
            found.append(f"{name} {share(sum(values) / len(values))} ± {half}")
    if len(found) == 1 == len(seen):
        found = [found[0].partition(" ")[2]]
    return f"available: {', '.join(found)}" if found else ""


class Progress:
    """A progress bar on standard error: only on a terminal, only after half a second, wiped away at the end."""

    SILENT_FOR = 0.5  # s
    EVERY = 0.1  # s
    WIDTH = 24

    def __init__(self, ctx: CommandContext, what: str, total: float) -> None:
        self._io = ctx.io
        self._what = what
        self._total = max(total, 1e-9)
        self._on = ctx.io.stderr_is_terminal and ctx.io.capable and not ctx.quiet
        self._started = self._io.clock()
        self._next = self._started + self.SILENT_FOR
        self._shown = False

    def at(self, done: float, words: str = "", known: Callable[[], str] | None = None) -> None:
        """Report progress, as often as you like; ``words`` replace the percentage, ``known`` says what is known yet."""
        if not self._on:
            return
        now = self._io.clock()
        if now < self._next:
            return
        self._next = now + self.EVERY
        share = min(1.0, max(0.0, done / self._total))
        full = round(share * self.WIDTH)
        left = f"  about {self._left(now, share)} left" if share > 0.02 else ""
        bar = "#" * full + "." * (self.WIDTH - full)
        text = f"{self._what} [{bar}] {words or f'{int(share * 100)}%'}{left}"
        if known is not None and (said := known()):
            text = f"{words or f'{int(share * 100)}%'}{left.replace('about ', '')}  {said}"
        self._io.stderr.write(f"\r\x1b[K{text[: self._io.size()[0] - 1]}")
        self._io.stderr.flush()
        self._shown = True

    def _left(self, now: float, share: float) -> str:
        from resilience_sim.kernel.format import seconds

        return seconds(max(1.0, round((now - self._started) * (1 - share) / share)))

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._io.stderr.write("\r\x1b[K")
            self._io.stderr.flush()
