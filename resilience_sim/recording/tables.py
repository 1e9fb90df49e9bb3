"""Filling the tables for people while a run is recorded.

Owns how far they are filled, and when they are left empty. Refuses to make rows (rows.py) and to commit (writer.py).

Rows cost about ten times what their events cost, so a commit makes those of ``AT_A_COMMIT`` events only, and what is
left over waits for the end: a run that people watch has its tables filled once a second, one that is over in a second
fills them at its end, and one that turns out to have more than ``UP_TO`` events, which leaves them empty, has lost
little. The table ``tables_tell`` says how many events they tell of, ``left_out`` why they are empty. Exports give the
same rows at any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from resilience_sim.kernel.events import Component
from resilience_sim.recording import layout
from resilience_sim.recording.codec import CHUNK, rows, unpack
from resilience_sim.recording.rows import Row, RowAssembler

if TYPE_CHECKING:
    import sqlite3

UP_TO = 1_000_000
AT_A_COMMIT = 4 * CHUNK
_WHY = f"a run of more than {UP_TO:,} events; resim export makes these rows from the events"
_AT_ONCE = 16  # rows a statement puts in, which halves what a row costs; SQLite takes 999 numbers everywhere


class Tables:
    """The tables for people of the recording that is being written."""

    def __init__(self, components: Sequence[Component], deadline_ns: int) -> None:
        self._assembler = RowAssembler(components, deadline_ns)
        self._told = 0  # events that the assembler has had
        self._left_out = False

    def join(self, components: Sequence[Component]) -> None:
        """These may speak from now on, too."""
        self._assembler.join(components)

    def outgrown(self, connection: sqlite3.Connection, events: int) -> None:
        """Leave the tables empty if that many events are too many."""
        if self._left_out or events <= UP_TO:
            return
        self._left_out = True
        for name in layout.TABLES:
            connection.execute(f"DELETE FROM {name}")
        connection.execute("INSERT INTO left_out VALUES (?)", (_WHY,))
        connection.execute("UPDATE tables_tell SET events = 0")

    def fill(self, connection: sqlite3.Connection, events: int) -> None:
        """Rows of what is stored, ``events`` in all, and new: of about ``AT_A_COMMIT`` events."""
        self._fill(connection, min(events, self._told + AT_A_COMMIT))

    def close(self, connection: sqlite3.Connection, events: int) -> None:
        """Rows of everything, also of what is still open."""
        if self._left_out:
            return
        self._fill(connection, events)
        self._assembler.close()
        self._store(connection)
        connection.execute("CREATE INDEX attempts_of_request ON attempts (rid, attempt)")

    def _fill(self, connection: sqlite3.Connection, until: int) -> None:
        if self._left_out or self._told >= until:
            return
        while self._told < until:
            number, had = divmod(self._told, CHUNK)
            query = "SELECT data, events FROM chunks WHERE chunk = ?"
            data, count = connection.execute(query, (number,)).fetchone()
            self._assembler.take(islice(rows(unpack(data, count)), had, None))
            self._told += count - had
            self._store(connection)
        connection.execute("UPDATE tables_tell SET events = ?", (self._told,))

    def _store(self, connection: sqlite3.Connection) -> None:
        for name, ready in self._assembler.drain().items():
            if ready:
                put(connection, name, ready)


def put(connection: sqlite3.Connection, table: str, ready: list[Row]) -> None:
    """Rows into a table."""
    marks = f"({', '.join('?' * len(ready[0]))})"
    whole = len(ready) // _AT_ONCE * _AT_ONCE
    if whole:
        several = (tuple(chain.from_iterable(ready[i : i + _AT_ONCE])) for i in range(0, whole, _AT_ONCE))
        connection.executemany(f"INSERT INTO {table} VALUES {', '.join([marks] * _AT_ONCE)}", several)
    connection.executemany(f"INSERT INTO {table} VALUES {marks}", ready[whole:])
