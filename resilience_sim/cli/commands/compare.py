"""``resim compare``: variants of a scenario on the same arrivals and the same luck.

Owns which variants take part. On a terminal they race live first (one seed); the table is about all seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

if TYPE_CHECKING:
    from resilience_sim.measure.result import RunResult
    from resilience_sim.scenario.plan import Plan, Scenario
    from resilience_sim.views.export.targets import Outputs

ABOUT = "Compare variants on the same arrivals and the same luck."
RUNS = 20  # fewer tell little, more make one wait


def compare(
    scenario: opt.ScenarioName = "first-look",
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", metavar="NAME", help="Only this one. Repeatable.", autocompletion=complete.variants),
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="SCENARIO", help="Another scenario beside it. Repeatable.",
            autocompletion=complete.scenarios,
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", metavar="NAME", help="What the others are compared with.", autocompletion=complete.variants
        ),
    ] = None,
    seed: opt.Seed = None,
    runs: Annotated[int, typer.Option("--runs", metavar="N", help="So many seeds, over all cores.")] = RUNS,
    speed: opt.Speed = None,
    ui: opt.Ui = "auto",
    set_: opt.Set = None,
    out: opt.Out = None,
    save: opt.Save = None,
    series: opt.Series = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:  # fmt: skip
    """Run a scenario as written and its variants on the same arrivals and the same luck, and say what each is worth.

    On a terminal the variants first race side by side with the first seed. The table is about all seeds: differences
    to the baseline with 95 % intervals. Exit code as of run.
    """
    asked = Asked(
        scenario, variant or [], with_ or [], baseline, seed, runs, speed, ui, set_ or [], out or [], save, series
    )
    return lambda ctx: work(ctx, asked)


@dataclass(frozen=True)
class Asked:
    """The command line of ``compare``."""

    scenario: str
    variants: list[str]
    others: list[str]
    baseline: str | None
    seed: int | None
    runs: int
    speed: str | None
    ui: str
    set: list[str]
    out: list[str]
    save: str | None
    series: str | None


def work(ctx: CommandContext, asked: Asked) -> int:
    """Compare them."""
    from resilience_sim.cli import results, values
    from resilience_sim.cli.many import run_seeds
    from resilience_sim.cli.watching import LIVE, USER_INTERFACES, WatchOptions, way_to_watch
    from resilience_sim.scenario.load import load

    ctx.command, ctx.subject = "compare", asked.scenario
    wish = WatchOptions(values.one_of("--ui", asked.ui, USER_INTERFACES), values.speed(asked.speed))
    series = values.time("--series", asked.series, least=1)
    values.seeds(asked.seed or 0, asked.runs)
    scenario = load(asked.scenario, asked.set)
    others = [(_name(source), load(source)) for source in asked.others]
    plans, baseline = chosen(scenario, others, asked)
    seeds = values.seeds(scenario.plan.seed if asked.seed is None else asked.seed, asked.runs)
    with ExitStack() as stack:
        inputs = [file for each in (scenario, *(other for _, other in others)) for file in results.files_of(each)]
        outputs = results.open_outputs(ctx, asked.out, stack, inputs)
        taken = outputs is not None and outputs.uses_stdout
        if not ctx.json:
            ctx.warnings(scenario.warnings)
        _keep(ctx, scenario, others, plans, seeds[0], asked.save, outputs)
        found: Mapping[str, Sequence[RunResult]] | None = None
        if way_to_watch(ctx, wish, taken) == LIVE:
            found = _race(ctx, plans, seeds[0], wish, scenario.plan.name, series)
        whole = found is None
        if found is None:
            found = run_seeds(ctx, plans, seeds, series)
            whole = all(len(found[name]) == len(seeds) for name in plans)
        return answer(ctx, "compare", scenario, plans, found, baseline, whole, outputs)


def answer(
    ctx: CommandContext,
    command: str,
    scenario: Scenario,
    plans: Mapping[str, Plan],
    found: Mapping[str, Sequence[RunResult]],
    baseline: str,
    whole: bool,
    outputs: Outputs | None,
    running: str = "as-written",
    warnings: Sequence[Any] | None = None,
) -> int:
    """Judge, write and print a comparison that was simulated; the exit code."""
    from resilience_sim.cli import results
    from resilience_sim.measure.statistics import compare as differences_of

    differences = differences_of(found, baseline)
    verdicts = results.judged(scenario.plan.expect, found, whole, running)
    code = results.exit_code(verdicts, whole)
    document = None
    if ctx.json or (outputs is not None and outputs.needs_document):
        from resilience_sim.views.document import failure, result_document

        document = result_document(
            command,
            scenario=scenario,
            seeds=[result.seed for result in found[baseline]],
            variants=found,
            comparison=differences,
            expectations=verdicts,
            warnings=scenario.warnings if warnings is None else warnings,
            error=None if whole else failure("interrupted", "interrupted; the figures are of what was simulated"),
        )
    if outputs is not None:
        outputs.finish(document)
    if ctx.json and document is not None:
        ctx.document(document)
        return code
    from resilience_sim.runs.compare import divergences
    from resilience_sim.views.comparison import render_comparison

    parted = divergences(dict(plans), baseline, found[baseline][0].seed) if whole and not ctx.quiet else []
    console = ctx.io.console(stderr=outputs is not None and outputs.uses_stdout)
    render_comparison(console, scenario, found, differences, parted, verdicts, interrupted=not whole)
    return code


def chosen(scenario: Scenario, others: list[tuple[str, Scenario]], asked: Asked) -> tuple[dict[str, Plan], str]:
    """Who takes part, and who is the baseline."""
    from resilience_sim.cli import values
    from resilience_sim.cli.exits import usage
    from resilience_sim.runs.compare import plans_of

    plans = plans_of(scenario, others)
    if len(plans) < 2:
        remedy = "add variants under `compare:`, or name another scenario: --with OTHER.yaml"
        raise usage(f"{asked.scenario} has nothing to be compared with", remedy)
    baseline = values.one_of("--baseline", asked.baseline or scenario.baseline, plans)
    wanted = [values.one_of("--variant", name, plans) for name in asked.variants]
    if wanted:
        beside = [name for name in plans if name not in dict(plans_of(scenario))]
        wanted = [name for name in plans if name in {baseline, *wanted, *beside}]
        if len(wanted) < 2:
            raise usage(
                f"--variant {asked.variants[0]} is the baseline itself", f"name another: {', '.join(n for n in plans)}"
            )
        plans = {name: plans[name] for name in wanted}
    return plans, baseline


def _name(source: str) -> str:
    return source if source == "-" else Path(source).stem


def _race(
    ctx: CommandContext, plans: Mapping[str, Plan], seed: int, wish: Any, title: str, series: int
) -> dict[str, list[RunResult]] | None:
    """Watch the variants race; after Ctrl-C what they had come to, else None: the table is to be made."""
    from resilience_sim.cli.watching import OVER, QUIT, watch_live
    from resilience_sim.measure.run_fold import RunFold
    from resilience_sim.runs.simulation import Simulation

    racers = {name: Simulation(plan, seed) for name, plan in plans.items()}
    folds = {name: RunFold(racer.plan, racer.components, series) for name, racer in racers.items()}
    for name, racer in racers.items():
        racer.attach(folds[name])
    if watch_live(ctx, list(racers.items()), wish, title) in (OVER, QUIT):
        return None
    return {name: [folds[name].result(seed, racer.digest(), racer.now)] for name, racer in racers.items()}


def _keep(
    ctx: CommandContext,
    scenario: Scenario,
    others: list[tuple[str, Scenario]],
    plans: Mapping[str, Plan],
    seed: int,
    save: str | None,
    outputs: Outputs | None,
) -> None:
    """Recordings of every variant with the first seed, and exports of the scenario as written."""
    from resilience_sim.cli.recorded import recorded
    from resilience_sim.cli.watching import run_out
    from resilience_sim.runs.compare import AS_WRITTEN, plans_of
    from resilience_sim.runs.simulation import Simulation

    events = outputs is not None and outputs.needs_events
    if save is None and not events:
        return
    own = plans_of(scenario)
    beside = dict(zip([name for name in plans_of(scenario, others) if name not in own], others, strict=True))
    first = AS_WRITTEN if AS_WRITTEN in plans else next(iter(plans))
    for name, plan in plans.items():
        if save is None and name != first:
            continue
        of, variant = (beside[name][1], AS_WRITTEN) if name in beside else (scenario, name)
        path = None if save is None else save if name == first else _beside(save, name)
        with recorded(Simulation(plan, seed), of, path, variant) as source:
            if outputs is not None and name == first:
                outputs.attach(source)
            run_out(ctx, source)
        if path is not None:
            ctx.note(f"{name} with seed {seed} is recorded in {path}")


def _beside(save: str, name: str) -> str:
    """``r.resim`` and ``eager``: ``r.eager.resim``."""
    place = Path(save)
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return str(place.with_name(f"{place.stem}.{safe}{place.suffix}"))
