"""All that a file says of one instance alone: what lint/twins.py compares; and which parts of it say the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from resilience_sim.scenario.text.tree import Entry, Node, Scalar


class Own(NamedTuple):
    """Its names as findings may show them, and the parts of the tree that nothing else in the file can replace.

    Whatever else is read for it must be the same for every instance. ``inside``: the names stand in values, too, and
    nothing is looked up by them but what is among the parts. ``unread``: keys whose values nobody looks at.
    """

    names: tuple[str, ...]
    parts: Sequence[Entry | Node]
    inside: bool = False
    unread: Callable[[str], bool] | None = None


_NAME = re.compile(r"[A-Za-z0-9_.\-/]{2,}\Z")


def is_name(text: str) -> bool:
    """Whether a name can be told from other text."""
    return _NAME.match(text) is not None


def wording(node: Node) -> tuple[object, ...]:
    """Parts of YAML or JSON that have this in common say the same, wherever they stand."""
    span = node.span
    text = span.text()
    if "*" in text:
        return (id(node),)  # an alias stands for something else
    return span.source.name, text, 0 if span.end_line == span.line else span.col


def the_same(node: Node) -> Scalar:
    """Stands for a part that is shared: only instances that share it are alike."""
    return Scalar(node.span, f"#{id(node)}")
