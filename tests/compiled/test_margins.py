"""The cliff of the shipped retry storm against arithmetic: too many runs for the interpreted core."""

from __future__ import annotations

import json

import pytest

from .forms import run

COMMAND = ("-m", "resilience_sim", "margins", "retry-storm", "--axis", "load", "--json")


def test_the_retry_storm_s_cliff(compiled):
    """3 attempts x 33.3/s are B's 100/s, with a budget of 10 % 1.1 x 90.9/s; a longer run comes nearer."""
    document = json.loads(
        run(compiled, *COMMAND, "--variant", "budget", "--runs", "6", "--set", "traffic.duration=300s")
    )
    storm, budget = document["margins"]
    assert storm["p50"] * 60 == pytest.approx(100 / 3, rel=0.03)
    assert budget["p50"] * 60 == pytest.approx(100 / 1.1, rel=0.03)
    assert storm["broken_by"] == budget["broken_by"] == "collapse"
    as_shipped = json.loads(run(compiled, *COMMAND, "--runs", "60"))["margins"][0]
    assert as_shipped["p50"] * 60 == pytest.approx(100 / 3, rel=0.08)
    assert as_shipped["ci95"]["p5"][0] is not None
    grid = 60 * sum(3600 * 1.01**step for step in range(-60, 1))  # the requests of a grid as fine from 0.55x to today
    assert as_shipped["requests_simulated"] < grid / 5
