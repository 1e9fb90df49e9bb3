"""The session: a clock over a tape. What is seen may be slow, paused or rewound; what happens is always the same."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from time import process_time

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.play.forms import read_fault
from resilience_sim.play.run import PlayFold, final_result
from resilience_sim.play.session import Session
from resilience_sim.play.tape import is_mark
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.settings.actions import Add, Change, Remove, Reorder
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.retry import RetryConfig

from .lab import SECOND, Events, play, session, until_still

STATE = (
    "arrived",
    "done",
    "succeeded",
    "attempts",
    "retries",
    "busy",
    "queue",
    "by_outcome",
    "faults_on",
    "waits",
    "by_layer",
)


def state(view: PlayFold) -> list[object]:
    return [getattr(view, name) for name in STATE]


def digest_of(name: str) -> str:
    simulation = Simulation(load(name).plan, 1)
    drain(simulation)
    return simulation.digest()


@pytest.mark.parametrize("fps", [2.0, 15.0, 61.0])
def test_a_slow_terminal_does_not_distort_the_run(fps: float) -> None:
    """However many frames there are, and however little each may simulate: the same digest."""
    s = session("first-look")
    s.speed = 50.0
    calls = 0

    def now_and_then() -> bool:
        nonlocal calls
        calls += 1
        return calls % 3 != 0

    while not s.over:
        s.frame(1 / fps, now_and_then)
    assert s.run.source.digest() == digest_of("first-look")


def test_pausing_and_looking_around_changes_nothing() -> None:
    s = session("first-look")
    play(s, 30)
    s.toggle()
    for t in (1, 29, 3, 30, 0):
        s.seek(t * SECOND)
    s.step(back=True)
    s.to_live()
    s.step()
    s.step_request()
    s.speed = inf
    play(s, 1e9)
    assert s.run.source.digest() == digest_of("first-look")


def test_the_speed_is_that_of_the_wall_clock() -> None:
    s = session()
    s.speed = 2.0
    for _ in range(15):
        s.frame(1 / 15)
    assert s.clock == pytest.approx(2 * SECOND, rel=1e-6)
    s.faster()
    assert s.speed == 5
    s.faster(up=False)
    s.faster(up=False)
    assert s.speed == 1
    for _ in range(20):
        s.faster(up=False)
    assert s.speed == 0.1
    s.top_speed()
    assert s.speed == inf
    s.faster(up=False)
    assert s.speed < inf


def test_a_laptop_that_slept_does_not_leap() -> None:
    s = session()
    s.speed = 1.0
    s.frame(3600.0)
    assert s.clock == SECOND


def test_every_place_of_the_tape_shows_what_it_showed_live() -> None:
    """Seeking, forwards and back, gives exactly the state that a fold fed from the beginning has."""
    s = play(session(), 40)
    tape, components = s.run.tape, s.run.source.components
    for position in (0, 1, 4095, 4096, 4097, 12_345, 5000, 9000, len(tape) - 1, len(tape)):
        s.go(position)
        fresh = PlayFold(s.run.plan_now, 1, components)
        for event in tape.slice(0, position):
            fresh.on_event(*event)
        assert state(s.run.view) == state(fresh), position
        assert s.run.position == position


def test_seeking_takes_less_than_50_ms_in_hundred_thousand_events() -> None:
    """And in a million too: keyframes make it independent of the length (measured apart)."""
    plan = load("retry-storm").plan
    s = session(plan=replace(plan, traffic=replace(plan.traffic, duration=240 * SECOND)))
    s.run.extend()
    s.to_live()
    assert len(s.run.tape) > 100_000
    took = []
    for share in (0.9, 0.1, 0.5, 0.51, 0.99, 0.3):
        begun = process_time()
        s.seek(round(share * 240) * SECOND)
        took.append(process_time() - begun)
    assert sorted(took)[len(took) // 2] < 0.05


def test_single_steps() -> None:
    """One event, on and back; a request is over when its outcome is there."""
    s = session("first-look")
    s.step()
    assert s.paused
    assert len(s.run.tape) == 1
    s.step()
    head = len(s.run.tape)
    assert head == 2
    s.step(back=True)
    assert s.run.position == head - 1
    assert not s.live
    s.step()
    assert s.live
    done = s.run.view.done
    s.step_request()
    assert s.run.view.done == done + 1
    assert s.run.tape[s.run.position - 1][1] == ev.DONE
    s.go(0)
    s.step_request()
    assert s.run.view.done == 1


def test_a_step_is_one_event_where_the_engine_makes_several_at_once() -> None:
    """What is held back is neither lost nor put elsewhere, whatever is done in the middle of it."""
    s = session("first-look")
    in_the_middle = 0
    for n in range(300):
        assert len(s.run.tape) == s.run.position == n
        s.step()
        in_the_middle += bool(s.run.tape.held)
        assert s.live
    assert in_the_middle > 50
    while not s.run.tape.held:
        s.step()
    assert not s.run.over
    s.frame(1.0)  # it is paused: nothing moves
    assert s.run.tape.held
    s.speed = inf
    play(s, 1e9)
    assert s.run.source.digest() == digest_of("first-look")
    alone = Simulation(load("first-look").plan, 1)
    seen = Events()
    alone.attach(seen)
    drain(alone)
    assert list(s.run.tape.slice(0, len(s.run.tape))) == seen.all


@pytest.mark.parametrize("kind", ["transition", "failure", "fault"])
def test_a_jump_beyond_the_head_shows_nothing_after_what_it_looked_for(kind: str) -> None:
    s = session("first-look")
    for _ in range(5):
        s.jump(kind)
        until_still(s)
        if s.over:
            break
        assert is_mark(kind, s.run.tape[s.run.position - 1])
        assert s.live
        assert s.clock == s.run.tape.time(s.run.position - 1)


@pytest.mark.parametrize("kind", ["transition", "failure", "fault"])
def test_jumps_go_to_the_next_mark_and_back(kind: str) -> None:
    s = session("first-look")
    found = []
    for _ in range(3):
        s.jump(kind)
        until_still(s)
        found.append(s.run.position)
        assert s.run.tape.mark_before(kind, s.run.position) is not None
    assert found == sorted(found)
    assert s.run.tape[found[0] - 1][1] in (ev.BREAKER, ev.DONE, ev.FAULT_ON)
    s.jump(kind, back=True)
    back = s.run.position
    assert back <= found[-1]
    s.jump(kind)
    until_still(s)
    assert s.run.position > back


def test_a_jump_beyond_the_end_says_so() -> None:
    s = session("first-look")
    s.run.extend()
    s.to_live()
    s.jump("transition")
    until_still(s)
    assert "over" in s.said
    assert s.over


def test_playing_on_from_the_past_arrives_at_live_again() -> None:
    s = play(session("first-look"), 20)
    s.seek(5 * SECOND)
    s.paused = False
    s.speed = 10.0
    for _ in range(60):
        s.frame(1 / 15)
    assert s.live
    assert s.clock > 20 * SECOND


# --- hands on ---


def test_what_is_done_happens_first_thing_after_what_is_shown() -> None:
    s = play(session(), 3)
    action = read_fault("outage", {"for": "2s", "how": "refuse"}, s.run.plan_now, s.instant())
    assert action.t == s.clock + 1
    s.act(action)
    assert s.run.actions == [action]
    assert s.run.view.faults_on == {1}
    assert s.last_fault() == "outage"
    again = Simulation(s.run.source.plan, 1, s.run.actions)
    drain(again)
    s.speed = inf
    play(s, 1e9)
    assert s.run.source.digest() == again.digest()


def test_the_stack_shown_is_the_one_in_force_there() -> None:
    s = play(session(), 3)
    s.act(Add(s.instant(), BreakerConfig("breaker"), 0))
    at = s.run.position
    play(s, 5)
    s.act(Remove(s.instant(), "retry"))
    assert [p.id for p in s.run.plan.stack] == ["breaker", "timeout"]
    s.go(at)
    assert [p.id for p in s.run.plan.stack] == ["breaker", "retry", "timeout"]
    s.go(at - 1)
    s.seek(1 * SECOND)
    assert [p.id for p in s.run.plan.stack] == ["retry", "timeout"]
    assert set(s.run.view.breakers) == set(s.run.head.breakers)


def test_nothing_can_be_done_when_the_run_is_over() -> None:
    s = session("first-look")
    s.run.extend()
    s.to_live()
    with pytest.raises(ActionError, match="over"):
        s.act(read_fault("outage", {"for": "2s"}, s.run.plan_now, s.instant()))


# --- forks ---


def forked(at: float = 16.0) -> Session:
    s = play(session(), 22)
    s.seek(round(at * SECOND))
    retry = s.run.plan.stack[0]
    assert isinstance(retry, RetryConfig)
    s.act(Change(s.instant(), replace(retry, attempts=1)))
    return until_still(s)


def test_a_fork_has_the_same_past_arrivals_and_luck() -> None:
    s = forked()
    assert s.fork is not None
    ours, theirs = s.run.tape, s.fork.tape
    until = theirs.index_after(16 * SECOND)
    assert list(ours.slice(0, until)) == list(theirs.slice(0, until))
    play(s, 40)
    arrivals = [[ours.time(i) for i in ours.arrived], [theirs.time(i) for i in theirs.arrived]]
    common = min(map(len, arrivals))
    assert arrivals[0][:common] == arrivals[1][:common]


def test_the_first_request_that_fares_differently() -> None:
    """It is the first: those before ended alike; at the instant of the fork there is none yet."""
    s = forked()
    assert s.difference() is None
    play(s, 40)
    found = s.difference()
    assert found is not None
    assert found.outcome_a != found.outcome_b
    assert s.fork is not None
    for rid in range(found.rid):
        both = {run.tape.outcome(rid, run.position)[0] for run in (s.run, s.fork)}
        assert len(both) == 1 or -1 in both
    s.seek(round(16.01 * SECOND))
    assert s.difference() is None
    s.drop_fork()
    assert s.fork is None


def test_the_run_goes_on_as_if_there_were_no_fork() -> None:
    s = forked()
    s.speed = inf
    play(s, 1e9)
    assert s.run.source.digest() == digest_of("retry-storm")
    assert s.fork is not None
    until_still(s)
    again = Simulation(s.fork.source.plan, 1, s.fork.actions)
    drain(again)
    s.fork.extend()
    assert s.fork.source.digest() == again.digest()


def test_a_fork_lives_through_what_was_done_before_it() -> None:
    s = play(session(), 3)
    s.act(read_fault("outage", {"for": "2s"}, s.run.plan_now, s.instant()))
    play(s, 10)
    s.branch(Remove(s.instant(), "retry"))
    until_still(s)
    assert s.fork is not None
    assert [type(a).__name__ for a in s.fork.actions] == ["Inject", "Remove"]


@pytest.mark.parametrize("go", ["jump", "step", "step_request"])
def test_two_changes_at_one_instant_can_be_stepped_over(go: str) -> None:
    """A bug once: the cockpit crashed where the engine did both in one step."""
    changes = "changes: [{at: 5500ms, trip: circuit_breaker}, {at: 5500ms, reset: circuit_breaker}]"
    scenario = load_text(load("first-look").text + "\n" + changes + "\n", "two.yaml")
    s = play(Session(scenario, Simulation(scenario.plan, 1, [])), 5.3)
    for _ in range(30):
        if go == "jump":
            s.jump("transition")
            until_still(s)
        else:
            getattr(s, go)()
    assert len(s.run.actions) == 2
    assert [type(s.run.action_at(i)).__name__ for i in s.run.tape.marks["fault"] if s.run.action_at(i)] == [
        "Trip", "Reset",
    ]  # fmt: skip


def test_a_fork_follows_to_the_end_a_little_with_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug once: `end` simulated all of the fork at once, however long that took."""
    monkeypatch.setattr("resilience_sim.play.session.SLICES", 3)
    s = play(session(), 10)
    s.seek(5 * SECOND)
    s.branch(Reorder(s.instant(), tuple(policy.id for policy in reversed(s.run.plan.stack))))
    until_still(s)
    s.run.extend()
    s.paused = True
    s.to_live()
    fork = s.fork
    assert fork is not None
    assert not fork.over
    s.frame(1 / 15)
    assert fork.over
    assert fork.position == len(fork.tape)


def test_a_session_that_is_left_early_tells_no_failure_of_what_is_under_way():
    """The figures after ``q``: requests without an outcome are under way, and availability is of the others."""
    scenario = load("retry-storm")
    left = play(Session(scenario, Simulation(scenario.plan, 1, [])), 17.0)
    document = final_result(left.run)[0].document
    assert document["requests"]["under_way"] > 0
    assert document["requests"]["by_outcome"]["unanswered"] == 0
    assert document["availability"] == document["requests"]["succeeded"] / (
        document["requests"]["total"] - document["requests"]["under_way"]
    )
