"""The rows of every panel for a given size, what is under the mouse, and pictures of the screen without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from resilience_sim.kernel import format as fmt
from resilience_sim.play.layout import arrange
from resilience_sim.play.panels.bars import Place, instant_of, keys_rows, titled, transport_rows
from resilience_sim.play.panels.charts import charts_rows
from resilience_sim.play.panels.inspector import inspector_rows
from resilience_sim.play.panels.log import log_rows
from resilience_sim.play.panels.stream import stream_rows, stream_title
from resilience_sim.play.panels.topology import topology_rows
from resilience_sim.play.state import CockpitState
from resilience_sim.views.text import Row

if TYPE_CHECKING:
    from resilience_sim.views.story_words import ToldStory

Build = Callable[[int, int], Sequence[Row]]
Target = tuple[str, int | str]  # "command" or "policy" with an id; "instant", "request" or "event" with a number


class PanelRenderer:
    """Remembers what the rows it made last are about, for clicks."""

    def __init__(self, state: CockpitState) -> None:
        self._state = state
        self.places: list[Place] = []  # of the footer's keys
        self._requests: list[int] = []
        self._policies: dict[int, str] = {}
        self._logged: list[int] = []

    def builds(self) -> list[tuple[str, Build]]:
        """Every panel's name and its function from a size to rows, in the order of the Tab key."""
        return [
            ("transport", lambda width, height: transport_rows(self._state.session, self._state.look, width)),
            ("topology", self._topology),
            ("charts", self._charts),
            ("fork", self._fork),
            ("stream", self._stream),
            ("inspector", self._inspector),
            ("log", self._log),
            ("tour", self._tour),
            ("keys", self._keys),
        ]

    def _title(self, text: str, width: int, name: str, right: str = "") -> Row:
        return titled(text, self._state.look, width, right, self._state.focused == name)

    def _topology(self, width: int, height: int) -> list[Row]:
        run = self._state.run
        rows, found = topology_rows(run, self._state.look, width, height - 1, self._state.policy)
        self._policies = {index + 1: policy for index, policy in found.items()}
        of = "" if run.layer_state.exact else f"as of {fmt.clock(run.layer_state.at)}"
        return [self._title("topology", width, "topology", of), *rows]

    def _charts(self, width: int, height: int) -> list[Row]:
        rows = charts_rows(self._state.run, self._state.look, width, height - 1)
        return [self._title("over time", width, "charts"), *rows]

    def _fork(self, width: int, height: int) -> list[Row]:
        if self._state.session.fork is None:
            return []
        from resilience_sim.play.panels.fork import fork_rows

        return fork_rows(self._state.session, self._state.look, width, height)

    def _stream(self, width: int, height: int) -> list[Row]:
        stream = self._state.stream
        rows, self._requests = stream_rows(stream, self._state.run, self._state.look, width, height - 1)
        return [self._title("requests", width, "stream", stream_title(stream)), *rows]

    def _inspector(self, width: int, height: int) -> list[Row]:
        state = self._state
        rows = inspector_rows(self._story(), state.session.clock, state.look, width, height - 1, state.scroll)
        how = "pgup pgdn scroll" if state.tab == "inspector" and state.stream.chosen is not None else ""
        return [self._title("inspector", width, "inspector", how), *rows]

    def _story(self) -> ToldStory | None:
        run, rid = self._state.run, self._state.stream.chosen
        if rid is None or rid >= run.tape.requests_by(run.position):
            return None
        from resilience_sim.views.story_words import tell

        return tell(rid, run.tape.of_request(rid, run.position), run.view.components, run.plan)

    def _log(self, width: int, height: int) -> list[Row]:
        rows, self._logged = log_rows(self._state.run, self._state.look, width, height - 1)
        return [self._title("what happened", width, "log"), *rows]

    def _tour(self, width: int, height: int) -> list[Row]:
        guide = self._state.guide
        return [] if guide is None else guide.rows(self._state.look, width, height)

    def _keys(self, width: int, height: int) -> list[Row]:
        state = self._state
        rows, self.places = keys_rows(state.session, width, height, state.guide is not None, state.all_keys)
        return rows

    def target(self, panel: str, x: int, y: int, width: int) -> Target | None:
        """What a click there means."""
        if panel == "transport":
            return ("instant", instant_of(self._state.session, x, width)) if y else ("command", "pause")
        if panel == "tour":
            return "command", "tour_next"
        if panel == "keys":
            hit = (id for row, first, stop, id in self.places if row == y and first <= x < stop)
            id = next(hit, "")
            return ("command", id) if id else None
        if panel == "topology":
            return ("policy", self._policies[y]) if y in self._policies else None
        of_row = {"stream": ("request", self._requests), "log": ("event", self._logged)}
        what, numbers = of_row.get(panel, ("", []))
        return (what, numbers[y - 1]) if 0 < y <= len(numbers) else None

    # --- pictures -----------------------------------------------------------------------------------------------------

    def screen_rows(self, width: int, height: int) -> list[Row]:
        """The whole screen."""
        state = self._state
        places = arrange(width, height, state.tab, state.session.fork is not None, state.guide is not None)
        panels = []
        for name, build in self.builds():
            if name in places:
                rect = places[name]
                rows = [row.to(rect.width) for row in build(rect.width, rect.height)]
                panels.append((rect, rows[: rect.height]))
        panels.sort(key=lambda panel: panel[0].x)
        screen = []
        for y in range(height):
            row = Row()
            for rect, rows in panels:
                if rect.y <= y < rect.y + rect.height and y - rect.y < len(rows):
                    row.to(max(row.width, rect.x)).join(rows[y - rect.y])
            screen.append(row.to(width))
        return screen

    def svg(self, width: int = 140, height: int = 42) -> str:
        """A window with the cockpit in it."""
        from resilience_sim.views.svg import svg_of_rows

        return svg_of_rows(self.screen_rows(width, height), width, f"resim play {self._state.run.source.plan.name}")
