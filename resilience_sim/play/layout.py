"""Where each panel is on a screen of a given size."""

from __future__ import annotations

from dataclasses import dataclass

WIDE, TALL = 120, 32  # from this size on stream, inspector and log are seen at once
TABS = ("stream", "inspector", "log")
TRANSPORT = 3
TOUR = 7
LEAST = 14  # rows; below that only the timeline and one panel are seen


@dataclass(frozen=True, slots=True)
class Rect:
    """Columns and rows."""

    x: int
    y: int
    width: int
    height: int


def arrange(width: int, height: int, tab: str = "stream", forked: bool = False, tour: bool = False) -> dict[str, Rect]:
    """The panels that are seen, and where. ``tab``: which of :data:`TABS` has the room where only one does."""
    if height < LEAST:
        top = min(TRANSPORT, max(0, height - 1))
        return {"transport": Rect(0, 0, width, top), tab: Rect(0, top, width, max(0, height - top))}
    found = {"transport": Rect(0, 0, width, TRANSPORT)}
    keys = 1 if height < 24 else 2 if width >= 100 or height < 40 else 3
    bottom = height - keys
    found["keys"] = Rect(0, bottom, width, keys)
    if tour:
        bottom -= TOUR
        found["tour"] = Rect(0, bottom, width, TOUR)
    body = bottom - TRANSPORT
    if width >= WIDE and body >= TALL - 6:
        return {**found, **_wide(width, TRANSPORT, body, forked)}
    if body < 9:
        return {**found, ("fork" if forked else tab): Rect(0, TRANSPORT, width, body)}
    return {**found, **_narrow(width, TRANSPORT, body, tab, forked)}


def _wide(width: int, y: int, body: int, forked: bool) -> dict[str, Rect]:
    top = body * 3 // 5 if forked else body * 11 // 20
    left = 46 if width < 170 else 56
    half = width // 2
    below = {
        "stream": Rect(0, y + top, half - 1, body - top),
        "inspector": Rect(half, y + top, width - half, body - top),
    }
    if forked:
        return {"fork": Rect(0, y, width, top), **below}
    topology = max(7, top * 3 // 5)
    return {
        "topology": Rect(0, y, left, topology),
        "log": Rect(0, y + topology, left, top - topology),
        "charts": Rect(left + 1, y, width - left - 1, top),
        **below,
    }


def _narrow(width: int, y: int, body: int, tab: str, forked: bool) -> dict[str, Rect]:
    if forked:
        top = max(8, body * 2 // 3, min(15, body - 4))
        return {"fork": Rect(0, y, width, top), tab: Rect(0, y + top, width, body - top)}
    top = max(6, body * (8 if tab == "inspector" else 11) // 20)  # a story needs room
    left = 36 if width >= 76 else 0
    found = {"charts": Rect(left and left + 1, y, width - (left and left + 1), top)}
    if left:
        found["topology"] = Rect(0, y, left, top)
    found[tab] = Rect(0, y + top, width, body - top)
    return found
