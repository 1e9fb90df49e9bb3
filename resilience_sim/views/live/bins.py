"""What happened when, in a fixed number of time bins: bounded memory for runs of any length.

Owns the binned history behind charts and lanes. When a run outgrows its bins, neighbours are merged and every bin is
twice as long. Refuses to draw (panels.py) and to interpret events (state.py).
"""

from __future__ import annotations

BINS = 960
MANTISSA = 4  # bits: latency buckets are 1/16 to 1/32 wide


def bucket(ns: int) -> int:
    """The logarithmic bucket of a latency: exponent and the leading bits of the mantissa."""
    if ns <= 1 << MANTISSA:
        return max(ns, 0)
    extra = ns.bit_length() - 1 - MANTISSA
    return (extra << MANTISSA) + (ns >> extra)


def unbucket(index: int) -> int:
    """A latency in the middle of a bucket; the inverse of :func:`bucket` within one part in 32."""
    if index <= 1 << MANTISSA:
        return index
    extra = (index >> MANTISSA) - 1
    low = ((index & (1 << MANTISSA) - 1) | 1 << MANTISSA) << extra
    return low + (1 << extra >> 1)


class Bins:
    """Counts per time bin. ``arrivals``, ``sent``, ``good``, ``bad`` are sums, ``queue`` and ``busy`` are peaks."""

    __slots__ = ("arrivals", "bad", "busy", "good", "latencies", "queue", "sent", "width")

    def __init__(self, horizon: int) -> None:
        self.width = max(1, -(-horizon // (BINS - 60)))
        self.arrivals = [0] * BINS
        self.sent = [0] * BINS
        self.good = [0] * BINS
        self.bad = [0] * BINS
        self.queue = [0] * BINS
        self.busy = [0] * BINS
        self.latencies: list[dict[int, int] | None] = [None] * BINS

    def index(self, t: int) -> int:
        """The bin of an instant, which must lie within the bins (see :meth:`fits`)."""
        return t // self.width

    def fits(self, t: int) -> bool:
        """Whether an instant still has a bin; if not, call :meth:`double`."""
        return t < self.width * BINS

    def double(self) -> None:
        """Merge neighbours: every bin becomes twice as long, the second half is free again."""
        empty = [0] * (BINS // 2)
        for sums in (self.arrivals, self.sent, self.good, self.bad):
            sums[:] = [sums[i] + sums[i + 1] for i in range(0, BINS, 2)] + empty
        for peaks in (self.queue, self.busy):
            peaks[:] = [max(peaks[i], peaks[i + 1]) for i in range(0, BINS, 2)] + empty
        merged = [_merge(self.latencies[i], self.latencies[i + 1]) for i in range(0, BINS, 2)]
        self.latencies[:] = merged + [None] * (BINS // 2)
        self.width *= 2

    def latency(self, index: int, ns: int) -> None:
        """Count a latency in a bin."""
        counts = self.latencies[index]
        if counts is None:
            counts = self.latencies[index] = {}
        at = bucket(ns)
        counts[at] = counts.get(at, 0) + 1


def _merge(one: dict[int, int] | None, other: dict[int, int] | None) -> dict[int, int] | None:
    if one is None or other is None:
        return other if one is None else one
    for key, number in other.items():
        one[key] = one.get(key, 0) + number
    return one


def percentiles(counts: dict[int, int], *wanted: float) -> list[int]:
    """Nearest-rank percentiles (0..1, ascending) of counted latencies, in ns; nothing where nothing was counted."""
    total = sum(counts.values())
    if not total:
        return []
    found = []
    seen = 0
    ordered = iter(sorted(counts.items()))
    key = 0
    for share in wanted:
        rank = max(1, -int(-share * total // 1))
        while seen < rank:
            key, number = next(ordered)
            seen += number
        found.append(unbucket(key))
    return found


class Lane:
    """States over time, on the same bins: what was entered in a bin, and what held at its end."""

    __slots__ = ("entered", "last", "name", "opened", "since", "state")

    def __init__(self, name: str, state: int = 0) -> None:
        self.name = name
        self.state = state
        self.since = 0
        self.opened = 0
        self.entered: dict[int, int] = {}  # bin -> bits of states entered
        self.last: dict[int, int] = {}

    def change(self, index: int, t: int, state: int) -> None:
        """The state changed at ``t``, which is in bin ``index``."""
        self.state = state
        self.since = t
        self.entered[index] = self.entered.get(index, 0) | 1 << state
        self.last[index] = state

    def double(self) -> None:
        """Follow :meth:`Bins.double`."""
        entered: dict[int, int] = {}
        for index, bits in self.entered.items():
            entered[index // 2] = entered.get(index // 2, 0) | bits
        self.entered = entered
        self.last = {index // 2: state for index, state in self.last.items()}  # ascending: the later one stays
