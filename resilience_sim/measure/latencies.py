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
    while rest:
        shift += 1
        rest >>= 1
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
        count = self._count
        if count < len(self._fresh):
            self._fresh[count] = value
        else:
            self._fresh = append(self._fresh, value)
        count += 1
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
            while bucket >= len(buckets):
                buckets = append(buckets, 0)
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

    __slots__ = ("_buckets", "_parts", "_values", "count", "exact", "highest", "total")

    def __init__(self, count: int, total: int, highest: int, exact: bool) -> None:
        self.count = count
        self.total = total
        self.highest = highest
        self.exact = exact
        self._values: list[int] = []  # all of them in order, when interpreted and exact
        self._buckets = vec[i64]()  # else how many are in each bucket,
        self._parts: list[Latencies] = []  # and, when exact, where they are: copies of the bags

    def mean(self) -> float | None:
        """Arithmetic mean; None when empty. Both are made floats first: two integers are divided otherwise by mypyc."""
        return float(self.total) / float(self.count) if self.count else None

    def percentile(self, percent: float) -> int | None:
        """Nearest rank: the smallest value such that at least ``percent`` % of all are not above it."""
        if not self.count:
            return None
        rank = nearest_rank(percent, self.count)
        if self._values:
            return self._values[rank - 1]
        wanted: i64 = rank
        seen: i64 = 0
        buckets = self._buckets
        bucket: i64 = 0
        while bucket < len(buckets):
            number = buckets[bucket]
            if seen + number >= wanted:
                if self.exact:
                    return sorted(self._within(int(bucket)))[int(wanted - seen) - 1]
                return min(middle_of(int(bucket)), self.highest)
            seen += number
            bucket += 1
        return self.highest

    def _within(self, bucket: int) -> list[int]:
        """The values in a bucket: few, so that sorting all of them is saved."""
        low: i64 = lowest_of(bucket) if bucket else -FURTHEST
        high: i64 = lowest_of(bucket + 1) - 1
        found: list[int] = []
        for part in self._parts:
            values = part._fresh
            count = part._count
            i: i64 = 0
            while i < count:
                value = values[i]
                i += 1
                if low <= value <= high:
                    found.append(int(value))
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
        while len(together) < len(buckets):
            together = append(together, 0)
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
