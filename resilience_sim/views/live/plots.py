"""The charts of a frame: success, load on B, its queue, latency; each on the time axis with its figures at the end.

The points come from binned history: shares, percentiles and rates, each over a short look back, so that a chart is calm
where requests are rare and sharp where they are many. A point is half a column wide; points end at now. What lies
behind now does not change any more, so points are computed once and kept in the state's memo until the axis or the bins
change: a frame costs what is new, however long the run. Without colour nothing is lost: every colour only repeats what
height or a figure says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.format import SECOND
from resilience_sim.views import charts
from resilience_sim.views.live.axis import Axis, rounded_up
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.state import BINS, LiveFold, percentiles
from resilience_sim.views.text import Row

LEAST_CALLS = 8  # a point looks back until it has seen this many requests …
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


def queue_points(state: LiveFold, axis: Axis) -> list[float | None]:
    """The longest queue at B in each point's time."""
    counts = state.bins.queue
    points = _points(state, axis, "queue", lambda spans, i: float(max(counts[slice(*spans[i])], default=0)))
    if points and state.queue:
        points[-1] = max(points[-1], float(state.queue))
    return [*points]


STYLES = ("", "good", "odd", "bad", "calm", "note", "faint")
NONE, GOOD, ODD, BAD, CALM, NOTE, FAINT = range(7)
AMPLIFIED = 1.3  # attempts per request from which the load is coloured as amplified
DEFAULT_GOAL = 0.99


@dataclass(slots=True)
class Points:
    """What a run's charts show, computed once a frame; tops are shared by all runs of a race."""

    success: list[float | None]
    p50: list[float | None]
    p99: list[float | None]
    sent: list[float | None]
    again: list[float | None]
    arrivals: list[float | None]
    queue: list[float | None]
    latency_top: float = 0.0
    load_top: float = 0.0
    queue_top: float = 0.0


def points_of(state: LiveFold, axis: Axis) -> Points:
    """All points of a run, with its own tops."""
    p50, p99 = latency_points(state, axis)
    sent = rate_points(state.bins.sent, "sent", state, axis)
    again = rate_points(state.bins.again, "again", state, axis)
    arrivals = rate_points(state.bins.arrivals, "arrivals", state, axis)
    queue = queue_points(state, axis) if state.workers else []
    points = Points(success_points(state, axis), p50, p99, sent, again, arrivals, queue)
    points.latency_top = rounded_up(max((v for v in p99 if v is not None), default=0.0))
    highest = max((v for v in (*sent, *points.arrivals) if v is not None), default=0.0)
    if 0 < state.capacity < 4 * highest:
        highest = max(highest, state.capacity * 1.05)
    points.load_top = rounded_up(highest)
    points.queue_top = max((v for v in queue if v is not None), default=0.0)
    return points


def share_tops(all_points: list[Points]) -> None:
    """Give all runs of a race the same scales: heights can then be compared by eye."""
    latency = max(points.latency_top for points in all_points)
    load = max(points.load_top for points in all_points)
    queue = max(points.queue_top for points in all_points)
    for points in all_points:
        points.latency_top, points.load_top, points.queue_top = latency, load, queue


def goal(state: LiveFold) -> float:
    """The availability from which the success chart is green: the user's own expectation where there is one."""
    for expectation in state.plan.expect:
        wanted = expectation.metric == "availability" and expectation.op in (">", ">=") and not expectation.shows
        if wanted and expectation.scope.whole:
            return expectation.limit
    return DEFAULT_GOAL


def judge(value: float, wanted: float) -> int:
    """Good from the goal on, odd while at least four fifths of it, else bad."""
    return GOOD if value >= wanted else ODD if value >= 0.8 * wanted else BAD


def success_rows(state: LiveFold, points: Points, axis: Axis, look: Look, rows: int) -> list[Row]:
    """The share of requests that ended in success, in time."""
    wanted = goal(state)
    columns = _by_column(points.success, axis, lowest=True)
    kinds = [NONE if v is None else judge(v, wanted) for v in columns]
    drawn = [v if v is None else max(v, 0.25 / rows / 2) for v in points.success]
    chart = charts.area(_filled(drawn, axis), 1.0, rows, look.ascii_only)
    latest = _latest(points.success)
    figures = [Row(fmt.share(latest), STYLES[NONE if latest is None else judge(latest, wanted)])]
    if state.done:
        figures.append(Row(f"all {fmt.share(state.succeeded / state.done)}", "faint"))
    return _assemble(axis, ["success", "0-100%"], chart, [kinds] * rows, figures)


def latency_rows(state: LiveFold, points: Points, axis: Axis, look: Look, rows: int) -> list[Row]:
    """Latency of successes: median as an area, 99th percentile as a line above it."""
    top = points.latency_top
    below = charts.area(_filled(points.p50, axis), top, rows, look.ascii_only)
    above = charts.line(_filled(points.p99, axis), top, rows, look.ascii_only)
    p50 = charts.heights(_by_column(points.p50, axis), top, rows)
    kinds = []
    for row in reversed(range(rows)):
        kinds.append([CALM if height > 4 * row else NOTE for height in p50])
    middle, high = _latest(points.p50), _latest(points.p99)
    figures = [
        Row("p99 ", "faint").add(look.rule if high is None else _two(high), _in_time(state, "p99", high, "note")),
        Row("p50 ", "faint").add(look.rule if middle is None else _two(middle), _in_time(state, "p50", middle, "calm")),
    ]
    return _assemble(axis, ["latency ok", f"scale {_two(top)}"], charts.overlay(below, above), kinds, figures)


def _in_time(state: LiveFold, name: str, ns: float | None, otherwise: str) -> str:
    """The style of a latency: good or bad where the user's own expectation says what it is to be."""
    for expectation in state.plan.expect:
        wanted = expectation.metric in (name, f"{name}_success") and expectation.op in ("<", "<=")
        if wanted and expectation.scope.whole and not expectation.shows and ns is not None:
            return STYLES[GOOD if ns / fmt.SECOND <= expectation.limit else BAD]
    return otherwise


def load_rows(state: LiveFold, points: Points, axis: Axis, look: Look, rows: int) -> list[Row]:
    """Attempts aimed at B per second: first tries, retries dotted on top of them; B's capacity as a dashed line."""
    top = points.load_top
    pairs = zip(points.sent, points.again, strict=True)
    first = [sent if sent is None or again is None else sent - again for sent, again in pairs]
    chart = charts.stacked(_filled(first, axis), _filled(points.sent, axis), top, rows, look.ascii_only)
    sent, lower = _by_column(points.sent, axis), _by_column(first, axis)
    heights = charts.heights(lower, top, rows)
    over = [attempts is not None and 0 < state.capacity < attempts for attempts in sent]
    kinds = [
        [
            NONE if h < 0 else CALM if h > 4 * row else BAD if much else ODD
            for h, much in zip(heights, over, strict=True)
        ]
        for row in reversed(range(rows))
    ]
    if 0 < state.capacity <= top:
        _capacity_line(chart, kinds, round(state.capacity / top * rows * 4), rows, axis, look)
    return _assemble(
        axis, ["load on B", *_scales(state, points, axis)], chart, kinds, _load_figures(state, points, look)
    )


def _scales(state: LiveFold, points: Points, axis: Axis) -> list[str]:
    scale = f"scale {fmt.rate(points.load_top)}"
    if not state.capacity:
        return [scale]
    rate = fmt.rate(float(f"{state.capacity:.3g}"))
    return [f"capacity {rate}" if len(rate) + 9 < axis.left else f"cap. {rate}", scale]


def _load_figures(state: LiveFold, points: Points, look: Look) -> list[Row]:
    sent, again = _latest(points.sent), _latest(points.again)
    if sent is None or again is None:
        return [Row(look.rule)]
    style = "bad" if 0 < state.capacity < sent else "odd" if again > (AMPLIFIED - 1) * sent > 0 else "calm"
    figures = [Row(f"{_two_digits(sent)}/s", style)]
    if state.retries:
        figures.append(Row(f"{look.again} ", "odd").add("retries ", "faint").add(f"{_two_digits(again)}/s"))
        figures.append(Row(f"{look.first} ", "calm").add("first ", "faint").add(f"{_two_digits(sent - again)}/s"))
    if not state.workers:
        figures.append(Row("in work ", "faint").add(fmt.short_count(state.busy)))
    return figures


def queue_rows(state: LiveFold, points: Points, axis: Axis, look: Look, rows: int = 1) -> list[Row]:
    """How many attempts wait at B, and how many of its workers are busy; nothing where workers are unlimited."""
    if not state.workers:
        return []
    chart = charts.area(_filled(points.queue, axis), points.queue_top, rows, look.ascii_only)
    full = state.busy >= state.workers
    figures = [
        Row(fmt.short_count(state.queue), "bad!" if state.queue else "")
        .add(" busy ", "faint")
        .add(f"{fmt.short_count(state.busy)}/{fmt.short_count(state.workers)}", "bad" if full else "")
    ]
    scale = f"scale {fmt.short_count(round(points.queue_top))}"
    return _assemble(axis, ["queue", scale], chart, [[BAD] * axis.width] * rows, figures)


def _capacity_line(chart: list[str], kinds: list[list[int]], height: int, rows: int, axis: Axis, look: Look) -> None:
    row = rows - 1 - min(rows - 1, max(0, height - 1) // 4)
    text = list(chart[row])
    for column in range(axis.width):
        if text[column] == " ":
            text[column] = look.limit
            kinds[row][column] = FAINT
    chart[row] = "".join(text)


def _assemble(axis: Axis, labels: list[str], chart: list[str], kinds: list[list[int]], figures: list[Row]) -> list[Row]:
    """Label, coloured chart and figures side by side; a chart of one row gets all its figures on that row."""
    assembled = []
    for index, text in enumerate(chart):
        row = axis.label(labels[index] if index < len(labels) else "", "strong" if index == 0 else "faint")
        for piece, kind in charts.runs(text, kinds[index]):
            row.add(piece, STYLES[kind])
        row.add(" ")
        if len(chart) == 1:
            for figure in figures:
                if row.width + figure.width <= axis.left + axis.width + axis.right:
                    row.join(figure).add(" ")
        elif index < len(figures):
            row.join(figures[index])
        assembled.append(row.to(axis.left + axis.width + axis.right))
    return assembled


def _filled(points: list[float | None], axis: Axis) -> list[float | None]:
    return points + [None] * (2 * axis.width - len(points))


def _by_column(points: list[float | None], axis: Axis, lowest: bool = False) -> list[float | None]:
    """One value a column: the higher (or lower) of its two points."""
    full = _filled(points, axis)
    columns: list[float | None] = []
    for i in range(0, len(full), 2):
        known = [v for v in full[i : i + 2] if v is not None]
        columns.append((min(known) if lowest else max(known)) if known else None)
    return columns


def _latest(points: list[float | None]) -> float | None:
    return points[-1] if points else None


def _two(ns: float) -> str:
    return fmt.duration(float(f"{ns:.2g}"))


def _two_digits(value: float) -> str:
    return fmt.count(round(value)) if value >= 10 else f"{value:.2g}"
