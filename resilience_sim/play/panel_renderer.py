"""Which panels a screen of a given size has, where they are, what they show, and what is under the mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resilience_sim.kernel import format as fmt
from resilience_sim.play.panels.bars import Place, instant_of, keys_rows, titled, transport_rows
from resilience_sim.play.panels.charts import charts_rows, near_charts
from resilience_sim.play.panels.graph import graph_rows, near_rows
from resilience_sim.play.panels.inspector import inspector_rows
from resilience_sim.play.panels.log import log_rows
from resilience_sim.play.panels.stream import stream_rows, stream_title
from resilience_sim.play.panels.topology import topology_rows
from resilience_sim.play.panels.trace import Trace, trace_rows
from resilience_sim.play.state import CockpitState
from resilience_sim.settings.calls import CLIENT_NAME
from resilience_sim.views.story_words import ToldStory
from resilience_sim.views.text import Row

WIDE, TALL = 120, 32  # from this size on stream, inspector and log are seen at once
TRANSPORT, TOUR = 3, 7  # rows
LEAST = 14  # rows; below that only the timeline and one panel are seen
Build = Callable[[int, int], Sequence[Row]]
Target = tuple[
    str, int | str
]  # "command" or "policy" with an id, "place" with a name; "instant", "request" or "event" with a number


@dataclass(frozen=True, slots=True)
class Rect:
    """Columns and rows."""

    x: int
    y: int
    width: int
    height: int


def arrange(width: int, height: int, tab: str = "stream", forked: bool = False, tour: bool = False) -> dict[str, Rect]:
    """The panels that are seen, and where. ``tab``: which of the tabs has the room where only one does."""
    if height < LEAST:
        top = min(TRANSPORT, max(0, height - 1))
        return {"transport": Rect(0, 0, width, top), tab: Rect(0, top, width, max(0, height - top))}
    found = {"transport": Rect(0, 0, width, TRANSPORT)}
    keys = 1 if height < 24 else 2 if width >= 100 or height < 40 else 3
    bottom = height - keys
    found["keys"] = Rect(0, bottom, width, keys)
    if tour:
        bottom -= TOUR
        found["tour"] = Rect(0, bottom, width, TOUR)
    body = bottom - TRANSPORT
    if width >= WIDE and body >= TALL - 6:
        return {**found, **_wide(width, TRANSPORT, body, forked)}
    if body < 9:
        return {**found, ("fork" if forked else tab): Rect(0, TRANSPORT, width, body)}
    return {**found, **_narrow(width, TRANSPORT, body, tab, forked)}


def _wide(width: int, y: int, body: int, forked: bool) -> dict[str, Rect]:
    top = body * 3 // 5 if forked else body * 11 // 20
    left = 46 if width < 170 else 56
    half = width // 2
    below = {
        "stream": Rect(0, y + top, half - 1, body - top),
        "inspector": Rect(half, y + top, width - half, body - top),
    }
    if forked:
        return {"fork": Rect(0, y, width, top), **below}
    topology = max(7, top * 3 // 5)
    return {
        "topology": Rect(0, y, left, topology),
        "log": Rect(0, y + topology, left, top - topology),
        "charts": Rect(left + 1, y, width - left - 1, top),
        **below,
    }


def _narrow(width: int, y: int, body: int, tab: str, forked: bool) -> dict[str, Rect]:
    if forked:
        top = max(8, body * 2 // 3, min(15, body - 4))
        return {"fork": Rect(0, y, width, top), tab: Rect(0, y + top, width, body - top)}
    top = max(6, body * (8 if tab == "inspector" else 11) // 20)  # a story needs room
    left = 36 if width >= 76 else 0
    found = {"charts": Rect(left and left + 1, y, width - (left and left + 1), top)}
    if left:
        found["topology"] = Rect(0, y, left, top)
    found[tab] = Rect(0, y + top, width, body - top)
    return found


class PanelRenderer:
    """Remembers what the rows it made last are about, for clicks."""

    def __init__(self, state: CockpitState) -> None:
        self._state = state
        self.places: list[Place] = []  # of the footer's keys
        self._requests: list[int] = []
        self._policies: dict[int, str] = {}
        self._places: dict[int, str] = {}
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
        run, look, zoom = self._state.run, self._state.look, self._state.zoom
        self._places = {}
        title = "topology"
        of = "" if run.layer_state.exact else f"as of {fmt.clock(run.layer_state.at)}"
        if run.view.graph is None:
            rows, found = topology_rows(run, look, width, height - 1, self._state.policy)
        elif zoom:
            rows, found = near_rows(run, zoom, look, width, height - 1, self._state.policy)
            title = "Service A" if zoom == CLIENT_NAME else zoom
        else:
            rows, self._places = graph_rows(run, look, width, height - 1, self._state.place)
            found, of = {}, ""
        self._policies = {index + 1: policy for index, policy in found.items()}
        return [self._title(title, width, "topology", of), *rows]

    def _charts(self, width: int, height: int) -> list[Row]:
        run, look, zoom = self._state.run, self._state.look, self._state.zoom
        if zoom in run.view.graph.names if run.view.graph is not None else ():
            rows = near_charts(run, zoom, look, width, height - 1)
            return [self._title(f"{zoom} over time", width, "charts"), *rows]
        rows = charts_rows(run, look, width, height - 1)
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
        told, clock, rows = self._story(), state.session.clock, list[Row]()
        if told is not None and state.run.view.graph is not None:
            rows = trace_rows(self._trace(told), clock, state.look, width, height - 1, state.scroll)
        else:
            rows = inspector_rows(told, clock, state.look, width, height - 1, state.scroll)
        how = "pgup pgdn scroll" if state.tab == "inspector" and state.stream.chosen is not None else ""
        return [self._title("inspector", width, "inspector", how), *rows]

    def _story(self) -> ToldStory | None:
        run, rid = self._state.run, self._state.stream.chosen
        if rid is None or rid >= run.tape.requests_by(run.position):
            return None
        from resilience_sim.views.story_words import tell

        return tell(rid, run.of_user(rid), run.view.components, run.plan)

    def _trace(self, told: ToldStory) -> Trace:
        """The story of a request over services."""
        from resilience_sim.measure.call_tree import Places, read_tree
        from resilience_sim.views.call_story import decisions

        run, rid = self._state.run, told.story.rid
        components = run.view.components
        tree = read_tree(rid, run.tape.of_request(rid, run.position), Places(components.values()))
        lines = sorted([*told.lines, *decisions(tree, components, run.plan)], key=lambda line: line.t)
        return Trace(ToldStory(told.story, lines, told.operation), tree, components)

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
            if y - 1 in self._places:
                return "place", self._places[y - 1]
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
