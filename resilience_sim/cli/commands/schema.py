"""``resim schema``: the JSON Schema of scenario files or of the result document."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext

ABOUT = "Print the JSON Schema of scenario files, or of results."


@dataclass(frozen=True)
class SchemaOptions:
    output: opt.Output = "-"
    result: Annotated[bool, opt.switch("--result", "The schema of what --json prints.", opt.OUTPUT)] = False
    force: opt.Force = False


def schema(ctx: CommandContext, options: SchemaOptions) -> int:
    """Print the JSON Schema (draft 7) of scenario files; with --result, that of the result document."""
    import json

    if options.result:
        from resilience_sim.views.document import schema as result_schema

        text = json.dumps(result_schema(), indent=1, ensure_ascii=False) + "\n"
    else:
        from resilience_sim.scenario.describe.schema import schema_text

        text = schema_text()
    if options.output == "-":
        ctx.io.stdout.write(text)  # itself a JSON document, so --json changes nothing
        return 0
    from resilience_sim.views.export.files import write_text

    write_text(Path(options.output), text, options.force)
    if ctx.json:
        ctx.reply(wrote=[options.output])
    else:
        ctx.note(f"wrote {options.output}")
    return 0
