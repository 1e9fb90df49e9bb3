"""``resim compare``: variants of a scenario under the same arrivals and the same luck.

On a terminal they first race live with one seed; the table covers all seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import usage
from resilience_sim.cli.own_client import tell_notes, with_own_client
from resilience_sim.cli.own_policies import with_own_policies

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.cli.watching import WatchOptions
    from resilience_sim.measure.result import RunResult
    from resilience_sim.runs.compare import VariantDivergence
    from resilience_sim.runs.simulation import Source
    from resilience_sim.scenario.scenario import Scenario
    from resilience_sim.settings.actions import Action
    from resilience_sim.settings.plan import Plan, Warned
    from resilience_sim.views.export.targets import Outputs
    from resilience_sim.views.next_step import Step

ABOUT = "Compare variants under the same arrivals and the same luck."
RUNS = 20  # enough to tell differences, few enough not to make anyone wait


@dataclass(frozen=True)
class CompareOptions:
    scenario: opt.ScenarioName = "first-look"
    variants: Annotated[
        list[str],
        opt.option("--variant", "NAME", "Compare only this variant. Repeatable.", opt.MAIN, complete.variants),
    ] = field(default_factory=list)
    tries: opt.Try = field(default_factory=list)
    others: Annotated[
        list[str],
        opt.option("--with", "SCENARIO", "Also compare this scenario. Repeatable.", opt.MAIN, complete.scenarios),
    ] = field(default_factory=list)
    baseline: Annotated[
        str | None,
        opt.option("--baseline", "NAME", "The variant to compare the others with.", opt.MAIN, complete.variants),
    ] = None
    seed: opt.FirstSeed = None
    runs: opt.Runs = RUNS
    settings: opt.Set = field(default_factory=list)
    cluster: opt.Cluster = None
    policies: opt.Policies = field(default_factory=list)
    clients: opt.Clients = field(default_factory=list)
    speed: opt.Speed = None
    ui: opt.Ui = "auto"
    watch: opt.Watch = False
    out: opt.Out = field(default_factory=list)
    save: opt.Save = None
    force: opt.Overwrite = False
    series: opt.Series = None


def compare(ctx: CommandContext, options: CompareOptions) -> int:
    """Run a scenario as written and its variants under the same arrivals and the same luck, and show what each gains.

    On a terminal the variants first race side by side with the first seed. The answer covers all seeds: which is best
    and by how much, then differences to the baseline with 95% intervals. A scenario without variants is compared with
    the obvious ones: each policy left out, the retry on the other side of the breaker, a retry budget. Exit codes as
    for run.
    """
    from resilience_sim.cli import results
    from resilience_sim.cli.watching import LIVE, WatchOptions, lost_runs, nothing_left, run_seeds, way_to_watch
    from resilience_sim.scenario.load import load

    ctx.subject = options.scenario
    if options.watch:
        from resilience_sim.cli.rerun import run_when_saved

        speed = "max" if options.speed is None and options.ui == "auto" else options.speed
        again = replace(options, watch=False, speed=speed)
        return run_when_saved(ctx, options.scenario, lambda: compare(ctx, again))
    watch = WatchOptions(options.ui, opt.parse_speed(options.speed))
    series = opt.parse_time("--series", options.series, least=1)
    opt.parse_seeds(options.seed or 0, options.runs)
    scenario = load(options.scenario, options.settings)
    others = [(source if source == "-" else Path(source).stem, load(source)) for source in options.others]
    others += [tried(scenario, "--try", text) for text in options.tries]
    plan = scenario.plan
    others += [
        (target, scenario.with_plan(with_own_client(plan, target, options.policies))) for target in options.clients
    ]
    if not scenario.variants and not others:
        scenario = _with_obvious(ctx, scenario)
    plans, baseline = chosen(scenario, others, options)
    plans = {name: with_own_policies(plan, options.policies, options.save) for name, plan in plans.items()}
    ctx.files = [file for each in (scenario, *(other for _, other in others)) for file in results.files_of(each)]
    seeds = opt.parse_seeds(scenario.plan.seed if options.seed is None else options.seed, options.runs)
    with ExitStack() as stack:
        outputs = results.open_outputs(ctx, options.out, stack, ctx.files, options.force, options.save)
        series = max((results.bins(series, outputs, plan) for plan in plans.values()), default=series)
        if not ctx.json:
            ctx.warnings(scenario.warnings)
        elsewhere = None
        if options.cluster is not None:
            from resilience_sim.experiments.cluster import open_cluster

            elsewhere = stack.enter_context(open_cluster(options.cluster, ctx.note))
        _keep(ctx, scenario, others, plans, seeds[0], options, outputs)
        found: Mapping[str, Sequence[RunResult]] | None = None
        if way_to_watch(ctx, watch, results.stdout_taken(outputs)) == LIVE:
            found = _race(ctx, plans, seeds[0], watch, scenario.plan.name, series, baseline)
        whole = found is None
        warnings = list(scenario.warnings)
        if found is None:
            batch = run_seeds(ctx, plans, seeds, series, elsewhere)
            whole = not batch.interrupted
            warnings += lost_runs(batch)
            found = batch.paired() if batch.lost else batch.results
            if batch.lost and not found[baseline]:
                raise nothing_left(batch)
        for name in options.clients:
            warnings += tell_notes(ctx, found.get(name, ()))
        unchanged = not (scenario.overrides or options.others or options.tries or options.policies)
        return answer(ctx, scenario, plans, found, baseline, whole, outputs, warnings=warnings, unchanged=unchanged)


def answer(
    ctx: CommandContext,
    scenario: Scenario,
    plans: Mapping[str, Plan],
    found: Mapping[str, Sequence[RunResult]],
    baseline: str,
    whole: bool,
    outputs: Outputs | None,
    running: str = "as-written",
    warnings: Sequence[Warned] | None = None,
    *,
    unchanged: bool,
    why: Mapping[str, Sequence[str]] | None = None,
    steps: Sequence[Step] | None = None,
    again: Callable[[int], Source] | None = None,
    actions: Sequence[Action] | None = None,
) -> int:
    """Judge, write and print a comparison that was simulated; the exit code.

    ``running``: the variant that expectations without one are about; ``unchanged``: it is what the file says.
    ``why``: the reasons to tell of some variants. ``steps``: what to type next, instead of the usual. ``again`` makes
    the run of that variant with a seed, if that takes more than its plan. ``actions``: what a user did in all of them.
    """
    from resilience_sim.cli import results
    from resilience_sim.measure.statistics import compare as differences_of
    from resilience_sim.runs.simulation import Simulation

    ctx.results = found if whole else {}
    differences = differences_of(found, baseline)
    verdicts = results.judged(
        scenario.plan.expect,
        found,
        whole,
        running,
        unchanged=unchanged,
        again=again or (partial(Simulation, plans[running]) if running in plans else None),
    )
    code = results.exit_code(verdicts, whole)

    def document() -> dict[str, Any]:
        from resilience_sim.views.document import failure, result_document

        return result_document(
            ctx.command,
            scenario=scenario,
            seeds=[result.seed for result in found[baseline]],
            variants=found,
            comparison=differences,
            expectations=verdicts,
            warnings=scenario.warnings if warnings is None else warnings,
            error=None if whole else failure("interrupted", results.INTERRUPTED),
        )

    @cache
    def parted() -> list[VariantDivergence]:
        from resilience_sim.runs.compare import divergences

        return divergences(dict(plans), baseline, found[baseline][0].seed)

    def say(console: Console, quiet: bool) -> None:
        from resilience_sim.runs.compare import same_arrivals
        from resilience_sim.views.comparison import render_comparison

        render_comparison(
            console,
            scenario,
            found,
            differences,
            parted() if whole and not quiet else [],
            verdicts,
            interrupted=not whole,
            quiet=quiet,
            why=why,
            steps=steps,
            arrivals=same_arrivals(plans.values()),
        )

    drawn = {
        name: partial(Simulation, plans[name], its[0].seed, actions)
        for name, its in found.items()
        if its and name in plans
    }
    results.finish(ctx, outputs, document, say, drawn)
    return code


def tried(scenario: Scenario, option: str, text: str) -> tuple[str, Scenario]:
    """The scenario with the settings of a ``--try``, named after them."""
    from resilience_sim.scenario.diagnostics import ScenarioError

    settings = opt.parse_try(option, text)
    try:
        return text.strip(), scenario.with_settings(settings)
    except ScenarioError as error:
        raise ScenarioError(
            [replace(each, file=option) if each.file == "--set" else each for each in error.diagnostics]
        ) from None


def _with_obvious(ctx: CommandContext, scenario: Scenario) -> Scenario:
    """A scenario that names no variants, with the obvious ones."""
    from resilience_sim.scenario.obvious import with_obvious_variants

    made = with_obvious_variants(scenario)
    if made is None:
        remedy = "add variants under `compare:`, name another scenario (--with OTHER.yaml), or --try PATH=VALUE"
        raise usage(f"{scenario.path} has nothing to compare with", remedy)
    names = ", ".join(variant.name for variant in made.variants)
    ctx.note(
        f"{scenario.path} names no variants; compared are the obvious ones: {names}",
        "your own: write them under `compare:`, or --try PATH=VALUE",
    )
    return made


def chosen(
    scenario: Scenario, others: list[tuple[str, Scenario]], options: CompareOptions
) -> tuple[dict[str, Plan], str]:
    """The plans to compare, and the name of the baseline."""
    from resilience_sim.runs.compare import plans_of

    plans = plans_of(scenario, others)
    if len(plans) < 2:
        raise usage(f"{options.scenario} has nothing to compare with", "--try PATH=VALUE makes a variant")
    baseline = opt.one_of("--baseline", options.baseline or scenario.baseline, plans)
    wanted = [opt.one_of("--variant", name, plans) for name in options.variants]
    if wanted:
        beside = [name for name in plans if name not in dict(plans_of(scenario))]
        wanted = [name for name in plans if name in {baseline, *wanted, *beside}]
        if len(wanted) < 2:
            raise usage(f"--variant {options.variants[0]} is the baseline itself", f"name another: {', '.join(plans)}")
        plans = {name: plans[name] for name in wanted}
    return plans, baseline


def _race(
    ctx: CommandContext,
    plans: Mapping[str, Plan],
    seed: int,
    watch: WatchOptions,
    title: str,
    series: int,
    baseline: str,
) -> dict[str, list[RunResult]] | None:
    """Watch the variants race; their results so far after Ctrl-C, else None: the table is still to be made."""
    from resilience_sim.cli.watching import OVER, QUIT, watch_live
    from resilience_sim.measure.services_fold import figures_of
    from resilience_sim.runs.simulation import Simulation

    racers = {name: Simulation(plans[name], seed) for name in sorted(plans, key=lambda name: name != baseline)}
    folds = {name: figures_of(racer.plan, racer.components, series) for name, racer in racers.items()}
    for name, racer in racers.items():
        racer.attach(folds[name])
    if watch_live(ctx, list(racers.items()), watch, title) in (OVER, QUIT):
        return None
    return {name: [folds[name].result(seed, racer.digest(), racer.now, True)] for name, racer in racers.items()}


def _keep(
    ctx: CommandContext,
    scenario: Scenario,
    others: list[tuple[str, Scenario]],
    plans: Mapping[str, Plan],
    seed: int,
    options: CompareOptions,
    outputs: Outputs | None,
) -> None:
    """Record every variant with the first seed, and export the events of the scenario as written."""
    from resilience_sim.cli.results import recorded
    from resilience_sim.cli.watching import run_out
    from resilience_sim.runs.compare import plans_of
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.settings.plan import AS_WRITTEN

    save, events = options.save, outputs is not None and outputs.needs_events
    if save is None and not events:
        return
    own = plans_of(scenario)
    beside = dict(zip([name for name in plans_of(scenario, others) if name not in own], others, strict=True))
    first = AS_WRITTEN if AS_WRITTEN in plans else next(iter(plans))
    for name, plan in plans.items():
        if save is None and name != first:
            continue
        of, variant = (beside[name][1], AS_WRITTEN) if name in beside else (scenario, name)
        path = None if save is None else save if name == first else beside_path(save, name)
        with recorded(Simulation(plan, seed), of, path, variant, options.force) as source:
            if outputs is not None and name == first:
                outputs.attach(source)
            run_out(ctx, source)
        if path is not None:
            ctx.note(f"recorded {name} with seed {seed} in {path}")


def beside_path(save: str, name: str) -> str:
    """Where a second recording goes: ``r.resim`` and ``eager`` make ``r.eager.resim``."""
    place = Path(save)
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return str(place.with_name(f"{place.stem}.{safe}{place.suffix}"))
