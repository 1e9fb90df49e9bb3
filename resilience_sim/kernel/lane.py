"""A lane: timers that all have the same delay and are therefore sorted as they come.

Owns their order. Refuses to know time and serials, which the engine gives (kernel/sim.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.frames import NOBODY, Frame
from resilience_sim.kernel.vectors import append, vec

_ROOM: Final = 64  # timers that a lane has room for at first; a power of two, as ever after


class Lane:
    """Timers that all have the same delay, hence already sorted: only the head stands in the event queue.

    Most timeouts die before they come due; here a dead one costs no sift, it drops off when the head moves on.
    A ring: what has left stays in its place until another one needs it.
    """

    __slots__ = ("_first", "_frames", "_mask", "count", "delay")

    delay: i64
    count: i64  # from the head, which stands in the event queue, to the end; both count
    _frames: vec[Frame]
    _first: i64
    _mask: i64

    def __init__(self, delay: i64) -> None:
        self.delay = delay
        self._frames = vec[Frame]([NOBODY] * _ROOM)
        self._mask = _ROOM - 1
        self._first = 0
        self.count = 0

    def clear(self) -> None:
        """Let go of everything."""
        self._frames = vec[Frame]([NOBODY] * _ROOM)
        self._mask = _ROOM - 1
        self._first = 0
        self.count = 0

    def add(self, f: Frame) -> None:
        """To the end."""
        count = self.count
        if count > self._mask:
            self._grow()
        self._frames[(self._first + count) & self._mask] = f
        self.count = count + 1

    def next(self) -> Frame | None:
        """Drop the head, and whatever is dead behind it; the new head, if there is one."""
        frames = self._frames
        mask = self._mask
        first = self._first
        count = self.count
        while count > 1:
            first += 1
            count -= 1
            f = frames[first & mask]
            if f.armed:
                self._first = first & mask
                self.count = count
                return f
        self._first = 0
        self.count = 0
        return None

    def _grow(self) -> None:
        """Twice the room, the head in the first place."""
        old = self._frames
        mask = self._mask
        grown = vec[Frame]()
        i: i64 = 0
        while i <= mask:
            grown = append(grown, old[(self._first + i) & mask])
            i += 1
        while i <= 2 * mask + 1:
            grown = append(grown, NOBODY)
            i += 1
        self._frames = grown
        self._mask = 2 * mask + 1
        self._first = 0
