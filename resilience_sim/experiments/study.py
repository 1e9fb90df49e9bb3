"""What was measured, kept in a file, so that a search that was interrupted or killed goes on where it was.

A search decides by nothing but measurements, so it is resumed by searching again: what is known costs no run. The file
is locked from beginning to end, and never made in place of anything: what is there and is no study is refused, a
symbolic link is followed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from resilience_sim.measure.result import Reading

if TYPE_CHECKING:
    import sqlite3

APPLICATION = 0x7265736D  # "resm": a file that is ours
VERSION = 1
LONGEST = 1 << 20  # bytes of one value
TABLES = {("table", "question"), ("table", "run")}
NEW = "name another file, or a new one"

Measured = tuple[tuple[Reading, ...], int]  # the readings of a run, and its requests


class StudyError(Exception):
    """The file cannot be used; ``help`` says what to do."""

    def __init__(self, path: str, message: str, help: str) -> None:
        super().__init__(f"{path}: {message}")
        self.help = help


class Study:
    """Measurements by candidate and pair, of one question. Without a path they live in memory only."""

    def __init__(self, path: str | None = None, question: str = "", metrics: int = 0) -> None:
        """``metrics``: how many readings a measurement has; 0 if nobody knows."""
        self._metrics = metrics
        self._known: dict[tuple[str, int], Measured] = {}
        self._new: list[tuple[str, int]] = []
        self._path = path
        self._file: sqlite3.Connection | None = None
        self._made = False  # by us, now
        self.resumed = 0
        if path is not None:
            self._open(path, question)

    def get(self, candidate: str, pair: int) -> Measured | None:
        return self._known.get((candidate, pair))

    def put(self, candidate: str, pair: int, measured: Measured) -> None:
        """Keep a measurement; it is on disk after :meth:`commit`."""
        self._known[candidate, pair] = measured
        self._new.append((candidate, pair))

    def commit(self) -> None:
        """Write what is new, all of it or, when we are killed, nothing."""
        import sqlite3

        if self._file is not None and self._new:
            try:
                with self._file:
                    self._file.execute("BEGIN")
                    self._file.executemany("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)", self._rows())
            except sqlite3.Error as error:
                raise StudyError(str(self._path), f"cannot be written ({error})", "choose another place") from None
        self._new.clear()

    def _rows(self) -> Iterable[tuple[str, int, str, int]]:
        for candidate, pair in self._new:
            readings, requests = self._known[candidate, pair]
            yield candidate, pair, json.dumps([[each.value, each.bound] for each in readings]), requests

    def _open(self, path: str, question: str) -> None:
        import sqlite3

        _check_place(path)
        absent = not Path(path).exists()
        try:
            self._file = sqlite3.connect(path, isolation_level=None, timeout=0.2)
            self._file.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
            for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "locking_mode = EXCLUSIVE"):
                self._file.execute(f"PRAGMA {pragma}")
            self._file.execute("BEGIN EXCLUSIVE")  # so that the second of two is told at once
            mark = self._file.execute("PRAGMA application_id").fetchone()[0]
            there = self._file.execute("SELECT type, name FROM sqlite_master").fetchall()
            if mark != APPLICATION and there:
                raise StudyError(path, "is a database, but no study", NEW)
            if mark == APPLICATION:
                self._read(path, question, set(there))
            else:
                self._make(question)
                self._made = absent
            self._file.execute("COMMIT")
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as error:
            self.close()
            if "locked" in str(error):
                cause, help = "another program is using this study", "wait for it to end, or name another file"
                raise StudyError(path, cause, help) from None
            raise StudyError(path, f"cannot be used ({error})", NEW) from None
        except StudyError:
            self.close()
            raise

    def _make(self, question: str) -> None:
        assert self._file is not None
        self._file.execute(f"PRAGMA application_id = {APPLICATION}")
        self._file.execute(f"PRAGMA user_version = {VERSION}")
        self._file.execute("CREATE TABLE question (text TEXT NOT NULL)")
        self._file.execute(
            "CREATE TABLE run (candidate TEXT, pair INTEGER, readings TEXT NOT NULL, requests INTEGER NOT NULL, "
            "PRIMARY KEY (candidate, pair)) WITHOUT ROWID"
        )
        self._file.execute("INSERT INTO question VALUES (?)", (question,))

    def _read(self, path: str, question: str, there: set[tuple[str, str]]) -> None:
        assert self._file is not None
        if self._file.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            raise StudyError(path, "is a study of another version of resim", "name a new file")
        if there != TABLES:  # a view or a trigger of somebody's could do anything
            raise StudyError(path, "is damaged", "name a new file")
        asked = self._file.execute("SELECT text FROM question").fetchone()
        if asked is None or asked[0] != question:
            raise StudyError(path, "is the study of another question", "name a new file, or ask the same as before")
        for candidate, pair, text, requests in self._file.execute(
            "SELECT candidate, pair, readings, requests FROM run"
        ):
            try:
                self._known[str(candidate), int(pair)] = self._measured(text, requests)
            except (TypeError, ValueError, RecursionError):
                raise StudyError(path, "is damaged", "name a new file") from None
        self.resumed = len(self._known)

    def _measured(self, text: str, requests: object) -> Measured:
        """ValueError, TypeError or RecursionError for what nobody can have measured."""
        readings = tuple(Reading(_number(value), _number(bound)) for value, bound in json.loads(text))
        if not isinstance(requests, int) or requests < 0 or (self._metrics and len(readings) != self._metrics):
            raise ValueError(text)
        return readings, requests

    def discard(self) -> None:
        """Nothing comes of it: a file that we made goes; one that was there before stays as it is."""
        if self._made and self._file is not None:
            Path(str(self._path)).resolve().unlink(missing_ok=True)  # while it is locked: nobody else has begun with it
        self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Study:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_place(path: str) -> None:
    """StudyError for a place that is no file, or one of somebody's."""
    place = Path(path)
    try:
        if place.exists():
            if not place.is_file():
                raise StudyError(path, "is no file", "name a file for the study")
            with place.open("rb") as file:
                if file.read(16) not in (b"", b"SQLite format 3\0"):
                    raise StudyError(path, "is no study", NEW)
        elif not place.resolve().parent.is_dir():
            raise StudyError(path, "its folder does not exist", "create the folder first, or name another file")
        elif "\0" in path:
            raise ValueError(path)
    except OSError as error:
        raise StudyError(path, f"cannot be used ({error.strerror or error})", NEW) from None
    except (ValueError, RuntimeError):  # a NUL in it; links in a circle
        raise StudyError(path, "is not a usable name", NEW) from None


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value < math.inf:
        raise ValueError(value)
    return value
