"""``resim init``: write a new scenario to begin with.

Owns which files are written and that none is lost. The texts are scenario/init_templates.py's, or a shipped scenario's.
"""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import Annotated

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

ABOUT = "Write a new scenario, and the schema for your editor."


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name; NAME.yaml is written.")] = "my-scenario",
    template: Annotated[
        str,
        typer.Option(
            "--template", metavar="TEMPLATE", help="From resim list templates, or a shipped scenario.",
            autocompletion=complete.templates,
        ),
    ] = "basic",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:  # fmt: skip
    """Write NAME.yaml, commented and ready to run, and beside it the JSON Schema that editors use.

    A file that is there is never replaced without --force.
    """
    return lambda ctx: work(ctx, name, template, force)


def work(ctx: CommandContext, name: str, template: str, force: bool) -> int:
    """Write them."""
    from resilience_sim.cli.exits import Problem
    from resilience_sim.cli.writing import write_file
    from resilience_sim.scenario.schema import FILE_NAME, schema_text

    ctx.command = "init"
    path = Path(name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    text = text_of(path.stem, template)
    schema = path.parent / FILE_NAME
    if path.exists() and not force:
        raise Problem("output", f"{path}: there is a file already", "choose another name; --force replaces it")
    write_file(path, text, force)
    wrote = [str(path)]
    if not schema.exists() or schema.read_text(encoding="utf-8", errors="replace") != schema_text():
        write_file(schema, schema_text(), force=True)  # generated: there is nothing of the user's in it
        wrote.append(str(schema))
    if ctx.json:
        ctx.reply(template=template, wrote=wrote)
        return 0
    for each in wrote:
        ctx.out(f"wrote {each}")
    ctx.note(f"next: resim run {path}")
    return 0


def text_of(name: str, template: str) -> str:
    """The text of a template, or of a shipped scenario under a new name."""
    from resilience_sim.cli.values import did_you_mean
    from resilience_sim.scenario import shipped
    from resilience_sim.scenario.init_templates import MODELINE, TEMPLATES, render

    if template in TEMPLATES:
        return render(name, template)
    found = shipped.find(template)
    if found is None:
        from resilience_sim.cli.exits import usage

        names = [*TEMPLATES, *shipped.names()]
        remedy = did_you_mean(template, names) or f"templates: {', '.join(TEMPLATES)}"
        raise usage(f"no template `{template}`", remedy)
    lines = found.read_text(encoding="utf-8").splitlines()
    lines = [f"name: {jsons.dumps(name, ensure_ascii=False)}" if line.startswith("name:") else line for line in lines]
    return "\n".join([MODELINE, *(line for line in lines if "yaml-language-server" not in line)]) + "\n"
