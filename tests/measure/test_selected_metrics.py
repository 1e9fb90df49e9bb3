"""A run that computes only the metrics asked for finds the same numbers, and the same digest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.plans import plans

from resilience_sim.runs.batch import run_many
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load
from resilience_sim.settings.metrics import METRICS

NAMES = [each.name for each in METRICS]


@settings(max_examples=45)
@given(plan=plans(), seed=st.integers(0, 5), wanted=st.sets(st.sampled_from(NAMES), min_size=1, max_size=4))
def test_random_plans(plan, seed, wanted):
    everything = simulate(plan, seed)
    some = simulate(plan, seed, metrics=sorted(wanted))
    assert some.digest == everything.digest
    assert some.metrics == {name: everything.metrics[name] for name in sorted(wanted)}
    assert simulate(plan, seed, metrics=sorted(wanted), digest=False).metrics == some.metrics


@pytest.mark.parametrize("scenario", ["first-look", "hard-outage", "payments-complete", "thread-exhaustion"])
def test_each_metric_alone(scenario):
    plan = load(scenario).plan
    whole = simulate(plan, 1)
    assert not whole.partial
    for name in NAMES:
        some = simulate(plan, 1, metrics=[name])
        assert some.digest == whole.digest
        assert some.metrics == {name: whole.metrics[name]}
        assert some.partial


def test_a_percentile_that_the_table_does_not_have():
    plan = load("first-look").plan
    assert simulate(plan, 1, metrics=["p0.01", "p50"]).metrics["p50"] == simulate(plan, 1).metrics["p50"]
    assert simulate(plan, 1, metrics=["p99.99"]).metrics["p99.99"].value == simulate(plan, 1).metrics["max"].value


def test_figures_over_time_beside_selected_metrics():
    plan = load("first-look").plan
    some = simulate(plan, 1, series=10**9, metrics=["p99"])
    assert some.document["series"] == simulate(plan, 1, series=10**9).document["series"]
    assert set(some.document) == {"seed", "digest", "virtual_seconds", "requests", "series"}


def test_many_seeds_in_processes():
    plans_by_name = {"": load("first-look").plan}
    some = run_many(plans_by_name, [1, 2, 3], workers=2, metrics=["p99"]).results[""]
    whole = run_many(plans_by_name, [1, 2, 3], workers=1).results[""]
    assert [each.metrics["p99"] for each in some] == [each.metrics["p99"] for each in whole]


def test_without_a_digest_the_figures_are_the_same():
    """For those who make many runs; where all is counted, or somebody else looks on, nothing is left out."""
    for name in ("retry-storm", "flapping-breaker"):
        plan = load(name).plan
        whole = simulate(plan, 3)
        for wanted in (["availability"], ["p99", "opened"], ["collapse_probability", "duplicates"]):
            quick = simulate(plan, 3, metrics=wanted, digest=False)
            assert quick.digest == ""
            assert quick.metrics == {each: whole.metrics[each] for each in quick.metrics}
    assert simulate(plan, 3, digest=False).document["requests"] == whole.document["requests"]
