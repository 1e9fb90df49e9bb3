"""Files that are begun beside their place, hidden, as ``.NAME.PID.new``, and moved there once they are whole.

Who is killed (SIGKILL, a power cut) cannot remove his own. The next one who writes to the same place does it.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

COMPANIONS = ("-journal", "-wal", "-shm")  # of a database; SQLite finds them by name
_ABANDONED = 3600.0  # s without a change, where nothing else tells whether the writer lives


def beside(place: Path, ending: str) -> Path:
    """Where to begin what is to be moved to ``place``; ``ending`` says what it is (``new``, ``part``)."""
    return place.with_name(f".{place.name}.{os.getpid()}.{ending}")


def move(begun: Path, place: Path, new: bool = False) -> None:
    """Put it in its place. ``new``: FileExistsError when something has come there, which a rename would replace."""
    if not new:
        begun.replace(place)
        return
    try:
        os.link(begun, place)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        begun.replace(place)
    else:
        begun.unlink()


def sweep(place: Path, ending: str) -> None:
    """Remove what writers that are gone have left beside ``place``."""
    shape = re.compile(rf"\.{re.escape(place.name)}\.(\d+)\.{ending}(?:{'|'.join(COMPANIONS)})?")
    with suppress(OSError):
        for name in os.listdir(place.parent):  # noqa: PTH208 (names are enough)
            found = shape.fullmatch(name)
            if found is None or int(found[1]) == os.getpid():
                continue
            left = place.with_name(name)
            with suppress(OSError):
                if _gone(int(found[1]), left):
                    left.unlink()


def _gone(pid: int, left: Path) -> bool:
    """Whether nobody can be writing to a file that was begun by this process."""
    if os.name == "nt":  # where a signal that does nothing ends a process
        return time.time() - left.stat().st_mtime > _ABANDONED
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return time.time() - left.stat().st_mtime > _ABANDONED
