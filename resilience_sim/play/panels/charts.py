"""The charts: faults, breakers, success, latency and load on B over one time axis (drawn by views/live/)."""

from __future__ import annotations

from resilience_sim.play.run import Run
from resilience_sim.views.live.axis import axis_row
from resilience_sim.views.live.frame import all_lanes, axis_for, chart_height, chart_rows, lane_count
from resilience_sim.views.live.lanes import fault_rows
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.plots import Points, points_of
from resilience_sim.views.live.service_rows import near_service_rows
from resilience_sim.views.text import Row


def charts_rows(
    run: Run,
    look: Look,
    width: int,
    height: int,
    horizon: int = 0,
    points: Points | None = None,
    like: tuple[int, int] = (0, 0),
) -> list[Row]:
    """Exactly as many rows as fit, the axis at the bottom.

    ``like``: the least number of rows for faults and for lanes, so that two runs side by side line up.
    """
    view = run.view
    axis = axis_for(view, width, horizon)
    share = 6 if view.graph is None else 2
    lanes = min(max(like[1], lane_count(view)), max(1, height // share))
    faults = max(1, min(max(like[0], len(view.plan.faults)), height // 8))
    rows = _filled(fault_rows(view, axis, look, faults), faults if like[0] else 0)
    rows += _filled(all_lanes(view, axis, look, lanes), lanes if like[1] else 0)
    each = chart_height(view, height - len(rows) - 1, 14)
    rows += chart_rows(view, points or points_of(view, axis), axis, look, each)
    rows = rows[: height - 1]
    return [*rows, axis_row(axis, look)]


def _filled(rows: list[Row], least: int) -> list[Row]:
    return rows + [Row() for _ in range(least - len(rows))]


def near_charts(run: Run, place: str, look: Look, width: int, height: int) -> list[Row]:
    """One service of several over time: its health, then how its callers fared, its load and its queue."""
    axis = axis_for(run.view, width)
    faults = max(1, min(len(run.view.plan.faults), height // 8))
    rows = fault_rows(run.view, axis, look, faults)
    rows += near_service_rows(run.view, place, axis, look, height - len(rows) - 1)
    return [*rows[: height - 1], axis_row(axis, look)]
