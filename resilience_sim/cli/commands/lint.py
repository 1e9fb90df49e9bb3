"""``resim lint``: settings that cannot work as intended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from resilience_sim.cli import complete, errors
from resilience_sim.cli import options as opt
from resilience_sim.cli.commands.import_ import Profile
from resilience_sim.cli.context import CommandContext

if TYPE_CHECKING:
    from resilience_sim.lint.check import Linted
    from resilience_sim.lint.finding import Finding
    from resilience_sim.scenario.diagnostics import Diagnostic

ABOUT = "Find settings that cannot work as intended."
FORMATS = ("full", "concise", "json", "github", "sarif")


@dataclass(frozen=True)
class LintOptions:
    files: Annotated[
        list[str],
        opt.argument(
            "FILE...",
            "Scenarios, configurations of known libraries, Python source, or folders of them.",
            complete.config_files,
        ),
    ]
    format: Annotated[str, opt.choice("--format", "FORMAT", FORMATS, "How to print findings", opt.OUTPUT)] = "full"
    settings: opt.Set = field(default_factory=list)
    profile: Profile = field(default_factory=list)


def lint(ctx: CommandContext, options: LintOptions) -> int:
    """Find settings that cannot work as intended: each with place, consequence in numbers, and remedy.

    Reads scenarios, the configuration files that resim import reads, and Python source (parsed, never run). Add what
    these do not say about traffic: --set traffic.rate=80/s. Exit code 1 if there are errors, 2 if a file cannot be
    read. resim explain RL004 shows the page of a finding.
    """
    from resilience_sim.lint.check import lint_files

    files = options.files
    ctx.subject = files[0] if len(files) == 1 else None
    style = "json" if ctx.json and options.format == "full" else options.format
    linted = lint_files(files, options.settings, options.profile)
    found, unreadable = list(linted.found), linted.unreadable
    _print(ctx, found, unreadable, style, linted)
    if unreadable:
        return errors.NOTHING_DONE
    return errors.NO if any(each.severity == "error" for each in found) else errors.OK


def _print(ctx: CommandContext, found: list[Finding], unreadable: list[Diagnostic], style: str, linted: Linted) -> None:
    from resilience_sim.lint.report import counts, document, report

    if unreadable and style != "json":
        ctx.findings(unreadable)
    if style == "json":
        message = "; ".join(str(each) for each in unreadable)
        ctx.document(document(found, {"code": "unreadable", "message": message} if unreadable else None))
        return
    if found or style == "sarif":
        text = report(found, style, ctx.io.stdout_color)
        ctx.out(ctx.fitting(text, ctx.io.stdout_is_terminal) if style == "full" else text)
    if style != "full" or ctx.quiet or (unreadable and not linted.stacks):
        return
    number = counts(found)
    parts = [f"{many} {name}{'s' if many != 1 and name != 'info' else ''}" for name, many in number.items() if many]
    summary = f"found {', '.join(parts)}" if parts else f"nothing {'else ' if unreadable else ''}found"
    where = f" in {linted.files:,} files" if linted.files > 1 else ""
    stacks = "" if linted.stacks == 1 else f" with {linted.stacks or 'no'} stack{'s' if linted.stacks != 1 else ''}"
    ctx.err(("\n" if found else "") + summary + where + (stacks if where or not linted.stacks else ""))
    codes = sorted({each.code for each in found})
    if codes:
        ctx.err(f"resim explain {codes[0]} explains a code")
