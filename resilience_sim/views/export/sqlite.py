"""A SQLite database with the tables of measure/tables.py, for anybody's SQL.

The file is made from nothing and takes its place when it is complete (files.py), so it needs no journal, and nothing
waits for the disk.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TextIO

from resilience_sim.kernel.events import Event
from resilience_sim.measure.tables import TABLES, Row, TablesFold
from resilience_sim.views.export.base import About, Export
from resilience_sim.views.export.files import TABLES_ID

_AT_ONCE = 16  # rows a statement puts in, which halves what a row costs; SQLite takes 999 numbers everywhere


class SqliteExport(Export):
    """Writes rows as they are complete into the file that ``stream``, still empty, is open on."""

    def __init__(self, stream: TextIO, facts: About) -> None:
        super().__init__()
        self._tables = TablesFold(facts.components, facts.deadline_ns)
        with _as_os_error():
            self._connection = sqlite3.connect(stream.name, isolation_level=None)
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.execute(f"PRAGMA application_id = {TABLES_ID}")
            self._connection.execute("BEGIN")
            for name, columns in TABLES.items():
                self._connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            self._connection.execute("CREATE TABLE run (scenario TEXT, seed INTEGER, resim_version TEXT)")
            self._connection.execute("INSERT INTO run VALUES (?, ?, ?)", (facts.name, facts.seed, facts.version))

    def sees_services(self) -> bool:
        return True

    def take(self, events: list[Event]) -> None:
        self._tables.take(events)
        self._write()

    def finish(self, end: int) -> None:
        """Write what is still open as unanswered."""
        self._tables.close()
        self._write()
        with _as_os_error():
            self._connection.execute("CREATE INDEX attempts_of_request ON attempts (rid, attempt)")
            self._connection.execute("COMMIT")
            self._connection.close()

    def abandon(self) -> None:
        self._connection.close()

    def _write(self) -> None:
        with _as_os_error():
            for name, rows in self._tables.drain().items():
                if rows:
                    _put(self._connection, name, rows)


def _put(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    marks = f"({', '.join('?' * len(rows[0]))})"
    whole = len(rows) // _AT_ONCE * _AT_ONCE
    if whole:
        several = (tuple(chain.from_iterable(rows[i : i + _AT_ONCE])) for i in range(0, whole, _AT_ONCE))
        connection.executemany(f"INSERT INTO {table} VALUES {', '.join([marks] * _AT_ONCE)}", several)
    connection.executemany(f"INSERT INTO {table} VALUES {marks}", rows[whole:])


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What SQLite cannot write, as an ExportError like those of files.py."""
    try:
        yield
    except sqlite3.Error as error:
        code = errno.ENOSPC if "full" in str(error) else errno.EIO
        raise OSError(code, str(error)) from error
