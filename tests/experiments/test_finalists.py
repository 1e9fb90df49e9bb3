"""Which few settings stand for a front."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from resilience_sim.experiments.crew import Alone
from resilience_sim.experiments.finalists import FINALISTS, added_volume, spread
from resilience_sim.experiments.questions import question
from resilience_sim.experiments.race import Candidate, Race
from resilience_sim.experiments.study import Study
from resilience_sim.measure.result import Reading
from resilience_sim.scenario.load import load

TUNING = question(load("hedged-tail"), requests=1_000_000)  # p99_success and amplification are to be low


def union(points: list[tuple[float, ...]], worst: tuple[float, ...]) -> float:
    """The volume that some points dominate together."""
    return sum(added_volume(point, points[:place], worst) for place, point in enumerate(points))


@settings(max_examples=25)
@given(st.lists(st.integers(1, 400), min_size=8, max_size=24, unique=True), st.data())
def test_no_exchange_of_one_for_another_dominates_more(places: list[int], data: st.DataObject) -> None:
    """But for the first, which is the best in what is asked for first."""
    places.sort()
    costs = sorted(data.draw(st.lists(st.integers(1, 400), min_size=len(places), max_size=len(places))), reverse=True)
    race = Race(TUNING, Alone(), Study(), time.monotonic, None)
    front = []
    for x, y in zip(places, costs, strict=True):
        each = Candidate({}, f"{x}", None)
        each.readings = [(Reading(x / 100), Reading(y / 100), Reading(1.0))] * 2
        front.append(each)
    chosen = spread(race, [front])
    assert len(chosen) == FINALISTS
    assert chosen[0] is front[0]
    points = [race.values(each)[0] for each in chosen]
    every = [race.values(each)[0] for each in front]
    worst = tuple(max(column) + 0.1 * (max(column) - min(column)) for column in zip(*every, strict=True))
    best = union(points, worst)
    for place in range(1, FINALISTS):
        for each in every:
            other = [*points[:place], each, *points[place + 1 :]]
            assert union(other, worst) <= best * (1 + 1e-6)
