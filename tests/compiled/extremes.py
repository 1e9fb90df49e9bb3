"""Run in a process of its own, in one form of the core: ``python extremes.py ONE_IN PART`` prints which form, then
outcomes.

Of one part in so many of the scenarios of scenario/extremes.py: how it was refused, or the digest of its events and a
hash of its figures, levels and tables. A case that takes long or ends as nothing documented does says so instead.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scenario.extremes import Extreme, share

from resilience_sim._build_mode import describe
from resilience_sim.experiments.questions import question
from resilience_sim.experiments.specs import SpecError
from resilience_sim.experiments.worlds import draw_worlds, in_world
from resilience_sim.kernel.events import Event
from resilience_sim.kernel.sim import SimulationError
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.measure.tables import TablesFold
from resilience_sim.recording.decode import decode, events_of
from resilience_sim.recording.encode import CHUNK, encode
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.scenario import Scenario

STEPS = 4_000
MOST_SECONDS = 5.0  # of CPU


class Tape(Fold):
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, *event: int) -> None:
        self.events.append(event)


def outcome(case: Extreme) -> str:
    began = time.process_time()
    try:
        found = _outcome(case)
    except Exception as error:
        found = f"INTERNAL {type(error).__name__}: {error}"
    if time.process_time() - began > MOST_SECONDS:
        return f"SLOW {found}"
    return found


def _outcome(case: Extreme) -> str:
    try:
        scenario = load_text(case.text, "extreme.yaml", case.overrides, files={})
    except ScenarioError as error:
        if not all(each.message for each in error.diagnostics):
            return "SILENT refusal"
        return "refused: " + "; ".join(f"{each.code} {each.path}" for each in error.diagnostics)
    plans = [scenario.plan, *(variant.plan for variant in scenario.variants)]
    return "; ".join([*map(_run, plans), *(_tuned(scenario) if scenario.tune is not None else ())])


def _tuned(scenario: Scenario) -> Iterator[str]:
    """The ends and the middle of what may be varied, in some of its worlds."""
    try:
        asked = question(scenario)
        worlds = draw_worlds(asked.worlds, 1) if asked.worlds is None or asked.worlds.draws < 1_000 else ()
    except (SpecError, ScenarioError) as error:
        yield f"no question: {error}"
        return
    for at in (0.0, 0.5, 1.0):
        try:
            plan = asked.space.plan(asked.space.settings((at,) * len(asked.space.specs)))
        except ScenarioError as error:
            yield f"no setting: {error.diagnostics[0].code}"
            continue
        yield from (_run(in_world(plan, world)) for world in worlds[:1])


def _run(plan) -> str:
    simulation = Simulation(plan, 1, [])
    figures, tape = RunFold(plan, simulation.components), Tape()
    simulation.attach(figures)
    simulation.attach(tape)
    try:
        simulation.run(budget=STEPS)
    except SimulationError as error:
        return f"stuck: {error}"
    levels = json.dumps(simulation.gauges(), default=repr, sort_keys=True)
    result = figures.result(1, simulation.digest(), simulation.now)
    first = tape.events[:CHUNK]
    assert not first or list(events_of(decode(encode(first), len(first)))) == first, "a recording says otherwise"
    tables = TablesFold(simulation.components, plan.traffic.deadline)
    tables.take(tape.events)
    tables.close()
    shown = json.dumps(
        [result.document, result.metrics, result.scoped, levels, tables.drain()], default=repr, sort_keys=True
    )
    return f"{result.digest} {simulation.now} {hashlib.blake2b(shown.encode(), digest_size=8).hexdigest()}"


def outcomes(cases: Iterable[Extreme]) -> dict[str, str]:
    return {f"{number} {case.label}": outcome(case) for number, case in enumerate(cases)}


def main() -> None:
    print(json.dumps([describe(), outcomes(share(*map(int, sys.argv[1:])))]))


if __name__ == "__main__":
    main()
