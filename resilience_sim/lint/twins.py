"""Instances of one file that say the same in other places: what is found in the next is what was found in the first,
there.

Thousands of instances of a large file differ in their names and lines only. An instance is *like* another when all
that is its own in the file is the same, key by key and value by value. The second such instance is looked at as the
first was; only if everything found in it is what was found in the first, with names and places exchanged, is that done
with those that follow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Many
from dataclasses import dataclass, field

from resilience_sim.interop.own import Own
from resilience_sim.lint.finding import Finding
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Span

MOST_TRIES = 3
_SAFE = re.compile(r"[A-Za-z0-9_.\-/]{2,}\Z")


@dataclass(frozen=True, slots=True)
class _Text:
    """A text in pieces; a number stands for the name with that number."""

    pieces: tuple[str | int, ...]

    def of(self, names: Many[str]) -> str:
        return "".join([each if isinstance(each, str) else names[each] for each in self.pieces])


@dataclass(slots=True)
class _Model:
    """A finding in an instance, apart from names and places. ``place`` is None where it stands outside of it."""

    found: Finding
    place: int | None
    message: _Text | str
    remedy: _Text | str
    path: _Text | str
    shown: _Text | str
    width: int
    instance: _Text | str

    def of(self, own: Instance) -> Finding:
        found, names = self.found, own.names
        file, line, col, end, source = found.file, found.line, found.col, found.end_col, found.source
        if self.place is not None:
            span = own.spans[self.place]
            shown = self.shown if isinstance(self.shown, str) else self.shown.of(names)
            file, line, col = span.source.name, span.line, span.col
            source, end = " " * (col - 1) + shown, col + self.width + len(shown)
        message, remedy, path, instance = self.message, self.remedy, self.path, self.instance
        return Finding(
            found.code, found.severity, found.title,
            message if isinstance(message, str) else message.of(names),
            remedy if isinstance(remedy, str) else remedy.of(names),
            file, line, col, end,
            path if isinstance(path, str) else path.of(names),
            source, found.assumes, found.numbers,
            instance if isinstance(instance, str) else instance.of(names),
        )  # fmt: skip


@dataclass(slots=True)
class _Shape:
    """What is known of all instances that are alike."""

    sample: tuple[Instance, list[Finding]] | None = None
    model: list[_Model] | None = None
    proven: bool = False
    tries: int = 0


@dataclass(slots=True)
class Instance:
    """One instance: its names and places, and what is known of those that are like it."""

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
        return _Model(
            each, place, self._text(each.message), self._text(each.remedy), self._text(each.path), self._text(shown),
            each.end_col - each.col - len(shown), self._text(each.instance),
        )  # fmt: skip

    def _text(self, text: str) -> _Text | str:
        pattern = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        pieces = re.split(f"({pattern})", text)
        if len(pieces) == 1:
            return text
        return _Text(tuple(self.names.index(each) if at % 2 else each for at, each in enumerate(pieces)))


@dataclass(slots=True)
class Twins:
    """The shapes of one file."""

    shapes: dict[object, _Shape] = field(default_factory=dict)

    def of(self, own: Own) -> Instance | None:
        """One instance; None where its names cannot be told from other text."""
        names = tuple(dict.fromkeys(own.names))
        if not all(map(_SAFE.match, names)):
            return None
        spans: list[Span] = []
        known = {name: at for at, name in enumerate(names)} if own.inside else {}
        key = (len(names), tuple([_shape(part, spans, known) for part in own.parts]))
        shape = self.shapes.get(key)
        if shape is None:
            shape = self.shapes[key] = _Shape()
        return Instance(names, spans, shape)


def _shape(node: Entry | Node, spans: list[Span], names: dict[str, int]) -> object:
    """What is the same in all that are alike; their places are added to ``spans`` in the same order."""
    if isinstance(node, Scalar):
        spans.append(node.span)
        value = node.value
        if names and type(value) is str:
            for name, at in names.items():
                if name in value:
                    return at, *value.split(name)
        return value if type(value) is str and not node.quoted else (type(value), value, node.quoted)
    if isinstance(node, Mapping):
        span = node.span
        spans.append(span)
        below: list[object] = [Mapping, span.line == span.end_line]
        for name, entry in node.entries.items():
            spans.append(entry.key)
            below.append(name)
            below.append(_shape(entry.value, spans, names))
        return tuple(below)
    if isinstance(node, Entry):
        spans.append(node.key)
        return Entry, _shape(node.value, spans, names)
    spans.append(node.span)
    return (node.span.line == node.span.end_line, *[_shape(each, spans, names) for each in node.items])
