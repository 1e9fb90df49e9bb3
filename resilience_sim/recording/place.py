"""Making the file of a new recording, never at the cost of what is there.

A new recording is begun in a file beside its place (same folder, hidden, ``.NAME.PID.new``) with everything that is
known before the first event, and only then moved to its place. So at every instant the place holds either what was
there before or a readable recording of the new run; a folder that cannot be written, a full disk or a bad name shows
before anything is lost. What is there and is not a resim recording is never replaced, nor is one that another process
is writing at this moment. A symbolic link stays one: what it points to is replaced.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from resilience_sim.recording.beside import COMPANIONS, beside, move, sweep
from resilience_sim.recording.layout import APPLICATION_ID, FORMAT, MAGIC, RecordingError


def create(path: Path, fill: Callable[[sqlite3.Connection], None], force: bool = False) -> sqlite3.Connection:
    """Begin a recording at ``path``; ``fill`` makes its tables. A transaction is open, and the file is locked.

    A file that is not a recording is only replaced with ``force``.
    """
    held = begun = None
    try:
        target = path.resolve()
        held = _hold(path, force)
        sweep(target, "new")
        begun = beside(target, "new")
        begun.write_bytes(_beginning(fill))
        ours = begun.stat()
        for companion in COMPANIONS:  # an old journal would be applied to the new file
            target.with_name(target.name + companion).unlink(missing_ok=True)
        if held is not None:
            if os.name == "nt":  # where an open file cannot be replaced
                held.close()
            begun.replace(target)
        else:
            try:
                move(begun, target, new=True)
            except FileExistsError:
                raise _in_use(path) from None
        connection = _connect(target)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            if not os.path.samestat(ours, target.stat()):
                raise _in_use(path)
        except BaseException:
            connection.close()
            raise
        return connection
    except (sqlite3.Error, OSError, ValueError, RuntimeError) as error:
        if "database is locked" in str(error):
            raise _in_use(path) from error
        raise RecordingError(str(path), f"cannot write a recording there: {reason(error)}", _REMEDY) from error
    finally:
        if held is not None:
            held.close()
        if begun is not None:
            with suppress(OSError):
                begun.unlink()


def _beginning(fill: Callable[[sqlite3.Connection], None]) -> bytes:
    """The file before the first event, made in memory: SQLite would wait for the disk several times."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("BEGIN")
        fill(connection)
        connection.execute("COMMIT")
        return connection.serialize()
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that keeps the file locked until it is closed, with explicit transactions.

    A rollback journal, not a write-ahead log: after a kill the file alone is nearly always complete, and no reader has
    to find a second file next to it. Nothing waits for the disk (two hundred times as long as a short run): a kill
    loses nothing by that, a power cut may lose the recording, which the same command makes again.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _hold(path: Path, force: bool) -> sqlite3.Connection | None:
    """Lock the recording at ``path`` that is to be replaced; None when nothing is there.

    RecordingError when what is there must not be replaced.
    """
    place = str(path)
    try:
        if not path.parent.is_dir():
            raise RecordingError(
                place, "its folder does not exist", f"create {path.parent} first, or choose another path"
            )
        if not path.exists():
            return None
        if not path.is_file():
            raise RecordingError(place, "it exists and is not a file", "choose another path")
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise RecordingError(place, f"cannot be read: {reason(error)}", "choose another path") from error
    if not is_recording(header) and not force:
        raise RecordingError(
            place, "the file there is not a resim recording", "choose another path; --force replaces the file"
        )
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.2)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if "locked" in str(error):
            connection.close()
            raise _in_use(path) from error
        # Damaged, read-only or no database at all: the user asked for a new one in its place.
    return connection


def is_recording(header: bytes) -> bool:
    """Whether these first 100 bytes are those of a resim recording, damaged or not."""
    return header.startswith(MAGIC) and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def reason(error: Exception) -> str:
    """The error in plain words."""
    return str(getattr(error, "strerror", None) or error)


def _in_use(path: Path) -> RecordingError:
    return RecordingError(
        str(path), "another program is using the recording there", "wait for it to end, or choose another path"
    )


_REMEDY = "check that the folder can be written and has space, or choose another path"
