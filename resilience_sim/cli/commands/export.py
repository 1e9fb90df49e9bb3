"""``resim export``: a recording in a format that other programs open (views/export/), or the stack of a scenario as the
configuration of a library (interop/).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import usage
from resilience_sim.interop.registry import WRITTEN as LIBRARIES

if TYPE_CHECKING:
    from resilience_sim.recording.reader import Recording

ABOUT = "Write a recording as csv, sqlite, jsonl, chrome-trace, otlp ..."


@dataclass(frozen=True)
class ExportOptions:
    file: Annotated[
        str,
        opt.argument(
            "FILE", "A recording (.resim); a scenario, for a library's format.", complete.scenarios_and_recordings
        ),
    ]
    to: Annotated[
        str, opt.option("--to", "FORMAT", "One of resim list formats, or a library.", opt.OUTPUT, complete.formats)
    ]
    output: opt.Output = "-"
    force: opt.Overwrite = False
    series: opt.Series = None


def export(ctx: CommandContext, options: ExportOptions) -> int:
    """Write a recording in a format that other programs open, or the stack of a scenario as a library's configuration.

    With a scenario, FORMAT is FORMATS.
    """
    from resilience_sim.cli.results import bins, recording_file
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.runs.replay import plan_of, scenario_of
    from resilience_sim.scenario.text.source import names_scenario
    from resilience_sim.views.export.targets import FORMATS, open_outputs

    file, to, output = recording_file(ctx, options.file), options.to, options.output
    ctx.subject = options.file
    opt.one_of("--to", to, [*(known.name for known in FORMATS), *LIBRARIES])
    if ctx.json and output == "-":
        raise usage("--json needs -o PATH: it reports what was written", "add -o PATH, or leave out --json")
    if to in LIBRARIES:
        return export_config(ctx, file, to, output, options.force)
    if names_scenario(file):
        raise usage(
            f"--to {to} takes a recording, not a scenario", f"record one: resim run {quote(file)} --save run.resim"
        )
    if output == "-" and any(known.database and known.name == to for known in FORMATS):
        raise usage(f"--to {to} needs a file", f"resim export {quote(file)} --to {to} -o run.db")
    bin_width = opt.parse_time("--series", options.series, least=1)
    with (
        open_recording(file) as recording,
        open_outputs([f"{to}={output}"], ctx.io.stdout, [file], options.force) as outputs,
    ):
        outputs.play(recording)
        bin_width = bins(bin_width, outputs, plan_of(recording, scenario_of(recording)))
        outputs.finish(document_of(recording, bin_width) if outputs.needs_document else None)
    if ctx.json:
        ctx.reply(format=to, wrote=[output])
    elif output != "-":
        ctx.note(f"wrote {output}")
    return 0


export.__doc__ = (export.__doc__ or "").replace("FORMATS", opt.words(LIBRARIES))


def document_of(recording: Recording, series: int = 0) -> dict[str, Any]:
    """The result document of a recorded run."""
    from resilience_sim.cli.results import as_the_file_says, figures_of, judged
    from resilience_sim.runs.replay import plan_of, scenario_of
    from resilience_sim.views.document import result_document

    scenario = scenario_of(recording)
    found = {recording.meta.variant: [figures_of(recording, series)]}
    return result_document(
        "export",
        scenario=scenario,
        seeds=[recording.meta.seed],
        variants=found,
        expectations=judged(
            plan_of(recording, scenario).expect,
            found,
            recording.finished,
            recording.meta.variant,
            unchanged=as_the_file_says(recording),
        ),
        warnings=scenario.warnings,
    )


def export_config(ctx: CommandContext, source: str, to: str, output: str, force: bool) -> int:
    """Write the configuration, and say what the format cannot express."""
    from resilience_sim.interop.writing import write
    from resilience_sim.scenario.load import load

    if source.endswith(".resim"):
        raise usage(
            f"--to {to} takes a scenario, not a recording", f"name the scenario: resim export SCENARIO --to {to}"
        )
    scenario = load(source)
    written = write(scenario.plan, to)
    if output == "-":
        ctx.out(written.text.rstrip("\n"))
    else:
        from resilience_sim.cli.results import files_of
        from resilience_sim.views.export.files import write_text

        write_text(Path(output), written.text, force, files_of(scenario))
    if ctx.json:
        ctx.reply(format=to, wrote=[output], notes=list(written.notes))
        return 0
    for note in written.notes:
        ctx.note(note)
    if output != "-":
        ctx.note(f"wrote {output}")
    return 0
