"""Reading a recording: everything is checked, nothing is trusted.

Whatever is wrong with a file, readers get a RecordingError with place, cause and remedy, and never wrong events: the
whole file is checked against its fingerprints when it is opened (a gigabyte a second), and each chunk again when it is
read, together with what holds for the events of every run: times do not go backwards, components exist, requests have
arrived, kinds and payloads are ones that there are. A recording whose run was killed or interrupted is readable up to
its last commit; ``finished`` tells.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from operator import gt
from pathlib import Path
from types import TracebackType
from typing import Any

from resilience_sim.kernel.events import Component, Event
from resilience_sim.kernel.sink import Fold, Sink
from resilience_sim.recording import layout
from resilience_sim.recording.decode import Columns, decode, decode_format_1, events_of
from resilience_sim.recording.encode import CHUNK
from resilience_sim.recording.layout import FORMATS, RecordingError, RecordingMeta, State
from resilience_sim.recording.place import is_recording
from resilience_sim.recording.possible import possible

_TABLES = ("meta", "files", "components", "chunks", "actions", "state")
_LONGEST = 1 << 28  # bytes of one value: a chunk has half a megabyte at most, but texts and data files may be large
_LAST = (1 << 62) - 1  # the end of virtual time (kernel/sim.py FOREVER)
_DAMAGED = "record the run again: `resim run SCENARIO --save FILE.resim`"
_SURPRISES = (
    OSError,
    sqlite3.Error,
    sqlite3.Warning,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    MemoryError,
    RecursionError,
)

# what reading events that no run has had may end with
_NONSENSE = (LookupError, ArithmeticError, RecursionError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Action:
    """What a user did to the run, after ``after_event`` events, at virtual instant ``t``."""

    after_event: int
    t: int
    kind: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Chunk:
    number: int
    events: int
    first_t: int
    last_t: int
    chain: str


class Recording:
    """An open, verified recording. Use as a context manager, or call :meth:`close`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._digest = ""
        with self._careful():
            self._load()

    meta: RecordingMeta
    components: tuple[Component, ...]
    actions: tuple[Action, ...]
    state: State
    format: int  # of the file

    @property
    def finished(self) -> bool:
        """Whether the run came to its end; else it was interrupted or killed."""
        return self.state.finished

    @property
    def events(self) -> int:
        """How many events there are."""
        return self.state.events

    @property
    def end(self) -> int:
        """The virtual instant, ns, up to which the run is recorded."""
        return self.state.end_ns

    def digest(self) -> str:
        """Of all events recorded; for a run that did not finish it is computed from them."""
        if self.state.digest:
            return self.state.digest
        if not self._digest:
            sink = Sink([Fold()])
            for event in self.iter_events():
                sink.emit(*event)
            self._digest = sink.digest()
        return self._digest

    def iter_chunks(self, from_t: int = 0) -> Iterator[tuple[int, Columns]]:
        """Chunks that hold any event with ``t >= from_t``: the number of the first event, and six columns."""
        for chunk in self._chunks:
            if chunk.last_t >= from_t:
                with self._careful():
                    columns = self._read(chunk)
                yield chunk.number * CHUNK, columns

    def iter_events(self, from_t: int = 0) -> Iterator[Event]:
        """All events with ``t >= from_t``, in order."""
        for _, columns in self.iter_chunks(from_t):
            if columns[0][0] >= from_t:
                yield from events_of(columns)
            else:
                yield from (event for event in events_of(columns) if event[0] >= from_t)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it. Readers of events trust that a run made them, so their failures are put down to the recording."""
        self.close()
        if isinstance(error, _NONSENSE) and not isinstance(error, UnicodeError):
            cause = f"its events make no sense ({type(error).__name__})"
            remedy = f"`resim replay {self.path} --verify` compares them with the scenario; if they agree, report this"
            raise RecordingError(str(self.path), cause, remedy) from error

    def _read(self, chunk: _Chunk) -> Columns:
        data = self._one(f"SELECT data FROM chunks WHERE chunk = {chunk.number}")[0]
        before = self._chunks[chunk.number - 1].chain if chunk.number else self.state.head
        if chunk.chain != layout.chain_chunk(before, chunk.number, chunk.events, chunk.first_t, chunk.last_t, data):
            raise self._damaged(f"its events near {chunk.first_t / 1e9:.3f} s were changed")
        columns = self._decode(data, chunk.events)
        self._check(chunk, columns)
        return columns

    def _check(self, chunk: _Chunk, columns: Columns) -> None:
        """Fingerprints show accidents, but anybody can make them: refuse events that no run can have had."""
        times, _, sources, rids, _, _ = columns
        wrong = (
            times[0] != chunk.first_t
            or times[-1] != chunk.last_t
            or chunk.last_t > _LAST
            or any(map(gt, times, islice(times, 1, None)))
            or not self._known.issuperset(sources)
            or min(rids) < -1
            or max(rids) >= chunk.number * CHUNK + chunk.events  # every request had an event of its own before
            or not possible(columns)
        )
        if wrong:
            raise self._damaged(f"its events near {chunk.first_t / 1e9:.3f} s cannot have happened")

    def _load(self) -> None:
        """Read and check everything but the events themselves."""
        kinds = dict(self._all("SELECT name, type FROM sqlite_master"))
        if any(kinds.get(name) != "table" for name in _TABLES):
            raise self._damaged("it is incomplete")  # a view in place of a table could keep SQLite busy for ever
        version = self._one("PRAGMA user_version")[0]
        if version not in FORMATS:
            raise _other_format(self.path, version)
        self.format = int(version)
        self._decode = decode_format_1 if version == 1 else decode
        state_row = self._one(
            "SELECT finished, events, chunks, actions, end_ns, digest, head, chain, action_chain, seal FROM state"
        )
        state = State(bool(state_row[0]), *state_row[1:-1])
        plain = str(state.digest).isascii() and (str(state.digest).isalnum() or state.digest == "")
        if state.row() != tuple(state_row) or not plain or not 0 <= state.end_ns <= _LAST:
            raise self._damaged("the row that says how much there is was changed")
        pairs = self._all("SELECT key, value FROM meta ORDER BY key")
        files = self._all("SELECT name, content FROM files ORDER BY name")
        directory = self._all("SELECT id, kind, name, instance, number, node FROM components ORDER BY id")
        if layout.head_of(pairs, files, directory) != state.head:
            raise self._damaged("its scenario, seed or directory was changed")
        if dict(pairs)["format"] != str(version):
            raise self._damaged("the number of its format was changed")
        self.state = state
        self.meta = RecordingMeta.from_pairs(pairs, files)
        self.actions = self._load_actions()
        # An action may bring components along that can speak from then on.
        everybody = directory + [tuple(row) for action in self.actions for row in self._brought(action)]
        self._check_directory(everybody)
        self.components = tuple(Component(*row) for row in everybody)
        self._known = frozenset(component.id for component in self.components)
        self._chunks = self._load_chunks()

    def _brought(self, action: Action) -> list[list[Any]]:
        found: object = action.detail.get("components", []) if isinstance(action.detail, dict) else None
        if not isinstance(found, list) or not all(isinstance(row, list) for row in found):
            raise self._damaged("the user's actions in it cannot be")
        return found

    def _check_directory(self, rows: list[tuple[Any, ...]]) -> None:
        """Components are numbered from 0 without a gap, and so few that tables over them are small."""
        for number, row in enumerate(rows):
            kinds = [type(each) for each in row]
            if kinds != [int, str, str, int, int, str] or row[0] != number or not -1 <= row[3] <= number:
                raise self._damaged("its directory of components cannot be")

    def _load_chunks(self) -> list[_Chunk]:
        chain, events, last_t = self.state.head, 0, 0
        chunks: list[_Chunk] = []
        query = "SELECT chunk, events, first_t_ns, last_t_ns, data, chain FROM chunks ORDER BY chunk"
        for number, count, first, last, data, stored in self._connection.execute(query):
            chain = layout.chain_chunk(chain, number, count, first, last, data)
            if chain != stored or number != len(chunks) or not 0 < count <= CHUNK or first < last_t:
                raise self._damaged(f"its events from {last_t / 1e9:.3f} s on were changed")
            chunks.append(_Chunk(number, count, first, last, chain))
            events += count
            last_t = last
        if chain != self.state.chain or events != self.state.events or len(chunks) != self.state.chunks:
            raise self._damaged(f"{self.state.events} events were recorded, {events} are there")
        return chunks

    def _load_actions(self) -> tuple[Action, ...]:
        chain = self.state.head
        actions = []
        for row in self._all("SELECT action, after_event, t_ns, kind, detail, chain FROM actions ORDER BY action"):
            chain = layout.fingerprint(chain, *row[:-1])
            actions.append(Action(row[1], row[2], row[3], json.loads(row[4])))
        if chain != self.state.action_chain or len(actions) != self.state.actions:
            raise self._damaged("the user's actions in it were changed")
        return tuple(actions)

    def _one(self, query: str) -> tuple[Any, ...]:
        row = self._connection.execute(query).fetchone()
        if row is None:
            raise self._damaged("it is incomplete")
        return tuple(row)

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def _damaged(self, what: str) -> RecordingError:
        return RecordingError(str(self.path), f"the recording is damaged: {what}", _DAMAGED)

    @contextmanager
    def _careful(self) -> Iterator[None]:
        try:
            yield
        except _SURPRISES as error:
            raise _translate(self.path, error) from error


def open_recording(path: str | Path) -> Recording:
    """Open and verify a recording; RecordingError when it is changed, truncated, foreign, too new or in use."""
    file = Path(path)
    place = str(path)
    try:
        if file.exists() and not file.is_file() and not file.is_dir():
            raise RecordingError(
                place, "it is not a file", "check the path"
            )  # a named pipe could be waited for for ever
        with file.open("rb") as stream:
            header = stream.read(100)
    except FileNotFoundError:
        raise RecordingError(place, "there is no such file", "check the path") from None
    except OSError as error:
        raise RecordingError(
            place, f"cannot be read: {error.strerror or error}", "check the path and its rights"
        ) from error
    except ValueError as error:
        raise RecordingError(repr(place), f"not a path: {error}", "check the path") from error
    if not is_recording(header):
        what = "it is empty" if not header else "the file is not a resim recording"
        raise RecordingError(place, what, "recordings are made with `resim run SCENARIO --save FILE.resim`")
    version = int.from_bytes(header[60:64], "big")
    if version not in FORMATS:
        raise _other_format(file, version)
    if header[18:20] != b"\1\1":
        raise RecordingError(place, "the recording is damaged: it has a write-ahead log", _DAMAGED)
    # Only a run that was killed in the middle of a commit leaves a journal; SQLite must write to undo that commit.
    journal = file.with_name(file.name + "-journal")
    mode = "rw" if journal.exists() else "ro"
    connection = None
    try:
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=1.0,
            check_same_thread=False,
        )
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            connection.execute(f"PRAGMA {pragma}")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("PRAGMA query_only = ON")
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        if file.stat().st_size != pages * size:  # SQLite itself forgives a last page cut short
            cause = f"the recording is cut short: {pages * size} bytes were written, {file.stat().st_size} are there"
            raise RecordingError(place, cause, _DAMAGED)
        recording = Recording(file, connection)
        _tidy(journal)
        return recording
    except RecordingError:
        if connection is not None:
            connection.close()
        raise
    except _SURPRISES as error:
        if connection is not None:
            connection.close()
        raise _translate(file, error) from error


def _tidy(journal: Path) -> None:
    """Remove the journal of a killed run once it has nothing more to undo."""
    try:
        with journal.open("rb") as stream:
            spent = not any(stream.read(8))
        if spent:
            journal.unlink()
    except OSError:
        pass  # usually there is none, and a spent one does no harm


def _other_format(path: Path, version: int) -> RecordingError:
    cause = f"it has recording format {version}, and this resim reads formats {FORMATS[0]} to {FORMATS[-1]}"
    return RecordingError(str(path), cause, "open it with the version of resim that wrote it, or record again")


def _translate(path: Path, error: BaseException) -> RecordingError:
    """What a surprise while reading means."""
    text = str(error)
    if isinstance(error, sqlite3.OperationalError) and "locked" in text:
        return RecordingError(str(path), "a run is writing this recording right now", "wait for it to end, or stop it")
    if isinstance(error, sqlite3.OperationalError) and "readonly" in text:
        cause = "the run that wrote it was killed, and its last step cannot be undone here"
        return RecordingError(str(path), cause, f"copy it together with {path.name}-journal to a folder you can write")
    return RecordingError(str(path), f"the recording is damaged: {text or type(error).__name__}", _DAMAGED)
