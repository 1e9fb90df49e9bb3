"""Instances of one file that say the same in other places: what is found in the next is what was found in the first.

Thousands of instances of a large file differ in their names and lines only. One is *like* another when all that is its
own in the file is the same, key by key and value by value. The second such one is looked at as the first was; only if
everything found in it is what was found in the first, with names and places exchanged, is that done with those that
follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from resilience_sim.interop.own import Own, is_name
from resilience_sim.lint.finding import Finding
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Span

MOST_TRIES = 3


@dataclass(slots=True)
class _Model:
    """What was found in one, apart from names and places.

    ``place`` is None where it stands outside of it. ``texts`` are its texts, and what is shown of the line;
    ``str.format`` fills in those with ``named`` numbers.
    """

    found: Finding
    place: int | None
    texts: list[str]
    named: list[int]
    width: int

    def of(self, own: Instance) -> Finding:
        found = self.found
        texts = self.texts.copy()
        for at in self.named:
            texts[at] = texts[at].format(*own.names)
        message, remedy, path, instance, shown = texts
        if self.place is None:
            file, line, col, end_col, source = found.file, found.line, found.col, found.end_col, found.source
        else:
            span = own.spans[self.place]
            file, line, col = span.source.name, span.line, span.col
            end_col, source = col + self.width + len(shown), " " * (col - 1) + shown
        return Finding(
            found.code, found.severity, found.title, message, remedy, file, line, col, end_col, path, source,
            found.assumes, found.numbers, instance,
        )  # fmt: skip


@dataclass(slots=True)
class _Shape:
    """What is known of all that are alike."""

    sample: tuple[Instance, list[Finding]] | None = None
    model: list[_Model] | None = None
    proven: bool = False
    tries: int = 0


@dataclass(slots=True)
class Instance:
    """One of them: its names and places, and what is known of those that are like it."""

    names: tuple[str, ...]
    spans: list[Span]
    shape: _Shape

    def known(self) -> list[Finding] | None:
        """What would be found in it, without looking; None where that is not sure."""
        if not self.shape.proven or self.shape.model is None:
            return None
        return [each.of(self) for each in self.shape.model]

    def learn(self, found: list[Finding]) -> None:
        """What was found in it."""
        shape = self.shape
        if shape.proven or shape.tries > MOST_TRIES:
            return
        if shape.sample is not None:
            of, there = shape.sample
            shape.model = of._modelled(there)
            shape.proven = [each.of(self) for each in shape.model] == found
        shape.tries += 1
        shape.sample = None if shape.proven else (self, found)

    def _modelled(self, found: list[Finding]) -> list[_Model]:
        places = {(span.source.name, span.line, span.col): at for at, span in reversed(list(enumerate(self.spans)))}
        return [self._model(each, places.get((each.file, each.line, each.col))) for each in found]

    def _model(self, each: Finding, place: int | None) -> _Model:
        shown = each.source[max(0, each.col - 1) :]
        texts = [each.message, each.remedy, each.path, each.instance, shown]
        pattern = re.compile("|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True)))
        named = [at for at, text in enumerate(texts) if pattern.search(text)]
        for at in named:
            plain = texts[at].replace("{", "{{").replace("}", "}}")
            texts[at] = pattern.sub(lambda name: f"{{{self.names.index(name[0])}}}", plain)
        return _Model(each, place, texts, named, each.end_col - each.col - len(shown))


@dataclass(slots=True)
class Twins:
    """The shapes of one file."""

    shapes: dict[object, _Shape] = field(default_factory=dict)

    def of(self, own: Own) -> Instance | None:
        """One of them; None where its names cannot be told from other text."""
        names = tuple(dict.fromkeys(own.names))
        if not all(map(is_name, names)):
            return None
        spans: list[Span] = []
        key: list[object] = [len(names)]
        known = {name: at for at, name in enumerate(names)} if own.inside else {}
        for part in own.parts:
            if isinstance(part, Entry):
                spans.append(part.key)
                key.append(Entry)
            _read(part.value if isinstance(part, Entry) else part, key, spans, known, own.unread)
        alike = tuple(key)
        shape = self.shapes.get(alike)
        if shape is None:
            shape = self.shapes[alike] = _Shape()
        return Instance(names, spans, shape)


def _read(
    node: Node, key: list[object], spans: list[Span], names: dict[str, int], unread: Callable[[str], bool] | None = None
) -> None:
    """Add to ``key`` what is the same in all that are alike, and their places to ``spans`` in the same order."""
    span = node.span
    spans.append(span)
    if isinstance(node, Mapping):
        key += (Mapping, span.line == span.end_line, len(node.entries))
        for name, entry in node.entries.items():
            spans.append(entry.key)
            key.append(name)
            value = entry.value
            if unread is not None and unread(name):
                continue
            if isinstance(value, Scalar):
                spans.append(value.span)
                key.append(_said(value, names))
            else:
                _read(value, key, spans, names)
    elif isinstance(node, Scalar):
        key.append(_said(node, names))
    else:
        key += (Sequence, span.line == span.end_line, len(node.items))
        for each in node.items:
            _read(each, key, spans, names)


def _said(node: Scalar, names: dict[str, int]) -> object:
    value = node.value
    if type(value) is not str:
        span = node.span
        usual = span.end_col - span.col == len(str(value))  # how a number is written may be worth a word
        return type(value), value, node.quoted, "" if usual else span.text()
    for name, at in names.items():
        if name in value:
            return at, *value.split(name)
    return (str, value, node.quoted) if node.quoted else value
