"""Snapshots: the text and back, and what is called changed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.experiments.snapshot import (
    ERROR,
    FIGURES,
    Entry,
    Snapshot,
    SnapshotError,
    compare,
    entry_of,
    read_text,
    text_of,
    updated,
)
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

SCENARIO = """\
resim: 1
name: small
service: {latency: 50ms, failure_rate: 30%}
traffic: {rate: 10/s, requests: 100, arrivals: even}
faults:
  - outage: {id: main, at: 3s, for: 2s}
stack:
  - circuit_breaker: {failure_threshold: 3, recovery_time: 1s}
  - retry: {attempts: 3, delay: 100ms}
expect: [availability >= 10%]
"""
SEEDS = range(1, 21)


def entry(text: str) -> Entry:
    scenario = load_text(text, "small.yaml")
    return entry_of(scenario, [simulate(scenario.plan, seed) for seed in SEEDS])


def noted(**entries: Entry) -> Snapshot:
    return Snapshot(tuple(SEEDS), entries)


@pytest.fixture(scope="module")
def small() -> Entry:
    return entry(SCENARIO)


numbers = st.one_of(st.none(), st.floats(0, 1).map(lambda x: float(f"{x:.6g}")))
columns = st.lists(numbers, min_size=3, max_size=3).map(tuple)
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)


@given(
    st.dictionaries(
        names.filter(lambda name: ":" not in name),
        st.tuples(st.dictionaries(names.filter(lambda n: ":" not in n), names), st.tuples(*[columns] * 3)),
        max_size=4,
    )
)
def test_what_is_written_is_read_back(entries):
    taken = {
        path: Entry(settings, {name: figures[place % 3] for place, name in enumerate(FIGURES)})
        for path, (settings, figures) in entries.items()
    }
    snapshot = Snapshot((4, 5, 6), taken)
    again = read_text(text_of(snapshot))
    assert again.seeds == snapshot.seeds
    assert {path: each.figures for path, each in again.entries.items()} == {
        path: each.figures for path, each in taken.items()
    }
    assert {path: each.settings for path, each in again.entries.items()} == {
        path: each.settings for path, each in taken.items()
    }


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda text: "", None),
        (lambda text: text.replace("snapshot 1", "snapshot 2"), "resim snapshot 2"),
        (lambda text: text.replace("[small]", "<<<<<<< ours\n[small]", 1), "<<<<<<< ours"),
        (lambda text: text[: text.index("\n# What each seed")], "  0 in every run: "),
        (lambda text: text.replace("\navailability ", "\navailability 1 "), "availability 1 "),
        (lambda text: text.replace("\navailability ", "\navailability -0."), "availability -0."),
    ],
)
def test_a_damaged_snapshot_names_its_line(small, change, place):
    text = change(text_of(noted(small=small)))
    with pytest.raises(SnapshotError) as failure:
        read_text(text)
    assert place is None or text.splitlines()[failure.value.line - 1].startswith(place)


@pytest.mark.parametrize(
    "neutral",
    [
        ("name: small", "name: other\nabout: the same with other words"),
        ("service: {latency: 50ms, failure_rate: 30%}", "service: {failure_rate: 30%, latency: 50ms} # turned"),
        ("retry: {attempts: 3, delay: 100ms}", "retry: {delay: 0.1s, attempts: 3}"),
        ("id: main", "id: other"),
        ("expect: [availability >= 10%]", "expect: [availability >= 20%]"),
    ],
)
def test_what_decides_nothing_changes_nothing(small, neutral):
    found = compare(noted(small=small), noted(small=entry(SCENARIO.replace(*neutral))))
    assert not any(one.changed for one in found)


@pytest.mark.parametrize(
    ("planted", "path", "figure"),
    [
        (("attempts: 3", "attempts: 4"), "stack.retry.attempts", "attempts_per_request"),
        (("for: 2s", "for: 3s"), "faults.outage.for", "availability"),
        (("failure_rate: 30%", "failure_rate: 35%"), "service.failure_rate", "attempts_per_request"),
        (("latency: 50ms", "latency: 60ms"), "service.latency", "p50_success"),
    ],
)
def test_a_planted_change_is_found_with_its_setting(small, planted, path, figure):
    (one,) = compare(noted(small=small), noted(small=entry(SCENARIO.replace(*planted))))
    assert one.changed
    assert [name for name, _, _ in one.settings] == [path]
    assert figure in [each.metric for each in one.figures if each.real]


def test_the_order_of_policies_is_a_setting_and_that_of_faults_is_none(small):
    lines = SCENARIO.splitlines()
    breaker, retry = lines.index("stack:") + 1, lines.index("stack:") + 2
    lines[breaker], lines[retry] = lines[retry], lines[breaker]
    (one,) = compare(noted(small=small), noted(small=entry("\n".join(lines))))
    assert ("stack", "circuit_breaker > retry", "retry > circuit_breaker") in one.settings
    two = SCENARIO.replace("stack:", "  - spike: {at: 6s, for: 1s, rate: 2x}\nstack:")
    turned = two.replace("  - outage: {id: main, at: 3s, for: 2s}\n", "").replace(
        "stack:", "  - outage: {id: main, at: 3s, for: 2s}\nstack:", 1
    )
    assert compare(noted(small=entry(two)), noted(small=entry(turned))) == []


def test_scenarios_that_come_and_go(small):
    gone, new = compare(noted(old=small), noted(young=small))
    assert (gone.path, gone.missing, gone.changed) == ("old", "now", True)
    assert (new.path, new.missing, new.changed) == ("young", "then", True)


def test_luck_alone_is_called_a_change_as_rarely_as_promised():
    """Whole snapshots of which every figure is drawn anew, skewed and rare ones among them."""
    rng = random.Random(5)

    def luck() -> Entry:
        draws = {
            "availability": lambda: rng.gauss(0.9, 0.02),
            "p99_success": lambda: rng.expovariate(1.0),
            "duplicates": lambda: float(rng.random() < 0.1),
            "recovery": lambda: rng.gauss(3, 1) if rng.random() < 0.7 else None,
        }
        return Entry({}, {name: tuple(draw() for _ in range(20)) for name, draw in draws.items()})

    rounds = 1500
    wrong = sum(
        any(
            one.changed
            for one in compare(Snapshot(tuple(range(20)), {"a": luck()}), Snapshot(tuple(range(20)), {"a": luck()}))
        )
        for _ in range(rounds)
    )
    assert wrong <= rounds * ERROR + 3 * (rounds * ERROR) ** 0.5


def test_an_update_leaves_what_differs_by_chance(small):
    """So that the diff of the file shows changes only."""
    luck = {**small.figures, "availability": tuple((value or 0) + 1e-5 * (-1) ** n for n, value in enumerate(SEEDS))}
    old = Entry(small.settings, luck)
    new = entry(SCENARIO.replace("latency: 50ms", "latency: 60ms"))
    moved = Entry(new.settings, {**new.figures, "availability": tuple(float(seed) for seed in reversed(SEEDS))})
    found = compare(noted(a=old), noted(a=moved))
    written = updated(noted(a=old), noted(a=moved), found).entries["a"]
    assert written.figures["availability"] == old.figures["availability"]
    assert written.figures["p50_success"] == new.figures["p50_success"]
    assert written.settings == new.settings
