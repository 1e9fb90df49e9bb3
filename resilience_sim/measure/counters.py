"""What a run counts: the counters of one part of it, and one bit per request.

A run is cut where the scopes of its expectations begin and end. What belongs to a request is counted in the part in
which the request arrived, what belongs to an instant in the part of that instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import Final

from mypy_extensions import i64

from resilience_sim.kernel.events import FALLBACK, OUTCOME_NAMES, SUCCESS
from resilience_sim.kernel.vectors import append, vec, view
from resilience_sim.measure.latencies import Latencies

WORD: Final = 32
_SHIFT: Final = 5
_AT_ONCE: Final = 4096


class Marks:
    """Requests 0..count-1, each marked or not."""

    __slots__ = ("_one", "_words", "count")

    _one: i64
    count: i64

    def __init__(self) -> None:
        self._one = 1  # not written where it is shifted: mypyc would hand C a constant of 32 bits
        self._words = vec[i64]()
        self.count = 0

    def add(self) -> None:
        """One more request, not marked."""
        count = self.count
        if count & (WORD - 1) == 0:
            self._words = append(self._words, 0)
        self.count = count + 1

    def mark(self, rid: i64) -> None:
        """Mark request ``rid``."""
        words = self._words
        at = rid >> _SHIFT
        words[at] = words[at] | self._one << (rid & (WORD - 1))

    def mark_beyond(self, rid: i64) -> None:
        """Mark request ``rid``, which need not have been added: nothing is kept for those after the last one marked."""
        while rid >> _SHIFT >= len(self._words):
            self._words = append(self._words, 0)
        if rid >= self.count:
            self.count = rid + 1
        self.mark(rid)

    def as_bytes(self) -> bytearray:
        """A byte per request: 1 where marked."""
        words = view(self._words)
        spread = bytearray(len(words) * WORD)
        for start in range(0, len(words), _AT_ONCE):  # a little at a time, for what is in between is large
            some = words[start : start + _AT_ONCE]
            packed = pack(f"<{len(some)}I", *some)
            for bit in range(8):
                spread[start * WORD + bit : (start + len(some)) * WORD : 8] = packed.translate(_BIT[bit])
        del spread[self.count :]
        return spread


_BIT: Final = [bytes([byte >> bit & 1 for byte in range(256)]) for bit in range(8)]

OUTCOMES = len(OUTCOME_NAMES)


class Part:
    """Counters between two cuts. Times are nanoseconds, lists are indexed by outcome code.

    Of requests that arrived here: ``arrivals``, ``outcomes`` (by code), ``late``, ``first_try``, ``sent`` and
    ``received`` attempts, ``results`` (by code), ``denied`` retries, ``rejected`` calls, ``work`` and ``wasted``
    worker time, ``applied`` (duplicates included), ``duplicates``, ``deduplicated``, ``orphans``; by operation
    ``requests_of`` (only where there are several), ``applied_of``, ``duplicates_of``; latencies of
    ``successes`` (late ones included) and of all ``others``.
    Of one service among several (services_fold.py): ``expired`` attempts, and ``queue_peak``.
    Of instants here: ``busy`` (integral of busy workers over time), ``threads_peak``, ``crashes``.
    """

    __slots__ = (
        "applied",
        "applied_of",
        "arrivals",
        "busy",
        "crashes",
        "deduplicated",
        "denied",
        "duplicates",
        "duplicates_of",
        "expired",
        "first_try",
        "late",
        "orphans",
        "others",
        "outcomes",
        "queue_peak",
        "received",
        "rejected",
        "requests_of",
        "results",
        "sent",
        "successes",
        "threads_peak",
        "wasted_far",
        "wasted_small",
        "work_far",
        "work_small",
    )

    applied: i64
    arrivals: i64
    crashes: i64
    deduplicated: i64
    denied: i64
    duplicates: i64
    expired: i64
    first_try: i64
    late: i64
    orphans: i64
    queue_peak: i64
    received: i64
    rejected: i64
    sent: i64
    threads_peak: i64
    busy: int  # worker time may outgrow 64 bits: a thousand workers for a year
    wasted_far: int
    work_far: int
    wasted_small: i64
    work_small: i64

    def __init__(self, operations: i64 = 1) -> None:
        self.arrivals = 0
        self.outcomes = vec[i64]([0] * OUTCOMES)
        self.late = 0
        self.expired = 0
        self.queue_peak = 0
        self.first_try = 0
        self.sent = 0
        self.received = 0
        self.results = vec[i64]([0] * OUTCOMES)
        self.denied = 0
        self.rejected = 0
        self.work_far = 0
        self.wasted_far = 0
        self.work_small = 0
        self.wasted_small = 0
        self.applied = 0
        self.duplicates = 0
        self.deduplicated = 0
        self.orphans = 0
        self.requests_of = vec[i64]([0] * int(operations))
        self.applied_of = vec[i64]([0] * int(operations))
        self.duplicates_of = vec[i64]([0] * int(operations))
        self.successes: Final = Latencies()
        self.others: Final = Latencies()
        self.busy = 0
        self.threads_peak = 0
        self.crashes = 0

    @property
    def work(self) -> int:
        """Worker time, ns."""
        return self.work_far + int(self.work_small)

    @property
    def wasted(self) -> int:
        """Worker time for answers that nobody waited for, ns."""
        return self.wasted_far + int(self.wasted_small)

    def spill(self) -> None:
        """Move the sums of machine integers, which come near their limit, to Python integers."""
        self.work_far = self.work
        self.wasted_far = self.wasted
        self.work_small = 0
        self.wasted_small = 0

    def succeeded(self) -> int:
        """Requests that succeeded in time."""
        return self.outcomes[SUCCESS] - self.late

    def unanswered(self) -> int:
        """Requests without an outcome (so far)."""
        return self.arrivals - sum(view(self.outcomes))

    def failed(self) -> int:
        """Requests with another outcome than success or fallback."""
        return sum(view(self.outcomes)) - self.outcomes[SUCCESS] - self.outcomes[FALLBACK]


def merged(parts: Sequence[Part]) -> Part:
    """Counters of all the parts together. Latencies are left out: ask :class:`latencies.Distribution` for them."""
    total = Part(len(parts[0].applied_of) if parts else 1)
    for part in parts:
        total.arrivals += part.arrivals
        total.late += part.late
        total.expired += part.expired
        total.queue_peak = max(total.queue_peak, part.queue_peak)
        total.first_try += part.first_try
        total.sent += part.sent
        total.received += part.received
        total.denied += part.denied
        total.rejected += part.rejected
        total.work_far += part.work
        total.wasted_far += part.wasted
        total.applied += part.applied
        total.duplicates += part.duplicates
        total.deduplicated += part.deduplicated
        total.orphans += part.orphans
        total.busy += part.busy
        total.threads_peak = max(total.threads_peak, part.threads_peak)
        total.crashes += part.crashes
        for index in range(len(part.applied_of)):
            total.requests_of[index] += part.requests_of[index]
            total.applied_of[index] += part.applied_of[index]
            total.duplicates_of[index] += part.duplicates_of[index]
        for code in range(OUTCOMES):
            total.outcomes[code] += part.outcomes[code]
            total.results[code] += part.results[code]
    return total
