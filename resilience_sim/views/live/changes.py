"""The time axis' row of marks: the instants at which the scenario changes its own settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resilience_sim.views.live.axis import Axis
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row

if TYPE_CHECKING:
    from resilience_sim.views.live.state import LiveFold


def change_rows(state: LiveFold, axis: Axis, look: Look) -> list[Row]:
    """A row with a mark for every instant at which something changes, done or to come; none without changes."""
    times = sorted({action.t for action in state.plan.actions if action.t <= axis.horizon})
    if not times:
        return []
    row = axis.label("changes")
    marks = {axis.column(t): t <= state.clock for t in reversed(times)}
    x = 0
    for column in sorted(marks):
        row.add(look.track * (column - x), "faint").add(look.now, "odd!" if marks[column] else "faint")
        x = column + 1
    row.add(look.track * (axis.width - x), "faint")
    done = sum(t <= state.clock for t in times)
    return [row.add(f" {done} of {len(times)}", "faint")]
