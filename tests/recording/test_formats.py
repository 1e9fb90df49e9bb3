"""Recordings of formats 1 and 2 are still read, and a file does not pass for another format than its own."""

from __future__ import annotations

import gzip
import sqlite3
from hashlib import blake2b
from pathlib import Path

import pytest

from resilience_sim.recording.encode import encode
from resilience_sim.recording.layout import RecordingError
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.replay import verify

DIGEST = "eddc17fe5cc998fe"  # of the 950 events that the two old versions recorded


def old(folder: Path, number: int) -> Path:
    """A recording of ``first-look`` with 120 requests, made by a version of resim that wrote this format."""
    path = folder / f"format-{number}.resim"
    packed = Path(__file__).parent / "old" / f"format-{number}.resim.gz"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


@pytest.mark.parametrize("number", [1, 2])
def test_an_old_recording_is_read(tmp_path: Path, number: int) -> None:
    with open_recording(old(tmp_path, number)) as recording:
        assert recording.format == number
        assert (recording.finished, recording.events, recording.digest()) == (True, 950, DIGEST)
        events = list(recording.iter_events())
        assert len(events) == 950
        middle = events[500][0]
        assert list(recording.iter_events(middle)) == [event for event in events if event[0] >= middle]
        assert verify(recording).same


@pytest.mark.parametrize("number", [1, 2])
def test_the_tables_of_an_old_recording_are_ignored(tmp_path: Path, number: int) -> None:
    path = old(tmp_path, number)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE attempts SET outcome = 'success' WHERE outcome = 'timeout'")
        db.execute("DROP TABLE samples")
    with open_recording(path) as recording:
        assert verify(recording).same


@pytest.mark.parametrize(("made", "claimed"), [(1, 2), (2, 1), (2, 3), (3, 1), (3, 2)])
def test_a_file_that_claims_another_format_is_refused(tmp_path: Path, recorded: Path, made: int, claimed: int) -> None:
    path = tmp_path / "claims.resim"
    path.write_bytes((recorded if made == 3 else old(tmp_path, made)).read_bytes())
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
    assert blake2b(encode(events), digest_size=8).hexdigest() == "9abe77e7420fbed6"
