"""The mathematics against brute force and known values."""

from __future__ import annotations

import random
from itertools import pairwise
from math import exp, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.interop.generic import breaker_of, failures_needed
from resilience_sim.lint.arithmetic import longest_wait, waits, worst_time
from resilience_sim.lint.chance import (
    binomial_at,
    binomial_bound,
    binomial_least,
    binomials,
    erlang_b,
    gamma_below,
    longer_than,
    mean_calls_to_run,
    mean_until,
    poisson_least,
    quantile,
    run_within,
    windows_with,
)
from resilience_sim.lint.rules_breaker import may_open, openings
from resilience_sim.policies.rules.retry import Backoff
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.timeout import TimeoutConfig

SHAPES = [
    Latency("constant", 5e7),
    Latency("exponential", 5e7),
    Latency("uniform", 1e7, 9e7),
    Latency("lognormal", 17.5, 0.8),
    Latency("gamma", 2.0, 3e7),
    Latency("pareto", 1e7, 1.5),
    Latency("empirical", values=(10, 20, 30, 40)),
]


def test_erlang_b_known_values():
    """Tables of the loss formula: 10 Erlang on 10 lines lose 21.46 %, 20 on 20 15.89 %."""
    assert erlang_b(10, 10) == pytest.approx(0.2146, abs=1e-4)
    assert erlang_b(20, 20) == pytest.approx(0.1589, abs=1e-4)
    assert erlang_b(1, 1) == 0.5
    assert erlang_b(5, 0) == 0


@given(st.integers(1, 4), st.floats(0.05, 0.95), st.integers(1, 60))
def test_runs_against_a_markov_chain(k: int, p: float, n: int):
    """P(k failures in a row within n calls), step by step."""
    states = [1.0] + [0.0] * k
    for _ in range(n):
        alive = sum(states[:k])
        states = [alive * (1 - p), *(states[i] * p for i in range(k - 1)), states[k] + states[k - 1] * p]
    if n >= 4 * k:
        assert run_within(n, k, p) == pytest.approx(states[k], abs=0.03)
    if n >= 40 and k <= 2 and 0.2 < p < 0.6:
        assert run_within(n, k, p) == pytest.approx(states[k], abs=0.005)


def test_mean_calls_to_a_run():
    """Two heads of a fair coin take six tosses; sure failures take k."""
    assert mean_calls_to_run(2, 0.5) == pytest.approx(6)
    assert mean_calls_to_run(3, 1.0) == 3
    assert mean_calls_to_run(3, 0.0) == inf


def test_binomial_and_poisson():
    """Small cases by hand."""
    assert binomial_least(3, 2, 0.5) == pytest.approx(0.5)
    assert binomial_least(10, 0, 0.3) == 1
    assert poisson_least(2.0, 1) == pytest.approx(1 - exp(-2))
    assert poisson_least(20.0, 100) < 1e-30
    assert gamma_below(1.0, 1.0) == pytest.approx(1 - exp(-1))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
def test_distributions_are_consistent(shape: Latency):
    """The survival falls from one to nothing, the quantile inverts it, the truncated mean grows to the mean."""
    points = [1e6 * 1.5**i for i in range(40)]
    tail = [longer_than(shape, t) for t in points]
    assert all(a >= b for a, b in pairwise(tail))
    assert longer_than(shape, -1) == 1
    if shape.kind not in ("constant", "empirical"):
        assert longer_than(shape, quantile(shape, 0.9)) == pytest.approx(0.1, abs=1e-6)
    cut = [mean_until(shape, t) for t in (1e7, 5e7, 2e8)]
    assert cut == sorted(cut)
    assert cut[-1] <= mean_until(shape) * 1.0001


def test_truncated_mean_by_sampling():
    """min(T, limit) of a lognormal."""
    dice = random.Random(1)
    shape = Latency("lognormal", 17.5, 0.8)
    drawn = [min(dice.lognormvariate(17.5, 0.8), 6e7) for _ in range(40_000)]
    assert mean_until(shape, 6e7) == pytest.approx(sum(drawn) / len(drawn), rel=0.01)


@given(st.floats(0.01, 1), st.integers(1, 1000))
def test_failures_needed_is_the_breakers_own_rule(share: float, calls: int):
    """The fewest failures whose share reaches the threshold."""
    least = failures_needed(share, calls)
    assert least + 1e-6 >= share * calls
    assert least == 1 or (least - 1) - 1e-6 < share * calls


@given(
    st.sampled_from(["constant", "linear", "exponential", "decorrelated"]),
    st.sampled_from(["none", "full", "equal", "spread"]),
    st.integers(1, 6),
    st.integers(0, 3_000_000),
    st.floats(0, 0.999999),
)
def test_no_wait_is_longer_than_the_longest(shape: str, jitter: str, attempts: int, cap: int, luck: float):
    """Against the formulas that run."""
    config = RetryConfig(
        "r", attempts=attempts, delay=500_000, backoff=shape, factor=2.0, max_delay=cap, jitter=jitter, spread=0.25
    )
    backoff, previous, total = Backoff(config), 0, 0
    for n in range(1, attempts):
        wait, previous = backoff.wait(n, previous, luck, luck)
        assert wait <= longest_wait(config, n) + 1
        total += wait
    assert total <= waits(config) + attempts


def test_worst_time_layer_by_layer():
    """By hand: 3 x (1 s + 300 ms wait for a place) + 2 x 100 ms, cut by 3.5 s."""
    attempt = (
        BulkheadConfig("b", max_concurrent=5, queue=10, max_wait=300_000_000),
        TimeoutConfig("t", after=1_000_000_000),
    )
    retry = RetryConfig("r", attempts=3, delay=100_000_000)
    assert worst_time((retry, *attempt)) == 4_100_000_000
    assert worst_time((TimeoutConfig("o", after=3_500_000_000), retry, *attempt)) == 3_500_000_000
    assert worst_time((retry,)) == inf
    assert worst_time((HedgeConfig("h", delay=200_000_000, max_extra=2), attempt[1])) == 1_400_000_000
    assert (
        worst_time((RetryConfig("r", attempts=3, delay=100_000_000, max_elapsed=1_500_000_000), attempt[1]))
        == 2_500_000_000
    )


@pytest.mark.parametrize("p", [0.0, 1e-12, 0.03, 0.7, 1.0])
def test_all_binomials_at_once_are_each_of_them(p: float):
    for n, most in ((0, 3), (7, 20), (300, 40)):
        assert binomials(n, most, p) == [binomial_at(n, k, p) for k in range(most + 1)]


def test_a_window_that_cannot_stay_below_is_no_division_by_zero():
    chance, mean = windows_with(42, 21, 0.999998585103623, 1079996.0, full=True)
    assert chance == pytest.approx(1.0)
    assert mean == pytest.approx(42)


def test_the_bound_of_a_binomial_chance_is_never_less():
    luck = random.Random(5)
    close = 0
    for _ in range(2_000):
        n, p = luck.randint(1, 400), 10 ** luck.uniform(-6, -0.01)
        k = luck.randint(1, n + 1)
        chance, bound = binomial_least(n, k, p), binomial_bound(n, k, p)
        assert chance <= bound <= 1.000001
        close += chance > bound / 30 and bound < 0.5
    assert close > 200


def test_what_has_a_chance_to_open_may_open():
    """So that a breaker that may not need not be looked at."""
    luck = random.Random(4)
    near = 0
    for _ in range(400):
        kind, most = luck.choice([("consecutive", 12), ("window_calls", 120), ("window_time", 60)])
        window = {kind: luck.randint(1, most) * (10**9 if kind == "window_time" else 1)}
        config = BreakerConfig("b", min_calls=luck.randint(1, 40), failure_share=luck.uniform(0.02, 1.0), **window)
        view = breaker_of(config)
        assert view is not None
        p, rate = 10 ** luck.uniform(-5, -0.2), 10 ** luck.uniform(-2, 2)
        chance = openings(view, p, rate)[0]
        assert may_open(view, p, rate, (chance - 1e-9) / (1 + 1e-6))
        near += 0.01 < chance < 0.99
    assert near > 20
