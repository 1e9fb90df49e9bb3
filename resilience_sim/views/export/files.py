"""An output file that appears when it is complete, and not before; what goes wrong is said in plain words."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from resilience_sim.recording.beside import COMPANIONS, beside, move, sweep

TABLES_ID = 0x52534954  # "RSIT", the application id of a database of tables


class ExportError(Exception):
    """An output cannot be written: ``place`` (as asked for), ``cause`` and ``remedy`` are ready to be shown."""

    def __init__(self, place: str, cause: str, remedy: str) -> None:
        super().__init__(f"{place}: {cause}; {remedy}")
        self.place = place
        self.cause = cause
        self.remedy = remedy


class OutputFile:
    """One file being written, UTF-8 with plain line feeds; or standard output when ``path`` is None.

    Terminals, ``/dev/null`` and pipes that somebody reads are written to directly. A symbolic link keeps pointing to
    the file, which is replaced; an existing file passes its rights on. Replaced is only an empty file or one that
    begins as this output does (``begins``, a pattern; None: no file at all); with ``force`` any file. A ``database``
    is written by SQLite to the name of the stream.
    """

    def __init__(
        self,
        path: Path | None,
        stdout: TextIO,
        make_folder: bool = False,
        database: bool = False,
        begins: str | None = "",
        force: bool = False,
    ) -> None:
        self.stream: TextIO = stdout
        self._place: Path | None = None
        self._beside: Path | None = None
        self._made: Path | None = None
        self._open = path is not None
        self._database = database
        self._new = False
        if path is None:
            return
        place = _resolved(path)
        if make_folder and not path.parent.exists():
            path.parent.mkdir()
            self._made = path.parent
        there = place.exists()
        if there and not place.is_file():
            self.stream = _opened_device(place, path, database)
            return
        if there and not force:
            _check_ours(place, path, database, begins)
        if there and not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        self._new = not there and not force
        sweep(place, "part")
        self._place, self._beside = place, beside(place, "part")
        self.stream = self._beside.open("w", encoding="utf-8", newline="\n", errors="backslashreplace")

    def complete(self) -> None:
        """Everything is written: put the file in its place."""
        if not self._open:
            self.stream.flush()
            return
        self._open = False
        self.stream.close()
        if self._beside is not None and self._place is not None:
            if self._place.exists():
                shutil.copymode(self._place, self._beside)
            if self._database:  # an old journal would be applied to the new file
                for companion in COMPANIONS:
                    self._place.with_name(self._place.name + companion).unlink(missing_ok=True)
            move(self._beside, self._place, self._new)
            self._beside = None
        self._made = None

    def discard(self) -> None:
        """Leave no trace, unless completed. Never raises OSError."""
        try:
            if self._open:
                self._open = False
                self.stream.close()
        except OSError:
            pass  # what could not be written is thrown away anyway
        try:
            if self._beside is not None:
                self._beside.unlink(missing_ok=True)
            if self._made is not None:
                self._made.rmdir()
        except OSError:
            pass  # somebody else has put something there
        self._beside = self._made = None


def write_text(
    path: Path, text: str, force: bool, inputs: Iterable[str | Path] = (), begins: str | None = None
) -> None:
    """Write a whole file. ExportError when that is impossible, or would replace what it must not: one of ``inputs``,
    which are read, or without ``force`` any file (any that does not begin as ``begins`` says).
    """
    file = opened(path, force, inputs, begins)
    try:
        written(file, path, text)
    finally:
        file.discard()


def opened(path: Path, force: bool, inputs: Iterable[str | Path] = (), begins: str | None = None) -> OutputFile:
    """A whole file that will be written later: what :func:`write_text` would refuse is refused now."""
    if any(same_file(path, one) for one in inputs):
        raise ExportError(str(path), "this command itself uses that file", "choose another path")
    try:
        return OutputFile(path, sys.stdout, begins=begins, force=force)
    except OSError as error:
        raise ExportError(str(path), *problem(error)) from error


def written(file: OutputFile, path: Path, text: str) -> None:
    """Write the whole text and complete the file; ExportError when that is impossible."""
    try:
        file.stream.write(text)
        file.complete()
    except OSError as error:
        raise ExportError(str(path), *problem(error)) from error


def same_file(path: Path, other: str | Path) -> bool:
    """Whether two paths lead to one file."""
    try:
        return path.resolve() == Path(other).resolve() or path.samefile(other)
    except (OSError, ValueError, RuntimeError):
        return False


def _check_ours(place: Path, path: Path, database: bool, begins: str | None) -> None:
    """FileExistsError for a file that is no earlier output."""
    if begins is None:
        raise FileExistsError(errno.EEXIST, "already exists", str(path))
    if database and not _is_our_database(place):
        raise FileExistsError(errno.EEXIST, "what is there is not a database that resim made", str(path))
    if not database and not _begins_with(begins, place):
        raise FileExistsError(errno.EEXIST, "what is there is not such an output of resim", str(path))


def _opened_device(place: Path, path: Path, database: bool) -> TextIO:
    """What is no file, open for writing: a terminal, ``/dev/null``, a pipe that is read; else an error in words."""
    kind = place.stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if database:
        raise FileExistsError(errno.EEXIST, "what is there is not a database that resim made", str(path))
    if stat.S_ISFIFO(kind):
        try:
            number = os.open(place, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            raise OSError(errno.ENXIO, "nobody reads from that pipe", str(path)) from None
        os.set_blocking(number, True)
        return open(number, "w", encoding="utf-8", newline="\n")  # noqa: PTH123 (no path)
    if not stat.S_ISCHR(kind):
        raise OSError(errno.EINVAL, "it is neither a file nor a terminal", str(path))
    return place.open("w", encoding="utf-8", newline="\n")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (ValueError, RuntimeError):  # a NUL in it; links in a circle
        raise OSError(errno.EINVAL, "that is not a usable name", str(path)) from None


def _begins_with(pattern: str, place: Path) -> bool:
    """Whether the file there begins with what the pattern matches, or is empty."""
    with place.open("rb") as file:
        beginning = file.read(4096).decode("utf-8", "replace")
    return not beginning or re.match(pattern, beginning) is not None


def _is_our_database(place: Path) -> bool:
    """Whether the file there is a database of tables, or empty."""
    with place.open("rb") as file:
        header = file.read(72)
    return not header or (header.startswith(b"SQLite format 3") and header[68:] == TABLES_ID.to_bytes(4, "big"))


def problem(error: OSError) -> tuple[str, str]:
    """Cause and remedy of an error of the file system, in plain words."""
    cause = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return "its folder does not exist", "create the folder first, or choose another path"
    if isinstance(error, FileExistsError):
        return cause, "choose another path; --force replaces the file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder", "name a file in it"
    if isinstance(error, (PermissionError, NotADirectoryError)):
        return cause.lower(), "choose a path that you may write to"
    if error.errno == errno.ENOSPC:
        return "the disk is full", "free some space or choose another path"
    return cause.lower(), "choose another path"
