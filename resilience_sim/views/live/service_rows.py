"""A row for each service in call order: its health over time, then its load. A cascade is a wave that climbs them.

Breakers on links stand below the service that calls. What colour says, the characters say too; a legend names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.views import charts
from resilience_sim.views.live.axis import Axis
from resilience_sim.views.live.lanes import STATE_STYLES, lane_states
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.places import BINS, FULL, IDLE, MOST, SOME, WELL, Graph, Places
from resilience_sim.views.live.state import LiveFold, StateTimeline
from resilience_sim.views.text import Row
from resilience_sim.views.words import state_name

HEALTH_STYLES = ("faint", "good", "odd", "bad", "bad!")
HEALTH_WORDS = ("nothing to do", "well", "full", "some fail", "most fail")
WIDE_FIGURES = 26  # columns from which rates are shown, too
SHARE, BUSY, QUEUE = 6, 14, 20  # columns where the figures end, counted from the end of the axis


@dataclass(frozen=True, slots=True)
class Health:
    """How a service was: a level for each column, up to now, and the one that holds now."""

    columns: list[int]
    now: int


def health_of(state: LiveFold, places: Places, index: int, axis: Axis) -> Health:
    """The worst of the bins under each column, as far as time has come; columns behind now are computed once."""
    track, width = places.services[index], places.width
    now = min(BINS - 1, axis.now // width)
    key = (axis.width, axis.horizon, width)
    name = f"health {index}"
    if state.memo.get(name, (None,))[0] != key:
        state.memo[name] = (key, [])
    settled: list[int] = state.memo[name][1]
    columns = list(settled)
    last = axis.column(axis.now)
    for column in range(len(settled), last + 1):
        first = column * axis.horizon // axis.width // width
        stop = max(first + 1, (column + 1) * axis.horizon // axis.width // width)
        columns.append(places.health(track, min(first, now), min(stop, now + 1)))
        if stop <= now and len(settled) == column:
            settled.append(columns[-1])
    columns += [-1] * (axis.width - len(columns))
    return Health(columns[: axis.width], places.health_now(track, axis.now))


def service_rows(state: LiveFold, axis: Axis, look: Look, most: int, chosen: str = "") -> list[Row]:
    """At most ``most`` rows; where not all fit, the services that had trouble go first. None of one service alone."""
    graph, places = state.graph, state.places
    if graph is None or places is None or most < 1:
        return []
    healths = [health_of(state, places, i, axis) for i in range(len(graph.services))]
    links = _breaker_links(state, graph)
    legend = [_legend(axis, look)] if most >= len(healths) + 1 else []
    room = most - len(legend)
    shown = _shown(healths, room)
    left = room - len(shown)
    shown_links = [link for link in links if link[0] in shown][: max(0, left)]
    loads = left - len(shown_links) >= len(shown)
    rows = legend
    for i in shown:
        rows.append(_service_row(state, graph, places, i, healths[i], axis, look, chosen))
        if loads:
            rows += _load_rows(places, i, axis, look, 1, " load")
        rows += [_breaker_row(state, name, lanes, axis, look) for at, name, lanes in shown_links if at == i]
    more = len(healths) - len(shown)
    if more and rows:
        rows[-1].to(axis.left + axis.width).add(f" and {more} more", "faint")
    return rows


def rows_wanted(state: LiveFold) -> int:
    """How many rows show every service and breaker, with the legend; 0 of one service."""
    if state.graph is None:
        return 0
    return 1 + len(state.graph.services) + len(_breaker_links(state, state.graph))


def _shown(healths: list[Health], room: int) -> list[int]:
    """The services to show, in call order: all, or first those that were worst."""
    if len(healths) <= room:
        return list(range(len(healths)))
    worst = sorted(range(len(healths)), key=lambda i: (-max([*healths[i].columns, IDLE]), i))
    return sorted(worst[: max(0, room)])


def _legend(axis: Axis, look: Look) -> Row:
    row = axis.label("services", "strong")
    for level in (WELL, FULL, SOME, MOST):
        row.add(f"{look.health[level]} ", HEALTH_STYLES[level]).add(f"{HEALTH_WORDS[level]}  ", "faint")
    end = axis.left + axis.width
    row.to(end).right("ok", "faint", end + SHARE).right(
        "busy", "faint", end + (BUSY if axis.right >= WIDE_FIGURES else axis.right)
    )
    if axis.right >= WIDE_FIGURES:
        row.right("wait", "faint", end + QUEUE).right("/s", "faint", end + axis.right)
    return row.to(end + axis.right)


def _service_row(
    state: LiveFold, graph: Graph, places: Places, i: int, health: Health, axis: Axis, look: Look, chosen: str
) -> Row:
    service, track = graph.services[i], places.services[i]
    name = printable(service.name) + (f" {look.times}{service.replicas}" if service.replicas > 1 else "")
    row = axis.label(name, "calm!" if service.name == chosen else "strong")
    for piece, level in charts.runs(charts.lane(health.columns, look.health), health.columns):
        row.add(piece, HEALTH_STYLES[level] if level >= 0 else "")
    end = axis.left + axis.width
    share = places.good_share(i, axis.now)
    row.right(look.rule if share is None else fmt.share(share), HEALTH_STYLES[health.now], end + SHARE)
    workers = track.workers
    full = workers and track.held >= workers
    busy = fmt.short_count(track.held) + (f"/{fmt.short_count(workers)}" if workers else "")
    waiting = f" +{fmt.short_count(track.queued)}" if track.queued else ""
    if axis.right < WIDE_FIGURES:
        room = end + axis.right - row.width - 1
        waiting = waiting if len(busy) + len(waiting) <= room else ""
        row.right(f" {busy}", "bad" if full else "", end + axis.right - len(waiting))
        return row.add(waiting, "bad").to(end + axis.right)
    row.right(f" {busy}", "bad" if full else "", end + BUSY)
    row.right(waiting, "bad", end + QUEUE)
    return row.right(f" {_rate(places.rate(track.received, axis.now))}", "faint", end + axis.right)


def _rate(value: float) -> str:
    return fmt.short_count(round(value)) if value >= 10 else f"{value:.2g}"


Values = list[float | None]


def _over_time(places: Places, axis: Axis, values: Sequence[Callable[[range], float | None]]) -> list[Values]:
    """Two points a column up to now, each of the bins under it."""
    now, width, total = min(BINS - 1, axis.now // places.width), places.width, axis.width * 2
    found: list[Values] = [[None] * total for _ in values]
    for point in range(total):
        first = point * axis.horizon // total // width
        if first > now:
            break
        stop = min(max(first + 1, (point + 1) * axis.horizon // total // width), now + 1)
        for n, value in enumerate(values):
            found[n][point] = value(range(first, stop))
    return found


def _load(places: Places, i: int, axis: Axis) -> tuple[Values, Values]:
    """Of a service: workers that are busy, and those with whoever waits on top."""
    track = places.services[i]

    def busy(bins: range) -> float:
        return float(max((track.busy[n] if n <= track.at else track.held for n in bins), default=0))

    def waiting(bins: range) -> float:
        return float(max((track.queue[n] if n <= track.at else track.queued for n in bins), default=0))

    held, waits = _over_time(places, axis, (busy, waiting))
    return held, [None if h is None or w is None else h + w for h, w in zip(held, waits, strict=True)]


def _load_rows(places: Places, i: int, axis: Axis, look: Look, rows: int, label: str) -> list[Row]:
    """Workers that are busy, and on top of them whoever waits, against the workers there are."""
    workers = places.services[i].workers
    busy, total = _load(places, i, axis)
    top = max([*(value for value in total if value is not None), float(workers), 1.0])
    chart = charts.stacked(busy, total, top, rows, look.ascii_only)
    queued = [q is not None and b is not None and q > b for b, q in zip(busy, total, strict=True)]
    kinds = [int(queued[n] or queued[n + 1]) for n in range(0, len(queued), 2)]
    track = places.services[i]
    limit = f" of {fmt.short_count(workers)} workers" if workers else " no limit"
    if rows > 1:
        limit = f" {fmt.short_count(track.held)}{f'/{fmt.short_count(workers)}' if workers else ''} busy"
    figures = [limit, f" {fmt.short_count(track.queued)} wait"]
    found = []
    for n, text in enumerate(chart):
        row = axis.label((label, f"scale {fmt.short_count(round(top))}", *[""] * rows)[n], "faint" if n else "")
        for piece, kind in charts.runs(text, kinds):
            row.add(piece, ("calm", "bad")[kind])
        row.add(figures[n] if n < len(figures) else "", "faint")
        found.append(row.to(axis.left + axis.width + axis.right))
    return found


def near_service_rows(state: LiveFold, name: str, axis: Axis, look: Look, height: int) -> list[Row]:
    """One service over time: health, breakers of its links, the share of attempts that were good, its load."""
    graph, places = state.graph, state.places
    assert graph is not None
    assert places is not None
    i = graph.names.index(name)
    track = places.services[i]
    rows = [_legend(axis, look)] if height >= 8 else []
    rows.append(_service_row(state, graph, places, i, health_of(state, places, i, axis), axis, look, name))
    links = [(label, lanes) for at, label, lanes in _breaker_links(state, graph) if at == i]
    rows += [_breaker_row(state, label, lanes, axis, look) for label, lanes in links[: max(0, (height - 4) // 3)]]
    each = max(1, (height - len(rows)) // 2)

    def good(bins: range) -> float | None:
        fine, bad = sum(track.good[bins.start : bins.stop]), sum(track.bad[bins.start : bins.stop])
        return fine / (fine + bad) if fine + bad else None

    (shares,) = _over_time(places, axis, (good,))
    columns = [[v for v in shares[n : n + 2] if v is not None] for n in range(0, len(shares), 2)]
    kinds = [0 if not each else 1 if min(each) >= 0.95 else 2 if min(each) >= 0.5 else 3 for each in columns]
    chart = charts.area([v if v is None else max(v, 0.25 / each / 2) for v in shares], 1.0, each, look.ascii_only)
    share = places.good_share(i, axis.now)
    figure = look.rule if share is None else fmt.share(share)
    for n, text in enumerate(chart):
        row = axis.label(("ok", "0-100%", *[""] * each)[n], "faint" if n else "")
        for piece, kind in charts.runs(text, kinds):
            row.add(piece, ("", "good", "odd", "bad")[kind])
        rows.append(row.add("" if n else f" {figure}").to(axis.left + axis.width + axis.right))
    return rows + _load_rows(places, i, axis, look, each, "load")


# --- breakers on links --------------------------------------------------------------------------------------------


def _breaker_links(state: LiveFold, graph: Graph) -> list[tuple[int, str, list[StateTimeline]]]:
    """For each breaker of a link between services: the index of the caller, its name, one lane a calling replica."""
    found: dict[tuple[int, str], list[StateTimeline]] = {}
    for source, lane in state.breakers.items():
        link = graph.link_of.get(source, 0)
        component = state.components.get(source)
        if link and component is not None:
            found.setdefault((link, component.name), []).append(lane)
    on_link = [index for index, _ in found]
    rows = []
    for (index, name), lanes in found.items():
        edge = graph.links[index]
        label = f" >{printable(edge.callee)}"
        if on_link.count(index) > 1:
            label += f" {printable(name.rpartition('.')[2])}"
        rows.append((graph.names.index(edge.caller), label, lanes))
    return rows


def _breaker_row(state: LiveFold, name: str, lanes: list[StateTimeline], axis: Axis, look: Look) -> Row:
    """The breakers of a link over time; of several replicas, open where any is."""
    row = axis.label(name)
    each = [lane_states(lane, axis, state.bins.width) for lane in lanes]
    rank = (0, 2, 1)  # CLOSED, OPEN, HALF-OPEN by how much they matter
    states = [max(column, key=lambda s: rank[s] if s >= 0 else -1) for column in zip(*each, strict=True)]
    for piece, kind in charts.runs(charts.lane(states, look.states), states):
        row.add(piece, STATE_STYLES[kind] if kind >= 0 else "")
    now = max((lane.state for lane in lanes), key=lambda s: rank[s])
    some = sum(lane.state == now for lane in lanes)
    which = f"{some}/{len(lanes)} " if len(lanes) > 1 and now != ev.CLOSED else ""
    row.add(f" {which}").add(state_name(now), STATE_STYLES[now] + "!")
    opened = sum(lane.opened for lane in lanes)
    row.add(f" {look.times}{opened}" if opened else "", "faint")
    return row.to(axis.left + axis.width + axis.right)


# --- in words -----------------------------------------------------------------------------------------------------


def troubles(state: LiveFold) -> list[tuple[str, str, str]]:
    """Who is in trouble now, the innermost first: in full, in short, style."""
    graph, places = state.graph, state.places
    if graph is None or places is None:
        return []
    found = []
    for i in reversed(range(len(graph.services))):
        level = places.health_now(places.services[i], state.clock)
        name, queued = printable(graph.names[i]), places.services[i].queued
        if level == FULL:
            waiting = f", {fmt.count(queued)} wait" if queued else ""
            found.append((f"{name} is full{waiting}", f"{name} full", "odd"))
        elif level in (SOME, MOST):
            bad = fmt.share(1 - (places.good_share(i, state.clock) or 0.0))
            found.append((f"{bad} of attempts at {name} fail", f"{name} {bad} fail", "bad"))
    return found
