"""Loading, changing and running scenarios from Python."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import resilience_sim as rs
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.replay import Playback
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario import load as internal

ROOT = Path(__file__).parent.parent.parent
SMALL = """
resim: 1
name: small
service: {latency: 50ms}
traffic: {rate: 10/s, requests: 40}
faults:
  - errors: {id: main, at: 1s, for: 2s, rate: 50%}
stack:
  - retry: {attempts: 3, delay: 100ms}
compare: {variants: {eager: {set: {retry.attempts: 9}}}}
expect:
  - availability > 10%
"""


HEAVY = {"yaml", "pydantic", "rich", "typer", "sqlite3", "multiprocessing", "json", "typing", "pathlib", "dataclasses"}


class Refuse(rs.Policy):
    """Lets nothing through."""

    def enter(self, parent):
        self.turn_away(parent, 2)


def place_of(error: rs.ScenarioError) -> str:
    return str(error).split(": error")[0]


def test_importing_loads_nothing_heavy():
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import resilience_sim as rs\n"
        "loaded = set(sys.modules) - before\n"
        f"heavy = {HEAVY} & loaded\n"
        "assert not heavy, heavy\n"
        "assert sorted(dir(rs)) == sorted(rs.__all__)\n"
        "assert all(getattr(rs, name) is not None for name in rs.__all__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = rs.lod  # type: ignore[attr-defined]


def test_a_run_is_what_the_command_line_runs():
    loaded = internal.load("hard-outage", ["retry.attempts=5"])
    expected = simulate(loaded.plan, loaded.plan.seed)
    result = rs.load("hard-outage").set("retry.attempts", 5).run()
    assert (result.seed, result.digest) == (expected.seed, expected.digest)
    assert result.document == expected.document


def test_changes_make_new_scenarios_and_leave_the_old_ones_alone():
    before = rs.loads(SMALL)
    after = before.set("retry.attempts", 1)
    again = after.set("retry.attempts", 3)
    assert before.run().digest == again.run().digest != after.run().digest
    assert repr(after) == "<Scenario small: retry, retry.attempts=1>"


@pytest.mark.parametrize(
    ("path", "value", "written"),
    [
        ("retry.delay", "250ms", "250ms"),
        ("retry.delay", timedelta(milliseconds=250), "250ms"),
        ("faults.main.rate", "10%", "10%"),
        ("retry", {"attempts": 2, "delay": timedelta(seconds=1)}, "{attempts: 2, delay: 1s}"),
        ("faults", [], "[]"),
        ("retry.delay", None, "null"),
    ],
)
def test_values_are_python_or_text_as_in_a_file(path, value, written):
    assert rs.loads(SMALL).set(path, value).plan == internal.load_text(SMALL, "scenario", [f"{path}={written}"]).plan


def test_none_brings_the_default_back():
    scenario = rs.loads(SMALL)
    default = rs.loads(SMALL.replace("attempts: 3, ", ""))
    assert scenario.set("retry.attempts", None).plan == default.plan


@pytest.mark.parametrize(
    ("path", "value", "place", "cause"),
    [
        ("retry.attemps", 3, "retry.attemps=3", "did you mean `attempts`?"),
        ("retry.attempts", -3, "retry.attempts=-3", "out of range"),
        ("retry.delay", 5, "retry.delay=5", "has no unit"),
        ("hedge.after", "1s", "hedge.after=1s", "no policy `hedge`"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_a_remedy(path, value, place, cause):
    with pytest.raises(rs.ScenarioError) as raised:
        rs.loads(SMALL).set(path, value)
    assert place_of(raised.value) == place
    assert cause in str(raised.value)


def test_several_mistakes_come_together():
    with pytest.raises(rs.ScenarioError) as raised:
        rs.loads(SMALL).with_settings({"retry.attempts": -3, "traffic.rate": "fast"})
    assert len(raised.value.diagnostics) == 2


def test_a_value_that_no_file_could_hold_is_a_type_error():
    with pytest.raises(TypeError, match="cannot be a setting"):
        rs.loads(SMALL).set("retry.attempts", object())  # type: ignore[arg-type]


def test_a_scenario_that_is_not_there_names_the_nearest():
    with pytest.raises(rs.ScenarioError, match="did you mean `hard-outage`"):
        rs.load("hard-outag")


def test_load_takes_paths_and_settings(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL, encoding="utf-8")
    assert rs.load(file, {"retry.attempts": 1}).plan == rs.load(str(file)).set("retry.attempts", 1).plan


def test_data_files_are_found_again_when_something_is_set(tmp_path):
    (tmp_path / "times.csv").write_text("latency_ms\n10\n20\n30\n", encoding="utf-8")
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL.replace("latency: 50ms", "latency: {empirical: times.csv}"), encoding="utf-8")
    scenario = rs.load(file)
    assert scenario.set("retry.attempts", 1).plan.service == scenario.plan.service


def test_seeds_are_those_of_the_command_line():
    results = rs.loads(SMALL).run(seeds=3)
    assert results.seeds == [1, 2, 3]
    assert rs.loads(SMALL).run(seeds=[7, 5]).seeds == [7, 5]
    assert rs.simulate_many(rs.loads(SMALL), range(2)).seeds == [0, 1]
    assert results[1].digest == rs.simulate(rs.loads(SMALL), 2).digest


@pytest.mark.parametrize("seeds", [0, -1, [], [-1], [2**63], [3, 3]])
def test_impossible_seeds(seeds):
    with pytest.raises(ValueError, match="seed"):
        rs.loads(SMALL).run(seeds=seeds)


def test_processes_find_the_same():
    scenario = rs.loads(SMALL)
    alone = scenario.run(seeds=4)
    shared = scenario.run(seeds=4, workers=2)
    assert [result.digest for result in alone] == [result.digest for result in shared]


def test_variants_are_scenarios():
    assert list(rs.loads(SMALL).variants) == ["eager"]
    eager = rs.loads(SMALL).variants["eager"]
    assert eager.run().digest == rs.loads(SMALL).set("retry.attempts", 9).run().digest
    assert repr(eager) == "<Scenario small, variant eager: retry>"
    with pytest.raises(ValueError, match="change the scenario it belongs to"):
        eager.set("retry.attempts", 2)


def test_a_variant_is_recorded_as_such(tmp_path):
    result = rs.loads(SMALL).variants["eager"].run()
    with open_recording(result.save(tmp_path / "run.resim")) as recording:
        assert recording.meta.variant == "eager"


def test_a_policy_of_ones_own():
    scenario = rs.loads(SMALL)
    refused = scenario.with_policy(Refuse)
    assert repr(refused) == "<Scenario small: Refuse > retry>"
    assert refused.run().availability == 0.0
    assert repr(scenario.with_policy(Refuse, "inner").set("retry.attempts", 2)) == (
        "<Scenario small: retry > Refuse, retry.attempts=2>"
    )
    assert scenario.with_policy(Refuse, "inner").set("retry.attempts", 2).run().rejected == 80
    with pytest.raises(ValueError, match="cannot be recorded"):
        refused.record("never.resim")


def test_a_policy_inside_a_function_is_told_where_to_stand():
    class Local(rs.Policy):
        """Nobody finds me."""

    with pytest.raises(ValueError, match="top level of a module"):
        rs.loads(SMALL).with_policy(Local)


def test_a_saved_run_replays(tmp_path):
    result = rs.loads(SMALL).run(seed=3)
    with open_recording(result.save(tmp_path / "run.resim")) as recording:
        playback = Playback(recording)
        while playback.run():
            pass
        assert (playback.seed, playback.digest()) == (3, result.digest)


def test_series_has_columns_of_equal_length():
    result = rs.loads(SMALL).run(series="500ms")
    series = result.series
    assert set(map(len, series.values())) == {len(series["t"])}
    assert sum(series["arrivals"]) == 40
    assert all(isinstance(value, int | float) for value in series["p99"])
    with pytest.raises(ValueError, match=r'run\(series="1s"\)'):
        _ = rs.loads(SMALL).run().series
    with pytest.raises(ValueError, match="no unit"):
        rs.loads(SMALL).run(series="1")
    with pytest.raises(ValueError, match="above zero"):
        rs.loads(SMALL).run(series="0s")


def test_without_data_a_metric_is_nan():
    calm = rs.loads(SMALL).set("faults", []).run()
    assert math.isnan(calm.recovery)
    assert calm.row()["recovery"] is None
    assert calm.at_least == {}
