"""The rows that share the frame's time axis: faults, breaker lanes, charts, the axis itself.

Owns mapping virtual time to columns: all rows of an :class:`Axis` line up, so that cause stands above effect. Pure
functions of state and axis. Refuses to lay out the frame (frame.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.views import charts
from resilience_sim.views import format as fmt
from resilience_sim.views.live.bins import BINS, Lane, percentiles
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.text import Row
from resilience_sim.views.words import fault_words, printable, state_name
from resilience_sim.world.config import FaultConfig

STATE_STYLES = ("good", "bad", "odd")
LEAST_CALLS = 8  # a point of a chart looks back until it has seen so many requests …
LONGEST_LOOK = 12  # … but over no more than this fraction of the chart


@dataclass(frozen=True, slots=True)
class Axis:
    """Virtual time from 0 to ``horizon`` on columns ``left`` to ``left + width``."""

    left: int
    width: int
    right: int  # columns for the figure at the end of a row
    horizon: int
    now: int

    def column(self, t: int) -> int:
        """The column of an instant, counted from the axis's left end."""
        return min(self.width - 1, max(0, t * self.width // self.horizon))

    def label(self, text: str, style: str = "faint") -> Row:
        """A row that begins with its label."""
        return Row(printable(text)[: self.left - 1], style).to(self.left)


# --- faults -------------------------------------------------------------------------------------------------------


def fault_rows(state: LiveFold, axis: Axis, look: Look, most: int) -> list[Row]:
    """Faults on as few rows as hold them without overlap, at most ``most``; ahead of now they are only sketched."""
    packed: list[list[tuple[int, FaultConfig]]] = []
    for item in sorted(enumerate(state.plan.faults), key=lambda pair: pair[1].at):
        for row in packed:
            last = row[-1][1]
            if axis.column(last.at + last.duration) < axis.column(item[1].at):
                row.append(item)
                break
        else:
            packed.append([item])
    if not packed:
        return [axis.label("faults").add(look.track * axis.width, "faint").add(" none", "faint")]
    return [
        _fault_row(
            state, axis, look, row, "faults" if n == 0 else "", n == 0, len(packed) - most if n == most - 1 else 0
        )
        for n, row in enumerate(packed[:most])
    ]


def _fault_row(
    state: LiveFold, axis: Axis, look: Look, faults: list[tuple[int, FaultConfig]], label: str, first: bool, more: int
) -> Row:
    row = axis.label(label)
    x = 0
    for index, fault in faults:
        start = max(x, axis.column(fault.at))
        end = max(start + 1, axis.column(min(fault.at + fault.duration, axis.horizon)) + 1)
        row.add(look.track * (start - x), "faint")
        reached = min(end, max(start, axis.column(state.clock) + 1)) if fault.at <= state.clock else start
        on = index in state.faults_on
        text = f" {printable(fault.id)}: {fault_words(fault)} "
        if len(text) > end - start - 2:
            text = f" {printable(fault.id)} "
        text = text if len(text) <= end - start - 2 else ""
        body = look.fault * (reached - start) + look.fault_ahead * (end - reached)
        if text:
            body = body[0] + text + body[len(text) + 1 :]
        split = reached - start
        row.add(body[:split], "bad" if on else "odd").add(body[split:], "faint")
        x = end
    row.add(look.track * (axis.width - x), "faint")
    on_now = [printable(state.plan.faults[i].id) for i in sorted(state.faults_on)]
    if first and on_now:
        row.add(" ").add(", ".join(on_now) + " ON", "bad!")
    elif more > 0:
        row.add(f" {more} more rows", "faint")
    return row


# --- lanes of states ----------------------------------------------------------------------------------------------


def lane_states(lane: Lane, axis: Axis, width: int) -> list[int]:
    """The state to show in each column up to now: one entered in it (HALF-OPEN first), else the one that holds."""
    shown = []
    state = 0
    now = axis.column(axis.now)
    entered_by: dict[int, int] = {}
    last_by: dict[int, int] = {}
    for index in sorted(lane.entered):
        column = axis.column(index * width + width // 2)
        entered_by[column] = entered_by.get(column, 0) | lane.entered[index]
        last_by[column] = lane.last[index]
    for column in range(axis.width):
        if column > now:
            shown.append(-1)
            continue
        entered = entered_by.get(column, 0)
        shown.append(2 if entered & 4 else 1 if entered & 2 or (entered and state == 1) else state)
        state = last_by.get(column, state)
    if lane.state and now < axis.width:
        shown[now] = lane.state
    return shown


def breaker_row(state: LiveFold, lane: Lane, axis: Axis, look: Look) -> Row:
    """One breaker: its states over time, then its state now and how often it opened."""
    row = axis.label(lane.name)
    states = lane_states(lane, axis, state.bins.width)
    for piece, kind in charts.runs(charts.lane(states, look.states), states):
        row.add(piece, STATE_STYLES[kind] if kind >= 0 else "")
    row.add(" ").add(state_name(lane.state), STATE_STYLES[lane.state] + "!")
    return row.add(f" {look.times}{lane.opened}" if lane.opened else "", "faint")


def client_row(state: LiveFold, lane: Lane, axis: Axis, look: Look) -> Row:
    """A client instance that crashed at least once: when it was down."""
    row = axis.label(lane.name)
    states = lane_states(lane, axis, state.bins.width)
    for piece, kind in charts.runs(charts.lane(states, (*look.up_down, look.states[2])), states):
        row.add(piece, ("good", "bad", "odd")[kind] if kind >= 0 else "")
    row.add(" ").add("CRASHED" if lane.state else "up again", "bad!" if lane.state else "good!")
    return row.add(f" {look.times}{lane.opened}", "faint")


# --- charts -------------------------------------------------------------------------------------------------------


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
    """Events per second over a look back of a fortieth of the chart."""
    spans = _spans(state, axis)
    back = max(1, axis.width * 2 // 40)
    points: list[float | None] = []
    for i in range(len(spans)):
        first, last = spans[max(0, i - back + 1)][0], spans[i][1]
        length = max(1, min(axis.now, last * state.bins.width) - first * state.bins.width)
        points.append(sum(counts[first:last]) * fmt.SECOND / max(length, state.bins.width))
    return points


def rounded_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 8 times a power of ten: a calm top for a chart."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(f"{value:.0f}") - 1) if value >= 1 else 1e-9
    while power * 10 <= value:
        power *= 10
    return next(digit * power for digit in (1, 1.5, 2, 3, 5, 8, 10) if digit * power >= value * 0.999)


def axis_row(axis: Axis, look: Look) -> Row:
    """Where the time is: a few ticks with their instants, and "now"."""
    marks = [look.rule] * axis.width
    step = rounded_up(axis.horizon / max(2, axis.width // 14))
    t = 0.0
    while t < axis.horizon:
        x = axis.column(int(t))
        text = look.tick + fmt.instant(int(t))
        if x + len(text) < axis.width:
            marks[x : x + len(text)] = text
        t += step
    line = "".join(marks)
    x = axis.column(axis.now)
    text = f"{look.now} now" if x + 6 <= axis.width else f"now {look.now}"
    start = x if x + 6 <= axis.width else max(0, x - len(text) + 1)
    row = axis.label("")
    return row.add(line[:start], "faint").add(text, "calm!").add(line[start + len(text) :], "faint")
