"""Quantities: exact values, spellings, remedies."""

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.settings import codes, units
from resilience_sim.settings.units import SECOND, UnitError


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("1m30s", 90 * SECOND),
        ("2h", 7_200 * SECOND),
        ("0ms", 0),
        ("0.1s", 100_000_000),
        ("1ns", 1),
        ("3us", 3_000),
        ("3µs", 3_000),
        ("1d", 86_400 * SECOND),
        ("5min", 300 * SECOND),
        ("0.3s", 300_000_000),
        ("1h0.5s", 3_600_500_000_000),
    ],
)
def test_durations_are_exact_nanoseconds(text, ns):
    """Decimal digits never pass through a float."""
    assert units.duration(text) == ns


@pytest.mark.parametrize(
    ("value", "code", "remedy"),
    [
        (0, codes.NO_UNIT, "write `0ms`"),
        (250, codes.NO_UNIT, "write `250ms` or `250s`"),
        (3, codes.NO_UNIT, "write `3s` or `3ms`"),
        (1.5, codes.NO_UNIT, "write `1.5s` or `1.5ms`"),
        ("250", codes.NO_UNIT, "write `250ms` or `250s`"),
        ("5 s", codes.BAD_UNIT, "write `5s`"),
        ("5sec", codes.BAD_UNIT, "write `5s`"),
        ("1,5s", codes.BAD_UNIT, "write `1.5s`"),
        (-3, codes.RANGE, ""),
        ("-5ms", codes.RANGE, ""),
        ("0.1ns", codes.RANGE, ""),
        ("101000d", codes.RANGE, ""),
        ("30s1m", codes.BAD_UNIT, ""),
        (float("nan"), codes.RANGE, ""),
        (float("inf"), codes.RANGE, ""),
        (10**40, codes.RANGE, ""),
        (True, codes.WRONG_TYPE, ""),
        (None, codes.WRONG_TYPE, ""),
        ([], codes.WRONG_TYPE, ""),
        ("", codes.BAD_UNIT, ""),
        ("1" * 5000 + "s", codes.BAD_UNIT, ""),
        ("soon", codes.BAD_UNIT, ""),
    ],
)
def test_what_is_no_duration_says_what_to_write(value, code, remedy):
    """Bare, negative, endless, absurd and misspelt durations are told apart."""
    with pytest.raises(UnitError) as caught:
        units.duration(value)
    assert caught.value.code == code
    assert remedy in caught.value.help


@given(st.integers(0, units.LONGEST))
def test_a_shown_duration_reads_back(ns):
    """Every duration has a spelling that means exactly it."""
    assert units.duration(units.show_duration(ns)) == ns


@given(st.decimals(0, 10**6, places=6))
def test_decimal_seconds_are_exact(seconds):
    """A decimal fraction of a second is that fraction, to the nanosecond."""
    assert units.duration(f"{seconds:f}s") == Fraction(seconds) * SECOND


@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_a_unit_error(text):
    """No reader ever raises anything else."""
    for read in (units.duration, units.ratio, units.rate, units.factor):
        with contextlib.suppress(UnitError):
            read(text)


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers(), max_size=2)))
def test_no_bare_value_is_a_quantity(value):
    """Numbers without a unit never pass, whatever they are."""
    for read in (units.duration, units.ratio, units.rate, units.factor):
        with pytest.raises(UnitError):
            read(value)


@given(st.integers(0, 10_000), st.sampled_from(["s", "m", "min", "h", "d", "100ms", "2s"]))
def test_rates_keep_their_count_and_period(count, per):
    """``600/min`` is ten a second, exactly."""
    found = units.rate(f"{count}/{per}")
    ns = units.UNIT_NS.get(per) or units.duration(per)
    assert found.count == count
    assert found.exact == Fraction(count * SECOND, ns)


def test_ratios_and_factors():
    """Shares and factors are exact fractions."""
    assert units.ratio("10%") == Fraction(1, 10)
    assert units.ratio("0.5%") == Fraction(1, 200)
    assert units.factor("1.5x") == Fraction(3, 2)


@pytest.mark.parametrize(
    ("read", "value", "remedy"),
    [
        (units.ratio, 0.1, "write `10%`"),
        (units.ratio, 10, "write `10%`"),
        (units.ratio, "10", "write `10%`"),
        (units.rate, 80, "write `80/s`"),
        (units.rate, "80rps", "write `80/s`"),
        (units.rate, "80/sec", "write `80/s`"),
        (units.factor, 4, "write `4x`"),
        (units.factor, "400%", "write `4x`"),
        (units.ratio, "50 percent", "write `50%`"),
    ],
)
def test_the_likely_unit_is_suggested(read, value, remedy):
    """A remedy names the value with its unit."""
    with pytest.raises(UnitError) as caught:
        read(value)
    assert caught.value.help == remedy
