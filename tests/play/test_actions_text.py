"""What was done by hand is said again: ``resim replay`` in plain lines names every action, not only its faults."""

from __future__ import annotations

import io

from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import execute
from resilience_sim.play.forms import read_policy
from resilience_sim.runs.record import record
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.actions import Action, Add, Change, Inject, Lift, Remove, Reorder, Reset, Trip
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.views.actions_text import action_phrases

from .lab import SECOND as S

BREAKER = read_policy("circuit_breaker", {"failure_threshold": "3", "min_calls": "1", "recovery_time": "1s"}, "breaker")


def everything() -> list[Action]:
    retry = load("retry-storm").plan.stack[0]
    changed = read_policy("retry", {**policy_settings(retry), "attempts": "1"}, "retry")
    return [
        Inject(2 * S, FaultConfig("outage", "dark", 2 * S, 3 * S, how="refuse")),
        Lift(3 * S, "dark"),
        Add(4 * S, BREAKER, 0),
        Trip(5 * S, "breaker"),
        Reset(6 * S, "breaker"),
        Change(7 * S, changed),
        Reorder(8 * S, ("timeout", "breaker", "retry")),
        Remove(9 * S, "breaker"),
    ]


def test_replay_names_every_kind_of_action(tmp_path) -> None:
    scenario = load("retry-storm")
    path = tmp_path / "hands.resim"
    with record(Simulation(scenario.plan, 1, []), scenario, path) as source:
        for action in everything():
            source.act(action)
        drain(source)
    out, err = io.StringIO(), io.StringIO()
    environment = Environment(io.StringIO(), out, err, {}, False, False, 100, 30)
    execute(["replay", str(path), "--ui", "plain"], environment)
    lines = [line for line in out.getvalue().splitlines() if "  by hand  " in line]
    said = action_phrases(scenario.plan, everything())
    assert [line.split()[0] for line in lines] == [f"{t}.000s" for t in range(2, 10)]
    assert [line[line.index("changed") :].removeprefix("changed").strip() for line in lines] == said
    assert said == [
        "outage (refuse) for 3s",
        "dark lifted",
        "breaker added: {failure_threshold: 3, min_calls: 1, recovery_time: 1s}",
        "breaker opened by hand",
        "breaker closed by hand",
        "retry: attempts 1",
        "order timeout > breaker > retry",
        "breaker removed",
    ]
