"""One run as one frame: a pure function of state, width and height.

Owns which sections a screen of a given size gets and how many rows each. Refuses to own how a section looks
(lanes.py, plots.py, stream.py, panels.py), to pace and to write to a terminal (driver.py).
"""

from __future__ import annotations

from resilience_sim.views.live.axis import Axis, axis_row
from resilience_sim.views.live.changes import change_rows
from resilience_sim.views.live.lanes import breaker_row, client_row, fault_rows
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.views.live.panels import (
    Surroundings,
    counter_lines,
    counter_rows,
    footer_row,
    header_row,
    note_rows,
)
from resilience_sim.views.live.plots import Points, latency_rows, load_rows, points_of, success_rows
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.live.stream import stream_rows, stream_title
from resilience_sim.views.text import Row, Sheet

WIDE = 110  # columns from which counters stand beside the stream
SIDE = 34  # columns of that panel


def axis_for(state: LiveFold, width: int, horizon: int = 0) -> Axis:
    """The time axis of a frame (or of a block) of some width."""
    left = 10 if width < WIDE else 12
    right = 16 if width < WIDE else 18
    if width < 60:
        left, right = 10, 11
    return Axis(left, max(4, width - left - right), right, max(1, horizon or state.horizon), state.clock)


def lane_rows(state: LiveFold, axis: Axis, look: Look, most: int) -> list[Row]:
    """Breakers and crashed clients, at most so many; instances that crashed come first."""
    rows = [client_row(state, lane, axis, look) for lane in state.clients.values()]
    rows += [breaker_row(state, lane, axis, look) for lane in state.breakers.values()]
    return rows[:most]


def chart_rows(state: LiveFold, points: Points, axis: Axis, look: Look, each: int) -> list[Row]:
    """The three charts, each ``each`` rows."""
    return [
        *success_rows(state, points, axis, look, each),
        *latency_rows(state, points, axis, look, each),
        *load_rows(state, points, axis, look, each),
    ]


def frame(
    state: LiveFold, width: int, height: int, around: Surroundings | None = None, look: Look = UNICODE, title: str = ""
) -> Sheet:
    """The whole screen for one run, exactly ``width`` x ``height``."""
    around = around or Surroundings()
    axis = axis_for(state, width)
    each = min(6, max(1, (height - 10) // 7))
    rows = [header_row(state, title or state.name, around, look, width)]
    rows += fault_rows(state, axis, look, max(1, (height - 16) // 6))
    rows += change_rows(state, axis, look)
    rows += lane_rows(state, axis, look, max(1, (height - 14) // 5))
    rows += chart_rows(state, points_of(state, axis), axis, look, each)
    rows.append(axis_row(axis, look))
    left = height - len(rows) - 1
    rows += _wide_bottom(state, look, width, left) if width >= WIDE else _narrow_bottom(state, look, width, left)
    rows = rows[: height - 1]
    rows += [Row() for _ in range(height - 1 - len(rows))]
    return Sheet([*rows, footer_row(around, look, width)], width, height)


def _narrow_bottom(state: LiveFold, look: Look, width: int, height: int) -> list[Row]:
    """Stream, one note, counters in lines."""
    notes = note_rows(state, look, width, 1 if height >= 6 else 0)
    counters = counter_lines(state, look, width, 2 if height >= 7 else 1)
    room = max(0, height - 1 - len(notes) - len(counters))
    stream = stream_rows(state, look, width, room)
    stream += [Row() for _ in range(room - len(stream))]
    return [stream_title(state, look, width), *stream, *notes, *counters]


def _wide_bottom(state: LiveFold, look: Look, width: int, height: int) -> list[Row]:
    """Stream on the left, counters on the right, the last notes below both."""
    left = width - SIDE - 2
    notes = note_rows(state, look, width, min(4, max(0, height - 12)))
    below = [_title("what changed", look, width), *notes] if notes else []
    height -= len(below)
    stream = [stream_title(state, look, left), *stream_rows(state, look, left, height - 1)]
    side = [_title("counters", look, SIDE), *counter_rows(state, look, SIDE, max(0, height - 1))]
    rows = []
    for index in range(height):
        row = stream[index] if index < len(stream) else Row()
        rows.append(row.to(left).add("  ").join(side[index] if index < len(side) else Row()).to(width))
    return rows + below


def _title(text: str, look: Look, width: int) -> Row:
    row = Row(f"{look.rule * 2} ", "faint").add(text, "strong").add(" ")
    return row.add(look.rule * (width - row.width), "faint")
