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
FEW: Final = 2048  # values that are counted sooner than looked through for the highest of them
SAMPLE: Final = 256  # values of which the order tells where the highest begin


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
        return Distribution([self])


class Distribution:
    """The distribution of a union of bags at one moment: mean, highest, percentiles. The bags may go on growing.

    ``exact`` while none of the bags had to fold its values into a histogram: then percentiles are values that
    occurred, otherwise middles of buckets. Nothing is counted before it is asked for.
    """

    __slots__ = (
        "_answers", "_bags", "_buckets", "_counted", "_highest", "_parts", "_total", "_values", "count", "exact",
    )  # fmt: skip

    def __init__(self, bags: Sequence[Latencies]) -> None:
        self.exact = not any(bag._old for bag in bags)
        self.count = sum([len(bag) for bag in bags])
        self._total = 0
        self._highest = 0
        self._values: list[int] = []  # all of them in order, when interpreted and exact
        self._buckets = vec[i64]()  # else how many are in each bucket,
        self._bags = list(bags)
        self._parts: list[Latencies] = []  # and, when exact, where they are: copies of the bags
        self._answers: dict[float, int | None] = {}  # percentiles that were asked for: most are asked for twice
        self._counted = False
        if not self.exact:
            self._count()
        elif not COMPILED:
            self._order()
        else:
            self._parts = [_seen(bag) for bag in bags]

    def _order(self) -> None:
        values: list[int] = []
        for bag in self._bags:
            values.extend(bag.ordered())
        values.sort()  # what is in order piece by piece takes one pass
        self._total = sum(values)
        self._highest = values[-1] if values else 0
        self._values = values
        self._counted = True

    def _count(self) -> None:
        """Add the buckets of the bags up; those of a bag that has grown since, of its copy."""
        if self._counted:
            return
        self._counted = True
        together = vec[i64]()
        for number, live in enumerate(self._bags):
            bag = self._parts[number] if self.exact and len(live) != len(self._parts[number]) else live
            bag.count_up()
            buckets = bag._buckets
            if len(together) < len(buckets):
                together = as_far_as(together, len(buckets) - 1)
            bucket: i64 = 0
            while bucket < len(buckets):
                together[bucket] += buckets[bucket]
                bucket += 1
            self._total += bag._sum
            self._highest = max(self._highest, bag._highest)
        self._buckets = together

    @property
    def total(self) -> int:
        """The sum of all values."""
        self._count()
        return self._total

    @property
    def highest(self) -> int:
        """The highest value; 0 when empty."""
        self._count()
        return self._highest

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
        if not self.count or not new:
            self._answers.update(dict.fromkeys(new))
            return
        ranks = [nearest_rank(percent, self.count) for percent in new]
        found = self._highest_at(ranks) if self.exact and not self._counted else None
        self._answers.update(zip(new, self._at(ranks) if found is None else found, strict=True))

    def _highest_at(self, ranks: list[int]) -> list[int] | None:
        """The values at these ranks, if all are among the highest: found without counting the others.

        None: that would not save anything, or a look at every so many-th value did not tell what is high.
        """
        wanted = self.count - ranks[0] + 1
        if self.count < FEW or wanted > self.count >> 5:
            return None
        sample = vec[i64]()
        step: i64 = self.count // SAMPLE
        at: i64 = step >> 1
        for part in self._parts:
            for values in part._blocks:
                while at < len(values):
                    sample = append(sample, values[at])
                    at += step
                at -= len(values)
        # Of one and a half times as many as are wanted, and some: once in ten thousand times it is too few.
        least = nth(sample, len(sample) - 8 - wanted * len(sample) * 3 // (2 * self.count))
        high = vec[i64]()
        for part in self._parts:
            for values in part._blocks:
                i: i64 = 0
                while i < len(values):
                    value = values[i]
                    i += 1
                    if value >= least:
                        high = append(high, value)
                if len(high) > self.count >> 2:
                    return None  # many are the same
        if len(high) < wanted:
            return None
        below = self.count - len(high)
        return [int(nth(high, rank - below - 1)) for rank in ranks]

    def _at(self, ranks: list[int]) -> list[int]:
        """The values at these ranks, which ascend: through the buckets once, and once through the exact values."""
        self._count()
        if self._values:
            return [self._values[rank - 1] for rank in ranks]
        chosen: list[int] = []  # the buckets, ascending
        places: list[tuple[int, int]] = []  # which of these a rank lies in, and what it is there
        buckets = self._buckets
        bucket: i64 = -1
        seen: i64 = 0  # up to this bucket, with it
        for rank in ranks:
            wanted: i64 = rank
            while seen < wanted:
                bucket += 1
                seen += buckets[bucket]
            if not chosen or chosen[-1] != bucket:
                chosen.append(int(bucket))
            places.append((len(chosen) - 1, int(wanted - seen + buckets[bucket])))
        if not self.exact:
            return [min(middle_of(chosen[number]), self.highest) for number, _ in places]
        within = self._within(chosen)
        return [within[number][rank - 1] for number, rank in places]

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
            for values in part._blocks:
                i: i64 = 0
                while i < len(values):
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


def nth(values: vec[i64], place: i64) -> i64:
    """The value at this place (from 0) of the ascending order, into which they are brought around it.

    C. A. R. Hoare, "Algorithm 65: FIND", Communications of the ACM 4(7), 1961.
    """
    low: i64 = 0
    high: i64 = len(values) - 1
    while low < high:
        pivot = values[place]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                value = values[i]
                values[i] = values[j]
                values[j] = value
                i += 1
                j -= 1
        if j < place:
            low = i
        if place < i:
            high = j
    return values[place]


def nearest_rank(percent: float, count: int) -> int:
    """Rank (from 1) of the percentile among ``count`` ordered values; 99.9 means the decimal, not the float."""
    return min(max(1, ceil(round(percent * count, 6) / 100)), count)


def _seen(bag: Latencies) -> Latencies:
    """The values of a bag as they are now, no more in its blocks: what comes later lies behind them."""
    part = Latencies()
    part._blocks = [*bag._blocks[:-1], bag._block[: bag._at]]
    part._full = bag._full
    part._at = bag._at
    return part
