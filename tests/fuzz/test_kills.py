"""A few of the kills that kills.py makes by the hundred."""

from __future__ import annotations

import random
import sys

import pytest

from .kills import trial

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc, and needs a terminal of its own")


@pytest.mark.parametrize(
    ("command", "signal", "stage"),
    [
        ("run", "KILL", "at work"),
        ("run", "TERM", "starting"),
        ("compare", "KILL", "at work"),
        ("play", "HUP", "at work"),
        ("play", "TERM", "at work"),
    ],
)
def test_killed_it_leaves_nothing_but_what_can_be_read(command, signal, stage):
    """No process, no file of its own that the next run would not remove, and a recording that is whole."""
    found = trial(command, signal, random.Random(f"{command}{signal}"), stage=stage, patient=True)
    assert not found.faults, found
    assert found.events >= 0 or stage == "starting" or command == "compare"
