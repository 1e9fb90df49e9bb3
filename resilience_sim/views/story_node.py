"""A story as a tree of lines, and the tree as text."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Node:
    """A line with what hangs below it."""

    text: str
    children: list[Node] = field(default_factory=list)

    def add(self, text: str) -> Node:
        """A new last child; without text nothing is added."""
        child = Node(text)
        if text:
            self.children.append(child)
        return child


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
    return {"text": node.text, "children": [as_document(child) for child in node.children]}
