"""One run as one frame: a pure function of state, width and height.

Header, counters, notes and footer are here; the other rows come from lanes.py, plots.py and stream.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.kernel import format as fmt
from resilience_sim.views.live.axis import Axis, axis_row
from resilience_sim.views.live.caption import caption_row
from resilience_sim.views.live.lanes import breaker_row, change_rows, client_row, fault_rows
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.views.live.plots import Points, latency_rows, load_rows, points_of, queue_rows, success_rows
from resilience_sim.views.live.service_rows import WIDE_FIGURES, rows_wanted, service_rows
from resilience_sim.views.live.state import LiveFold, StateTimeline
from resilience_sim.views.live.stream import stream_rows, stream_title
from resilience_sim.views.text import Row, Sheet

STATE_STYLES = {"OPEN": "bad!", "CLOSED": "good!", "HALF-OPEN": "odd!", "CRASHED": "bad!", "back": "good!"}


@dataclass(frozen=True, slots=True)
class PlaybackStatus:
    """What a frame shows that is not in the run: how it is played. ``keys`` False: nobody can press any."""

    speed: float = 1.0
    paused: bool = False
    keys: bool = True
    lagging: bool = False  # the machine cannot keep up with the speed asked for
    served: bool = False  # it is real traffic, which nobody can pause


def header_row(state: LiveFold, title: str, playback: PlaybackStatus, look: Look, width: int) -> Row:
    """Name and seed, then the virtual clock, where it leads and how fast."""
    right = Row(fmt.clock(state.clock)[:-2] + "s", "strong")
    if not playback.served:
        right.add(f" of {look.approx}{fmt.instant(round(state.horizon, -9))}" if not state.over else " over", "faint")
    right.add(f"  {speed_text(playback.speed, look)}", "odd" if playback.lagging else "calm")
    if playback.lagging:
        right.add(" (as fast as it goes)", "faint")
    mark = Row(f"{look.pause} PAUSED " if playback.paused else f"{look.play} ", "odd!" if playback.paused else "good!")
    row = mark.add(title, "title").add(f"  seed {state.seed}", "faint")
    if row.width + right.width + 2 > width:
        row.to(max(0, width - right.width - 2))
    return row.to(width - right.width).join(right)


def speed_text(speed: float, look: Look) -> str:
    """``2x`` in virtual seconds per second."""
    return f"{fmt.factor(speed)[:-1]}{look.times} speed"


def figures(state: LiveFold, look: Look) -> list[tuple[str, Row]]:
    """The counters, the most telling first; those that mean nothing here are left out."""
    share = fmt.share(state.succeeded / state.done) if state.done else fmt.NOTHING
    short = fmt.short_count
    pairs: list[tuple[str, Row]] = [
        ("requests", Row(short(state.arrived), "strong")),
        ("in flight", Row(short(state.in_flight))),
        ("succeeded", Row(short(state.succeeded), "good").add(f" {share}", "faint")),
    ]
    failed = state.done - state.succeeded
    pairs.append(("failed", Row(short(failed), "bad" if failed else "")))
    if state.late:
        pairs.append(("too late", Row(short(state.late), "odd")))
    ratio = f"  {fmt.factor(state.attempts / state.arrived)}" if state.arrived else ""
    pairs.append(("attempts", Row(short(state.attempts)).add(ratio, "faint")))
    if state.retries:
        pairs.append(("repeated", Row(short(state.retries), "odd")))
    if state.denied:
        pairs.append(("no budget", Row(short(state.denied), "odd")))
    if state.rejected:
        pairs.append(("turned away", Row(short(state.rejected), "odd")))
    if state.plan.client.threads:
        peak = f"/{short(state.plan.client.threads)} peak {short(state.held_peak)}"
        held = max(state.held.values(), default=0)
        pairs.append(
            ("threads", Row(short(held), "bad" if held >= state.plan.client.threads else "").add(peak, "faint"))
        )
    if not state.plan.operation.only_reads:
        pairs.append(("effects", Row(short(state.applied))))
        pairs.append(("duplicates", Row(short(state.duplicates), "bad!" if state.duplicates else "good")))
        if state.orphans:
            pairs.append(("orphans", Row(short(state.orphans), "bad!")))
    return pairs


def counter_rows(state: LiveFold, look: Look, width: int, rows: int) -> list[Row]:
    """The counters as a column, followed by the outcomes of what failed."""
    lines = [Row(name, "faint").to(17).join(value).to(width) for name, value in figures(state, look)]
    for name, number in state.outcomes():
        lines.append(Row(f"  {name}", "faint").to(17).add(fmt.short_count(number), "bad").to(width))
    return lines[:rows]


def counter_lines(state: LiveFold, look: Look, width: int, rows: int) -> list[Row]:
    """The counters one after the other, on at most ``rows`` lines."""
    outcomes = [(name, Row(fmt.short_count(number), "bad")) for name, number in state.outcomes()]
    lines = [Row()]
    for name, value in figures(state, look) + outcomes:
        piece = Row(f"{name} ", "faint").join(value)
        gap = 3 if lines[-1].width else 0
        if lines[-1].width + gap + piece.width > width:
            if len(lines) == rows:
                break
            lines.append(Row())
            gap = 0
        lines[-1].add(" " * gap).join(piece)
    return lines


def note_rows(state: LiveFold, look: Look, width: int, rows: int) -> list[Row]:
    """The last changes of state and why, the newest at the bottom."""
    lines = []
    for t, who, what, why in list(state.notes)[-rows:] if rows > 0 else []:
        row = Row().right(fmt.clock(t)[:-2] + "s", "faint", 8).add(f" {who.replace('circuit_breaker', 'breaker')} ")
        lines.append(
            row.add(what, STATE_STYLES.get(what, "")).add(f"  {why}" if why else "", "faint").fit(width, look.dots)
        )
    return lines


def footer_row(playback: PlaybackStatus, look: Look, width: int) -> Row:
    """The keys, where there is a keyboard."""
    row = Row()
    if not playback.keys:
        return row.add("Ctrl-C stops and summarises", "faint").to(width)
    if playback.served:
        return row.add("q", "key").add(" stop serving and summarise", "faint").to(width)
    for key, what in (
        ("q", "quit and summarise"),
        ("space", "go on" if playback.paused else "pause"),
        ("+ -", "speed"),
        ("f", "finish now"),
    ):
        row.add("   " if row.width else "").add(key, "key").add(f" {what}", "faint")
    return row.to(width)


WIDE = 110  # columns from which counters stand beside the stream
SIDE = 34  # columns of that panel


def axis_for(state: LiveFold, width: int, horizon: int = 0) -> Axis:
    """The time axis of a frame (or of a block) of some width."""
    left, right = (12, 17) if width < WIDE else (15, 18)
    if width < 60:
        left, right = 11, 14 if state.graph is not None else 11
    if state.graph is not None and width >= WIDE:
        right = WIDE_FIGURES
    return Axis(left, max(4, width - left - right), right, max(1, horizon or state.horizon), state.clock)


def lane_rows(state: LiveFold, axis: Axis, look: Look, most: int) -> list[Row]:
    """Breakers of Service A and crashed clients, at most ``most``; instances that crashed come first."""
    rows = [client_row(state, lane, axis, look) for lane in state.clients.values()]
    rows += [breaker_row(state, lane, axis, look) for lane in outer_breakers(state)]
    return rows[:most]


def lane_count(state: LiveFold) -> int:
    """How many rows show every lane: breakers, crashed clients, and services where there are several."""
    return len(outer_breakers(state)) + len(state.clients) + rows_wanted(state)


def all_lanes(state: LiveFold, axis: Axis, look: Look, most: int) -> list[Row]:
    """As :func:`lane_rows`, then the services, as far as there is room."""
    some = most if state.graph is None else min(most // 3, lane_count(state) - rows_wanted(state))
    rows = lane_rows(state, axis, look, some)
    return rows + service_rows(state, axis, look, most - len(rows))


def outer_breakers(state: LiveFold) -> list[StateTimeline]:
    """The breakers of Service A."""
    graph = state.graph
    return [lane for source, lane in state.breakers.items() if graph is None or not graph.behind(source)]


def chart_rows(state: LiveFold, points: Points, axis: Axis, look: Look, each: int) -> list[Row]:
    """The charts, each ``each`` rows, but the queue only one; several services have rows of their own for load."""
    if state.graph is not None:
        return [*success_rows(state, points, axis, look, each), *latency_rows(state, points, axis, look, each)]
    return [
        *success_rows(state, points, axis, look, each),
        *load_rows(state, points, axis, look, each),
        *queue_rows(state, points, axis, look),
        *latency_rows(state, points, axis, look, each),
    ]


def chart_height(state: LiveFold, rows: int, most: int) -> int:
    """How many rows each chart may have, if all of them share ``rows``."""
    if state.graph is not None:
        return max(1, min(most, rows // 2))
    return max(1, min(most, (rows - (1 if state.workers else 0)) // 3))


def frame(
    state: LiveFold,
    width: int,
    height: int,
    playback: PlaybackStatus | None = None,
    look: Look = UNICODE,
    title: str = "",
) -> Sheet:
    """The whole screen for one run, exactly ``width`` x ``height``."""
    playback = playback or PlaybackStatus()
    axis = axis_for(state, width)
    each = min(6, max(1, (height - 12) // 6))
    rows = [header_row(state, title or state.name, playback, look, width), caption_row(state, look, width)]
    rows += fault_rows(state, axis, look, max(1, (height - 16) // 6))
    rows += change_rows(state, axis, look)
    rows += lane_rows(state, axis, look, max(1, (height - 14) // 5))
    rows += service_rows(state, axis, look, room_for_services(state, height))
    rows += chart_rows(state, points_of(state, axis), axis, look, each)
    rows.append(axis_row(axis, look))
    left = height - len(rows) - 1
    rows += _wide_bottom(state, look, width, left) if width >= WIDE else _narrow_bottom(state, look, width, left)
    rows = rows[: height - 1]
    rows += [Row() for _ in range(height - 1 - len(rows))]
    return Sheet([*rows, footer_row(playback, look, width)], width, height)


def room_for_services(state: LiveFold, height: int) -> int:
    """How many rows the services may have: all they want, up to half the screen."""
    if state.graph is None:
        return 0
    wanted = rows_wanted(state)
    half = max(3, height * 11 // 24)
    with_load = wanted + len(state.graph.services)
    return with_load if with_load <= half else min(half, wanted)


def _narrow_bottom(state: LiveFold, look: Look, width: int, height: int) -> list[Row]:
    """Stream, one note, counters in lines."""
    notes = note_rows(state, look, width, 1 if height >= 6 else 0)
    counters = counter_lines(state, look, width, 2 if height >= 7 else 1)
    room = max(0, height - 1 - len(notes) - len(counters))
    stream = stream_rows(state, look, width, room)
    stream += [Row() for _ in range(room - len(stream))]
    return [stream_title(state, look, width), *stream, *notes, *counters]


def _wide_bottom(state: LiveFold, look: Look, width: int, height: int) -> list[Row]:
    """Stream on the left, counters on the right, the last notes below both."""
    left = width - SIDE - 2
    notes = note_rows(state, look, width, min(4, max(0, height - 12)))
    below = [_title("what changed", look, width), *notes] if notes else []
    height -= len(below)
    stream = [stream_title(state, look, left), *stream_rows(state, look, left, height - 1)]
    side = [_title("counters", look, SIDE), *counter_rows(state, look, SIDE, max(0, height - 1))]
    rows = []
    for index in range(height):
        row = stream[index] if index < len(stream) else Row()
        rows.append(row.to(left).add("  ").join(side[index] if index < len(side) else Row()).to(width))
    return rows + below


def _title(text: str, look: Look, width: int) -> Row:
    row = Row(f"{look.rule * 2} ", "faint").add(text, "strong").add(" ")
    return row.add(look.rule * (width - row.width), "faint")
