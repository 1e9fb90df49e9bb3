"""Parts of one file that say the same in other places: what is found in the next is what was found in the first, there.

Thousands of instances of a large file, or policies of it, differ in their names and lines only. One is *like* another
when all that is its own in the file is the same, key by key and value by value. The second such one is looked at as the
first was; only if everything found in it is what was found in the first, with names and places exchanged, is that done
with those that follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from resilience_sim.interop.own import Own, is_name
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Span

MOST_TRIES = 3
_BETWEEN = "\0"  # which stands in no text: a finding that has it is never taken for a model


class Found(Protocol):
    """Something that is said of a place in a file."""

    file: str
    line: int
    col: int
    end_col: int
    source: str


F = TypeVar("F", bound=Found)


class Kind(Protocol[F]):
    """How one sort of what is found is taken apart and made again."""

    def texts(self, found: F, /) -> Many[str]:
        """Those that may hold names."""
        ...

    def made(self, found: F, texts: Many[str], place: tuple[str, int, int, int, str], /) -> F:
        """The same with other texts, at another place: file, line, columns, and what of the line is shown."""
        ...


class Diagnostics:
    """What a reader of files has to say."""

    @staticmethod
    def texts(found: Diagnostic, /) -> Many[str]:
        """Message, remedy and path."""
        return found.message, found.help, found.path

    @staticmethod
    def made(found: Diagnostic, texts: Many[str], place: tuple[str, int, int, int, str], /) -> Diagnostic:
        """The same elsewhere."""
        file, line, col, end_col, source = place
        message, help, path = texts
        return Diagnostic(found.code, message, file, line, col, end_col, path, help, found.severity, source)


@dataclass(slots=True)
class _Model(Generic[F]):
    """What was found in one, apart from names and places.

    ``place`` is None where it stands outside of it. ``texts`` are all texts, and what is shown of the line, as one
    that ``str.format`` fills in.
    """

    kind: Kind[F]
    found: F
    place: int | None
    texts: str
    width: int

    def of(self, own: Instance[F]) -> F:
        found = self.found
        *texts, shown = self.texts.format(*own.names).split(_BETWEEN)
        if self.place is None:
            place = (found.file, found.line, found.col, found.end_col, found.source)
        else:
            span = own.spans[self.place]
            col = span.col
            place = (span.source.name, span.line, col, col + self.width + len(shown), " " * (col - 1) + shown)
        return self.kind.made(found, texts, place)


@dataclass(slots=True)
class _Shape(Generic[F]):
    """What is known of all that are alike."""

    sample: tuple[Instance[F], list[F]] | None = None
    model: list[_Model[F]] | None = None
    proven: bool = False
    tries: int = 0


@dataclass(slots=True)
class Instance(Generic[F]):
    """One of them: its names and places, and what is known of those that are like it."""

    kind: Kind[F]
    names: tuple[str, ...]
    spans: list[Span]
    shape: _Shape[F]

    def known(self, wanted: Callable[[F], bool] = lambda _: True) -> list[F] | None:
        """What would be found in it, or what is wanted of that, without looking; None where that is not sure."""
        if not self.shape.proven or self.shape.model is None:
            return None
        return [each.of(self) for each in self.shape.model if wanted(each.found)]

    def learn(self, found: list[F]) -> None:
        """What was found in it."""
        shape = self.shape
        if shape.proven or shape.tries > MOST_TRIES:
            return
        if shape.sample is not None:
            of, there = shape.sample
            if not any(_BETWEEN in text for each in there for text in (*self.kind.texts(each), each.source)):
                shape.model = of._modelled(there)
                shape.proven = [each.of(self) for each in shape.model] == found
        shape.tries += 1
        shape.sample = None if shape.proven else (self, found)

    def _modelled(self, found: list[F]) -> list[_Model[F]]:
        places = {(span.source.name, span.line, span.col): at for at, span in reversed(list(enumerate(self.spans)))}
        return [self._model(each, places.get((each.file, each.line, each.col))) for each in found]

    def _model(self, each: F, place: int | None) -> _Model[F]:
        shown = each.source[max(0, each.col - 1) :]
        texts = [self._text(text) for text in (*self.kind.texts(each), shown)]
        return _Model(self.kind, each, place, _BETWEEN.join(texts), each.end_col - each.col - len(shown))

    def _text(self, text: str) -> str:
        """A text with numbers in place of the names."""
        pattern = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        pieces = re.split(f"({pattern})", text.replace("{", "{{").replace("}", "}}"))
        return "".join(f"{{{self.names.index(each)}}}" if at % 2 else each for at, each in enumerate(pieces))


@dataclass(slots=True)
class Twins(Generic[F]):
    """The shapes of one file."""

    kind: Kind[F]
    shapes: dict[object, _Shape[F]] = field(default_factory=dict)

    def of(self, own: Own) -> Instance[F] | None:
        """One of them; None where its names cannot be told from other text."""
        names = tuple(dict.fromkeys(own.names))
        if not all(map(is_name, names)):
            return None
        spans: list[Span] = []
        known = {name: at for at, name in enumerate(names)} if own.inside else {}
        key = (len(names), tuple([_shape(part, spans, known) for part in own.parts]))
        shape = self.shapes.get(key)
        if shape is None:
            shape = self.shapes[key] = _Shape()
        return Instance(self.kind, names, spans, shape)


def _shape(node: Entry | Node, spans: list[Span], names: dict[str, int]) -> object:
    """What is the same in all that are alike; their places are added to ``spans`` in the same order."""
    if isinstance(node, Mapping):
        span = node.span
        spans.append(span)
        below: list[object] = [Mapping, span.line == span.end_line]
        for name, entry in node.entries.items():
            spans.append(entry.key)
            below.append(name)
            value = entry.value
            if isinstance(value, Scalar):
                spans.append(value.span)
                below.append(_said(value, names))
            else:
                below.append(_shape(value, spans, names))
        return tuple(below)
    if isinstance(node, Scalar):
        spans.append(node.span)
        return _said(node, names)
    if isinstance(node, Entry):
        spans.append(node.key)
        return Entry, _shape(node.value, spans, names)
    spans.append(node.span)
    return (node.span.line == node.span.end_line, *[_shape(each, spans, names) for each in node.items])


def _said(node: Scalar, names: dict[str, int]) -> object:
    value = node.value
    if type(value) is not str:
        return type(value), value, node.quoted
    for name, at in names.items():
        if name in value:
            return at, *value.split(name)
    return (str, value, node.quoted) if node.quoted else value
