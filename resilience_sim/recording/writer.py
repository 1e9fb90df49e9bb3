"""Writing a recording while the run goes on.

Events are gathered by an :class:`Encoder` and stored a chunk of 8,192 at a time. A transaction is committed four times
a second of real time: at a full chunk, or when :meth:`RecordingWriter.breathe` is called, which whoever drives a run
does every tenth of a second. A killed run leaves everything up to its last commit: on a busy machine, too, no more than
its last second is missing. A chunk that is not full at a commit is stored as it is and replaced later, so all chunks
but the last are full, however often was committed. Memory does not grow with the run.
"""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from types import FrameType

from resilience_sim.kernel.events import Component
from resilience_sim.kernel.sink import Fold
from resilience_sim.recording import layout, place
from resilience_sim.recording.encode import CHUNK, Encoder
from resilience_sim.recording.layout import RecordingError, RecordingMeta, State

_PUT_CHUNK = "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)"
_PUT_STATE = "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_ACTION = "INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?)"


class RecordingWriter(Fold):
    """Records what its ``encoder``, a fold, takes (or what it is given itself, which is slower).

    Nothing at ``path`` is touched when the constructor raises RecordingError.
    ``clock`` gives seconds of real time; it only decides when to commit (every ``commit_seconds``).
    ``force``: replace also a file that is no recording.
    """

    def __init__(
        self,
        path: str | Path,
        meta: RecordingMeta,
        components: Sequence[Component],
        *,
        clock: Callable[[], float] = time.monotonic,
        commit_seconds: float = 0.25,
        force: bool = False,
    ) -> None:
        self.path = Path(path)
        self.encoder = Encoder(CHUNK, self._spill)
        self._stored = 0  # gathered events that are in the file, as a chunk that is not full
        self._clock = clock
        self._pause = commit_seconds
        self._next_commit = clock() + commit_seconds
        self._safe = 0, 0  # events and actions at the last commit
        self._chunks = 0  # full ones
        self._end = 0
        pairs, files = meta.pairs(), sorted(meta.files)
        directory = [layout.component_row(component) for component in sorted(components, key=lambda c: c.id)]
        self._head = layout.head_of(pairs, files, directory)
        self._chain = self._tail_chain = self._head
        self._actions = 0
        self._action_chain = self._head

        def fill(connection: sqlite3.Connection) -> None:
            for statement in layout.SCHEMA:
                connection.execute(statement)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", pairs)
            connection.executemany("INSERT INTO files VALUES (?, ?)", files)
            connection.executemany("INSERT INTO components VALUES (?, ?, ?, ?, ?, ?)", directory)
            connection.execute(_PUT_STATE, self._state(0, 0, self._chain, 0, False, "").row())

        self._connection: sqlite3.Connection | None = place.create(self.path, fill, force)

    @property
    def events(self) -> int:
        """Events taken so far."""
        return self._chunks * CHUNK + self.encoder.count

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """Take one event. RecordingError when a number does not fit in 64 bits."""
        try:
            self.encoder.on_event(t, kind, source, rid, a, b)
        except TypeError as error:  # a compiled encoder takes nothing longer in the first place
            raise self._too_long(t) from error

    def breathe(self) -> None:
        """Commit if there is something new and it is time to; cheap otherwise."""
        if self._clock() >= self._next_commit and (self.events, self._actions) != self._safe:
            self.commit()

    def commit(self) -> None:
        """Make everything taken so far safe against a kill."""
        with _uninterrupted():
            self._store()
            self._commit_and_go_on()

    def action(self, t: int, kind: str, detail: Mapping[str, object]) -> None:
        """Record what a user did to the run at this point (after the events taken so far). ``detail`` must fit JSON."""
        text = dumps(detail, sort_keys=True)
        chain = layout.fingerprint(self._action_chain, self._actions, self.events, t, kind, text)
        with _uninterrupted():
            self._execute(_PUT_ACTION, (self._actions, self.events, t, kind, text, chain))
            self._action_chain = chain
            self._actions += 1

    def close(self, finished: bool, digest: str = "", end: int = 0) -> None:
        """Store the rest and close the file. May be called again; only the first call counts.

        ``finished``: the run came to its end by itself; then ``digest`` is that of all its events. ``end``: the
        virtual instant at which it stands (at least that of the last event).
        """
        if self._connection is None:
            return
        with _uninterrupted():
            try:
                self._store()
                self._end = max(self._end, end)
                self._commit(finished, digest)
            finally:
                connection, self._connection = self._connection, None
                try:
                    connection.close()
                except sqlite3.Error as error:
                    raise self._failure(error) from error

    def abandon(self) -> None:
        """Close the file as the last commit left it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _spill(self) -> None:
        with _uninterrupted():
            self._store()
            if self._clock() >= self._next_commit:
                self._commit_and_go_on()

    def _store(self) -> None:
        """Put what is new into the open transaction."""
        count = self.encoder.count
        if count == self._stored:
            return
        try:
            data = self.encoder.encoded()
        except OverflowError as error:
            raise self._too_long(self.encoder.instant(0)) from error
        first, last = self.encoder.instant(0), self.encoder.instant(count - 1)
        chain = layout.chain_chunk(self._chain, self._chunks, count, first, last, data)
        self._execute(_PUT_CHUNK, (self._chunks, count, first, last, data, chain))
        self._end = last
        self._tail_chain = chain
        self._stored = count
        if count == CHUNK:
            self._chain = chain
            self._chunks += 1
            self.encoder.clear()
            self._stored = 0

    def _commit(self, finished: bool, digest: str) -> None:
        """Say how much there is, and commit."""
        partial = self.encoder.count > 0
        chain = self._tail_chain if partial else self._chain
        state = self._state(self.events, self._chunks + partial, chain, self._end, finished, digest)
        self._execute(_PUT_STATE, state.row())
        self._execute("COMMIT", ())

    def _commit_and_go_on(self) -> None:
        self._commit(False, "")
        self._execute("BEGIN EXCLUSIVE", ())
        self._next_commit = self._clock() + self._pause
        self._safe = self.events, self._actions

    def _state(self, events: int, chunks: int, chain: str, end: int, finished: bool, digest: str) -> State:
        return State(finished, events, chunks, self._actions, end, digest, self._head, chain, self._action_chain)

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        if self._connection is None:
            raise RecordingError(str(self.path), "the recording is already closed", "record into a new file")
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _too_long(self, t: int) -> RecordingError:
        cause = f"an event has a number beyond 64 bits, near {t / 1e9:.0f} s"
        return RecordingError(str(self.path), cause, "make the run shorter")

    def _failure(self, error: sqlite3.Error) -> RecordingError:
        return RecordingError(
            str(self.path),
            f"the recording cannot be continued: {place.reason(error)}",
            "what was committed until then can be replayed; free some space or choose another path",
        )


_ENDINGS = [int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP, where Python code handles them, come after the block: no write is cut in two."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def hold(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))

    held: list[tuple[int, Callable[[int, FrameType | None], object]]] = []
    try:
        for number in _ENDINGS:
            handler = signal.getsignal(number)
            if callable(handler):
                held.append((number, handler))
                signal.signal(number, hold)
        yield
    finally:
        for number, handler in held:
            signal.signal(number, handler)
        for number, frame in came[:1]:
            dict(held)[number](number, frame)
