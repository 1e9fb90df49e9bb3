"""Numbers for people: truncated shares, three digits, scenario units."""

from __future__ import annotations

import doctest

import pytest

from resilience_sim.kernel import format as fmt

S = fmt.SECOND


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"), (1, "1ns"), (850, "850ns"), (1_500, "1.5us"), (999_999, "1ms"), (49_720_000, "49.7ms"),
        (999_400_000, "999ms"), (999_700_000, "1s"), (1_234_000_000, "1.23s"), (59_940_000_000, "59.9s"),
        (59_960_000_000, "1m00s"), (92 * S, "1m32s"), (3599.6 * S, "1h00m"), (7500 * S, "2h05m"), (-5 * S, "-5s"),
    ],
)  # fmt: skip
def test_durations_have_three_digits_and_scenario_units(ns: float, text: str) -> None:
    assert fmt.duration(ns) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "100%"), (0.99999, "99.99%"), (1 - 1e-12, "99.99%"), (0.9999, "99.99%"),
        (0.995, "99.5%"), (0.9739, "97.3%"),
        (0.29, "29%"), (0.57, "57%"), (0.001, "0.1%"), (0.0000001, "<0.01%"), (1e-300, "<0.01%"),
        (0.0, "0%"), (1.5, "150%"),
        (None, "–"), (float("nan"), "–"), (-0.25, "-25%"),
    ],
)  # fmt: skip
def test_shares_are_truncated(value: float | None, text: str) -> None:
    assert fmt.share(value) == text


def test_no_share_below_one_reads_as_everything_and_none_above_zero_as_nothing() -> None:
    for n in range(1, 1800):
        assert fmt.share(1 - 1 / 3**n if n < 30 else 1 - 2**-53) != "100%"
        assert fmt.share(1.5**-n) != "0%"


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0s"), (31_400_000_000, "31.4s"), (1_999_600_000, "1.999s"), (600 * S, "10m00.0s"), (3725 * S, "1h02m05.0s")],
)
def test_instants(ns: int, text: str) -> None:
    assert fmt.instant(ns) == text


def test_the_clock_of_columns_never_runs_ahead() -> None:
    assert fmt.clock(1_999_999_999) == "1.999s"
    for ns in (1_999_999_999, 16_601_600_000, 29_343_999_999, 599_999_999_999):
        assert fmt.instant(ns) == fmt.clock(ns), "one instant reads the same everywhere"


def test_the_rest() -> None:
    assert [fmt.count(v) for v in (0, 1234, 1234.5, 2.5, None)] == ["0", "1,234", "1,234", "2.5", "–"]
    assert [fmt.short_count(v) for v in (9999, 12_345, 999_900, 4_560_000)] == ["9999", "12.3k", "1M", "4.56M"]
    assert [fmt.factor(v) for v in (1.0, 2.3149, 0.669, 0.0042, 0.0)] == ["1x", "2.31x", "0.67x", "0.0042x", "0x"]
    assert [fmt.points(v) for v in (0.41234, 0.01, -0.5, 0.0)] == ["+41.2 points", "+1 point", "-50 points", "0 points"]
    assert fmt.money(1234.5) == "1,234.50"
    assert fmt.in_unit(0.01, "ratio", signed=True) == "+1 point"
    assert fmt.in_unit(0.2, "seconds", signed=True) == "+200ms"
    assert fmt.in_unit(80.0, "per_second") == "80/s"
    assert fmt.plural(1, "crash", "crashes") == "1 crash"


def test_examples_in_the_documentation() -> None:
    assert doctest.testmod(fmt).failed == 0
