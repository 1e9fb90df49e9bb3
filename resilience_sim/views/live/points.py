"""From binned history to the points of a chart: shares, percentiles, rates, each over a short look back.

Owns how much is looked back at, so that a chart is calm where requests are rare and sharp where they are many.
Refuses to draw. A point is half a column wide; points end at now.
"""

from __future__ import annotations

from resilience_sim.views.format import SECOND
from resilience_sim.views.live.axis import Axis
from resilience_sim.views.live.bins import BINS, percentiles
from resilience_sim.views.live.state import LiveFold

LEAST_CALLS = 8  # a point looks back until it has seen so many requests …
LONGEST_LOOK = 12  # … but over no more than this fraction of the chart


def _spans(state: LiveFold, axis: Axis) -> list[tuple[int, int]]:
    """For each half column up to now: the bins it covers, first and after-last."""
    points = axis.width * 2
    width = state.bins.width
    now_bin = min(BINS - 1, axis.now // width)
    spans = []
    for point in range(points):
        first = point * axis.horizon // points // width
        if first > now_bin:
            break
        last = max(first + 1, (point + 1) * axis.horizon // points // width)
        spans.append((first, min(last, now_bin + 1)))
    return spans


def success_points(state: LiveFold, axis: Axis) -> list[float | None]:
    """Share of requests that succeeded in time, by when they ended, over a short look back."""
    good, bad = state.bins.good, state.bins.bad
    spans = _spans(state, axis)
    longest = max(1, axis.width * 2 // LONGEST_LOOK)
    points: list[float | None] = []
    for i in range(len(spans)):
        g = b = 0
        for j in range(i, max(-1, i - longest), -1):
            first, last = spans[j]
            g += sum(good[first:last])
            b += sum(bad[first:last])
            if g + b >= LEAST_CALLS:
                break
        points.append(g / (g + b) if g + b else None)
    return points


def latency_points(state: LiveFold, axis: Axis) -> tuple[list[float | None], list[float | None]]:
    """Median and 99th percentile of latencies over a short look back, in ns."""
    spans = _spans(state, axis)
    longest = max(1, axis.width * 2 // LONGEST_LOOK)
    p50s: list[float | None] = []
    p99s: list[float | None] = []
    for i in range(len(spans)):
        counts: dict[int, int] = {}
        seen = 0
        for j in range(i, max(-1, i - longest), -1):
            for index in range(*spans[j]):
                for key, number in (state.bins.latencies[index] or {}).items():
                    counts[key] = counts.get(key, 0) + number
                    seen += number
            if seen >= LEAST_CALLS:
                break
        found = percentiles(counts, 0.5, 0.99)
        p50s.append(found[0] if found else None)
        p99s.append(found[1] if found else None)
    return p50s, p99s


def rate_points(counts: list[int], state: LiveFold, axis: Axis) -> list[float | None]:
    """Events per second over a look back of a fortieth of the chart, or more where requests are rare."""
    spans = _spans(state, axis)
    wanted = LEAST_CALLS / 2 * len(spans) / max(1, state.arrived)
    back = max(1, axis.width * 2 // 40, min(round(wanted), axis.width * 2 // LONGEST_LOOK))
    points: list[float | None] = []
    for i in range(len(spans)):
        first, last = spans[max(0, i - back + 1)][0], spans[i][1]
        length = max(1, min(axis.now, last * state.bins.width) - first * state.bins.width)
        points.append(sum(counts[first:last]) * SECOND / max(length, state.bins.width))
    return points
