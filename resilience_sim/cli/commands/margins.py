"""``resim margins``: how much more a configuration stands, axis by axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import INTERRUPTED, NO, OK, usage
from resilience_sim.cli.own_client import with_own_client

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.experiments.margins import Margins
    from resilience_sim.experiments.specs import Quantity, Range
    from resilience_sim.scenario.scenario import Scenario
    from resilience_sim.settings.plan import Expectation

ABOUT = "How much more it stands: where it breaks, and the room until then."
RUNS = 60  # the fewest that give a 95 % interval of the 5 % point both limits
AXES = ("load", "slower", "failing", "outage", "capacity")


@dataclass(frozen=True)
class MarginsOptions:
    scenario: opt.ScenarioName = "retry-storm"
    axes: Annotated[
        list[str],
        opt.option(
            "--axis",
            "AXIS[:SERVICE]",
            f"Only {opt.words(AXES)}; of one service as in slower:db. Repeatable.",
            opt.MAIN,
            complete.words(*AXES),
        ),
    ] = field(default_factory=list)
    over: Annotated[
        list[str],
        opt.option(
            "--over",
            "PATH=SPEC",
            "Search this range of a setting, too: 1..10, 50ms..2s. Repeatable.",
            opt.MAIN,
            complete.settings,
        ),
    ] = field(default_factory=list)
    until: Annotated[
        list[str],
        opt.option(
            "--until",
            "EXPECTATION",
            "What has to hold, e.g. `p99 < 800ms`; default: its own expectations, no collapse. Repeatable.",
            opt.MAIN,
            complete.metrics,
        ),
    ] = field(default_factory=list)
    at_least: Annotated[
        list[str],
        opt.option(
            "--at-least",
            "AXIS=VALUE",
            "Exit with 1 if p5 is below, e.g. load=1.5x. Repeatable.",
            opt.MAIN,
            complete.words(*(f"{axis}=" for axis in AXES)),
        ),
    ] = field(default_factory=list)
    variants: Annotated[
        list[str], opt.option("--variant", "NAME", "Also this variant. Repeatable.", opt.MAIN, complete.variants)
    ] = field(default_factory=list)
    tries: opt.Try = field(default_factory=list)
    client: opt.Client = None
    seed: opt.FirstSeed = None
    runs: opt.Runs = RUNS
    precision: Annotated[
        str, opt.option("--precision", "RATIO", "How finely critical values are searched.", opt.MAIN)
    ] = "1%"
    settings: opt.Set = field(default_factory=list)
    cluster: opt.Cluster = None
    out: opt.Out = field(default_factory=list)
    force: opt.Overwrite = False


def margins(ctx: CommandContext, options: MarginsOptions) -> int:
    """Find how much more a scenario stands: more traffic, a slower B, more failures, longer faults, fewer workers.

    For each seed the critical value is searched by bisection on the seed's own luck; the answer is their distribution.
    An axis begins at today's value. The 5 % point is what all but 5 % of the seeds hold to.
    """
    from resilience_sim.cli import results
    from resilience_sim.cli.watching import Progress
    from resilience_sim.experiments.margins import Inquiry, below, find_margins, questions
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load
    from resilience_sim.views.export.targets import OF_MARGINS

    ctx.subject = options.scenario
    axes = [_axis("--axis", each) for each in options.axes]
    wanted = [_at_least(each) for each in options.at_least]
    over = [_over(each) for each in options.over]
    if len(dict(over)) < len(over):
        raise usage("--over: a setting is named twice", "give one range for each")
    if not axes and not over:
        axes = [*AXES]
    axes += [axis for axis, _, _ in wanted if _is_axis(axis)]
    _check_reach(wanted, dict(over))
    opt.parse_seeds(options.seed or 0, options.runs)
    scenario = load(options.scenario, options.settings)
    if options.client is not None and options.over:
        raise usage("--over searches settings, and --client has none", "leave out --over")
    scenario = scenario.with_plan(with_own_client(scenario.plan, options.client))
    scenarios = _configurations(scenario, options)
    _check_services(axes, scenarios)
    seeds = opt.parse_seeds(scenario.plan.seed if options.seed is None else options.seed, options.runs)
    until = tuple(_expectation(each, scenario) for each in options.until)
    plans = {name: each.plan for name, each in scenarios.items()}
    _, left_out = questions(plans, [*options.axes, *(axis for axis, _, _ in wanted if _is_axis(axis))])
    for axis, why in left_out.items():  # of all five it is just left out
        raise usage(f"{axis}: {why}", "choose another axis")
    inquiry = Inquiry(
        scenarios, tuple(seeds), tuple(dict.fromkeys(axes)), tuple(over), until, _precision(options.precision)
    )
    ctx.files = results.files_of(scenario)
    with results.experiment(ctx, options, scenario, OF_MARGINS) as (outputs, crew):
        started = ctx.io.clock()
        with Progress(ctx, "searching", 1.0) as progress:
            ctx.detail("searching")
            try:
                answer = find_margins(
                    inquiry,
                    crew,
                    lambda axis, done, of: progress.at(done / of, f"{axis}: {done} of {of} seeds"),
                )
            except ScenarioError as error:
                raise ScenarioError([replace(each, file="--over") for each in error.diagnostics]) from None
        if not answer.found:
            raise KeyboardInterrupt
        missed = [
            True for axis, least, _ in wanted for each in answer.found if each.axis == axis and below(each, least)
        ]
        code = INTERRUPTED if answer.interrupted else NO if missed else OK

        def document() -> dict[str, Any]:
            return _document(ctx, scenario, answer, ctx.io.clock() - started)

        def say(console: Console, quiet: bool) -> None:
            from resilience_sim.views.margins import render_margins

            asked = [(axis, least) for axis, least, _ in wanted]
            render_margins(console, scenario, scenarios, answer, asked, quiet=quiet)

        results.finish(ctx, outputs, document, say)
        return code


def _configurations(scenario: Scenario, options: MarginsOptions) -> dict[str, Scenario]:
    """What is asked about, by name: as written, then the variants and tries that are named."""
    from resilience_sim.cli.commands.compare import tried
    from resilience_sim.settings.plan import AS_WRITTEN

    found = {AS_WRITTEN: scenario}
    variants = {each.name: each.plan for each in scenario.variants}
    if options.variants and not variants:
        cause = f"--variant {options.variants[0]}: {scenario.path} names no variants"
        raise usage(cause, "write a setting: --try retry.attempts=5")
    for name in options.variants:
        opt.one_of("--variant", name, variants)
        if options.over:
            raise usage("--over searches settings of the scenario as written", "leave out --variant, or use --try")
        found[name] = scenario.with_plan(variants[name])
    for text in options.tries:
        name, other = tried(scenario, "--try", text)
        found[name] = other
    return found


def _is_axis(text: str) -> bool:
    """Whether it is an axis, or one of a service: ``slower:db``."""
    return text.partition(":")[0] in AXES


def _axis(option: str, text: str) -> str:
    return text if _is_axis(text) else opt.one_of(option, text, AXES)


def _check_services(axes: Sequence[str], scenarios: Mapping[str, Scenario]) -> None:
    from resilience_sim.experiments.axes import axis_problem

    for axis in axes:
        for each in scenarios.values():
            problem, instead = axis_problem(axis, each.plan)
            if problem:
                name = axis.partition(":")[0]
                remedy = opt.did_you_mean(axis, instead) or f"write {opt.words(instead or [name])}"
                raise usage(f"--axis {axis}: {problem}", remedy)


def _expectation(text: str, scenario: Scenario) -> Expectation:
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.read.pieces import expectation_from

    try:
        found = expectation_from(text, scenario.plan, [each.name for each in scenario.variants])
    except ScenarioError as error:
        raise ScenarioError([replace(each, file="--until") for each in error.diagnostics]) from None
    if found.scope.variant:
        raise usage(f"--until: `{text}` is about a variant", "ask for the variant's margins: --variant NAME")
    return found


def _over(text: str) -> tuple[str, Range]:
    from resilience_sim.experiments.specs import SpecError, parse_range, parse_setting

    try:
        path, spec = parse_setting(text, "retry.attempts=1..10")
        return path, parse_range(path, spec)
    except SpecError as error:
        raise usage(f"--over: {error}", error.help) from None


def _precision(text: str) -> float:
    from resilience_sim.experiments.margins import COARSEST, FINEST
    from resilience_sim.settings.units import UnitError, ratio

    try:
        found = float(ratio(text))
    except UnitError as error:
        raise usage(f"--precision: {error}", error.help) from None
    if not FINEST <= found <= COARSEST:
        raise usage(f"--precision: `{text}` is out of range", "from 0.05% to 20%")
    return found


def _at_least(text: str) -> tuple[str, float, Quantity]:
    """``load=1.5x``, ``failing=10%``, or a PATH of ``--over`` with a value: its name, number and kind."""
    from resilience_sim.experiments.specs import quantity_of

    axis, equals, value = text.partition("=")
    kind = quantity_of(value.strip())
    if not equals or kind is None:
        raise usage(f"--at-least: `{text}` is no AXIS=VALUE", "write it like `load=1.5x` or `failing=10%`")
    if _is_axis(axis):
        wanted = ("ratio", "10%") if axis.partition(":")[0] in ("failing", "capacity") else ("factor", "1.5x")
        if kind.name != wanted[0]:
            raise usage(f"--at-least: `{value}` is no {wanted[0]}", f"write it like `{axis}={wanted[1]}`")
    elif "." not in axis:
        opt.one_of("--at-least", axis, AXES)
    return axis.strip(), kind.read(value.strip()), kind


def _check_reach(wanted: Sequence[tuple[str, float, Quantity]], over: Mapping[str, Range]) -> None:
    """A usage error for what is wanted where nothing is searched: that it holds there could never be said."""
    from resilience_sim.experiments.axes import WIDEST

    for axis, least, kind in wanted:
        asked = f"--at-least {axis}={kind.text(least)}"
        if _is_axis(axis):
            most = 1.0 if kind.name == "ratio" else float(WIDEST)
            if least > most:
                raise usage(f"{asked}: an axis is searched up to {kind.text(most)}", "ask for less")
            continue
        found = over.get(axis)
        if found is None:
            raise usage(f"--at-least {axis}: nothing was searched there", "add --over PATH=LO..HI")
        if kind.unit != found.quantity.unit:
            raise usage(f"{asked}: not of the kind of {found.at(0.0)}", f"write it like `{axis}={found.at(1.0)}`")
        if not min(found.low, found.high) <= least <= max(found.low, found.high):
            raise usage(f"{asked}: beyond {found.at(0.0)}..{found.at(1.0)}", "make the range of --over wider")


def _document(ctx: CommandContext, scenario: Scenario, answer: Margins, seconds: float) -> dict[str, Any]:
    from resilience_sim.settings import codes
    from resilience_sim.settings.plan import Warned
    from resilience_sim.views.document import failure, result_document
    from resilience_sim.views.margins import margin_document, uncounted

    warnings = [Warned(codes.NO_EFFECT, f"{axis}: {why}") for axis, why in answer.left_out.items()]
    warnings += [Warned(codes.NO_EFFECT, words) for words in uncounted(answer)]
    return result_document(
        ctx.command,
        scenario=scenario,
        seeds=answer.seeds,
        warnings=[*scenario.warnings, *warnings],
        error=failure("interrupted", "interrupted; what is listed is complete") if answer.interrupted else None,
        margins=[margin_document(each) for each in answer.found],
        until=[{"that": each.text, "scope": each.scope.label} for each in answer.until],
        spent={
            "runs": sum(each.runs for each in answer.found),
            "requests": sum(each.requests_simulated for each in answer.found),
            "seconds": seconds,
        },
    )
