"""What every count of results has, whatever its window.

Owns the protocol and the count without a window. The windows are rules/tallies.py and rules/slices.py.
"""

from __future__ import annotations

from mypy_extensions import i64


class Tally:
    """Counts of results since it began. ``requests`` counts admissions, in flight included."""

    __slots__ = ("bad", "excluded", "min_calls", "rejected", "requests", "run_bad", "run_good", "slow", "total")

    total: i64
    bad: i64
    slow: i64
    run_bad: i64  # failures in a row
    run_good: i64
    requests: i64
    excluded: i64
    rejected: i64
    min_calls: i64  # no rate with fewer results

    def __init__(self, min_calls: i64) -> None:
        self.min_calls = min_calls
        self.total = 0
        self.bad = 0
        self.slow = 0
        self.run_bad = 0
        self.run_good = 0
        self.requests = 0
        self.excluded = 0
        self.rejected = 0

    def request(self, now: i64) -> None:
        """A call was let in."""
        self.requests += 1

    def exclude(self, now: i64, since: i64) -> None:
        """A call let in at ``since`` is left out of account."""
        self.excluded += 1

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """A result (``bad`` and ``slow`` are 0 or 1) of a call let in at ``since``."""
        self.total += 1
        self.slow += slow
        self._run(bad)

    def _run(self, bad: i64) -> None:
        self.bad += bad
        if bad:
            self.run_bad += 1
            self.run_good = 0
        else:
            self.run_good += 1
            self.run_bad = 0

    def look(self, now: i64) -> None:
        """Somebody is about to read the counts."""
