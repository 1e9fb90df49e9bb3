"""``resim replay``: a recording played back, verified, or run again with other settings.

Owns which of these three it is. Refuses to read recordings (recording/) and to compare events (runs/replay.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

if TYPE_CHECKING:
    from resilience_sim.recording.reader import Recording
    from resilience_sim.scenario.plan import Warned

ABOUT = "Play a recording back, verify it, or ask: what if?"


def replay(
    file: opt.RecordingFile,
    verify: Annotated[bool, typer.Option("--verify", help="Simulate again and compare every event.")] = False,
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Begin at 30s, say.")] = None,
    with_: Annotated[
        str | None,
        typer.Option(
            "--with", metavar="FILE.yaml", help="The same arrivals and luck with the stack of this file.",
            autocompletion=complete.scenarios,
        ),
    ] = None,
    set_: opt.Set = None,
    speed: opt.Speed = None,
    ui: opt.Ui = "auto",
    out: opt.Out = None,
    series: opt.Series = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:  # fmt: skip
    """Play a recording back at any speed and from any instant; or verify it; or run it again with other settings.

    --verify simulates again and compares every event: exit code 1 when they diverge. --with and --set run the same
    arrivals and the same luck with other settings and show both side by side.
    """
    asked = Asked(file, verify, from_, with_, set_ or [], speed, ui, out or [], series)
    return lambda ctx: work(ctx, asked)


@dataclass(frozen=True)
class Asked:
    """The command line of ``replay``."""

    file: str
    verify: bool
    start_at: str | None
    stack: str | None
    set: list[str]
    speed: str | None
    ui: str
    out: list[str]
    series: str | None


def work(ctx: CommandContext, asked: Asked) -> int:
    """Replay it, in one of three ways."""
    from resilience_sim.cli import values
    from resilience_sim.cli.exits import usage
    from resilience_sim.cli.watching import USER_INTERFACES, WatchOptions
    from resilience_sim.recording.reader import open_recording

    ctx.command, ctx.subject = "replay", asked.file
    what_if = bool(asked.stack or asked.set)
    if asked.verify and what_if:
        raise usage("--verify and other settings together", "verify first, then ask what if")
    wish = WatchOptions(
        values.one_of("--ui", asked.ui, USER_INTERFACES),
        values.speed(asked.speed),
        values.time("--from", asked.start_at),
    )
    series = values.time("--series", asked.series, least=1)
    with open_recording(asked.file) as recording:
        if asked.verify:
            from resilience_sim.cli.replaying import verify

            return verify(ctx, recording, series)
        warnings = _unfinished(recording)
        if not ctx.json:
            ctx.warnings(warnings)
        if what_if:
            from resilience_sim.cli.replaying import ask_what_if

            return ask_what_if(ctx, recording, asked.stack, asked.set, wish, series, asked.out, warnings)
        return _play(ctx, recording, asked, wish, series, warnings)


def _unfinished(recording: Recording) -> list[Warned]:
    if recording.finished:
        return []
    from resilience_sim.scenario.plan import Warned
    from resilience_sim.views.format import instant

    until = instant(recording.end)
    return [Warned("unfinished", f"the recorded run did not come to its end; this is what happened until {until}")]


def _play(
    ctx: CommandContext, recording: Recording, asked: Asked, wish: Any, series: int, warnings: list[Warned]
) -> int:
    from resilience_sim.cli import results
    from resilience_sim.cli.watching import way_to_watch
    from resilience_sim.runs.replay import Playback

    with ExitStack() as stack:
        outputs = results.open_outputs(ctx, asked.out, stack, [asked.file])
        playback = Playback(recording)
        way = way_to_watch(ctx, wish, outputs is not None and outputs.uses_stdout)
        done = results.carry_out(ctx, playback, way, wish, series, outputs)
        name = recording.meta.variant
        verdicts = results.judged(playback.plan.expect, {name: [done.result]}, done.whole and recording.finished, name)
        code = results.exit_code(verdicts, done.whole)
        document = None
        if ctx.json or (outputs is not None and outputs.needs_document):
            from resilience_sim.views.document import failure, result_document

            document = result_document(
                "replay",
                scenario=playback.scenario,
                seeds=[recording.meta.seed],
                variants={name: [done.result]},
                expectations=verdicts,
                warnings=warnings,
                error=None if done.whole else failure("interrupted", "interrupted before the end of the recording"),
            )
        if outputs is not None:
            outputs.finish(document)
        if ctx.json and document is not None:
            ctx.document(document)
            return code
    from resilience_sim.cli.watching import PLAIN
    from resilience_sim.views.summary import render_summary

    if way == PLAIN:
        ctx.out("")
    console = ctx.io.console(stderr=outputs is not None and outputs.uses_stdout)
    render_summary(
        console,
        playback.scenario,
        [done.result],
        verdicts,
        moments=done.moments,
        interrupted=not done.whole or not recording.finished,
        saved=asked.file,
    )
    return code
