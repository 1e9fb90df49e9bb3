"""Arithmetic over counters where it has no number for an answer."""

from __future__ import annotations

from math import inf, isnan

import pytest

from resilience_sim.kernel.expression import Expression


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 / 0", inf), ("(0 - 1) / 0", -inf), ("0 ** (0 - 1)", inf), ("10 ** 400", inf), ("(0 - 8) ** 3", -512.0),
     ("2 ** 3 ** 2", 512.0)],
)  # fmt: skip
def test_what_is_beyond_numbers_is_infinite(text: str, value: float) -> None:
    assert Expression(text, ()).value([]) == value


@pytest.mark.parametrize("text", ["0 / 0", "(0 - 8) ** 0.5"])
def test_what_is_no_real_number_is_none_and_never_true(text: str) -> None:
    """The second was complex, which ended the run with an internal error."""
    expression = Expression(text, ())
    assert isnan(expression.value([]))
    assert not expression.holds([])
    assert not Expression(f"{text} > 0 || {text} <= 0", ()).holds([])
