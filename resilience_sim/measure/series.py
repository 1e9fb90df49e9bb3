"""Figures over time, in bins of equal length: the ``series`` of the RUN document.

Everything is counted in the bin of the event itself: an arrival when it arrives, an outcome when it is reported.
``queue`` is the highest number of attempts waiting at B (all replicas together) at any moment of the bin.
``p99`` is over the requests whose outcome came in the bin, by nearest rank; None when there was none.
``failed`` are outcomes other than success and fallback; a late success is in neither column.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    ARRIVE,
    BEGIN,
    DONE,
    FALLBACK,
    LEFT_QUEUE,
    QUEUED_AT_B,
    RECEIVED,
    SUCCESS,
    outcome_of,
)
from resilience_sim.kernel.sim import SimulationError
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.latencies import nearest_rank

MOST_BINS: Final = 100_000


class Series(Fold):
    """Folds events into bins of ``width`` nanoseconds. ``deadline`` 0: none."""

    __slots__ = ("_bins", "_current", "_deadline", "_edge", "_latencies", "_queue", "width")

    _deadline: i64
    _edge: i64
    _queue: i64

    def __init__(self, width: int, deadline: int) -> None:
        self.width = width
        self._deadline = deadline
        self._edge = width  # end of the current bin
        self._queue = 0
        self._latencies: list[int] = []
        self._current: list[int] = [0, 0, 0, 0, 0]  # arrivals, received, succeeded, failed, highest queue
        self._bins: list[tuple[list[int], float | None]] = []

    def on_event(self, t: i64, kind: i64, source: i64, rid: i64, a: i64, b: i64) -> None:
        """Count one event."""
        while t >= self._edge:
            if len(self._bins) >= MOST_BINS:
                raise SimulationError(f"a series has at most {MOST_BINS:,} bins; make them longer (`--series`)")
            self._bins.append((self._current, self._p99()))
            self._current = [0, 0, 0, 0, self._queue]
            self._latencies = []
            self._edge += self.width
        current = self._current
        if kind == RECEIVED:
            current[1] += 1
            if b == QUEUED_AT_B:
                self._queue += 1
                current[4] = max(current[4], self._queue)
        elif kind == ARRIVE:
            current[0] += 1
        elif kind == DONE:
            outcome = outcome_of(a)
            self._latencies.append(b)
            if outcome > FALLBACK:
                current[3] += 1
            elif outcome == SUCCESS and not (self._deadline and b > self._deadline):
                current[2] += 1
        elif kind in (BEGIN, LEFT_QUEUE):
            self._queue -= 1

    def _p99(self) -> float | None:
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        return ordered[nearest_rank(99.0, len(ordered)) - 1] / 1e9

    def document(self) -> dict[str, Any]:
        """Columns of equal length; ``t`` is the beginning of each bin, seconds. The last bin may be incomplete."""
        bins = [*self._bins, (self._current, self._p99())]
        return {
            "bin": self.width / 1e9,
            "t": [index * self.width / 1e9 for index in range(len(bins))],
            "arrivals": [counts[0] for counts, _ in bins],
            "attempts_at_service": [counts[1] for counts, _ in bins],
            "succeeded": [counts[2] for counts, _ in bins],
            "failed": [counts[3] for counts, _ in bins],
            "queue": [counts[4] for counts, _ in bins],
            "p99": [p99 for _, p99 in bins],
        }
