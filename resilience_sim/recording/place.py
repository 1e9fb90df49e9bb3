"""Where a new recording goes: making the file, never at the cost of one that is there.

Owns creation and replacement of ``.resim`` files. Refuses to know what is written into them later (writer.py).

A new recording is begun in a file beside its place (same folder, hidden, ``.NAME.PID.new``) with everything that is
known before the first event, committed, and only then renamed to its place. So at every instant the place holds
either what was there before or a readable recording of the new run; a folder that cannot be written, a full disk or a
bad name shows before anything is lost. What is there and is not a resim recording is never replaced, nor is one that
another process is writing at this moment.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from resilience_sim.recording.errors import RecordingError
from resilience_sim.recording.layout import APPLICATION_ID, FORMAT, MAGIC

# SQLite finds a file's journal by name: an old one would be applied to the new file.
COMPANIONS = ("-journal", "-wal", "-shm")


def create(path: Path, fill: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """Begin a recording at ``path``; ``fill`` makes its tables. The connection holds the file for itself."""
    place = str(path)
    check_replaceable(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        _remove(beside)
        connection = connect(beside)
        try:
            connection.execute("PRAGMA page_size = 8192")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            connection.execute("BEGIN IMMEDIATE")
            fill(connection)
            connection.execute("COMMIT")
        finally:
            connection.close()
        for companion in COMPANIONS:
            path.with_name(path.name + companion).unlink(missing_ok=True)
        beside.replace(path)
        return connect(path)
    except (sqlite3.Error, OSError) as error:
        raise RecordingError(place, f"cannot write a recording there: {reason(error)}", _REMEDY) from error
    finally:
        _remove(beside)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that keeps the file locked until it is closed, with transactions begun by hand.

    A rollback journal, not a write-ahead log: after a kill the file alone is nearly always complete, and no reader has
    to find a second file next to it.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def is_recording(path: Path) -> bool:
    """Whether the first bytes are those of a resim recording, damaged or not. OSError when it cannot be read."""
    with path.open("rb") as file:
        header = file.read(100)
    return header.startswith(MAGIC) and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def check_replaceable(path: Path) -> None:
    """RecordingError when something is at ``path`` that a new recording must not replace."""
    place = str(path)
    try:
        if not path.parent.is_dir():
            raise RecordingError(
                place, "its folder does not exist", f"create {path.parent} first, or choose another path"
            )
        if not os.path.lexists(path):
            return
        if not path.is_file():
            raise RecordingError(place, "it exists and is not a file", "choose another path")
        if not is_recording(path):
            raise RecordingError(
                place, "the file there is not a resim recording", "choose another path, or remove the file"
            )
    except OSError as error:
        raise RecordingError(place, f"cannot be looked at: {reason(error)}", "choose another path") from error
    connection = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=0.2)
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise RecordingError(
                place, "another program is using the recording there", "wait for it to end, or choose another path"
            ) from error
        # Damaged or read-only: still an old recording, and the user asked for a new one in its place.
    finally:
        if connection is not None:
            connection.close()


def reason(error: sqlite3.Error | OSError) -> str:
    """The error in plain words."""
    return str(getattr(error, "strerror", None) or error)


def _remove(path: Path) -> None:
    for name in ("", *COMPANIONS):
        try:
            path.with_name(path.name + name).unlink(missing_ok=True)
        except OSError:
            if not name:
                raise


_REMEDY = "check that the folder can be written and has space, or choose another path"
