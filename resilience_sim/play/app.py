"""The cockpit as a Textual application: its frames, keys, mouse, palette and dialogs.

The wall clock is passed in, so that a test can set it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from resilience_sim.play.commands import COMMANDS
from resilience_sim.play.panel_renderer import PanelRenderer
from resilience_sim.play.screen import Main, Panel
from resilience_sim.play.session import Session
from resilience_sim.play.state import CockpitState
from resilience_sim.play.tape import FAILURE
from resilience_sim.play.theme import DARK, LIGHT, themes
from resilience_sim.recording.layout import RecordingError
from resilience_sim.runs.endings import NUMBERS, note
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.views.text import Row

if TYPE_CHECKING:
    from resilience_sim.play.command_line import Completion
    from resilience_sim.play.command_table import CommandTable
    from resilience_sim.play.file_dialogs import FileDialogs
    from resilience_sim.play.forms import Answers, Field
    from resilience_sim.play.tour import Guide
    from resilience_sim.settings.actions import Action

FPS = 15
BUDGET = 0.04  # s of each frame that may go into simulating
ROWS_PER_SECOND = 6.0  # requests that may enter the stream per second; more cannot be read
T = TypeVar("T")


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
        self.state = CockpitState(session, look, guide)
        self.renderer = PanelRenderer(self.state)
        self._clock = clock
        self._auto = auto
        self._last = clock()
        if look.ascii_only:
            self.add_class("-ascii")
        for each in themes():
            self.register_theme(each)
        self.theme = theme

    # Not needed for the first frame, so imported after it.

    @cached_property
    def commands(self) -> CommandTable:
        """What every command does."""
        from resilience_sim.play.command_table import CommandTable

        return CommandTable(self.state, self, self.files)

    @cached_property
    def files(self) -> FileDialogs:
        """What is written."""
        from resilience_sim.play.file_dialogs import FileDialogs

        return FileDialogs(self.state, self)

    def _after_first_frame(self) -> None:
        """Import the rest, and turn the garbage collector on, which was off for a quicker start.

        A full collection would walk through all imported modules for longer than a frame lasts, and find nothing
        there: they are taken out of its sight (`gc.freeze`).
        """
        _ = self.commands
        gc.freeze()
        gc.enable()

    # --- frames -------------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """The screen behind all dialogs."""
        return Main(self.state, self.renderer)

    def on_mount(self) -> None:
        self._last = self._clock()
        if self._auto:
            self._leave_when_terminated()
            self.set_timer(0.5, self._after_first_frame)
            self.set_interval(1 / FPS, self.tick)

    def _leave_when_terminated(self) -> None:
        """SIGTERM, SIGHUP and SIGINT (Ctrl-C is a key here) close the cockpit, which gives the terminal back.

        An exception out of a signal handler would not: it leaves the threads of Textual waiting for ever.
        """
        import asyncio

        def leave(number: int) -> None:
            note(number)
            self.leave()

        with suppress(NotImplementedError, RuntimeError, ValueError):  # not on Windows, nor outside the main thread
            for number in NUMBERS:
                asyncio.get_running_loop().add_signal_handler(number, leave, number)

    def tick(self) -> None:
        """One frame."""
        now = self._clock()
        elapsed, self._last = now - self._last, now
        deadline = now + BUDGET
        session = self.state.session
        hunting = session.hunting
        session.held = len(self.screen_stack) > 1
        self._attempt(lambda: session.frame(elapsed, lambda: self._clock() < deadline))
        self.files.work(lambda: self._clock() < deadline)
        if hunting == FAILURE and not session.hunting:
            self.commands.choose_failed()
        if self.state.guide is not None:
            self.state.guide.look()
        moving = not session.paused and session.live
        rate = session.run.view.arrived / max(1, session.clock) * 1e9 * min(session.speed, 1e6) / ROWS_PER_SECOND
        self.state.stream.thin(rate if moving else 1.0)
        self.redraw()

    def _attempt(self, work: Callable[[], None]) -> None:
        """What goes wrong is said: an action that is impossible, a disk that is full while ``--save`` records."""
        try:
            work()
        except (ValueError, RecordingError) as error:
            self.state.say(str(error))

    def redraw(self) -> None:
        """Draw what changed."""
        if self._main is not None:
            self._main.renew()

    @property
    def _main(self) -> Main | None:
        main = self.screen_stack[0]
        return main if isinstance(main, Main) else None

    # --- commands -----------------------------------------------------------------------------------------------------

    def action_do(self, id: str) -> None:
        """A key, a click on the footer or a choice in the palette."""
        if len(self.screen_stack) > 1:
            return
        if id not in ("up", "down", "page_up", "page_down"):
            self.state.say("")
        if self._main is not None:
            self._main.note_focus()
        self._attempt(lambda: self.commands.run(id))
        self.redraw()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every command by name."""
        for each in COMMANDS:
            # Textual reads markup in titles; a bracket would open a tag.
            key = {"[": "left bracket", "]": "right bracket"}.get(each.shown, each.shown)
            yield SystemCommand(f"{each.about} ({key})", each.group, partial(self.call_later, self.action_do, each.id))

    def on_panel_pressed(self, event: Panel.Pressed) -> None:
        """A click, or the wheel."""
        name = event.panel.id or ""
        if event.wheel:
            event.panel.focus()
            self.state.focused = name
            self.commands.move(event.wheel)
        else:
            target = self.renderer.target(name, event.x, event.y, event.panel.size.width)
            if target is not None and target[0] == "command":
                self.action_do(str(target[1]))
            elif target is not None:
                self._attempt(lambda: self.commands.press(target))
        self.redraw()

    # --- what the helpers ask for (state.Ui) --------------------------------------------------------------------------

    def choose(self, title: str, options: Sequence[str], then: Callable[[int], None], at: int = 0) -> None:
        """One of several."""
        from resilience_sim.play.dialogs import Choose

        self.push_screen(Choose(title, options, at), self._answered(then))

    def ask(self, title: str, value: str, then: Callable[[str], None], hint: str = "") -> None:
        """A line of text."""
        from resilience_sim.play.dialogs import Ask

        self.push_screen(Ask(title, value, hint), self._answered(then))

    def form(
        self,
        title: str,
        about: str,
        fields: Sequence[Field],
        accept: Callable[[Answers], Action],
        verb: str,
        then: Callable[[Action], None],
    ) -> None:
        """Settings."""
        from resilience_sim.play.dialogs import Form

        self.push_screen(Form(title, about, fields, accept, verb), self._answered(then))

    def line(self, hint: str, completion: Completion, accept: Callable[[str], None]) -> None:
        """A line at the bottom."""
        from resilience_sim.play.dialogs import Line

        self.push_screen(Line(hint, completion, accept), lambda _: self.redraw())

    def _answered(self, then: Callable[[T], None]) -> Callable[[T | None], None]:
        def done(answer: T | None) -> None:
            if answer is not None:
                self._attempt(lambda: then(answer))
            self.redraw()

        return done

    def page(self, title: str, rows: Sequence[Row]) -> None:
        """Something to read."""
        from resilience_sim.play.dialogs import Page

        self.push_screen(Page(title, rows))

    def relayout(self) -> None:
        """Place the panels again."""
        if self._main is not None:
            self._main.place()

    def switch_theme(self) -> None:
        """From dark to light, or back."""
        self.theme = LIGHT if self.theme == DARK else DARK
        if self._main is not None:
            self._main.redraw_all()

    def leave(self) -> None:
        """Close the cockpit."""
        self.exit()
