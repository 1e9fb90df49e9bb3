"""Verdicts: one run, several runs, no data, and what is not to be judged here."""

from __future__ import annotations

import pytest

from resilience_sim.measure.expectations import evaluate, few_values
from resilience_sim.measure.result import Reading, RunResult
from resilience_sim.settings.plan import Expectation, Scope


def runs(metric: str, *values: float | Reading | None, scope: str | None = None) -> list[RunResult]:
    results = []
    for seed, value in enumerate(values, 1):
        readings = {metric: value if isinstance(value, Reading) else Reading(value)}
        scoped = {} if scope is None else {scope: readings}
        results.append(RunResult(seed, "", {}, readings if scope is None else {}, scoped))
    return results


def verdict(metric, op, limit, *values, **scope):
    (found,) = evaluate([Expectation("", metric, op, limit)], {"as-written": runs(metric, *values, **scope)})
    return found


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("<", 0.7, "pass"),
        ("<", 0.8, "fail"),
        ("<=", 0.8, "pass"),
        (">", 0.8, "fail"),
        (">=", 0.8, "pass"),
        ("==", 0.8, "pass"),
        ("!=", 0.8, "fail"),
    ],
)
def test_one_run_is_judged_by_its_value(op, value, expected):
    """No interval, no doubt."""
    found = verdict("p99", op, 0.8, value)
    assert (found.verdict, found.value, found.ci95) == (expected, value, None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.995, 0.996, 0.997), "pass"),
        ((0.90, 0.91, 0.92), "fail"),
        ((0.98, 0.99, 1.0), "inconclusive"),
        ((0.99, 0.99, 0.99), "pass"),
    ],
)
def test_several_runs_need_the_whole_interval(values, expected):
    """The limit within the interval of the mean: more runs would tell."""
    assert verdict("availability", ">=", 0.99, *values).verdict == expected


def test_exact_counts_must_hold_in_every_run():
    """One duplicate in one run breaks ``duplicates == 0``, and the verdict says where."""
    assert verdict("duplicates", "==", 0, 0, 0, 0).verdict == "pass"
    found = verdict("duplicates", "==", 0, 0, 0, 1)
    assert (found.verdict, found.first_broken, found.reason) == ("fail", 3, "broken in 1 of 3 runs")
    assert verdict("duplicates", "<=", 0, 0, 0, 1).verdict == "fail"


def test_no_data_is_never_a_pass():
    """Neither in the only run nor in one of several."""
    assert verdict("p99", "<", 1.0, None).verdict == "inconclusive"
    found = verdict("p99", "<", 1.0, 0.1, None, 0.1)
    assert (found.verdict, found.value, found.reason) == ("inconclusive", None, "no data in 1 of 3 runs")
    assert verdict("duplicates", "==", 0, 0, None).verdict == "inconclusive"


def test_a_recovery_that_already_took_too_long_fails():
    """Not recovered after 34 s: whatever it will be, it is not below 10 s."""
    assert verdict("recovery", "<", 10, Reading(None, 34.2)).verdict == "fail"
    assert verdict("recovery", "<", 10, Reading(None, 5.0)).verdict == "inconclusive"
    found = verdict("recovery", "<", 10, Reading(1.0), Reading(None, 34.2))
    assert (found.verdict, found.reason, found.first_broken) == ("fail", "not seen within 34.2 s in 1 of 2 runs", 2)


def test_collapse_probability_needs_several_runs():
    """One run proves nothing; 20 runs without a collapse do not prove less than 5 %, 100 do."""
    assert verdict("collapse_probability", "<", 0.05, 0.0).verdict == "inconclusive"
    assert verdict("collapse_probability", "<", 0.05, *[0.0] * 20).verdict == "inconclusive"
    assert verdict("collapse_probability", "<", 0.05, *[0.0] * 100).verdict == "pass"
    found = verdict("collapse_probability", "<", 0.05, *[1.0, 0.0] * 10)
    assert (found.verdict, found.value, found.first_broken) == ("fail", 0.5, None)


def test_scopes_pick_their_own_readings():
    """``before main`` looks there and nowhere else; an unknown scope has no data."""
    expectation = Expectation("", "p99", "<", 1.0, Scope("before", "main", "", "before main"), "because")
    (found,) = evaluate([expectation], {"as-written": runs("p99", 0.5, scope="before main")})
    assert (found.verdict, found.scope, found.because) == ("pass", "before main", "because")
    (found,) = evaluate([expectation], {"as-written": runs("p99", 0.5)})
    assert found.verdict == "inconclusive"


def test_expectations_about_variants_wait_for_compare():
    """``run`` leaves them out; ``compare`` judges them by the runs of that variant."""
    expectations = [
        Expectation("a", "p99", "<", 1.0),
        Expectation("b", "p99", "<", 1.0, Scope(variant="eager", label="variant eager")),
    ]
    alone = evaluate(expectations, {"as-written": runs("p99", 0.5)})
    assert [found.that for found in alone] == ["a"]
    both = evaluate(expectations, {"as-written": runs("p99", 0.5), "eager": runs("p99", 1.5)})
    assert [(found.that, found.verdict) for found in both] == [("a", "pass"), ("b", "fail")]


def test_a_percentile_of_too_few_values_says_so():
    """Of fewer than a hundred the p99 is the highest; the verdict stands, with that reason."""
    readings = {"p99": Reading(0.5), "p90": Reading(0.5), "succeeded": Reading(15.0), "late": Reading(0.0)}
    run = RunResult(1, "", {}, {**readings, "failed": Reading(5.0), "p99_success": Reading(0.4)}, {})
    asked = [Expectation("", name, "<", 1.0) for name in ("p99", "p90", "p99_success")]
    found = evaluate(asked, {"as-written": [run]})
    assert [(each.verdict, each.reason) for each in found] == [
        ("pass", "of 20 requests it is the highest"),
        ("pass", ""),
        ("pass", "of 15 successes it is the highest"),
    ]
    assert [warned.code for warned in few_values([run])] == ["RW006", "RW006"]
    assert "p99 of the requests" in few_values([run])[0].message
    many = RunResult(1, "", {}, {**readings, "failed": Reading(985.0), "p99_success": Reading(0.4)}, {})
    assert evaluate(asked[:1], {"as-written": [many]})[0].reason == ""
