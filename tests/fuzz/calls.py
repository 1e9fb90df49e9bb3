"""What is done to resim beside its commands: plain values in, text out that both forms must agree on."""

from __future__ import annotations

import json

from resilience_sim.kernel.sim import SimulationError
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load, load_text
from resilience_sim.settings.actions import Action

BUDGET = 20_000  # steps of the engine


def _end(simulation: Simulation) -> str:
    try:
        over = not simulation.run(budget=BUDGET)
    except SimulationError:
        return f"stuck {simulation.digest()}"
    return f"{'over' if over else 'on'} {simulation.digest()}"


def written(path: str, *overrides: str) -> str:
    """A valid scenario, written as the cockpit writes it, is the same run."""
    from resilience_sim.play.written import NotWritable, scenario_text
    from resilience_sim.scenario.text.spelling import Unwritable

    try:
        scenario = load(path, overrides)
    except ScenarioError:
        return "refused"
    before = _end(Simulation(scenario.plan, 1))
    try:
        text = scenario_text(scenario, scenario.plan, ())
    except (NotWritable, Unwritable) as error:
        return f"unwritable: {error}"
    try:
        again = load_text(text, path)
    except ScenarioError as error:
        raise AssertionError(f"what was written is refused: {error.diagnostics[0]}") from error
    after = _end(Simulation(again.plan, 1))
    if before != after:
        raise AssertionError("what was written is another run")
    return before


def line(path: str, typed: str, at: int) -> str:
    """A line of the cockpit at an instant: refused in words, or the run goes on under what it says."""
    from resilience_sim.play.command_line import Completion, read_line
    from resilience_sim.runs.actions import ActionError

    try:
        scenario = load(path)
    except ScenarioError:
        return "refused"
    Completion(scenario.plan).words(typed)
    Completion(scenario.plan).on(typed)
    try:
        done = read_line(typed, scenario.plan, at)
    except ValueError as error:
        if not str(error).strip():
            raise AssertionError("refused without a word") from error
        return f"refused: {error}"
    if not isinstance(done, Action):
        return f"until {done.text}"
    simulation = Simulation(scenario.plan, 1, [])
    figures = RunFold(scenario.plan, simulation.components)
    simulation.attach(figures)
    try:
        simulation.run(until=at - 1, budget=BUDGET)
        simulation.act(done)
    except ActionError as error:
        return f"not possible: {error}"
    except SimulationError:
        return "stuck"
    found = _end(simulation)
    result = figures.result(1, simulation.digest(), simulation.now)
    return f"{found} {json.dumps(result.document, sort_keys=True, default=repr)}"


def session(path: str, seeks: list[float]) -> str:
    """A recording, opened as the cockpit opens it: it plays, is sought through and drawn, or is refused in words."""
    from resilience_sim.play.panel_renderer import PanelRenderer
    from resilience_sim.play.session import Session
    from resilience_sim.play.state import CockpitState
    from resilience_sim.recording.layout import RecordingError
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.runs.actions import ActionError
    from resilience_sim.runs.replay import Playback, actions_of, plan_of, scenario_of

    said = []
    try:
        with open_recording(path) as recording:
            scenario = scenario_of(recording)
            sources = [
                Playback(recording),
                Simulation(plan_of(recording, scenario), recording.meta.seed, actions_of(recording) or []),
            ]
            for source in sources:
                played = Session(scenario, source, None, recording.meta.variant)
                state = CockpitState(played)
                renderer = PanelRenderer(state)
                for where in seeks:
                    played.seek(round(where * max(1, recording.end)))
                    for _ in range(3):
                        played.frame(1 / 15)
                    said.append("\n".join(row.plain() for row in renderer.screen_rows(100, 30)))
    except (RecordingError, ActionError, SimulationError) as error:
        said.append(f"{type(error).__name__}: {error}")
    return "\n".join(said)


def imported(path: str) -> str:
    """What an import wrote loads and runs."""
    from pathlib import Path

    if not Path(path).exists():
        return "nothing"
    try:
        scenario = load(path)
    except ScenarioError as error:
        raise AssertionError(f"an import wrote what does not load: {error.diagnostics[0]}") from error
    return _end(Simulation(scenario.plan, 1))


def cockpit(path: str, actions: int, luck: int) -> str:
    """Somebody does anything at all in the cockpit (cockpit.py): it lives, and what it writes is what was played."""
    import os
    import shutil
    from pathlib import Path
    from random import Random

    from resilience_sim.play.session import Session

    from .cockpit import Report, play

    try:
        scenario = load(path)
    except ScenarioError:
        return "refused"
    report = Report()
    Path("played/here").mkdir(parents=True)  # so that "../x", which somebody may type, is in it, too
    os.chdir("played/here")
    try:
        play(path, Session(scenario, Simulation(scenario.plan, 1, []), None), actions, Random(luck), report)
    except SimulationError:
        return "stuck"
    finally:
        os.chdir("../..")
        shutil.rmtree("played")
    faults = [each for each in report.faults if "MB more" not in each and "SimulationError" not in each]
    if faults:
        raise AssertionError(faults[0])
    return "played"
