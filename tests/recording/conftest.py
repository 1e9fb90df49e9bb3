from __future__ import annotations

from pathlib import Path

import pytest

from resilience_sim.runs.record import record
from resilience_sim.runs.simulation import Simulation

from .lab import make_plan, make_scenario


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recording of the lab's run with seed 1; do not change it."""
    path = tmp_path_factory.mktemp("recording") / "lab.resim"
    plan = make_plan()
    with record(Simulation(plan, 1), make_scenario(plan), path) as source:
        source.run()
    return path


@pytest.fixture
def as_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab's plan is made by hand: loading the scenario text of its recordings gives that plan."""
    monkeypatch.setattr("resilience_sim.runs.replay.scenario_of", lambda recording: make_scenario(make_plan()))
