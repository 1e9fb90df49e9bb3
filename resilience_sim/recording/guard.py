"""A stretch of code that Ctrl-C must not cut in two.

Owns holding back SIGINT and SIGTERM for a few milliseconds. Refuses to decide what they mean: whoever handled them
before gets them afterwards.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that Python code handles in the main thread come after the block instead of inside it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def hold(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))

    held: list[tuple[int, Callable[[int, FrameType | None], object]]] = []
    try:
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
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
