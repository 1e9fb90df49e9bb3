"""Small pieces that several panels share: bars, titles.

Owns how they look. Refuses to know panels.
"""

from __future__ import annotations

from resilience_sim.views.actions_text import action_words
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row

__all__ = ["action_words", "bar", "titled"]


def bar(row: Row, share: float, width: int, style: str, look: Look) -> Row:
    """Append a bar ``width`` columns wide, that share of it filled; anything above nothing shows."""
    filled = min(width, max(0, round(share * width)))
    if share > 0 and filled == 0:
        filled = 1
    return row.add(look.fault * filled, style).add(look.fault_ahead * (width - filled), "faint")


def titled(text: str, look: Look, width: int, right: str = "", focused: bool = False) -> Row:
    """The rule on top of a panel."""
    row = Row(f"{look.rule * 2} ", "calm" if focused else "faint").add(text, "calm!" if focused else "strong").add(" ")
    tail = f" {right} " if right else ""
    room = max(0, width - row.width - len(tail) - 2)
    return row.add(look.rule * room + tail + look.rule * 2, "calm" if focused else "faint").to(width)
