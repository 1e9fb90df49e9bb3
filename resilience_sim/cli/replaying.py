"""The two harder ways to replay: verify, and what if.

Owns what is said about a verification, and where the other settings come from. Refuses to compare events
(runs/replay.py) and to show comparisons (commands/compare.py does).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from resilience_sim.cli import exits
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.progress import Progress

if TYPE_CHECKING:
    from resilience_sim.cli.watching import WatchOptions
    from resilience_sim.kernel.events import Event
    from resilience_sim.recording.reader import Recording
    from resilience_sim.runs.replay import Verification
    from resilience_sim.scenario.plan import Plan, Scenario, Warned

WHAT_IF = "what-if"
# Enough of a scenario around a file that holds nothing but a stack; at its end, so that lines keep their numbers.
AROUND_STACK = "\nresim: 1\ntraffic: {rate: 1/s, requests: 1}\n"


def verify(ctx: CommandContext, recording: Recording, series: int) -> int:
    """Simulate again and compare every event."""
    from resilience_sim.runs.replay import verify as verified

    with Progress(ctx, "verifying", recording.end) as progress:
        found = verified(recording, progress.at)
    code = exits.OK if found.same else exits.NO
    if ctx.json:
        _verification_document(ctx, recording, found, series)
    elif found.same:
        part = "" if recording.finished else " (the run was cut short; it is the same up to there)"
        ctx.out(f"the same: {recording.events:,} events, digest {found.actual}{part}")
    else:
        ctx.out(f"DIVERGED: recorded digest {found.expected}, simulated {found.actual}")
        for line in difference_lines(recording, found):
            ctx.out(line)
    return code


def difference_lines(recording: Recording, found: Verification) -> list[str]:
    """The first event that is not the same, on both sides, and the likely cause."""
    lines = []
    first = found.first_difference
    if first is not None:
        from resilience_sim.views.format import clock

        lines.append(f"  first difference at {clock(first.t)}, event {first.index:,}")
        lines.append(f"    recorded   {_event(recording, first.recorded)}")
        lines.append(f"    simulated  {_event(recording, first.simulated)}")
    if found.cause:
        lines.append(f"  cause: {found.cause}")
    return lines


def _event(recording: Recording, event: Event | None) -> str:
    if event is None:
        return "nothing more"
    from resilience_sim.views.export.decode import kind_name, payload
    from resilience_sim.views.format import clock

    t, kind, where, rid, a, b = event
    names = {component.id: component.name for component in recording.components}
    who = names.get(where, str(where))
    request = f" #{rid}" if rid >= 0 else ""
    facts = ", ".join(f"{name} {value}" for name, value in payload(kind, a, b).items())
    return f"{clock(t)} {who} {kind_name(kind)}{request}  {facts}".rstrip()


def _verification_document(ctx: CommandContext, recording: Recording, found: Verification, series: int) -> None:
    """The figures of the recorded run, and an error when it diverged."""
    from resilience_sim.measure.run_fold import RunFold
    from resilience_sim.runs.replay import Playback
    from resilience_sim.runs.simulate import drain
    from resilience_sim.views.document import failure, result_document

    playback = Playback(recording)
    figures = RunFold(playback.plan, playback.components, series)
    playback.attach(figures)
    drain(playback)
    result = figures.result(recording.meta.seed, playback.digest(), playback.now)
    error = None
    if not found.same:
        words = "; ".join(line.strip() for line in difference_lines(recording, found))
        error = failure("diverged", f"recorded digest {found.expected}, simulated {found.actual}; {words}")
    ctx.document(
        result_document(
            "replay",
            scenario=playback.scenario,
            seeds=[recording.meta.seed],
            variants={recording.meta.variant: [result]},
            error=error,
        )
    )


def ask_what_if(
    ctx: CommandContext,
    recording: Recording,
    stack_file: str | None,
    settings: Sequence[str],
    wish: WatchOptions,
    series: int,
    out: Sequence[str],
    warnings: Sequence[Warned],
) -> int:
    """The same arrivals and luck with other settings, beside the recorded ones."""
    from resilience_sim.cli import results
    from resilience_sim.cli.commands.compare import answer
    from resilience_sim.cli.watching import LIVE, OVER, QUIT, run_out, watch_live, way_to_watch
    from resilience_sim.measure.run_fold import RunFold
    from resilience_sim.runs.course import plan_after
    from resilience_sim.runs.replay import actions_of, plan_of, scenario_of
    from resilience_sim.runs.simulation import Simulation

    scenario = scenario_of(recording)
    recorded = recording.meta.variant
    plans = {
        recorded: plan_of(recording, scenario),
        WHAT_IF: changed_plan(recording, settings, None if stack_file is None else stack_of(stack_file)),
    }
    seed = recording.meta.seed
    with ExitStack() as stack:
        outputs = results.open_outputs(ctx, out, stack, [recording.path, stack_file])
        actions = actions_of(recording)
        racers = {name: Simulation(plan, seed, actions) for name, plan in plans.items()}
        folds = {
            name: RunFold(plan_after(racer.plan, actions or ()), racer.components, series)
            for name, racer in racers.items()
        }
        for name, racer in racers.items():
            racer.attach(folds[name])
        if outputs is not None:
            outputs.attach(racers[WHAT_IF])
        way = way_to_watch(ctx, wish, outputs is not None and outputs.uses_stdout)
        ended = watch_live(ctx, list(racers.items()), wish, f"{scenario.plan.name}: what if") if way == LIVE else QUIT
        whole = ended in (OVER, QUIT) and all(run_out(ctx, racer) for racer in racers.values())
        found = {name: [folds[name].result(seed, racer.digest(), racer.now)] for name, racer in racers.items()}
        return answer(ctx, "replay", scenario, plans, found, recorded, whole, outputs, WHAT_IF, warnings)


def changed_plan(recording: Recording, settings: Sequence[str], stack: Plan | None) -> Plan:
    """The recorded configuration with other settings, and with another stack if one is given."""
    from resilience_sim.runs.replay import plan_of
    from resilience_sim.scenario.load import load_text

    meta = recording.meta
    if stack is None:
        overrides = (*meta.overrides, *settings)
        return plan_of(recording, load_text(meta.scenario_text, meta.scenario_path, overrides, dict(meta.files)))
    scenario = load_text(meta.scenario_text, meta.scenario_path, meta.overrides, dict(meta.files))
    return replace(plan_of(recording, scenario), stack=stack.stack)


def stack_of(source: str) -> Plan:
    """The plan of a whole scenario, or of a file that holds nothing but ``stack:``."""
    from resilience_sim.scenario.load import load_text
    from resilience_sim.scenario.source import read

    text = read(source)
    whole = any(line.startswith("resim:") for line in text.text.splitlines())
    scenario: Scenario = load_text(text.text if whole else text.text + AROUND_STACK, str(text.path))
    return scenario.plan
