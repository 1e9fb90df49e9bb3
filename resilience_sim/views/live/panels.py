"""The words of a frame: header, counters, notes, footer.

Owns what is written around the charts and the stream. Pure functions of the state. Refuses to lay out (frame.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.views import format as fmt
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.text import Row

STATE_STYLES = {"OPEN": "bad!", "CLOSED": "good!", "HALF-OPEN": "odd!", "CRASHED": "bad!", "back": "good!"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a frame shows that is not in the run: how it is played. ``keys`` False: nobody can press any."""

    speed: float = 1.0
    paused: bool = False
    keys: bool = True
    lagging: bool = False  # the machine cannot keep up with the speed asked for


def header_row(state: LiveFold, title: str, around: Surroundings, look: Look, width: int) -> Row:
    """Name and seed, then the virtual clock, where it leads and how fast."""
    right = Row(fmt.clock(state.clock)[:-2] + "s", "strong")
    right.add(f" of {look.approx}{fmt.duration(state.horizon)}" if not state.over else " over", "faint")
    right.add(f"  {speed_text(around.speed, look)}", "odd" if around.lagging else "calm")
    if around.lagging:
        right.add(" (as fast as it goes)", "faint")
    mark = Row(f"{look.pause} PAUSED " if around.paused else f"{look.play} ", "odd!" if around.paused else "good!")
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
    if state.plan.operation.method != "GET":
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
        lines.append(row.add(what, STATE_STYLES.get(what, "")).add(f"  {why}" if why else "", "faint").to(width))
    return lines


def footer_row(around: Surroundings, look: Look, width: int) -> Row:
    """The keys, where there is a keyboard."""
    row = Row()
    if not around.keys:
        return row.add("Ctrl-C stops and summarises", "faint").to(width)
    for key, what in (
        ("q", "quit and summarise"),
        ("space", "go on" if around.paused else "pause"),
        ("+ -", "speed"),
        ("f", "finish now"),
    ):
        row.add("   " if row.width else "").add(key, "key").add(f" {what}", "faint")
    return row.to(width)
