"""The event log: faults, transitions, crashes and the user's actions in words, the newest at the bottom."""

from __future__ import annotations

from bisect import bisect_left

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.play.run import Run
from resilience_sim.views.actions_text import action_words
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row
from resilience_sim.views.words import change_words, speaker

STATE_STYLES = ("good!", "bad!", "odd!")
_STYLES = {ev.FAULT_ON: "bad!", ev.FAULT_OFF: "good!", ev.CRASH: "bad!", ev.RESTART: "good!"}


def log_rows(run: Run, look: Look, width: int, height: int, back: int = 0) -> tuple[list[Row], list[int]]:
    """The last notable events before the position, ``back`` of them left out; and their indexes on the tape."""
    notable = run.tape.notable
    stop = max(min(height, len(notable)), bisect_left(notable, run.position) - back)
    stop = min(stop, bisect_left(notable, run.position))
    indexes = list(notable[max(0, stop - height) : stop])
    return [log_row(run, index).fit(width, look.dots) for index in indexes], indexes


def log_row(run: Run, index: int) -> Row:
    """One event in words."""
    t, kind, source, _, a, b = run.tape[index]
    component = run.view.components.get(source)
    who = speaker(component, run.view.many).replace("circuit_breaker", "breaker")
    row = Row().right(fmt.clock(t), "faint", 9).add(" ")
    if kind != ev.ACTION:
        what, details = change_words(kind, a, b, run.plan_now.faults)
        style = STATE_STYLES[min(ev.new_state(a), 2)] if kind == ev.BREAKER else _STYLES[kind]
        row.add(f"{who} ").add(what.upper() if style == "bad!" else what, style)
        return row.add(f"  {details}", "faint") if details else row
    action = run.action_at(index)
    words = action_words(action, run.plan_before(action)) if action is not None else "did something"
    who = "the plan: " if action in run.source.plan.actions else "you "
    return row.add(who, "note").add(words, "note")
