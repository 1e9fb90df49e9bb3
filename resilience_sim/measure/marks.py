"""One bit per request, cheap to set and small to keep.

Owns the packing. Bits are kept 32 to an integer: the quickest mutable store in both forms of the core (a bytearray
costs three method calls where this costs two accesses to a vector, and four times the memory).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.vectors import append, vec, view

WORD: Final = 32
_SHIFT: Final = 5
_AT_ONCE: Final = 4096


class Marks:
    """Requests 0..count-1, each marked or not."""

    __slots__ = ("_one", "_words", "count")

    _one: i64
    count: i64

    def __init__(self) -> None:
        self._one = 1  # not written where it is shifted: mypyc would hand C a constant of 32 bits
        self._words = vec[i64]()
        self.count = 0

    def add(self) -> None:
        """One more request, not marked."""
        count = self.count
        if count & (WORD - 1) == 0:
            self._words = append(self._words, 0)
        self.count = count + 1

    def mark(self, rid: i64) -> None:
        """Mark request ``rid``."""
        words = self._words
        at = rid >> _SHIFT
        words[at] = words[at] | self._one << (rid & (WORD - 1))

    def as_bytes(self) -> bytearray:
        """A byte per request: 1 where marked."""
        words = view(self._words)
        spread = bytearray()
        for start in range(0, len(words), _AT_ONCE):  # a little at a time, for the lists in between are large
            packed = b"".join([word.to_bytes(WORD // 8, "little") for word in words[start : start + _AT_ONCE]])
            spread += b"".join([_SPREAD[byte] for byte in packed])
        del spread[self.count :]
        return spread


_SPREAD: Final = [bytes([byte >> bit & 1 for bit in range(8)]) for byte in range(256)]
