"""JSON with positions (scenario/text/tree.py): comments and trailing commas are allowed, as in configuration files."""

from __future__ import annotations

import json
import re

from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Source, Span

BROKEN = "RL195"
MOST_DEPTH = 60
_BLANKS = " \t\r\f\v"
_BLANK = re.compile(rf"(?:[{_BLANKS}]+|//.*|/\*.*?\*/)*")  # on one line
_MAY_BE_BLANK = frozenset(("", "/", *_BLANKS))
TWICE = "a key stands here twice"
TWO_SECTIONS = "a section stands here twice"
TEMPLATE = re.compile(r"\{\{.*?\}\}|<%.*?%>|\{%.*?%\}")
RENDER = "render it first (helm template, kustomize build, envsubst ...) and read the result"
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
# what most values look like, with the sign after them, or up to their bracket; and with a key before them
_VALUE = r'(?:"([^"\\]*)"|([-+0-9.eE]+|[A-Za-z]+)|([\[{]))'
_ITEM = re.compile(rf"[ \t]*(){_VALUE}(?:[ \t]*([,\]]))?")
_PAIR = re.compile(rf'[ \t]*"([^"\\]*)"[ \t]*:[ \t]*{_VALUE}(?:[ \t]*([,}}]))?')
_WORD = re.compile(r"[-+0-9.eE]+|[A-Za-z]+")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class _Stop(Exception):
    """The text is not JSON from where the reader is."""


def parse_json(source: Source, found: list[Diagnostic]) -> Node | None:
    """The tree, or None with a finding. Positions count characters, lines end at line feeds."""
    reader = _Reader(source, found)
    try:
        node = reader.value(0)
        if reader.skip():
            raise _Stop("something follows the end of the document")
    except _Stop as stop:
        here = reader.span(1)
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
    def __init__(self, source: Source, found: list[Diagnostic]) -> None:
        self.source = source
        self.found = found
        self.words: dict[str, bool | int | float | None] = {}  # what is written without quotes
        self.row, self.at, self.line = 1, 0, source.lines[0]  # what is read next

    def span(self, length: int) -> Span:
        """So much of the line."""
        return Span(self.source, self.row, self.at + 1, self.row, self.at + 1 + length)

    def ahead(self) -> bool:
        """Go to the next line at the end of this one; whether there is one."""
        if self.at < len(self.line) or self.row == len(self.source.lines):
            return False
        self.row, self.at, self.line = self.row + 1, 0, self.source.lines[self.row]
        return True

    def skip(self) -> str:
        """Go behind blanks and comments, to the character that is told; "" at the end."""
        if self.line[self.at : self.at + 1] not in _MAY_BE_BLANK:
            return self.line[self.at]
        while True:
            match = _BLANK.match(self.line, self.at)
            self.at = match.end() if match else self.at
            if self.line.startswith("/*", self.at):  # to another line
                lines = self.source.lines
                row = next((row for row in range(self.row, len(lines)) if "*/" in lines[row]), 0)
                if not row:
                    return "/"
                self.row, self.at, self.line = row + 1, lines[row].index("*/") + 2, lines[row]
            elif not self.ahead():
                return self.line[self.at : self.at + 1]

    def value(self, depth: int) -> Node:
        """Whatever follows."""
        first = self.skip()
        if first in ("{", "["):
            return self.inside(depth)
        if first == '"':
            text, length = self.string()
            node = Scalar(self.span(length), text, 1)
        else:
            match = _WORD.match(self.line, self.at)
            if match is None:
                raise _Stop("expected a value" if first else "the text ends too early")
            length = match.end() - self.at
            node = Scalar(self.span(length), self.word(match.group()))
        self.at += length
        return node

    def word(self, word: str) -> bool | int | float | None:
        if word in _WORDS:
            return _WORDS[word]
        if word not in self.words:
            try:
                self.words[word] = json.loads(word)
            except ValueError:
                raise _Stop("expected a value") from None
        return self.words[word]

    def string(self) -> tuple[str, int]:
        """A text, and how long it is as it is written."""
        match = _STRING.match(self.line, self.at)
        if match is None:
            raise _Stop("a quote is not closed")
        said = match.group()
        if "\\" not in said:
            return said[1:-1], len(said)
        try:
            return str(json.loads(said, strict=False)), len(said)
        except ValueError:
            raise _Stop("an escape that JSON does not have") from None

    def key(self) -> tuple[str, Span]:
        """What is written before a value."""
        if self.skip() != '"':
            raise _Stop("expected a key in quotes")
        name, length = self.string()
        span = self.span(length)
        self.at += length
        if self.skip() != ":":
            raise _Stop("expected a colon")
        self.at += 1
        return name, span

    def inside(self, depth: int) -> Node:
        """The mapping or list whose bracket stands there."""
        if depth >= MOST_DEPTH:
            raise _Stop(f"nested deeper than {MOST_DEPTH} levels")
        source = self.source
        mapped = self.line[self.at] == "{"
        usual, closing = (_PAIR.match, "}") if mapped else (_ITEM.match, "]")
        entries: dict[str, Entry] = {}
        items: list[Node] = []
        whole = self.span(0)
        name, key = "", whole
        node: Node
        self.at += 1
        sign = ","
        while sign == ",":
            self.ahead()
            found = usual(self.line, self.at)
            if found is None:
                sign = self.skip()
                if sign == closing:
                    self.at += 1
                    break
                found = usual(self.line, self.at)
            sign = ""
            if found is None:
                if mapped:
                    name, key = self.key()
                node = self.value(depth + 1)
            else:
                line, row = self.line, self.row
                _, (first, stop), (begin, end), (word, over), (bracket, _), (_, after) = found.regs
                if mapped:
                    name, key = line[first:stop], Span(source, row, first, row, stop + 2)
                if begin >= 0:
                    node = Scalar(Span(source, row, begin, row, end + 2), line[begin:end], 1)
                    self.at = end + 1
                elif word >= 0:
                    self.at = word
                    node = Scalar(Span(source, row, word + 1, row, over + 1), self.word(line[word:over]))
                    self.at = over
                else:
                    self.at = bracket
                    node = self.inside(depth + 1)
                    after = -1
                if after >= 0:
                    sign, self.at = line[after - 1], after
            if mapped:
                if name in entries:
                    self.twice(key, entries[name], isinstance(node, Mapping))
                entries[name] = Entry(key, node)  # the last one counts, as readers of JSON have it
            else:
                items.append(node)
            if not sign:
                sign = self.skip()
                if sign not in (",", closing):
                    raise _Stop(f"a comma or `{closing}` is missing")
                self.at += 1
        whole.end_line, whole.end_col = self.row, self.at + 1
        return Mapping(whole, entries) if mapped else Sequence(whole, tuple(items))

    def twice(self, key: Span, before: Entry, mapping: bool) -> None:
        message = TWO_SECTIONS if mapping and isinstance(before.value, Mapping) else TWICE
        self.found.append(key.finding(BROKEN, message, f"see line {before.key.line}"))
