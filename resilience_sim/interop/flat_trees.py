"""Java properties, files of variables and INI files as trees with positions (scenario/text/tree.py)."""

from __future__ import annotations

import re

from resilience_sim.interop.findings import BROKEN
from resilience_sim.interop.texts import meant
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Scalar, Source, Span

_COMMENT = re.compile(r"\s*[#!]")
_BREAK = re.compile("\r\n|\r|\n")
_BLANKS = " \t\f"  # Java's; a no-break space is a letter like others
_PAIR = re.compile(r"[ \t\f]*(?![#!])((?:[^ \t\f=:\\]+|\\.)+)(?:[ \t\f]*[=:][ \t\f]*|[ \t\f]+)?(.*)")
_VARIABLE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(\"[^\"]*\"|'[^']*'|.*?)\s*(?:\s#.*)?$")
_HEAD = re.compile(r"\s*\[(.+)\]")
_INI_PAIR = re.compile(r"\s*([^=:\s][^=:]*)[=:]\s*(.*)")
_ESCAPE = re.compile(r"\\(u([0-9A-Fa-f]{4})|.)")
_SIGNS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse_properties(text: str, source: Source) -> list[Mapping]:
    """The documents (``#---`` parts them), each flat: dotted keys as they are written; of two alike the last counts."""
    documents = [Mapping(Span(source, 1, 1, 1, 1), {})]
    number = 0
    lines = _BREAK.split(text)
    while number < len(lines):
        line = lines[number]
        number += 1
        row = number
        while _continues(line) and not _COMMENT.match(line):
            line = line[:-1] + (lines[number].lstrip(_BLANKS) if number < len(lines) else "")
            number += 1
        match = _PAIR.match(line)
        if match is None:
            if lines[row - 1].rstrip() in ("#---", "!---"):
                documents.append(Mapping(Span(source, row, 1, row, 1), {}))
            continue
        name, value = match.groups()
        value, whole = value.rstrip(_BLANKS), _plain(value)
        key = Span(source, row, match.start(1) + 1, row, match.end(1) + 1)
        col = match.start(2) + 1
        place = Span(source, row, col, row, col + len(value))
        said = meant(_plain(value))
        documents[-1].entries[_plain(name)] = Entry(key, Scalar(place, whole if isinstance(said, str) else said))
    return documents


def _plain(text: str) -> str:
    """Without the escapes of java.util.Properties."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda each: _SIGNS.get(each[1]) or (chr(int(each[2], 16)) if each[2] else each[1]), text)


def _continues(line: str) -> bool:
    return line.endswith("\\") and (len(line) - len(line.rstrip("\\"))) % 2 == 1


def parse_env(text: str, source: Source) -> Mapping:
    """``NAME=value`` as shells and Docker have it: with ``export``, quotes, comments; of two alike the last counts."""
    root = Mapping(Span(source, 1, 1, 1, 1), {})
    for number, line in enumerate(text.split("\n"), 1):
        match = _VARIABLE.match(line.rstrip("\r"))
        if match is None:
            continue
        key = Span(source, number, match.start(1) + 1, number, match.end(1) + 1)
        quoted = match.group(2)[:1] in ('"', "'") and len(match.group(2)) > 1
        value = match.group(2)[1:-1] if quoted else match.group(2)
        place = Span(source, number, match.start(2) + 1, number, match.end(2) + 1)
        root.entries[match.group(1)] = Entry(key, Scalar(place, meant(value), int(quoted)))
    return root


def parse_ini(text: str, source: Source, found: list[Diagnostic]) -> Mapping:
    """Sections with their keys, as Python's RawConfigParser reads them: names in lower case, a line that is indented
    further than its key goes on with the value, comments have lines of their own, and what it would refuse is a
    finding.
    """
    root = Mapping(Span(source, 1, 1, 1, 1), {})
    section: Mapping | None = None
    last: str | None = None
    depth = 0  # of the key above

    def broken(number: int, line: str, why: str) -> None:
        col = len(line) - len(line.lstrip()) + 1
        span = Span(source, number, col, number, len(line.rstrip()) + 1)
        found.append(span.finding(BROKEN, f"{why}: the whole file is refused"))

    for number, line in enumerate(text.split("\n"), 1):
        plain = line.strip()
        if not plain or plain[0] in "#;":
            continue
        indent = line.index(plain[0])
        if section is not None and last is not None and indent > depth:  # a value goes on
            entry = section.entries[last]
            assert isinstance(entry.value, Scalar)
            if entry.value.value is None and "=" not in plain:
                broken(number, line, "a nested value without `=`")
            below = f"{'' if entry.value.value is None else entry.value.value}\n{plain}"
            section.entries[last] = Entry(entry.key, Scalar(entry.value.span, below))
            continue
        depth = indent
        head = _HEAD.match(line) if plain[0] == "[" else None
        pair = None if head else _INI_PAIR.match(line)
        if head:
            span = Span(source, number, head.start(1) + 1, number, head.end(1) + 1)
            if head.group(1) in root.entries:
                broken(number, line, "a section that stands twice")
            entry = root.entries.setdefault(head.group(1), Entry(span, Mapping(span, {})))
            assert isinstance(entry.value, Mapping)
            section, last = entry.value, None
        elif section is None:
            broken(number, line, "a key before any section")
        elif pair is None:
            broken(number, line, "neither a section nor a key with its value")
        else:
            name, value = pair.group(1).rstrip(), pair.group(2).rstrip()
            last = name.lower()
            if last in section.entries:
                broken(number, line, "a key that stands twice in its section")
            key = Span(source, number, indent + 1, number, indent + 1 + len(name))
            col = pair.start(2) + 1
            place = Span(source, number, col, number, col + len(value))
            section.entries[last] = Entry(key, Scalar(place, meant(value)))
    return root
