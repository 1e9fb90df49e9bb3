"""``PATH=SPEC``: what can be written, and what is said of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.experiments.specs import SpecError, parse_range, parse_setting, parse_spec, split

VALUES = [
    ("1..6", ("1", "2", "3", "4", "5", "6")),
    ("6..1", ("6", "5", "4", "3", "2", "1")),
    ("1..100:4", ("1", "34", "67", "100")),
    ("50/s..120/s:8", ("50/s", "60/s", "70/s", "80/s", "90/s", "100/s", "110/s", "120/s")),
    ("10ms..1s:3:log", ("10ms", "100ms", "1s")),
    ("1..1000:4:log", ("1", "10", "100", "1000")),
    ("0%..10%:3", ("0%", "5%", "10%")),
    ("1x..2x:3", ("1x", "1.5x", "2x")),
    ("0.5..2:4", ("0.5", "1", "1.5", "2")),
    ("5%,10%,none", ("5%", "10%", "none")),
    ("5%,~", ("5%", "null")),
    ("fifo,lifo", ("fifo", "lifo")),
    ("3", ("3",)),
    ("{kind: token_bucket, capacity: 5},10%", ("{kind: token_bucket, capacity: 5}", "10%")),
    ("1..3:9", ("1", "2", "3")),
]


@pytest.mark.parametrize(("spec", "values"), VALUES)
def test_values(spec, values):
    assert parse_spec("a.b", spec).values() == values


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("1..x", "`x` in `1..x` is no quantity"), ("1s..5%", "of two kinds"), ("5..5", "begins where it ends"),
        ("0ms..1s:4:log", "no logarithm at zero"), ("1s..2s:1", "neither a number of values"), (",", "no values"),
        ("1s..2s:lag", "neither a number of values"), ("1..1000000", "more than 10,000 values"),
        (f"1..{'9' * 400}", "is no quantity"), (f"0s..{'9' * 400}s", "is no quantity"),
    ],
)  # fmt: skip
def test_mistakes_name_what_is_wrong(spec, words):
    with pytest.raises(SpecError, match=r"\S") as caught:
        parse_spec("a.b", spec)
    assert words in str(caught.value)
    assert caught.value.help


@pytest.mark.parametrize("path", ["seed", "name", "about"])
def test_what_makes_no_difference_is_refused(path):
    """All values of a seed would get the same figures, which looks like an answer."""
    with pytest.raises(SpecError, match="makes no difference"):
        parse_spec(path, "1..3")


def test_a_range_is_not_a_list():
    with pytest.raises(SpecError, match="is no range"):
        parse_range("a.b", "1,2")
    with pytest.raises(SpecError, match="no PATH=SPEC"):
        parse_setting("retry.attempts", "x=1")
    assert parse_setting(" a.b = 1..2 ", "x=1") == ("a.b", "1..2")


def test_only_ranges_of_quantities_are_continuous():
    assert [parse_spec("p", text).continuous for text in ("1s..2s", "1..2", "1s..2s:4", "1s,2s")] == [
        True, False, False, False,
    ]  # fmt: skip


@given(st.lists(st.text("ab{[(:\"'", min_size=1), min_size=1, max_size=5))
def test_splitting_never_fails(parts):
    assert split(",".join(parts))
