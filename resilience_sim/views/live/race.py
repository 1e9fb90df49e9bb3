"""Several runs on one virtual clock: variants racing side by side, as one frame.

Columns where the screen is wide enough, else blocks one below the other. All runs share the time axis and the scales,
so that heights and positions can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resilience_sim.kernel import format as fmt
from resilience_sim.views.live.axis import Axis, axis_row
from resilience_sim.views.live.caption import caption_row
from resilience_sim.views.live.frame import (
    PlaybackStatus,
    all_lanes,
    axis_for,
    chart_rows,
    counter_rows,
    footer_row,
    header_row,
    lane_count,
)
from resilience_sim.views.live.lanes import change_rows, fault_rows
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.views.live.plots import STYLES as VALUE_STYLES
from resilience_sim.views.live.plots import (
    Points,
    goal,
    judge,
    latency_rows,
    load_rows,
    points_of,
    queue_rows,
    share_tops,
    success_rows,
)
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.text import Row, Sheet

LEAST_COLUMN = 44  # a column narrower than that cannot be read
GAP = 3


def race_frame(
    states: Sequence[LiveFold],
    clock: int,
    width: int,
    height: int,
    playback: PlaybackStatus | None = None,
    look: Look = UNICODE,
    title: str = "",
) -> Sheet:
    """The whole screen for several runs, exactly ``width`` x ``height``."""
    playback = playback or PlaybackStatus()
    horizon = max(state.horizon for state in states)
    for state in states:
        state.tick(0 if state.over else clock)
    leader = max(states, key=lambda state: state.clock)
    head = header_row(leader, title or leader.plan.name, playback, look, width)
    column = (width - GAP * (len(states) - 1)) // len(states)
    body = height - 2
    if column >= LEAST_COLUMN and height >= 20:
        rows = _columns(states, horizon, column, body, look)
    else:
        rows = _blocks(states, leader, horizon, width, body, look)
    rows = rows[:body]
    rows += [Row() for _ in range(body - len(rows))]
    return Sheet([head, *rows, footer_row(playback, look, width)], width, height)


def _all_points(states: Sequence[LiveFold], width: int, horizon: int) -> list[Points]:
    points = [points_of(state, axis_for(state, width, horizon)) for state in states]
    share_tops(points)
    return points


def _columns(states: Sequence[LiveFold], horizon: int, width: int, height: int, look: Look) -> list[Row]:
    """A column per run: faults, lanes, charts, counters."""
    points = _all_points(states, width, horizon)
    share = 8 if all(s.graph is None for s in states) else 3
    lanes = min(max((lane_count(s) for s in states), default=0), max(1, height // share))
    faults = min(2, max(1, len(states[0].plan.faults)))
    changing = any(state.plan.actions for state in states)
    charts = 3 if share == 8 else 2
    queues = any(state.workers for state in states) and charts == 3
    each = min(9, max(1, (height - 15 - lanes - faults - changing - queues) // charts))
    columns = []
    for state, its in zip(states, points, strict=True):
        axis = axis_for(state, width, horizon)
        rows = [_name_row(state, look, width), caption_row(state, look, width)]
        rows += fault_rows(state, axis, look, faults)
        rows += [Row() for _ in range(2 + faults - len(rows))]
        if changing:
            rows += change_rows(state, axis, look) or [axis.label("changes").add(look.track * axis.width, "faint")]
        rows += _lanes(state, axis, look, lanes)
        rows += chart_rows(state, its, axis, look, each)
        rows.append(axis_row(axis, look))
        rows += counter_rows(state, look, width, height - len(rows))
        columns.append(rows)
    merged = []
    for index in range(height):
        row = Row()
        for number, rows in enumerate(columns):
            if number:
                row.add(" " * GAP)
            start = row.width
            row.join(rows[index].to(width) if index < len(rows) else Row()).to(start + width)
        merged.append(row)
    return merged


def _blocks(
    states: Sequence[LiveFold], leader: LiveFold, horizon: int, width: int, height: int, look: Look
) -> list[Row]:
    """A block per run, one below the other on one time axis; faults stand once, on top."""
    points = _all_points(states, width, horizon)
    axis = axis_for(leader, width, horizon)
    top = fault_rows(leader, axis, look, 1)
    room = max(1, (height - len(top) - 1) // len(states))
    share = 4 if all(s.graph is None for s in states) else 2
    lanes = min(max(lane_count(s) for s in states), max(1, (room - 1) // share)) if room > 2 else 0
    rows = top
    for state, its in zip(states, points, strict=True):
        rows += _block(state, its, axis, lanes, width, room, look)
    rows.append(axis_row(axis, look))
    return rows


def _lanes(state: LiveFold, axis: Axis, look: Look, count: int) -> list[Row]:
    """Exactly ``count`` rows, so that the charts of all runs stand at the same height."""
    rows = all_lanes(state, axis, look, count)
    if count and not rows:
        rows.append(axis.label("breaker").add("none", "faint"))
    return rows + [Row() for _ in range(count - len(rows))]


def _block(state: LiveFold, points: Points, shared: Axis, lanes: int, width: int, room: int, look: Look) -> list[Row]:
    """One run in ``room`` rows: name and figures first, then what is happening, then as many charts as fit."""
    axis = replace(shared, now=state.clock)
    rows = [_name_row(state, look, width)]
    if room >= 6:
        rows.append(caption_row(state, look, width))
    rows += all_lanes(state, axis, look, lanes)
    if state.graph is not None:
        left = room - len(rows)
        rows += success_rows(state, points, axis, look, max(1, left // 2)) if left else []
        rows += latency_rows(state, points, axis, look, max(1, left // 2)) if left > 1 else []
        return (rows + [Row() for _ in range(room - len(rows))])[:room]
    queue = queue_rows(state, points, axis, look) if room - len(rows) >= 4 else []
    left = room - len(rows) - len(queue)
    each, extra = divmod(left, 3)
    if left >= 1:
        rows += success_rows(state, points, axis, look, each + (extra > 1) if each else 1)
    if left >= 2:
        rows += load_rows(state, points, axis, look, each + (extra > 0) if each else 1)
    rows += queue
    if left >= 3:
        rows += latency_rows(state, points, axis, look, each)
    rows += [Row() for _ in range(room - len(rows))]
    return rows[:room]


def _name_row(state: LiveFold, look: Look, width: int) -> Row:
    """A rule with the variant's name and how it stands."""
    share = state.succeeded / state.done if state.done else None
    style = VALUE_STYLES[judge(share, goal(state))] if share is not None else ""
    right = Row(fmt.share(share), f"{style}!" if style else "").add(" ok  ", "faint")
    right.add(fmt.factor(state.attempts / state.arrived if state.arrived else None)).add(" attempts", "faint")
    if state.crashes:
        right.add(f"  {fmt.plural(state.crashes, 'crash', 'crashes')}", "bad!")
    if state.duplicates:
        right.add(f"  {fmt.plural(state.duplicates, 'duplicate')}", "bad!")
    if state.over:
        right.add("  over", "faint")
    row = Row(f"{look.rule * 2} ", "faint").add(state.name, "title").add(" ")
    row.to(min(row.width, max(4, width - right.width - 2)))
    row.add(look.rule * max(0, width - row.width - right.width - 1), "faint")
    return row.add(" ").join(right).to(width)
