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
from resilience_sim.kernel.vectors import append, vec, view

EXACT_LIMIT: Final = 131_072
FURTHEST: Final = 1 << 62  # no value is
_FAR: Final = 1 << 60  # beyond this, sums are moved to Python integers
SUB_BITS: Final = 7


def bucket_of(value: i64) -> i64:
    """Index of the bucket that holds ``value``; one below 0, which only a forged recording has, counts as 0."""
    if value < 0:  # shifted right it would never become 0
        return 0
    # The bit length, found by halving: a machine integer has no method that tells it.
    shift: i64 = 0
    rest = value >> (SUB_BITS + 1)
    if rest >> 32:
        shift = 32
        rest >>= 32
    if rest >> 16:
        shift += 16
        rest >>= 16
    if rest >> 8:
        shift += 8
        rest >>= 8
    if rest >> 4:
        shift += 4
        rest >>= 4
    if rest >> 2:
        shift += 2
        rest >>= 2
    shift += rest - (rest & rest >> 1)  # of 0, 1, 2, 3: 0, 1, 2, 2
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
    """The counts, with room for that bucket and some beyond."""
    room = 2 * len(counts)
    if room <= bucket:
        room = bucket + 1
    grown = vec[i64]([0] * room)
    i: i64 = 0
    while i < len(counts):
        grown[i] = counts[i]
        i += 1
    return grown


class Latencies:
    """A growing bag of non-negative integers (nanoseconds)."""

    __slots__ = ("_buckets", "_count", "_counted", "_fresh", "_highest", "_old", "_ordered", "_sum")

    _count: i64
    _counted: i64

    def __init__(self) -> None:
        self._fresh = vec[i64]()  # the first ``_count`` are the values that are known exactly
        self._count = 0
        self._counted = 0  # of these the first so many are in buckets, too, as of the last question
        self._buckets = vec[i64]()  # counts by bucket, as far as one was ever needed
        self._ordered: list[int] = []  # ``_fresh`` in order, as of the last question
        self._old = 0  # values that are in buckets only
        self._sum = 0  # of all that are in buckets, as is the highest
        self._highest = 0

    def add(self, value: i64) -> None:
        """Add one value."""
        self._fresh = append(self._fresh, value)
        count = self._count + 1
        self._count = count
        if count >= EXACT_LIMIT:
            self.fold()

    def __len__(self) -> int:
        """How many values are in it."""
        return self._old + self._count

    def ordered(self) -> list[int]:
        """What has not been folded, in order; not to be changed."""
        if len(self._ordered) != self._count:
            self._ordered = sorted(view(self._fresh)[: self._count])
        return self._ordered

    def fold(self) -> None:
        """Replace the exact values by a histogram, for good."""
        self.count_up()
        self._old += self._count
        self._fresh = vec[i64]()  # a new one: distributions of before still look at that
        self._count = 0
        self._counted = 0
        self._ordered = []

    def count_up(self) -> None:
        """Count the values that have come since the last question into buckets."""
        buckets = self._buckets
        values = self._fresh
        count = self._count
        total = 0
        some: i64 = 0
        highest: i64 = self._highest
        i = self._counted
        while i < count:
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
        self._counted = count
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
        for part in self._parts:
            values = part._fresh
            count = part._count
            i: i64 = 0
            while i < count:
                value = values[i]
                i += 1
                if value < least:  # most are, or lie between two of the buckets
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
    part._fresh = bag._fresh
    part._count = bag._count
    return part
