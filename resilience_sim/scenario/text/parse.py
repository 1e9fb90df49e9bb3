"""YAML text to a tree with positions.

Scalars are those of YAML 1.2 (``off`` is text, ``012`` is twelve). The event stream is read with a stack of its own, so
that no nesting and no alias can overflow or explode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Source, Span
from resilience_sim.settings import codes

if TYPE_CHECKING:
    import yaml

MOST_DEPTH = 40
MOST_VALUES = 60_000

_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCT = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INF = re.compile(r"([-+]?)\.(inf|Inf|INF)\Z")
_BEGINS = frozenset("+-.0123456789")  # how a number begins; one that begins with . may end in a letter
_UNITS = frozenset("smhxd%")  # how none ends, but for hexadecimal ones
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_STR_TAGS = ("tag:yaml.org,2002:str", "!")

_HINTS: tuple[tuple[str, str], ...] = (
    ("'\\t'", "indent with spaces; YAML allows no tab here"),
    ("tab character", "indent with spaces; YAML allows no tab here"),
    ("mapping values are not allowed", "put text that contains `: ` in quotes, and check the indentation"),
    ("cannot start any token", "put a value that starts with a special character in quotes"),
    ("did not find expected ',' or ']'", "a `[` is not closed, or a comma is missing"),
    ("did not find expected ',' or '}'", "a `{` is not closed, or a comma is missing"),
    ("did not find expected key", "check the indentation of this line and the one above"),
    ("could not find expected ':'", "a key needs a colon and a space after it"),
    ("found unexpected end of stream", "a quote or bracket is not closed"),
    ("undefined alias", "an alias must come after its anchor"),
    ("special characters are not allowed", "the file holds control characters; is it text?"),
)


class _Stop(Exception):
    """A finding after which nothing more can be read."""


@dataclass(slots=True)
class _Open:
    """A list or mapping that has begun and not ended."""

    start: Any
    mapping: bool
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    key: tuple[str, Span] | None = None
    size: int = 1


def scalar(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _BEGINS or (text[-1] in _UNITS and text[0] != "0"):
        return text
    if len(text) <= 100:
        if _INT.match(text):
            return int(text)
        if _OCT.match(text):
            return int(text[2:], 8)
        if _HEX.match(text):
            return int(text[2:], 16)
        if _FLOAT.match(text):
            return float(text)
        infinite = _INF.match(text)
        if infinite:
            return float(infinite.group(1) + "inf")
        if text in (".nan", ".NaN", ".NAN"):
            return float("nan")
    return text


def parse(text: str, source: Source, found: list[Diagnostic]) -> Node | None:
    """The tree, or None when the text cannot be read; findings are appended either way."""
    import yaml

    before = len(found)
    try:
        return _Builder(source, found).build(text)
    except _Stop:
        return None
    except yaml.YAMLError as error:
        end = _too_deep(error)
        if 0 < end < len(text):
            del found[before:]
            return parse(text[:end], source, found)
        found.append(_syntax(error, source))
        return None
    except (UnicodeError, ValueError):
        found.append(Diagnostic(codes.SYNTAX, "the text holds characters that YAML does not know", source.name))
        return None


def _too_deep(error: yaml.YAMLError) -> int:
    """Where the library gave up for want of depth (1,000 levels, from libyaml 0.2.6 on); 0: another error.

    It looks up to 1,024 characters ahead, and may say so before it has told of the 41st level, where we stop. What
    stands before that place still is far too deep, and says so with every version in the same words and place.
    """
    mark = getattr(error, "problem_mark", None)
    if mark is None or "maximum nesting depth" not in str(getattr(error, "problem", "")):
        return 0
    return int(mark.index) - 1


def _syntax(error: yaml.YAMLError, source: Source) -> Diagnostic:
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML")
    context = getattr(error, "context", None)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    hint = next((text for sign, text in _HINTS if sign in problem), "")
    message = f"not YAML: {problem}" + (f" {context}" if context else "")
    if mark is not None and source.line(mark.line + 1)[mark.column : mark.column + 1] == "\t":
        hint = "indent with spaces; YAML allows no tab here"
    if mark is None:
        return Diagnostic(codes.SYNTAX, message, source.name, help=hint)
    line = min(mark.line + 1, max(1, len(source.lines)))
    col = mark.column + 1 if mark.line < len(source.lines) else len(source.line(line)) + 1
    return Span(source, line, col, line, col + 1).finding(codes.SYNTAX, message, hint)


class _Builder:
    def __init__(self, source: Source, found: list[Diagnostic]) -> None:
        self.source = source
        self.found = found
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int, int]] = {}
        self.depths: dict[int, int] = {}
        self.root: Node | None = None
        self.total = 0

    def build(self, text: str) -> Node | None:
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        documents = 0
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.stop(event, codes.YAML_FEATURE, "a second document begins here", "one file is one scenario")
            elif isinstance(event, yaml.ScalarEvent):
                self.scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self.alias(event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self.start(event, isinstance(event, yaml.MappingStartEvent))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self.end(event)
        return self.root

    def span(self, start: Any, end: Any) -> Span:
        a, b = start.start_mark, end.end_mark
        return Span(self.source, a.line + 1, a.column + 1, b.line + 1, b.column + 1)

    def stop(self, event: Any, code: str, message: str, remedy: str) -> None:
        self.found.append(self.span(event, event).finding(code, message, remedy))
        raise _Stop

    def tag(self, event: Any) -> bool:
        """Whether the value is text by its tag; any other tag is a finding."""
        if event.tag is None:
            return False
        if event.tag in _STR_TAGS:
            return True
        said = str(event.tag).replace("tag:yaml.org,2002:", "!!")
        finding = self.span(event, event).finding(
            codes.YAML_FEATURE, f"the tag `{said[:40]}` is not used in scenarios", "write the plain value"
        )
        self.found.append(finding)
        return False

    def scalar(self, event: Any) -> None:
        text = self.tag(event)
        style = event.style
        is_plain = style in (None, "") and not text
        value = scalar(event.value) if is_plain else event.value
        node = Scalar(self.span(event, event), value, 1 if style in ("'", '"') else 0)
        holder = self.open[-1] if self.open else None
        if holder is not None and holder.mapping and holder.key is None:
            self.key(holder, event.value, node.span, is_plain)
            if event.anchor:
                self.anchors[event.anchor] = (node, 1, 1)
        else:
            self.add(node, event.anchor, 1, 1, event)

    def key(self, holder: _Open, text: str, span: Span, is_plain: bool) -> None:
        if text == "<<" and is_plain:
            self.found.append(
                span.finding(codes.YAML_FEATURE, "merge keys (`<<`) are not used in scenarios", "write the keys out")
            )
        holder.key = (text, span)

    def start(self, event: Any, mapping: bool) -> None:
        self.tag(event)
        if self.open and self.open[-1].mapping and self.open[-1].key is None:
            self.stop(event, codes.YAML_FEATURE, "a key must be plain text", "put the key in quotes")
        if len(self.open) >= MOST_DEPTH:
            self.stop(event, codes.TOO_MUCH, f"nested deeper than {MOST_DEPTH} levels", "no scenario needs that")
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        self.open.append(_Open(event, mapping, event.anchor))

    def end(self, event: Any) -> None:
        holder = self.open.pop()
        span = self.span(holder.start, event)
        node: Node = Mapping(span, holder.entries) if holder.mapping else Sequence(span, tuple(holder.items))
        below = [entry.value for entry in holder.entries.values()] if holder.mapping else holder.items
        depth = 1 + max((self.depths.get(id(each), 1) for each in below), default=0)
        self.depths[id(node)] = depth
        self.add(node, holder.anchor, holder.size, depth, event)

    def alias(self, event: Any) -> None:
        known = self.anchors.get(event.anchor)
        if any(holder.anchor == event.anchor for holder in self.open):
            self.stop(event, codes.TOO_MUCH, f"the alias `*{event.anchor}` contains itself", "write the value out")
        if known is None:
            self.stop(event, codes.SYNTAX, f"no anchor `&{event.anchor}` before this alias", "anchors come first")
            return
        node, size, depth = known
        holder = self.open[-1] if self.open else None
        if holder is not None and holder.mapping and holder.key is None:
            if not isinstance(node, Scalar):
                self.stop(event, codes.YAML_FEATURE, "a key must be plain text", "write the key out")
            else:
                self.key(holder, str(node.value), self.span(event, event), False)
            return
        if len(self.open) + depth > MOST_DEPTH:
            self.stop(event, codes.TOO_MUCH, f"nested deeper than {MOST_DEPTH} levels", "no scenario needs that")
        self.add(node, None, size, depth, event)

    def add(self, node: Node, anchor: str | None, size: int, depth: int, event: Any) -> None:
        if anchor:
            self.anchors[anchor] = (node, size, depth)
        if not self.open:
            self.root = node
            return
        holder = self.open[-1]
        holder.size += size
        if holder.size > MOST_VALUES:
            self.stop(
                event, codes.TOO_MUCH, f"more than {MOST_VALUES:,} values", "aliases count each time they are used"
            )
        if not holder.mapping:
            holder.items.append(node)
            return
        assert holder.key is not None
        (text, span), holder.key = holder.key, None
        if text == "<<" and span.source.line(span.line)[span.col - 1 : span.col + 1] == "<<":
            return
        first = holder.entries.get(text)
        if first is not None:
            self.found.append(
                span.finding(
                    codes.DUPLICATE_KEY, f"the key `{text[:40]}` stands here twice", f"first in line {first.key.line}"
                )
            )
            return
        holder.entries[text] = Entry(span, node)
