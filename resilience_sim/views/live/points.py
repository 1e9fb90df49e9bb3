"""From binned history to the points of a chart: shares, percentiles, rates, each over a short look back.

Owns how much is looked back at, so that a chart is calm where requests are rare and sharp where they are many.
Refuses to draw. A point is half a column wide; points end at now.

What lies behind now does not change any more, so points are computed once and kept in the state's memo until the axis
or the bins change: a frame costs what is new, however long the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from resilience_sim.views.format import SECOND
from resilience_sim.views.live.axis import Axis
from resilience_sim.views.live.bins import BINS, percentiles
from resilience_sim.views.live.state import LiveFold

LEAST_CALLS = 8  # a point looks back until it has seen so many requests …
LONGEST_LOOK = 12  # … but over no more than this fraction of the chart

T = TypeVar("T")
Spans = list[tuple[int, int]]  # for each point the bins it covers, first and after-last


def _points(state: LiveFold, axis: Axis, name: str, compute: Callable[[Spans, int], T], look: int = 0) -> list[T]:
    """All points up to now: those behind it from the memo, the last ones fresh. ``look`` is part of what they mean."""
    width = state.bins.width
    total = axis.width * 2
    now_bin = min(BINS - 1, axis.now // width)
    spans: Spans = []
    for point in range(total):
        first = point * axis.horizon // total // width
        if first > now_bin:
            break
        spans.append((first, min(max(first + 1, (point + 1) * axis.horizon // total // width), now_bin + 1)))
    key = (total, axis.horizon, width, look)
    if state.memo.get(name, (None,))[0] != key:
        state.memo[name] = (key, [])
    settled: list[T] = state.memo[name][1]
    points = list(settled)
    for i in range(len(settled), len(spans)):
        value = compute(spans, i)
        points.append(value)
        if spans[i][1] <= now_bin and len(settled) == i:
            settled.append(value)
    return points


def success_points(state: LiveFold, axis: Axis) -> list[float | None]:
    """Share of requests that succeeded in time, by when they ended."""
    good, bad = state.bins.good, state.bins.bad
    longest = max(1, axis.width * 2 // LONGEST_LOOK)

    def compute(spans: Spans, i: int) -> float | None:
        g = b = 0
        for j in range(i, max(-1, i - longest), -1):
            first, last = spans[j]
            g += sum(good[first:last])
            b += sum(bad[first:last])
            if g + b >= LEAST_CALLS:
                break
        return g / (g + b) if g + b else None

    return _points(state, axis, "success", compute)


def latency_points(state: LiveFold, axis: Axis) -> tuple[list[float | None], list[float | None]]:
    """Median and 99th percentile of latencies, in ns."""
    longest = max(1, axis.width * 2 // LONGEST_LOOK)
    latencies = state.bins.latencies

    def compute(spans: Spans, i: int) -> tuple[float | None, float | None]:
        counts: dict[int, int] = {}
        seen = 0
        for j in range(i, max(-1, i - longest), -1):
            for index in range(*spans[j]):
                for key, number in (latencies[index] or {}).items():
                    counts[key] = counts.get(key, 0) + number
                    seen += number
            if seen >= LEAST_CALLS:
                break
        found = percentiles(counts, 0.5, 0.99)
        return (found[0], found[1]) if found else (None, None)

    pairs = _points(state, axis, "latency", compute)
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def rate_points(counts: list[int], name: str, state: LiveFold, axis: Axis) -> list[float | None]:
    """Events per second over a look back of a fortieth of the chart, or more where requests are rare."""
    width = state.bins.width
    reached = axis.width * 2 * axis.now // axis.horizon
    wanted = LEAST_CALLS / 2 * reached / max(1, state.arrived)
    back = max(1, axis.width * 2 // 40, min(round(wanted), axis.width * 2 // LONGEST_LOOK))

    def compute(spans: Spans, i: int) -> float | None:
        first, last = spans[max(0, i - back + 1)][0], spans[i][1]
        length = max(min(axis.now, last * width) - first * width, width)
        return sum(counts[first:last]) * SECOND / length

    return _points(state, axis, name, compute, back)
