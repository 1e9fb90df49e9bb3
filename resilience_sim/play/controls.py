"""What every command does: the table from a command's id to a piece of code, and the small pieces themselves.

Owns transport, choosing and looking. Refuses the commands that act on a run (acting.py), and to know which key or click
asked (app.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from resilience_sim.play.layout import TABS
from resilience_sim.play.panels.transport import horizon
from resilience_sim.play.tape import FAILURE, FAULT, TRANSITION
from resilience_sim.play.theme import DARK, LIGHT
from resilience_sim.world.actions import Reset, Trip

if TYPE_CHECKING:
    from resilience_sim.play.app import Cockpit

FAULTS = {
    "outage": "outage", "latency": "latency", "errors": "errors", "brownout": "brownout", "lost": "lost_responses",
    "spike": "spike", "crash": "crash_replica", "limit": "rate_limit", "cold": "cold_cache",
}  # fmt: skip


class Controls:
    """Of one cockpit."""

    def __init__(self, app: Cockpit) -> None:
        self.app = app

    def table(self) -> dict[str, Callable[[], None]]:
        """Every command of commands.py by its id."""
        s, acting = self.app.session, self.app.acting
        fiftieth, tenth = max(1, horizon(s) // 50), max(1, horizon(s) // 10)
        return {
            "pause": self._pause, "slower": partial(s.faster, False), "faster": s.faster, "top_speed": s.top_speed,
            "step": s.step, "step_back": partial(s.step, True), "step_request": s.step_request,
            "scrub_back": lambda: s.seek(s.clock - fiftieth), "scrub_on": lambda: s.seek(s.clock + fiftieth),
            "leap_back": lambda: s.seek(s.clock - tenth), "leap_on": lambda: s.seek(s.clock + tenth),
            "to_start": lambda: s.seek(0), "to_live": s.to_live,
            "next_transition": partial(s.jump, TRANSITION), "last_transition": partial(s.jump, TRANSITION, True),
            "next_failure": partial(self._failure, False), "last_failure": partial(self._failure, True),
            "next_fault": partial(s.jump, FAULT), "last_fault": partial(s.jump, FAULT, True),
            **{id: partial(acting.inject, kind) for id, kind in FAULTS.items()},
            "lift": acting.lift, "trip": partial(acting.by_hand, Trip), "reset": partial(acting.by_hand, Reset),
            "change": acting.change, "add": acting.add, "remove": acting.remove,
            "outwards": partial(acting.move, -1), "inwards": partial(acting.move, 1), "fork": acting.fork,
            "take_fork": acting.take_fork, "drop_fork": acting.drop_fork,
            "write": self.app.files.write, "save": self.app.files.save,
            "up": partial(self.move, -1), "down": partial(self.move, 1), "page_up": partial(self.move, -10),
            "page_down": partial(self.move, 10), "filter": self._filter, "search": self._search,
            "newest": self._newest, "inspect": self._inspect, "next_tab": self._next_tab,
            "tour_next": self._tour_next, "theme": self._theme, "help": self._help, "leave": self.app.exit,
        }  # fmt: skip

    # --- transport ----------------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        session = self.app.session
        session.toggle()
        if session.over and not session.paused:
            session.said = "the run is over: rewind to look back, or quit for the summary"

    def _failure(self, back: bool) -> None:
        self.app.session.jump(FAILURE, back)
        if not self.app.session.hunting:
            self.choose_failed()

    def choose_failed(self) -> None:
        """The request that failed with the last event shown is the one to look at."""
        run = self.app.session.run
        rid = run.tape[run.position - 1][3] if run.position else -1
        if rid >= 0:
            self.app.stream.chosen = rid

    def _tour_next(self) -> None:
        guide, session = self.app.guide, self.app.session
        if guide is None:
            session.said = "no tour is on: resim play --tour first-look"
            return
        try:
            guide.go_on()
        except ValueError as error:
            session.said = str(error)
        if guide.show:
            self.app.stream.filter, guide.show = guide.show, ""

    # --- choosing -----------------------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Down (``by`` > 0) or up, in whichever panel has the focus."""
        app = self.app
        focused = app.focused_panel()
        if focused == "topology":
            ids = [policy.id for policy in app.session.run.plan.stack]
            if ids:
                at = ids.index(app.policy) + by if app.policy in ids else 0
                app.policy = ids[max(0, min(len(ids) - 1, at))]
        elif focused == "inspector" or (app.tab == "inspector" and abs(by) > 1):
            app.scroll = max(0, app.scroll + max(-4, min(4, by)))
        else:
            app.stream.move(app.session.run, by)
            app.scroll = 0

    def _filter(self) -> None:
        self.app.stream.cycle()
        self.app.stream.chosen = None

    def _search(self) -> None:
        app = self.app

        def done(text: str | None) -> None:
            if text is None:
                return
            app.stream.search = text.strip()
            app.stream.chosen = None
            if app.stream.search.lstrip("#").isdigit():
                rid = int(app.stream.search.lstrip("#"))
                if rid < app.session.run.tape.requests_by(app.session.run.position):
                    app.stream.chosen, app.stream.search = rid, ""
            app.redraw()

        from resilience_sim.play.dialogs import Ask

        app.push_screen(Ask("Search requests", app.stream.search, "a number, or an outcome like timeout"), done)

    def _newest(self) -> None:
        self.app.stream.chosen = None
        self.app.stream.search = ""
        self.app.acting.forking = False
        self.app.scroll = 0

    def _inspect(self) -> None:
        app = self.app
        if app.stream.chosen is None:
            app.stream.move(app.session.run, -1)
        app.tab = "inspector" if app.tab != "inspector" else "stream"
        app.relayout()

    def _next_tab(self) -> None:
        self.app.tab = TABS[(TABS.index(self.app.tab) + 1) % len(TABS)]
        self.app.relayout()

    # --- looking ------------------------------------------------------------------------------------------------------

    def _theme(self) -> None:
        self.app.theme = LIGHT if self.app.theme == DARK else DARK
        self.app.relayout(anew=True)

    def _help(self) -> None:
        from resilience_sim.play.dialogs import Page
        from resilience_sim.play.panels.keys import help_rows

        self.app.push_screen(Page("Keys", help_rows(84)))
