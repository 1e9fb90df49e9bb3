"""``resim run``: one scenario with one seed or many."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import INTERRUPTED, usage
from resilience_sim.cli.own_client import tell_notes, with_own_client
from resilience_sim.cli.own_policies import with_own_policies

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.cli.results import Done
    from resilience_sim.cli.watching import WatchOptions
    from resilience_sim.runs.batch import Batch
    from resilience_sim.scenario.scenario import Scenario
    from resilience_sim.views.export.targets import Outputs

ALONE, CURE = "retry-storm", "budget"  # what is shown to those who name nothing
ABOUT = "Run a scenario and watch it: what happens, and why."


@dataclass(frozen=True)
class RunOptions:
    scenario: Annotated[
        str | None,
        opt.argument(
            "SCENARIO",
            f"A path, the name of a shipped scenario, or - for standard input. Without one: {ALONE} beside {CURE}.",
            complete.scenarios,
        ),
    ] = None
    beside: Annotated[
        str | None,
        opt.option(
            "--beside",
            "VARIANT|PATH=VALUE",
            "Run this variant, or the scenario with this setting, beside it on the same luck.",
            opt.MAIN,
            complete.beside,
        ),
    ] = None
    seed: opt.FirstSeed = None
    runs: opt.Runs = 1
    settings: opt.Set = field(default_factory=list)
    policies: opt.Policies = field(default_factory=list)
    client: opt.Client = None
    speed: opt.Speed = None
    ui: opt.Ui = "auto"
    watch: opt.Watch = False
    out: opt.Out = field(default_factory=list)
    save: opt.Save = None
    record: Annotated[
        str | None,
        opt.option(
            "--record",
            "FORMAT=PATH",
            "Make a moving picture of the live view: just x.gif, x.svg, or x.cast (asciinema).",
            opt.OUTPUT,
            complete.films,
        ),
    ] = None
    force: opt.Overwrite = False
    series: opt.Series = None


def run(ctx: CommandContext, options: RunOptions) -> int:
    """Run a scenario and watch it live on a terminal (as lines with --ui plain); then verdicts, figures and why.

    With --beside a second configuration runs on the same arrivals and the same luck, and both are compared.
    Exit code 0: every expectation held; 1: one failed; 4: one is inconclusive; 2: nothing was simulated.
    """
    from resilience_sim._build_mode import describe
    from resilience_sim.cli import results
    from resilience_sim.cli.filming import open_camera
    from resilience_sim.cli.watching import PLAIN, WatchOptions, lost_runs, nothing_left, way_to_watch
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.scenario.load import load
    from resilience_sim.settings.plan import AS_WRITTEN

    if options.scenario is None:
        options = replace(options, scenario=ALONE, beside=options.beside or CURE)
    assert options.scenario is not None
    ctx.subject = options.scenario
    if options.watch:
        from resilience_sim.cli.rerun import run_when_saved

        speed = "max" if options.speed is None and options.ui == "auto" else options.speed
        again = replace(options, watch=False, speed=speed)
        return run_when_saved(ctx, options.scenario, lambda: run(ctx, again))
    watch = WatchOptions(options.ui, opt.parse_speed(options.speed))
    series = opt.parse_time("--series", options.series, least=1)
    opt.parse_seeds(options.seed or 0, options.runs)
    scenario = load(options.scenario, options.settings)
    if options.client is not None and options.beside is not None:
        raise usage("--client and --beside exclude each other", "resim compare SCENARIO --client MODULE:CALLABLE")
    scenario = scenario.with_plan(with_own_client(scenario.plan, options.client, options.policies))
    scenario = scenario.with_plan(with_own_policies(scenario.plan, options.policies, options.save))
    ctx.files = results.files_of(scenario)
    seeds = opt.parse_seeds(scenario.plan.seed if options.seed is None else options.seed, options.runs)
    if options.beside is not None:
        return _run_beside(ctx, scenario, options.beside, seeds, options, watch, series)
    with ExitStack() as stack:
        used = [*ctx.files, options.save]
        camera = open_camera(ctx, options.record, stack, used, options.force, watch.speed, scenario.plan)
        inputs = [*ctx.files, camera.path if camera is not None else None]
        outputs = results.open_outputs(ctx, options.out, stack, inputs, options.force, options.save)
        series = results.bins(series, outputs, scenario.plan)
        way = way_to_watch(ctx, watch, results.stdout_taken(outputs), len(seeds) > 1)
        if not ctx.json:
            ctx.warnings(scenario.warnings)
        ctx.detail(f"{scenario.path} loaded after {ctx.elapsed():.2f} s, digest {scenario.digest}, {describe()} core")
        first, others = _simulate(ctx, scenario, seeds, options, way, watch, series, outputs)
        ctx.detail(f"simulated after {ctx.elapsed():.2f} s")
        whole = (first is None or first.whole) and not (others is not None and others.interrupted)
        runs = [first.result] if first is not None else []
        warnings = list(scenario.warnings)
        if others is not None:
            runs += others.results[AS_WRITTEN]
            warnings += lost_runs(others)
            if not runs and others.lost:
                raise nothing_left(others)
        warnings += tell_notes(ctx, runs)
        unchanged = not scenario.overrides and not options.policies and options.client is None
        found = {AS_WRITTEN: runs} if runs else {}
        ctx.results = found if whole else {}
        violated = first.violated if first is not None else None
        verdicts = results.judged(
            scenario.plan.expect,
            found,
            whole,
            unchanged=unchanged,
            violated=violated,
            again=partial(Simulation, scenario.plan) if len(seeds) > 1 else None,
        )
        code = results.exit_code(verdicts, whole)

        def document() -> dict[str, Any]:
            from resilience_sim.views.document import failure, result_document

            return result_document(
                "run",
                scenario=scenario,
                seeds=[result.seed for result in runs],
                variants={AS_WRITTEN: runs},
                expectations=verdicts,
                warnings=warnings,
                error=None if whole else failure("interrupted", results.INTERRUPTED),
            )

        moments = first.moments if first is not None else None

        def say(console: Console, quiet: bool) -> None:
            from resilience_sim.views.summary import render_summary

            nonlocal moments
            if moments is None and whole and not quiet:
                moments = results.explained(scenario.plan, runs[0])
            render_summary(
                console,
                scenario,
                runs,
                verdicts,
                moments=moments,
                interrupted=not whole,
                saved=options.save or "",
                quiet=quiet,
            )

        if way == PLAIN and not ctx.json:
            ctx.out("")
        results.finish(ctx, outputs, document, say, {AS_WRITTEN: partial(Simulation, scenario.plan, seeds[0])})
        if camera is not None and first is not None:
            end = round(first.result.document["virtual_seconds"] * 1e9)
            if not camera.take({"": scenario.plan}, first.result.seed, end, f"resim run {scenario.plan.name}"):
                return INTERRUPTED
        return code


def _run_beside(
    ctx: CommandContext,
    scenario: Scenario,
    text: str,
    seeds: list[int],
    options: RunOptions,
    watch: WatchOptions,
    series: int,
) -> int:
    """Run a scenario and a second configuration of it on the same luck, and compare them."""
    from resilience_sim.cli import results
    from resilience_sim.cli.commands.compare import answer, beside_path
    from resilience_sim.cli.filming import open_camera
    from resilience_sim.cli.watching import LIVE, OVER, QUIT, lost_runs, run_out, run_seeds, watch_live, way_to_watch
    from resilience_sim.measure.services_fold import figures_of
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.settings.plan import AS_WRITTEN
    from resilience_sim.views.moments import MomentsFold
    from resilience_sim.views.next_step import after_beside
    from resilience_sim.views.why import reasons
    from resilience_sim.views.why_case import Case

    name, of, variant = _second(scenario, text)
    plan = next((each.plan for each in of.variants if each.name == variant), of.plan)
    plan = with_own_policies(plan, options.policies, options.save)
    plans = {AS_WRITTEN: scenario.plan, name: plan}
    with ExitStack() as stack:
        used = [*ctx.files, options.save]
        camera = open_camera(ctx, options.record, stack, used, options.force, watch.speed, *plans.values())
        inputs = [*ctx.files, camera.path if camera is not None else None]
        outputs = results.open_outputs(ctx, options.out, stack, inputs, options.force, options.save)
        series = max(results.bins(series, outputs, each) for each in plans.values())
        if not ctx.json:
            ctx.warnings(scenario.warnings)
        simulations = {each: Simulation(its, seeds[0]) for each, its in plans.items()}
        folds = {each: figures_of(its.plan, its.components, series) for each, its in simulations.items()}
        moments = {each: MomentsFold(its.plan, its.components) for each, its in simulations.items()}
        second = beside_path(options.save, name) if options.save else None
        recorded = partial(results.recorded, force=options.force)
        racers = {
            AS_WRITTEN: stack.enter_context(recorded(simulations[AS_WRITTEN], scenario, options.save)),
            name: stack.enter_context(recorded(simulations[name], of, second, variant)),
        }
        for each, racer in racers.items():
            racer.attach(folds[each])
            racer.attach(moments[each])
        if outputs is not None:
            outputs.attach(racers[AS_WRITTEN])
            if outputs.needs_events:
                ctx.note("events are exported of the first lane, as written")
        if second:
            ctx.note(f"recorded with seed {seeds[0]}: {AS_WRITTEN} in {options.save}, {name} in {second}")
        live = way_to_watch(ctx, watch, results.stdout_taken(outputs)) == LIVE
        title = f"{scenario.plan.name} beside {name}"
        ended = watch_live(ctx, list(racers.items()), watch, title) if live else QUIT
        whole = ended in (OVER, QUIT) and all(run_out(ctx, racer) for racer in racers.values())
        found = {
            each: [folds[each].result(seeds[0], racer.digest(), racer.now, not whole)] for each, racer in racers.items()
        }
        why = {each: reasons(Case(plans[each], its[0].document, moments[each])) for each, its in found.items()}
        warnings = list(scenario.warnings)
        if whole and len(seeds) > 1:
            others = run_seeds(ctx, plans, seeds[1:], series)
            whole = not others.interrupted
            warnings += lost_runs(others)
            found = {each: its + others.paired()[each] for each, its in found.items()}
        steps = after_beside(scenario, text, options.save or "")
        unchanged = not scenario.overrides and not options.policies
        code = answer(
            ctx,
            scenario,
            plans,
            found,
            AS_WRITTEN,
            whole,
            outputs,
            warnings=warnings,
            unchanged=unchanged,
            why=why,
            steps=steps,
        )
        if camera is not None:
            end = max(racer.now for racer in racers.values())
            if not camera.take(plans, seeds[0], end, f"resim run {scenario.plan.name} --beside {text}", title):
                return INTERRUPTED
        return code


def _second(scenario: Scenario, text: str) -> tuple[str, Scenario, str]:
    """What ``--beside`` names, a variant or other settings: its name, and of which scenario it is which variant."""
    from resilience_sim.cli.commands.compare import tried
    from resilience_sim.settings.plan import AS_WRITTEN

    if "=" in text:
        return *tried(scenario, "--beside", text), AS_WRITTEN
    known = [variant.name for variant in scenario.variants]
    if not known:
        raise usage(f"--beside {text}: {scenario.path} names no variants", "write a setting: --beside retry.attempts=5")
    return text, scenario, opt.one_of("--beside", text, known)


def _simulate(
    ctx: CommandContext,
    scenario: Scenario,
    seeds: list[int],
    options: RunOptions,
    way: str,
    watch: WatchOptions,
    series: int,
    outputs: Outputs | None,
) -> tuple[Done | None, Batch | None]:
    """Run the first seed in this process if it is watched, kept or the only one; the others on all cores."""
    from resilience_sim.cli.results import carry_out, recorded
    from resilience_sim.cli.watching import NOTHING, run_seeds
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.settings.plan import AS_WRITTEN

    save, events = options.save, outputs is not None and outputs.needs_events
    if len(seeds) > 1 and way == NOTHING and not save and not events and options.record is None:
        return None, run_seeds(ctx, {AS_WRITTEN: scenario.plan}, seeds, series)
    with recorded(Simulation(scenario.plan, seeds[0]), scenario, save, force=options.force) as source:
        first = carry_out(ctx, source, way, watch, series, outputs)
    if len(seeds) > 1 and first.whole:
        if save or events or options.record is not None:
            ctx.note(f"only the run with seed {seeds[0]} is recorded and exported")
        return first, run_seeds(ctx, {AS_WRITTEN: scenario.plan}, seeds[1:], series)
    return first, None
