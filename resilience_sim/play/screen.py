"""The screen behind all dialogs: its panels, where they are, and the keys.

Transport keys have priority, so that they work whatever has the focus. What keys do is in command_table.py, what panels
show in panel_renderer.py.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from resilience_sim.play.commands import COMMANDS
from resilience_sim.play.panel_renderer import Build, PanelRenderer, arrange
from resilience_sim.play.state import CockpitState
from resilience_sim.play.theme import DARK, PALETTES, style
from resilience_sim.views.text import Row


class Panel(Widget):
    """Draws the rows that ``build(width, height)`` gives, and only those that changed."""

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
        """Build the rows again and draw those that differ."""
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
        theme = self.app.theme if self.app.theme in PALETTES else DARK
        if y >= len(self._rows):
            return Strip.blank(self.size.width, style("", theme))
        return Strip([Segment(text, style(name, theme)) for text, name in self._rows[y]], self.size.width)

    def on_resize(self) -> None:
        self._rows = []
        self.renew()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.post_message(self.Pressed(self, event.x, event.y))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        # Dragging along the timeline scrubs.
        if event.button == 1 and self.id == "transport":
            self.post_message(self.Pressed(self, event.x, event.y))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.post_message(self.Pressed(self, event.x, event.y, -1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.post_message(self.Pressed(self, event.x, event.y, 1))


class Main(Screen[None]):
    """The one screen behind all dialogs; a screen of its own, so that its keys do not reach into dialogs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            each.keys, f"app.do('{each.id}')", each.label, show=False, priority=each.everywhere, key_display=each.shown
        )
        for each in COMMANDS
    ]

    def __init__(self, state: CockpitState, renderer: PanelRenderer) -> None:
        super().__init__()
        self._state = state
        self._forked = False  # whether the panels are placed for a fork
        self._panels = [
            Panel(name, build, name not in ("transport", "keys", "tour")) for name, build in renderer.builds()
        ]

    def compose(self) -> ComposeResult:
        yield from self._panels

    def on_mount(self) -> None:
        self.place()
        self.query_one("#stream", Panel).focus()

    def on_resize(self) -> None:
        self.place()

    def on_descendant_focus(self) -> None:
        self.note_focus()

    def place(self) -> None:
        """Put every panel where it belongs, hide the others."""
        state = self._state
        width, height = self.app.size
        self._forked = state.session.fork is not None
        found = arrange(width, height, state.tab, self._forked, state.guide is not None)
        for panel in self._panels:
            rect = found.get(panel.id or "")
            panel.display = rect is not None
            if rect is not None:
                panel.styles.offset = (rect.x, rect.y)
                panel.styles.width = rect.width
                panel.styles.height = rect.height
        hidden = self.focused is not None and self.focused.id not in found
        if hidden and state.tab in found:
            self.query_one(f"#{state.tab}", Panel).focus()
        self.renew()

    def renew(self) -> None:
        """Draw what changed."""
        if (self._state.session.fork is not None) != self._forked:
            self.place()
            return
        self.note_focus()
        for panel in self._panels:
            panel.renew()

    def note_focus(self) -> None:
        """Tell the state which panel has the focus."""
        self._state.focused = self.focused.id or "" if self.focused is not None else ""

    def redraw_all(self) -> None:
        """Draw every cell again, in other colours."""
        for panel in self._panels:
            panel.refresh()
