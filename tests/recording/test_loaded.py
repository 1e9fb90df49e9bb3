"""A recording of a scenario that was loaded from files needs nothing but itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience_sim.measure.tables import TablesFold
from resilience_sim.recording.layout import RecordingError, RecordingMeta
from resilience_sim.recording.reader import open_recording
from resilience_sim.recording.writer import RecordingWriter
from resilience_sim.runs.record import record
from resilience_sim.runs.replay import Playback, verify
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load

TEXT = """\
resim: 1
name: from-files
service: {latency: {empirical: times.csv}, failure_rate: 40%}
traffic: {trace: arrivals.csv, deadline: 1s}
stack:
  - retry: {attempts: 2, delay: 10ms}
  - circuit_breaker: {failure_threshold: 3, recovery_time: 50ms}
compare:
  variants:
    patient: {set: {retry.attempts: 5}}
"""


@pytest.mark.parametrize("variant", ["as-written", "patient"])
def test_nothing_else_is_needed(tmp_path: Path, variant: str) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "times.csv").write_text("10ms\n20ms\n")
    (folder / "arrivals.csv").write_text("".join(f"{i * 7}ms\n" for i in range(200)))
    (folder / "s.yaml").write_text(TEXT)
    scenario = load(str(folder / "s.yaml"), ["retry.delay=20ms"])
    plan = next((v.plan for v in scenario.variants if v.name == variant), scenario.plan)
    with record(Simulation(plan, 5), scenario, tmp_path / "r.resim", variant) as source:
        source.run()
    for path in folder.iterdir():
        path.unlink()
    with open_recording(tmp_path / "r.resim") as recording:
        playback = Playback(recording)
        assert playback.plan == plan
        assert playback.scenario == scenario
        assert verify(recording).same


def test_a_scenario_that_is_not_valid_any_more(tmp_path: Path) -> None:
    RecordingWriter(tmp_path / "r.resim", RecordingMeta(1, "resim: 1\nname: [x\n", version="0.0.9"), ()).close(True)
    with open_recording(tmp_path / "r.resim") as recording, pytest.raises(RecordingError, match=r"0\.0\.9") as caught:
        Playback(recording)
    assert "\n" not in str(caught.value)


def test_a_run_in_which_a_replica_was_ejected(tmp_path: Path) -> None:
    """The reasons of outlier detection have names in the tables, too."""
    (tmp_path / "s.yaml").write_text("""\
resim: 1
name: ejected
service: {latency: 20ms, replicas: 3}
traffic: {rate: 50/s, requests: 500}
faults: [{errors: {at: 2s, for: 5s, share: 100%, replica: 1}}]
stack: [{circuit_breaker: {like: envoy, consecutive_5xx: 3, max_ejection_percent: 50}}]
""")
    scenario = load(str(tmp_path / "s.yaml"))
    with record(Simulation(scenario.plan, 1), scenario, tmp_path / "r.resim") as source:
        source.run()
    with open_recording(tmp_path / "r.resim") as recording:
        assert verify(recording).same
        tables = TablesFold(recording.components, 0)
        tables.take(recording.iter_events())
    assert "ejected" in [row[5] for row in tables.drain()["transitions"]]
