"""``resim export``: a recording as a file that other programs open.

Owns nothing but the order of things; formats and files are views/export/'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext
from resilience_sim.interop.registry import FORMATS as LIBRARIES

if TYPE_CHECKING:
    from resilience_sim.recording.reader import Recording

ABOUT = "Write a recording as csv, jsonl, chrome-trace, junit ..."


def export(
    file: opt.RecordingFile,
    to: Annotated[
        str, typer.Option("--to", metavar="FORMAT", help="See resim list formats.", autocompletion=complete.formats)
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="Where to; - is standard output.")
    ] = "-",
    series: opt.Series = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:
    """Write a recording in a format that other programs open, or the stack of a scenario as a library's configuration.

    resim export SCENARIO --to FORMATS.
    """
    return lambda ctx: work(ctx, file, to, output, series)


export.__doc__ = (export.__doc__ or "").replace("FORMATS", ", ".join(LIBRARIES))


def work(ctx: CommandContext, file: str, to: str, output: str, series: str | None) -> int:
    """Write it."""
    from resilience_sim.cli import values
    from resilience_sim.cli.exits import usage
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.views.export.formats import FORMATS
    from resilience_sim.views.export.targets import open_outputs

    ctx.command, ctx.subject = "export", file
    values.one_of("--to", to, [*(known.name for known in FORMATS), *LIBRARIES])
    if ctx.json and output == "-":
        raise usage("--json says what was written, and so needs -o PATH", f"or leave it away: --to {to}")
    if to in LIBRARIES:
        from resilience_sim.cli.export_config import export_config

        return export_config(ctx, file, to, output)
    bin_width = values.time("--series", series, least=1)
    with open_recording(file) as recording, open_outputs([f"{to}={output}"], ctx.io.stdout) as outputs:
        outputs.play(recording)
        outputs.finish(document_of(recording, bin_width) if outputs.needs_document else None)
    if ctx.json:
        ctx.reply(format=to, wrote=[output])
    elif output != "-":
        ctx.note(f"wrote {output}")
    return 0


def document_of(recording: Recording, series: int = 0) -> dict[str, Any]:
    """The result document of a recorded run."""
    from resilience_sim.cli.results import judged
    from resilience_sim.measure.run_fold import RunFold
    from resilience_sim.runs.replay import Playback
    from resilience_sim.runs.simulate import drain
    from resilience_sim.views.document import result_document

    playback = Playback(recording)
    figures = RunFold(playback.plan, playback.components, series)
    playback.attach(figures)
    drain(playback)
    result = figures.result(recording.meta.seed, playback.digest(), playback.now)
    name = recording.meta.variant
    verdicts = judged(playback.plan.expect, {name: [result]}, recording.finished, name)
    return result_document(
        "export",
        scenario=playback.scenario,
        seeds=[recording.meta.seed],
        variants={name: [result]},
        expectations=verdicts,
    )
