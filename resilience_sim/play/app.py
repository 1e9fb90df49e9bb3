"""The cockpit as a Textual application: panels around a session, keys, mouse, palette.

Owns the screen and its frames. Refuses to simulate, to decide what panels say and what a command does: the session,
panels/ and controls.py do.
The wall clock is given to it, so that a test drives it by hand.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from resilience_sim.play.commands import COMMANDS
from resilience_sim.play.layout import TABS
from resilience_sim.play.painting import Painting
from resilience_sim.play.panels.stream import Stream
from resilience_sim.play.screen import Main
from resilience_sim.play.session import Session
from resilience_sim.play.tape import FAILURE
from resilience_sim.play.theme import DARK, themes
from resilience_sim.play.widgets import Panel
from resilience_sim.views.live.look import UNICODE, Look

if TYPE_CHECKING:
    from resilience_sim.play.acting import Acting
    from resilience_sim.play.controls import Controls
    from resilience_sim.play.files import Files
    from resilience_sim.play.tour import Guide

FPS = 15
BUDGET = 0.04  # s of each frame that may go into simulating
ROWS_PER_SECOND = 6.0  # requests that may enter the stream per second; more cannot be read


class Cockpit(App[None]):
    """``auto`` False: nothing moves by itself; a test calls :meth:`tick`."""

    CSS = "Panel { position: absolute; }"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    TITLE = "resim play"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "do('leave')", "Quit", show=False)]

    def __init__(
        self,
        session: Session,
        look: Look = UNICODE,
        guide: Guide | None = None,
        theme: str = DARK,
        clock: Callable[[], float] = time.monotonic,
        auto: bool = True,
    ) -> None:
        super().__init__()
        self.session = session
        self.look = look
        self.guide = guide
        self.stream = Stream()
        self.policy = ""  # the id of the one chosen in the topology
        self.tab = TABS[0]
        self.scroll = 0  # words of the inspector left out
        self.painting = Painting(self)
        self._clock = clock
        self._auto = auto
        self._last = clock()
        if look.ascii_only:
            self.add_class("-ascii")
        for each in themes():
            self.register_theme(each)
        self.theme = theme

    # --- what is not needed for the first frame ---------------------------------------------------------------------

    @cached_property
    def acting(self) -> Acting:
        """Hands on the run."""
        from resilience_sim.play.acting import Acting

        return Acting(self)

    @cached_property
    def controls(self) -> Controls:
        """What every command does."""
        from resilience_sim.play.controls import Controls

        return Controls(self)

    @cached_property
    def files(self) -> Files:
        """What is written."""
        from resilience_sim.play.files import Files

        return Files(self)

    def _settle_in(self) -> None:
        """The first frame is out: load the rest. What is there stays for good; garbage of later is looked after."""
        self.controls.table()
        gc.freeze()
        gc.enable()

    # --- the screen -------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """Ours, so that its keys do not reach into dialogs."""
        return Main(self.painting)

    def on_mount(self) -> None:
        """Begin."""
        self._last = self._clock()
        if self._auto:
            self.set_timer(0.5, self._settle_in)
            self.set_interval(1 / FPS, self.tick)

    def tick(self) -> None:
        """One frame: time has passed."""
        now = self._clock()
        elapsed, self._last = now - self._last, now
        deadline = now + BUDGET
        session = self.session
        hunting = session.hunting
        try:
            session.frame(elapsed, lambda: self._clock() < deadline)
            self.files.work(lambda: self._clock() < deadline)
        except ValueError as error:
            self.say(str(error))
        if hunting == FAILURE and not session.hunting:
            self.controls.choose_failed()
        if self.guide is not None:
            self.guide.look()
        moving = not session.paused and session.live
        rate = session.run.view.arrived / max(1, session.clock) * 1e9 * min(session.speed, 1e6) / ROWS_PER_SECOND
        self.stream.thin(rate if moving else 1.0)
        self.redraw()

    def redraw(self) -> None:
        """Show what is; only what changed is drawn."""
        if isinstance(self.screen_stack[0], Main):
            self.screen_stack[0].renew()

    def focused_panel(self) -> str:
        """The name of the panel that has the focus; "" when none has, or there is no screen at all."""
        if not self.is_running:
            return ""
        focused = self.screen_stack[0].focused
        return focused.id or "" if focused is not None else ""

    def say(self, text: str) -> None:
        """A line for the user, on the timeline."""
        self.session.said = text
        self.redraw()

    # --- commands -----------------------------------------------------------------------------------------------------

    def action_do(self, id: str) -> None:
        """A key, a click on the footer or a choice in the palette."""
        if len(self.screen_stack) > 1:
            return
        if id not in ("up", "down", "page_up", "page_down"):
            self.session.said = ""
        self.controls.table()[id]()
        self.redraw()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every command by name."""
        for each in COMMANDS:
            # Textual reads markup in titles; a bracket would open a tag.
            key = {"[": "left bracket", "]": "right bracket"}.get(each.shown, each.shown)
            yield SystemCommand(f"{each.about} ({key})", each.group, partial(self._from_palette, each.id))

    def _from_palette(self, id: str) -> None:
        self.call_later(self.action_do, id)

    def relayout(self, anew: bool = False) -> None:
        """Place the panels again; ``anew``: draw every cell, for other colours."""
        main = self.screen_stack[0]
        if isinstance(main, Main):
            main.redraw_all() if anew else main.place()

    # --- the mouse ----------------------------------------------------------------------------------------------------

    def on_panel_pressed(self, event: Panel.Pressed) -> None:
        """Scrub on the timeline, choose a request or a policy, press a key of the footer."""
        if event.wheel:
            event.panel.focus()
            self.controls.move(event.wheel)
        else:
            self.painting.pressed(event.panel.id or "", event.x, event.y, event.panel.size.width)
        self.redraw()
