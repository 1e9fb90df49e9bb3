"""``resim import``: a configuration file of a known library as a scenario."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete, errors
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import Problem, usage
from resilience_sim.interop.registry import titles

if TYPE_CHECKING:
    from resilience_sim.interop.formats import Imported
    from resilience_sim.interop.graph import ImportedGraph

ABOUT = "Turn your library's configuration into a scenario."
Profile = Annotated[
    list[str],
    opt.option(
        "--profile",
        "NAME",
        "A profile (Spring, Quarkus) or environment (.NET) that is active. Repeatable.",
        opt.MAIN,
        complete.profiles,
    ),
]


@dataclass(frozen=True)
class ImportOptions:
    files: Annotated[
        list[str],
        opt.argument(
            "FILE...",
            "application.yml, appsettings.json, an Envoy route ...; several that belong together, or a folder.",
            complete.config_files,
        ),
    ]
    instance: Annotated[
        str | None,
        opt.option(
            "--instance", "NAME", "Which instance to import, if the file has several.", opt.MAIN, complete.instances
        ),
    ] = None
    profile: Profile = field(default_factory=list)
    route: Annotated[
        str,
        opt.option("--route", "ROUTE", "Which route of a mesh: its number, name or path.", opt.MAIN, complete.routes),
    ] = ""
    calls: Annotated[
        list[str],
        opt.option(
            "--calls",
            "A=B,C",
            "Who calls whom: several hosts of a mesh become one graph of services. Repeatable.",
            opt.MAIN,
            complete.instances,
        ),
    ] = field(default_factory=list)
    output: opt.Output = "-"
    force: opt.Force = False


def import_(ctx: CommandContext, options: ImportOptions) -> int:
    """Turn a configuration file into a commented scenario that runs.

    Reads FORMATS. Every field is mapped or named as not modelled; exit code 1 if something in the file cannot work.
    Only known keys are read: anything else in the file, such as secrets, is neither copied nor shown.
    """
    files, output = options.files, options.output
    ctx.subject = files[0] if len(files) == 1 else None
    if ctx.json and output == "-":
        raise usage("--json needs -o PATH: it reports what was imported", "add -o PATH, or leave out --json")
    if options.calls and options.instance:
        raise usage("--calls and --instance exclude each other", "name in --calls every host that is to be there")
    imported, read = _read(files, options)
    code = errors.NO if any(each.severity == "error" for each in imported.findings) else errors.OK
    if output == "-":
        ctx.out(imported.text.rstrip("\n"))
    else:
        from resilience_sim.views.export.files import write_text

        write_text(Path(output), imported.text, options.force, read)
    if ctx.json:
        findings = [asdict(each) for each in imported.findings]
        ctx.reply(
            format=imported.format,
            **_what(imported),
            wrote=[output],
            findings=findings,
            assumed=list(imported.assumed),
        )
        return code
    if imported.findings and not ctx.quiet:
        ctx.findings(imported.findings)
    left_out = getattr(imported, "left_out", ())
    if left_out:
        ctx.note(f"not in the graph: {', '.join(left_out)}")
    if output != "-":
        ctx.note(f"wrote {output}", f"resim lint {quote(output)}, then resim run {quote(output)}")
    return code


import_.__doc__ = (import_.__doc__ or "").replace("FORMATS", titles())


def _what(imported: Imported | ImportedGraph) -> dict[str, Any]:
    from resilience_sim.interop.formats import Imported

    if isinstance(imported, Imported):
        return {"instance": imported.stack.instance}
    return {"instance": imported.entry, "services": list(imported.services), "left_out": list(imported.left_out)}


def _read(files: list[str], options: ImportOptions) -> tuple[Imported | ImportedGraph, list[str]]:
    """The scenario, and the files that were read; a problem quotes nothing of the files, which may hold secrets."""
    from resilience_sim.interop import folders, formats

    shown = files[0] if len(files) == 1 else f"{len(files)} files"
    texts = [folders.read(name) for each in files for name in folders.expanded(each)]
    try:
        imported = _imported([(each.path, each.text) for each in texts], options)
    except formats.ConfigImportError as error:
        raise usage(f"{shown}: {error}", error.help) from None
    if imported is None:
        raise Problem("import", f"{shown}: not a configuration that resim knows", f"it reads: {titles()}")
    return imported, [each.path for each in texts]


def _imported(texts: list[tuple[str, str]], options: ImportOptions) -> Imported | ImportedGraph | None:
    from resilience_sim.interop import formats
    from resilience_sim.interop.graph import import_graph, parse_calls

    calls = parse_calls(options.calls)
    of = next((name for names in calls.values() for name in names), options.instance)
    opened = formats.open_together(texts, options.profile, options.route, of)
    if opened is None:
        return None
    config, name = opened
    if calls:
        return import_graph(config, name, calls)
    return formats.convert(config, name, formats.choose(formats.instance_names(config, name), options.instance, name))
