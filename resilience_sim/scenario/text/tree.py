"""The document as a tree that remembers where everything was written: walking by path, and copies with one change."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from resilience_sim.scenario.diagnostics import Diagnostic

Loc: TypeAlias = tuple[str | int, ...]
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Source:
    """A text that nodes come from: the scenario file, or one ``--set``."""

    name: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, name: str, text: str) -> Source:
        """Cut a text into the lines that YAML sees."""
        plain = text.isascii() and "\r" not in text
        return cls(name, tuple(text.split("\n") if plain else _BREAK.split(text)))

    def line(self, number: int) -> str:
        """A line by its number from 1; "" beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


# A tree of two megabytes has half a million of these, and freezing a dataclass makes it four times as dear to create:
# nobody changes them, but nothing but this sentence prevents it.


@dataclass(slots=True, unsafe_hash=True)
class Span:
    """A stretch of a source, lines and columns from 1, the end column excluded."""

    source: Source
    line: int
    col: int
    end_line: int
    end_col: int

    def text(self) -> str:
        """What stands there."""
        lines, first = self.source.lines, self.line - 1
        if self.end_line == self.line:
            return lines[first][self.col - 1 : self.end_col - 1]
        last = self.source.line(self.end_line)[: self.end_col - 1]
        return "\n".join([lines[first][self.col - 1 :], *lines[self.line : self.end_line - 1], last])

    def finding(self, code: str, message: str, help: str = "", loc: Loc = (), severity: str = "error") -> Diagnostic:
        """A diagnostic about this stretch."""
        text = self.source.line(self.line)
        end = self.end_col if self.end_line == self.line else len(text.rstrip()) + 1
        return Diagnostic(
            code,
            message,
            self.source.name,
            self.line,
            self.col,
            max(end, self.col + 1),
            dotted(loc),
            help,
            severity,
            text,
        )

    def within(self, outer: Span) -> bool:
        """Whether this stretch lies inside another."""
        return (
            self.source is outer.source
            and (outer.line, outer.col) <= (self.line, self.col)
            and (self.end_line, self.end_col) <= (outer.end_line, outer.end_col)
        )

    def part(self, start: int, length: int) -> Span:
        """A piece of a text on one line."""
        if self.end_line != self.line or self.col + start + length > self.end_col:
            return self
        return Span(self.source, self.line, self.col + start, self.line, self.col + start + length)


@dataclass(slots=True, unsafe_hash=True)
class Scalar:
    """A single value. ``quoted`` is how many characters stand before its text."""

    span: Span
    value: str | int | float | bool | None
    quoted: int = 0


@dataclass(slots=True, unsafe_hash=True)
class Entry:
    """A key with its value."""

    key: Span
    value: Node


@dataclass(slots=True, unsafe_hash=True)
class Mapping:
    """Keys in the order of the file. ``views``: the keys by other spellings of them, kept by who makes these."""

    span: Span
    entries: dict[str, Entry]
    views: dict[str, dict[str, str]] | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True, unsafe_hash=True)
class Sequence:
    """A list."""

    span: Span
    items: tuple[Node, ...]


Node: TypeAlias = Scalar | Mapping | Sequence


def dotted(loc: Iterable[str | int]) -> str:
    """``("stack", 1, "retry")`` as ``stack.1.retry``."""
    return ".".join(str(part) for part in loc)


def plain(node: Node) -> object:
    """The tree as dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def node_of(value: object, span: Span) -> Node:
    """The tree of plain values, all of it at one place."""
    if isinstance(value, dict):
        return Mapping(span, {str(key): Entry(span, node_of(each, span)) for key, each in value.items()})
    if isinstance(value, list | tuple):
        return Sequence(span, tuple(node_of(each, span) for each in value))
    if value is None or isinstance(value, str | int | float | bool):
        return Scalar(span, value)
    return Scalar(span, str(value))


def find(node: Node, loc: Loc) -> Node | None:
    """The node at a path, if there is one."""
    for part in loc:
        step = child(node, part)
        if step is None:
            return None
        node = step
    return node


def child(node: Node, part: str | int) -> Node | None:
    """One step down."""
    if isinstance(node, Mapping):
        entry = node.entries.get(str(part))
        return entry.value if entry else None
    if isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


def place(node: Node, loc: Loc, key: bool = False) -> Span:
    """Where to point for a path: the value, its key when asked, or the nearest thing above that was written."""
    span = _head(node)
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if isinstance(node, Mapping) and str(part) in node.entries:
            entry = node.entries[str(part)]
            node = entry.value
            whole = isinstance(node, Scalar) or (last and node.span.line == node.span.end_line)
            span = entry.key if (last and key) or not whole or not _visible(node) else node.span
        elif isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
            node = node.items[part]
            span = _head(node)
        else:
            return span
    return span


def replace(node: Node, loc: Loc, entry: Entry) -> Node:
    """A copy with one entry put in or exchanged; mappings that are missing on the way come with the entry's place."""
    if not loc:
        return entry.value
    part, rest = loc[0], loc[1:]
    if isinstance(node, Sequence) and isinstance(part, int):
        items = list(node.items)
        items[part] = replace(items[part], rest, entry)
        return Sequence(node.span, tuple(items))
    old = node.entries if isinstance(node, Mapping) else {}
    below = old.get(str(part))
    if rest:
        inner = below.value if below else Mapping(entry.key, {})
        new = Entry(below.key if below else entry.key, replace(inner, rest, entry))
    else:
        new = entry
    return Mapping(node.span if isinstance(node, Mapping) else entry.key, {**old, str(part): new})


def remove(node: Node, loc: Loc) -> Node:
    """A copy without the value at a path; the same when there is none."""
    part, rest = loc[0], loc[1:]
    below = child(node, part)
    if below is None:
        return node
    if isinstance(node, Sequence) and isinstance(part, int):
        items = list(node.items)
        items[part : part + 1] = [remove(below, rest)] if rest else []
        return Sequence(node.span, tuple(items))
    if isinstance(node, Mapping):
        entries = dict(node.entries)
        if rest:
            entries[str(part)] = Entry(entries[str(part)].key, remove(below, rest))
        else:
            del entries[str(part)]
        return Mapping(node.span, entries)
    return node


def _visible(node: Node) -> bool:
    return not (isinstance(node, Scalar) and node.value is None and node.span.col == node.span.end_col)


def _head(node: Node) -> Span:
    """The first key of a block mapping rather than all of it."""
    if isinstance(node, Mapping) and node.entries and node.span.line != node.span.end_line:
        return next(iter(node.entries.values())).key
    return node.span
