"""The bars of the cockpit: transport bar on top, footer of keys at the bottom, titles of panels, gauges."""

from __future__ import annotations

from math import inf

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.play.commands import FEW, FOOTER, PINNED, command
from resilience_sim.play.session import Session
from resilience_sim.play.tape import TRANSITION
from resilience_sim.views.live.axis import tick_step
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row

STATE_STYLES = ("good!", "bad!", "odd!")
Place = tuple[int, int, int, str]  # row, first column, after-last column, command


def bar(row: Row, share: float, width: int, style: str, look: Look) -> Row:
    """Append a bar ``width`` columns wide, ``share`` of it filled; at least one column unless the share is zero."""
    filled = min(width, max(0, round(share * width)))
    if share > 0 and filled == 0:
        filled = 1
    return row.add(look.fault * filled, style).add(look.fault_ahead * (width - filled), "faint")


def titled(text: str, look: Look, width: int, right: str = "", focused: bool = False) -> Row:
    """The rule on top of a panel, with its title."""
    row = Row(f"{look.rule * 2} ", "calm" if focused else "faint").add(text, "calm!" if focused else "strong").add(" ")
    tail = f" {right} " if right else ""
    room = max(0, width - row.width - len(tail) - 2)
    return row.add(look.rule * room + tail + look.rule * 2, "calm" if focused else "faint").to(width)


# --- transport --------------------------------------------------


def transport_rows(session: Session, look: Look, width: int) -> list[Row]:
    """State, timeline, ticks: three rows."""
    return [_state(session, look, width), *timeline_rows(session, look, width)]


def mode(session: Session, look: Look) -> tuple[str, str]:
    """What is going on, in one or two words, and their style."""
    if session.loading:
        return f"{look.play} simulating the whole run", "odd!"
    if session.forking:
        return f"{look.play} forking", "odd!"
    if session.hunting:
        what = "next" if session.until is None else "until"
        return f"{look.play}{look.play} {what} {session.hunting}", "odd!"
    if session.over:
        return f"{look.fault} OVER", "strong"
    where = "LIVE" if session.live else "REWOUND"
    if session.paused:
        return f"{look.pause} PAUSED {where}", "odd!" if session.live else "note"
    return f"{look.play} {where}", "good!" if session.live else "note"


def _state(session: Session, look: Look, width: int) -> Row:
    text, style = mode(session, look)
    row = Row(" ").add(text, style).add("  ").add(session.run.source.plan.name, "title")
    row.add(f"  seed {session.run.source.seed}", "faint")
    if session.fork is not None:
        row.add("  + what if", "note")
    right = Row(fmt.clock(session.clock), "strong")
    right.add(f" of {'' if session.run.over else look.approx}{fmt.duration(session.horizon)}", "faint")
    speed = "max" if session.speed == inf else f"{fmt.factor(session.speed)[:-1]}{look.times}"
    right.add(f"  {speed}", "odd" if session.lagging else "calm!")
    right.add(" as fast as possible " if session.lagging and width >= 100 else " ", "faint")
    row.to(min(row.width, max(0, width - right.width - 1)))
    return row.to(width - right.width).join(right)


def column_of(session: Session, t: int, width: int) -> int:
    """The column of an instant on a timeline of that width."""
    return min(width - 1, max(0, t * width // session.horizon))


def instant_of(session: Session, column: int, width: int) -> int:
    """The instant under a column."""
    return session.horizon * max(0, column) // max(1, width - 1)


def timeline_rows(session: Session, look: Look, width: int) -> list[Row]:
    """The whole run: how far it is simulated, faults, transitions, actions, and the clock."""
    tape, run = session.run.tape, session.run
    head = column_of(session, max(tape.time(len(tape) - 1), session.clock), width)
    cells: list[tuple[str, str]] = [
        (look.states[0], "faint") if x <= head else (look.track, "faint") for x in range(width)
    ]
    for fault in run.plan_now.faults:
        first = column_of(session, fault.at, width)
        last = column_of(session, max(fault.at, fault.at + fault.duration - 1), width)
        for x in range(first, last + 1):
            cells[x] = (look.states[2] if x <= head else look.fault_ahead, "bad" if x <= head else "faint")
    diamond = "!" if look.ascii_only else "◆"
    stroke = "|" if look.ascii_only else "┃"
    edges = [-(-x * session.horizon // width) for x in range(width)]
    for x, index in enumerate(tape.last_in_each(TRANSITION, edges)):
        if index >= 0:
            _, kind, _, _, a, _ = tape[index]
            state = ev.new_state(a) if kind == ev.BREAKER else 1 if kind == ev.CRASH else 0
            cells[x] = (stroke, STATE_STYLES[min(state, 2)])
    for action in run.actions:
        cells[column_of(session, action.t, width)] = (diamond, "note")
    if session.fork is not None:
        cells[column_of(session, session.forked_at, width)] = ("Y", "note")
    now = column_of(session, session.clock, width)
    cells[now] = (look.fault, "calm!")
    row = Row()
    for mark, style in cells:
        row.add(mark, style)
    return [row, _ticks(session, look, width, now)]


def _ticks(session: Session, look: Look, width: int, now: int) -> Row:
    end = session.horizon
    text = [" "] * width
    for t in range(0, end, tick_step(end, max(2, width // 14))):
        label = look.tick + fmt.instant(t)
        x = column_of(session, t, width)
        if x + len(label) < width:
            text[x : x + len(label)] = label
    line = "".join(text)
    if session.said:
        said = f" {session.said} "[:width]
        start = min(max(0, now - len(said) // 2), width - len(said))
        return Row(line[:start], "faint").add(said, "odd!").add(line[start + len(said) :], "faint")
    return Row(line[:now], "faint").add(look.now, "calm!").add(line[now + 1 :], "faint")


# --- footer --------------------------------------------------


def keys_rows(
    session: Session, width: int, height: int, tour: bool = False, every: bool = True
) -> tuple[list[Row], list[Place]]:
    """The rows, and where each command is in them; the pinned commands end the last row."""
    pinned = [_piece(id, session) for id in PINNED]
    reserved = sum(piece.width + 2 for piece in pinned)
    rows, places = [Row(" ")], []
    for id in shown(session, tour, every):
        piece = _piece(id, session)
        row = rows[-1]
        if row.width + piece.width + 1 > width - (reserved if len(rows) == height else 0):
            if len(rows) == height:
                continue  # a shorter one may still fit
            rows.append(Row(" "))
            row = rows[-1]
        places.append((len(rows) - 1, row.width, row.width + piece.width, id))
        row.join(piece).add("  ")
    if reserved <= width:
        if rows[-1].width + reserved > width + 1 and len(rows) < height:
            rows.append(Row(" "))
        last = rows[-1].to(width - reserved + 1)
        for id, piece in zip(PINNED, pinned, strict=True):
            places.append((len(rows) - 1, last.width, last.width + piece.width, id))
            last.join(piece).add("  ")
    return [row.to(width) for row in rows], places


def shown(session: Session, tour: bool, every: bool) -> list[str]:
    """The commands for the footer, those for the present situation first."""
    now = ["enter"] if tour else []
    if not session.live:
        now.append("to_live")
    if session.fork is not None:
        now += ["take_fork", "drop_fork"]
    return [*now, *FOOTER] if every else [*now, *FOOTER][:FEW]


def _piece(id: str, session: Session) -> Row:
    each = command(id)
    label = "resume" if id == "pause" and session.paused else each.label
    return Row(each.shown.split()[0], "key").add(f" {label}", "faint")
