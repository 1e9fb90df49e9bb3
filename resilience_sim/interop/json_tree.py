"""JSON with positions (scenario/text/tree.py): comments and trailing commas are allowed, as in configuration files."""

from __future__ import annotations

import json
import re
from bisect import bisect_right

from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Source, Span

BROKEN = "RL195"
MOST_DEPTH = 60
_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_MAY_BE_BLANK = frozenset(" \t\r\n\f\v/")
TWICE = "a key stands here twice"
TWO_SECTIONS = "a section stands here twice"
TEMPLATE = re.compile(r"\{\{.*?\}\}|<%.*?%>|\{%.*?%\}")
RENDER = "render it first (helm template, kustomize build, envsubst ...) and read the result"
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
# a key with a short value, as most are, and what closes or parts it: read at once
_PAIR = re.compile(r'[ \t\r\n]*"([^"\\\n]*)"[ \t]*:[ \t]*(?:"([^"\\\n]*)"|([-+0-9.eE]+|[A-Za-z]+))[ \t\r\n]*([,}])')
_WORD = re.compile(r"[-+0-9.eE]+|[A-Za-z]+")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class _Stop(Exception):
    """The text is not JSON from here on."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place


def parse_json(text: str, source: Source, found: list[Diagnostic]) -> Node | None:
    """The tree, or None with a finding. Positions count characters, lines end at line feeds."""
    reader = _Reader(text, source, found)
    try:
        node = reader.value(0)
        if reader.skip() != len(text):
            raise _Stop(reader.at, "something follows the end of the document")
    except _Stop as stop:
        here = reader.span(stop.place, stop.place + 1)
        template = next(
            (number for number, line in enumerate(source.lines[: here.line], 1) if TEMPLATE.search(line)), 0
        )
        if template:
            here = Span(source, template, 1, template, 2)
            found.append(
                here.finding(BROKEN, "this is a template: `{{ … }}` stands here where JSON has a value", RENDER)
            )
        else:
            found.append(here.finding(BROKEN, f"not JSON: {stop}"))
        return None
    return node


class _Reader:
    def __init__(self, text: str, source: Source, found: list[Diagnostic]) -> None:
        self.text = text
        self.found = found
        self.source = source
        self.at = 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text) + 1]
        self.row = 1  # where the last span began: the next is near
        self.words: dict[str, bool | int | float | None] = {}  # what is written without quotes

    def span(self, start: int, end: int) -> Span:
        starts, line = self.starts, self.row
        if start >= starts[line]:
            line += 1
            if start >= starts[line]:
                line = bisect_right(starts, start, line)
            self.row = line
        elif start < starts[line - 1]:
            line = bisect_right(starts, start, 0, line)
        last = line if end < starts[line] else bisect_right(starts, end, line, len(starts) - 1)
        return Span(self.source, line, start - starts[line - 1] + 1, last, end - starts[last - 1] + 1)

    def skip(self) -> int:
        if self.text[self.at : self.at + 1] in _MAY_BE_BLANK:
            match = _BLANK.match(self.text, self.at)
            self.at = match.end() if match else self.at
        return self.at

    def value(self, depth: int) -> Node:
        start = self.skip()
        if depth > MOST_DEPTH:
            raise _Stop(start, f"nested deeper than {MOST_DEPTH} levels")
        first = self.text[start : start + 1]
        if first == "{":
            return self.mapping(start, depth)
        if first == "[":
            return self.sequence(start, depth)
        if first == '"':
            text = self.string()
            return Scalar(self.span(start, self.at), text, 1)
        match = _WORD.match(self.text, start)
        if match is None:
            raise _Stop(start, "expected a value" if first else "the text ends too early")
        self.at = match.end()
        return Scalar(self.span(start, self.at), self.word(match.group(), start))

    def word(self, word: str, start: int) -> bool | int | float | None:
        if word in _WORDS:
            return _WORDS[word]
        if word not in self.words:
            try:
                self.words[word] = json.loads(word)
            except ValueError:
                raise _Stop(start, "expected a value") from None
        return self.words[word]

    def string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise _Stop(self.at, "a quote is not closed")
        start, self.at = self.at, match.end()
        said = match.group()
        if "\\" not in said:
            return said[1:-1]
        try:
            return str(json.loads(said, strict=False))
        except ValueError:
            raise _Stop(start, "an escape that JSON does not have") from None

    def mapping(self, start: int, depth: int) -> Node:
        entries: dict[str, Entry] = {}
        self.at += 1
        while True:
            while (pair := _PAIR.match(self.text, self.at)) is not None:
                name, text, word, after = pair.groups()
                key = self.span(pair.start(1) - 1, pair.end(1) + 1)
                if text is not None:
                    value = Scalar(self.span(pair.start(2) - 1, pair.end(2) + 1), text, 1)
                else:
                    value = Scalar(self.span(pair.start(3), pair.end(3)), self.word(word, pair.start(3)))
                if name in entries:
                    self.twice(key, entries[name], False)
                entries[name] = Entry(key, value)
                self.at = pair.end()
                if after == "}":
                    return Mapping(self.span(start, self.at), entries)
            here = self.skip()
            if self.text[here : here + 1] == "}":
                self.at += 1
                return Mapping(self.span(start, self.at), entries)
            if self.text[here : here + 1] != '"':
                raise _Stop(here, "expected a key in quotes")
            name = self.string()
            key = self.span(here, self.at)
            if self.text[self.skip() : self.at + 1] != ":":
                raise _Stop(self.at, "expected a colon")
            self.at += 1
            node = self.value(depth + 1)
            if name in entries:
                self.twice(key, entries[name], isinstance(node, Mapping))
            entries[name] = Entry(key, node)  # the last one counts, as readers of JSON have it
            self.comma("}")

    def twice(self, key: Span, before: Entry, mapping: bool) -> None:
        message = TWO_SECTIONS if mapping and isinstance(before.value, Mapping) else TWICE
        self.found.append(key.finding(BROKEN, message, f"see line {before.key.line}"))

    def sequence(self, start: int, depth: int) -> Node:
        items: list[Node] = []
        self.at += 1
        while True:
            if self.text[self.skip() : self.at + 1] == "]":
                self.at += 1
                return Sequence(self.span(start, self.at), tuple(items))
            items.append(self.value(depth + 1))
            self.comma("]")

    def comma(self, closing: str) -> None:
        here = self.skip()
        if self.text[here : here + 1] == ",":
            self.at += 1
        elif self.text[here : here + 1] != closing:
            raise _Stop(here, f"a comma or `{closing}` is missing")
