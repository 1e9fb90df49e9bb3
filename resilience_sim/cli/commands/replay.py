"""``resim replay``: play a recording back, verify it, or run it again with other settings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from resilience_sim.cli import complete, errors
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import usage

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.cli.watching import WatchOptions
    from resilience_sim.kernel.events import Event
    from resilience_sim.recording.reader import Recording
    from resilience_sim.runs.replay import Verification
    from resilience_sim.settings.plan import Plan, Warned

ABOUT = "Play a recording back, verify it, or ask: what if?"
WHAT_IF = "what-if"


@dataclass(frozen=True)
class ReplayOptions:
    file: opt.RecordingFile
    verify: Annotated[bool, opt.switch("--verify", "Simulate again and compare every event.", opt.MAIN)] = False
    stack: Annotated[
        str | None,
        opt.option(
            "--stack",
            "FILE.yaml",
            "Run the same arrivals and luck with the stack of this file.",
            opt.MAIN,
            complete.scenarios,
        ),
    ] = None
    old_stack: Annotated[
        str | None, opt.option("--with", "FILE.yaml", "The same as --stack.", opt.MAIN, complete.scenarios, hidden=True)
    ] = None
    settings: opt.Set = field(default_factory=list)
    start_at: Annotated[str | None, opt.option("--from", "TIME", "Start at this instant (e.g. 30s).", opt.WATCHING)] = (
        None
    )
    speed: opt.Speed = None
    ui: opt.Ui = "auto"
    out: opt.Out = field(default_factory=list)
    force: opt.Overwrite = False
    series: opt.Series = None


def replay(ctx: CommandContext, options: ReplayOptions) -> int:
    """Play a recording back at any speed and from any instant; or verify it; or run it again with other settings.

    --verify simulates again and compares every event: exit code 1 if they diverge. --stack and --set run the same
    arrivals and the same luck with other settings, and show both side by side.
    """
    from resilience_sim.cli.results import recording_file
    from resilience_sim.cli.watching import WatchOptions
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.runs.replay import scenario_of

    ctx.subject = options.file
    options = replace(options, stack=options.stack or options.old_stack)
    what_if = bool(options.stack or options.settings)
    if options.stack and options.settings:
        raise usage("--stack and --set exclude each other", "write the settings into the file of --stack")
    if options.verify and what_if:
        raise usage("--verify excludes --set and --stack", "verify first, then ask what if")
    start_at = opt.parse_time("--from", options.start_at)
    watch = WatchOptions(options.ui, opt.parse_speed(options.speed), start_at)
    series = opt.parse_time("--series", options.series, least=1)
    with open_recording(recording_file(ctx, options.file)) as recording:
        if options.verify:
            return _verify(ctx, recording, series)
        warnings = [*scenario_of(recording).warnings, *_unfinished(recording)]
        if not ctx.json:
            ctx.warnings(warnings)
        if what_if:
            return _ask_what_if(ctx, recording, options, watch, series, warnings)
        return _play(ctx, recording, options, watch, series, warnings)


def _unfinished(recording: Recording) -> list[Warned]:
    if recording.finished:
        return []
    from resilience_sim.kernel.format import instant
    from resilience_sim.settings.plan import Warned

    until = instant(recording.end)
    return [Warned("unfinished", f"the recorded run was cut short; this is what happened until {until}")]


def _play(
    ctx: CommandContext,
    recording: Recording,
    options: ReplayOptions,
    watch: WatchOptions,
    series: int,
    warnings: list[Warned],
) -> int:
    from resilience_sim.cli import results
    from resilience_sim.cli.watching import PLAIN, way_to_watch
    from resilience_sim.runs.replay import Playback

    with ExitStack() as stack:
        outputs = results.open_outputs(ctx, options.out, stack, [options.file], options.force)
        playback = Playback(recording)
        series = results.bins(series, outputs, playback.plan)
        way = way_to_watch(ctx, watch, results.stdout_taken(outputs))
        done = results.carry_out(ctx, playback, way, watch, series, outputs, recording.finished)
        name = recording.meta.variant
        verdicts = results.judged(
            playback.plan.expect,
            {name: [done.result]},
            done.whole and recording.finished,
            name,
            unchanged=results.as_the_file_says(recording),
            violated=done.violated,
        )
        code = results.exit_code(verdicts, done.whole)

        def document() -> dict[str, Any]:
            from resilience_sim.views.document import failure, result_document

            return result_document(
                "replay",
                scenario=playback.scenario,
                seeds=[recording.meta.seed],
                variants={name: [done.result]},
                expectations=verdicts,
                warnings=warnings,
                error=None if done.whole else failure("interrupted", "interrupted before the end of the recording"),
            )

        def say(console: Console, quiet: bool) -> None:
            from resilience_sim.views.summary import render_summary

            render_summary(
                console,
                playback.scenario,
                [done.result],
                verdicts,
                moments=done.moments,
                interrupted=not done.whole or not recording.finished,
                saved=options.file,
                quiet=quiet,
            )

        if way == PLAIN and not ctx.json:
            ctx.out("")
        results.finish(ctx, outputs, document, say, {name: partial(Playback, recording)})
        return code


def _verify(ctx: CommandContext, recording: Recording, series: int) -> int:
    """Simulate again and compare every event."""
    from resilience_sim.cli.watching import Progress
    from resilience_sim.runs.replay import verify

    with Progress(ctx, "verifying", recording.end) as progress:
        found = verify(recording, progress.at)
    code = errors.OK if found.same else errors.NO
    if ctx.json:
        _print_verification(ctx, recording, found, series)
    elif found.same:
        part = "" if recording.finished else " (the run was cut short; identical up to there)"
        ctx.out(f"identical: {recording.events:,} events, digest {found.actual}{part}")
    else:
        ctx.out(f"DIVERGED: recorded digest {found.expected}, simulated {found.actual}")
        for line in _difference_lines(recording, found):
            ctx.out(line)
    return code


def _difference_lines(recording: Recording, found: Verification) -> list[str]:
    """The first event that differs, on both sides, and the likely cause."""
    lines = []
    first = found.first_difference
    if first is not None:
        from resilience_sim.kernel.format import clock

        lines.append(f"  first difference at {clock(first.t)}, event {first.index:,}")
        lines.append(f"    recorded   {_event(recording, first.recorded)}")
        lines.append(f"    simulated  {_event(recording, first.simulated)}")
    if found.cause:
        lines.append(f"  cause: {found.cause}")
    return lines


def _event(recording: Recording, event: Event | None) -> str:
    if event is None:
        return "nothing more"
    from resilience_sim.kernel.format import clock
    from resilience_sim.views.export.decode import kind_name, payload

    t, kind, where, rid, a, b = event
    names = {component.id: component.name for component in recording.components}
    who = names.get(where, str(where))
    request = f" #{rid}" if rid >= 0 else ""
    facts = ", ".join(f"{name} {value}" for name, value in payload(kind, a, b).items())
    return f"{clock(t)} {who} {kind_name(kind)}{request}  {facts}".rstrip()


def _print_verification(ctx: CommandContext, recording: Recording, found: Verification, series: int) -> None:
    """Print the figures of the recorded run, and an error if it diverged."""
    from resilience_sim.cli.results import figures_of
    from resilience_sim.runs.replay import scenario_of
    from resilience_sim.views.document import failure, result_document

    result, scenario = figures_of(recording, series), scenario_of(recording)
    error = None
    if not found.same:
        words = "; ".join(line.strip() for line in _difference_lines(recording, found))
        error = failure("diverged", f"recorded digest {found.expected}, simulated {found.actual}; {words}")
    ctx.document(
        result_document(
            "replay",
            scenario=scenario,
            seeds=[recording.meta.seed],
            variants={recording.meta.variant: [result]},
            warnings=[*scenario.warnings, *_unfinished(recording)],
            error=error,
        )
    )


def _ask_what_if(
    ctx: CommandContext,
    recording: Recording,
    options: ReplayOptions,
    watch: WatchOptions,
    series: int,
    warnings: Sequence[Warned],
) -> int:
    """Run the same arrivals and luck with other settings, beside the recorded ones."""
    from resilience_sim.cli import results
    from resilience_sim.cli.commands.compare import answer
    from resilience_sim.cli.watching import LIVE, OVER, QUIT, run_out, watch_live, way_to_watch
    from resilience_sim.measure.services_fold import figures_of
    from resilience_sim.runs.action_schedule import plan_after
    from resilience_sim.runs.replay import actions_of, plan_of, scenario_of
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.views.next_step import after_what_if

    scenario = scenario_of(recording)
    recorded = recording.meta.variant
    plans = {
        recorded: plan_of(recording, scenario),
        WHAT_IF: _changed_plan(recording, options),
    }
    seed = recording.meta.seed
    with ExitStack() as stack:
        outputs = results.open_outputs(ctx, options.out, stack, [options.file, options.stack], options.force)
        series = max(results.bins(series, outputs, plan) for plan in plans.values())
        actions = actions_of(recording)
        racers = {name: Simulation(plan, seed, actions) for name, plan in plans.items()}
        folds = {
            name: figures_of(plan_after(racer.plan, actions or ()), racer.components, series)
            for name, racer in racers.items()
        }
        for name, racer in racers.items():
            racer.attach(folds[name])
        if outputs is not None:
            outputs.attach(racers[WHAT_IF])
        way = way_to_watch(ctx, watch, results.stdout_taken(outputs))
        ended = watch_live(ctx, list(racers.items()), watch, f"{scenario.plan.name}: what if") if way == LIVE else QUIT
        whole = ended in (OVER, QUIT) and all(run_out(ctx, racer) for racer in racers.values())
        found = {
            name: [folds[name].result(seed, racer.digest(), racer.now, not whole)] for name, racer in racers.items()
        }
        steps = after_what_if(scenario, recorded, options.settings)
        return answer(
            ctx,
            scenario,
            plans,
            found,
            recorded,
            whole,
            outputs,
            WHAT_IF,
            warnings,
            unchanged=False,
            steps=steps,
            again=lambda _: Simulation(plans[WHAT_IF], seed, actions),
            actions=actions,
        )


def _changed_plan(recording: Recording, options: ReplayOptions) -> Plan:
    """The recorded configuration with other settings, and with another stack if one is given."""
    from resilience_sim.runs.replay import plan_of
    from resilience_sim.runs.stack_file import read_stack
    from resilience_sim.scenario.load import load_text

    meta = recording.meta
    overrides = (*meta.overrides, *(() if options.stack else options.settings))
    plan = plan_of(recording, load_text(meta.scenario_text, meta.scenario_path, overrides, dict(meta.files)))
    return plan if options.stack is None else replace(plan, stack=read_stack(options.stack).stack)
