"""Java properties and INI files as trees with positions (scenario/tree.py)."""

from __future__ import annotations

import re

from resilience_sim.scenario.parse import scalar
from resilience_sim.scenario.tree import Entry, Mapping, Scalar, Source, Span

_PAIR = re.compile(r"\s*((?:\\.|[^\s=:\\])+)(?:\s*[=:]\s*|\s+)?(.*)")
_ESCAPE = re.compile(r"\\(.)")


def parse_properties(text: str, source: Source) -> list[Mapping]:
    """The documents (``#---`` parts them), each flat: dotted keys as they are written; of two alike the last counts."""
    documents = [Mapping(Span(source, 1, 1, 1, 1), {})]
    number = 0
    lines = text.split("\n")
    while number < len(lines):
        first, line = number, lines[number].rstrip("\r")
        if line.rstrip() in ("#---", "!---"):
            documents.append(Mapping(Span(source, number + 1, 1, number + 1, 1), {}))
        while line.lstrip()[:1] not in ("#", "!") and _continues(line) and number + 1 < len(lines):
            number += 1
            line = line[:-1] + lines[number].strip()
        number += 1
        match = None if line.lstrip()[:1] in ("#", "!") else _PAIR.match(line)
        if match is None:
            continue
        row, col = first + 1, match.start(1) + 1
        key = Span(source, row, col, row, match.end(1) + 1)
        value = match.group(2).strip()
        place = Span(source, row, match.start(2) + 1, row, match.start(2) + 1 + len(value))
        node = Scalar(place, scalar(_ESCAPE.sub(r"\1", value)))
        documents[-1].entries[_ESCAPE.sub(r"\1", match.group(1))] = Entry(key, node)
    return documents


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def parse_ini(text: str, source: Source) -> Mapping:
    """Sections with their keys, names in lower case; nested values (indented lines) are left out."""
    root = Mapping(Span(source, 1, 1, 1, 1), {})
    section: Mapping | None = None
    for number, line in enumerate(text.split("\n"), 1):
        head = re.match(r"\s*\[\s*([^\]]*?)\s*\]", line)
        pair = re.match(r"([A-Za-z0-9_\-]+)\s*=\s*(.*?)\s*(?:\s[#;].*)?\r?$", line)
        if head:
            span = Span(source, number, head.start(1) + 1, number, head.end(1) + 1)
            section = Mapping(span, {})
            root.entries[head.group(1)] = Entry(span, section)
        elif pair and section is not None:
            key = Span(source, number, 1, number, pair.end(1) + 1)
            place = Span(source, number, pair.start(2) + 1, number, pair.end(2) + 1)
            section.entries[pair.group(1).lower()] = Entry(key, Scalar(place, scalar(pair.group(2))))
    return root
