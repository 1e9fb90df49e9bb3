"""Bounded memory, exact where it says so, within 0.5 % where not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from resilience_sim.kernel.vectors import vec
from resilience_sim.measure.latencies import (
    EXACT_LIMIT,
    Distribution,
    Latencies,
    bucket_of,
    middle_of,
    nearest_rank,
    nth,
)

NANOSECONDS = st.integers(0, 2**62)


def bag(values) -> Latencies:
    store = Latencies()
    for value in values:
        store.add(value)
    return store


def folded(values) -> Latencies:
    store = bag(values)
    store.fold()
    return store


@given(NANOSECONDS)
def test_a_bucket_answers_within_its_stated_error(value):
    """The middle of the value's bucket is at most 1/256 away; small values are exact."""
    answer = middle_of(bucket_of(value))
    assert abs(answer - value) <= value / 256
    if value < 256:
        assert answer == value


@given(NANOSECONDS, NANOSECONDS)
def test_buckets_keep_the_order(a, b):
    """A larger value never lands in a lower bucket."""
    if a <= b:
        assert bucket_of(a) <= bucket_of(b)


@given(st.lists(NANOSECONDS, min_size=1, max_size=60), st.floats(0.1, 99.99))
def test_percentiles_are_by_nearest_rank(values, percent):
    """Exact store: the smallest value with at least that share not above it. Histogram: that within 0.5 %."""
    exact = bag(values).spread()
    answer = exact.percentile(percent)
    assert answer in values
    assert sum(value <= answer for value in values) >= round(percent * len(values), 6) / 100
    assert sum(value < answer for value in values) < round(percent * len(values), 6) / 100
    rough = folded(values).spread()
    assert abs(rough.percentile(percent) - answer) <= 0.005 * answer
    assert (rough.count, rough.total, rough.highest) == (exact.count, exact.total, exact.highest)
    assert exact.exact
    assert not rough.exact


@settings(max_examples=60)
@given(st.lists(st.tuples(st.lists(NANOSECONDS, max_size=30), st.booleans()), max_size=5))
def test_the_union_of_stores_is_the_store_of_the_union(parts):
    """In any mixture of exact and folded bags; asking changes none of them."""
    bags = [folded(values) if fold else bag(values) for values, fold in parts]
    everything = [value for values, _ in parts for value in values]
    together = Distribution(bags)
    assert (together.count, together.total) == (len(everything), sum(everything))
    if everything:
        one = bag(everything) if all(b.spread().exact for b in bags) else folded(everything)
        for percent in (1, 50, 90, 99.9):
            assert together.percentile(percent) == one.spread().percentile(percent)
    again = Distribution(bags)
    assert (again.count, again.total, again.highest) == (together.count, together.total, together.highest)


def test_memory_stays_flat():
    """Beyond the limit values are folded into a histogram whose size depends on their range alone."""
    many = 2 * EXACT_LIMIT + 100
    store = bag(range(many, 2 * many))
    assert sum(map(len, store._blocks)) <= EXACT_LIMIT
    assert len([count for count in store._buckets if count]) <= 2 * 128 + 1
    assert len(store._buckets) <= 64 * 128
    assert store.spread().count == many
    assert abs(store.spread().percentile(50) - 1.5 * many) <= 0.005 * 1.5 * many


def test_p99_9_means_the_decimal():
    """99.9 % of 1000 is rank 999, though 99.9 is no binary fraction."""
    assert nearest_rank(99.9, 1000) == 999
    assert nearest_rank(50, 1) == 1
    assert nearest_rank(55, 100) == 55


@given(st.integers(-(2**62), -1))
def test_a_latency_below_zero_ends(value):
    """Halving it never gave 0: the figures of a run whose clock had wrapped came never, and heard no Ctrl-C."""
    assert bucket_of(value) == 0
    assert folded([value, 5]).spread().count == 2


@given(st.lists(NANOSECONDS, min_size=1, max_size=80), st.data())
def test_a_place_in_the_order_without_sorting(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    mixed = vec(values)
    assert nth(mixed, place) == sorted(values)[place]
    assert sorted(mixed) == sorted(values)


@given(st.lists(NANOSECONDS, max_size=20), NANOSECONDS)
def test_a_distribution_is_of_its_moment(values, later):
    """Though nothing is counted before it is asked for."""
    store = bag(values)
    before = store.spread()
    store.add(later)
    assert (before.count, before.total, before.highest) == (len(values), sum(values), max(values, default=0))
    store.fold()
    assert before.percentile(50) == bag(values).spread().percentile(50)
