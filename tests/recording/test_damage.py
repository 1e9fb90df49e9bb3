"""A changed, truncated or foreign file is refused or reads exactly as before; never a crash, never other events."""

from __future__ import annotations

import random
import sqlite3

import pytest

from resilience_sim.recording.layout import RecordingError
from resilience_sim.recording.reader import open_recording


def contents(path):
    """Everything a program gets out of a recording, or None when it is refused."""
    try:
        with open_recording(path) as recording:
            return (
                recording.meta, recording.components, recording.actions, recording.state, recording.digest(),
                list(recording.iter_events()),
            )  # fmt: skip
    except RecordingError as error:
        return None if error.place and error.cause and error.remedy else error


def test_truncated_anywhere(tmp_path, recorded):
    data = recorded.read_bytes()
    assert contents(recorded) is not None
    path = tmp_path / "t.resim"
    lengths = {0, 1, 16, 99, 100, 101, 8191, 8192, len(data) - 1, *random.Random(1).sample(range(len(data)), 60)}
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        assert contents(path) is None, length


def test_bits_flipped_anywhere(tmp_path, recorded):
    data = recorded.read_bytes()
    whole = contents(recorded)
    path = tmp_path / "f.resim"
    draw = random.Random(2)
    positions = [*range(0, 112, 3), *draw.sample(range(len(data)), 200)]
    refused = 0
    for position in positions:
        changed = bytearray(data)
        changed[position] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        found = contents(path)
        assert found in (None, whole), position
        refused += found is None
    assert refused > 20


def test_overwritten_stretches(tmp_path, recorded):
    data = recorded.read_bytes()
    whole = contents(recorded)
    path = tmp_path / "o.resim"
    draw = random.Random(3)
    for _ in range(60):
        changed = bytearray(data)
        start = draw.randrange(len(data))
        stretch = draw.choice([4, 64, 4096])
        changed[start : start + stretch] = draw.choice([bytes(stretch), draw.randbytes(stretch)])
        path.write_bytes(changed[: len(data)])
        assert contents(path) in (None, whole), start


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE meta SET value = '2' WHERE key = 'seed'",
        "UPDATE meta SET value = value || ' ' WHERE key = 'scenario_text'",
        "DELETE FROM files",
        "UPDATE files SET content = '3'",
        "UPDATE components SET name = 'x' WHERE id = 0",
        "DELETE FROM components WHERE id = 0",
        "DELETE FROM chunks WHERE chunk = 0",
        "UPDATE chunks SET events = events - 1",
        "UPDATE chunks SET data = zeroblob(10)",
        "UPDATE chunks SET first_t_ns = 'soon'",
        "UPDATE state SET finished = 0",
        "UPDATE state SET digest = '0123456789abcdef'",
        "DELETE FROM state",
        "DROP TABLE state",
        "DROP TABLE meta",
        "PRAGMA journal_mode = WAL",
        "INSERT INTO actions VALUES (0, 0, 0, 'inject', '{}', 'x')",
        "PRAGMA user_version = 99",
        "PRAGMA application_id = 1",
    ],
)
def test_changed_with_sql(tmp_path, recorded, change):
    path = tmp_path / "c.resim"
    path.write_bytes(recorded.read_bytes())
    db = sqlite3.connect(path)
    db.execute("PRAGMA ignore_check_constraints = ON")
    db.execute(change)
    db.commit()
    db.close()
    assert contents(path) is None


def test_newer_formats_say_so(tmp_path, recorded):
    path = tmp_path / "n.resim"
    data = bytearray(recorded.read_bytes())
    data[60:64] = (7).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(RecordingError, match="format 7"):
        open_recording(path)


def test_changed_while_open(tmp_path, recorded):
    path = tmp_path / "w.resim"
    path.write_bytes(recorded.read_bytes())
    with open_recording(path) as recording:
        with sqlite3.connect(path) as db:
            db.execute("UPDATE chunks SET data = zeroblob(100)")
        with pytest.raises(RecordingError, match="changed"):
            list(recording.iter_events())
