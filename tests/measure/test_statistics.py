"""Formulas against printed tables."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.measure.statistics import (
    deviation,
    interval,
    mean,
    mean_interval,
    paired_difference,
    runs_needed,
    t_interval,
    t_quantile_95,
    two_sided_t,
    wilson_interval,
)
from resilience_sim.settings.metrics import METRICS, metric

# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975.
TABLE = {
    1: 12.706,
    2: 4.303,
    3: 3.182,
    4: 2.776,
    5: 2.571,
    9: 2.262,
    10: 2.228,
    19: 2.093,
    30: 2.042,
    60: 2.000,
    100: 1.984,
}


@pytest.mark.parametrize(("df", "t"), TABLE.items())
def test_t_quantiles_are_those_of_the_table(df, t):
    """Three decimals, as printed."""
    assert round(t_quantile_95(df), 3) == t


def test_both_ways_to_the_t_quantile_meet():
    """At 201 degrees of freedom the expansion has the probability it should have."""
    assert two_sided_t(t_quantile_95(201), 201) == pytest.approx(0.95, abs=1e-10)
    assert t_quantile_95(10**7) == pytest.approx(1.959964, abs=1e-6)


@given(st.integers(1, 400))
def test_t_quantiles_fall_with_more_runs(df):
    """More runs, narrower interval, never below the normal quantile."""
    assert t_quantile_95(df) > t_quantile_95(df + 1) > 1.9599


def test_t_interval_of_a_textbook_sample():
    """Mean 3, s = 1.5811, n = 5: 3 ± 2.776 * 0.70711."""
    low, high = t_interval([1, 2, 3, 4, 5])
    assert (low, high) == (pytest.approx(1.0368, abs=1e-4), pytest.approx(4.9632, abs=1e-4))


def test_a_tail_widens_the_interval_on_its_side():
    """Something went wrong in one of 20 runs: as Poisson's exact limits have it, up to five may have been due."""
    values = [0.0] * 19 + [1.0]
    low, high = mean_interval(values, 0.95)
    assert low == pytest.approx(0.05 - 2.093 * 0.05, abs=1e-4)
    assert high > 5.57 / 20 > 0.05 + 2.1 * 0.05
    mirrored = mean_interval([1 - value for value in values], 0.95)
    assert mirrored == (pytest.approx(1 - high), pytest.approx(1 - low))


def test_intervals_of_what_is_rare_hold_the_mean():
    """In 97 of 100 runs nothing happens. Student's interval alone holds the mean in less than 88 of 100."""
    source, held, plain = Random(1), 0, 0
    for _ in range(400):
        values = [float(source.random() < 0.03) for _ in range(100)]
        if len(set(values)) == 1:
            values[0] = 1 - values[0]
        low, high = mean_interval(values, 0.95)
        held += low <= 0.03 <= high
        half = t_quantile_95(99) * deviation(values) / 10
        plain += abs(mean(values) - 0.03) <= half
    assert plain < 352
    assert held >= 380


def test_one_run_has_no_interval():
    """One seed is an anecdote."""
    assert t_interval([1.0]) is None
    assert t_interval([]) is None


def test_equal_values_have_an_interval_of_no_width():
    """Exactly at the value, without dust from summing."""
    assert t_interval([0.1] * 7) == (0.1, 0.1)
    assert deviation([0.1] * 7) == 0.0


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_those_of_newcombe(hits, count, low, high):
    """Four decimals, as printed."""
    assert tuple(round(x, 4) for x in wilson_interval(hits, count)) == (low, high)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_intervals_hold_the_share_and_stay_within_bounds(case):
    """0 <= low <= share <= high <= 1, and mirrored for misses."""
    hits, count = case
    low, high = wilson_interval(hits, count)
    assert 0 <= low <= hits / count <= high <= 1
    mirrored = wilson_interval(count - hits, count)
    assert mirrored == (pytest.approx(1 - high), pytest.approx(1 - low))


def test_a_clear_difference_has_a_direction():
    """Higher availability is better, higher latency worse."""
    ours, theirs = [0.9, 0.91, 0.92], [0.5, 0.52, 0.51]
    assert paired_difference(ours, theirs, +1).verdict == "better"
    assert paired_difference(ours, theirs, -1).verdict == "worse"
    assert paired_difference(ours, theirs, 0).verdict == "cannot_tell"


def test_no_difference_cannot_tell():
    """Identical on every seed: delta 0, no number of runs helps."""
    difference = paired_difference([1, 2, 3], [1, 2, 3], +1)
    assert (difference.delta, difference.ci95, difference.verdict) == (0, (0, 0), "cannot_tell")
    assert difference.runs_needed is None


def test_one_pair_cannot_tell():
    """However large the difference."""
    difference = paired_difference([1.0], [0.0], +1)
    assert (difference.delta, difference.ci95, difference.verdict) == (1.0, None, "cannot_tell")


def test_noise_says_how_many_runs_would_tell():
    """(1.96 + 0.84)^2 s^2 / delta^2: with s = delta, 8 runs."""
    assert runs_needed(1.0, 1.0) == 8
    assert runs_needed(0.0, 1.0) is None
    assert runs_needed(1e-9, 1.0) is None
    noisy = paired_difference([1.0, -0.5, 0.7], [0.0, 0.0, 0.0], +1)
    assert noisy.verdict == "cannot_tell"
    assert noisy.runs_needed is not None
    assert noisy.runs_needed > 3


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_the_interval_holds_the_mean(values):
    """Whatever the values."""
    low, high = t_interval(values)
    assert low <= mean(values) <= high


def test_no_interval_goes_beyond_what_is_possible():
    """A share is at most 1, and nothing is negative."""
    assert interval("availability", [0.4, 0.9])[1] == 1.0
    assert interval("availability", [0.9, 0.1])[0] == 0.0
    assert interval("duplicates", [0.0, 3.0])[0] == 0.0
    assert interval("duplicates", [0.0, 3.0])[1] > 3.0
    low, high = interval("goodput", [1.0, 80.0])
    assert (low, high > 100) == (0.0, True)


def test_failing_fast_is_not_better():
    """Only the latency of successes gets a verdict."""
    for each in METRICS:
        if each.needs == "latencies":
            assert each.better == (-1 if each.name.endswith("_success") else 0), each.name
    assert metric("p97.5").better == 0
    assert metric("p97.5_success").better == -1
