"""How the tables for people follow a run, and what is left of them when it is killed or too long."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.recording import tables
from resilience_sim.recording.check import check_tables
from resilience_sim.recording.codec import CHUNK
from resilience_sim.recording.errors import RecordingError
from resilience_sim.recording.layout import TABLES, RecordingMeta
from resilience_sim.recording.reader import open_recording
from resilience_sim.recording.rows import WHY_NAMES, RowAssembler
from resilience_sim.recording.writer import RecordingWriter

from .lab import make_plan, tape_of


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a run so fast that its tables had not caught up with its events when it was killed."""
    monkeypatch.setattr(tables, "AT_A_COMMIT", 1)
    events, simulation = tape_of(make_plan(4000))
    writer = RecordingWriter(tmp_path / "k.resim", RecordingMeta(1, ""), simulation.components)
    for number, event in enumerate(events[: 3 * CHUNK]):
        writer.on_event(*event)
        if number in (10_000, 20_000):
            writer.commit()
    writer.abandon()
    return tmp_path / "k.resim"


def test_tables_that_lag_behind_say_how_far_they_go(killed: Path) -> None:
    with open_recording(killed) as recording:
        assert recording.events == 20_001
        check_tables(recording)
    with sqlite3.connect(killed) as db:
        assert db.execute("SELECT events FROM tables_tell").fetchone() == (2 * CHUNK,)
        assert db.execute("SELECT count(*) FROM requests").fetchone()[0] > 1000


@pytest.mark.parametrize("told", ["0", "20001", "'all'"])
def test_tables_that_tell_of_other_events_than_they_say_are_found(killed: Path, told: str) -> None:
    with sqlite3.connect(killed) as db:
        db.execute(f"UPDATE tables_tell SET events = {told}")
    with open_recording(killed) as recording, pytest.raises(RecordingError, match="table"):
        check_tables(recording)


def test_rows_are_the_same_however_many_go_in_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, simulation = tape_of(make_plan(1500))
    found = []
    for at_once in (1, 16):
        monkeypatch.setattr(tables, "_AT_ONCE", at_once)
        path = tmp_path / f"{at_once}.resim"
        writer = RecordingWriter(path, RecordingMeta(1, ""), simulation.components)
        for event in events:
            writer.on_event(*event)
        writer.close(True, simulation.digest(), simulation.now)
        with sqlite3.connect(path) as db:
            found.append([db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES])
    assert found[0] == found[1]
    assert len(found[0][0]) == 1500


def test_every_reason_of_a_breaker_has_a_name() -> None:
    reasons = [value for name, value in vars(ev).items() if name.startswith("WHY_") and isinstance(value, int)]
    assert len(WHY_NAMES) > max(reasons) > 16
    assembler = RowAssembler((), 0)
    assembler.take([(0, ev.BREAKER, 0, -1, ev.pack_change(ev.OPEN, ev.CLOSED, why), 0) for why in reasons])
    assert len({row[5] for row in assembler.drain()["transitions"]}) == len(reasons)
