"""What each command does. The commands themselves, their keys and names, are in commands.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from resilience_sim.play.action_dialogs import ActionDialogs
from resilience_sim.play.commands import help_rows
from resilience_sim.play.file_dialogs import FileDialogs
from resilience_sim.play.panels.graph import places_of, policies_near
from resilience_sim.play.state import TABS
from resilience_sim.play.tape import FAILURE, FAULT, TRANSITION
from resilience_sim.settings.actions import Reset, Trip

if TYPE_CHECKING:
    from resilience_sim.play.panel_renderer import Target
    from resilience_sim.play.state import CockpitState, Ui

FAULTS = {
    "outage": "outage", "latency": "latency", "errors": "errors", "brownout": "brownout", "lost": "lost_responses",
    "spike": "spike", "crash": "crash_replica", "limit": "rate_limit", "cold": "cold_cache",
}  # fmt: skip


class CommandTable:
    """From a command's id to what it does."""

    def __init__(self, state: CockpitState, ui: Ui, files: FileDialogs) -> None:
        self._state = state
        self._ui = ui
        self._actions = actions = ActionDialogs(state, ui)
        s = state.session
        self._table: dict[str, Callable[[], None]] = {
            "pause": self._pause, "slower": partial(s.faster, False), "faster": s.faster, "top_speed": s.top_speed,
            "step": s.step, "step_back": partial(s.step, True), "step_request": s.step_request,
            "scrub_back": partial(self._scrub, -1, 50), "scrub_on": partial(self._scrub, 1, 50),
            "leap_back": partial(self._scrub, -1, 10), "leap_on": partial(self._scrub, 1, 10),
            "to_start": partial(s.seek, 0), "to_live": s.to_live,
            "next_transition": partial(s.jump, TRANSITION), "last_transition": partial(s.jump, TRANSITION, True),
            "next_failure": partial(self._failure, False), "last_failure": partial(self._failure, True),
            "next_fault": partial(s.jump, FAULT), "last_fault": partial(s.jump, FAULT, True),
            **{id: partial(actions.inject, kind) for id, kind in FAULTS.items()}, "inject": actions.ask_fault,
            "lift": actions.lift, "trip": partial(actions.switch_breaker, Trip),
            "reset": partial(actions.switch_breaker, Reset),
            "change": actions.change, "add": actions.add, "remove": actions.remove,
            "outwards": partial(actions.move, -1), "inwards": partial(actions.move, 1), "line": actions.line,
            "fork": actions.fork, "take_fork": actions.take_fork, "drop_fork": actions.drop_fork,
            "write": files.write, "save": files.save,
            "up": partial(self.move, -1), "down": partial(self.move, 1), "page_up": partial(self.move, -10),
            "page_down": partial(self.move, 10), "filter": self._filter, "search": self._search,
            "newest": self._newest, "zoom": self._zoom, "inspect": self._inspect, "next_tab": self._next_tab,
            "enter": self._enter, "tour_next": self._tour_next, "theme": ui.switch_theme,
            "help": self._help, "leave": ui.leave,
        }  # fmt: skip

    def run(self, id: str) -> None:
        """Carry out a command."""
        self._table[id]()

    def press(self, target: Target) -> None:
        """Carry out a click."""
        state = self._state
        what, value = target
        if isinstance(value, str):
            if what == "command":
                self.run(value)
                return
            if what == "place":
                again, state.place = state.place == value, value
                if again:
                    self._zoom_to(value)
                return
            again, state.policy = state.policy == value, value
            if again:
                self._actions.change(value)
        elif what == "instant":
            state.session.seek(value)
        elif what == "event":
            state.session.paused = True
            state.session.go(value + 1)
        else:
            again, state.stream.chosen = state.stream.chosen == value, value
            state.scroll = 0
            if again:
                self._inspect()

    # --- transport ----------------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        session = self._state.session
        session.toggle()
        if session.over and not session.paused:
            session.said = "the run is over: rewind to look back, or quit for the summary"

    def _scrub(self, direction: int, parts: int) -> None:
        session = self._state.session
        session.seek(session.clock + direction * max(1, session.horizon // parts))

    def _failure(self, back: bool) -> None:
        self._state.session.jump(FAILURE, back)
        if not self._state.session.hunting:
            self.choose_failed()

    def choose_failed(self) -> None:
        """Select the request that failed with the last event shown."""
        run = self._state.run
        rid = run.tape[run.position - 1][3] if run.position else -1
        if rid >= 0:
            self._state.stream.chosen = rid

    def _enter(self) -> None:
        state = self._state
        if state.focused == "topology" and state.run.view.graph is not None:
            self._zoom_to("" if state.zoom else state.place)
            return
        guide = self._state.guide
        if guide is None or guide.done:
            self._inspect()
        else:
            self._tour_next()

    def _tour_next(self) -> None:
        guide = self._state.guide
        if guide is None:
            self._state.say("no tour is running: resim play --tour first-look")
            return
        try:
            guide.go_on()
        except ValueError as error:
            self._state.say(str(error))
        if guide.show:
            self._state.stream.filter, guide.show = guide.show, ""

    # --- choosing -----------------------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Down (``by`` > 0) or up, in whichever panel has the focus."""
        state = self._state
        if state.focused == "topology":
            several = state.run.view.graph is not None
            if several and not state.zoom:
                state.place = _moved(places_of(state.run), state.place, by)
                return
            ids = [policy.id for policy in state.run.plan.stack]
            state.policy = _moved(policies_near(state.run, state.zoom) if several else ids, state.policy, by)
        elif state.focused == "inspector" or (state.tab == "inspector" and abs(by) > 1):
            state.scroll = max(0, state.scroll + max(-4, min(4, by)))
        else:
            state.stream.move(state.run, by)
            state.scroll = 0

    def _filter(self) -> None:
        self._state.stream.cycle()
        self._state.stream.chosen = None

    def _search(self) -> None:
        stream, run = self._state.stream, self._state.run

        def done(text: str) -> None:
            stream.search = text.strip()
            stream.chosen = None
            number = stream.search.lstrip("#")
            if number.isdigit() and int(number) < run.tape.requests_by(run.position):
                stream.chosen, stream.search = int(number), ""

        self._ui.ask("Search requests", stream.search, done, "a number, or an outcome such as timeout")

    def _zoom(self) -> None:
        """From near: the one that is selected, else the next one; after the last one all of them."""
        state = self._state
        found = places_of(state.run)
        if not found:
            state.say("this scenario has one service: the topology shows all of it")
            return
        if not state.zoom:
            self._zoom_to(state.place or found[1])
            return
        after = found.index(state.zoom) + 1
        self._zoom_to(found[after] if after < len(found) else "")

    def _zoom_to(self, place: str) -> None:
        state = self._state
        state.zoom = place
        state.place = place or state.place
        state.policy = ""

    def _newest(self) -> None:
        if self._state.zoom:
            self._zoom_to("")
            return
        self._state.stream.chosen = None
        self._state.stream.search = ""
        self._state.what_if = False
        self._state.scroll = 0

    def _inspect(self) -> None:
        state = self._state
        if state.stream.chosen is None:
            state.stream.move(state.run, -1)
        state.tab = "inspector" if state.tab != "inspector" else "stream"
        self._ui.relayout()

    def _next_tab(self) -> None:
        self._state.tab = TABS[(TABS.index(self._state.tab) + 1) % len(TABS)]
        self._ui.relayout()

    def _help(self) -> None:
        self._state.all_keys = True
        self._ui.page("Keys", help_rows(84))


def _moved(names: list[str], chosen: str, by: int) -> str:
    """The name ``by`` places down from the chosen one; the first one while none is."""
    if not names:
        return chosen
    at = names.index(chosen) + by if chosen in names else 0
    return names[max(0, min(len(names) - 1, at))]
