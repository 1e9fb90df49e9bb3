"""Backoff arithmetic against an independent spelling with exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import isclose

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resilience_sim.policies.rules.retry import Backoff
from resilience_sim.settings.retry import RetryConfig

SECOND = 1_000_000_000
UNIT = st.integers(0, 2**20 - 1).map(lambda n: n / 2**20)


def spelled_out(
    config: RetryConfig, n: int, previous: int, shape: Fraction, jitter: Fraction
) -> tuple[Fraction, Fraction]:
    """The wait before retry n and the un-jittered wait, as section 4 of the contract says, in exact arithmetic."""
    d = Fraction(config.delay)
    cap = Fraction(config.max_delay or 1 << 61)
    plain = {
        "constant": lambda: d,
        "linear": lambda: d * n,
        "exponential": lambda: d * Fraction(config.factor) ** (n - 1),
        "decorrelated": lambda: d + shape * (3 * (previous or d) - d),
    }[config.backoff]()
    plain = min(plain, cap)
    spread = Fraction(config.spread)
    wait = {
        "none": lambda: plain,
        "full": lambda: jitter * plain,
        "equal": lambda: plain / 2 + jitter * plain / 2,
        "spread": lambda: plain * (1 - spread + 2 * spread * jitter),
    }[config.jitter]()
    return min(wait, cap), plain


@given(
    shape=st.sampled_from(["constant", "linear", "exponential", "decorrelated"]),
    jitter=st.sampled_from(["none", "full", "equal", "spread"]),
    delay=st.integers(0, 100 * SECOND),
    factor=st.sampled_from([1.0, 1.5, 2.0, 3.0, 10.0]),
    cap=st.one_of(st.just(0), st.integers(1, 1000 * SECOND)),
    n=st.integers(1, 40),
    spread=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    luck=st.tuples(UNIT, UNIT),
)
@settings(max_examples=400)
@example("exponential", "none", SECOND, 10.0, 0, 40, 0.0, (0.0, 0.0))
@example("exponential", "spread", SECOND, 2.0, SECOND, 30, 0.25, (0.0, 0.999))
def test_waits_are_what_the_contract_says(shape, jitter, delay, factor, cap, n, spread, luck):
    """Every backoff with every jitter, to a nanosecond or a part in 10^9."""
    config = RetryConfig(
        "r", attempts=3, delay=delay, backoff=shape, factor=factor, max_delay=cap, jitter=jitter, spread=spread
    )
    wait, plain = Backoff(config).wait(n, 0, *luck)
    expected, unjittered = spelled_out(config, n, 0, Fraction(luck[0]), Fraction(luck[1]))
    assert isclose(wait, min(expected, 1 << 61), rel_tol=1e-9, abs_tol=1.0)
    assert isclose(plain, min(unjittered, 1 << 61), rel_tol=1e-9, abs_tol=1.0)
    assert 0 <= wait <= (cap or 1 << 61)


@given(st.integers(1, 10 * SECOND), st.integers(0, 20 * SECOND), st.lists(UNIT, min_size=2, max_size=20))
@settings(max_examples=100)
def test_decorrelated_waits_stay_between_the_delay_and_thrice_the_one_before(delay, cap, lucks):
    """U(d, 3·previous), the previous one un-jittered, starting at d."""
    backoff = Backoff(RetryConfig("r", attempts=3, delay=delay, backoff="decorrelated", max_delay=cap))
    previous = 0
    for n, luck in enumerate(lucks, 1):
        before = previous or delay
        wait, previous = backoff.wait(n, previous, luck, 0.0)
        top = min(3 * before, cap or 1 << 61)
        assert min(delay, cap or delay) - 1 <= wait <= top + 1


@pytest.mark.parametrize("jitter", ["full", "equal", "spread"])
def test_a_cap_holds_after_jitter_too(jitter):
    """25 % of jitter on a capped wait cannot exceed the cap."""
    backoff = Backoff(
        RetryConfig("r", attempts=3, delay=SECOND, backoff="exponential", max_delay=SECOND, jitter=jitter, spread=0.25)
    )
    assert all(backoff.wait(9, 0, 0.5, luck / 100)[0] <= SECOND for luck in range(100))


def test_enormous_backoffs_do_not_overflow():
    """2^2000 seconds is for ever, not an exception."""
    backoff = Backoff(RetryConfig("r", attempts=3, delay=SECOND, backoff="exponential"))
    assert backoff.wait(2000, 0, 0.0, 0.0)[0] > 10**18
    assert Backoff(RetryConfig("r", attempts=3, delay=0, backoff="exponential")).wait(2000, 0, 0.0, 0.0)[0] == 0


def test_only_random_waits_draw_luck():
    """A plain wait asks for no luck."""
    assert not Backoff(RetryConfig("r")).needs_luck
    assert Backoff(RetryConfig("r", jitter="full")).needs_luck
    assert Backoff(RetryConfig("r", backoff="decorrelated")).needs_luck
