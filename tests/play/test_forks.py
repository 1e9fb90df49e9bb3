"""Forks: one after another, taken as the run, given up again; and kept, as a recording that verifies and as a file."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from resilience_sim.play.forms import read_fault
from resilience_sim.play.panels.log import log_row
from resilience_sim.play.run import Run
from resilience_sim.play.save_recording import RecordingJob, save_recording
from resilience_sim.play.session import Session
from resilience_sim.play.tape import Event
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.replay import actions_of, verify
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.settings.actions import Action, Add, Change, Remove
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.retry import RetryConfig

from .lab import SECOND, Driver, drive, play, session, until_still


def fewer_tries(s: Session, attempts: int = 1) -> Action:
    retry = next(policy for policy in s.run.plan.stack if isinstance(policy, RetryConfig))
    return Change(s.instant(), replace(retry, attempts=attempts))


def outage(s: Session) -> Action:
    return read_fault("outage", {"for": "2s", "how": "refuse"}, s.run.plan_now, s.instant())


def forked(at: float = 16.0) -> Session:
    s = play(session(), 22)
    s.seek(round(at * SECOND))
    s.act(fewer_tries(s))
    return until_still(s)


def to_the_end(s: Session) -> Session:
    s.speed = inf
    return play(s, 1e9)


def same_again(run: Run) -> bool:
    again = Simulation(run.source.plan, run.source.seed, run.actions)
    drain(again)
    return again.digest() == run.source.digest()


def events(run: Run) -> list[Event]:
    return list(run.tape.slice(0, len(run.tape)))


# --- taken ---


def test_a_fork_that_is_taken_is_the_run_from_there_on() -> None:
    """It goes on, is acted upon, and is a function of plan, seed and actions as any run."""
    s = play(forked(), 30)
    fork = s.fork
    assert fork is not None
    s.take_fork()
    assert s.run is fork
    assert s.fork is None
    assert s.live
    assert s.difference() is None
    play(s, 33)
    s.act(outage(s))
    assert [type(action).__name__ for action in s.run.actions] == ["Change", "Inject"]
    to_the_end(s)
    assert same_again(s.run)


def test_a_fork_taken_while_looking_back_is_shown_where_the_clock_stands() -> None:
    s = play(forked(), 30)
    s.seek(20 * SECOND)
    s.take_fork()
    assert s.clock == 20 * SECOND
    assert not s.live
    assert s.run.position == s.run.tape.index_after(s.clock)
    s.to_live()
    assert s.live
    assert s.clock > 29 * SECOND


def test_there_must_be_a_fork_to_take() -> None:
    s = play(session(), 20)
    with pytest.raises(ActionError, match="no fork"):
        s.take_fork()
    s.branch(fewer_tries(s))
    with pytest.raises(ActionError, match="not ready yet"):
        s.take_fork()


# --- one after another ---


def test_forks_one_after_another_and_back_to_none() -> None:
    """The run itself never notices; each fork is what it would be alone."""
    s = play(session(), 18)
    for n in (1, 2, 3):
        play(s, 18 + n)
        s.branch(fewer_tries(s, n))
        until_still(s)
        assert s.fork is not None
        assert len(s.fork.actions) == 1
        play(s, 18.5 + n)
        s.fork.extend()
        assert same_again(s.fork)
    s.drop_fork()
    assert s.fork is None
    to_the_end(s)
    assert not s.run.actions
    assert same_again(s.run)


def test_a_fork_of_what_was_once_a_fork() -> None:
    s = play(forked(), 25)
    s.take_fork()
    s.branch(Remove(s.instant(), "retry"))
    until_still(s)
    assert s.fork is not None
    assert [type(action).__name__ for action in s.fork.actions] == ["Change", "Remove"]
    play(s, 35)
    s.take_fork()
    to_the_end(s)
    assert same_again(s.run)


def test_a_fork_in_the_middle_of_a_step_of_the_engine() -> None:
    """Its past is all of that step, as that of an action done there."""
    s = play(session(), 18)
    s.step()
    while not s.run.tape.held:
        s.step()
    s.branch(fewer_tries(s))
    until_still(s)
    assert s.fork is not None
    s.act(outage(s))
    assert not s.run.tape.held
    to_the_end(s)
    assert same_again(s.run)


# --- kept ---


@pytest.mark.parametrize("over", [False, True], ids=["played so far", "to the end"])
def test_a_fork_is_kept_as_a_recording_that_verifies(over: bool, tmp_path) -> None:
    s = forked()
    to_the_end(s) if over else play(s, 30)
    assert s.fork is not None
    fork = s.fork
    save_recording(fork, s.scenario, tmp_path / "fork.resim", s.variant)
    with open_recording(tmp_path / "fork.resim") as recording:
        assert recording.finished == over
        assert actions_of(recording) == fork.actions
        assert list(recording.iter_events()) == events(fork)
        assert verify(recording).same


def test_keeping_takes_its_time_and_gives_the_same(tmp_path) -> None:
    """A little with every frame; what was done after it began is not in it."""
    s = play(session(), 5)
    s.act(outage(s))
    play(s, 8)
    s.act(Add(s.instant(), BreakerConfig("breaker"), 0))
    play(s, 12)
    until = events(s.run)
    keeping = RecordingJob(s.run, s.scenario, tmp_path / "a.resim", s.variant)
    frames = 0
    while not keeping.work(lambda: False):
        assert 0 <= keeping.share <= 1
        play(s, s.clock / SECOND + 0.1)
        frames += 1
    assert frames > 3
    with open_recording(tmp_path / "a.resim") as recording:
        assert list(recording.iter_events()) == until
        assert verify(recording).same


def test_what_the_scenario_changes_itself_is_kept_once(tmp_path) -> None:
    scenario = load("retry-storm")
    text = scenario.text + "\nchanges:\n  - {at: 6s, set: {retry.attempts: 1}}\n"
    scenario = load_text(text, "changing.yaml")
    s = play(Session(scenario, Simulation(scenario.plan, 1, [])), 5)
    s.act(outage(s))
    play(s, 9)
    assert [type(action).__name__ for action in s.run.actions] == ["Inject", "Change"]
    save_recording(s.run, s.scenario, tmp_path / "a.resim", s.variant)
    with open_recording(tmp_path / "a.resim") as recording:
        assert [action.kind for action in recording.actions] == ["inject"]
        assert list(recording.iter_events()) == events(s.run)
        assert verify(recording).same
    said = [log_row(s.run, index).plain() for index in s.run.tape.notable]
    assert any("you outage" in line for line in said)
    assert any("the plan: retry: attempts 1" in line for line in said)


# --- by key ---


def at_20_seconds() -> Session:
    s = play(session(), 18)
    s.paused = True
    return s


def test_save_and_write_ask_which_future(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def check(d: Driver) -> None:
        await d.press("y", "o")
        await d.settle()
        await d.press("space")
        await d.pass_time(1)
        await d.press("space", "W", "down", "enter", "enter")
        assert "saving retry-storm-what-if.resim" in d.text()
        await d.settle()
        assert "saved: resim replay retry-storm-what-if.resim" in d.text()
        await d.press("W", "enter", "enter")
        await d.settle()
        await d.press("w", "down", "enter", "enter")
        assert "written: resim run retry-storm-what-if.yaml" in d.text()
        await d.press("w", "enter", "enter")
        assert "written: resim run retry-storm-played.yaml" in d.text()
        await d.press("W", "enter", "enter")
        assert "already exists" in d.text()

    drive(check, at_20_seconds())
    kinds = []
    for name in ("what-if", "played"):
        with open_recording(tmp_path / f"retry-storm-{name}.resim") as recording:
            kinds.append([action.kind for action in recording.actions])
            assert verify(recording).same
    assert kinds == [["inject"], []]
    assert "outage: {" in (tmp_path / "retry-storm-what-if.yaml").read_text()


def test_a_fork_is_taken_by_key() -> None:
    async def check(d: Driver) -> None:
        await d.press("K")
        assert "no fork to keep" in d.text()
        await d.press("y", "o")
        await d.settle()
        await d.press("K")
        assert "the fork is the run from here on" in d.text()
        assert d.state.session.fork is None
        assert "you outage" in d.text()
        await d.press("space")
        await d.pass_time(1)
        assert "over time" in d.text()

    drive(check, at_20_seconds())


def test_saving_where_nothing_can_be_written_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def check(d: Driver) -> None:
        await d.press("W", "home", *"no/", "enter")
        assert "its folder does not exist" in d.text()
        assert d.app.files.job is None

    drive(check, at_20_seconds())
