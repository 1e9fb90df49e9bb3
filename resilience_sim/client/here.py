"""Whose code is running: what every replacement asks first. Outside of a strand it is the real thing."""

from __future__ import annotations

from _thread import get_ident
from typing import Any


class _Here:
    __slots__ = ("strands", "thread")

    def __init__(self) -> None:
        self.strands: Any = None  # of the run whose code has control; None while the kernel has it
        self.thread = 0


HERE = _Here()
_real_ident = get_ident


def here() -> Any:
    """The strands of the run (strands.py), if user code is what has called us; other threads are none of ours."""
    strands = HERE.strands
    return strands if strands is not None and _real_ident() == HERE.thread else None
