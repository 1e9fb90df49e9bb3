"""``resim report``: a recording or a result document as a page to look at and pass on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import Problem, usage

ABOUT = "Make an HTML report of a recording, or of a result document."
LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True)
class ReportOptions:
    file: Annotated[
        str,
        opt.argument("FILE", "A recording (.resim), or a document that --out json=PATH wrote.", complete.recordings),
    ]
    output: Annotated[
        str, opt.option("--output, -o", "PATH", "Where to write it; default: beside FILE, as .html.", opt.OUTPUT)
    ] = ""
    force: opt.Overwrite = False


def report(ctx: CommandContext, options: ReportOptions) -> int:
    """Make one HTML file of a recording or a result: verdicts, causes, charts and figures, without any network.

    The commands that simulate write the same with --out html=PATH.
    """
    from resilience_sim.cli.results import recording_file

    ctx.subject = options.file
    file = recording_file(ctx, options.file)
    if not Path(file).name:
        raise usage(f"`{file}` is no file", "name a recording, or what `--out json=PATH` wrote")
    output = options.output or str(Path(file).with_suffix(".html"))
    if not file.endswith(".json"):
        from resilience_sim.cli.commands.replay import ReplayOptions, replay

        return replay(ctx, ReplayOptions(file, speed="max", out=[f"html={output}"], force=options.force))
    _of_document(ctx, file, output, options.force)
    if ctx.json:
        ctx.reply(wrote=[output])
    else:
        ctx.note(f"wrote {output}")
    return 0


def _of_document(ctx: CommandContext, file: str, output: str, force: bool) -> None:
    from resilience_sim.views.export.targets import PAGE, open_outputs

    document = _read(file)
    with open_outputs([f"html={output}"], ctx.io.stdout, [file], force, (PAGE,)) as outputs:
        try:
            outputs.finish(document)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            raise Problem(
                "damaged", f"{file} is damaged: {type(error).__name__}", "write it again: --out json=PATH"
            ) from None


def _read(file: str) -> dict[str, Any]:
    from resilience_sim.scenario.text.source import refuse_special

    remedy = "name a recording, or what `--out json=PATH` wrote"
    try:
        refuse_special(Path(file))
        with Path(file).open("rb") as stream:
            raw = stream.read(LARGEST + 1)
        document = json.loads(raw) if len(raw) <= LARGEST else None
    except (OSError, ValueError, RecursionError) as error:
        raise usage(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no JSON'}", remedy) from None
    if not isinstance(document, dict) or document.get("schema") != "resim.result/1":
        raise usage(f"{file} is no result document", remedy)
    return document
