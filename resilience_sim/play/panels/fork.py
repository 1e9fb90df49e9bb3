"""A fork: both futures side by side on one time axis, and the first request that fares differently."""

from __future__ import annotations

from bisect import bisect_left

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.measure.divergence import Divergence
from resilience_sim.measure.story import Story, StoryFold
from resilience_sim.play.panels.bars import titled
from resilience_sim.play.panels.charts import charts_rows
from resilience_sim.play.run import Run
from resilience_sim.play.session import Session
from resilience_sim.views.actions_text import action_words
from resilience_sim.views.live.frame import axis_for, lane_count
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.plots import points_of, share_tops
from resilience_sim.views.story_words import sentence
from resilience_sim.views.text import Row, wrap
from resilience_sim.views.words import outcome_name

GAP = 3
BELOW = 60  # columns under which the futures stand one below the other


def fork_rows(session: Session, look: Look, width: int, height: int) -> list[Row]:
    """Both futures, then the difference."""
    fork = session.fork
    assert fork is not None
    if session.forking:
        share = fork.tape.time(len(fork.tape) - 1) / max(1, session.forked_at)
        return [Row(f"simulating up to {fmt.instant(session.forked_at)} again: {fmt.share(share)}", "odd")]
    below = _difference(session, look, width)
    room = max(4, height - len(below))
    rows = _columns(session.run, fork, look, width, room) if width >= 2 * BELOW else _blocks(session, look, width, room)
    return [*rows[:room], *below][:height]


def _name(run: Run, text: str, style: str, look: Look, width: int) -> Row:
    view = run.view
    share = view.succeeded / view.done if view.done else None
    row = Row(f"{look.rule * 2} ", "faint").add(text, style).add(" ")
    right = Row(
        f" {fmt.share(share)} ok, {fmt.factor(view.attempts / view.arrived if view.arrived else None)} attempts"
    )
    row.to(min(row.width, max(0, width - right.width)))
    return row.add(look.rule * max(0, width - row.width - right.width), "faint").join(right).to(width)


def _names(fork: Run) -> tuple[str, str]:
    """What the two futures are called."""
    if not fork.actions:
        return "as it is", "what if"
    action = fork.actions[-1]
    return "as it is", f"what if: {action_words(action, fork.plan_before(action))}"


def _columns(run: Run, fork: Run, look: Look, width: int, height: int) -> list[Row]:
    half = (width - GAP) // 2
    names = _names(fork)
    horizon = max(run.view.horizon, fork.view.horizon)
    points = [points_of(each.view, axis_for(each.view, half, horizon)) for each in (run, fork)]
    share_tops(points)
    sides = []
    faults = max(len(each.view.plan.faults) for each in (run, fork))
    lanes = max(lane_count(each.view) for each in (run, fork))
    for each, its, name, style in zip((run, fork), points, names, ("strong", "note"), strict=True):
        charts = charts_rows(each, look, half, height - 1, horizon, its, (faults, lanes))
        sides.append([_name(each, name, style, look, half), *charts])
    merged = []
    for n in range(height):
        left, right = (side[n] if n < len(side) else Row() for side in sides)
        merged.append(left.to(half).add(" " * GAP).join(right).to(width))
    return merged


def _blocks(session: Session, look: Look, width: int, height: int) -> list[Row]:
    fork = session.fork
    assert fork is not None
    each = max(4, height // 2)
    horizon = max(session.run.view.horizon, fork.view.horizon)
    rows = []
    for run, name, style in zip((session.run, fork), _names(fork), ("strong", "note"), strict=True):
        rows += [_name(run, name, style, look, width), *charts_rows(run, look, width, each - 1, horizon)]
    return rows


def _difference(session: Session, look: Look, width: int) -> list[Row]:
    """The first request that fares differently, its story on both sides."""
    found = session.difference()
    rows = [titled("the first request that fares differently", look, width)]
    if found is None:
        return [*rows, Row(" none so far: both futures treat every request alike", "faint")]
    assert session.fork is not None
    row = Row(f" {fmt.request(found.rid)}", "title").add(f" came at {fmt.instant(found.arrival)}", "faint")
    rows.append(row)
    for run, outcome, name in ((session.run, found.outcome_a, "as it is"), (session.fork, found.outcome_b, "what if")):
        rows += _side(run, found, outcome, name, look, width)
    return rows


def _side(run: Run, found: Divergence, outcome: int, name: str, look: Look, width: int) -> list[Row]:
    good = outcome == ev.SUCCESS
    row = Row(f"   {name:<9}", "faint", hang=13).add(look.good if good else look.bad, "good!" if good else "bad!")
    row.add(f" {outcome_name(outcome)}", "good!" if good else "bad!").add(": ", "faint")
    row.add(sentence(_story(run, found.rid), run.source.components))
    return wrap(row, width)[:3]


def _story(run: Run, rid: int) -> Story:
    """The request's own events, and the changes of breakers that decided about it."""
    tape, story = run.tape, StoryFold(rid)
    events = run.of_user(rid, late=False)
    start, stop = tape.arrived[rid], tape.index_after(events[-1][0])
    known = list(events)
    for source in {event[2] for event in events if event[1] == ev.REJECTED}:
        changes = tape.changes_of(source)
        first = max(0, bisect_left(changes, start) - 1)
        known += [tape[i] for i in changes[first : bisect_left(changes, stop)]]
    for event in sorted(known, key=lambda event: event[0]):
        story.on_event(*event)
    return story.story
