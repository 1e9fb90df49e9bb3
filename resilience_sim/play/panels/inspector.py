"""The inspector: one request as a tree of attempts on a time axis, then every decision about it in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.stream import outcome_style
from resilience_sim.views.text import Row, wrap
from resilience_sim.views.words import outcome_name, short_outcome

if TYPE_CHECKING:
    from resilience_sim.measure.story import Attempt, Story
    from resilience_sim.views.story_words import Line, ToldStory

LABEL = 12
Cell = tuple[str, str]


def inspector_rows(
    told: ToldStory | None, clock: int, look: Look, width: int, height: int, scroll: int = 0
) -> list[Row]:
    """At most ``height`` rows; ``scroll``: how many rows of words to skip."""
    if told is None:
        hint = Row("No request is chosen. ", "faint").add("up", "key").add(" and ", "faint").add("down", "key")
        return wrap(hint.add(" choose one of the stream, a click does too.", "faint"), width)[:height]
    story = told.story
    rows = [head(told, look, width), *_tree(story, clock, look, width, max(4, height // 2))]
    return with_words(rows, told, width, height, scroll)


def with_words(rows: list[Row], told: ToldStory, width: int, height: int, scroll: int, names: int = 10) -> list[Row]:
    """The rows, and below them what was said, as far as there is room; ``scroll``: rows of words to skip.

    ``names``: columns for who says it.
    """
    room = height - len(rows) - 1
    if room > 0:
        rows.append(Row())
        words = [line for each in told.lines for line in _said(each, width, names)]
        start = max(0, min(scroll, len(words) - room))
        rows += words[start : start + room]
    return rows[:height]


def head(told: ToldStory, look: Look, width: int) -> Row:
    story = told.story
    row = Row(fmt.request(story.rid), "title").add("  ")
    if told.operation:
        row.add(f"{told.operation}  ")
    if story.outcome < 0:
        row.add(f"{look.dots} on its way", "calm!")
    else:
        mark = look.good if story.outcome == ev.SUCCESS else look.bad
        row.add(f"{mark} {outcome_name(story.outcome)}", outcome_style(story.outcome) + "!" * (story.outcome != 1))
        row.add(f" after {fmt.duration(story.latency)}", "faint")
    row.add(f"  {fmt.plural(len(story.attempts), 'attempt')}", "faint")
    if story.effects > 1:
        row.add(f"  took effect {story.effects} times", "bad!")
    elif story.effects and story.outcome > ev.FALLBACK:
        row.add("  took effect, though it failed", "odd!")
    return row.to(width)


def _tree(story: Story, clock: int, look: Look, width: int, most: int) -> list[Row]:
    first, last = story.arrived, max(story.end, story.arrived + 1)
    if story.outcome < 0 or any(a.ended < 0 and not a.hung and a.received >= 0 for a in story.attempts):
        last = max(last, min(clock, first + 3 * (last - first) + 1_000_000))
    right = 20 if width >= 60 else 11
    room = max(8, width - LABEL - right)
    span = Span(first, last, room)
    rows = [span_row("request", span.cells([(story.arrived, story.done, look.rule, "strong")]), Row())]
    shown = story.attempts if len(story.attempts) < most else story.attempts[-(most - 2) :]
    if len(shown) < len(story.attempts):
        rows.append(Row(f"  {look.dots} {fmt.plural(len(story.attempts) - len(shown), 'attempt')} before", "faint"))
    for n, attempt in enumerate(shown):
        branch = (
            ("`- " if n == len(shown) - 1 else "|- ") if look.ascii_only else "└─ " if n == len(shown) - 1 else "├─ "
        )
        found = stretches(attempt, last, look)
        for at, length in story.waits:
            if attempt.sent == at + length and length:
                found.insert(0, (at, attempt.sent, look.track, "odd"))
        rows.append(span_row(f"{branch}try {attempt.number}", span.cells(found), verdict(attempt, look)))
    rows.append(axis(span, look))
    return [row.to(width) for row in rows]


def stretches(attempt: Attempt, last: int, look: Look) -> list[tuple[int, int, str, str]]:
    """Where the attempt was, when: on the wire, in the queue, at work, at work for nobody, and the caller's wait."""
    answered = attempt.answered if attempt.answered >= 0 else last
    found = [(attempt.sent, answered, look.limit, "faint")]
    if attempt.received >= 0 and not attempt.hung and attempt.ended != attempt.received:
        began = attempt.began if attempt.began >= 0 else attempt.ended if attempt.ended >= 0 else last
        if began > attempt.received:
            found.append((attempt.received, began, look.fault_ahead, "odd"))
        if attempt.began >= 0:
            ended = attempt.ended if attempt.ended >= 0 else last
            good = attempt.work in (-1, ev.SUCCESS, ev.LOST)
            for_caller = min(ended, answered)
            found.append((attempt.began, for_caller, look.fault, "calm" if good else "bad"))
            if ended > answered:
                found.append((max(attempt.began, answered), ended, look.states[2], "note"))
    return found


class Span:
    def __init__(self, first: int, last: int, room: int) -> None:
        self.first, self.last, self.room = first, last, room

    def column(self, t: int) -> int:
        return min(self.room - 1, max(0, (t - self.first) * self.room // max(1, self.last - self.first)))

    def cells(self, pieces: list[tuple[int, int, str, str]]) -> list[Cell]:
        cells: list[Cell] = [(" ", "")] * self.room
        for start, end, mark, style in pieces:
            stop = end if end >= 0 else self.last
            for x in range(
                self.column(start), max(self.column(start), self.column(stop - 1) if stop > start else 0) + 1
            ):
                cells[x] = (mark, style)
        return cells


def span_row(label: str, cells: list[Cell], tail: Row, left: int = LABEL) -> Row:
    """A label, a stretch of time, what came of it."""
    row = Row(label, "faint").to(left)
    for mark, style in cells:
        row.add(mark, style)
    return row.add(" ").join(tail)


def verdict(attempt: Attempt, look: Look) -> Row:
    row = Row()
    if attempt.outcome < 0:
        row.add(look.dots if not attempt.hung else "hangs", "calm!" if not attempt.hung else "bad")
    else:
        row.add(short_outcome(attempt.outcome), outcome_style(attempt.outcome))
    if attempt.effect in (ev.APPLIED, ev.DUPLICATE):
        row.add(
            " effect" if attempt.effect == ev.APPLIED else " AGAIN", "note" if attempt.effect == ev.APPLIED else "bad!"
        )
    elif attempt.effect == ev.DEDUPLICATED:
        row.add(" known key", "good")
    elif attempt.abandoned:
        row.add(" for nobody", "note")
    return row


def axis(span: Span, look: Look, start: int = LABEL) -> Row:
    """Where the time is."""
    row = Row("", "").to(start)
    left, right = fmt.clock(span.first), fmt.clock(span.last)
    row.add(look.tick + left, "faint")
    return row.right(right + look.tick, "faint", start + span.room)


def _said(line: Line, width: int, names: int) -> list[Row]:
    name = line.who.replace("circuit_breaker", "breaker")
    row = Row(hang=11 + names).right(fmt.clock(line.t), "faint", 9).add(" ").add(name[:names], "strong")
    return wrap(row.to(11 + names).add(line.words, line.style), width)
