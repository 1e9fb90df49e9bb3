"""What the scenario itself changes while it runs, on the time axis and in words.

Owns the row of marks and whose words belong to an ACTION event. Refuses what somebody does by hand: there is no hand in
this view, and the cockpit has a log of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resilience_sim.scenario.plan import Plan
from resilience_sim.views.live.axis import Axis
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row

if TYPE_CHECKING:
    from resilience_sim.views.live.state import LiveFold


def words_by_instant(plan: Plan) -> dict[int, list[str]]:
    """The words of every change, in order; the plan's own come first at their instant."""
    if not plan.actions:
        return {}
    from resilience_sim.views.deeds import all_deeds

    found: dict[int, list[str]] = {}
    for deed in all_deeds(plan):
        found.setdefault(deed.t, []).append(deed.words)
    return found


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
