"""Random numbers: a pure function, uniform, and independent between purposes, requests, attempts and seeds."""

from __future__ import annotations

from math import isqrt, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience_sim.kernel import rng as purposes
from resilience_sim.kernel.rng import KeyedRng

N = 20_000
M64 = (1 << 64) - 1


def column(seed=1, purpose=2, attempt=1, by="rid"):
    """N numbers along one key, the others fixed."""
    rng = KeyedRng(seed)
    if by == "rid":
        return [rng.uniform(purpose, n, attempt) for n in range(N)]
    if by == "attempt":
        return [rng.uniform(purpose, 7, n) for n in range(N)]
    if by == "purpose":
        return [rng.uniform(n, 7, attempt) for n in range(N)]
    return [KeyedRng(n).uniform(purpose, 7, attempt) for n in range(N)]


@given(st.integers(0, 2**63), st.integers(0, 2**40), st.integers(0, 10**9), st.integers(0, 1000))
def test_luck_is_a_pure_function_in_the_unit_interval(seed, purpose, rid, attempt):
    """The same keys, the same number; never 1."""
    number = KeyedRng(seed).uniform(purpose, rid, attempt)
    assert number == KeyedRng(seed).uniform(purpose, rid, attempt)
    assert 0.0 <= number < 1.0
    assert (number * 2**53).is_integer()


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**34), st.integers(0, 10**9), st.integers(0, 100))
@settings(max_examples=200)
def test_luck_is_a_finalizer_in_counter_mode(seed, purpose, rid, attempt):
    """Spelled out independently: MurmurHash3's finalizer over keys spread by the digits of roots."""
    k0, k2, k3, k4 = (isqrt(n << 124) % (1 << 62) | 1 for n in (2, 5, 7, 11))

    def finalize(z: int) -> int:
        z = (z ^ (z >> 33)) * 0xFF51AFD7ED558CCD & M64
        z = (z ^ (z >> 33)) * 0xC4CEB9FE1A85EC53 & M64
        return z ^ (z >> 33)

    base = finalize((seed * k4 + k0) & M64)
    z = finalize((base + rid * k0 + attempt * k2 + purpose * k3) & M64)
    assert KeyedRng(seed).uniform(purpose, rid, attempt) == (z >> 11) / 2**53


@pytest.mark.parametrize("by", ["rid", "attempt", "purpose", "seed"])
def test_numbers_are_uniform_along_every_key(by):
    """Chi-square over 100 cells: 99 degrees of freedom, five deviations are 169."""
    cells = [0] * 100
    for number in column(by=by):
        cells[int(number * 100)] += 1
    expected = N / 100
    chi2 = sum((c - expected) ** 2 / expected for c in cells)
    assert 99 - 5 * sqrt(198) < chi2 < 99 + 5 * sqrt(198)


@pytest.mark.parametrize("by", ["rid", "attempt", "purpose", "seed"])
def test_neighbours_are_independent_along_every_key(by):
    """Pairs of neighbours fill a 10 x 10 grid evenly (no lattice, no runs)."""
    numbers = column(by=by)
    cells = [0] * 100
    for x, y in zip(numbers[::2], numbers[1::2], strict=True):
        cells[int(x * 10) * 10 + int(y * 10)] += 1
    expected = N / 200
    chi2 = sum((c - expected) ** 2 / expected for c in cells)
    assert chi2 < 99 + 5 * sqrt(198)


PURPOSES = [
    purposes.ARRIVAL, purposes.SERVICE, purposes.FAILURE, purposes.WIRE_OUT, purposes.WIRE_BACK, purposes.BALANCER,
    purposes.SPREAD, purposes.THINK, purposes.JITTER, purposes.JITTER + 1, purposes.JITTER + purposes.EXTRA,
    purposes.THROTTLE, purposes.FAULT_SHARE, purposes.FAULT_SHARE + 1, purposes.FAULT_ERROR,
    purposes.SERVICE + purposes.EXTRA, purposes.SERVICE + 2 * purposes.EXTRA, purposes.purpose_of("retry"),
]  # fmt: skip


def test_purposes_are_independent():
    """The luck of one purpose says nothing about that of another: correlations within five standard errors of zero."""
    n = 4000
    rng = KeyedRng(3)
    columns = [[rng.uniform(p, rid, 1) - 0.5 for rid in range(n)] for p in PURPOSES]
    for i, first in enumerate(columns):
        for second in columns[i + 1 :]:
            r = 12 * sum(x * y for x, y in zip(first, second, strict=True)) / n
            assert abs(r) < 5 / sqrt(n)


def test_purposes_do_not_collide():
    """Every purpose has numbers of its own, and so have seeds."""
    assert len(set(PURPOSES)) == len(PURPOSES)
    everything = {
        KeyedRng(seed).uniform(p, rid, a) for seed in (1, 2) for p in PURPOSES for rid in range(50) for a in range(5)
    }
    assert len(everything) == 2 * len(PURPOSES) * 50 * 5


def test_whatever_has_a_name_has_a_purpose_of_its_own():
    """The same on every machine, and far from the purposes that are listed."""
    assert purposes.purpose_of("a") == 0xAF63DC4C8601EC8C >> 3 | 1 << 61  # FNV-1a
    names = [f"{kind}#{n}" for kind in ("coin_flip", "retry", "Once") for n in range(1, 400)]
    found = {purposes.purpose_of(name) for name in names}
    assert len(found) == len(names)
    assert all(2**61 <= purpose < 2**62 for purpose in found)
