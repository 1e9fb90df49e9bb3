"""The tour's panel: what to watch, the question, and the answer once its event has come.

Owns that text's layout. Refuses to know when an answer is due (tour.py).
"""

from __future__ import annotations

from resilience_sim.play.panels.parts import titled
from resilience_sim.play.tour import Guide
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row, wrap


def tour_rows(guide: Guide, look: Look, width: int, height: int) -> list[Row]:
    """At most ``height`` rows; the answer is never cut for what came before it."""
    tour, step = guide.tour, guide.step
    rows = [titled(f"tour: {tour.title}", look, width, f"step {guide.at + 1} of {len(tour.steps)}", True)]
    key = Row(" j", "key")
    if guide.done:
        return [
            *rows,
            *wrap(
                Row(" The tour is over; the run is yours. ", "good!").add("?", "key").add(" shows every key.", "faint"),
                width,
            ),
        ]
    last = guide.at + 1 == len(tour.steps)
    body: list[Row] = []
    if not guide.told:
        body += wrap(Row(" ", hang=1).add(step.watch), width - 1)
        if step.ask:
            body += wrap(Row(" ", hang=1).add(step.ask, "odd!"), width - 1)
    else:
        if step.ask:
            body += wrap(Row(" ", hang=1).add(step.ask, "odd"), width - 1)[:1]
        body += wrap(Row(" ", hang=1).add(step.answer and guide.told, "good!"), width - 1)
    if guide.waiting:
        key.add(" goes on when you have paused; the run stops with the event that answers", "faint")
    elif step.until and not guide.told:
        key.add(" lets the run go on until it shows", "faint")
    else:
        key.add(" ends the tour" if last else " goes on", "faint")
    body = body[: max(0, height - 2)]
    body += [Row() for _ in range(height - 2 - len(body))]
    return [*rows, *body, key]
