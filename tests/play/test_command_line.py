"""The line that `:` opens: settings as ``--set`` takes them, and conditions to stop at."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from textual.widgets import Input, Label

from resilience_sim.play.command_line import Completion, LineError, read_line
from resilience_sim.play.condition import Condition, ConditionError, read_condition
from resilience_sim.play.dialogs import Line
from resilience_sim.play.save_recording import save_recording
from resilience_sim.play.session import Session
from resilience_sim.play.written import scenario_text
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.replay import Playback
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.settings.actions import Change, Lift, Remove
from resilience_sim.settings.plan import Plan

from .lab import SECOND, Driver, drive, play, same_screen, session, until_still

STORM = load("retry-storm").plan
T = 18 * SECOND
HEAD = "resim: 1\ntraffic: {rate: 10/s, duration: 60s}\n"


def plan_of(stack: str) -> Plan:
    return load_text(f"{HEAD}stack: {stack}\n", "line.yaml").plan


def changed(text: str, plan: Plan = STORM) -> object:
    action = read_line(text, plan, T)
    assert isinstance(action, Change)
    assert action.t == T
    return action.policy


# --- settings ---


@pytest.mark.parametrize(
    "path",
    ["retry.budget=10%", "retry.attempts=2", "timeout.after=1.5s", "retry.backoff=constant", "retry.delay=null",
     "retry.budget={kind: token_bucket, capacity: 5}", "stack.retry.on=[timeout]",
     "retry={attempts: 2, delay: 1s}"],
)  # fmt: skip
def test_a_setting_means_what_it_means_for_set(path: str) -> None:
    """The policy is the one that the scenario would have had, started with this ``--set``."""
    expected = load("retry-storm", [path]).plan
    policy = changed(path)
    assert policy in expected.stack


def test_null_takes_away_a_setting_a_policy_and_a_fault() -> None:
    plan = plan_of("[retry: {attempts: 4, budget: 20%}, timeout: {after: 1s}]")
    assert changed("retry.budget=null", plan) == plan_of("[retry: {attempts: 4}]").stack[0]
    assert read_line("timeout=null", plan, T) == Remove(T, "timeout")
    fault = STORM.faults[0]
    assert read_line(f"faults.{fault.id}=null", STORM, fault.at + 1) == Lift(fault.at + 1, fault.id)


def test_settings_in_the_words_of_a_library() -> None:
    plan = plan_of("[retry: {like: resilience4j, maxAttempts: 3}]")
    expected = plan_of("[retry: {like: resilience4j, maxAttempts: 5}]").stack[0]
    assert changed("retry.maxAttempts=5", plan) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("service.replicas=4", "`service` cannot be changed while the run goes on"),
        ("service.replicas=4", "--set service.replicas=4"),
        ("traffic.rate=1/s", "`s` injects a traffic spike"),
        ("seed=3", "`seed` cannot be changed"),
        ("stack=[]", "`a` adds a policy"),
        ("retri.attempts=2", "did you mean `retry`?"),
        ("retry.atempts=2", "did you mean `attempts`?"),
        ("retry.attempts=many", "integer"),
        ("retry.attempts", "has no `=`"),
        ("retry=3", "is a policy, not a setting"),
        ("retry.id=again", "keeps its id"),
        ("retry.delay=[1", ""),
        ("=3", "write `retry.attempts=2`"),
        ("faults.nothing=null", "there is no fault `nothing`"),
        ("faults", "`faults.ID=null`"),
        (f"faults.{STORM.faults[0].id}.for=3s", "keeps its settings"),
        ("until", "write it like `until queue > 500`"),
        (f"until queue > {'9' * 400}", "queue never gets as high"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_can(line: str, words: str) -> None:
    with pytest.raises((LineError, ConditionError)) as error:
        read_line(line, STORM, T)
    assert words in str(error.value)


def test_a_setting_that_is_so_already_and_a_fault_that_is_not_active_are_refused() -> None:
    with pytest.raises(LineError, match="nothing changes"):
        read_line("retry.attempts=3", plan_of("[retry: {attempts: 3}]"), T)
    with pytest.raises(ActionError, match="not active"):
        read_line(f"faults.{STORM.faults[0].id}=null", STORM, STORM.faults[0].at - SECOND)
    with pytest.raises(LineError, match="no policies"):
        read_line("retry.attempts=3", replace(STORM, stack=()), T)
    with pytest.raises(LineError, match="any of 2"):
        read_line("retry.attempts=3", plan_of("[retry: {id: a}, retry: {id: b}]"), T)


def test_completion_goes_along_the_paths_that_can_change() -> None:
    completion = Completion(STORM, ["trigger"])
    assert completion.of("") == ["retry.", "timeout.", "service.", "faults.", "until "]
    assert completion.on("ret") == "retry."
    assert completion.on("retry.att") == "retry.attempts="
    assert "retry.budget=" in completion.of("retry.bud")
    assert completion.on("faults.") == "faults.trigger=null"
    assert completion.on("until q") == "until queue > 500"
    assert "retry.maxAttempts=" not in completion.of("retry.")
    assert completion.on("service.wor") == "service.workers="
    assert "service.replicas=" not in completion.of("service.")
    assert "now 3" in completion.words("retry.attempts=")
    assert completion.on("nothing") == "nothing"


def test_everything_that_completion_offers_can_be_read() -> None:
    for line in (f"until {each}" for each in ("queue > 500", "breaker open", "t >= 30s")):
        assert isinstance(read_line(line, STORM, T), Condition)
    completion = Completion(STORM)
    for line in completion.of("until "):
        assert isinstance(read_line(line, STORM, T), Condition)


# --- by key ---


def at_18_seconds() -> Session:
    s = play(session(), 18)
    s.paused = True
    return s


def words(d: Driver) -> str:
    return str(d.app.screen.query_one(".words", Label).render())


def test_a_setting_is_typed_and_the_run_is_repeated_with_it() -> None:
    """From the keys to the digest of a replay; time stands while the line is open, a mistake leaves it open."""
    s = session()

    async def check(d: Driver) -> None:
        await d.pass_time(2)
        before = s.clock
        await d.press("colon", *"retry.atempts=2", "enter")
        assert isinstance(d.app.screen, Line)
        assert "did you mean `attempts`?" in words(d)
        await d.pass_time(2)
        assert s.clock == before
        d.app.screen.query_one(Input).value = ""
        await d.press(*"ret", "tab", *"budg", "tab")
        assert d.app.screen.query_one(Input).value == "retry.budget"
        await d.press(*"=10%", "enter")
        assert not isinstance(d.app.screen, Line)
        assert "retry: budget" in d.text()
        await d.pass_time(1)
        assert s.clock > before

    drive(check, s)
    s.speed = inf
    play(s, 1e9)
    assert [type(action) for action in s.run.actions] == [Change]
    again = Simulation(s.run.source.plan, 1, s.run.actions)
    drain(again)
    assert s.run.source.digest() == again.digest()


def test_the_line_in_a_fork_in_the_past_and_closed_without_an_answer() -> None:
    async def check(d: Driver) -> None:
        await d.press("colon", "escape", "colon", "enter")
        assert not isinstance(d.app.screen, Line)
        await d.press("y", "colon", *"retry.attempts=1", "enter")
        await d.settle()
        assert d.state.session.fork is not None
        assert [type(each) for each in d.state.session.fork.actions] == [Change]
        assert not d.state.run.actions
        await d.press("Y")
        d.state.session.seek(10 * SECOND)
        await d.press("colon", *"retry.attempts=2", "enter")
        await d.settle()
        assert d.state.session.forked_at == 10 * SECOND + 1

    drive(check, at_18_seconds())


def test_the_line_has_its_place_at_the_bottom() -> None:
    async def check(d: Driver) -> None:
        await d.press("colon", *"retry.bud")
        line = d.app.screen.query_one(".line").region
        assert (line.x, line.bottom, line.width) == (0, 30, 100)
        same_screen(d.app, "line")
        await d.press("tab", *"=much", "enter")
        same_screen(d.app, "line-refused")

    drive(check, at_18_seconds(), size=(100, 30))


# --- conditions ---


def stopped(text: str, s: Session | None = None) -> Session:
    s = s or session()
    s.play_until(read_condition(text))
    return until_still(s)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("queue > 100", lambda view: view.queue > 100),
        ("busy >= 4", lambda view: view.busy >= 4),
        ("in flight > 50", lambda view: view.in_flight > 50),
        ("threads >= 20", lambda view: max(view.held.values()) >= 20),
    ],
)
def test_it_stops_with_the_first_event_after_which_the_condition_holds(text: str, holds) -> None:
    s = stopped(text)
    assert s.paused
    assert s.live
    assert holds(s.run.view)
    assert text in s.said
    s.step(back=True)
    assert not holds(s.run.view)


def test_it_stops_when_successes_become_few() -> None:
    s = stopped("availability < 90%")
    assert "success < 90%" in s.said
    view = s.run.view
    first = view.bins.index(s.clock - 5 * SECOND)
    good, bad = sum(view.bins.good[first:]), sum(view.bins.bad[first:])
    assert 0.8 < good / (good + bad) < 0.92


def test_it_stops_when_a_breaker_opens() -> None:
    s = session("hard-outage")
    stopped("breaker open", s)
    assert "OPEN" in s.said
    with pytest.raises(ConditionError, match="holds already"):
        s.play_until(read_condition("breaker = open"))
    stopped("breaker half-open", s)
    assert "HALF_OPEN" in s.said


def test_it_stops_at_an_instant() -> None:
    s = stopped("t >= 12.345s")
    assert s.clock == 12_345_000_000
    assert s.run.tape.last() <= s.clock
    s.seek(0)
    stopped("t > 3s", s)
    assert s.clock == 3 * SECOND + 1
    assert not s.live
    stopped("t >= 20s", s)
    assert s.clock == 20 * SECOND
    assert s.live


def test_a_rewound_run_stops_where_it_would_have_stopped() -> None:
    """On the tape as at the head; beyond its end the run goes on."""
    first = stopped("queue > 100")
    position, clock = first.run.position, first.clock
    play(first, 40)
    first.seek(SECOND)
    stopped("queue > 100", first)
    assert (first.run.position, first.clock) == (position, clock)
    assert not first.live
    first.seek(SECOND)
    stopped("t >= 45s", first)
    assert first.clock == 45 * SECOND


def test_what_never_comes_true_ends_with_the_run() -> None:
    s = stopped("queue > 1,000,000")
    assert s.over
    assert "the run is over" in s.said
    simulation = Simulation(STORM, 1)
    drain(simulation)
    assert s.run.source.digest() == simulation.digest()
    with pytest.raises(ConditionError, match="run is over"):
        s.play_until(read_condition("queue > 2,000,000"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("quewe > 5", "did you mean `queue`?"),
        ("queue > many", "a whole number"),
        ("queue", "write it like"),
        ("success < 5", "%"),
        ("breaker ajar", "`open`, `half-open` or `closed`"),
        ("t < 3s", "time only goes on"),
        ("t >= soon", "duration"),
    ],
)
def test_conditions_that_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(ConditionError) as error:
        read_condition(text)
    assert words in str(error.value)


def test_a_condition_is_typed_and_the_run_pauses_there() -> None:
    async def check(d: Driver) -> None:
        d.app.state.session.seek(0)
        await d.press("end", "colon", *"until queue > 0", "enter")
        assert "holds already" in words(d) or d.state.session.hunting
        d.app.screen.query_one(Input).value = "until t >= 25s"
        await d.press("enter")
        assert "until t >= 25s" in d.text()
        await d.settle()
        assert d.state.session.paused
        assert "t >= 25s: paused at" in d.text()
        await d.press("home", "colon", *"until in flight > 40", "enter", "space")
        assert not d.state.session.hunting
        assert d.state.session.paused

    drive(check, at_18_seconds())


def test_a_recording_that_can_only_be_played_back_says_so_in_the_line_and_stops_at_conditions(tmp_path) -> None:
    saved = play(session(), 30)
    save_recording(saved.run, saved.scenario, tmp_path / "a.resim", saved.variant)

    async def check(d: Driver) -> None:
        await d.press("colon", *"retry.attempts=1", "enter")
        assert "only be played back" in words(d)
        d.app.screen.query_one(Input).value = "until queue > 100"
        await d.press("enter")
        await d.settle()
        assert d.state.run.view.queue == 101

    with open_recording(tmp_path / "a.resim") as recording:
        drive(check, Session(saved.scenario, Playback(recording)))


def test_what_was_typed_is_written_as_a_change() -> None:
    s = at_18_seconds()

    async def check(d: Driver) -> None:
        await d.press("colon", *"retry.budget=10%", "enter", "colon", *"timeout=null", "enter")

    drive(check, s)
    text = scenario_text(s.scenario, s.run.plan_now, s.run.actions)
    assert "set: {retry.budget: 10%}" in text
    assert "remove: timeout" in text
