"""Tracebacks of the user's code, and of nobody else's."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FrameType, TracebackType

_OURS = str(Path(__file__).parent.parent)
_LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {sys.prefix + "/lib"}
)


def is_users(file: str) -> bool:
    """Whether a source file is the user's: neither ours, nor a library's, nor Python's."""
    return not file.startswith((_OURS, "<", *_LIBRARIES)) and "site-packages" not in file


def users_frames(found: TracebackType | FrameType | None) -> list[traceback.FrameSummary]:
    """The user's frames, outermost first; where there are none, the innermost of all but ours."""
    if found is None:
        return []
    if isinstance(found, TracebackType):
        frames = list(traceback.extract_tb(found))
    else:
        frames = list(traceback.extract_stack(found))
    theirs = [frame for frame in frames if is_users(frame.filename)]
    return theirs or [frame for frame in frames if not frame.filename.startswith(_OURS)][-1:]


def where(found: TracebackType | FrameType | None) -> str:
    """`` (shop.py:12, in checkout)``, or "" where that is not known."""
    frames = users_frames(found)
    return f" ({place(frames[-1])})" if frames else ""


def place(frame: traceback.FrameSummary) -> str:
    """``shop.py:12, in checkout``."""
    return f"{_short(frame.filename)}:{frame.lineno}, in {frame.name}"


def lines(frames: Iterable[traceback.FrameSummary]) -> list[str]:
    """As a traceback shows them."""
    found = []
    for frame in frames:
        found.append(place(frame))
        if frame.line:
            found.append(f"  {frame.line}")
    return found


def place_of(code: CodeType) -> str:
    """Where a function is."""
    return f"{_short(code.co_filename)}:{code.co_firstlineno}"


def _short(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
