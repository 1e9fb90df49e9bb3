"""Variants side by side."""

from __future__ import annotations

import pytest

import resilience_sim as rs
from resilience_sim.measure.statistics import compare as differences_of
from resilience_sim.runs.batch import run_many
from resilience_sim.runs.compare import plans_of
from resilience_sim.scenario.load import load


def test_the_scenarios_own_variants_as_the_command_compares_them():
    comparison = rs.load("hard-outage").compare(seeds=4)
    loaded = load("hard-outage")
    runs = run_many(plans_of(loaded), [1, 2, 3, 4], workers=1).results
    expected = {each.variant: each.metrics for each in differences_of(runs, "none")}
    assert comparison.baseline == "none"
    assert list(comparison) == ["as-written", "none", "retry", "breaker"]
    assert comparison.differences == expected
    assert comparison.verdict("retry", "amplification") == "worse"
    assert {verdict.verdict for verdict in comparison.verdicts} == {"pass"}


def test_variants_are_settings_or_scenarios():
    scenario = rs.load("hard-outage")
    comparison = scenario.compare({"eager": {"retry.attempts": 9}, "none": scenario.variants["none"]}, seeds=3)
    assert comparison.baseline == "as-written"
    assert comparison["eager"][0].digest == scenario.set("retry.attempts", 9).run().digest
    change = comparison.difference("none", "attempts_per_request")
    assert change.delta == pytest.approx(
        sum(comparison["none"].values("attempts_per_request")) / 3
        - sum(comparison["as-written"].values("attempts_per_request")) / 3
    )
    again = rs.compare({"as-written": scenario, "eager": scenario.set("retry.attempts", 9)}, seeds=3)
    assert again.difference("eager", "p99") == comparison.difference("eager", "p99")


def test_tables_say_the_verdict_in_words():
    comparison = rs.load("hard-outage").compare(seeds=4, metrics=["availability", "p99"])
    text = repr(comparison)
    assert text.splitlines()[0] == "4 runs each on the same seeds, differences to none"
    assert "(baseline)" in text
    assert "worse" in text
    assert "<td" in comparison._repr_html_()
    rows = comparison.frame()
    assert len(rows) == 4 * 2
    assert {"variant", "metric", "mean", "delta", "ci95_low", "ci95_high", "verdict", "runs_needed"} == set(rows[0])


def test_names_that_are_not_there():
    comparison = rs.load("hard-outage").compare({"eager": {"retry.attempts": 9}}, seeds=2, metrics=["p99"])
    with pytest.raises(KeyError, match="did you mean `eager`"):
        _ = comparison["eger"]
    with pytest.raises(KeyError, match="no metric `p9`"):
        comparison.difference("eager", "p9")
    with pytest.raises(KeyError, match="the baseline itself"):
        comparison.difference("as-written", "p99")
    with pytest.raises(KeyError, match="no variant `nobody`"):
        rs.load("hard-outage").compare({"eager": {}}, baseline="nobody")
    with pytest.raises(ValueError, match="nothing to compare"):
        rs.compare({})


def test_a_lost_run_is_a_warning_and_its_seed_is_left_out_everywhere(monkeypatch):
    """The other seeds are the answer; with none left the failure is raised."""
    from resilience_sim.runs import batch

    whole = batch.simulate

    def greedy(plan, seed, **rest):
        if seed in greedy_seeds and not plan.stack:
            raise MemoryError
        return whole(plan, seed, **rest)

    greedy_seeds = {2}
    monkeypatch.setattr(batch, "simulate", greedy)
    scenario = rs.load("hard-outage")
    variants = {"none": scenario.variants["none"]}
    with pytest.warns(RuntimeWarning, match="seed 2 of none was lost: it needs more memory than there is"):
        comparison = scenario.compare(variants, seeds=[1, 2, 3])
    assert {name: results.seeds for name, results in comparison.items()} == {"as-written": [1, 3], "none": [1, 3]}
    greedy_seeds = {1, 2, 3}
    with pytest.raises(batch.RunFailed, match="none, seed 1: it needs more memory"):
        scenario.compare(variants, seeds=[1, 2, 3])
