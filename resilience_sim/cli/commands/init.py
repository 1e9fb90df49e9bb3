"""``resim init``: write a new scenario to start from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Annotated

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import usage

ABOUT = "Write a new scenario, and the schema for your editor."


@dataclass(frozen=True)
class InitOptions:
    name: Annotated[str, opt.argument("NAME", "Its name; writes NAME.yaml.")] = "my-scenario"
    template: Annotated[
        str,
        opt.option(
            "--template",
            "TEMPLATE",
            "One of resim list templates, or a shipped scenario.",
            opt.MAIN,
            complete.templates,
        ),
    ] = "basic"
    force: opt.Force = False


def init(ctx: CommandContext, options: InitOptions) -> int:
    """Write NAME.yaml, commented and ready to run, and beside it the JSON Schema that editors use.

    An existing file is never replaced without --force.
    """
    from resilience_sim.scenario.describe.schema import BEGINNING, FILE_NAME, schema_text
    from resilience_sim.views.export.files import write_text

    path = Path(options.name if options.name.endswith((".yaml", ".yml")) else f"{options.name}.yaml")
    if not path.name.removesuffix(".yaml").removesuffix(".yml").strip(". "):
        raise usage(f"`{options.name}` is no name for a scenario", "write it like `resim init my-scenario`")
    text = text_of(path.stem, options.template)
    schema = path.parent / FILE_NAME
    write_text(path, text, options.force)
    wrote = [str(path)]
    if not (schema.is_file() and schema.read_text(encoding="utf-8", errors="replace") == schema_text()):
        write_text(schema, schema_text(), options.force, begins=BEGINNING)  # that of another version is replaced
        wrote.append(str(schema))
    if ctx.json:
        ctx.reply(template=options.template, wrote=wrote)
        return 0
    for each in wrote:
        ctx.out(f"wrote {each}")
    ctx.note(f"next: resim run {quote(str(path))}")
    return 0


def text_of(name: str, template: str) -> str:
    """The text of a template, or of a shipped scenario under a new name."""
    from resilience_sim.scenario.describe.templates import MODELINE, TEMPLATES, render
    from resilience_sim.scenario.text import shipped

    if template in TEMPLATES:
        return render(name, template)
    found = shipped.find(template)
    if found is None:
        names = [*TEMPLATES, *shipped.names()]
        remedy = opt.did_you_mean(template, names) or f"templates: {', '.join(TEMPLATES)}"
        raise usage(f"no such template: `{template}`", remedy)
    lines = found.read_text(encoding="utf-8").splitlines()
    lines = [f"name: {json.dumps(name, ensure_ascii=False)}" if line.startswith("name:") else line for line in lines]
    return "\n".join([MODELINE, *(line for line in lines if "yaml-language-server" not in line)]) + "\n"
