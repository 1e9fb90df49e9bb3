"""SIGKILL at any instant leaves a readable recording of what happened until then."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resilience_sim.recording.layout import RecordingError
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.record import Recorded, describe, record
from resilience_sim.runs.replay import verify
from resilience_sim.runs.simulation import Simulation

from .lab import SECOND, make_plan, make_scenario, tape_of

REQUESTS = 1_000_000

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")


def record_for_ever(path: str, pause: float) -> None:
    """What the child does: a run that is much longer than it lives."""
    from resilience_sim.recording.writer import RecordingWriter

    plan = make_plan(REQUESTS)
    simulation = Simulation(plan, 1)
    meta = describe(simulation, make_scenario(plan))
    writer = RecordingWriter(path, meta, simulation.components, commit_seconds=pause)
    with Recorded(simulation, writer) as source:
        print("begun", flush=True)
        overdue = time.monotonic() + pause
        told = False
        due = False
        while source.run(until=source.now + SECOND):
            if due and not told:
                print("committed", flush=True)
                told = True
            due = time.monotonic() >= overdue  # then the next second of the run ends with a commit


def child(code: str) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[2]
    prelude = "from tests.recording import test_kill; "
    return subprocess.Popen([sys.executable, "-c", prelude + code], cwd=root, stdout=subprocess.PIPE)


@pytest.mark.parametrize(
    ("commit", "wait"), [(0.0, None), (0.0, 0.0), (0.0, 0.1), (0.0, 0.2), (0.05, 0.0), (0.05, 0.1), (1e9, None)]
)
def test_killed_at_any_instant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: float, wait: float | None
) -> None:
    """Before anything has been committed (``wait`` None), or so many seconds and some luck after that."""
    path = tmp_path / "k.resim"
    with child(f"test_kill.record_for_ever({str(path)!r}, {commit})") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        if wait is not None:
            assert process.stdout.readline() == b"committed\n"
        time.sleep((wait or 0.0) + random.uniform(0.0, 0.1))
        process.kill()
    monkeypatch.setattr("resilience_sim.runs.replay.scenario_of", lambda _: make_scenario(make_plan(REQUESTS)))
    with open_recording(path) as recording:
        assert not recording.finished
        assert recording.events > 0 or wait is None
        result = verify(recording)
        assert result.same, result
    assert [file.name for file in tmp_path.iterdir()] == ["k.resim"]


def killed_in_a_commit(path: str) -> None:
    """What the child does: it dies when a transaction is half in the file."""
    from resilience_sim.recording.writer import RecordingWriter

    plan = make_plan(4000)
    events, simulation = tape_of(plan)
    writer = RecordingWriter(path, describe(simulation, make_scenario(plan)), simulation.components, commit_seconds=1e9)
    for number, event in enumerate(events):
        if number == 10_000:
            writer.commit()
            assert writer._connection is not None
            writer._connection.execute("PRAGMA cache_size = 3")
        writer.on_event(*event)
    os.kill(os.getpid(), signal.SIGKILL)


def test_killed_in_the_middle_of_a_commit(tmp_path: Path) -> None:
    path = tmp_path / "k.resim"
    with child(f"test_kill.killed_in_a_commit({str(path)!r})") as process:
        process.wait()
    journal = Path(f"{path}-journal")
    assert journal.stat().st_size > 0
    alone = tmp_path / "alone.resim"
    alone.write_bytes(path.read_bytes())
    with pytest.raises(RecordingError):  # without its journal it is half of one thing and half of another
        open_recording(alone)
    with open_recording(path) as recording:
        assert list(recording.iter_events()) == tape_of(make_plan(4000))[0][:10_000]


def test_every_event_of_a_slow_run_is_kept_within_a_second(tmp_path: Path) -> None:
    """A live view at low speed yields a few events a second: they must not wait for a chunk to fill."""
    from resilience_sim.recording.writer import RecordingWriter

    now = [0.0]
    plan = make_plan()
    simulation = Simulation(plan, 1)
    meta = describe(simulation, make_scenario(plan))
    writer = RecordingWriter(tmp_path / "s.resim", meta, simulation.components, clock=lambda: now[0])
    source = Recorded(simulation, writer)
    source.run(until=SECOND)
    now[0] += 1.5
    source.run(until=SECOND)
    taken = writer.events
    source.run(until=2 * SECOND)
    writer.abandon()  # as a kill would
    with open_recording(tmp_path / "s.resim") as recording:
        assert recording.events == taken > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_never_cuts_a_write_in_two(tmp_path: Path, number: int) -> None:
    """It comes in the middle of storing a chunk, where it is held back until the chunk is whole."""
    from resilience_sim.recording.writer import RecordingWriter

    plan = make_plan(4000)
    events, simulation = tape_of(plan)
    calls = []

    def clock() -> float:
        calls.append(None)
        if len(calls) == 3:
            signal.raise_signal(number)
        return 0.0

    source = Simulation(plan, 1)
    writer = RecordingWriter(
        tmp_path / "c.resim", describe(source, make_scenario(plan)), simulation.components, clock=clock
    )
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), Recorded(source, writer) as recorded:
            recorded.run()
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    with open_recording(tmp_path / "c.resim") as recording:
        assert not recording.finished
        found = list(recording.iter_events())
        assert len(found) == 2 * 8192
        assert found == events[: len(found)]


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    """But nothing of one that lives, and nothing that only looks like it."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = [f".r.resim.{gone.pid}.new", f".r.resim.{gone.pid}.new-journal"]
    kept = [f".r.resim.{os.getppid()}.new", f".other.resim.{gone.pid}.new", ".r.resim.x.new", f"r.resim.{gone.pid}.new"]
    for name in [*left, *kept]:
        (tmp_path / name).touch()
    plan = make_plan()
    simulation = Simulation(plan, 1)
    with record(simulation, make_scenario(plan), tmp_path / "r.resim"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "r.resim"])
