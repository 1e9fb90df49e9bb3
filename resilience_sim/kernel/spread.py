"""Events out of their small form (kernel/columns.py says what that is).

Owns the way back. Refuses to trust: columns that do not give the stated number of events are a ValueError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mypy_extensions import i16, i32, i64

from resilience_sim.kernel.columns import (
    B_AT,
    B_MASK,
    BEFORE,
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
    WHERES,
    WRITTEN,
    B,
    fresh,
    heard,
    since,
)
from resilience_sim.kernel.vectors import vec, view


def spread(
    words: bytes, near_in: Iterable[int], short_in: Iterable[int], wide_in: Iterable[int]
) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
    """The six columns of a chunk: ``t``, ``kind``, ``where``, ``rid``, ``a``, ``b``."""
    try:
        return _spread(words, vec[i16](near_in), vec[i32](short_in), vec[i64](wide_in))
    except IndexError as error:
        raise ValueError("a chunk of another length than stated") from error


def _spread(
    words: bytes, near: vec[i16], short: vec[i32], wide: vec[i64]
) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
    count: i64 = len(words)
    ts, kinds, sources = _zeros(count), _zeros(count), _zeros(count)
    rids, as_, bs = _zeros(count), _zeros(count), _zeros(count)
    keys, values = _zeros(NEW), _zeros(NEW)
    slots = fresh()
    heard_at, since_at = heard(), since()
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
            bs[number] = t - slots[since_at[kind] + slot]
        elif how == WRITTEN:
            bs[number] = (key >> B_AT & B_MASK) - 1
        elif how == SHORT:
            bs[number] = i64(short[shorts])
            shorts += 1
        else:
            bs[number] = wide[wides]
            wides += 1
        slots[heard_at[kind] + slot] = t
        ts[number] = t
        kinds[number] = kind
        sources[number] = key >> 6 & (WHERES - 1)
        rids[number] = rid
        as_[number] = a
        number += 1
    if nears != len(near) or shorts != len(short) or wides != len(wide):
        raise ValueError("a chunk of another length than stated")
    return view(ts), view(kinds), view(sources), view(rids), view(as_), view(bs)


def _zeros(count: i64) -> vec[i64]:
    return vec[i64]([0] * count)
