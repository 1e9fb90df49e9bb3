"""``resim validate``: check scenario files without running them.

Owns the summing up over many files. The findings are data: they go to standard output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

if TYPE_CHECKING:
    from resilience_sim.scenario.diagnostics import Diagnostic
    from resilience_sim.scenario.plan import Scenario, Warned

ABOUT = "Check scenario files: every mistake, with place and remedy."
FORMATS = ("full", "concise", "json", "github")


def validate(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Scenarios to check.", autocompletion=complete.scenario_files),
    ],
    format_: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="full, concise, json or github.", autocompletion=complete.finding_formats
        ),
    ] = "full",
    set_: opt.Set = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:
    """Check scenario files without running them: every mistake in one pass, with place, cause and remedy.

    Exit code 2 when any file is not valid.
    """
    return lambda ctx: work(ctx, files, format_, set_ or [])


def work(ctx: CommandContext, files: list[str], style: str, settings: list[str]) -> int:
    """Check them."""
    from resilience_sim.cli import exits, values
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load

    ctx.command, ctx.subject = "validate", files[0] if len(files) == 1 else None
    values.one_of("--format", style, FORMATS)
    ctx.json = ctx.json or style == "json"
    good: list[Scenario] = []
    bad: list[str] = []
    findings: list[Diagnostic] = []
    for file in files:
        try:
            good.append(load(file, settings))
        except ScenarioError as error:
            bad.append(file)
            findings += error.diagnostics
    warnings = [_placed(scenario, warning, len(files)) for scenario in good for warning in scenario.warnings]
    if ctx.json:
        _document(ctx, good, bad, findings, warnings)
    else:
        if findings:
            from resilience_sim.scenario.render import render

            ctx.out(render(findings, style, ctx.io.stdout_color))
        ctx.warnings(warnings)
        if not ctx.quiet:
            _sum_up(ctx, good, bad, style)
    return exits.NOTHING_DONE if bad else exits.OK


def _placed(scenario: Scenario, warning: Warned, files: int) -> Warned:
    from resilience_sim.scenario.plan import Warned

    return warning if files == 1 else Warned(warning.code, f"{scenario.path}: {warning.message}")


def _sum_up(ctx: CommandContext, good: list[Scenario], bad: list[str], style: str) -> None:
    """One line a valid file where people look, nothing beside the findings where programs do."""
    from resilience_sim.views.format import plural

    if style == "full":
        for scenario in good:
            facts = [plural(len(scenario.variants), "variant"), plural(len(scenario.plan.expect), "expectation")]
            ctx.out(f"{scenario.path}: valid, {', '.join(facts)}")
    if bad:
        ctx.err(f"{len(bad)} of {len(bad) + len(good)} not valid: {', '.join(bad)}")


def _document(
    ctx: CommandContext, good: list[Scenario], bad: list[str], findings: list[Diagnostic], warnings: list[Warned]
) -> None:
    from resilience_sim.views.document import failure, result_document

    error = failure("invalid_scenario", f"not valid: {', '.join(bad)}", findings) if bad else None
    only = good[0] if len(good) == 1 and not bad else None
    ctx.document(result_document("validate", scenario=only, path=ctx.subject, warnings=warnings, error=error))
