"""``resim export``: a recording in a format that other programs open (views/export/), or the stack of a scenario as the
configuration of a library (interop/).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext
from resilience_sim.interop.registry import FORMATS as LIBRARIES

if TYPE_CHECKING:
    from resilience_sim.recording.reader import Recording

ABOUT = "Write a recording as csv, sqlite, jsonl, chrome-trace ..."


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
        return export_config(ctx, file, to, output)
    if output == "-" and any(known.database and known.name == to for known in FORMATS):
        raise usage(f"--to {to} needs a file", f"resim export {file} --to {to} -o run.db")
    bin_width = values.time("--series", series, least=1)
    with (
        open_recording(file) as recording,
        open_outputs([f"{to}={output}"], ctx.io.stdout, [file]) as outputs,
    ):
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


def export_config(ctx: CommandContext, source: str, to: str, output: str) -> int:
    """Write the configuration, and say what the format cannot express."""
    from resilience_sim.cli.exits import usage
    from resilience_sim.cli.writing import write_file
    from resilience_sim.interop.writing import write
    from resilience_sim.scenario.load import load

    if source.endswith(".resim"):
        raise usage(
            f"--to {to} takes a scenario, not a recording", f"name the scenario: resim export SCENARIO --to {to}"
        )
    if output != "-" and Path(source).is_file() and Path(output).exists() and Path(source).samefile(output):
        raise usage(f"{output} is the scenario itself", "choose another path")
    written = write(load(source).plan, to)
    if output == "-":
        ctx.out(written.text.rstrip("\n"))
    else:
        write_file(Path(output), written.text, force=True)
    if ctx.json:
        ctx.reply(format=to, wrote=[output], notes=list(written.notes))
        return 0
    for note in written.notes:
        ctx.note(note)
    if output != "-":
        ctx.note(f"wrote {output}")
    return 0
