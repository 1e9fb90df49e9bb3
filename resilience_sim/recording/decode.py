"""Decoding: events out of the bytes of a chunk (encode.py). Bytes that do not give the stated number of events are a
ValueError.

In format 1 a chunk is six columns of signed 64-bit integers, ``t`` and ``rid`` as differences to the event before
(those of ``rid`` folded: 0, -1, 1, -2 ...), laid out by significance: all lowest bytes, then all second bytes, and so
on; six bytes at the beginning say which of the eight are there, a bit each.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from mypy_extensions import i16, i32, i64

from resilience_sim.kernel.events import Event
from resilience_sim.kernel.vectors import vec, view
from resilience_sim.recording.encode import (
    B_AT,
    B_MASK,
    BEFORE,
    COUNTS,
    FAR,
    KINDS,
    NEAR,
    NEW,
    NEXT,
    ODD,
    RID,
    SHORT,
    SLOTS,
    SOON,
    SOURCES,
    SWAP,
    WRITTEN,
    B,
    new_instants,
    row_read,
    row_written,
)

Columns = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[int]]

_WRONG: Final = "a chunk of another length than stated"


def decode(data: bytes, count: int) -> Columns:
    """The columns ``t, kind, source, rid, a, b`` of a chunk that is said to hold ``count`` events."""
    if len(data) < COUNTS.size:
        raise ValueError(_WRONG)
    nears, shorts, wides = COUNTS.unpack_from(data)
    near_at = COUNTS.size + count
    short_at = near_at + 2 * nears
    wide_at = short_at + 4 * shorts
    if count < 0 or wide_at + 8 * wides != len(data):
        raise ValueError(_WRONG)
    try:
        return _decode(
            data[COUNTS.size : near_at],
            vec[i16](_numbers(data[near_at:short_at], "h")),
            vec[i32](_numbers(data[short_at:wide_at], "i")),
            vec[i64](_numbers(data[wide_at:], "q")),
        )
    except IndexError as error:
        raise ValueError(_WRONG) from error


def _decode(words: bytes, near: vec[i16], short: vec[i32], wide: vec[i64]) -> Columns:
    count: i64 = len(words)
    ts, kinds, sources = _zeros(count), _zeros(count), _zeros(count)
    rids, as_, bs = _zeros(count), _zeros(count), _zeros(count)
    keys, values = _zeros(NEW), _zeros(NEW)
    instants = new_instants()
    written, read = row_written(), row_read()
    nears: i64 = 0
    shorts: i64 = 0
    wides: i64 = 0
    known: i64 = 0
    t: i64 = 0
    rid: i64 = 0
    before: i64 = 0
    highest: i64 = -1
    number: i64 = 0
    while number < count:
        word: i64 = words[number]
        if word == ODD:
            ts[number] = wide[wides]
            kinds[number] = wide[wides + 1]
            sources[number] = wide[wides + 2]
            rids[number] = wide[wides + 3]
            as_[number] = wide[wides + 4]
            bs[number] = wide[wides + 5]
            wides += 6
            number += 1
            continue
        if word == NEW:
            key = wide[wides]
            a = wide[wides + 1]
            wides += 2
            if known < ODD:
                keys[known] = key
                values[known] = a
                known += 1
        elif word < known:
            key = keys[word]
            a = values[word]
        else:
            raise ValueError("a chunk with a word that nobody introduced")
        if key & SOON != 0:
            t += i64(short[shorts])
            shorts += 1
        elif key & FAR != 0:
            t = wide[wides]
            wides += 1
        who = key & RID
        if who != 0:
            old = rid
            if who == NEXT:
                highest += 1
                rid = highest
            elif who == BEFORE:
                rid = before
            elif who == NEAR:
                rid = highest - i64(near[nears])
                nears += 1
            else:
                rid = wide[wides]
                wides += 1
                highest = max(highest, rid)
            before = old
        kind = key & (KINDS - 1)
        slot = rid & (SLOTS - 1)
        how = key & B
        if how == 0:
            bs[number] = t - instants[read[kind] + slot]
        elif how == WRITTEN:
            bs[number] = (key >> B_AT & B_MASK) - 1
        elif how == SHORT:
            bs[number] = i64(short[shorts])
            shorts += 1
        else:
            bs[number] = wide[wides]
            wides += 1
        instants[written[kind] + slot] = t
        ts[number] = t
        kinds[number] = kind
        sources[number] = key >> 6 & (SOURCES - 1)
        rids[number] = rid
        as_[number] = a
        number += 1
    if nears != len(near) or shorts != len(short) or wides != len(wide):
        raise ValueError(_WRONG)
    return view(ts), view(kinds), view(sources), view(rids), view(as_), view(bs)


def _zeros(count: i64) -> vec[i64]:
    return vec[i64]([0] * count)


def _numbers(raw: bytes, code: str) -> array[int]:
    values = array(code, raw)
    if SWAP:
        values.byteswap()
    return values


def decode_format_1(data: bytes, count: int) -> Columns:
    """As :func:`decode`, for a recording of format 1."""
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
        values: Sequence[int] = _numbers(bytes(raw), "Q" if number == 3 else "q")
        if number == 3:
            values = [value >> 1 ^ -(value & 1) for value in values]
        columns.append(list(accumulate(values)) if number in (0, 3) else values)
    t, kind, source, rid, a, b = columns
    return t, kind, source, rid, a, b


def events_of(columns: Columns) -> Iterator[Event]:
    """The events of a chunk, in order."""
    return zip(*columns, strict=True)
