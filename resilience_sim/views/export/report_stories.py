"""Requests of a report: where they lie in the run, and what happened to each, as a picture in time and as a list.

The list has everything in words; the picture and the play head (report.js) only show when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.format import SECOND
from resilience_sim.kernel.text import printable
from resilience_sim.measure.story import Attempt, Story
from resilience_sim.views.call_story import CallTeller, decisions
from resilience_sim.views.chosen import Chosen
from resilience_sim.views.export.report_charts import BOTTOM, LEFT, RIGHT, TOP, WIDE, Band, opening, ticks
from resilience_sim.views.story_words import Line, attempt_words
from resilience_sim.views.words import outcome_name, speaker

MOST_LINES = 60  # of a story
LANE, BAR = 18, 10
LEAST = 1_000_000  # ns that a picture shows
TREE_LEFT = 150  # where the picture of a request begins, beside the names of what it called


def strip(chosen: Sequence[Chosen], bands: Sequence[Band], end: float) -> str:
    """The whole run (``end`` in s), its faults and the requests, each a link to its story; the play head is here."""
    high = TOP + LANE * len(chosen) + 16 + BOTTOM
    inner = WIDE - LEFT - RIGHT

    def x(t: float) -> float:
        return LEFT + inner * min(max(t / end, 0), 1)

    parts = [opening("The run and the requests told of below", high, _scale(LEFT, inner, 0, end), "group")]
    for band in bands:
        wide = max(1.0, x(band.end) - x(band.start))
        left, name = x(band.start), escape(printable(band.name[:40]))
        parts.append(
            f'<rect class="band" x="{left:.1f}" y="{TOP}" width="{wide:.1f}" height="{high - TOP - BOTTOM}"/>'
            f'<text class="bandname" x="{left + 3:.1f}" y="{TOP + 11}">{name}</text>'
        )
    for number, each in enumerate(chosen):
        story = each.told.story
        start, stop = x(story.arrived / SECOND), x(max(story.done, story.arrived) / SECOND)
        y = TOP + 16 + LANE * number
        name = f"{fmt.request(each.rid)} {each.reasons[0]}"
        anchor, at = ("end", start - 5) if start > LEFT + inner / 2 else ("start", max(stop, start + 4) + 5)
        parts.append(
            f'<a href="#request-{each.rid}"><rect class="bar {_style(story.outcome)}" x="{start:.1f}" y="{y + 3}" '
            f'width="{max(4.0, stop - start):.1f}" height="{BAR}"/>'
            f'<text class="name" x="{at:.1f}" y="{y + 12}" text-anchor="{anchor}">{escape(printable(name))}</text></a>'
        )
    parts += [
        f'<text class="tick" x="{x(t):.1f}" y="{high - 6}" text-anchor="middle">{t:g} s</text>' for t in ticks(end, 8)
    ]
    parts.append(f'<path class="cursor" d="M0 {TOP}V{high - BOTTOM}"/></svg>')
    slider = f"<input type='range' id='head' min='0' max='{end:g}' step='any' value='0' aria-label='Instant' hidden>"
    return f"<figure class='strip'>{''.join(parts)}{slider}<figcaption><output></output></figcaption></figure>"


def stories(chosen: Sequence[Chosen]) -> Iterator[str]:
    """What happened to each request."""
    for each in chosen:
        story = each.told.story
        reasons = "; ".join(each.reasons)
        yield (
            f"<section class='story' id='request-{each.rid}'>"
            f"<h3>{_text(f'{fmt.request(each.rid)}: {reasons}')}</h3><p>{_text(_summary(each))}</p>"
        )
        start, end = story.arrived, max(story.end, each.tree.end if each.tree is not None else 0, story.arrived + LEAST)
        yield f"<figure class='trace' tabindex='0'>{_picture(each, start, end)}</figure>"
        yield from _list(each.told.lines)
        if each.tree is not None:
            yield from _tree(each)
        if each.elsewhere:
            rows = "".join(f"<li><i>{_text(name)}</i> {_text(_ended(story))}</li>" for name, story in each.elsewhere)
            yield f"<p class='note'>The same request elsewhere:</p><ul class='steps'>{rows}</ul>"
        yield "</section>"


def _summary(each: Chosen) -> str:
    story = each.told.story
    what = f", {each.told.operation}," if each.told.operation else ""
    return f"It{what} arrived at {fmt.instant(story.arrived)}: {_ended(story)}."


def _ended(story: Story) -> str:
    if story.done < 0:
        return "never answered"
    made = fmt.plural(story.made, "attempt") if story.made else "no attempt"
    return f"{outcome_name(story.outcome)} after {fmt.duration(story.latency)}, {made}"


# --- the picture --------------------------------------------------------------------------------------------------


def _picture(each: Chosen, start: int, end: int) -> str:
    """A row for each attempt, of each call where there are several services, from when it was sent until its answer."""
    rows = _rows(each)
    high = TOP + LANE * max(1, len(rows)) + BOTTOM
    inner = WIDE - TREE_LEFT - RIGHT
    span = (end - start) / SECOND

    def x(t: int) -> float:
        return TREE_LEFT + inner * min(max((t - start) / (end - start), 0), 1)

    scale = _scale(TREE_LEFT, inner, start / SECOND, end / SECOND)
    parts = [opening(f"Request {fmt.request(each.rid)} over time", high, scale)]
    for number, (depth, name, attempt) in enumerate(rows):
        y = TOP + LANE * number
        parts.append(
            f'<text class="name" x="{min(depth, 8) * 10}" y="{y + 12}">{escape(_cut(name, 20 - depth))}</text>'
        )
        if attempt is None:
            continue
        answered = attempt.answered if attempt.answered >= 0 else end
        parts.append(_box(f"bar {_style(attempt.outcome)}", x(attempt.sent), x(answered), y + 3, BAR))
        if attempt.began > attempt.received >= 0:
            parts.append(_box("queued", x(attempt.received), x(min(attempt.began, answered)), y + 6, BAR - 6))
        if attempt.began >= 0:
            until = attempt.ended if attempt.ended >= 0 else end
            parts.append(_box("work", x(attempt.began), x(min(until, answered)), y + 5, BAR - 4))
            if until > answered:
                parts.append(_box("nobody", x(answered), x(until), y + 5, BAR - 4))
    for t in ticks(span, 6):
        at = TREE_LEFT + inner * t / span
        parts.append(f'<text class="tick" x="{at:.1f}" y="{high - 6}" text-anchor="middle">+{fmt.seconds(t)}</text>')
    parts.append(f'<path class="cursor" d="M0 {TOP}V{high - BOTTOM}"/></svg>')
    return "".join(parts)


def _rows(each: Chosen) -> list[tuple[int, str, Attempt | None]]:
    if each.tree is None:
        return [(0, f"attempt {attempt.number}", attempt) for attempt in each.told.story.attempts[:MOST_LINES]]
    found: list[tuple[int, str, Attempt | None]] = []
    for depth, call, attempt in each.tree.walk()[:MOST_LINES]:
        callee = each.plan.service.name if call.link < 0 else each.components[call.link].node.partition(">")[2]
        found.append((depth, printable(callee), attempt))
    return found


def _box(style: str, left: float, right: float, y: float, high: float) -> str:
    return f'<rect class="{style}" x="{left:.1f}" y="{y}" width="{max(1.0, right - left):.1f}" height="{high}"/>'


def _style(outcome: int) -> str:
    if outcome < 0:
        return "open"
    return "good" if outcome == ev.SUCCESS else "odd" if outcome in (ev.FALLBACK, ev.CANCELLED) else "bad"


def _scale(left: int, inner: int, start: float, end: float) -> str:
    return f' data-left="{left}" data-inner="{inner}" data-wide="{WIDE}" data-from="{start:.9g}" data-to="{end:.9g}"'


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(1, most - 1)] + "…"


# --- the list -----------------------------------------------------------------------------------------------------


def _list(lines: Sequence[Line]) -> Iterator[str]:
    yield "<ol class='steps'>"
    for line in lines[:MOST_LINES]:
        yield f"<li data-t='{line.t / SECOND:.9g}'>{_at(line.t)} {_who(line.who)} {_words(line)}</li>"
    if (more := len(lines) - MOST_LINES) > 0:
        yield f"<li>and {fmt.plural(more, 'more step')}</li>"
    yield "</ol>"


def _tree(each: Chosen) -> Iterator[str]:
    """Calls below the attempts that made them; what policies decided after it."""
    assert each.tree is not None
    teller = CallTeller(each.plan, tuple(each.components.values()), each.tree)
    yield "<p class='note'>Its calls:</p>"
    deep = -1
    rows = each.tree.walk()
    for depth, call, attempt in rows[:MOST_LINES]:
        if depth > deep:
            yield "<ul class='steps'>" * (depth - deep)
        else:
            yield "</li>" + "</ul></li>" * (deep - depth)
        deep = depth
        t = attempt.sent if attempt is not None else call.began
        if call.link < 0 and attempt is not None:
            replica = speaker(each.components[attempt.replica]) if attempt.replica >= 0 else ""
            text = attempt_words(attempt, replica, each.plan.service.name)
        else:
            callee = printable(each.components[call.link].node.partition(">")[2]) if call.link >= 0 else "A"
            name = f"calls {callee}"
            text = teller.words(attempt, name) if attempt is not None else f"{name}; no attempt"
            text += "" if attempt is not None or call.outcome < 0 else f", {outcome_name(call.outcome)}"
        yield f"<li data-t='{t / SECOND:.9g}'>{_at(t)} {_text(text)}"
    if deep >= 0:
        yield "</li>" + "</ul></li>" * deep + "</ul>"
    if (more := len(rows) - MOST_LINES) > 0:
        yield f"<p class='note'>and {fmt.plural(more, 'more call')}</p>"
    said = decisions(each.tree, each.components, each.plan)
    if said:
        yield "<p class='note'>What policies of the calls decided:</p>"
        yield from _list(sorted(said, key=lambda line: line.t))


def _at(t: int) -> str:
    return f"<b>{fmt.clock(t)}</b>"


def _who(who: str) -> str:
    return f"<i>{_text(who)}</i>"


def _words(line: Line) -> str:
    style = line.style.rstrip("!")
    text = _text(line.words)
    return f"<span class='{style}'>{text}</span>" if style in ("good", "bad", "odd") else text


def _text(value: str) -> str:
    return escape(printable(" ".join(value.split())))
