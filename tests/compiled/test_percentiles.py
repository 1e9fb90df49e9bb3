"""High percentiles are found without counting all values where that is quicker, and are the same."""

from __future__ import annotations

from pathlib import Path

from .forms import run


def test_the_highest_alone(compiled):
    """Of 30 bags: six questions with ten percentiles, and two of a bag that has grown since."""
    form, right, at_once = run(compiled, Path(__file__).with_name("percentiles.py")).split()
    assert form == "compiled"
    assert int(right) == 30 * (10 + 2)
    assert 20 < int(at_once) < 60
