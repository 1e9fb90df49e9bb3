"""Functions and classes of a large file that are the same but for their names: one is read for all of them.

A *piece* is what stands between two blank lines. One that begins a function or class at the top, has its name in one
place only, and says otherwise what an earlier piece says is a *copy*, if no other text of the file has its name: then
nothing can come of it but what comes of the other one, with another name and elsewhere. Copies are left out of what is
parsed. In their stead a *sample* with a name that nothing else has stands behind the end of the file, so that whatever
shows this name or a line from there on is known to be the sample's own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from resilience_sim.interop import section

_GAP = "\n\n\n"
_NAME = re.compile(r"^(?:async def|def|class) (\w{3,})", re.MULTILINE)
_GLOBAL = re.compile(r"\bglobal\b")
_LINE = re.compile(r"\bline (\d+)\b")
_WORD = re.compile(r"\w+")
_MARKS = ("Zq", "Qz", "Xj", "Jx")
Shape: TypeAlias = tuple[int, str, str]  # the length of its name, and what stands before and after it
_NONE: Shape = (0, "", "")
_HOLE = "pass"  # the statement that stands for a row of copies


class Place(NamedTuple):
    """The name of a copy, and the line it begins in."""

    name: str
    line: int


@dataclass(slots=True)
class Sample:
    """What is read for its copies: its lines in the text that is parsed."""

    name: str
    line: int
    end: int
    copies: list[Place] = field(default_factory=list)

    def owns(self, line: int) -> bool:
        """Whether a line is one of its own."""
        return self.line <= line <= self.end

    def text(self, text: str) -> Callable[[Place], str]:
        """A text about the sample as the same about a copy of it."""
        lines: list[int] = []

        def mark(found: re.Match[str]) -> str:
            if not self.owns(int(found[1])):
                return found[0]
            lines.append(int(found[1]) - self.line)
            return f"line {{{len(lines)}}}"

        pattern = _LINE.sub(mark, text.replace("{", "{{").replace("}", "}}")).replace(self.name, "{0}")
        if lines:
            return lambda copy: pattern.format(copy.name, *[copy.line + each for each in lines])
        if self.name in text:
            return lambda copy: pattern.format(copy.name)
        return lambda copy: text


@dataclass(slots=True)
class Copy:
    """A stack of a copy: its name and line, and the key of the sample's stack."""

    name: str
    line: int
    of: str
    sample: Sample
    place: Place


@dataclass(frozen=True, slots=True)
class Repeated:
    """A text without its copies, and the samples at its end."""

    text: str
    samples: list[Sample]
    holes: frozenset[int]  # the lines in which rows of copies began
    lines: int

    def holds(self, tree: ast.Module) -> bool:
        """Whether holes and samples are statements of their own, so that the copies are as well."""
        passed = {each.lineno for each in tree.body if isinstance(each, ast.Pass)}
        if not self.holes <= passed:
            return False
        behind = [each for each in tree.body if each.lineno > self.lines][:-1]
        return len(behind) == len(self.samples) and all(map(_is, behind, self.samples))


def _is(node: ast.stmt, sample: Sample) -> bool:
    named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == sample.name
    return named and sample.owns(node.lineno) and sample.owns(node.end_lineno or 0)


def repeated(text: str) -> Repeated | None:
    """The text in this form; None where that is not worth while, or not as plain as it must be."""
    if text.count(_GAP) <= section.LARGE or not text.isascii() or "\r" in text or "\f" in text:
        return None
    pieces = text.split(_GAP)
    copies = _copies(pieces)
    mark = next((each for each in _MARKS if each not in text), None)
    if len(copies) <= section.LARGE or mark is None:
        return None
    samples: dict[Shape, Sample] = {}
    many: dict[int, int] = {}  # samples by the length of their names
    kept: list[str] = []
    holes: list[int] = []
    line, before = 1, False
    for at, piece in enumerate(pieces):
        name, shape = copies.get(at, ("", _NONE))
        sample = samples.get(shape)
        if name and sample is None:  # a name as long, for long ones are not shown
            sample_name = f"{mark}{many.get(len(name), 0):0{len(name) - len(mark)}}"
            if len(sample_name) == len(name):
                sample = samples[shape] = Sample(sample_name, 0, 0)
                many[len(name)] = many.get(len(name), 0) + 1
        if sample is None:
            kept.append(piece)
        else:
            sample.copies.append(Place(name, line))
            if not before:
                holes.append(line)
            kept.append("\n" * piece.count("\n") if before else _HOLE + "\n" * piece.count("\n"))
        before = sample is not None
        line += piece.count("\n") + len(_GAP)
    end = line
    for (_, head, tail), sample in samples.items():
        piece = f"{head}{sample.name}{tail}"
        sample.line, sample.end = line, line + piece.count("\n")
        kept.append(piece)
        line = sample.end + len(_GAP)
    return Repeated(_GAP.join([*kept, _HOLE]), list(samples.values()), frozenset(holes), end - 1)


def _copies(pieces: list[str]) -> dict[int, tuple[str, Shape]]:
    """The pieces that are copies of earlier ones, by number: the name, and what stands around it."""
    shapes: dict[Shape, list[tuple[int, str]]] = {}
    times: dict[str, int] = {}
    for at, piece in enumerate(pieces):
        found = _NAME.search(piece)
        if found is None:
            continue
        name, (start, end) = found[1], found.span(1)
        times[name] = times.get(name, 0) + 1
        head, tail = piece[:start], piece[end:]
        if name not in head and name not in tail:
            shapes.setdefault((len(name), head, tail), []).append((at, name))
    some = {
        at: (name, shape)
        for shape, alike in shapes.items()
        if len(alike) > 2 and not _GLOBAL.search(shape[2])
        for at, name in alike[1:]
        if times[name] == 1
    }
    elsewhere: set[str] = set()
    for at, piece in enumerate(pieces):
        if at not in some:
            elsewhere.update(_WORD.findall(piece))
    return {at: found for at, found in some.items() if found[0] not in elsewhere}


def spread(nodes: Iterable[ast.Call]) -> bool:
    """Whether any of these calls is handed arguments of which nobody knows how many they are."""
    return any(
        any(each.arg is None for each in call.keywords) or any(isinstance(each, ast.Starred) for each in call.args)
        for call in nodes
    )
