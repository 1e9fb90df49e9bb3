"""A configuration file as a list of trees, whatever notation it is in.

The notation (YAML, JSON, properties, INI) is told by the name first and by the content second.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.text.tree import Mapping, Node, Scalar, Sequence, Source

_PROPERTY = re.compile(r"^[ \t]*[A-Za-z%][\w.\-\[\]]*\.[\w.\-\[\]/\"$]+[ \t]*[=:]", re.MULTILINE)
NOTEBOOK = ".ipynb"
PYTHON = (".py", ".pyi", ".pyw", NOTEBOOK)
_IMPORT = re.compile(
    r"^(?:from[ \t]+[\w.]+[ \t]+import[ \t]+[\w(*]|import[ \t]+[\w.]+[ \t]*(?:,|as\b|#|$))", re.MULTILINE
)
_SECTION = re.compile(r"^[ \t]*\[[^\]\n]+\][ \t]*(?:[#;].*)?\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file: the name it is shown by, its notation, and a tree for each document in it."""

    path: str
    notation: str  # yaml | json | properties | ini | python
    documents: tuple[Mapping, ...]
    findings: tuple[Diagnostic, ...] = ()
    profiles: tuple[str, ...] = ()  # of Spring's, as asked for
    route: str = ""  # of a mesh, as asked for: its number, name or path
    sources: tuple[tuple[str, str], ...] = ()  # path and text of Python, which is no tree of keys and values
    unclear: tuple[tuple[Scalar, str], ...] = field(default=(), compare=False, repr=False)  # see read_as
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # what a format made of the whole

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
    if suffix == ".env" or PurePath(path).name.startswith(".env"):
        return "env"
    if suffix in (".ini", ".cfg"):
        return "ini"
    if suffix in PYTHON or (not suffix and _IMPORT.search(text)):
        return "python"
    start = re.sub(r"\A(?:\s+|//[^\n]*|/\*.*?\*/)*", "", text, flags=re.DOTALL)[:1]
    if start == "{":
        return "json"
    if _SECTION.search(text) and "=" in text:
        return "ini"
    return "properties" if _PROPERTY.search(text) and not re.search(r"^\S+:\s*$", text, re.MULTILINE) else "yaml"


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which looks at a growing tree again and again and finds nothing to collect."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@uncollected()
def read_documents(path: str, text: str) -> ConfigFile:
    """The trees of a text; a ScenarioError that quotes nothing of it when it cannot be read."""
    notation = notation_of(path, text)
    if notation == "python":
        if path.lower().endswith(NOTEBOOK):
            from resilience_sim.interop.notebooks import as_python

            text = as_python(path, text)
        return ConfigFile(path, notation, (), sources=((path, text),))
    source = Source.of(path, text)
    found: list[Diagnostic] = []
    documents: list[Mapping] = []
    unclear: list[tuple[Scalar, str]] = []
    if notation == "json":
        from resilience_sim.interop.json_tree import parse_json

        node = parse_json(Source(path, tuple(text.split("\n"))), found)
        documents += [node] if isinstance(node, Mapping) else _choices(node)
    elif notation == "properties":
        from resilience_sim.interop.flat_trees import parse_properties

        documents += parse_properties(text, source)
    elif notation == "env":
        from resilience_sim.interop.flat_trees import parse_env

        documents.append(parse_env(text, source))
        notation = "properties"
    elif notation == "ini":
        from resilience_sim.interop.flat_trees import parse_ini

        documents.append(parse_ini(text, source, found))
    else:
        from resilience_sim.interop.yaml_tree import parse_yaml

        documents += [node for node in parse_yaml(text, source, found, unclear) if isinstance(node, Mapping)]
        documents += [each for document in documents for each in _in_config_map(document, found, unclear)]
    broken = [replace(each, source="") for each in found]
    if any(each.severity == "error" for each in broken) and not documents:
        raise ScenarioError(broken)
    listed = tuple(each for one in documents for each in _listed(one))
    return ConfigFile(path, notation, listed, tuple(broken), unclear=tuple(unclear))


def read_as(file: ConfigFile, dialect: str) -> ConfigFile:
    """The same file with the plain scalars of its YAML as a program with that parser reads them ("": YAML 1.2).

    Who has the file in hand so far was only to tell what it is, so that its tree may change here, and never later.
    """
    if not file.unclear or not dialect:
        return file
    from resilience_sim.interop.yaml_scalars import DIALECTS

    for node, text in file.unclear:
        node.value = DIALECTS[dialect](text)
    return replace(file, memo={}, unclear=())


def _choices(node: Node | None) -> list[Mapping]:
    """The entries of a list of service configs (interop/grpc_choices.py): no other format has a list for a whole."""
    items = node.items if isinstance(node, Sequence) else ()
    return [each for each in items if isinstance(each, Mapping) and "serviceConfig" in each.entries]


_INSIDE = re.compile(r"(?:application|bootstrap|microprofile-config)\.(?:ya?ml|properties)\Z")


def _in_config_map(document: Mapping, found: list[Diagnostic], unclear: list[tuple[Scalar, str]]) -> list[Mapping]:
    """The application's own files in a ConfigMap, as blocks of text; each thing in them stays where it stands."""
    from resilience_sim.interop.flat_trees import parse_properties
    from resilience_sim.interop.yaml_tree import parse_yaml

    kind, data = (document.entries.get(name) for name in ("kind", "data"))
    if not (kind and isinstance(kind.value, Scalar) and kind.value.value == "ConfigMap" and data):
        return []
    files: list[Mapping] = []
    for name, entry in data.value.entries.items() if isinstance(data.value, Mapping) else ():
        span = entry.value.span
        if not _INSIDE.match(name) or not isinstance(entry.value, Scalar) or span.end_line == span.line:
            continue
        lines = span.source.lines
        end = span.end_line - 1 if span.end_col == 1 else span.end_line
        text = "\n" * span.line + "\n".join(lines[span.line : end])
        if name.endswith("properties"):
            files += parse_properties(text, span.source)
        else:
            files += [node for node in parse_yaml(text, span.source, found, unclear) if isinstance(node, Mapping)]
    return files


def _listed(document: Mapping) -> Iterator[Mapping]:
    """The resources of a Kubernetes ``List``; any other document as it is."""
    kind, items = (document.entries.get(name) for name in ("kind", "items"))
    listed = kind and isinstance(kind.value, Scalar) and str(kind.value.value).endswith("List")
    if listed and items and isinstance(items.value, Sequence):
        yield from (item for item in items.value.items if isinstance(item, Mapping))
    else:
        yield document
