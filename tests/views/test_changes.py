"""What a scenario changes while it runs is seen as what it is: in frames, in lines, in stories."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.actions import Remove
from resilience_sim.views.actions_text import action_texts
from resilience_sim.views.live.frame import frame
from resilience_sim.views.live.look import ASCII, UNICODE
from resilience_sim.views.live.race import race_frame
from resilience_sim.views.plain import PlainFold
from resilience_sim.views.story import instant_story, request_story
from resilience_sim.views.story_node import draw
from views.scenes import BUSY, lines, scenario, state_at

S = 1_000_000_000
CHANGES = """changes:
  - {at: 9s, set: {retry.attempts: 1}}
  - {at: 15s, add: {bulkhead: {max_concurrent: 9}}, inside: retry}
  - {at: 15s, set: {circuit_breaker: {like: polly}}}
  - {at: 20s, reorder: [timeout, bulkhead, retry, circuit_breaker]}
  - {at: 25s, remove: retry}
"""
SAID = [
    "retry: attempts 1",
    "bulkhead added: {max_concurrent: 9}",
    "circuit_breaker: {like: polly}",
    "order timeout > bulkhead > retry > circuit_breaker",
    "retry removed",
]


@pytest.fixture(scope="module")
def plan():
    return scenario(BUSY + CHANGES).plan


def test_their_words(plan) -> None:
    assert [(change.t // S, change.words, change.own) for change in action_texts(plan)] == [
        (t, words, True) for t, words in zip([9, 15, 15, 20, 25], SAID, strict=True)
    ]


def test_a_frame_marks_them_on_its_axis_and_says_the_last_ones(plan) -> None:
    state = state_at(plan, 16)
    shown = lines(frame(state, 140, 50))
    row = next(line for line in shown if line.startswith("changes"))
    assert row.count(UNICODE.now) == 4
    assert row.rstrip().endswith("2 of 4")
    assert [note[3] for note in state.notes if note[2] == "changed"] == SAID[:3]
    assert row.count(UNICODE.now) == next(
        line for line in lines(frame(state, 80, 24, look=ASCII)) if line.startswith("changes")
    ).count(ASCII.now)


def test_a_frame_without_changes_has_no_such_row() -> None:
    assert not any(line.startswith("changes") for line in lines(frame(state_at(scenario(BUSY).plan, 5), 140, 50)))


def test_a_race_keeps_its_columns_level(plan) -> None:
    """Also where only one of the runs changes."""
    states = [state_at(plan, 16, name="changing"), state_at(replace(plan, actions=()), 16, name="still")]
    shown = lines(race_frame(states, 16 * S, 200, 60))
    row = next(line for line in shown if line.startswith("changes"))
    assert row.count("changes") == 2
    assert row.count(UNICODE.now) == 4


def test_lines_for_where_nobody_watches(plan) -> None:
    out = io.StringIO()
    simulation = Simulation(plan, 1)
    simulation.attach(PlainFold(out, plan, simulation.components, False, action_texts(plan)))
    drain(simulation)
    found = [line.split(None, 4) for line in out.getvalue().splitlines() if "  change  " in line]
    assert [(line[0], line[4].strip()) for line in found] == [
        (f"{t}.000s", words) for t, words in zip([9, 15, 15, 20, 25], SAID, strict=True)
    ]


def test_a_story_of_an_instant_knows_the_stack_of_then(plan) -> None:
    story = draw(instant_story(Simulation(plan, 1), 22 * S), 10_000)
    assert [line for line in story if "changed at" in line] == [
        f"├─ changed at {t}s: {words}" for t, words in zip([9, 15, 15, 20], SAID, strict=False)
    ]
    layers = [line.split("`")[1] for line in story if line.startswith("│") and "`" in line]
    assert layers[:4] == ["timeout", "bulkhead", "retry", "circuit_breaker"]
    before = draw(instant_story(Simulation(plan, 1), 5 * S), 10_000)
    assert [line.split("`")[1] for line in before if line.startswith("│") and "`" in line][:3] == [
        "circuit_breaker",
        "retry",
        "timeout",
    ]


def test_every_request_has_a_story_whatever_is_changed_around_it(plan) -> None:
    """Those under way at a change name it; by hand or not makes no difference."""
    told = 0
    for t in (9, 15, 20, 25):
        state = state_at(plan, t - 1e-6)
        for rid in [rid for rid, request in state.stream.items() if request.outcome < 0][:2]:
            story = "\n".join(draw(request_story(Simulation(plan, 1), rid), 10_000))
            told += "changed: " in story
    assert told >= 4
    still, by_hand = replace(plan, actions=()), list(plan.actions)
    simulation = Simulation(still, 1, [])
    for action in by_hand:
        simulation.act(action)
    drain(simulation)
    assert simulation.actions == by_hand


def test_what_somebody_makes_impossible_is_not_told(plan) -> None:
    """Removed by hand, a policy cannot be changed by the scenario later."""
    said = [change.words for change in action_texts(plan, [Remove(5 * S, "retry")])]
    assert said == ["retry removed", "bulkhead added: {max_concurrent: 9}", "circuit_breaker: {like: polly}"]
