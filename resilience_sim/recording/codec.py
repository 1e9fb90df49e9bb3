"""Events to bytes and back: how one chunk of the event stream is stored.

Owns the bytes of a chunk. Refuses to own where chunks live (layout.py), what events mean (kernel/events.py) and how
they are made small (kernel/columns.py, kernel/spread.py).

A chunk holds up to ``CHUNK`` events as four columns: words of 8 bits, as many as there are events, and numbers of 16,
32 and 64 bits. Three unsigned numbers of 32 bits at the beginning say how many of those there are. Everything is
little-endian and signed but for the words and the beginning. Measured: about three bytes an event, and an eightieth of
a microsecond to make them when compiled; a general compressor took fifteen bytes down to ten at fifty times the cost.

Recordings of format 1 are read too: there a chunk is six columns of signed 64-bit integers, ``t`` and ``rid`` as
differences to the event before (those of ``rid`` folded: 0, -1, 1, -2 ...), laid out by significance: all lowest
bytes, then all second bytes, and so on; six bytes at the beginning say which of the eight are there, a bit each.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

from resilience_sim.kernel.columns import Columns as Gathered
from resilience_sim.kernel.spread import spread

Event = tuple[int, int, int, int, int, int]
Columns = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[int]]

CHUNK = 8192
_SWAP = sys.byteorder != "little"
_BEGIN = struct.Struct("<III")
_WRONG = "a chunk of another length than stated"


def pack(events: Iterable[Event]) -> bytes:
    """The bytes of a chunk of these events. OverflowError or TypeError when a number does not fit in 64 bits."""
    given = list(events)
    gathered = Gathered(max(1, len(given)), lambda: None)
    for event in given:
        gathered.on_event(*event)
    return pack_gathered(gathered)


def pack_gathered(gathered: Gathered) -> bytes:
    """The bytes of a chunk of what has been gathered. OverflowError when a number does not fit in 64 bits."""
    words, near, short, wide = gathered.small()
    nears, shorts, wides = gathered.nears, gathered.shorts, gathered.wides
    parts = (
        _BEGIN.pack(nears, shorts, wides),
        _raw(words, gathered.count, "B"),
        _raw(near, nears, "h"),
        _raw(short, shorts, "i"),
        _raw(wide, wides, "q"),
    )
    return b"".join(parts)


def _raw(column: object, count: int, code: str) -> bytes | memoryview | array[int]:
    """The first numbers of a column, a list when interpreted, as they lie in memory on a little-endian machine."""
    if not isinstance(column, list):
        part = memoryview(column)[:count]  # type: ignore[arg-type]  # compiled: a vec, which has a buffer
        if not _SWAP:
            return part
        column = part.tolist()
    values = array(code, column[:count])
    if _SWAP:
        values.byteswap()
    return values


def unpack(data: bytes, count: int) -> Columns:
    """The columns of a chunk that is said to hold ``count`` events. ValueError when it does not."""
    if len(data) < _BEGIN.size:
        raise ValueError(_WRONG)
    nears, shorts, wides = _BEGIN.unpack_from(data)
    ends = list(accumulate((count, 2 * nears, 4 * shorts, 8 * wides), initial=_BEGIN.size))
    if ends[-1] != len(data):
        raise ValueError(_WRONG)
    words, *others = (data[begin:end] for begin, end in pairwise(ends))
    near, short, wide = (_numbers(raw, code) for raw, code in zip(others, "hiq", strict=True))
    return spread(words, near, short, wide)


def _numbers(raw: bytes, code: str) -> array[int]:
    values = array(code, raw)
    if _SWAP:
        values.byteswap()
    return values


_ZIGZAG = 3  # number of the column whose differences are folded
_DIFFERENCES = (0, _ZIGZAG)


def unpack_format_1(data: bytes, count: int) -> Columns:
    """As :func:`unpack`, for a recording of format 1."""
    there = data[:6]
    if len(there) != 6 or len(data) != 6 + count * sum(column.bit_count() for column in there):
        raise ValueError(_WRONG)
    place = 6
    columns: list[Sequence[int]] = []
    for number, used in enumerate(there):
        raw = bytearray(count * 8)
        for plane in range(8):
            if used >> plane & 1:
                raw[plane::8] = data[place : place + count]
                place += count
        values: Sequence[int] = _numbers(bytes(raw), "Q" if number == _ZIGZAG else "q")
        if number == _ZIGZAG:
            values = [value >> 1 ^ -(value & 1) for value in values]
        columns.append(list(accumulate(values)) if number in _DIFFERENCES else values)
    t, kind, source, rid, a, b = columns
    return t, kind, source, rid, a, b


def rows(columns: Columns) -> Iterator[Event]:
    """The events of a chunk, in order."""
    return zip(*columns, strict=True)
