"""A configuration file as a list of trees, whatever notation it is in.

The notation (YAML, JSON, properties, INI) is told by the name first and by the content second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePath

from resilience_sim.interop.findings import without_lines
from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.tree import Mapping, Source

_MARK = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)
_PROPERTY = re.compile(r"^\s*[A-Za-z][\w.\-\[\]]*\.[\w.\-\[\]]+\s*[=:]", re.MULTILINE)
_SECTION = re.compile(r"^\s*\[[^\]\n]+\]\s*(?:[#;].*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file: the name it is shown by, its notation, and a tree for each document in it."""

    path: str
    notation: str  # yaml | json | properties | ini
    documents: tuple[Mapping, ...]
    findings: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        """The file name alone."""
        return PurePath(self.path).name


def notation_of(path: str, text: str) -> str:
    """What the text is written in."""
    suffix = PurePath(path).suffix.lower()
    if suffix in (".yaml", ".yml"):
        return "yaml"
    if suffix in (".json", ".jsonc"):
        return "json"
    if suffix == ".properties":
        return "properties"
    if suffix in (".ini", ".cfg"):
        return "ini"
    start = re.sub(r"\A(?:\s+|//[^\n]*|/\*.*?\*/)*", "", text, flags=re.DOTALL)[:1]
    if start == "{":
        return "json"
    if _SECTION.search(text) and "=" in text:
        return "ini"
    return "properties" if _PROPERTY.search(text) and not re.search(r"^\S+:\s*$", text, re.MULTILINE) else "yaml"


def read_documents(path: str, text: str) -> ConfigFile:
    """The trees of a text; a ScenarioError that quotes nothing of it when it cannot be read."""
    source = Source.of(path, text)
    notation = notation_of(path, text)
    found: list[Diagnostic] = []
    documents: list[Mapping] = []
    if notation == "json":
        from resilience_sim.interop.json_tree import parse_json

        node = parse_json(text, Source(path, tuple(text.split("\n"))), found)
        documents += [node] if isinstance(node, Mapping) else []
    elif notation == "properties":
        from resilience_sim.interop.flat_trees import parse_properties

        documents.append(parse_properties(text, source))
    elif notation == "ini":
        from resilience_sim.interop.flat_trees import parse_ini

        documents.append(parse_ini(text, source))
    else:
        from resilience_sim.scenario.parse import parse

        for part in _yaml_parts(text):
            node = parse(part, source, found)
            documents += [node] if isinstance(node, Mapping) else []
    broken = [each for each in without_lines(found) if each.severity == "error"]
    if broken and not documents:
        raise ScenarioError(broken)
    return ConfigFile(path, notation, tuple(documents), tuple(replace(each, severity="warning") for each in broken))


def _yaml_parts(text: str) -> list[str]:
    """Each document alone, with empty lines in place of those before it, so that line numbers stay."""
    parts = []
    start = 0
    for mark in [*_MARK.finditer(text), None]:
        end = mark.start() if mark else len(text)
        if text[start:end].strip():
            parts.append("\n" * text.count("\n", 0, start) + text[start:end])
        start = mark.end() if mark else end
    return parts
