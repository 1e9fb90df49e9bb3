"""The footer: keys that can be pressed or clicked, as many as there is room for.

Owns their layout. Refuses to know what they do (commands.py).
"""

from __future__ import annotations

from resilience_sim.play.commands import FOOTER, PINNED, command
from resilience_sim.play.session import Session
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row

Place = tuple[int, int, int, str]  # row, first column, after-last column, command


def keys_rows(
    session: Session, look: Look, width: int, height: int, tour: bool = False
) -> tuple[list[Row], list[Place]]:
    """The rows, and where each command stands in them; how to find all of them is at the end of the last row."""
    pinned = [_piece(id, session) for id in PINNED]
    reserved = sum(piece.width + 2 for piece in pinned)
    rows, places = [Row(" ")], []
    for id in shown(session, tour):
        piece = _piece(id, session)
        row = rows[-1]
        if row.width + piece.width + 1 > width - (reserved if len(rows) == height else 0):
            if len(rows) == height:
                continue  # a shorter one may still fit
            rows.append(Row(" "))
            row = rows[-1]
        places.append((len(rows) - 1, row.width, row.width + piece.width, id))
        row.join(piece).add("  ")
    if reserved <= width:
        last = rows[-1].to(width - reserved + 1)
        for id, piece in zip(PINNED, pinned, strict=True):
            places.append((len(rows) - 1, last.width, last.width + piece.width, id))
            last.join(piece).add("  ")
    return [row.to(width) for row in rows], places


def shown(session: Session, tour: bool) -> list[str]:
    """Which commands, in order: what the moment asks for stands in front."""
    now = ["tour_next"] if tour else []
    if not session.live:
        now.append("to_live")
    if session.fork is not None:
        now += ["take_fork", "drop_fork"]
    return [*now, *FOOTER]


def _piece(id: str, session: Session) -> Row:
    each = command(id)
    label = "go on" if id == "pause" and session.paused else each.label
    return Row(each.shown, "key").add(f" {label}", "faint")


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
