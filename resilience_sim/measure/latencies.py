"""Latencies of many requests in bounded memory: exact for the first 131,072, a log-linear histogram beyond.

Owns the stores, their union and percentiles by nearest rank. Refuses to know what a request is.

The histogram is the one of HdrHistogram (Tene, https://hdrhistogram.org): every power of two is cut into 128 equal
buckets. A bucket answers with its middle, which lies within 1/256 (0.4 %) of every value in it; values below 256 ns
are exact, and so are count, sum and highest value at any size.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import ceil
from typing import Final

from mypy_extensions import i64

EXACT_LIMIT: Final = 131_072
SUB_BITS: Final = 7
RELATIVE_ERROR: Final = 1 / 256


def bucket_of(value: int) -> int:
    """Index of the bucket that holds ``value`` (0 or more)."""
    shift = value.bit_length() - SUB_BITS - 1
    if shift <= 0:
        return value
    return (shift << SUB_BITS) + (value >> shift)


def middle_of(bucket: int) -> int:
    """The value a bucket answers with: its middle."""
    shift = (bucket >> SUB_BITS) - 1
    if shift <= 0:
        return bucket
    low = (bucket - (shift << SUB_BITS)) << shift
    return low + (1 << shift >> 1)


class Latencies:
    """A growing bag of non-negative integers (nanoseconds)."""

    __slots__ = ("_buckets", "_fresh", "_highest", "_old", "_sum")

    def __init__(self) -> None:
        self._fresh: array[int] = array("q")
        self._buckets: dict[int, int] = {}
        self._old = 0  # values already folded into buckets; count, sum and highest are of those
        self._sum = 0
        self._highest = 0

    def add(self, value: i64) -> None:
        """Put one value in."""
        fresh = self._fresh
        fresh.append(value)
        if len(fresh) >= EXACT_LIMIT:
            self._fold(fresh)
            self._fresh = array("q")

    def _fold(self, values: Sequence[int]) -> None:
        if not values:
            return
        buckets = self._buckets
        for value in values:
            bucket = bucket_of(value)
            buckets[bucket] = buckets.get(bucket, 0) + 1
        self._old += len(values)
        self._sum += sum(values)
        highest = max(values)
        self._highest = max(self._highest, highest)

    def spread(self) -> Spread:
        """What is in the bag now, ready for questions; the bag may go on growing."""
        return union([self])


class Spread:
    """The distribution of a union of bags at one moment: mean, highest, percentiles.

    Exact while none of the bags had to fold its values into a histogram.
    """

    __slots__ = ("_buckets", "_sorted", "count", "highest", "total")

    def __init__(self, values: list[int], buckets: list[tuple[int, int]], count: int, total: int, highest: int) -> None:
        self._sorted = values
        self._buckets = buckets
        self.count = count
        self.total = total
        self.highest = highest

    @property
    def exact(self) -> bool:
        """Whether percentiles are values that occurred, rather than middles of buckets."""
        return not self._buckets

    def mean(self) -> float | None:
        """Arithmetic mean, exact; None when empty."""
        return self.total / self.count if self.count else None

    def percentile(self, percent: float) -> int | None:
        """Nearest rank: the smallest value such that at least ``percent`` % of all are not above it."""
        if not self.count:
            return None
        rank = nearest_rank(percent, self.count)
        if not self._buckets:
            return self._sorted[rank - 1]
        seen = 0
        for bucket, number in self._buckets:
            seen += number
            if seen >= rank:
                return min(middle_of(bucket), self.highest)
        return self.highest


def nearest_rank(percent: float, count: int) -> int:
    """Rank (from 1) of the percentile among ``count`` ordered values; 99.9 means the decimal, not the float."""
    return min(max(1, ceil(round(percent * count, 6) / 100)), count)


def union(bags: Sequence[Latencies]) -> Spread:
    """The distribution of everything in all the bags. Changes none of them."""
    values: list[int] = []
    folded = Latencies()
    for bag in bags:
        values.extend(bag._fresh)
        for bucket, number in bag._buckets.items():
            folded._buckets[bucket] = folded._buckets.get(bucket, 0) + number
        folded._old += bag._old
        folded._sum += bag._sum
        folded._highest = max(folded._highest, bag._highest)
    if not folded._old:
        values.sort()
        return Spread(values, [], len(values), sum(values), values[-1] if values else 0)
    folded._fold(values)
    return Spread([], sorted(folded._buckets.items()), folded._old, folded._sum, folded._highest)
