"""``resim import``: a configuration file of a known library as a scenario.

Owns where the scenario goes and what is said beside it; reading the file is interop/'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext
from resilience_sim.interop.registry import titles

if TYPE_CHECKING:
    from resilience_sim.interop.formats import Imported

ABOUT = "Turn your library's configuration into a scenario."


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="application.yml, appsettings.json, an Envoy route ...")],
    instance: Annotated[
        str | None, typer.Option("--instance", metavar="NAME", help="Which one, when the file has several.")
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="Where to; - is standard output.")
    ] = "-",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:
    """Turn a configuration file into a commented scenario that runs.

    Reads FORMATS. Every field is mapped or named as not modelled. Only known keys are read: what else is in the file,
    secrets too, is neither copied nor shown.
    """
    return lambda ctx: work(ctx, file, instance, output, force)


import_.__doc__ = (import_.__doc__ or "").replace("FORMATS", titles())


def work(ctx: CommandContext, file: str, instance: str | None, output: str, force: bool) -> int:
    """Import one instance."""
    from resilience_sim.cli.exits import usage

    ctx.command, ctx.subject = "import", file
    if ctx.json and output == "-":
        raise usage("--json says what was imported, and so needs -o PATH", "or leave it away")
    imported = _read(file, instance)
    if output == "-":
        ctx.out(imported.text.rstrip("\n"))
    else:
        from pathlib import Path

        from resilience_sim.cli.writing import write_file

        write_file(Path(output), imported.text, force)
    if ctx.json:
        from dataclasses import asdict

        findings = [asdict(each) for each in imported.findings]
        ctx.reply(format=imported.format, instance=imported.stack.instance, wrote=[output],
                   findings=findings, assumed=list(imported.assumed))  # fmt: skip
        return 0
    if imported.findings and not ctx.quiet:
        ctx.findings(imported.findings)
    if output != "-":
        ctx.note(f"wrote {output}", f"resim lint {output}, then resim run {output}")
    return 0


def _read(file: str, instance: str | None) -> Imported:
    """The scenario, or a problem in words that quote nothing of the file."""
    from resilience_sim.cli.exits import Problem, usage
    from resilience_sim.interop import formats
    from resilience_sim.scenario import source

    text = source.read(file)
    opened = formats.open_config(text.path, text.text)
    if opened is None:
        raise Problem("import", f"{file}: no configuration that resim knows", f"it reads: {titles()}")
    config, name = opened
    try:
        chosen = formats.choose(formats.instance_names(config, name), instance, name)
    except formats.ConfigImportError as error:
        raise usage(f"{file}: {error}", error.help) from None
    return formats.convert(config, name, chosen)
