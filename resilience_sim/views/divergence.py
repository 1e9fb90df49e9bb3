"""Where a variant first goes another way than the baseline: the first request whose outcome differs, and why.

Owns telling the story of one request in a sentence. Refuses to find it (runs/compare.py, measure/divergence.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Component
from resilience_sim.measure.breakers import why_text
from resilience_sim.measure.divergence import StoryFold
from resilience_sim.runs.compare import VariantDivergence
from resilience_sim.views import format as fmt
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row
from resilience_sim.views.words import outcome_name, speaker, state_name


def divergence_rows(divergences: Sequence[VariantDivergence], look: Look) -> list[Row]:
    """For each variant: the request, then what happened to it on both sides."""
    rows: list[Row] = []
    for each in divergences:
        first = each.divergence
        row = Row(f"  {each.variant}", "strong", hang=4)
        if first is None:
            rows.append(row.add(f": every request ended as in {each.baseline}", "faint"))
            continue
        row.add(f": first at request {fmt.request(first.rid)}, which came at {fmt.instant(first.arrival)}")
        rows.append(row)
        wide = max(len(each.variant), len(each.baseline))
        for name, story, components, outcome in (
            (each.baseline, each.theirs, each.their_components, first.outcome_a),
            (each.variant, each.ours, each.our_components, first.outcome_b),
        ):
            good = outcome == ev.SUCCESS
            side = Row(f"    {name}", "faint", hang=8 + wide).to(6 + wide)
            side.add(f"{look.good if good else look.bad} {outcome_name(outcome)}", "good" if good else "bad")
            words = story_words(story, components) if story is not None else ""
            rows.append(side.add(f": {words}" if words else "", ""))
    return rows


def story_words(story: StoryFold, components: Sequence[Component]) -> str:
    """What happened to a request, step by step: ``attempt 1 error, waited 200ms, attempt 2 success after 250ms``."""
    directory = {component.id: component for component in components}
    many = len({c.instance for c in components if c.kind == "client"}) > 1
    steps: list[str] = []
    waiting: dict[int, str] = {}
    for _, kind, source, _, a, b in story.events:
        who = speaker(directory.get(source), many)
        if kind == ev.SENT:
            waiting[a] = f"attempt {a} without an answer"
            steps.append(waiting[a])
        elif kind == ev.RESULT:
            done = f"attempt {ev.attempt_of(a)} {outcome_name(ev.outcome_of(a))} after {fmt.duration(b)}"
            pending = waiting.pop(ev.attempt_of(a), "")
            if pending in steps:
                steps[steps.index(pending)] = done
            else:
                steps.append(done)
        elif kind == ev.RETRY_WAIT and b:
            steps.append(f"waited {fmt.duration(b)}")
        elif kind == ev.RETRY_DENIED:
            steps.append(f"{who} had no budget for another try")
        elif kind == ev.REJECTED:
            steps.append(f"turned away by {who}{_breaker_state(story, source)}")
        elif kind == ev.FELL_BACK:
            steps.append(f"{who} answered instead")
        elif kind == ev.HEDGE:
            steps.append("a second leg was sent" if a == 2 else f"leg {a} was sent")
        elif kind == ev.ARRIVE and a == ev.TURNED_AWAY:
            steps.append(f"{who} was down or had no thread left")
        elif kind == ev.ARRIVE and a == ev.BACKLOGGED:
            steps.append("had to wait for a thread")
        elif kind == ev.DONE and not steps:
            steps.append(f"ended after {fmt.duration(b)} without an attempt")
    return ", ".join(steps)


def _breaker_state(story: StoryFold, source: int) -> str:
    """For a breaker: since when it was in the state that turned the request away, and why."""
    change = story.breakers.get(source)
    if change is None:
        return ""
    t, _, _, _, a, b = change
    return f" ({state_name(ev.new_state(a))} since {fmt.instant(t)}: {why_text(a, b)})"
