"""Pictures of the cockpit, made of the same rows as the screen, without a terminal.

Owns putting the panels of an arrangement together. Refuses to own how rows become SVG (views/svg.py).
"""

from __future__ import annotations

from resilience_sim.play.app import Cockpit
from resilience_sim.play.layout import Rect, arrange
from resilience_sim.views.svg import svg_of_rows
from resilience_sim.views.text import Row


def rows_of(app: Cockpit, width: int, height: int) -> list[Row]:
    """The whole screen, as rows."""
    places = arrange(width, height, app.tab, app.session.fork is not None, app.guide is not None)
    built: list[tuple[Rect, list[Row]]] = []
    for name, build in app.painting.builds():
        if name in places:
            rect = places[name]
            built.append((rect, [row.to(rect.width) for row in list(build(rect.width, rect.height))[: rect.height]]))
    screen = []
    for y in range(height):
        row = Row()
        for rect, rows in sorted(built, key=lambda pair: pair[0].x):
            if rect.y <= y < rect.y + rect.height and y - rect.y < len(rows):
                row.to(max(row.width, rect.x)).join(rows[y - rect.y])
        screen.append(row.to(width))
    return screen


def svg(app: Cockpit, width: int = 140, height: int = 42) -> str:
    """A window with the cockpit as it stands."""
    return svg_of_rows(rows_of(app, width, height), width, f"resim play {app.session.run.source.plan.name}")
