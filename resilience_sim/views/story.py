"""The story of a request, or of an instant: what each layer knew and decided, as a tree of sentences.

Owns the two entries and the drawing of the tree. The facts are a fold over events (story_fold.py), so that a recording
and a simulation tell the same story.
"""

from __future__ import annotations

import textwrap
from typing import Any

from resilience_sim.runs.simulation import Source
from resilience_sim.views.story_fold import RequestTraceFold
from resilience_sim.views.story_instant import instant_tree
from resilience_sim.views.story_layers import layers_of
from resilience_sim.views.story_tree import Node, TreeBuilder

SLICE = 50_000


class NothingThere(Exception):
    """The run has no such request, or no such instant; ``help`` says what it has."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def request_story(source: Source, rid: int) -> Node:
    """The tree of one request. The source is run to its end."""
    fold = RequestTraceFold(source.plan, source.components, rid, layers_of(source))
    source.attach(fold)
    while source.run(budget=SLICE):
        continue
    if not fold.steps:
        most = fold.requests - 1
        raise NothingThere(
            f"there is no request #{rid}", f"they are #0 to #{most}" if most >= 0 else "the run has none"
        )
    if fold.rid in fold.flights:
        fold.flights.clear()
        tree = TreeBuilder(fold).build()
        tree.text += " and never got an answer: unanswered"
        return tree
    return TreeBuilder(fold).build()


def instant_story(source: Source, t: int) -> Node:
    """What every layer knew at ``t`` ns, everything at that instant included."""
    fold = RequestTraceFold(source.plan, source.components, layers=layers_of(source))
    source.attach(fold)
    going = True
    while going and source.now <= t:
        before = source.now, fold.requests
        going = source.run(until=t, budget=SLICE)
        if (source.now, fold.requests) == before:
            break
    end = source.now
    if not going and end < t and not fold.flights:
        raise NothingThere(f"the run ends before {t / 1e9:g} s", f"its last event is at {end / 1e9:g} s")
    return instant_tree(fold, t)


def draw(node: Node, width: int = 110, plain: bool = False) -> list[str]:
    """The tree as lines; ``plain``: for terminals that have no lines to draw with."""
    tee, corner, bar = ("|- ", "`- ", "|  ") if plain else ("├─ ", "└─ ", "│  ")
    lines = textwrap.wrap(node.text, width) or [""]

    def below(parent: Node, indent: str) -> None:
        for number, child in enumerate(parent.children):
            last = number == len(parent.children) - 1
            deeper = indent + ("   " if last else bar)
            more = deeper + (bar if child.children else "   ")
            head = indent + (corner if last else tee)
            lines.extend(
                textwrap.wrap(child.text, max(width, len(more) + 30), initial_indent=head, subsequent_indent=more)
            )
            below(child, deeper)

    below(node, "")
    return lines


def as_document(node: Node) -> dict[str, Any]:
    """The tree for programs."""
    return {"text": node.text, "children": [as_document(child) for child in node.children]}


__all__ = ["NothingThere", "as_document", "draw", "instant_story", "request_story"]
