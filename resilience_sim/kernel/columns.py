"""Events gathered in six columns and handed over a chunk at a time: what a recording costs while the run goes on.

Owns the gathering. Refuses to know where chunks go: whoever wants them says so (a callable without arguments, called
when a chunk is full and :meth:`Columns.clear` is due).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mypy_extensions import i64

from resilience_sim.kernel.sink import Fold
from resilience_sim.kernel.vectors import vec, view

PLAIN = 0
DIFFERENCES = 1  # to the one before, the first to 0
ZIGZAG = 2  # differences folded so that small negative ones are small too: 0, -1, 1, -2 ...


class Columns(Fold):
    """Up to ``room`` events; ``count`` are there."""

    __slots__ = ("_a", "_b", "_kind", "_on_full", "_rid", "_room", "_scratch", "_t", "_where", "count")

    count: i64
    _room: i64

    def __init__(self, room: i64, on_full: Callable[[], None]) -> None:
        self._room = room
        self._on_full = on_full
        self.count = 0
        empty = [0] * room
        self._t = vec[i64](empty)
        self._kind = vec[i64](empty)
        self._where = vec[i64](empty)
        self._rid = vec[i64](empty)
        self._a = vec[i64](empty)
        self._b = vec[i64](empty)
        self._scratch = vec[i64](empty)

    def on_event(self, t: i64, kind: i64, where: i64, rid: i64, a: i64, b: i64) -> None:
        """Take one event."""
        at = self.count
        self._t[at] = t
        self._kind[at] = kind
        self._where[at] = where
        self._rid[at] = rid
        self._a[at] = a
        self._b[at] = b
        at += 1
        self.count = at
        if at == self._room:
            self._on_full()

    def clear(self) -> None:
        """Room for the next chunk."""
        self.count = 0

    def views(self) -> list[Sequence[int]]:
        """The six columns as far as they are filled; not to be kept."""
        columns = (self._t, self._kind, self._where, self._rid, self._a, self._b)
        return [view(column)[: self.count] for column in columns]

    def prepared(self, number: i64, how: i64) -> tuple[Sequence[int], int]:
        """Column ``number`` made small (``PLAIN``, ``DIFFERENCES``, ``ZIGZAG``), and all its bits or-ed together.

        The sequence is good until the next call. In compiled code only: it lets its numbers wrap at 64 bits.
        """
        column = self._column(number)
        n = self.count
        bits: i64 = 0
        i: i64 = 0
        if how == PLAIN:
            while i < n:
                bits |= column[i]
                i += 1
            return view(column)[:n], bits
        out = self._scratch
        before: i64 = 0
        while i < n:
            value = column[i]
            small = value - before
            before = value
            if how == ZIGZAG:
                small = (small << 1) ^ (small >> 63)
            out[i] = small
            bits |= small
            i += 1
        return view(out)[:n], bits

    def _column(self, number: i64) -> vec[i64]:
        if number == 0:
            return self._t
        if number == 1:
            return self._kind
        if number == 2:
            return self._where
        if number == 3:
            return self._rid
        return self._a if number == 4 else self._b
