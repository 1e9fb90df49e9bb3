"""The inspector on several services: a request as a tree of calls on a time axis, then what was decided on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.measure.call_tree import CallNode, CallTree
from resilience_sim.measure.story import Attempt
from resilience_sim.play.panels.inspector import Span, axis, head, span_row, stretches, verdict, with_words
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.stream import outcome_style
from resilience_sim.views.story_words import ToldStory
from resilience_sim.views.text import Row
from resilience_sim.views.words import short_outcome


@dataclass(frozen=True, slots=True)
class Trace:
    """The words of a request, its tree, and who is who in it."""

    told: ToldStory
    tree: CallTree
    components: Mapping[int, ev.Component]

    def callee(self, call: CallNode, attempt: Attempt | None) -> str:
        """Whom a call or attempt is for."""
        source = call.link if attempt is None else self.tree.services.get(attempt.number, -1)
        component = self.components.get(source)
        if component is None:
            return "?"
        return printable(component.node.rpartition(">")[2])


def trace_rows(trace: Trace, clock: int, look: Look, width: int, height: int, scroll: int = 0) -> list[Row]:
    """At most ``height`` rows; ``scroll``: how many rows of words to skip."""
    rows = [head(trace.told, look, width), *_tree(trace, clock, look, width, max(4, height * 3 // 5))]
    return with_words(rows, trace.told, width, height, scroll, 16 if width >= 66 else 10)


def _tree(trace: Trace, clock: int, look: Look, width: int, most: int) -> list[Row]:
    tree = trace.tree
    first, last = tree.root.began, max(tree.end, tree.root.began + 1)
    if not tree.over:
        last = max(last, min(clock, first + 3 * (last - first) + 1_000_000))
    left, right = (22, 20) if width >= 66 else (15, 11)
    span = Span(first, last, max(8, width - left - right))
    walked = [(depth, call, attempt) for depth, call, attempt in tree.walk() if attempt is not None or call.number]
    shown = walked if len(walked) <= most - 2 else walked[: most - 3]
    rows = [span_row("request", span.cells([(first, tree.root.ended, look.rule, "strong")]), Row(), left)]
    for depth, call, attempt in shown:
        rows.append(_row(trace, depth, call, attempt, span, last, look, left))
    if len(shown) < len(walked):
        rows.append(Row(f"  {look.dots} and {fmt.plural(len(walked) - len(shown), 'more attempt')}", "faint"))
    return [row.to(width) for row in (*rows, axis(span, look, left))]


def _row(
    trace: Trace, depth: int, call: CallNode, attempt: Attempt | None, span: Span, last: int, look: Look, left: int
) -> Row:
    corner = "`-" if look.ascii_only else "└╴"
    name = trace.callee(call, attempt)
    tries = 0 if attempt is None else attempt.number & ev.TRIES
    room = left - 1 - (3 if tries > 1 else 0)
    label = Row("  " * min(depth, 6) + corner).add(name).fit(room, look.dots).trim().plain()
    label += f" {look.times}{tries}" if tries > 1 else ""
    if attempt is None:
        cells = span.cells([(call.began, max(call.ended, call.began), look.track, "odd")])
        return span_row(label, cells, Row(short_outcome(call.outcome), outcome_style(call.outcome)), left)
    found = stretches(attempt, last, look)
    for step in call.steps:
        if step.kind == ev.RETRY_WAIT and step.b and attempt.sent == step.t + step.b:
            found.insert(0, (step.t, attempt.sent, look.track, "odd"))
    return span_row(label, span.cells(found), verdict(attempt, look), left)
