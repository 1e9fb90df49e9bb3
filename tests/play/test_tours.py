"""Tours: data that fits, and every event that answers a question does come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience_sim.play.session import Session
from resilience_sim.play.tour import Guide, TourError, load, names
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load as load_scenario
from resilience_sim.views.live.look import ASCII, UNICODE
from resilience_sim.views.next_step import TOURS

LESSONS = [
    "first-look", "why-resilience", "retries", "breaker-states", "order", "thread-exhaustion", "double-charge",
    "idempotency-key", "cascade", "retry-amplification", "tail-at-scale",
]  # fmt: skip


def guided(name: str) -> Guide:
    tour = load(name)
    scenario = load_scenario(tour.scenario)
    plan = next((each.plan for each in scenario.variants if each.name == tour.variant), scenario.plan)
    return Guide(tour, Session(scenario, Simulation(plan, tour.seed or plan.seed, [])))


def test_the_lessons_in_their_order() -> None:
    assert names() == LESSONS


def test_the_summary_names_tours_that_are_there() -> None:
    assert all(load(tour).scenario == scenario for scenario, tour in TOURS.items())


@pytest.mark.parametrize("name", LESSONS)
def test_every_question_is_answered(name: str) -> None:
    """By its event, before the run is over, in words without holes; and all of it fits on 80 columns."""
    guide = guided(name)
    answers = 0
    for _ in range(100):
        if guide.done:
            break
        for width, height, look in ((80, 6, UNICODE), (140, 7, ASCII)):
            rows = guide.rows(look, width, height)
            assert all(row.width <= width for row in rows)
        guide.go_on()
        for _ in range(20_000):
            if not guide.waiting:
                break
            guide.session.frame(1 / 15)
            guide.look()
        if guide.told and guide.step.until:
            assert "The run is over" not in guide.told
            assert "{" not in guide.told
            answers += 1
    assert guide.done
    assert answers >= sum(bool(step.until) for step in guide.tour.steps)


@pytest.mark.parametrize("name", LESSONS)
def test_no_text_is_too_long_for_a_small_screen(name: str) -> None:
    """Four lines of eighty columns for what to watch and the question together, and for each answer."""
    from resilience_sim.views.text import Row, wrap

    for step in load(name).steps:
        lines = len(wrap(Row(step.watch), 78)) + len(wrap(Row(step.ask), 78)) * bool(step.ask)
        assert lines <= 5, step.watch
        assert len(wrap(Row(step.answer), 78)) <= 5, step.answer


def test_a_step_that_cannot_be_says_so() -> None:
    with pytest.raises(TourError, match="no tour"):
        load("nowhere")
    guide = guided("first-look")
    guide.tour = replace(guide.tour, steps=(replace(guide.step, until={"sunshine": True}),))
    with pytest.raises(TourError, match="sunshine"):
        guide.go_on()
