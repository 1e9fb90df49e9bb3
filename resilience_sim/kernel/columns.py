"""Events gathered until a chunk of them is full, and made small: what a recording costs while the run goes on.

Owns the gathering and the small form. Refuses to know where chunks go: whoever wants them says so (a callable without
arguments, called when a chunk is full and :meth:`Columns.clear` is due). kernel/spread.py undoes it.

The small form of a chunk is four columns of numbers: ``words`` (8 bits each), ``near`` (16), ``short`` (32), ``wide``
(64). Every event is one word, and whatever of it the word does not say follows in the other columns. What a word says,
its key, are these bits, and ``a`` besides:

    0 to 5    kind
    6 to 29   where
    30, 31    t: as of the event before; SOON: that and a short; FAR: a wide
    32 to 34  rid: as of the event before; NEXT: the highest so far and 1; BEFORE: the last one that was another; NEAR:
              the highest so far less a near; ELSEWHERE: a wide
    36, 37    b: the time since that request was last heard of (see ``_SINCE``); WRITTEN: bits 38 to 47, less 1;
              SHORT: a short; WIDE: a wide

Words are numbered as they come up. The first time the word is ``NEW``, and its key and ``a`` are two wides before any
others of the event; so it is every time when there are no numbers left. What fits no word (kinds from 64 on, ids beyond
24 bits) is ``ODD``, and all six numbers are wides. Nothing is assumed about events: whatever does not come as foreseen
just takes more bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import i16, i32, i64, u8

from resilience_sim.kernel.events import ARRIVE, BEGIN, DONE, END, FELL_BACK, RECEIVED, RESULT, SENT, START
from resilience_sim.kernel.sink import Fold
from resilience_sim.kernel.vectors import vec

NEW: Final = 255
ODD: Final = 254

KINDS: Final = 64
WHERES: Final = 1 << 24
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

# The instants at which requests were last heard of, in rows of SLOTS (by the low bits of rid): of arrivals, of attempts
# sent, of attempts at B; one for other kinds to write to, and one that nobody writes to for other kinds to read.
SLOTS: Final = 256
NEVER: Final = -(1 << 62)
_HEARD: Final = {ARRIVE: 0, SENT: 1, RECEIVED: 2, BEGIN: 2}
_SINCE: Final = {START: 0, DONE: 0, FELL_BACK: 0, RESULT: 1, BEGIN: 2, END: 2}
_INDEX: Final = 1024  # places for 254 words


def heard() -> vec[i64]:
    """Where in the table of instants each kind writes."""
    return vec[i64]([_HEARD.get(kind, 3) * SLOTS for kind in range(KINDS)])


def since() -> vec[i64]:
    """Where in the table of instants each kind reads."""
    return vec[i64]([_SINCE.get(kind, 4) * SLOTS for kind in range(KINDS)])


def fresh() -> vec[i64]:
    """The table of instants at the beginning of a chunk."""
    slots = vec[i64]([0] * (5 * SLOTS))
    unschedule(slots)
    return slots


def unschedule(slots: vec[i64]) -> None:
    """Chunks stand for themselves: know nothing of the one before."""
    i: i64 = 0
    while i < 4 * SLOTS:
        slots[i] = 0
        i += 1
    while i < 5 * SLOTS:
        slots[i] = NEVER
        i += 1


class Columns(Fold):
    """Up to ``room`` events; ``count`` are there."""

    __slots__ = (
        "_heard", "_index", "_keys", "_near", "_on_full", "_room", "_rows", "_short", "_since", "_slots", "_values",
        "_wide", "_words", "count", "nears", "shorts", "wides",
    )  # fmt: skip

    count: i64
    nears: i64
    shorts: i64
    wides: i64
    _room: i64

    def __init__(self, room: i64, on_full: Callable[[], None]) -> None:
        self._room = room
        self._on_full = on_full
        self.count = self.nears = self.shorts = self.wides = 0
        self._rows = vec[i64]([0] * (6 * room))
        self._words = vec[u8]([0] * room)
        self._near = vec[i16]([0] * room)
        self._short = vec[i32]([0] * (2 * room))
        self._wide = vec[i64]([0] * (6 * room))
        self._slots = fresh()
        self._index = vec[i64]([0] * _INDEX)
        self._keys = vec[i64]([0] * (NEW + 1))
        self._values = vec[i64]([0] * (NEW + 1))
        self._heard = heard()
        self._since = since()

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Take one event."""
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
        """Room for the next chunk."""
        self.count = 0

    def instant(self, number: i64) -> int:
        """``t`` of an event that is there."""
        return self._rows[number * 6]

    def small(self) -> tuple[object, object, object, object]:
        """What is there as ``words``, ``near``, ``short`` and ``wide``; how much of them counts is in ``count``,
        ``nears``, ``shorts`` and ``wides``. Good until the next call.
        """
        self._make_small()
        return self._words, self._near, self._short, self._wide

    def _forget(self) -> None:
        unschedule(self._slots)
        index = self._index
        i: i64 = 0
        while i < _INDEX:
            index[i] = 0
            i += 1

    def _make_small(self) -> None:
        self._forget()
        rows, slots, heard, since = self._rows, self._slots, self._heard, self._since
        index, keys, values = self._index, self._keys, self._values
        words, near, short, wide = self._words, self._near, self._short, self._wide
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
            if kind & (KINDS - 1) != kind or source & (WHERES - 1) != source:
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
            if b != t - slots[since[kind] + slot]:
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
            slots[heard[kind] + slot] = t
            # Which word that is: an open hash table, a quarter full.
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
                while at > begun:  # what it says comes before the wides that it announces
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
