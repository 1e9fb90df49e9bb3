"""Stories of requests and instants: what is told is what happened, and a recording tells the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.shell import resim

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sim import FOREVER, UNLIMITED
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.text import shipped
from resilience_sim.views.request_trace import SECOND, RequestTraceFold
from resilience_sim.views.story import NothingThere, instant_story, request_story
from resilience_sim.views.story_node import draw


def source(text: str) -> Simulation:
    """A scenario given by its sections."""
    plan = load_text(f"resim: 1\n{text}", "s.yaml").plan
    return Simulation(plan, plan.seed)


def told(text: str, rid: int) -> str:
    return "\n".join(draw(request_story(source(text), rid), 200))


RETRIED = """
service: {latency: 50ms}
traffic: {rate: 1/s, arrivals: even, requests: 3}
faults: [{outage: {at: 0s, for: 1500ms, how: error}}]
stack: [{retry: {attempts: 3, delay: 1s, backoff: exponential}}]
"""


def test_a_request_that_is_tried_again():
    """Two tries fail, the third works; waits with their formula, attempts with their outcome."""
    story = told(RETRIED, 0).splitlines()
    assert story[0].startswith("request #0 arrived at 0s and ended with success after 3.15s, 3 attempts")
    assert any("0s (+0s): attempt 1; at B#1; error after 50ms" in line for line in story)
    assert any("1.05s (+1.05s): `retry`: try 2 of 3, after a wait of 1s (1s x 2^0)" in line for line in story)
    assert any("3.1s (+3.1s): `retry`: try 3 of 3, after a wait of 2s (1s x 2^1)" in line for line in story)
    assert story[-1] == "└─ `retry`: `success`: done at try 3"


def test_the_last_attempt_and_outcomes_that_are_not_retried():
    """Why it was not tried again."""
    always = RETRIED.replace("1500ms", "100s")
    assert "`retry`: `error` again: that was the last of 3 tries" in told(always, 0)
    assert "`error` is not among the outcomes" in told(always.replace("attempts: 3", "attempts: 3, on: [timeout]"), 0)
    assert "it had no budget for try 2" in told(always.replace("attempts: 3", "attempts: 3, budget: 0%"), 2)


BREAKER = """
service: {latency: 50ms}
traffic: {rate: 2/s, arrivals: even, requests: 12}
faults: [{outage: {id: main, at: 1s, for: 3s, how: error}}]
stack: [{circuit_breaker: {failure_threshold: 2, recovery_time: 1s}}]
"""


def test_a_breaker_that_opens_rejects_and_probes():
    """Its knowledge at each request: a failure counted, the opening, what is left until the probe, the probe."""
    assert "`circuit_breaker` was CLOSED; 0 failures in a row, it opens at 2" in told(BREAKER, 2)
    third = told(BREAKER, 3)
    assert "`circuit_breaker` was CLOSED; 1 failure in a row, it opens at 2" in third
    assert "1.55s (+50ms): `circuit_breaker` became OPEN: 2 failures in a row" in third
    assert "`circuit_breaker` rejected it: OPEN since 1.55s (2 failures in a row), 550ms before it may probe" in told(
        BREAKER, 4
    )
    probe = told(BREAKER, 6)
    assert "let it through as a probe" in probe
    assert "became OPEN: probe failed: error" in probe


def test_a_timeout_and_the_work_that_went_on():
    """Who gave up, and what B did for nobody."""
    story = told(
        """
service: {latency: 300ms}
operation: {method: POST}
traffic: {rate: 1/s, arrivals: even, requests: 1}
stack: [{retry: {attempts: 2, delay: 100ms}}, {timeout: {after: 200ms}}]
""",
        0,
    )
    assert "timeout after 200ms" in story
    assert "B worked on it until 300ms, 300ms for nobody".replace("300ms, ", "0.3s, ") in story
    assert "its effect happened AGAIN: a duplicate" in story
    assert "`timeout` gave up after 200ms" in story


def test_nested_retries_make_nested_tries():
    """Two by two: four attempts, each under its own try."""
    nested = RETRIED.replace("1500ms", "100s").replace(
        "[{retry: {attempts: 3, delay: 1s, backoff: exponential}}]",
        "[{retry: {id: outer, attempts: 2, delay: 1s}}, {retry: {id: inner, attempts: 2, delay: 100ms}}]",
    )
    story = told(nested, 0).splitlines()
    tries = [line for line in story if "try 2 of 2" in line]
    assert len(tries) == 3
    assert sum(": attempt " in line and "error after" in line for line in story) == 4
    assert story[-1].startswith("└─ `outer`: `error` again: that was the last of 2 tries")


class Sent(Fold):
    """Attempts by request, as the events have them."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if kind == ev.SENT:
            self.counts[rid] = self.counts.get(rid, 0) + 1


@pytest.mark.parametrize("name", shipped.names())
def test_every_shipped_scenario_has_stories(name: str):
    """No request and no instant without a story; it names as many attempts as were made."""
    plan = load(name).plan
    sent, run = Sent(), Simulation(plan, plan.seed)
    run.attach(sent)
    run.run(budget=20_000)
    middle = sorted(sent.counts)[len(sent.counts) // 2]  # whose attempts have all been made by then
    lines = draw(request_story(Simulation(plan, plan.seed), middle), 10_000)
    told = sum(": attempt " in line or (": calls " in line and "attempt" not in line) for line in lines)
    assert told == sent.counts[middle]
    tree = draw(instant_story(Simulation(plan, plan.seed), run.now // 2), 200)
    assert all(f"`{policy.id}`: " in "\n".join(tree) for policy in plan.stack)


def test_ctrl_c_is_heard_while_a_story_is_looked_for():
    """Interpreted, `explain` heard it after more than a second: 50,000 steps were taken at once."""
    budgets: list[int] = []

    class Asked(Simulation):
        def run(self, until: int = FOREVER, budget: int = UNLIMITED) -> bool:
            budgets.append(budget)
            return super().run(until, budget)

    plan = load("retry-storm").plan
    instant_story(Asked(plan, plan.seed), 10_000_000_000)
    assert max(budgets) <= 5_000
    budgets.clear()
    request_story(Asked(plan, plan.seed), 9)
    assert budgets[0] <= 500


def test_the_breakers_count_is_the_breakers_own():
    """Before each opening by failures in a row, the fold has counted up to the threshold."""
    plan = load("flapping-breaker").plan
    run = Simulation(plan, 3)
    fold = RequestTraceFold(plan, run.components)
    counts: list[int] = []
    change = next(iter(fold.breakers.values()))
    plain = change.change

    def spy(t: int, a: int, b: int) -> None:
        if ev.new_state(a) == ev.OPEN and ev.old_state(a) == ev.CLOSED:
            counts.append(sum(failed for _, failed in list(change.results)[-3:]))
        plain(t, a, b)

    change.change = spy  # type: ignore[method-assign]
    run.attach(fold)
    while run.run(budget=50_000):
        continue
    assert len(counts) > 5
    assert set(counts) <= {2, 3}  # the tripping result itself is told with the change


def test_an_instant_in_a_storm():
    """Tries, attempts under way, B's queue: the same numbers as the events add up to."""
    plan = load("retry-storm").plan
    lines = "\n".join(draw(instant_story(Simulation(plan, plan.seed), 21 * SECOND), 200))
    assert "fault `trigger`" in lines
    assert "at try 1" in lines
    assert "10 of 10 workers busy" in lines or "2 of 10 workers busy" in lines
    assert "in the queue, the oldest for" in lines


def test_replicas_left_out():
    """Envoy's outlier detection closes no door; the story says where the calls go."""
    story = told(
        """
service: {latency: 20ms, replicas: 3}
traffic: {rate: 20/s, arrivals: even, requests: 100}
faults: [{errors: {at: 1s, for: 60s, rate: 100%, replica: 1}}]
stack: [{circuit_breaker: {like: envoy, consecutive_5xx: 3, max_ejection_percent: 50}}]
""",
        90,
    )
    assert "leaving replicas out: replica 1 ejected" in story
    assert "; at B#1" not in story


def test_what_is_not_there():
    """A request or an instant beyond the run."""
    with pytest.raises(NothingThere, match="no request #99") as caught:
        request_story(source(RETRIED), 99)
    assert caught.value.help == "they are #0 to #2"
    with pytest.raises(NothingThere, match="ends before"):
        instant_story(source(RETRIED), 500 * SECOND)


def test_the_command(tmp_path: Path):
    """A scenario and the recording of its run tell the same story; JSON has the tree."""
    file = str(tmp_path / "r.resim")
    assert resim("run", "first-look", "-q", "--save", file).code == 0
    direct, recorded = resim("explain", "first-look:50"), resim("explain", f"{file}:50")
    assert direct.code == recorded.code == 0
    assert direct.out == recorded.out
    assert resim("explain", "first-look@31s").out == resim("explain", f"{file}@31s").out
    document = json.loads(resim("explain", "first-look:50", "--json").out)
    assert document["story"]["children"]
    assert resim("explain", "first-look:5000").code == 2
    assert resim("explain", f"{file}:50", "--seed", "3").code == 2
    assert "|- " in resim("explain", "first-look:50", stdout=None).out or "├─ " in direct.out


MIXED = """
service: {latency: 50ms, failure_rate: 100%}
operation: [{share: 50%}, {method: POST}]
traffic: {rate: 1/s, arrivals: even, requests: 9}
stack: [{retry: {attempts: 2, only_idempotent: true}}]
"""


def test_a_request_says_what_it_does_and_why_it_is_not_tried_again():
    """A GET twice, a POST once; where all requests read, nothing is said."""
    stories = [told(MIXED, rid) for rid in range(9)]
    posts = [story for story in stories if ", POST, arrived at" in story.splitlines()[0]]
    reads = [story for story in stories if ", GET, arrived at" in story.splitlines()[0]]
    assert posts
    assert reads
    assert len(posts) + len(reads) == 9
    for story in posts:
        assert "`retry`: `error` would be tried again, but not of a POST without an idempotency key" in story
        assert "attempt 2" not in story
    for story in reads:
        assert "that was the last of 2 tries" in story
        assert "attempt 2" in story
    assert "request #0 arrived at" in told(RETRIED, 0)
