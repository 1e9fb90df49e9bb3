"""Encoding: the fold that gathers the events of a run, and the bytes of a chunk of them. decode.py reads them again.

A chunk is four columns of little-endian numbers: ``words`` (8 bits, unsigned, as many as there are events), ``near``
(16 bits), ``short`` (32) and ``wide`` (64), all signed. Three unsigned numbers of 32 bits at the beginning say how many
there are of the last three.

An event is one word, and whatever the word does not say about it follows in the other columns. The meaning of a word,
its key, are these bits, and ``a`` besides:

    0 to 5    kind
    6 to 29   source
    30, 31    t: the same as in the event before; SOON: that plus a short; FAR: a wide
    32 to 34  rid: the same as in the event before; NEXT: the highest so far plus 1; BEFORE: the last one that was
              different; NEAR: the highest so far minus a near; ELSEWHERE: a wide
    36, 37    b: the time since an earlier event of that request (see ``_READS``); WRITTEN: bits 38 to 47, minus 1;
              SHORT: a short; WIDE: a wide

Words are numbered in order of appearance. The first time, the word is ``NEW``, and its key and ``a`` come as two wides
before any others of the event; so they do every time once the numbers have run out. What fits no word (kinds from 64
on, ids beyond 24 bits) is ``ODD``, and all six numbers are wides. Nothing is assumed about events: whatever is not as
expected just takes more bytes.

About three bytes an event; a general compressor took fifteen bytes down to ten, at fifty times the cost.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterable
from typing import Final

from mypy_extensions import i16, i32, i64, u8

from resilience_sim.kernel.events import ARRIVE, BEGIN, DONE, END, FELL_BACK, RECEIVED, RESULT, SENT, START, Event
from resilience_sim.kernel.sink import Fold
from resilience_sim.kernel.vectors import vec

CHUNK: Final = 8192  # events
COUNTS: Final = struct.Struct("<III")  # of near, short and wide
SWAP: Final = sys.byteorder != "little"

NEW: Final = 255
ODD: Final = 254

KINDS: Final = 64
SOURCES: Final = 1 << 24
SOON: Final = 1 << 30
FAR: Final = 1 << 31
NEXT: Final = 1 << 32
BEFORE: Final = 2 << 32
NEAR: Final = 3 << 32
ELSEWHERE: Final = 4 << 32
RID: Final = 7 << 32
WRITTEN: Final = 1 << 36
SHORT: Final = 2 << 36
WIDE: Final = 3 << 36
B: Final = 3 << 36
B_AT: Final = 38
B_MASK: Final = 1023

# The latest instants of requests, in rows of SLOTS (by the low bits of rid): of arrivals, of attempts sent, of attempts
# at B; one row that other kinds write to, and one that nobody writes to, for other kinds to read.
SLOTS: Final = 256
NEVER: Final = -(1 << 62)
_WRITES: Final = {ARRIVE: 0, SENT: 1, RECEIVED: 2, BEGIN: 2}
_READS: Final = {START: 0, DONE: 0, FELL_BACK: 0, RESULT: 1, BEGIN: 2, END: 2}
_INDEX: Final = 1024  # places for 254 words


def row_written() -> vec[i64]:
    """For each kind, where the row of instants begins that it writes to."""
    return vec[i64]([_WRITES.get(kind, 3) * SLOTS for kind in range(KINDS)])


def row_read() -> vec[i64]:
    """For each kind, where the row of instants begins that it reads."""
    return vec[i64]([_READS.get(kind, 4) * SLOTS for kind in range(KINDS)])


def new_instants() -> vec[i64]:
    """The rows of instants at the beginning of a chunk."""
    instants = vec[i64]([0] * (5 * SLOTS))
    reset(instants)
    return instants


def reset(instants: vec[i64]) -> None:
    """Every chunk can be read by itself."""
    i: i64 = 0
    while i < 4 * SLOTS:
        instants[i] = 0
        i += 1
    while i < 5 * SLOTS:
        instants[i] = NEVER
        i += 1


class Encoder(Fold):
    """Gathers up to ``room`` events, of which ``count`` are there; calls ``on_full`` when :meth:`clear` is needed."""

    __slots__ = (
        "_index", "_instants", "_keys", "_near", "_on_full", "_room", "_row_read", "_row_written", "_rows", "_short",
        "_values", "_wide", "_words", "count", "nears", "shorts", "wides",
    )  # fmt: skip

    count: i64
    nears: i64
    shorts: i64
    wides: i64
    _room: i64

    def sees_services(self) -> bool:
        return True

    def __init__(self, room: i64, on_full: Callable[[], None]) -> None:
        self._room = room
        self._on_full = on_full
        self.count = self.nears = self.shorts = self.wides = 0
        self._rows = vec[i64]([0] * (6 * room))
        self._words = vec[u8]([0] * room)
        self._near = vec[i16]([0] * room)
        self._short = vec[i32]([0] * (2 * room))
        self._wide = vec[i64]([0] * (6 * room))
        self._instants = new_instants()
        self._index = vec[i64]([0] * _INDEX)
        self._keys = vec[i64]([0] * (NEW + 1))
        self._values = vec[i64]([0] * (NEW + 1))
        self._row_written = row_written()
        self._row_read = row_read()

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        rows = self._rows
        count = self.count
        at = count * 6
        rows[at] = t
        rows[at + 1] = kind
        rows[at + 2] = source
        rows[at + 3] = rid
        rows[at + 4] = a
        rows[at + 5] = b
        count += 1
        self.count = count
        if count == self._room:
            self._on_full()

    def clear(self) -> None:
        self.count = 0

    def instant(self, number: i64) -> int:
        """``t`` of an event that is there."""
        return self._rows[number * 6]

    def encoded(self) -> bytes:
        """What is there as the bytes of a chunk. OverflowError when a number does not fit in 64 bits."""
        self._encode()
        return b"".join(
            (
                COUNTS.pack(self.nears, self.shorts, self.wides),
                _raw(self._words, self.count, "B"),
                _raw(self._near, self.nears, "h"),
                _raw(self._short, self.shorts, "i"),
                _raw(self._wide, self.wides, "q"),
            )
        )

    def _encode(self) -> None:
        reset(self._instants)
        rows, instants, written, read = self._rows, self._instants, self._row_written, self._row_read
        index, keys, values = self._index, self._keys, self._values
        words, near, short, wide = self._words, self._near, self._short, self._wide
        i: i64 = 0
        while i < _INDEX:
            index[i] = 0
            i += 1
        nears: i64 = 0
        shorts: i64 = 0
        wides: i64 = 0
        known: i64 = 0
        now: i64 = 0
        last: i64 = 0
        before: i64 = 0
        highest: i64 = -1
        number: i64 = 0
        count = self.count
        while number < count:
            at = number * 6
            t = rows[at]
            kind = rows[at + 1]
            source = rows[at + 2]
            rid = rows[at + 3]
            a = rows[at + 4]
            b = rows[at + 5]
            if kind & (KINDS - 1) != kind or source & (SOURCES - 1) != source:
                words[number] = u8(ODD)
                number += 1
                end = at + 6
                while at < end:
                    wide[wides] = rows[at]
                    wides += 1
                    at += 1
                continue
            key = kind | source << 6
            begun = wides
            ahead = t - now
            if ahead != 0:
                now = t
                if ahead & 0x7FFFFFFF == ahead:
                    short[shorts] = i32(ahead)
                    shorts += 1
                    key |= SOON
                else:
                    wide[wides] = t
                    wides += 1
                    key |= FAR
            if rid != last:
                back = highest - rid
                if back == -1:
                    highest = rid
                    key |= NEXT
                elif rid == before:
                    key |= BEFORE
                elif back & 0x7FFF == back:
                    near[nears] = i16(back)
                    nears += 1
                    key |= NEAR
                else:
                    wide[wides] = rid
                    wides += 1
                    key |= ELSEWHERE
                    highest = max(highest, rid)
                before = last
                last = rid
            slot = rid & (SLOTS - 1)
            if b != t - instants[read[kind] + slot]:
                if (b + 1) & B_MASK == b + 1:
                    key |= WRITTEN | (b + 1) << B_AT
                elif b & 0x7FFFFFFF == b:
                    short[shorts] = i32(b)
                    shorts += 1
                    key |= SHORT
                else:
                    wide[wides] = b
                    wides += 1
                    key |= WIDE
            instants[written[kind] + slot] = t
            # The word with that meaning, from an open hash table that is at most a quarter full.
            place = ((key * 0x2ED9EBA16132A9CF) ^ (a * 0x1A827999FCEF3243)) >> 40 & (_INDEX - 1)
            word = index[place]
            while word != 0 and (keys[word] != key or values[word] != a):
                place = (place + 1) & (_INDEX - 1)
                word = index[place]
            if word != 0:
                words[number] = u8(word - 1)
            else:
                words[number] = u8(NEW)
                at = wides
                while at > begun:  # its meaning comes before the wides that it announces
                    at -= 1
                    wide[at + 2] = wide[at]
                wide[begun] = key
                wide[begun + 1] = a
                wides += 2
                if known < ODD:
                    known += 1
                    index[place] = known
                    keys[known] = key
                    values[known] = a
            number += 1
        self.nears = nears
        self.shorts = shorts
        self.wides = wides


def encode(events: Iterable[Event]) -> bytes:
    """The bytes of a chunk of these events. OverflowError or TypeError when a number does not fit in 64 bits."""
    given = list(events)
    encoder = Encoder(max(1, len(given)), lambda: None)
    for t, kind, source, rid, a, b in given:
        encoder.on_event(t, kind, source, rid, a, b)
    return encoder.encoded()


def _raw(column: object, count: int, code: str) -> bytes | memoryview | array[int]:
    """The first numbers of a column, a list when interpreted, as they lie in memory on a little-endian machine."""
    if not isinstance(column, list):
        part = memoryview(column)[:count]  # type: ignore[arg-type]  # compiled: a vec, which has a buffer
        if not SWAP:
            return part
        column = part.tolist()
    values = array(code, column[:count])
    if SWAP:
        values.byteswap()
    return values
