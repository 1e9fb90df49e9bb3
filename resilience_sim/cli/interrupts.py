"""Ctrl-C between two events.

Owns the signal handler of a simulating command: the first Ctrl-C asks to stop, so that figures and recordings are
whole; the second one does not wait for that.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """A context in which Ctrl-C only sets ``asked``."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None
        self._ours = False

    def __enter__(self) -> Interrupts:
        with suppress(ValueError):  # not the main thread: whoever is has the signals
            self._before = signal.signal(signal.SIGINT, self._on_interrupt)
            self._ours = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._before if self._before is not None else signal.default_int_handler)

    def _on_interrupt(self, number: int, at: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
