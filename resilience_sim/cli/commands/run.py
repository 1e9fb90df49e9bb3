"""``resim run``: one scenario, one seed or many.

Owns the order of things: outputs are opened before anything is simulated, verdicts decide the exit code.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

if TYPE_CHECKING:
    from resilience_sim.cli.results import Done
    from resilience_sim.measure.result import RunResult
    from resilience_sim.scenario.plan import Scenario
    from resilience_sim.views.export.targets import Outputs

ABOUT = "Run a scenario and watch it, live or as plain lines."


def run(
    scenario: opt.ScenarioName = "first-look",
    seed: opt.Seed = None,
    runs: Annotated[int, typer.Option("--runs", metavar="N", help="So many seeds, over all cores.")] = 1,
    speed: opt.Speed = None,
    ui: opt.Ui = "auto",
    set_: opt.Set = None,
    policy: opt.Policy = None,
    out: opt.Out = None,
    save: opt.Save = None,
    series: opt.Series = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:
    """Run a scenario and watch it: live on a terminal, as plain lines elsewhere; then verdicts, figures and why.

    Exit code 0: every expectation held; 1: one failed; 4: one is inconclusive; 2: nothing was simulated.
    """
    asked = Asked(scenario, seed, runs, speed, ui, set_ or [], policy or [], out or [], save, series)
    return lambda ctx: work(ctx, asked)


@dataclass(frozen=True)
class Asked:
    """The command line of ``run``."""

    scenario: str
    seed: int | None
    runs: int
    speed: str | None
    ui: str
    set: list[str]
    policies: list[str]
    out: list[str]
    save: str | None
    series: str | None


def work(ctx: CommandContext, asked: Asked) -> int:
    """Run it."""
    from resilience_sim.cli import results, values
    from resilience_sim.cli.version import build
    from resilience_sim.cli.watching import USER_INTERFACES, WatchOptions, way_to_watch
    from resilience_sim.scenario.load import load

    ctx.command, ctx.subject = "run", asked.scenario
    wish = WatchOptions(values.one_of("--ui", asked.ui, USER_INTERFACES), values.speed(asked.speed))
    series = values.time("--series", asked.series, least=1)
    values.seeds(asked.seed or 0, asked.runs)
    scenario = load(asked.scenario, asked.set)
    if asked.policies:
        scenario = _with_policies(scenario, asked)
    seeds = values.seeds(scenario.plan.seed if asked.seed is None else asked.seed, asked.runs)
    with ExitStack() as stack:
        outputs = results.open_outputs(ctx, asked.out, stack, [*results.files_of(scenario), asked.save])
        way = way_to_watch(ctx, wish, outputs is not None and outputs.uses_stdout, len(seeds) > 1)
        if not ctx.json:
            ctx.warnings(scenario.warnings)
        ctx.detail(f"{scenario.path} loaded after {ctx.took():.2f} s, digest {scenario.digest}, {build()} core")
        first, runs = _simulate(ctx, scenario, seeds, asked, way, wish, series, outputs)
        ctx.detail(f"simulated after {ctx.took():.2f} s")
        whole = first.whole if first is not None else True
        whole = whole and len(runs) == len(seeds)
        verdicts = results.judged(scenario.plan.expect, {"as-written": runs}, whole) if runs else []
        code = results.exit_code(verdicts, whole)
        if ctx.json or (outputs is not None and outputs.needs_document):
            from resilience_sim.views.document import failure, result_document

            document = result_document(
                "run",
                scenario=scenario,
                seeds=[result.seed for result in runs],
                variants={"as-written": runs},
                expectations=verdicts,
                warnings=scenario.warnings,
                error=None if whole else failure("interrupted", "interrupted; the figures are of what was simulated"),
            )
        else:
            document = None
        if outputs is not None:
            outputs.finish(document)
        if ctx.json and document is not None:
            ctx.document(document)
            return code
    from resilience_sim.cli.watching import PLAIN
    from resilience_sim.views.summary import render_summary

    if way == PLAIN:
        ctx.out("")
    render_summary(
        ctx.io.console(stderr=outputs is not None and outputs.uses_stdout),
        scenario,
        runs,
        verdicts,
        moments=first.moments if first is not None and len(seeds) == 1 else None,
        interrupted=not whole,
        saved=asked.save or "",
    )
    return code


def _with_policies(scenario: Scenario, asked: Asked) -> Scenario:
    """The user's own policies in the stack. Their code comes with the command line, never with a scenario."""
    from dataclasses import replace

    from resilience_sim.cli.exits import usage
    from resilience_sim.policies.plugin import PluginError
    from resilience_sim.runs.plugins import with_policies

    if asked.save:
        raise usage("`--save` does not go with `--policy`", "a recording has to be repeatable, and carries no code")
    try:
        return replace(scenario, plan=with_policies(scenario.plan, asked.policies))
    except PluginError as error:
        raise usage(f"--policy: {error}", "docs/plugins.md shows a policy of one's own") from None


def _simulate(
    ctx: CommandContext,
    scenario: Scenario,
    seeds: list[int],
    asked: Asked,
    way: str,
    wish: object,
    series: int,
    outputs: Outputs | None,
) -> tuple[Done | None, list[RunResult]]:
    """The first seed here when anybody looks at it, or it is the only one; the others over all cores."""
    from resilience_sim.cli.many import run_seeds
    from resilience_sim.cli.recorded import recorded
    from resilience_sim.cli.results import carry_out
    from resilience_sim.cli.watching import NOTHING, WatchOptions
    from resilience_sim.runs.simulation import Simulation

    assert isinstance(wish, WatchOptions)
    events = outputs is not None and outputs.needs_events
    if len(seeds) > 1 and way == NOTHING and not asked.save and not events:
        return None, run_seeds(ctx, {"as-written": scenario.plan}, seeds, series)["as-written"]
    with recorded(Simulation(scenario.plan, seeds[0]), scenario, asked.save) as source:
        first = carry_out(ctx, source, way, wish, series, outputs)
    if len(seeds) > 1 and first.whole:
        if asked.save or events:
            ctx.note(f"recorded and exported is the run with seed {seeds[0]}")
        return first, [first.result, *run_seeds(ctx, {"as-written": scenario.plan}, seeds[1:], series)["as-written"]]
    return first, [first.result]
