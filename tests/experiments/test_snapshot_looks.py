"""Snapshots that cannot tell by themselves: more seeds, on both sides, for scenarios whose settings changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cli.shell import resim

from experiments.test_snapshot import SCENARIO as SMALL
from resilience_sim.experiments.snapshot import (
    ERROR,
    FIGURES,
    FIRST,
    Compared,
    Entry,
    Snapshot,
    compare,
    entry_of,
    read_text,
    text_of,
)
from resilience_sim.experiments.snapshot_looks import LOOKS, looked_at_again
from resilience_sim.measure.result import RunResult
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import Plan

SEEDS = range(1, 11)


def loaded(text: str) -> Scenario:
    return load_text(text, "small.yaml")


@cache
def entry(text: str) -> Entry:
    scenario = loaded(text)
    return entry_of(scenario, [simulate(scenario.plan, seed, metrics=FIGURES) for seed in SEEDS])


def checked(before: Entry, text: str) -> tuple[Compared, list[Sequence[int]]]:
    """The answer after all looks, and the seeds of each."""
    looks: list[Sequence[int]] = []

    def run(plans: Mapping[str, Plan], seeds: Sequence[int]) -> Mapping[str, Sequence[RunResult]]:
        looks.append(seeds)
        return {name: [simulate(plan, seed, metrics=FIGURES) for seed in seeds] for name, plan in plans.items()}

    then, now = (Snapshot(tuple(SEEDS), {"a": each}) for each in (before, entry(text)))
    (found,) = looked_at_again(then, now, compare(then, now), {"a": loaded(text)}, run)
    return found, looks


def test_all_looks_together_are_wrong_as_rarely_as_promised() -> None:
    assert FIRST + sum(error for _, error in LOOKS) == pytest.approx(ERROR)


def test_a_change_that_few_seeds_cannot_tell_is_told_by_more() -> None:
    text = SMALL.replace("failure_rate: 30%", "failure_rate: 30.5%")
    found, looks = checked(entry(SMALL), text)
    assert (found.changed, found.runs) == (True, 40)
    assert looks == [tuple(range(1, 41))]  # the third look is not taken any more
    assert found.settings == (("service.failure_rate", "30%", "30.5%"),)


def test_what_more_seeds_do_not_tell_either_stays_chance() -> None:
    short = SMALL.replace("requests: 100", "requests: 66")
    found, looks = checked(entry(short), short.replace("at: 3s", "at: 3.05s"))
    assert (found.changed, found.runs) == (False, 0)
    assert [len(seeds) for seeds in looks] == [40, 160]


@pytest.mark.parametrize("source", ["", "{}", '{"resim": 1, "sevrice": {}}'])
def test_a_snapshot_that_does_not_say_how_it_was_is_taken_as_it_is(source: str) -> None:
    """Of an earlier resim, or of a later one with other settings."""
    text = SMALL.replace("failure_rate: 30%", "failure_rate: 30.5%")
    found, looks = checked(replace(entry(SMALL), source=source), text)
    assert (found.changed, looks) == (False, [])


def test_what_is_clear_is_not_looked_at_again() -> None:
    found, looks = checked(entry(SMALL), SMALL.replace("attempts: 3", "attempts: 4"))
    assert (found.changed, found.runs, looks) == (True, 0, [])


def test_the_settings_survive_the_file_and_make_the_same_run() -> None:
    again = read_text(text_of(Snapshot(tuple(SEEDS), {"a": entry(SMALL)}))).entries["a"]
    assert again == entry(SMALL)
    assert entry(again.source).figures == entry(SMALL).figures
    assert "expect" not in again.source


def test_of_services_the_first_is_the_one_that_users_ask_also_when_keys_are_sorted() -> None:
    text = (
        "resim: 1\nservices:\n  shop: {calls: [{to: db}]}\n  db: {latency: 5ms}\ntraffic: {rate: 9/s, requests: 20}\n"
    )
    turned = text.replace(
        "  shop: {calls: [{to: db}]}\n  db: {latency: 5ms}\n", "  db: {latency: 5ms}\n  shop: {calls: [{to: db}]}\n"
    )
    assert entry(entry(text).source).figures == entry(text).figures
    assert dict(entry(text).settings)["services"] == "users ask shop"
    assert dict(entry(turned).settings)["services"] == "users ask db"


def test_the_command_says_that_it_took_more_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick.yaml").write_text(SMALL)
    assert resim("snapshot", "--runs", "10").code == 0
    (tmp_path / "quick.yaml").write_text(SMALL.replace("failure_rate: 30%", "failure_rate: 30.5%"))
    answer = resim("snapshot", "--check", "--out", "json=x.json")
    assert answer.code == 1
    assert "the mean of 40 seeds on both sides: fewer could not tell" in answer.out
    (one,) = json.loads((tmp_path / "x.json").read_text())["snapshot"]["differ"]
    assert one["runs"] == 40
