"""Of several services: the graph with its flows, and one service (or Service A) from near, with its links.

An edge has its calls per second, attempts per call and the share of calls that failed, lately; a service has its load
where it is called first.
"""

from __future__ import annotations

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.play.panels.topology import client_rows, layer_rows, replica_rows
from resilience_sim.play.run import Run
from resilience_sim.settings.calls import CLIENT_NAME
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.places import SOME_FAIL, Graph, GraphLink, Places
from resilience_sim.views.live.service_rows import HEALTH_STYLES
from resilience_sim.views.text import Row
from resilience_sim.views.words import state_name

STATE_STYLES = ("good", "bad!", "odd!")
RANK = (0, 2, 1)  # CLOSED, OPEN, HALF-OPEN by how much they matter
NARROW = 44  # columns below which figures stand closer


def places_of(run: Run) -> list[str]:
    """What can be looked at from near: Service A and every service, in call order."""
    graph = run.view.graph
    return [] if graph is None else [CLIENT_NAME, *graph.names]


def graph_rows(run: Run, look: Look, width: int, height: int, chosen: str = "") -> tuple[list[Row], dict[int, str]]:
    """The graph as a tree of calls, at most ``height`` rows, and the place that each of some rows is about."""
    graph, places = run.view.graph, run.view.places
    assert graph is not None
    assert places is not None
    drawn = _Drawn(run, graph, places, look, width, chosen)
    rows = client_rows(run, look, width)[:1]
    if chosen == CLIENT_NAME:
        rows[0] = Row(">", "calm!").join(rows[0])
    of_row = {0: CLIENT_NAME}
    if height > len(graph.links) + 1:
        rows.append(drawn.head())
    for link, indent, first in _edges(graph, look):
        of_row[len(rows)] = graph.links[link].callee
        rows.append(drawn.edge(link, indent, first))
    if len(rows) > height:
        at = next((n for n, place in of_row.items() if place == chosen), 0)
        start = max(0, min(at - height // 2, len(rows) - height))
        rows, of_row = rows[start:], {n - start: place for n, place in of_row.items() if n >= start}
    return [row.fit(width, look.dots) for row in rows[:height]], of_row


def _edges(graph: Graph, look: Look) -> list[tuple[int, str, bool]]:
    """The links in call order, depth first: index, what to draw before the name, whether its callee is new."""
    tee, corner, bar = ("|-", "`-", "| ") if look.ascii_only else ("├╴", "└╴", "│ ")
    found: list[tuple[int, str, bool]] = []
    seen: set[str] = set()

    def below(caller: str, indent: str) -> None:
        links = graph.outward(caller)
        for n, link in enumerate(links):
            last = n == len(links) - 1
            callee = graph.links[link].callee
            found.append((link, indent + (corner if last else tee), callee not in seen))
            if callee not in seen:
                seen.add(callee)
                below(callee, indent + ("  " if last else bar))

    below(CLIENT_NAME, "")
    return found


class _Drawn:
    """The rows of the graph: names to the left, figures of the edge, then what the service has at hand."""

    def __init__(self, run: Run, graph: Graph, places: Places, look: Look, width: int, chosen: str) -> None:
        self.run, self.graph, self.places, self.look, self.width, self.chosen = run, graph, places, look, width, chosen
        self.name, *self.ends = (12, 17, 22, 28) if width < NARROW else (14, 20, 26, 33)

    def head(self) -> Row:
        row = Row("").to(self.name)
        for text, end in zip(("/s", "try", "fail"), self.ends, strict=True):
            row.right(text, "faint", end)
        return row.add("  busy", "faint")

    def edge(self, index: int, indent: str, first: bool) -> Row:
        link, clock = self.graph.links[index], self.run.view.clock
        mine = link.callee == self.chosen
        service = self.graph.names.index(link.callee)
        track = self.places.services[service]
        level = self.places.health_now(track, clock)
        row = Row(">" if mine else " ", "calm!").add(indent, "faint")
        row.add(printable(link.callee), "calm!" if mine else "strong" if first else "faint")
        row.fit(self.name, self.look.dots)
        calls, tries, failing = self.places.flow(index, clock)
        row.right(f" {short_rate(calls)}", "" if calls else "faint", self.ends[0])
        row.right(" " + ("" if tries is None else fmt.factor(float(f"{tries:.2g}"))), _tries_style(tries), self.ends[1])
        row.right(" " + ("" if failing is None else fmt.share(failing)), "bad" if failing else "faint", self.ends[2])
        state = breaker_state(self.run, self.graph, index)
        if state:
            row.add(f" {state_name(state)}", STATE_STYLES[state])
        if not first:
            return row if state else row.add(" above", "faint")
        workers = track.workers
        busy = fmt.short_count(track.held) + (f"/{fmt.short_count(workers)}" if workers else "")
        waiting = f" +{fmt.short_count(track.queued)}" if track.queued else ""
        for text, style in ((f" {busy}", HEALTH_STYLES[level] if level > 1 else ""), (waiting, "bad")):
            if row.width + len(text) <= self.width:
                row.add(text, style)
        return row


def _share_style(share: float | None) -> str:
    return "bad" if share is not None and share < 1 - SOME_FAIL else ""


def short_rate(value: float) -> str:
    """A rate in few digits, without its unit."""
    return fmt.short_count(round(value)) if value >= 10 else f"{value:.2g}"


def _tries_style(tries: float | None) -> str:
    return "faint" if tries is None else "bad" if tries >= 2 else "odd" if tries > 1.3 else ""


def breaker_state(run: Run, graph: Graph, link: int) -> int:
    """The worst state of a link's breakers; CLOSED where it has none."""
    states = [lane.state for source, lane in run.view.breakers.items() if graph.link_of.get(source, -1) == link]
    return max(states, key=lambda state: RANK[min(state, 2)], default=ev.CLOSED)


# --- from near ----------------------------------------------------------------------------------------------------


def near_rows(
    run: Run, place: str, look: Look, width: int, height: int, chosen: str = ""
) -> tuple[list[Row], dict[int, str]]:
    """A service: its workers, how it answers, its links with their policies; the policy that some rows are about."""
    graph, places = run.view.graph, run.view.places
    assert graph is not None
    assert places is not None
    rows: list[Row] = []
    of_row: dict[int, str] = {}
    inward = [] if place == CLIENT_NAME else graph.inward(place)
    outward = graph.outward(place)
    if place == CLIENT_NAME:
        rows += client_rows(run, look, width)
    else:
        index = graph.names.index(place)
        rows += replica_rows(run, graph.services[index], look, max(1, height // 4))
        rows.append(_answers(run, places, index, look))
    stacks = [graph.links[link] for link in (*inward, *outward)]
    needed = len(rows) + len(stacks) + sum(len(link.stack) for link in stacks)
    detailed = height >= needed + sum(len(link.stack) for link in stacks)
    for link in inward + outward:
        edge = graph.links[link]
        rows.append(_link_row(run, graph, places, link, edge.callee == place, look))
        for policy in edge.stack:
            for row in layer_rows(run, policy, look, chosen == policy.id, detailed):
                of_row[len(rows)] = policy.id
                rows.append(row)
        if not edge.stack and edge.callee != place and detailed:
            rows.append(Row("   no policies", "faint"))
    return [row.fit(width, look.dots) for row in rows[:height]], of_row


def policies_near(run: Run, place: str) -> list[str]:
    """The ids of the policies that :func:`near_rows` shows."""
    graph = run.view.graph
    if graph is None:
        return []
    inward = [] if place == CLIENT_NAME else graph.inward(place)
    return [policy.id for link in (*inward, *graph.outward(place)) for policy in graph.links[link].stack]


def _answers(run: Run, places: Places, index: int, look: Look) -> Row:
    """How a service answers lately."""
    clock, track = run.view.clock, places.services[index]
    share, mean = places.good_share(index, clock), places.mean_time(index, clock)
    row = Row("    ").add(f"{short_rate(places.rate(track.received, clock))}/s", "")
    row.add("  ok ", "faint").add(look.rule if share is None else fmt.share(share), _share_style(share))
    return row.add("  after ", "faint").add(fmt.duration(float(f"{mean:.2g}")) if mean else look.rule)


def _link_row(run: Run, graph: Graph, places: Places, index: int, inward: bool, look: Look) -> Row:
    link: GraphLink = graph.links[index]
    calls, tries, failing = places.flow(index, run.view.clock)
    row = Row(" from " if inward else " to ", "faint")
    row.add(printable(_who(link.caller) if inward else link.callee), "title").to(max(12, row.width + 1))
    row.add(f"{short_rate(calls)}/s")
    if tries is not None:
        row.add("  try ", "faint").add(fmt.factor(float(f"{tries:.2g}")), _tries_style(tries))
    if failing is not None:
        row.add("  fail ", "faint").add(fmt.share(failing), "bad" if failing else "")
    return row


def _who(caller: str) -> str:
    return "A" if caller == CLIENT_NAME else caller
