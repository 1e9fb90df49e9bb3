"""Every latency shape: its formula draw by draw, its mean and its quantiles over many draws."""

from __future__ import annotations

from math import erf, exp, gamma, log, sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.kernel.rng import SERVICE, KeyedRng
from resilience_sim.settings.latency import Latency
from resilience_sim.world.latency import make_times, normal_quantile

N = 20_000
MS = 1e6
NORMAL = NormalDist()


def lognormal_through(p50: float, p99: float) -> Latency:
    """The lognormal through two points, as the scenario loader resolves it."""
    return Latency("lognormal", log(p50), log(p99 / p50) / NORMAL.inv_cdf(0.99))


def gamma_cdf(shape: float, x: float) -> float:
    """Regularised lower incomplete gamma function, by its series."""
    term = total = 1.0 / shape
    k = shape
    while term > total * 1e-15:
        k += 1
        term *= x / k
        total += term
    return total * exp(-x + shape * log(x)) / gamma(shape)


# shape, cumulative distribution at t ns, mean in ns (None: the tail is too heavy for a test of the mean)
SHAPES = {
    "exponential": (Latency("exponential", 100 * MS), lambda t: 1 - exp(-t / (100 * MS)), 100 * MS),
    "uniform": (Latency("uniform", 20 * MS, 80 * MS), lambda t: (t - 20 * MS) / (60 * MS), 50 * MS),
    "lognormal": (
        lognormal_through(40 * MS, 250 * MS),
        lambda t: NORMAL.cdf(log(t / (40 * MS)) * NORMAL.inv_cdf(0.99) / log(250 / 40)),
        40 * MS * exp((log(250 / 40) / NORMAL.inv_cdf(0.99)) ** 2 / 2),
    ),
    "gamma, cv 0.5": (Latency("gamma", 4.0, 10 * MS), lambda t: gamma_cdf(4.0, t / (10 * MS)), 40 * MS),
    "gamma, cv 2": (Latency("gamma", 0.25, 160 * MS), lambda t: gamma_cdf(0.25, t / (160 * MS)), 40 * MS),
    "gamma, cv 1": (Latency("gamma", 1.0, 40 * MS), lambda t: 1 - exp(-t / (40 * MS)), 40 * MS),
    "pareto": (Latency("pareto", 10 * MS, 2.5), lambda t: 1 - (10 * MS / t) ** 2.5, 10 * MS * 2.5 / 1.5),
    "pareto, heavy": (Latency("pareto", 10 * MS, 1.1), lambda t: 1 - (10 * MS / t) ** 1.1, None),
}


def draws(latency: Latency, n: int = N, seed: int = 1) -> list[int]:
    """Service times of n requests."""
    times, rng = make_times(latency), KeyedRng(seed)
    return [times.draw(rng, SERVICE, rid, 1) for rid in range(n)]


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_distributed_as_it_says(name):
    """Kolmogorov-Smirnov: the largest distance to the distribution function stays below 1.95 / √n (1 in 1000)."""
    latency, cdf, _ = SHAPES[name]
    values = sorted(draws(latency))
    distance = max(
        max(abs(cdf(t) - i / N), abs(cdf(t) - (i + 1) / N)) for i, t in enumerate(values) if t > 0
    )  # fmt: skip
    assert distance < 1.95 / sqrt(N)


@pytest.mark.parametrize("name", [name for name, (_, _, mean) in SHAPES.items() if mean])
def test_a_shape_has_its_mean(name):
    """Within four standard errors."""
    latency, _, mean = SHAPES[name]
    values = draws(latency)
    found = sum(values) / N
    error = sqrt(sum((v - found) ** 2 for v in values) / N / (N - 1))
    assert abs(found - mean) < 4 * error


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_its_quantiles(name):
    """Of 20,000 draws, as many lie below the 50th, 90th and 99th percentile as should: four binomial deviations."""
    latency, cdf, _ = SHAPES[name]
    values = sorted(draws(latency, seed=2))
    for q in (0.5, 0.9, 0.99):
        assert abs(cdf(values[int(q * N)]) - q) < 4 * sqrt(q * (1 - q) / N) + 1 / N


def test_the_lognormal_goes_through_both_points():
    """p50 40 ms, p99 250 ms: half below the one, 1 % above the other."""
    values = draws(lognormal_through(40 * MS, 250 * MS))
    assert sum(v < 40 * MS for v in values) / N == pytest.approx(0.5, abs=4 * sqrt(0.25 / N))
    assert sum(v > 250 * MS for v in values) / N == pytest.approx(0.01, abs=4 * sqrt(0.0099 / N))


def test_a_constant_is_constant():
    """To the nanosecond."""
    assert set(draws(Latency("constant", 123456789.0), 100)) == {123456789}


def test_measured_values_are_drawn_each_equally_often():
    """Four values: a quarter each."""
    values = draws(Latency("empirical", values=(1, 2, 3, 50)))
    for value in (1, 2, 3, 50):
        assert values.count(value) == pytest.approx(N / 4, abs=4 * sqrt(N * 3 / 16))


@pytest.mark.parametrize(
    "latency",
    [
        Latency("exponential", 1e8), Latency("uniform", 1e6, 1e9), Latency("pareto", 1e7, 1.5),
        Latency("lognormal", 17.0, 1.0), Latency("empirical", values=tuple(range(1000))),
    ],
    ids=lambda latency: latency.kind,
)  # fmt: skip
def test_more_luck_is_more_time(latency):
    """Shapes with an inverse are drawn by inversion: the order of requests by service time is that of their luck."""
    rng, times = KeyedRng(1), make_times(latency)
    by_luck = sorted(range(500), key=lambda rid: rng.uniform(SERVICE, rid, 1))
    values = [times.draw(rng, SERVICE, rid, 1) for rid in by_luck]
    assert values == sorted(values)


@pytest.mark.white_box
def test_times_are_never_negative_and_never_without_end():
    """The luckiest and the unluckiest numbers a request can have."""

    class Rigged(KeyedRng):
        def __init__(self, number: float) -> None:
            self.number = number

        def uniform(self, purpose: int, rid: int, attempt: int) -> float:
            return self.number

    inverted = [entry[0] for name, entry in SHAPES.items() if not name.startswith("gamma")]
    for latency in [*inverted, Latency("pareto", 1e9, 0.1)]:
        for number in (0.0, 2**-53, 0.5, 1 - 2**-53):
            assert 0 <= make_times(latency).draw(Rigged(number), 1, 1, 1) <= 1 << 61


@given(st.integers(1, 2**53 - 1).map(lambda n: n / 2**53))
def test_normal_quantile_is_that_of_the_standard_library(p):
    """To one part in 10^8, or 10^-9 around zero."""
    assert normal_quantile(p) == pytest.approx(NORMAL.inv_cdf(p), rel=2e-8, abs=2e-9)


def test_normal_quantile_at_its_joints_and_ends():
    """Where the approximation changes pieces, and at nothing."""
    for p in (0.02425, 0.024249999, 0.97575, 0.975750001, 1e-12, 1 - 1e-12, 0.5):
        assert normal_quantile(p) == pytest.approx(NORMAL.inv_cdf(p), rel=2e-8, abs=2e-9)
    assert -9 < normal_quantile(0.0) < -8
    assert 0.5 * (1 + erf(normal_quantile(0.9) / sqrt(2))) == pytest.approx(0.9)


def test_unknown_shapes_are_refused():
    """A shape nobody knows is an error of the program."""
    with pytest.raises(ValueError, match="latency"):
        make_times(Latency("wishful"))
