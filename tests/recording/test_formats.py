"""Recordings of format 1 are still read, and a file does not pass for another format than its own."""

from __future__ import annotations

import sqlite3
from array import array
from functools import reduce
from hashlib import blake2b
from operator import or_, sub
from pathlib import Path

import pytest

from resilience_sim.kernel.columns import Columns
from resilience_sim.recording import layout, place, tables, writer
from resilience_sim.recording.check import check_tables
from resilience_sim.recording.codec import pack, unpack, unpack_format_1
from resilience_sim.recording.errors import RecordingError
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.record import record
from resilience_sim.runs.replay import verify
from resilience_sim.runs.simulation import Simulation

from .lab import SECOND, make_plan, make_scenario, tape_of


def pack_as_then(gathered: Columns) -> bytes:
    """A chunk of format 1."""
    data = writer_of_today(gathered)
    there, parts = bytearray(), []
    for number, column in enumerate(unpack(data, gathered.count)):
        values = list(column)
        if number in (0, 3):
            values = list(map(sub, values, [0, *values[:-1]]))
        if number == 3:
            values = [value << 1 ^ value >> 63 for value in values]
        bits = reduce(or_, values, 0)
        used = [plane for plane in range(8) if bits >> 8 * plane & 0xFF]
        there.append(sum(1 << plane for plane in used))
        raw = array("q", values).tobytes()
        parts += [raw[plane::8] for plane in used]
    return b"".join((there, *parts))


writer_of_today = writer.pack_gathered


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished recording as format 1 had it."""
    path = tmp_path / "old.resim"
    plan = make_plan()
    with monkeypatch.context() as then:
        then.setattr(writer, "pack_gathered", pack_as_then)
        then.setattr(tables, "unpack", unpack_format_1)
        then.setattr(place, "FORMAT", 1)
        then.setattr(layout, "FORMAT", 1)
        with record(Simulation(plan, 1), make_scenario(plan), path) as source:
            source.run()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE tables_tell")
    return path


@pytest.mark.usefixtures("as_loaded")
def test_a_recording_of_format_1_is_read(old: Path) -> None:
    events, simulation = tape_of(make_plan())
    with open_recording(old) as recording:
        assert recording.format == 1
        assert list(recording.iter_events()) == events
        assert list(recording.iter_events(2 * SECOND)) == [event for event in events if event[0] >= 2 * SECOND]
        assert recording.digest() == simulation.digest()
        assert verify(recording).same


def test_changed_tables_of_format_1_are_found(old: Path) -> None:
    with sqlite3.connect(old) as db:
        db.execute("UPDATE attempts SET outcome = 'success' WHERE outcome = 'timeout'")
    with open_recording(old) as recording, pytest.raises(RecordingError, match="table attempts does not say"):
        check_tables(recording)


@pytest.mark.parametrize(("made", "claimed"), [(1, 2), (2, 1)])
def test_a_file_that_claims_the_other_format_is_refused(old: Path, recorded: Path, made: int, claimed: int) -> None:
    path = old.with_name("claims.resim")
    path.write_bytes((old if made == 1 else recorded).read_bytes())
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {claimed}")
    with pytest.raises(RecordingError, match="format was changed"):
        open_recording(path)


def test_both_forms_of_the_core_write_the_same_bytes() -> None:
    """Known bytes: another number means that recordings of today are not read tomorrow, so raise the format."""
    events = [
        (i // 3 * 7_000_000, 1 + i % 27, i % 5, i // 9 + i % 3, i % 4 << 16, (i % 6) ** 9 * 1000 - 1)
        for i in range(3000)
    ]
    assert blake2b(pack(events), digest_size=8).hexdigest() == "9abe77e7420fbed6"
