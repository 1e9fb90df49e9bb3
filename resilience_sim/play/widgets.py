"""One panel on the screen: rows of styled text, drawn only where they changed.

Owns turning rows into what Textual draws, and telling its owner about clicks and the wheel. Refuses to know what the
rows say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from resilience_sim.play.theme import DARK, PALETTES, style
from resilience_sim.views.text import Row

Build = Callable[[int, int], Sequence[Row]]


class Panel(Widget):
    """``build(width, height)`` gives its rows, every time :meth:`renew` is called."""

    class Pressed(Message):
        """The mouse went down at a column and row of a panel; ``wheel`` is -1 or 1 when it was the wheel."""

        def __init__(self, panel: Panel, x: int, y: int, wheel: int = 0) -> None:
            super().__init__()
            self.panel = panel
            self.x = x
            self.y = y
            self.wheel = wheel

    def __init__(self, name: str, build: Build, can_focus: bool = True) -> None:
        super().__init__(id=name)
        self.build = build
        self.can_focus = can_focus
        self._rows: list[list[tuple[str, str]]] = []

    def renew(self) -> None:
        """Ask for the rows anew, and draw those that differ."""
        width, height = self.size
        if not (width and height and self.display):
            return
        rows = [row.to(width).spans for row in list(self.build(width, height))[:height]]
        rows += [Row().to(width).spans for _ in range(height - len(rows))]
        before, self._rows = self._rows, rows
        changed = [y for y in range(height) if y >= len(before) or before[y] != rows[y]]
        if len(changed) > height // 2:
            self.refresh()
        elif changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """Textual's protocol."""
        theme = self.app.theme if self.app.theme in PALETTES else DARK
        if y >= len(self._rows):
            return Strip.blank(self.size.width, style("", theme))
        return Strip([Segment(text, style(name, theme)) for text, name in self._rows[y]], self.size.width)

    def on_resize(self) -> None:
        """Another size: other rows."""
        self._rows = []
        self.renew()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Tell the owner."""
        self.post_message(self.Pressed(self, event.x, event.y))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Dragging counts as pressing again and again."""
        if event.button == 1 and self.id == "transport":
            self.post_message(self.Pressed(self, event.x, event.y))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        self.post_message(self.Pressed(self, event.x, event.y, -1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        self.post_message(self.Pressed(self, event.x, event.y, 1))
