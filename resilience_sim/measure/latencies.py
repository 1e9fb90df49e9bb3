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


class Latencies:
    """A growing bag of non-negative integers (nanoseconds)."""

    __slots__ = ("_buckets", "_count", "_fresh", "_highest", "_old", "_ordered", "_sum")

    _count: i64

    def __init__(self) -> None:
        self._fresh = vec[i64]()  # the first ``_count`` are values that are not yet in buckets
        self._count = 0
        self._buckets = vec[i64]()  # counts by bucket, as far as one was ever needed
        self._ordered: list[int] = []  # ``_fresh`` in order, as of the last question
        self._old = 0  # values already folded into buckets; count, sum and highest are of those
        self._sum = 0
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
        self._take(self._fresh, self._count)
        self._count = 0
        self._ordered = []

    def _take(self, values: vec[i64], count: i64) -> None:
        """The first ``count`` of ``values`` into buckets."""
        buckets = self._buckets
        total = 0
        highest: i64 = self._highest
        i: i64 = 0
        while i < count:
            value = values[i]
            i += 1
            bucket = bucket_of(value)
            while bucket >= len(buckets):
                buckets = append(buckets, 0)
            buckets[bucket] += 1
            total += int(value)  # the sum may outgrow 64 bits
            if value > highest:  # noqa: PLR1730 (max() costs a call)
                highest = value
        self._buckets = buckets
        self._old += count
        self._sum += total
        self._highest = highest

    def spread(self) -> Distribution:
        """What is in the bag now, as a distribution; the bag may go on growing."""
        return union([self])


class Distribution:
    """The distribution of a union of bags at one moment: mean, highest, percentiles.

    ``exact`` while none of the bags had to fold its values into a histogram: then percentiles are values that
    occurred, otherwise middles of buckets. The values of an exact one are given in order, or at least those of a
    lower bucket before those of a higher one.
    """

    __slots__ = ("_buckets", "_values", "count", "exact", "highest", "total")

    def __init__(
        self, values: Sequence[int] | None, buckets: list[tuple[int, int]], count: int, total: int, highest: int
    ) -> None:
        self._values = values
        self._buckets = buckets
        self.exact = values is not None
        self.count = count
        self.total = total
        self.highest = highest

    def mean(self) -> float | None:
        """Arithmetic mean; None when empty. Both are made floats first: two integers are divided otherwise by mypyc."""
        return float(self.total) / float(self.count) if self.count else None

    def percentile(self, percent: float) -> int | None:
        """Nearest rank: the smallest value such that at least ``percent`` % of all are not above it."""
        if not self.count:
            return None
        rank = nearest_rank(percent, self.count)
        values = self._values
        if values is not None and not self._buckets:
            return values[rank - 1]
        seen = 0
        for bucket, number in self._buckets:
            if seen + number >= rank:
                if values is not None:
                    return sorted(values[seen : seen + number])[rank - seen - 1]
                return min(middle_of(bucket), self.highest)
            seen += number
        return self.highest


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
        return Distribution(values, [], len(values), sum(values), values[-1] if values else 0)
    folded = Latencies()
    for bag in bags:
        for bucket, number in enumerate(view(bag._buckets)):
            if bucket >= len(folded._buckets):
                folded._buckets = append(folded._buckets, 0)
            folded._buckets[bucket] += number
        folded._old += bag._old
        folded._sum += bag._sum
        folded._highest = max(folded._highest, bag._highest)
    for bag in bags:
        folded._take(bag._fresh, bag._count)
    counts = [(bucket, number) for bucket, number in enumerate(view(folded._buckets)) if number]
    placed = view(_by_bucket(bags, folded)) if exact else None
    return Distribution(placed, counts, folded._old, folded._sum, folded._highest)


def _by_bucket(bags: Sequence[Latencies], folded: Latencies) -> vec[i64]:
    """All values, bucket after bucket: nearly sorted, for a tenth of the price when compiled.

    A percentile sorts the few that share its bucket. ``folded`` has the counts of ``bags``.
    """
    starts = vec[i64]()
    start: i64 = 0
    for number in folded._buckets:
        starts = append(starts, start)
        start += number
    placed = vec[i64]([0] * folded._old)
    for bag in bags:
        values = bag._fresh
        count = bag._count
        i: i64 = 0
        while i < count:
            value = values[i]
            i += 1
            bucket = bucket_of(value)
            at = starts[bucket]
            placed[at] = value
            starts[bucket] = at + 1
    return placed
