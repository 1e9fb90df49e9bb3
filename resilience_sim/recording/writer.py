"""Writing a recording while the run goes on.

Owns when things are stored and committed. Refuses to know scenarios, plans or simulations: it takes events, and facts
as texts and numbers (layout.py ``RecordingMeta``).

Events are gathered in columns (kernel/columns.py) and stored a chunk of 8,192 at a time. A transaction is committed
once a second of real time: at a full chunk, or when :meth:`RecordingWriter.breathe` is called, which whoever drives a
slow run does every frame. A killed run leaves everything up to its last commit. A chunk that is not full at a commit is
stored as it is and replaced later, so chunks are full but for the last, however often was committed. Memory does not
grow with the run.

The tables for people are filled at each commit, as long as the run is one that people look at: beyond ``TABLES_UP_TO``
events they are left empty, for they cost thirty times what the events cost, and the table ``left_out`` says so. Exports
give the same rows at any size.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from pathlib import Path

from resilience_sim.kernel.columns import Columns
from resilience_sim.kernel.events import Component
from resilience_sim.kernel.sink import Fold
from resilience_sim.recording import layout, place
from resilience_sim.recording.codec import CHUNK, Event, pack_gathered, rows, unpack
from resilience_sim.recording.errors import RecordingError
from resilience_sim.recording.guard import uninterrupted
from resilience_sim.recording.layout import RecordingMeta, State
from resilience_sim.recording.rows import RowAssembler

TABLES_UP_TO = 1_000_000
_LEFT_OUT = f"a run of more than {TABLES_UP_TO:,} events; resim export makes these rows from the events"
_INSERTS = {
    name: f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})" for name, columns in layout.TABLES.items()
}
_PUT_CHUNK = "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)"
_PUT_STATE = "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_ACTION = "INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?)"


class RecordingWriter(Fold):
    """Records what its ``columns``, a fold, take (or what it is given itself, which is slower).

    Nothing at ``path`` is touched when the constructor raises RecordingError.
    ``clock`` gives seconds of real time; it only decides when to commit (every ``commit_seconds``).
    """

    def __init__(
        self,
        path: str | Path,
        meta: RecordingMeta,
        components: Sequence[Component],
        *,
        clock: Callable[[], float] = time.monotonic,
        commit_seconds: float = 1.0,
    ) -> None:
        self.path = Path(path)
        self.columns = Columns(CHUNK, self._spill)  # the fold that takes the events
        self._assembler = RowAssembler(components, meta.deadline_ns)
        self._assembled = 0  # events that the assembler has had; -1: it gets no more
        self._waiting: list[tuple[bytes, int]] = []  # full chunks that it has not had: bytes and number of events
        self._stored = 0  # gathered events that are in the file, as a chunk that is not full
        self._clock = clock
        self._pause = commit_seconds
        self._due = clock() + commit_seconds
        self._chunks = 0  # full ones
        self._end = 0
        pairs, files = meta.pairs(), sorted(meta.files)
        directory = [layout.component_row(component) for component in sorted(components, key=lambda c: c.id)]
        self._head = layout.head_of(pairs, files, directory)
        self._chain = self._tail_chain = self._head
        self._actions = 0
        self._action_chain = self._head

        def fill(connection: sqlite3.Connection) -> None:
            for statement in layout.statements():
                connection.execute(statement)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", pairs)
            connection.executemany("INSERT INTO files VALUES (?, ?)", files)
            connection.executemany("INSERT INTO components VALUES (?, ?, ?, ?, ?, ?)", directory)
            connection.execute(_PUT_STATE, self._state(0, 0, self._chain, 0, False, "").row())

        self._connection: sqlite3.Connection | None = place.create(self.path, fill)
        self._connection.execute("BEGIN EXCLUSIVE")

    @property
    def events(self) -> int:
        """Events taken so far."""
        return self._chunks * CHUNK + self.columns.count

    def on_event(self, t: int, kind: int, where: int, rid: int, a: int, b: int) -> None:
        """Take one event."""
        try:
            self.columns.on_event(t, kind, where, rid, a, b)
        except TypeError as error:  # compiled columns take nothing longer in the first place
            raise self._too_long(t) from error

    def breathe(self) -> None:
        """Commit if a second has gone by since the last time; cheap otherwise."""
        if self._clock() >= self._due:
            self.commit()

    def commit(self) -> None:
        """Make everything taken so far safe against a kill."""
        with uninterrupted():
            self._store()
            self._fill_tables()
            self._seal(False, "")

    def join(self, components: Sequence[Component]) -> None:
        """These may speak from now on; whoever records the action that brought them stores them with it."""
        self._assembler.join(components)

    def action(self, t: int, kind: str, detail: Mapping[str, object]) -> None:
        """Record what a user did to the run at this point (after the events taken so far). ``detail`` must fit JSON."""
        text = dumps(detail, sort_keys=True)
        chain = layout.fingerprint(self._action_chain, self._actions, self.events, t, kind, text)
        with uninterrupted():
            self._execute(_PUT_ACTION, (self._actions, self.events, t, kind, text, chain))
            self._action_chain = chain
            self._actions += 1

    def close(self, finished: bool, digest: str = "", end: int = 0) -> None:
        """Store the rest and let go of the file. May be called again; only the first call counts.

        ``finished``: the run came to its end by itself; then ``digest`` is that of all its events. ``end``: the
        virtual instant at which it stands (at least that of the last event).
        """
        if self._connection is None:
            return
        with uninterrupted():
            try:
                self._store()
                self._end = max(self._end, end)
                self._fill_tables()
                if self._assembled >= 0:
                    self._assembler.close()
                    self._store_rows()
                self._execute("CREATE INDEX attempts_of_request ON attempts (rid, attempt)", ())
                self._seal(finished, digest)
            finally:
                connection, self._connection = self._connection, None
                try:
                    connection.close()
                except sqlite3.Error as error:
                    raise self._failure(error) from error

    def abandon(self) -> None:
        """Let go of the file as the last commit left it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _spill(self) -> None:
        with uninterrupted():
            self._store()
            if self._clock() >= self._due:
                self._fill_tables()
                self._seal(False, "")

    def _store(self) -> None:
        """Put what is new into the open transaction."""
        count = self.columns.count
        if count == self._stored:
            return
        try:
            data = pack_gathered(self.columns)
        except OverflowError as error:
            raise self._too_long(self.columns.views()[0][0]) from error
        instants = self.columns.views()[0]
        first, last = instants[0], instants[-1]
        chain = layout.chain_chunk(self._chain, self._chunks, count, first, last, data)
        self._execute(_PUT_CHUNK, (self._chunks, count, first, last, data, chain))
        self._end = last
        self._tail_chain = chain
        self._stored = count
        if count == CHUNK:
            self._chain = chain
            self._chunks += 1
            self.columns.clear()
            self._stored = 0
            if self._assembled >= 0:
                self._waiting.append((data, count))
                if self.events > TABLES_UP_TO:
                    self._leave_tables_out()

    def _fill_tables(self) -> None:
        """Rows for people out of what is new."""
        if self._assembled < 0:
            return
        done = self._assembled % CHUNK  # the first of those that wait may have been had in part
        for data, count in self._waiting:
            self._assemble(list(rows(unpack(data, count)))[done:])
            done = 0
        self._waiting.clear()
        if self.columns.count > done:
            t, kind, where, rid, a, b = self.columns.views()
            self._assemble(list(rows((t, kind, where, rid, a, b)))[done:])
        self._store_rows()

    def _assemble(self, events: list[Event]) -> None:
        self._assembler.take(events)
        self._assembled += len(events)

    def _leave_tables_out(self) -> None:
        self._assembled = -1
        self._waiting.clear()
        for name in layout.TABLES:
            self._execute(f"DELETE FROM {name}", ())
        self._execute("INSERT INTO left_out VALUES (?)", (_LEFT_OUT,))

    def _store_rows(self) -> None:
        connection = self._open()
        try:
            for name, ready in self._assembler.drain().items():
                if ready:
                    connection.executemany(_INSERTS[name], ready)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _seal(self, finished: bool, digest: str) -> None:
        """Say how much there is, commit, and begin the next transaction."""
        partial = self.columns.count > 0
        chain = self._tail_chain if partial else self._chain
        state = self._state(self.events, self._chunks + partial, chain, self._end, finished, digest)
        self._execute(_PUT_STATE, state.row())
        self._execute("COMMIT", ())
        self._execute("BEGIN EXCLUSIVE", ())
        self._due = self._clock() + self._pause

    def _state(self, events: int, chunks: int, chain: str, end: int, finished: bool, digest: str) -> State:
        return State(finished, events, chunks, self._actions, end, digest, self._head, chain, self._action_chain)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RecordingError(str(self.path), "the recording is already closed", "record into a new file")
        return self._connection

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._open().execute(statement, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _too_long(self, t: int) -> RecordingError:
        cause = f"an event has a number beyond 64 bits, near {t / 1e9:.0f} s"
        return RecordingError(str(self.path), cause, "make the run shorter")

    def _failure(self, error: sqlite3.Error) -> RecordingError:
        return RecordingError(
            str(self.path),
            f"cannot go on writing the recording: {place.reason(error)}",
            "what was committed until then can be replayed; free some space or choose another path",
        )
