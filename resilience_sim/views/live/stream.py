"""The request stream: one row per request, its attempts and their outcomes as they happen.

A chain of attempts is written in full where there is room, else without waits, else with repetitions counted. Which
requests are remembered is decided in state.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain as chain_of
from itertools import groupby, islice

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.measure.story import DENIED, HEDGED, OPEN_END, WAITING, BriefStory
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.state import LiveFold
from resilience_sim.views.text import Row
from resilience_sim.views.words import outcome_name, short_outcome

OUTCOME_ROOM = 15  # mark and name of an outcome; on narrow screens its short name
NARROW, SHORT_ROOM = 70, 11
LATENCY_ROOM = 7
BAR_FROM, LEAST_BAR = 90, 10  # columns of a row beyond which there is room for a bar, and its least length

Link = tuple[str, str]
Token = tuple[int, int, int]  # of a BriefStory


def outcome_style(outcome: int) -> str:
    """Success good, fallback and cancelled losers odd, everything else bad."""
    return "good" if outcome == ev.SUCCESS else "odd" if outcome in (ev.FALLBACK, ev.CANCELLED) else "bad"


def chain(request: BriefStory, look: Look, room: int) -> Row:
    """The attempts of a request, in at most ``room`` columns."""
    tokens, over = request.tokens, request.outcome >= 0
    most = room // 2 + 1  # links that may fit: a storm has thousands, and the line is drawn in every frame
    if len(tokens) <= most:
        row = _joined([_link(token, over, look) for token in tokens], look)
        if row.width <= room:
            return row
    runs = _runs(tokens, over, look, most + 1)
    if sum(n for _, n in runs) <= most:
        row = _joined([link for link, n in runs for _ in range(n)], look)
        if row.width <= room:
            return row
    counted = [(text if n == 1 else f"{text} {look.times}{n}", style) for (text, style), n in runs]
    row = _joined(counted, look)
    while len(counted) > 1 and row.width > room:
        counted = counted[1:]
        row = _joined([(look.dots, "faint"), *counted], look)
    return row.to(min(row.width, room))


def _runs(tokens: Sequence[Token], over: bool, look: Look, most: int) -> list[tuple[Link, int]]:
    """The last links, each with how often it comes in a row; at most ``most`` of these."""
    links = {kind: _link((0, kind, 0), over, look) for kind in {token[1] for token in tokens} - {WAITING}}
    # An answer that came later stands in place of the wait before it: only a wait that still goes on is news.
    waits = [_link(tokens[-1], over, look)] if tokens and not over and tokens[-1][1] == WAITING else []
    backwards = chain_of(waits, (links[kind] for _, kind, _ in reversed(tokens) if kind != WAITING))
    return [(link, sum(1 for _ in same)) for link, same in islice(groupby(backwards), most)][::-1]


def _link(token: Token, over: bool, look: Look) -> Link:
    _, outcome, ns = token
    if outcome == OPEN_END:
        return ("unfinished" if over else look.dots, "faint" if over else "calm!")
    if outcome == WAITING:
        return (f"wait {fmt.duration(ns)}", "faint")
    if outcome == HEDGED:
        return ("hedge", "note")
    if outcome == DENIED:
        return ("no budget", "odd")
    return (short_outcome(outcome), outcome_style(outcome))


def _joined(links: list[Link], look: Look) -> Row:
    row = Row()
    for index, (text, style) in enumerate(links):
        if index:
            row.add(f" {look.then} ", "faint")
        row.add(text, style)
    return row


def request_row(request: BriefStory, look: Look, width: int, longest: int = 0) -> Row:
    """When it came, which it is, what it went through, what came of it and after how long.

    Where there is more room than a chain needs, the latency is also a bar; that of ``longest`` ns would be a full one.
    """
    bar = width - BAR_FROM if longest > 0 and width > BAR_FROM + LEAST_BAR else 0
    if bar:
        row = request_row(request, look, BAR_FROM)
        if request.outcome >= 0:
            length = min(bar - 1, max(1, round(request.latency / longest * (bar - 1))))
            row.add(" ").add(look.states[0] * length, outcome_style(request.outcome))
        return row.to(width)
    row = Row().right(fmt.clock(request.arrived)[:-2] + "s", "faint", 8).add(" ")
    row.add(fmt.request(request.rid), "faint").to(16).add(" ")
    named = width >= NARROW
    tail = (OUTCOME_ROOM if named else SHORT_ROOM) + 1 + LATENCY_ROOM
    row.join(chain(request, look, max(1, width - row.width - tail - 1))).to(width - tail)
    if request.outcome < 0:
        return row
    if request.outcome == ev.SUCCESS:
        row.add(f"{look.good} success", "good")
    else:
        mark = look.odd if request.outcome == ev.FALLBACK else look.bad
        name = outcome_name(request.outcome) if named else short_outcome(request.outcome)
        row.add(f"{mark} {name}", outcome_style(request.outcome))
    if request.effects > 1:
        row.add(f" {look.times}{request.effects}", "bad!")
    return row.to(width - LATENCY_ROOM).right(fmt.duration(request.latency), "faint", width)


def stream_rows(state: LiveFold, look: Look, width: int, rows: int) -> list[Row]:
    newest = list(state.stream.values())[-rows:] if rows > 0 else []
    longest = max((request.latency for request in newest if request.outcome >= 0), default=0)
    return [request_row(request, look, width, longest) for request in newest]


def stream_title(state: LiveFold, look: Look, width: int) -> Row:
    text = f" 1 of {state.sample} shown " if state.sample > 1 else ""
    row = Row(f"{look.rule * 2} ", "faint").add("requests", "strong").add(" ")
    room = width - row.width - len(text) - 2
    return row.add(look.rule * max(0, room) + text + look.rule * 2, "faint").to(width)
