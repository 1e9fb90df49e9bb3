"""Latencies of many requests in bounded memory: exact for the first 131,072, a log-linear histogram beyond.

The histogram is the one of HdrHistogram (Tene, https://hdrhistogram.org): every power of two is cut into 128 equal
buckets. A bucket answers with its middle, which lies within 1/256 (0.4 %) of every value in it; values below 256 ns
are exact, and so are count, sum and highest value at any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.compiled import COMPILED
from resilience_sim.kernel.vectors import vec, view

EXACT_LIMIT: Final = 131_072
FURTHEST: Final = 1 << 62  # no value is
_FAR: Final = 1 << 60  # beyond this, sums are moved to Python integers
SUB_BITS: Final = 7
_BIT_LENGTHS: Final = vec[i64]([byte.bit_length() for byte in range(256)])


def bucket_of(value: i64) -> i64:
    """Index of the bucket that holds ``value``; one below 0, which only a forged recording has, counts as 0."""
    if value < 0:  # shifted right it would never become 0
        return 0
    # The bit length, found by halving: a machine integer has no method that tells it. Whether a half is empty is not
    # asked but computed (the sign of a difference is all ones or none), for no processor can guess the lower bits.
    shift: i64 = 0
    rest = value >> (SUB_BITS + 1)
    if rest >> 32:
        shift = 32
        rest >>= 32
    more = (0xFFFF - rest) >> 62 & 16
    shift += more
    rest >>= more
    more = (0xFF - rest) >> 62 & 8
    shift += more
    shift += _BIT_LENGTHS[rest >> more]
    if shift == 0:
        return value
    return (shift << SUB_BITS) + (value >> shift)


def middle_of(bucket: int) -> int:
    """The value a bucket answers with: its middle."""
    shift = (bucket >> SUB_BITS) - 1
    if shift <= 0:
        return bucket
    low = (bucket - (shift << SUB_BITS)) << shift
    return low + (1 << shift >> 1)


def lowest_of(bucket: int) -> int:
    """The lowest value that lies in a bucket."""
    shift = (bucket >> SUB_BITS) - 1
    return bucket if shift <= 0 else (bucket - (shift << SUB_BITS)) << shift


def as_far_as(counts: vec[i64], bucket: i64) -> vec[i64]:
    """The counts, with room for that bucket and for values up to sixteen times as high."""
    room = bucket + 1 + (4 << SUB_BITS)
    grown = vec[i64]([0] * room)
    i: i64 = 0
    while i < len(counts):
        grown[i] = counts[i]
        i += 1
    return grown


FIRST_BLOCK: Final = 64  # values; the next are as long as all before them, so that full blocks add up to the limit
LONGEST_BLOCK: Final = 4096
_ZEROS: Final = vec[i64]([0] * LONGEST_BLOCK)


class Latencies:
    """A growing bag of non-negative integers (nanoseconds)."""

    __slots__ = (
        "_at", "_block", "_blocks", "_buckets", "_counted", "_counted_blocks", "_full", "_highest", "_old", "_ordered",
        "_room", "_sum",
    )  # fmt: skip

    _at: i64
    _counted: i64
    _counted_blocks: i64
    _full: i64
    _room: i64

    def __init__(self) -> None:
        # The values that are known exactly, in blocks: one vector would have to move whenever it grows.
        self._block = _ZEROS[:FIRST_BLOCK]  # the last of them; the first ``_at`` of its places are taken
        self._room = FIRST_BLOCK
        self._at = 0
        self._full = 0  # values in those before it
        self._blocks = [self._block]
        self._counted_blocks = 0  # of the values so many blocks are in buckets, too, as of the last question,
        self._counted = 0  # and so many values of the next block
        self._buckets = vec[i64]()  # counts by bucket, as far as one was ever needed
        self._ordered: list[int] = []  # the exact values in order, as of the last question
        self._old = 0  # values that are in buckets only
        self._sum = 0  # of all that are in buckets, as is the highest
        self._highest = 0

    def add(self, value: i64) -> None:
        """Add one value."""
        at = self._at
        self._block[at] = value
        at += 1
        self._at = at
        if at == self._room:
            self._begin_block()

    def _begin_block(self) -> None:
        """The last block is full: the next one, as long as all before it."""
        if self._exact() >= EXACT_LIMIT:
            self.fold()
            return
        self._full += self._room
        self._room = min(self._full, LONGEST_BLOCK)
        self._block = _ZEROS[: self._room]
        self._blocks.append(self._block)
        self._at = 0

    def __len__(self) -> int:
        """How many values are in it."""
        return self._old + self._exact()

    def _exact(self) -> i64:
        """How many of them are known exactly."""
        return self._full + self._at

    def ordered(self) -> list[int]:
        """What has not been folded, in order; not to be changed."""
        if len(self._ordered) != self._exact():
            values: list[int] = []
            for block in self._blocks:
                values.extend(view(block))
            self._ordered = sorted(values[: self._exact()])
        return self._ordered

    def fold(self) -> None:
        """Replace the exact values by a histogram, for good."""
        self.count_up()
        self._old += self._exact()
        self._block = _ZEROS[:FIRST_BLOCK]  # new ones: distributions of before still look at those
        self._room = FIRST_BLOCK
        self._at = 0
        self._full = 0
        self._blocks = [self._block]
        self._counted_blocks = 0
        self._counted = 0
        self._ordered = []

    def count_up(self) -> None:
        """Count the values that have come since the last question into buckets."""
        last: i64 = len(self._blocks) - 1
        while self._counted_blocks < last:
            block = self._blocks[self._counted_blocks]
            self._count(block, len(block))
            self._counted_blocks += 1
            self._counted = 0
        self._count(self._blocks[last], self._at)

    def _count(self, values: vec[i64], end: i64) -> None:
        """Count those of a block, from the first that has not been counted."""
        buckets = self._buckets
        total = 0
        some: i64 = 0
        highest: i64 = self._highest
        i = self._counted
        while i < end:
            value = values[i]
            i += 1
            bucket = bucket_of(value)
            if bucket >= len(buckets):
                buckets = as_far_as(buckets, bucket)
            buckets[bucket] += 1
            some += value
            if some > _FAR or some < -_FAR:  # the sum may outgrow 64 bits
                total += int(some)
                some = 0
            if value > highest:  # noqa: PLR1730 (max() costs a call)
                highest = value
        self._buckets = buckets
        self._counted = end
        self._sum += total + int(some)
        self._highest = highest

    def spread(self) -> Distribution:
        """What is in the bag now, as a distribution; the bag may go on growing."""
        return union([self])


class Distribution:
    """The distribution of a union of bags at one moment: mean, highest, percentiles.

    ``exact`` while none of the bags had to fold its values into a histogram: then percentiles are values that
    occurred, otherwise middles of buckets.
    """

    __slots__ = ("_answers", "_buckets", "_parts", "_values", "count", "exact", "highest", "total")

    def __init__(self, count: int, total: int, highest: int, exact: bool) -> None:
        self.count = count
        self.total = total
        self.highest = highest
        self.exact = exact
        self._values: list[int] = []  # all of them in order, when interpreted and exact
        self._buckets = vec[i64]()  # else how many are in each bucket,
        self._parts: list[Latencies] = []  # and, when exact, where they are: copies of the bags
        self._answers: dict[float, int | None] = {}  # percentiles that were asked for: most are asked for twice

    def mean(self) -> float | None:
        """Arithmetic mean; None when empty. Both are made floats first: two integers are divided otherwise by mypyc."""
        return float(self.total) / float(self.count) if self.count else None

    def percentile(self, percent: float) -> int | None:
        """Nearest rank: the smallest value such that at least ``percent`` % of all are not above it."""
        if percent not in self._answers:
            self.find([percent])
        return self._answers[percent]

    def find(self, percents: Sequence[float]) -> None:
        """Look for percentiles that will be asked for: several together take little longer than one."""
        new = sorted({percent for percent in percents if percent not in self._answers})
        if not self.count:
            self._answers.update(dict.fromkeys(new))
        elif self._values:
            for percent in new:
                self._answers[percent] = self._values[nearest_rank(percent, self.count) - 1]
        else:
            self._find(new)

    def _find(self, percents: list[float]) -> None:
        """Go through the buckets once, from below; then, of exact values, once through those."""
        chosen: list[int] = []  # the buckets, ascending
        places: list[tuple[float, int, int]] = []  # percentile, which of these it lies in, and its rank there
        buckets = self._buckets
        bucket: i64 = -1
        seen: i64 = 0  # up to this bucket, with it
        for percent in percents:
            wanted: i64 = nearest_rank(percent, self.count)
            while seen < wanted:
                bucket += 1
                seen += buckets[bucket]
            if not chosen or chosen[-1] != bucket:
                chosen.append(int(bucket))
            places.append((percent, len(chosen) - 1, int(wanted - seen + buckets[bucket])))
        within = self._within(chosen) if self.exact else []
        for percent, number, rank in places:
            if self.exact:
                self._answers[percent] = within[number][rank - 1]
            else:
                self._answers[percent] = min(middle_of(chosen[number]), self.highest)

    def _within(self, chosen: list[int]) -> list[list[int]]:
        """The values in some buckets, in order: few, so that sorting all of them is saved."""
        begins = [lowest_of(bucket) if bucket else -FURTHEST for bucket in chosen]
        ends = [lowest_of(bucket + 1) - 1 for bucket in chosen]
        lows = vec[i64](begins)
        highs = vec[i64](ends)
        found: list[list[int]] = [[] for _ in chosen]
        number: i64 = len(chosen)
        if not number:
            return found
        least = lows[0]
        most = highs[0]
        following: i64 = FURTHEST
        if number > 1:
            following = lows[1]
        for part in self._parts:
            left = part._exact()
            for values in part._blocks:
                count = min(left, len(values))
                left -= count
                i: i64 = 0
                while i < count:
                    value = values[i]
                    i += 1
                    # Most are below the first bucket or between that and the second. Computed by signs: asked one
                    # after the other, no processor could guess the answers.
                    if (value - least) | ((most - value) & (value - following)) < 0:
                        continue
                    at: i64 = 0
                    while at < number and value > highs[at]:
                        at += 1
                    if at < number and value >= lows[at]:
                        found[at].append(int(value))
        for each in found:
            each.sort()
        return found


def nearest_rank(percent: float, count: int) -> int:
    """Rank (from 1) of the percentile among ``count`` ordered values; 99.9 means the decimal, not the float."""
    return min(max(1, ceil(round(percent * count, 6) / 100)), count)


def union(bags: Sequence[Latencies]) -> Distribution:
    """The distribution of everything in all the bags. Changes none of them."""
    exact = not any(bag._old for bag in bags)
    if exact and not COMPILED:
        values: list[int] = []
        for bag in bags:
            values.extend(bag.ordered())
        values.sort()  # what is in order piece by piece takes one pass
        found = Distribution(len(values), sum(values), values[-1] if values else 0, True)
        found._values = values
        return found
    together = vec[i64]()
    count, total, highest = 0, 0, 0
    for bag in bags:
        bag.count_up()
        buckets = bag._buckets
        if len(together) < len(buckets):
            together = as_far_as(together, len(buckets) - 1)
        bucket: i64 = 0
        while bucket < len(buckets):
            together[bucket] += buckets[bucket]
            bucket += 1
        count += len(bag)
        total += bag._sum
        highest = max(highest, bag._highest)
    found = Distribution(count, total, highest, exact)
    found._buckets = together
    if exact:
        found._parts = [_seen(bag) for bag in bags]
    return found


def _seen(bag: Latencies) -> Latencies:
    """The values of a bag as they are now: what comes later lies behind them."""
    part = Latencies()
    part._blocks = bag._blocks[:]
    part._full = bag._full
    part._at = bag._at
    return part
