"""One story of a request: explain, the inspector and comparisons say the same of the same events."""

from __future__ import annotations

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.story import BriefStory, StoryFold, read_story
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.text import shipped
from resilience_sim.views.story import request_story
from resilience_sim.views.story_node import draw
from resilience_sim.views.story_words import Context, sentence, step_words, tell

CLIENT = """
service: {latency: 50ms}
traffic: {rate: 1/s, arrivals: even, requests: 4}
faults: [{outage: {at: 0s, for: 100s, how: error}}]
"""
# stack, request, what every teller says of it
SAID = [
    ("retry: {attempts: 3, delay: 1s, budget: 0%}", 2, "had no budget for try 2"),
    ("circuit_breaker: {failure_threshold: 2, recovery_time: 9s}", 2,
     "rejected it: OPEN since 1.05s (2 failures in a row), 8.05s before it may probe"),
    ("rate_limiter: {limit: 1/10s}", 1, "rejected it: the next permit is 9s away"),
    ("fallback", 0, "answered in B's place, instead of `error`"),
    ("hedge: {delay: 10ms}", 0, "had no answer yet and sent leg 2"),
]  # fmt: skip


class Everything(Fold):
    """Every event."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self.events.append((t, kind, source, rid, a, b))


@pytest.mark.parametrize(("stack", "rid", "said"), SAID, ids=[stack for stack, _, _ in SAID])
def test_the_words_are_the_same_everywhere(stack: str, rid: int, said: str) -> None:
    plan = load_text(f"resim: 1\n{CLIENT}stack: [{stack}]\n", "s.yaml").plan
    run = Simulation(plan, 1)
    fold, everything = StoryFold(rid), Everything()
    run.attach(fold)
    run.attach(everything)
    run.run()
    assert said in sentence(fold.story, run.components)
    assert said in "\n".join(draw(request_story(Simulation(plan, 1), rid), 200))
    mine = [event for event in everything.events if event[3] == rid]
    told = tell(rid, mine, {component.id: component for component in run.components}, plan)
    without_cause = said.replace(" since 1.05s (2 failures in a row)", "")  # the inspector has the log beside it
    assert without_cause in [line.words for line in told.lines]


@pytest.mark.parametrize("name", shipped.names())
def test_records_agree_with_the_events(name: str) -> None:
    """Attempts, outcome and effects of every request of every shipped scenario, in full and in brief."""
    plan = load(name).plan
    everything, run = Everything(), Simulation(plan, plan.seed)
    run.attach(everything)
    run.run(budget=10_000)
    of: dict[int, list[ev.Event]] = {}
    for event in everything.events:
        if event[3] >= 0:
            of.setdefault(event[3], []).append(event)
    for rid, events in list(of.items())[:300]:
        story, brief = read_story(rid, events), BriefStory(rid, events[0][0])
        for _, kind, _, _, a, b in events:
            brief.take(kind, a, b)
        sent = [event[4] for event in events if event[1] == ev.SENT]
        assert [attempt.number for attempt in story.attempts] == sent
        assert [token[0] for token in brief.tokens if token[0]] == sent
        assert (story.outcome, story.latency, story.effects) == (brief.outcome, brief.latency, brief.effects)
        done = [event for event in events if event[1] == ev.DONE]
        assert [story.outcome] == [ev.outcome_of(event[4]) for event in done] or (not done and story.outcome == -1)
        assert all(step_words(step, Context())[0] for step in story.steps if step.kind != ev.END)
