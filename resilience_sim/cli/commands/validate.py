"""``resim validate``: check scenario files without running them. The findings are data: they go to standard output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from resilience_sim.cli import complete, errors
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext

if TYPE_CHECKING:
    from resilience_sim.scenario.diagnostics import Diagnostic
    from resilience_sim.scenario.scenario import Scenario
    from resilience_sim.settings.plan import Warned

ABOUT = "Check scenario files: every mistake, with place and remedy."
FORMATS = ("full", "concise", "json", "github")


@dataclass(frozen=True)
class ValidateOptions:
    files: Annotated[list[str], opt.argument("FILE...", "Scenario files to check.", complete.scenario_files)]
    format: Annotated[str, opt.choice("--format", "FORMAT", FORMATS, "How to print findings", opt.OUTPUT)] = "full"
    settings: opt.Set = field(default_factory=list)


def validate(ctx: CommandContext, options: ValidateOptions) -> int:
    """Check scenario files without running them: every mistake in one pass, with place, cause and remedy.

    Exit code 2 if any file is invalid.
    """
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load

    files = options.files
    ctx.subject = files[0] if len(files) == 1 else None
    ctx.json = ctx.json or options.format == "json"
    valid: list[Scenario] = []
    invalid: list[str] = []
    findings: list[Diagnostic] = []
    for file in files:
        try:
            valid.append(load(file, options.settings))
        except ScenarioError as error:
            invalid.append(file)
            findings += error.diagnostics
    warnings = [_placed(scenario, warning, len(files)) for scenario in valid for warning in scenario.warnings]
    if ctx.json:
        _print_document(ctx, valid, invalid, findings, warnings)
    else:
        if findings:
            from resilience_sim.scenario.render import render

            text = render(findings, options.format, ctx.io.stdout_color)
            ctx.out(ctx.fitting(text, ctx.io.stdout_is_terminal) if options.format == "full" else text)
        ctx.warnings(warnings)
        if not ctx.quiet:
            _sum_up(ctx, valid, invalid, options.format)
    return errors.NOTHING_DONE if invalid else errors.OK


def _placed(scenario: Scenario, warning: Warned, files: int) -> Warned:
    from resilience_sim.settings.plan import Warned

    return warning if files == 1 else Warned(warning.code, f"{scenario.path}: {warning.message}")


def _sum_up(ctx: CommandContext, valid: list[Scenario], invalid: list[str], style: str) -> None:
    """One line per valid file for people; nothing but findings for programs."""
    from resilience_sim.kernel.format import plural

    if style == "full":
        for scenario in valid:
            facts = [plural(len(scenario.variants), "variant"), plural(len(scenario.plan.expect), "expectation")]
            ctx.out(f"{scenario.path}: valid, {', '.join(facts)}")
    if invalid:
        ctx.err(f"{len(invalid)} of {len(invalid) + len(valid)} not valid: {', '.join(invalid)}")


def _print_document(
    ctx: CommandContext, valid: list[Scenario], invalid: list[str], findings: list[Diagnostic], warnings: list[Warned]
) -> None:
    from resilience_sim.views.document import failure, result_document

    error = failure("invalid_scenario", f"not valid: {', '.join(invalid)}", findings) if invalid else None
    only = valid[0] if len(valid) == 1 and not invalid else None
    ctx.document(result_document("validate", scenario=only, path=ctx.subject, warnings=warnings, error=error))
