"""``resim import``: a configuration file of a known library as a scenario."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext, write_file
from resilience_sim.cli.errors import Problem, usage
from resilience_sim.interop.registry import titles

if TYPE_CHECKING:
    from resilience_sim.interop.formats import Imported

ABOUT = "Turn your library's configuration into a scenario."


@dataclass(frozen=True)
class ImportOptions:
    file: Annotated[
        str, opt.argument("FILE", "application.yml, appsettings.json, an Envoy route ...", complete.config_files)
    ]
    instance: Annotated[
        str | None,
        opt.option(
            "--instance", "NAME", "Which instance to import, if the file has several.", opt.MAIN, complete.instances
        ),
    ] = None
    output: opt.Output = "-"
    force: opt.Force = False


def import_(ctx: CommandContext, options: ImportOptions) -> int:
    """Turn a configuration file into a commented scenario that runs.

    Reads FORMATS. Every field is mapped or named as not modelled. Only known keys are read:
    anything else in the file, such as secrets, is neither copied nor shown.
    """
    file, output = options.file, options.output
    ctx.subject = file
    if ctx.json and output == "-":
        raise usage("--json needs -o PATH: it reports what was imported", "add -o PATH, or leave out --json")
    imported = _read(file, options.instance)
    if output == "-":
        ctx.out(imported.text.rstrip("\n"))
    else:
        write_file(Path(output), imported.text, options.force)
    if ctx.json:
        findings = [asdict(each) for each in imported.findings]
        ctx.reply(
            format=imported.format,
            instance=imported.stack.instance,
            wrote=[output],
            findings=findings,
            assumed=list(imported.assumed),
        )
        return 0
    if imported.findings and not ctx.quiet:
        ctx.findings(imported.findings)
    if output != "-":
        ctx.note(f"wrote {output}", f"resim lint {output}, then resim run {output}")
    return 0


import_.__doc__ = (import_.__doc__ or "").replace("FORMATS", titles())


def _read(file: str, instance: str | None) -> Imported:
    """The scenario; a problem quotes nothing of the file, which may hold secrets."""
    from resilience_sim.interop import formats
    from resilience_sim.scenario import source

    text = source.read(file)
    opened = formats.open_config(text.path, text.text)
    if opened is None:
        raise Problem("import", f"{file}: not a configuration that resim knows", f"it reads: {titles()}")
    config, name = opened
    try:
        chosen = formats.choose(formats.instance_names(config, name), instance, name)
    except formats.ConfigImportError as error:
        raise usage(f"{file}: {error}", error.help) from None
    return formats.convert(config, name, chosen)
