"""Which rows each panel of the cockpit shows, and what a click on one of them means.

Owns the way from panels to the pure functions that fill them. Refuses Textual's part of it (widgets.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resilience_sim.play.panels.charts import charts_rows
from resilience_sim.play.panels.inspector import inspector_rows
from resilience_sim.play.panels.keys import Place, keys_rows
from resilience_sim.play.panels.log import log_rows
from resilience_sim.play.panels.parts import titled
from resilience_sim.play.panels.stream import stream_rows, stream_title
from resilience_sim.play.panels.topology import topology_rows
from resilience_sim.play.panels.transport import instant_of, transport_rows
from resilience_sim.play.run import Run
from resilience_sim.views import format as fmt
from resilience_sim.views.text import Row

if TYPE_CHECKING:
    from resilience_sim.play.app import Cockpit
    from resilience_sim.play.story import Story
    from resilience_sim.play.widgets import Build


class Painting:
    """Remembers which row of a panel is about what, for clicks."""

    def __init__(self, app: Cockpit) -> None:
        self.app = app
        self._places: list[Place] = []
        self._rids: list[int] = []
        self._policies: dict[int, str] = {}
        self._logged: list[int] = []

    def builds(self) -> list[tuple[str, Build]]:
        """Every panel's name and its function from a size to rows; the order is that of the Tab key."""
        return [
            ("transport", self.transport),
            ("topology", self.topology),
            ("charts", self.charts),
            ("fork", self.fork),
            ("stream", self.stream),
            ("inspector", self.inspector),
            ("log", self.log),
            ("tour", self.tour),
            ("keys", self.keys),
        ]

    def _title(self, text: str, width: int, name: str, right: str = "") -> Row:
        return titled(text, self.app.look, width, right, self.app.focused_panel() == name)

    def transport(self, width: int, height: int) -> list[Row]:
        """State, timeline, ticks."""
        return transport_rows(self.app.session, self.app.look, width)

    def topology(self, width: int, height: int) -> list[Row]:
        """A, its stack, B."""
        rows, found = topology_rows(self._run, self.app.look, width, height - 1, self.app.policy)
        self._policies = {index + 1: policy for index, policy in found.items()}
        levels = self._run.levels
        of = "" if levels.exact else f"levels of {fmt.clock(levels.at)}"
        return [self._title("topology", width, "topology", of), *rows]

    def charts(self, width: int, height: int) -> list[Row]:
        """Over time."""
        rows = charts_rows(self.app.session.run, self.app.look, width, height - 1)
        return [self._title("over time", width, "charts"), *rows]

    def fork(self, width: int, height: int) -> list[Row]:
        """Both futures."""
        if self.app.session.fork is None:
            return []
        from resilience_sim.play.panels.fork import fork_rows

        return fork_rows(self.app.session, self.app.look, width, height)

    def stream(self, width: int, height: int) -> list[Row]:
        """Requests."""
        stream = self.app.stream
        rows, self._rids = stream_rows(stream, self._run, self.app.look, width, height - 1)
        return [self._title("requests", width, "stream", stream_title(stream)), *rows]

    def inspector(self, width: int, height: int) -> list[Row]:
        """One request."""
        app = self.app
        rows = inspector_rows(self.story(), app.session.clock, app.look, width, height - 1, app.scroll)
        how = "pgup pgdn scroll" if app.tab == "inspector" and app.stream.chosen is not None else ""
        return [self._title("inspector", width, "inspector", how), *rows]

    def story(self) -> Story | None:
        """Of the chosen request, as known at the clock."""
        run, rid = self._run, self.app.stream.chosen
        if rid is None or rid >= run.tape.requests_by(run.position):
            return None
        from resilience_sim.play.story import story_of

        return story_of(rid, run.tape.of_request(rid, run.position), run.view.components, run.plan)

    def log(self, width: int, height: int) -> list[Row]:
        """What changed."""
        rows, self._logged = log_rows(self._run, self.app.look, width, height - 1)
        return [self._title("what happened", width, "log"), *rows]

    def tour(self, width: int, height: int) -> list[Row]:
        """The tour, if one is on."""
        guide = self.app.guide
        if guide is None:
            return []
        from resilience_sim.play.panels.tour import tour_rows

        return tour_rows(guide, self.app.look, width, height)

    def keys(self, width: int, height: int) -> list[Row]:
        """The footer."""
        rows, self._places = keys_rows(self.app.session, self.app.look, width, height, self.app.guide is not None)
        return rows

    @property
    def _run(self) -> Run:
        return self.app.session.run

    def pressed(self, name: str, x: int, y: int, width: int) -> None:
        """A click on a panel."""
        app = self.app
        if name == "transport":
            if y:
                app.session.seek(instant_of(app.session, x, width))
            else:
                app.action_do("pause")
        elif name == "keys":
            for row, first, stop, id in self._places:
                if row == y and first <= x < stop:
                    app.action_do(id)
                    return
        elif name == "stream" and 0 < y <= len(self._rids):
            again = app.stream.chosen == self._rids[y - 1]
            app.stream.chosen = self._rids[y - 1]
            app.scroll = 0
            if again:
                app.action_do("inspect")
        elif name == "topology" and y in self._policies:
            again = app.policy == self._policies[y]
            app.policy = self._policies[y]
            if again:
                app.acting.change(app.policy)
        elif name == "log" and 0 < y <= len(self._logged):
            app.session.paused = True
            app.session.go(self._logged[y - 1] + 1)
        elif name == "tour":
            app.action_do("tour_next")
