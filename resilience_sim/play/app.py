"""The cockpit as a Textual application: panels around a session, keys, mouse, palette.

Owns the screen and what a key means. Refuses to simulate and to decide what panels say: the session and panels/ do.
The wall clock is given to it, so that a test drives it by hand.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from resilience_sim.play.acting import Acting
from resilience_sim.play.commands import COMMANDS
from resilience_sim.play.layout import TABS
from resilience_sim.play.painting import Painting
from resilience_sim.play.panels.keys import help_rows
from resilience_sim.play.panels.stream import Stream
from resilience_sim.play.panels.transport import horizon
from resilience_sim.play.screen import Main
from resilience_sim.play.session import Session
from resilience_sim.play.tape import FAILURE, FAULT, TRANSITION
from resilience_sim.play.theme import DARK, LIGHT, themes
from resilience_sim.play.widgets import Panel
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.world.actions import Reset, Trip

if TYPE_CHECKING:
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
        self.acting = Acting(self)
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

    # --- the screen -------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """Ours, so that its keys do not reach into dialogs."""
        return Main(self.painting)

    def on_mount(self) -> None:
        """Begin."""
        self._last = self._clock()
        if self._auto:
            self.set_timer(0.5, _collect)
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
        except ValueError as error:
            self.say(str(error))
        if hunting == FAILURE and not session.hunting:
            self._choose_failed()
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
        handlers = self._handlers()
        if id not in ("up", "down", "page_up", "page_down"):
            self.session.said = ""
        handlers[id]()
        self.redraw()

    def _handlers(self) -> dict[str, Callable[[], None]]:
        s, acting = self.session, self.acting
        fiftieth, tenth = max(1, horizon(s) // 50), max(1, horizon(s) // 10)
        faults = {
            "outage": "outage", "latency": "latency", "errors": "errors", "brownout": "brownout",
            "lost": "lost_responses", "spike": "spike", "crash": "crash_replica", "limit": "rate_limit",
            "cold": "cold_cache",
        }  # fmt: skip
        return {
            "pause": self._pause, "slower": partial(s.faster, False), "faster": s.faster, "top_speed": s.top_speed,
            "step": s.step, "step_back": partial(s.step, True), "step_request": s.step_request,
            "scrub_back": lambda: s.seek(s.clock - fiftieth), "scrub_on": lambda: s.seek(s.clock + fiftieth),
            "leap_back": lambda: s.seek(s.clock - tenth), "leap_on": lambda: s.seek(s.clock + tenth),
            "to_start": lambda: s.seek(0), "to_live": s.to_live,
            "next_transition": partial(s.jump, TRANSITION), "last_transition": partial(s.jump, TRANSITION, True),
            "next_failure": partial(self._failure, False), "last_failure": partial(self._failure, True),
            "next_fault": partial(s.jump, FAULT), "last_fault": partial(s.jump, FAULT, True),
            **{id: partial(acting.inject, kind) for id, kind in faults.items()},
            "lift": acting.lift, "trip": partial(acting.by_hand, Trip), "reset": partial(acting.by_hand, Reset),
            "change": acting.change, "add": acting.add, "remove": acting.remove,
            "outwards": partial(acting.move, -1), "inwards": partial(acting.move, 1), "fork": self._fork,
            "drop_fork": acting.drop_fork, "write": acting.write,
            "up": partial(self._move, -1), "down": partial(self._move, 1), "page_up": partial(self._move, -10),
            "page_down": partial(self._move, 10), "filter": self._filter, "search": self._search,
            "newest": self._newest, "inspect": self._inspect, "next_tab": self._next_tab,
            "tour_next": self._tour_next, "theme": self._theme, "help": self._help, "leave": self.exit,
        }  # fmt: skip

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every command by name."""
        for each in COMMANDS:
            # Textual reads markup in titles; a bracket would open a tag.
            key = {"[": "left bracket", "]": "right bracket"}.get(each.shown, each.shown)
            yield SystemCommand(f"{each.about} ({key})", each.group, partial(self._from_palette, each.id))

    def _from_palette(self, id: str) -> None:
        self.call_later(self.action_do, id)

    def _pause(self) -> None:
        self.session.toggle()
        if self.session.over and not self.session.paused:
            self.session.said = "the run is over: rewind to look back, or quit for the summary"

    def _failure(self, back: bool) -> None:
        self.session.jump(FAILURE, back)
        if not self.session.hunting:
            self._choose_failed()

    def _choose_failed(self) -> None:
        """The request that failed with the last event shown is the one to look at."""
        at = self.session.run.position - 1
        rid = self.session.run.tape[at][3] if at >= 0 else -1
        if rid >= 0:
            self.stream.chosen = rid

    def _fork(self) -> None:
        if self.session.run.simulation is None:
            self.session.said = "a recording that is only played back cannot be forked"
            return
        self.session.paused = True
        self.acting.forking = not self.acting.forking
        if self.acting.forking:
            self.session.said = "what if: the next thing you do is done in another future (p: settings, o: outage ...)"

    def _move(self, by: int) -> None:
        focused = self.focused_panel()
        if focused == "topology":
            ids = [policy.id for policy in self.session.run.plan.stack]
            if ids:
                at = ids.index(self.policy) + by if self.policy in ids else 0
                self.policy = ids[max(0, min(len(ids) - 1, at))]
        elif focused == "inspector":
            self.scroll = max(0, self.scroll + by)
        else:
            self.stream.move(self.session.run, by)
            self.scroll = 0

    def _filter(self) -> None:
        self.stream.cycle()
        self.stream.chosen = None

    def _search(self) -> None:
        def done(text: str | None) -> None:
            if text is None:
                return
            self.stream.search = text.strip()
            self.stream.chosen = None
            if self.stream.search.lstrip("#").isdigit():
                rid = int(self.stream.search.lstrip("#"))
                if rid < self.session.run.tape.requests_by(self.session.run.position):
                    self.stream.chosen, self.stream.search = rid, ""
            self.redraw()

        from resilience_sim.play.dialogs import Ask

        self.push_screen(Ask("Search requests", self.stream.search, "a number, or an outcome like timeout"), done)

    def _newest(self) -> None:
        self.stream.chosen = None
        self.stream.search = ""
        self.acting.forking = False
        self.scroll = 0

    def _inspect(self) -> None:
        if self.stream.chosen is None:
            self.stream.move(self.session.run, -1)
        self.tab = "inspector" if self.tab != "inspector" else "stream"
        self._relayout()

    def _next_tab(self) -> None:
        self.tab = TABS[(TABS.index(self.tab) + 1) % len(TABS)]
        self._relayout()

    def _tour_next(self) -> None:
        if self.guide is None:
            self.session.said = "no tour is on: resim play --tour first-look"
            return
        try:
            self.guide.go_on()
        except ValueError as error:
            self.session.said = str(error)
        if self.guide.show:
            self.stream.filter, self.guide.show = self.guide.show, ""

    def _theme(self) -> None:
        self.theme = LIGHT if self.theme == DARK else DARK
        main = self.screen_stack[0]
        if isinstance(main, Main):
            main.redraw_all()

    def _help(self) -> None:
        from resilience_sim.play.dialogs import Page

        self.push_screen(Page("Keys", help_rows(84)))

    def _relayout(self) -> None:
        main = self.screen_stack[0]
        if isinstance(main, Main):
            main.place()

    # --- the mouse ----------------------------------------------------------------------------------------------------

    def on_panel_pressed(self, event: Panel.Pressed) -> None:
        """Scrub on the timeline, choose a request or a policy, press a key of the footer."""
        if event.wheel:
            event.panel.focus()
            self._move(event.wheel)
        else:
            self.painting.pressed(event.panel.id or "", event.x, event.y, event.panel.size.width)
        self.redraw()


def _collect() -> None:
    """The first frame is out: what was loaded for it stays for good, what comes from now on is looked after."""
    gc.freeze()
    gc.enable()
