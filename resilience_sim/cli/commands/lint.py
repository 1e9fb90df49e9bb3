"""``resim lint``: settings that cannot do what they are meant to.

Owns which files are looked at and the exit code; the rules are lint/'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

if TYPE_CHECKING:
    from resilience_sim.lint.finding import Finding
    from resilience_sim.scenario.diagnostics import Diagnostic

ABOUT = "Find settings that cannot do what they should."


def lint(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Scenarios, or configurations of known libraries.",
            autocompletion=complete.scenario_files,
        ),
    ],
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="full, concise, json, github or sarif.")
    ] = "full",
    set_: opt.Set = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:  # fmt: skip
    """Find settings that cannot do what they are meant to: each with place, consequence in numbers, and remedy.

    Reads scenarios, and the configuration files that resim import reads. What a configuration does not say about
    traffic can be told: --set traffic.rate=80/s. Exit code 1 when there are errors, 2 when a file cannot be read.
    resim explain RL004 has the page of a finding.
    """
    return lambda ctx: work(ctx, files, format_, set_ or [])


def work(ctx: CommandContext, files: list[str], style: str, settings: list[str]) -> int:
    """Look at every file; one that cannot be read does not hide what is in the others."""
    from resilience_sim.cli import exits, values
    from resilience_sim.lint.check import lint as find
    from resilience_sim.lint.report import FORMATS
    from resilience_sim.scenario.diagnostics import ScenarioError

    ctx.command, ctx.subject = "lint", files[0] if len(files) == 1 else None
    values.one_of("--format", style, FORMATS)
    style = "json" if ctx.json and style == "full" else style
    found: list[Finding] = []
    unreadable: list[Diagnostic] = []
    for file in dict.fromkeys(files):
        try:
            found += find(file, settings)
        except ScenarioError as error:
            unreadable += error.diagnostics
    _say(ctx, found, unreadable, style, len(files))
    if unreadable:
        return exits.NOTHING_DONE
    return exits.NO if any(each.severity == "error" for each in found) else exits.OK


def _say(ctx: CommandContext, found: list[Finding], unreadable: list[Diagnostic], style: str, files: int) -> None:
    from resilience_sim.lint.report import counts, document, report

    if unreadable and style != "json":
        ctx.findings(unreadable)
    if style == "json":
        message = "; ".join(str(each) for each in unreadable)
        ctx.document(document(found, {"code": "unreadable", "message": message} if unreadable else None))
        return
    if found or style == "sarif":
        ctx.out(report(found, style, ctx.io.stdout_color))
    if style != "full" or ctx.quiet:
        return
    number = counts(found)
    parts = [f"{many} {name}{'s' if many != 1 and name != 'info' else ''}" for name, many in number.items() if many]
    ctx.err(("\n" if found else "") + (f"found {', '.join(parts)}" if parts else "nothing found") + (
        f" in {files} files" if files > 1 else ""))  # fmt: skip
    codes = sorted({each.code for each in found})
    if codes:
        ctx.err(f"resim explain {codes[0]} has the page of a code")
