"""Rows on the frame's time axis: faults, changes, breaker states, crashed clients. Pure functions of state and axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.views import charts
from resilience_sim.views.live.axis import Axis
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.state import LiveFold, StateTimeline
from resilience_sim.views.text import Row
from resilience_sim.views.words import fault_kind, fault_words, state_name

if TYPE_CHECKING:
    from resilience_sim.views.live.state import LiveFold


STATE_STYLES = ("good", "bad", "odd")


# --- faults -------------------------------------------------------------------------------------------------------


def fault_rows(state: LiveFold, axis: Axis, look: Look, most: int) -> list[Row]:
    """Faults on as few rows as hold them without overlap, at most ``most``; ahead of now they are only sketched."""
    packed: list[list[tuple[int, FaultConfig]]] = []
    for item in sorted(enumerate(state.plan.faults), key=lambda pair: pair[1].at):
        for row in packed:
            last = row[-1][1]
            if axis.column(last.at + last.duration) < axis.column(item[1].at):
                row.append(item)
                break
        else:
            packed.append([item])
    if not packed:
        return [axis.label("faults").add(look.track * axis.width, "faint").add(" none", "faint")]
    return [
        _fault_row(
            state, axis, look, row, "faults" if n == 0 else "", n == 0, len(packed) - most if n == most - 1 else 0
        )
        for n, row in enumerate(packed[:most])
    ]


def _fault_row(
    state: LiveFold, axis: Axis, look: Look, faults: list[tuple[int, FaultConfig]], label: str, first: bool, more: int
) -> Row:
    row = axis.label(label)
    x = 0
    for n, (index, fault) in enumerate(faults):
        start = max(x, axis.column(fault.at))
        end = max(start + 1, axis.column(min(fault.at + fault.duration, axis.horizon)) + 1)
        row.add(look.track * (start - x), "faint")
        reached = min(end, max(start, axis.column(state.clock) + 1)) if fault.at <= state.clock else start
        on = index in state.faults_on
        following = axis.column(faults[n + 1][1].at) if n + 1 < len(faults) else axis.width
        inside, beside = _fault_text(fault, end - start - 2, following - end - 1)
        body = look.fault * (reached - start) + look.fault_ahead * (end - reached)
        if inside:
            body = body[0] + inside + body[len(inside) + 1 :]
        split = reached - start
        row.add(body[:split], "bad" if on else "odd").add(body[split:], "faint").add(beside, "bad" if on else "faint")
        x = end + len(beside)
    row.add(look.track * (axis.width - x), "faint")
    on_now = [fault_kind(state.plan.faults[i]) for i in sorted(state.faults_on)]
    if first and on_now:
        texts = (", ".join(dict.fromkeys(on_now)), fmt.plural(len(on_now), "fault"), "")
        row.add(" ").add(
            next(f"{text} ON".strip() for text in texts if len(text) + 4 <= axis.right or not text), "bad!"
        )
    elif more > 0:
        row.add(f" {fmt.plural(more, 'more row')}", "faint")
    return row


def _fault_text(fault: FaultConfig, inside: int, beside: int) -> tuple[str, str]:
    """What a fault is, in its box or, where that is too small, beside it: as much as there is room for."""
    name, words, kind = printable(fault.id), fault_words(fault), fault_kind(fault)
    texts = [f" {name}: {words} ", f" {words} ", f" {kind} "]
    if name in (words, kind):
        texts.pop(0)
    for text in texts:
        for room, found in ((inside, (text, "")), (beside, ("", text))):
            if cell_len(text) <= room and (text.isascii() or cell_len(text) == len(text)):
                return found
    return "", ""


# --- lanes of states ----------------------------------------------------------------------------------------------


def lane_states(lane: StateTimeline, axis: Axis, width: int) -> list[int]:
    """The state to show in each column up to now: one entered in it (HALF-OPEN first), else the one that holds."""
    shown = []
    state = 0
    now = axis.column(axis.now)
    entered_by: dict[int, int] = {}
    last_by: dict[int, int] = {}
    for index in sorted(lane.entered):
        column = axis.column(index * width + width // 2)
        entered_by[column] = entered_by.get(column, 0) | lane.entered[index]
        last_by[column] = lane.last[index]
    for column in range(axis.width):
        if column > now:
            shown.append(-1)
            continue
        entered = entered_by.get(column, 0)
        shown.append(2 if entered & 4 else 1 if entered & 2 or (entered and state == 1) else state)
        state = last_by.get(column, state)
    if lane.state and now < axis.width:
        shown[now] = lane.state
    return shown


def breaker_row(state: LiveFold, lane: StateTimeline, axis: Axis, look: Look) -> Row:
    """One breaker: its states over time, then its state now and how often it opened."""
    row = axis.label(lane.name)
    states = lane_states(lane, axis, state.bins.width)
    for piece, kind in charts.runs(charts.lane(states, look.states), states):
        row.add(piece, STATE_STYLES[kind] if kind >= 0 else "")
    row.add(" ").add(state_name(lane.state), STATE_STYLES[lane.state] + "!")
    return row.add(f" {look.times}{lane.opened}" if lane.opened else "", "faint")


def client_row(state: LiveFold, lane: StateTimeline, axis: Axis, look: Look) -> Row:
    """A client instance that crashed at least once: when it was down."""
    row = axis.label(lane.name)
    states = lane_states(lane, axis, state.bins.width)
    for piece, kind in charts.runs(charts.lane(states, (*look.up_down, look.states[2])), states):
        row.add(piece, ("good", "bad", "odd")[kind] if kind >= 0 else "")
    row.add(" ").add("CRASHED" if lane.state else "up again", "bad!" if lane.state else "good!")
    return row.add(f" {look.times}{lane.opened}", "faint")


def change_rows(state: LiveFold, axis: Axis, look: Look) -> list[Row]:
    """A row with a mark for every instant at which something changes, done or to come; none without changes."""
    times = sorted({action.t for action in state.plan.actions if action.t <= axis.horizon})
    if not times:
        return []
    row = axis.label("changes")
    marks = {axis.column(t): t <= state.clock for t in reversed(times)}
    x = 0
    for column in sorted(marks):
        row.add(look.track * (column - x), "faint").add(look.now, "odd!" if marks[column] else "faint")
        x = column + 1
    row.add(look.track * (axis.width - x), "faint")
    done = sum(t <= state.clock for t in times)
    return [row.add(f" {done} of {len(times)}", "faint")]
