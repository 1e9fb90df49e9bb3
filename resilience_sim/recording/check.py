"""Do the tables for people still say what the events say?

Owns that comparison. Refuses to repair. Opening a recording proves its events only (reader.py): whoever changed a row
of ``requests`` by hand changed nothing that replays, but would mislead the next reader; ``resim replay --verify``
asks here.
"""

from __future__ import annotations

import sqlite3
from itertools import islice

from resilience_sim.recording import layout
from resilience_sim.recording.codec import rows
from resilience_sim.recording.errors import RecordingError
from resilience_sim.recording.reader import Recording
from resilience_sim.recording.rows import RowAssembler
from resilience_sim.recording.tables import put


def check_tables(recording: Recording) -> None:
    """RecordingError when a table for people is not what the recorded events give.

    The tables of a killed run end with its last commit or before (``tables_tell``), those of an interrupted one also
    say what was still open.
    """
    told = _told(recording)
    if told is None:
        return
    connection = sqlite3.connect("", uri=True, isolation_level=None)  # on disk, private, gone afterwards
    try:
        connection.execute("ATTACH ? AS stored", (f"{recording.path.absolute().as_uri()}?mode=ro",))
        sound = connection.execute("PRAGMA stored.integrity_check(1)").fetchone()[0]
        if sound != "ok":
            raise _changed(recording, f"SQLite finds that {sound}")
        for name, columns in layout.TABLES.items():
            connection.execute(f"CREATE TABLE main.{name} ({', '.join(columns)})")
        assembler = RowAssembler(recording.components, recording.meta.deadline_ns)
        connection.execute("BEGIN")
        for number, columns_of_chunk in recording.iter_chunks():
            if number >= told:
                break
            assembler.take(islice(rows(columns_of_chunk), told - number))
            _put(connection, assembler)
        changed = _different(connection)
        if told == recording.events and (recording.finished or changed):
            assembler.close()
            _put(connection, assembler)
            changed = _different(connection)
    except sqlite3.Error as error:
        raise _changed(recording, f"its tables cannot be read: {error}") from error
    finally:
        connection.close()
    if changed:
        raise _changed(recording, f"its table {changed} does not say what its events say")


def _told(recording: Recording) -> int | None:
    """How many events the tables tell of; None when they are empty on purpose, and really empty."""
    connection = sqlite3.connect(f"{recording.path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        if connection.execute("SELECT count(*) FROM left_out").fetchone()[0] == 0:
            if recording.format == 1:
                return recording.events
            return int(connection.execute("SELECT events FROM tables_tell").fetchone()[0])
        for name in layout.TABLES:
            if connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]:
                raise _changed(recording, f"its table {name} should be empty")
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise _changed(recording, f"its tables cannot be read: {error}") from error
    finally:
        connection.close()
    return None


def _put(connection: sqlite3.Connection, assembler: RowAssembler) -> None:
    for name, ready in assembler.drain().items():
        if ready:
            put(connection, f"main.{name}", ready)


def _different(connection: sqlite3.Connection) -> str:
    """The first table that differs, or ""."""
    for name in layout.TABLES:
        counts = [connection.execute(f"SELECT count(*) FROM {side}.{name}").fetchone() for side in ("main", "stored")]
        query = f"SELECT * FROM main.{name} EXCEPT SELECT * FROM stored.{name} LIMIT 1"
        if counts[0] != counts[1] or connection.execute(query).fetchone() is not None:
            return name
    return ""


def _changed(recording: Recording, cause: str) -> RecordingError:
    return RecordingError(
        str(recording.path),
        f"the recording was changed: {cause}",
        "its events are intact and can be replayed without --verify; to have right tables too, record again",
    )
