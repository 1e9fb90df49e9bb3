"""What holds for every shipped scenario: it is what it says, teaches, and its own expectations hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resilience_sim.measure.expectations import evaluate
from resilience_sim.scenario.load import load
from resilience_sim.scenario.text.shipped import about, find, names
from stories.figures import WRITTEN, run, scenario

PROMISED = {
    "first-look",
    "transient-blip",
    "hard-outage",
    "thread-exhaustion",
    "retry-order",
    "retry-storm",
    "double-charge",
    "idempotency-key",
    "http-methods",
    "payments-complete",
    "flapping-breaker",
    "slow-dependency",
    "thundering-herd",
    "cold-cache-recovery",
    "hedged-tail",
    "partial-replica",
}
COMMAND = re.compile(r"^#\s+(?:.*?:\s+)?resim (run|compare|replay) (\S+)((?: --\S+ \S+)*)", re.MULTILINE)
SEEDS = (1, 2, 3, 4)

pytestmark = pytest.mark.usefixtures("compiled_runs")


def text(name: str) -> str:
    path = find(name)
    assert path is not None
    return path.read_text(encoding="utf-8")


def test_what_was_promised_is_there() -> None:
    assert set(names()) >= PROMISED


@pytest.mark.parametrize("name", names())
def test_a_scenario_is_what_it_says(name: str) -> None:
    loaded = scenario(name)
    assert loaded.plan.name == name
    assert loaded.warnings == ()
    assert loaded.plan.about == about(name)
    assert 20 < len(loaded.plan.about) <= 120
    assert loaded.plan.expect
    assert loaded.variants


@pytest.mark.parametrize("name", names())
def test_the_head_comment_teaches(name: str) -> None:
    head = text(name).split("resim: 1", 1)[0]
    assert head.startswith("# ")
    assert re.search(r"^# Watch", head, re.MULTILINE)
    assert "# Try next" in head
    assert all(len(line) <= 120 for line in text(name).splitlines())


@pytest.mark.parametrize("name", names())
def test_the_commands_in_comments_can_be_typed(name: str) -> None:
    commands = COMMAND.findall(text(name))
    assert len(commands) >= 2
    for verb, target, options in commands:
        if verb == "replay":
            assert target.endswith(".resim")
            continue
        assert Path(target).suffix == ""
        assert target in names()
        overrides = re.findall(r"--set (\S+)", options)
        assert load(target, overrides).plan.name == target


@pytest.mark.parametrize("name", names())
def test_a_run_is_worth_watching(name: str) -> None:
    result = run(name, WRITTEN, 1)
    assert 20 <= result.document["virtual_seconds"] <= 125
    assert result.document["requests"]["total"] >= 60


@pytest.mark.parametrize("name", names())
def test_its_expectations_hold_in_a_run_and_with_every_variant(name: str) -> None:
    loaded = scenario(name)
    variants = [WRITTEN, *(variant.name for variant in loaded.variants)]
    first = {variant: [run(name, variant, 1)] for variant in variants}
    verdicts = evaluate(loaded.plan.expect, first)
    assert len(verdicts) == len(loaded.plan.expect)
    assert [(v.that, v.scope, v.value) for v in verdicts if v.verdict != "pass"] == []
    several = {variant: [run(name, variant, seed) for seed in SEEDS] for variant in variants}
    verdicts = evaluate(loaded.plan.expect, several)
    assert [(v.that, v.scope, v.value, v.ci95) for v in verdicts if v.verdict == "fail"] == []
