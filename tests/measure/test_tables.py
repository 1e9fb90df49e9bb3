"""The tables that people query: what they say of an attempt is what happened to it."""

from __future__ import annotations

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure import tables
from resilience_sim.measure.story import Step
from resilience_sim.measure.tables import TablesFold
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load_text
from resilience_sim.views.story_words import Context, step_words

BUSY = """\
resim: 1
service: {latency: 100ms, workers: 1}
traffic: {rate: 40/s, requests: 20, arrivals: even}
stack: [{timeout: {after: 250ms, passes_on: PASSES}}]
"""


class Left(Fold):
    """All events, and the words of those that left the queue."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.words: set[str] = set()

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self.events.append((t, kind, source, rid, a, b))
        if kind == ev.LEFT_QUEUE:
            self.words.add(step_words(Step(t, kind, source, a, b), Context())[0].partition(": ")[2])


@pytest.mark.parametrize(("passes", "works"), [("true", {"expired"}), ("false", set())])
def test_work_that_is_too_late_by_the_deadline_it_was_told_is_called_expired(passes: str, works: set[str]) -> None:
    """`--out csv` ended with an IndexError, and `explain` said that the replica was lost."""
    plan = load_text(BUSY.replace("PASSES", passes), "busy.yaml", files={}).plan
    simulation = Simulation(plan, 1)
    fold, left = TablesFold(simulation.components, 0), Left()
    simulation.attach(left)
    drain(simulation)
    fold.take(left.events)
    fold.close()
    assert {row[9] for row in fold.drain()["attempts"]} - {"success", None} == works
    assert left.words == ({"the deadline it was told had passed"} if works else set())


def test_every_way_to_leave_the_queue_has_a_word() -> None:
    assert len(tables._LEFT_QUEUE) == len(ev.LEFT_NAMES)
