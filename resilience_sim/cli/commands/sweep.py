"""``resim sweep``: figures over a grid of settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import INTERRUPTED, OK, usage

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.experiments.specs import Spec
    from resilience_sim.experiments.sweep import Sweep
    from resilience_sim.scenario.scenario import Scenario

ABOUT = "Show how figures change with one setting, two, or more."
RUNS = 20
MOST_POINTS = 100_000


@dataclass(frozen=True)
class SweepOptions:
    scenario: opt.ScenarioName = "retry-storm"
    over: Annotated[
        list[str],
        opt.option(
            "--over",
            "PATH=SPEC",
            "A setting and its values: 1..6, 50/s..120/s:8, 10ms..2s:6:log, or 5%,10%,none. Repeatable.",
            opt.MAIN,
            complete.settings,
        ),
    ] = field(default_factory=list)
    show: Annotated[
        list[str],
        opt.option("--show", "METRIC", "What to show; default: availability. Repeatable.", opt.MAIN, complete.metrics),
    ] = field(default_factory=list)
    refine: Annotated[
        str | None,
        opt.option(
            "--refine",
            "METRIC=VALUE",
            "Add points where the metric crosses the value, e.g. availability=99%.",
            opt.MAIN,
            complete.metrics,
        ),
    ] = None
    seed: opt.FirstSeed = None
    runs: opt.Runs = RUNS
    settings: opt.Set = field(default_factory=list)
    cluster: opt.Cluster = None
    out: opt.Out = field(default_factory=list)
    force: opt.Overwrite = False


def sweep(ctx: CommandContext, options: SweepOptions) -> int:
    """Run a scenario at every combination of some values, each on the same luck, and show how the figures change.

    One setting gives a curve with its 95 % band, two a heat map, more a table, with the share of each setting in the
    variance. ``--out csv=PATH`` and ``json=PATH`` keep the points.
    """
    from resilience_sim.cli import results
    from resilience_sim.cli.watching import Progress
    from resilience_sim.experiments.sweep import Grid
    from resilience_sim.experiments.sweep import sweep as measure
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load
    from resilience_sim.views.export.targets import OF_SWEEP

    ctx.subject = options.scenario
    if not options.over:
        raise usage("nothing to sweep over", "add --over PATH=SPEC, e.g. --over retry.attempts=1..6")
    specs = tuple(_spec(each) for each in options.over)
    if len({spec.path for spec in specs}) < len(specs):
        raise usage("--over: a setting is named twice", "give all its values in one --over")
    names = tuple(dict.fromkeys(known_metric("--show", each) for each in options.show or ["availability"]))
    refine = None if options.refine is None else _refine(options.refine)
    if refine is not None and all(spec.range is None for spec in specs):
        raise usage("--refine: nothing lies between the values of a list", "write a range: --over PATH=LO..HI:N")
    if refine is not None and refine[0] not in names:
        names = (*names, refine[0])
    opt.parse_seeds(options.seed or 0, options.runs)
    scenario = load(options.scenario, options.settings)
    seeds = tuple(opt.parse_seeds(scenario.plan.seed if options.seed is None else options.seed, options.runs))
    grid = Grid(scenario, specs, names, seeds, refine)
    if grid.size > MOST_POINTS:
        raise usage(f"--over: {grid.size:,} combinations are too many", f"at most {MOST_POINTS:,}; give fewer values")
    ctx.files = results.files_of(scenario)
    with results.experiment(ctx, options, scenario, OF_SWEEP) as (outputs, crew):
        started = ctx.io.clock()
        with Progress(ctx, "simulating", 1.0) as progress:
            ctx.detail(f"simulating {grid.size} points")
            try:
                found = measure(grid, crew, lambda done, of: progress.at(done / of, f"{done} of {of} pieces of work"))
            except ScenarioError as error:
                raise ScenarioError([replace(each, file="--over") for each in error.diagnostics]) from None
        if not found.points:
            raise KeyboardInterrupt

        def document() -> dict[str, Any]:
            return _document(ctx, scenario, found, names, ctx.io.clock() - started)

        code = INTERRUPTED if found.interrupted else OK

        def say(console: Console, quiet: bool) -> None:
            from resilience_sim.views.sweep import render_sweep

            render_sweep(console, scenario, found, names, refine, quiet=quiet)

        results.finish(ctx, outputs, document, say)
        return code


def _spec(text: str) -> Spec:
    from resilience_sim.experiments.specs import SpecError, parse_setting, parse_values

    try:
        return parse_values(*parse_setting(text, "retry.attempts=1..6"))
    except SpecError as error:
        raise usage(f"--over: {error}", error.help) from None


def known_metric(option: str, name: str) -> str:
    from resilience_sim.settings.metrics import METRICS, metric

    if metric(name) is None:
        names = [each.name for each in METRICS]
        near = opt.did_you_mean(name, names) or "`resim explain metrics` lists them"
        raise usage(f"{option}: no metric `{name}`", near)
    return name


def _refine(text: str) -> tuple[str, float]:
    from resilience_sim.settings.expectations import parse_expectation
    from resilience_sim.settings.units import UnitError

    name, equals, value = text.partition("=")
    known_metric("--refine", name.strip())
    if not equals:
        raise usage(f"--refine: `{text}` has no `=`", "write it like `availability=99%`")
    try:
        return name.strip(), parse_expectation(f"{name.strip()} >= {value.strip()}").limit
    except UnitError as error:
        raise usage(f"--refine: {error}", error.help) from None


def _document(
    ctx: CommandContext, scenario: Scenario, found: Sweep, names: Sequence[str], seconds: float
) -> dict[str, Any]:
    from resilience_sim.views.document import failure, result_document
    from resilience_sim.views.sweep import effects_document, points_document

    more: dict[str, Any] = {"sensitivity": effects_document(found, names)} if len(found.specs) > 1 else {}
    return result_document(
        ctx.command,
        scenario=scenario,
        seeds=found.seeds,
        warnings=scenario.warnings,
        error=failure("interrupted", "interrupted; the points that are listed are complete")
        if found.interrupted
        else None,
        points=points_document(found),
        **more,
        spent={"runs": found.runs, "requests": found.requests, "seconds": seconds},
    )
