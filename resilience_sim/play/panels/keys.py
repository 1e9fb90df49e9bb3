"""The footer: keys that can be pressed or clicked, as many as there is room for.

Owns their layout. Refuses to know what they do (commands.py).
"""

from __future__ import annotations

from resilience_sim.play.commands import FOOTER, command
from resilience_sim.play.session import Session
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row

Place = tuple[int, int, int, str]  # row, first column, after-last column, command


def keys_rows(
    session: Session, look: Look, width: int, height: int, tour: bool = False
) -> tuple[list[Row], list[Place]]:
    """The rows, and where each command stands in them."""
    rows, places = [Row(" ")], []
    for id in (("tour_next",) if tour else ()) + FOOTER:
        each = command(id)
        if (id == "drop_fork") != (session.fork is not None) and id in ("drop_fork",):
            continue
        label = "go on" if id == "pause" and session.paused else each.label
        piece = Row(each.shown, "key").add(f" {label}", "faint")
        row = rows[-1]
        if row.width + piece.width + 1 > width:
            if len(rows) == height:
                continue  # a shorter one may still fit
            rows.append(Row(" "))
            row = rows[-1]
        places.append((len(rows) - 1, row.width, row.width + piece.width, id))
        row.join(piece).add("  ")
    return [row.to(width) for row in rows], places


def help_rows(width: int) -> list[Row]:
    """Every key, by group."""
    from resilience_sim.play.commands import COMMANDS

    rows: list[Row] = []
    group = ""
    for each in COMMANDS:
        if each.group != group:
            group = each.group
            rows += [Row(), Row(group, "title")] if rows else [Row(group, "title")]
        keys = each.shown if each.id not in ("to_live",) else "end l"
        rows.append(Row("  ").add(keys, "key").to(10).add(each.about).to(width))
    return [*rows, Row(), Row("  ").add("^p", "key").to(10).add("Every command by name")]
