"""The one screen behind all dialogs: panels where the arrangement puts them, and the keys.

Owns placing and renewing panels; transport keys have priority, so that they work whatever has the focus. Refuses to
know what keys do (app.py) and what panels say (painting.py).
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from resilience_sim.play.commands import COMMANDS
from resilience_sim.play.layout import arrange
from resilience_sim.play.painting import Painting
from resilience_sim.play.widgets import Panel


class Main(Screen[None]):
    """The one screen behind all dialogs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            each.keys, f"app.do('{each.id}')", each.label, show=False, priority=each.everywhere, key_display=each.shown
        )
        for each in COMMANDS
    ]

    def __init__(self, painting: Painting) -> None:
        super().__init__()
        self._painting = painting
        self._panels = [
            Panel(name, build, name not in ("transport", "keys", "tour")) for name, build in painting.builds()
        ]

    def compose(self) -> ComposeResult:
        """Textual's protocol."""
        yield from self._panels

    def on_mount(self) -> None:
        """The stream has the focus first."""
        self.place()
        self.query_one("#stream", Panel).focus()

    def on_resize(self) -> None:
        """Another size, another arrangement."""
        self.place()

    def place(self) -> None:
        """Put every panel where it belongs, hide the others."""
        app = self._painting.app
        width, height = self.app.size
        self._forked = app.session.fork is not None
        found = arrange(width, height, app.tab, self._forked, app.guide is not None)
        for panel in self._panels:
            rect = found.get(panel.id or "")
            panel.display = rect is not None
            if rect is not None:
                panel.styles.offset = (rect.x, rect.y)
                panel.styles.width = rect.width
                panel.styles.height = rect.height
        hidden = self.focused is not None and self.focused.id not in found
        if hidden and app.tab in found:
            self.query_one(f"#{app.tab}", Panel).focus()
        self.renew()

    def renew(self) -> None:
        """Everything that is seen."""
        if (self._painting.app.session.fork is not None) != self._forked:
            self.place()
            return
        for panel in self._panels:
            panel.renew()

    def redraw_all(self) -> None:
        """Every cell, for other colours."""
        for panel in self._panels:
            panel.refresh()

    _forked = False
