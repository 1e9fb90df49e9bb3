"""Every shipped scenario with seed 1 does exactly, event by event, what it did when its digest was written down.

A change that is meant to change what happens regenerates the file, and says so in the changelog:

    python tests/test_golden.py --write
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load
from resilience_sim.scenario.text.shipped import names

FILE = Path(__file__).with_name("golden_digests.json")
SEED = 1
COMMAND = "python tests/test_golden.py --write"


def golden() -> dict[str, str]:
    found: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def digest(name: str) -> str:
    return simulate(load(name).plan, SEED).digest


def test_no_scenario_without_a_digest_and_no_digest_without_a_scenario() -> None:
    assert sorted(golden()) == names(), f"regenerate with: {COMMAND}"


@pytest.mark.parametrize("name", names())
def test_what_happens_has_not_changed(name: str) -> None:
    assert digest(name) == golden()[name], f"{name} runs differently; if that is meant: {COMMAND}"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(COMMAND)
    FILE.write_text(json.dumps({name: digest(name) for name in names()}, indent=2) + "\n", encoding="utf-8")
