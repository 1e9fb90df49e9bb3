"""``resim schema``: the JSON Schema of scenario files, or of the result document.

Owns where it is written. Both schemas live with what they describe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

ABOUT = "Print the JSON Schema of scenarios, or of results."


def schema(
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to a file.")] = None,
    result: Annotated[bool, typer.Option("--result", help="The schema of what --json prints.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:
    """Print the JSON Schema (draft 7) of scenario files; with --result that of the result document."""
    return lambda ctx: work(ctx, output, result, force)


def work(ctx: CommandContext, output: str | None, result: bool, force: bool) -> int:
    """Print or write it. The schema itself is a JSON document, so --json changes nothing."""
    import json as jsons

    from resilience_sim.cli.writing import write_file

    ctx.command = "schema"
    if result:
        from resilience_sim.views.document import schema as result_schema

        text = jsons.dumps(result_schema(), indent=1, ensure_ascii=False) + "\n"
    else:
        from resilience_sim.scenario.schema import schema_text

        text = schema_text()
    if output is None or output == "-":
        ctx.io.stdout.write(text)
        return 0
    write_file(Path(output), text, force)
    if ctx.json:
        ctx.reply(wrote=[output])
    else:
        ctx.note(f"wrote {output}")
    return 0
