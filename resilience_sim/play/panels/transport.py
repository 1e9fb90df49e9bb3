"""The transport bar: where the clock is, how fast it goes, and the whole run as one line to scrub on.

Owns its three rows. Refuses to move anything.
"""

from __future__ import annotations

from math import inf

from resilience_sim.kernel import events as ev
from resilience_sim.play.session import Session
from resilience_sim.views import format as fmt
from resilience_sim.views.live.axis import tick_step
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row

STATE_STYLES = ("good!", "bad!", "odd!")


def transport_rows(session: Session, look: Look, width: int) -> list[Row]:
    """State, timeline, ticks."""
    return [_state(session, look, width), *timeline_rows(session, look, width)]


def mode(session: Session, look: Look) -> tuple[str, str]:
    """One or two words for what is going on, and their style."""
    if session.loading:
        return f"{look.play} reading the whole run", "odd!"
    if session.forking:
        return f"{look.play} forking", "odd!"
    if session.hunting:
        return f"{look.play}{look.play} next {session.hunting}", "odd!"
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
    right.add(f" of {'' if session.run.over else look.approx}{fmt.duration(horizon(session))}", "faint")
    speed = "max" if session.speed == inf else f"{fmt.factor(session.speed)[:-1]}{look.times}"
    right.add(f"  {speed}", "odd" if session.lagging else "calm!")
    right.add(" as fast as it goes " if session.lagging and width >= 100 else " ", "faint")
    row.to(min(row.width, max(0, width - right.width - 1)))
    return row.to(width - right.width).join(right)


def horizon(session: Session) -> int:
    """The instant at the right end of the timeline."""
    tape = session.run.tape
    end = tape.time(len(tape) - 1)
    return max(1, end if session.run.over else max(session.run.head.horizon, end, session.clock))


def column_of(session: Session, t: int, width: int) -> int:
    """Where an instant stands on a timeline of that width."""
    return min(width - 1, max(0, t * width // horizon(session)))


def instant_of(session: Session, column: int, width: int) -> int:
    """The instant under a column: what a click there means."""
    return horizon(session) * max(0, column) // max(1, width - 1)


def timeline_rows(session: Session, look: Look, width: int) -> list[Row]:
    """The run from beginning to end: what is simulated, faults, changes of state, actions, and where the clock is."""
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
    for index in tape.marks["transition"]:
        t, kind, _, _, a, _ = tape[index]
        state = ev.new_state(a) if kind == ev.BREAKER else 1 if kind == ev.CRASH else 0
        cells[column_of(session, t, width)] = (stroke, STATE_STYLES[min(state, 2)])
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
    end = horizon(session)
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
