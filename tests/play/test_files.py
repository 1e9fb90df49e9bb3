"""Writing files from the cockpit: what cannot be written is said, and what is written is the run that was played."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from resilience_sim.play.session import Session
from resilience_sim.recording.layout import RecordingError
from resilience_sim.runs.record import Recorded, record
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load

from .lab import SECOND, Driver, drive, play, session


def on(name: str, *overrides: str, seed: int | None = None, variant: str = "as-written") -> Session:
    scenario = load(name, overrides)
    plans = {"as-written": scenario.plan, **{each.name: each.plan for each in scenario.variants}}
    plan = plans[variant]
    return Session(scenario, Simulation(plan, plan.seed if seed is None else seed, []), None, variant)


def written(s: Session) -> str:
    """Written by key; the command that the cockpit shows."""
    said = []

    async def check(d: Driver) -> None:
        await d.press("w", "enter")
        said.append(s.said)

    drive(check, s)
    assert said[0].startswith("written: resim run "), said
    return said[0].removeprefix("written: resim run ")


def run_again(command: str) -> Simulation:
    path, *options = shlex.split(command)
    sets = [value for name, value in zip(options[::2], options[1::2], strict=True) if name == "--set"]
    seeds = [int(value) for name, value in zip(options[::2], options[1::2], strict=True) if name == "--seed"]
    plan = load(path, sets).plan
    simulation = Simulation(plan, seeds[0] if seeds else plan.seed, [])
    drain(simulation)
    return simulation


@pytest.mark.parametrize(
    ("name", "overrides", "seed", "variant"),
    [
        ("first-look", ["service.latency=80ms"], None, "as-written"),
        ("first-look", [], 7, "as-written"),
        ("first-look", ["retry.attempts=2"], 7, "as-written"),
        ("live-fix", ["changes=[]"], None, "as-written"),
        ("hard-outage", [], None, "breaker"),
        ("library-breakers", ["service.failure_rate=20%"], None, "as-written"),
    ],
    ids=str,
)
def test_the_command_that_is_shown_runs_what_was_played(
    name: str, overrides: list[str], seed: int | None, variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bugs once: --set outside the stack and --seed were lost, variants that no longer fit made the file invalid."""
    monkeypatch.chdir(tmp_path)
    s = on(name, *overrides, seed=seed, variant=variant)
    command = written(s)
    s.run.extend()
    assert run_again(command).digest() == s.run.source.digest()


@pytest.mark.parametrize("key", ["w", "W"])
@pytest.mark.parametrize("name", ["n" * 250, "n" * 300, "nul\0.yaml"], ids=["long", "too long", "nul"])
def test_a_name_that_cannot_be_a_file_is_said(
    key: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug once: the cockpit crashed."""
    monkeypatch.chdir(tmp_path)

    async def check(d: Driver) -> None:
        await d.press(key)
        d.app.screen.dismiss(name)
        await d.pilot.pause()
        await d.settle()
        assert d.app.is_running
        assert d.state.session.said

    drive(check, play(session("first-look"), 2))


def test_a_folder_that_may_not_be_entered_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug once: the cockpit crashed."""

    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    async def check(d: Driver) -> None:
        for key in ("w", "W"):
            await d.press(key)
            with monkeypatch.context() as patch:
                patch.setattr(Path, "exists", forbidden)
                d.app.screen.dismiss("closed/x")
                await d.pilot.pause()
            assert d.state.session.said == "cannot write closed/x: Permission denied"

    drive(check, play(session("first-look"), 2))


def test_a_full_disk_ends_the_saving_not_the_cockpit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug once: the session was lost."""
    monkeypatch.chdir(tmp_path)

    def full(self: Recorded, *_: object) -> bool:
        raise RecordingError("x.resim", "the disk is full", "make room")

    async def check(d: Driver) -> None:
        monkeypatch.setattr(Recorded, "run", full)
        await d.press("W", "enter")
        await d.settle()
        assert d.state.session.said == "not saved: x.resim: the disk is full"
        assert d.app.files.job is None
        await d.press("full_stop")
        assert d.app.is_running

    drive(check, play(session("first-look"), 2))


def test_a_full_disk_while_save_records_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session goes on, though its recording does not."""
    scenario = load("first-look")
    recorded = record(Simulation(scenario.plan, 1, []), scenario, tmp_path / "x.resim")

    def full() -> None:
        raise RecordingError("x.resim", "the disk is full", "make room")

    async def check(d: Driver) -> None:
        await d.pass_time(1)
        monkeypatch.setattr(recorded.writer, "breathe", full)
        for keys in (["n"], ["full_stop", "o", "space"]):
            await d.press(*keys)
            await d.pass_time(0.5)
            assert "the disk is full" in d.state.session.said, keys
        assert d.app.is_running
        assert d.state.session.clock > 2 * SECOND

    drive(check, Session(scenario, recorded))
    monkeypatch.undo()
    recorded.__exit__(None, None, None)
