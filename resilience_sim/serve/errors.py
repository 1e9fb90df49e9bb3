"""What can go wrong with a server."""

from __future__ import annotations


class ServeError(Exception):
    """It cannot listen, or not go on: ``cause`` and ``remedy`` are ready to be shown."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}; {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy
