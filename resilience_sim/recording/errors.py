"""What goes wrong with a recording, told with place, cause and remedy.

Owns the one exception of this room. Refuses to print it or to choose an exit code (cli/ does).
"""

from __future__ import annotations


class RecordingError(Exception):
    """A recording cannot be written or read: ``place`` (a path), ``cause`` and ``remedy`` are ready to be shown."""

    def __init__(self, place: str, cause: str, remedy: str) -> None:
        super().__init__(f"{place}: {cause}; {remedy}")
        self.place = place
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[RecordingError], tuple[str, str, str]]:
        return RecordingError, (self.place, self.cause, self.remedy)
