"""One bit per request, cheap to set and small to keep.

Owns the packing. Bits are kept 60 to an integer, in a list: the quickest mutable store in both forms of the core
(a bytearray costs three method calls where this costs two list accesses, and eight times the memory).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

WORD: Final = 60


class Marks:
    """Requests 0..count-1, each marked or not."""

    __slots__ = ("_words", "count")

    count: i64

    def __init__(self) -> None:
        self._words: list[i64] = []
        self.count = 0

    def add(self) -> None:
        """One more request, not marked."""
        if self.count % WORD == 0:
            self._words.append(0)
        self.count += 1

    def mark(self, rid: i64) -> None:
        """Mark request ``rid``."""
        at = rid // WORD
        one: i64 = 1
        self._words[at] |= one << (rid - at * WORD)

    def as_bytes(self) -> bytearray:
        """A byte per request: 1 where marked."""
        spread = bytearray()
        for word in self._words:
            bits = f"{word:0{WORD}b}"[::-1].encode()
            spread += bits.translate(_BITS)
        del spread[self.count :]
        return spread


_BITS: Final = bytes(1 if code == ord("1") else 0 for code in range(256))
