"""YAML as configuration files have it, to trees with positions (scenario/text/tree.py).

Unlike scenarios, such files have several documents, merge keys, and tokens that a build fills in
(``@project.version@``). Nothing of the text is quoted in a finding. A broken document does not hide those after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from resilience_sim.interop.findings import BROKEN
from resilience_sim.interop.json_tree import RENDER, TEMPLATE, TWICE
from resilience_sim.interop.yaml_lines import FOREIGN, MARK, MOST_DEPTH, Lines, in_parts, next_part
from resilience_sim.interop.yaml_scalars import MAY_DIFFER
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.parse import scalar
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Source, Span

MOST_VALUES = 1_000_000
MOST_BROKEN = 20
_MARK = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)
_BUILD_TOKEN = re.compile(r"(?m)((?:^|[:\-,\[{])[ \t]*)@([A-Za-z][\w.\-]*)@(?=[ \t\r,\]}]|$)")
_UNUSUAL = re.compile(r" (?<=[:\-] )[|>&*!]")  # what is not read line by line: seen at once, it is not begun in vain
_QUOTED = re.compile(r"'[^']{3,}'|\"[^\"]{3,}\"|`[^`]{3,}`")


class _Stop(Exception):
    """The document cannot be read further."""

    def __init__(self, event: Any, message: str, help: str = "") -> None:
        super().__init__(message)
        self.mark = event.start_mark
        self.help = help


def parse_yaml(
    text: str, source: Source, found: list[Diagnostic], unclear: list[tuple[Scalar, str]] | None = None
) -> list[Node]:
    """The documents that can be read, by YAML 1.2; a finding for each that cannot.

    ``unclear`` gets the plain scalars that some programs read in another way, each with its text.
    """
    # of the same length, so that no position moves; the readers look into the source what stood there
    plain = _BUILD_TOKEN.sub(r"\1'\2'", text) if "@" in text else text
    whole = _Text(text, plain, source, found, [] if unclear is None else unclear)
    documents = whole.parts() if in_parts(text, source) else None
    return whole.documents() if documents is None else documents


@dataclass(slots=True)
class _Text:
    """A text with all that comes of it."""

    text: str
    plain: str  # without what a build fills in
    source: Source
    found: list[Diagnostic]
    unclear: list[tuple[Scalar, str]]

    def parts(self) -> list[Node] | None:
        """The documents, each read line by line, or by libyaml where that does not do; None: they hang together."""
        plain, reader, many = self.plain, Lines(self.source, self.unclear), len(self.unclear)
        documents: list[Node] = []
        start = row = broken = 0
        checked = last = False
        while not last and broken < MOST_BROKEN:
            end, last = next_part(plain, start)
            below = row + plain.count("\n", start, end)
            read = None if _UNUSUAL.search(plain, start, end) else reader.part(row, below, last)
            if read is None:
                if not checked and FOREIGN.search(self.text):
                    del self.unclear[many:]
                    return None
                checked = True
                part = plain[start:] if last else plain[start : end + len(MARK)]  # that it ends may be what is wrong
                read, wrong = self.read(part, start, row, 0 if last else 1)
                broken += wrong is not None
            documents += read
            start, row = end, below
        return documents

    def documents(self) -> list[Node]:
        """The documents as libyaml reads them one after the other."""
        documents: list[Node] = []
        start = row = 0
        for _ in range(MOST_BROKEN):
            part = self.plain[start:]
            read, wrong = self.read(part, start, row, 0)
            documents += read
            ahead = None if wrong is None else _MARK.search(part, max(1, wrong))
            if ahead is None:
                break
            row += part.count("\n", 0, ahead.start())
            start += ahead.start()
        return documents

    def read(self, part: str, start: int, row: int, most: int) -> tuple[list[Node], int | None]:
        """So many documents (0: all) of a part that begins there, as far as they can be read, and where it is broken"""
        import yaml

        reader = _Reader(self.source, self.found, row, self.unclear)
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            reader.read(loader(part).get_event, most)
            return reader.documents, None
        except _Stop as stop:
            mark, message, help = stop.mark, str(stop), stop.help
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read")
            broken = part.split("\n")[mark.line : mark.line + 1] if mark else []
            indented = "a tab " if any(_TAB.match(each) for each in broken) else ""
            message, help = f"not YAML: {_QUOTED.sub('…', problem)}", _hint(indented + problem)
        except (UnicodeError, ValueError):
            mark, message, help = None, "the text holds characters that YAML does not know", ""
        at, column = (mark.line, mark.column) if mark else (0, 0)
        foreign = None if mark else FOREIGN.search(part)
        if foreign:
            before = Source.of("", part[: foreign.start()]).lines
            at, column, help = len(before) - 1, len(before[-1]), "remove it; in double quotes it has an escape"
        line = at + row
        template = _template_line(self.text, start, line)
        if template:
            message, help = "this is a template: `{{ … }}` stands here where YAML has a value", RENDER
            line = template - 1
        col = 1 if template else column + 1
        self.found.append(Span(self.source, line + 1, col, line + 1, col + 1).finding(BROKEN, message, help))
        return reader.documents, _start_of_line(part, at)


def _start_of_line(text: str, number: int) -> int:
    at = 0
    for _ in range(number):
        at = text.find("\n", at) + 1
        if not at:
            return len(text)
    return at


def _template_line(text: str, start: int, near: int) -> int:
    """The first line of the broken document with the mark of a template, from 1; 0 for none."""
    first = text.count("\n", 0, start)
    for number, line in enumerate(text[start:].split("\n"), first + 1):
        if TEMPLATE.search(line):
            return number
        if number > near + 1 and _MARK.match(line):
            break
    return 0


_TAB = re.compile(r" *\t")


def _hint(problem: str) -> str:
    if "tab" in problem or "\\t" in problem:
        return "indent with spaces; YAML allows no tab here"
    if "cannot start any token" in problem:
        return "put a value that starts with a special character in quotes"
    return "check the indentation, and that quotes and brackets are closed"


@dataclass(slots=True)
class _Open:
    """A list or mapping that has begun and not ended."""

    line: int
    col: int
    mapping: bool
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    merged: list[Mapping] = field(default_factory=list)
    key: str | None = None
    key_span: Span | None = None
    merges: bool = False
    size: int = 1


class _Reader:
    """Trees from events. Large files are read here, so the loop is written for speed: a scalar makes one call."""

    def __init__(self, source: Source, found: list[Diagnostic], lines: int, unclear: list[tuple[Scalar, str]]) -> None:
        self.source = source
        self.found = found
        self.unclear = unclear
        self.lines = lines + 1
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.documents: list[Node] = []
        self.begun = 0  # documents

    def read(self, next_event: Callable[[], Any], most: int) -> None:
        """Take events until there are no more, or one more document than that many begins; 0: all."""
        from yaml import (
            AliasEvent,
            DocumentStartEvent,
            MappingEndEvent,
            MappingStartEvent,
            ScalarEvent,
            SequenceEndEvent,
            SequenceStartEvent,
            StreamEndEvent,
        )

        source, lines, opened = self.source, self.lines, self.open
        known: dict[str, str | int | float | bool | None] = {}  # what plain texts mean
        differ: set[str] = set()  # those that mean something else to some
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                start, end, style, value = event.start_mark, event.end_mark, event.style, event.value
                line = start.line + lines
                span = Span(source, line, start.column + 1, end.line + lines, end.column + 1)
                holder = opened[-1] if opened else None
                if holder is not None and holder.mapping and holder.key is None:
                    holder.key, holder.key_span = value, span
                    if value == "<<":
                        holder.merges = style not in ("'", '"') and event.tag is None
                    else:
                        holder.merges = False
                    if event.anchor:
                        self.anchors[event.anchor] = (Scalar(span, value), 1)
                    continue
                if style == "'":
                    if source.line(line)[start.column : start.column + 1] == "@":
                        value = f"@{value}@"
                    node: Node = Scalar(span, value, 1)
                elif style == '"':
                    node = Scalar(span, value, 1)
                elif style in ("", None) and event.tag is None:
                    if value not in known:
                        known[value] = scalar(value)
                        if MAY_DIFFER.match(value):
                            differ.add(value)
                    node = Scalar(span, known[value])
                    if value in differ:
                        self.unclear.append((node, value))
                else:
                    node = Scalar(span, value)
                if (
                    holder is not None and holder.mapping and not holder.merges and not event.anchor
                    and holder.key not in holder.entries
                ):  # fmt: skip
                    holder.entries[holder.key] = Entry(holder.key_span, node)  # type: ignore[index, arg-type]
                    holder.key = None
                    holder.size += 1
                else:
                    self.add(node, event.anchor, 1, event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self.start(event, kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self.end(event)
            elif kind is AliasEvent:
                self.alias(event)
            elif kind is DocumentStartEvent:
                if most and self.begun == most:
                    return
                self.begun += 1
                self.anchors.clear()
            elif event is None or kind is StreamEndEvent:
                return

    def start(self, event: Any, mapping: bool) -> None:
        holder = self.open[-1] if self.open else None
        if holder is not None and holder.mapping and holder.key is None:
            raise _Stop(event, "a key that is not plain text", "write the key as text")
        if len(self.open) >= MOST_DEPTH:
            raise _Stop(event, f"nested deeper than {MOST_DEPTH} levels")
        mark = event.start_mark
        self.open.append(_Open(mark.line + self.lines, mark.column + 1, mapping, event.anchor))

    def end(self, event: Any) -> None:
        holder = self.open.pop()
        mark = event.end_mark
        span = Span(self.source, holder.line, holder.col, mark.line + self.lines, mark.column + 1)
        node: Node
        if holder.mapping:
            for below in holder.merged:  # own keys first, then those of the first merged mapping that has them
                for name, entry in below.entries.items():
                    holder.entries.setdefault(name, entry)
            node = Mapping(span, holder.entries)
        else:
            node = Sequence(span, tuple(holder.items))
        self.add(node, holder.anchor, holder.size, event)

    def alias(self, event: Any) -> None:
        known = self.anchors.get(event.anchor)
        if known is None or any(holder.anchor == event.anchor for holder in self.open):
            raise _Stop(event, "an alias whose anchor does not stand before it, or that contains itself")
        node, size = known
        holder = self.open[-1] if self.open else None
        if holder is not None and holder.mapping and holder.key is None:
            if not isinstance(node, Scalar):
                raise _Stop(event, "a key that is not plain text", "write the key as text")
            a, b = event.start_mark, event.end_mark
            holder.key, holder.merges = str(node.value), False
            holder.key_span = Span(self.source, a.line + self.lines, a.column + 1, b.line + self.lines, b.column + 1)
            return
        self.add(node, None, size, event)

    def add(self, node: Node, anchor: str | None, size: int, event: Any) -> None:
        if anchor:
            self.anchors[anchor] = (node, size)
        if not self.open:
            self.documents.append(node)
            return
        holder = self.open[-1]
        holder.size += size
        if holder.size > MOST_VALUES:
            raise _Stop(event, f"more than {MOST_VALUES:,} values, aliases counted each time")
        if not holder.mapping:
            holder.items.append(node)
            return
        name, span, holder.key = holder.key, holder.key_span, None
        assert name is not None
        assert span is not None
        if holder.merges:
            below = node.items if isinstance(node, Sequence) else (node,)
            merged = [each for each in below if isinstance(each, Mapping)]
            holder.merged += merged
            if merged:
                return
        elif name in holder.entries:
            first = holder.entries[name].key.line
            self.found.append(span.finding(BROKEN, TWICE, f"see line {first}"))
        holder.entries[name] = Entry(span, node)
