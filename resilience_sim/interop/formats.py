"""Which formats there are, which one a file is in, and the way from a file to a scenario.

A format is a module with ``recognises``, ``instances``, ``convert``, ``write`` and ``TRAPS`` (imported when it is asked
for), and a line in registry.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import PurePath
from types import ModuleType
from typing import TYPE_CHECKING, Any

from resilience_sim.interop.documents import ConfigFile, read_as, read_documents
from resilience_sim.interop.findings import BROKEN, REFUSED, Log
from resilience_sim.interop.json_tree import TWICE, TWO_SECTIONS
from resilience_sim.interop.layers import Converted
from resilience_sim.interop.own import Own
from resilience_sim.interop.registry import FORMATS
from resilience_sim.interop.traps import SHARED, Trap
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Mapping, Scalar

if TYPE_CHECKING:
    from resilience_sim.interop.source.repeated import Copy

_OF_THE_TEXT = {each for each in SHARED if each >= "RL190" and each != REFUSED}
_QUOTED = re.compile("`[^`]*`")
MESHES = {"istio", "gateway_api"}


def family(name: str) -> str:
    """Formats of one family are read together."""
    return "istio" if name in MESHES else name


class ConfigImportError(Exception):
    """The file cannot be imported as asked; ``help`` is the remedy."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Imported:
    """One instance of a file: the stack, the scenario made of it, everything there was to say."""

    path: str
    format: str
    stack: Converted
    findings: tuple[Diagnostic, ...]
    assumed: tuple[str, ...]
    unread: tuple[str, ...] = ()  # paths of settings whose values are not known: read as if they were not set

    @property
    def text(self) -> str:
        """The scenario."""
        from resilience_sim.interop.emit import scenario_text

        return scenario_text(self.stack, self.path, self.assumed)


@cache
def module(name: str) -> ModuleType:
    """The module of a format."""
    return import_module(f"resilience_sim.interop.{name}")


@cache
def _optional(name: str, what: str) -> Any:
    """What not every format has; None for one that has not."""
    return getattr(module(name), what, None)


@cache
def traps_of(name: str) -> dict[str, Trap]:
    """The codes about files of one format."""
    own: dict[str, Trap] = module(name).TRAPS
    return SHARED | own


def title_of(code: str, name: str) -> str:
    """The title of a code that was found in a file of a format, nearly always one of its own; "" for an unknown one."""
    found = traps_of(name).get(code) or all_traps().get(code)
    return found.title if found else ""


@cache
def all_traps() -> dict[str, Trap]:
    """Every code about a configuration file, of all formats."""
    found = dict(SHARED)
    for name in FORMATS:
        found |= module(name).TRAPS
    return found


def recognise(file: ConfigFile) -> str | None:
    """The format of a file; None when it is none of these."""
    may_be = [name for name, each in FORMATS.items() if file.notation in each.notations]
    may_be.sort(key=lambda name: FORMATS[name].deep)
    return next((name for name in may_be if module(name).recognises(file)), None)


def read_as_its_program(file: ConfigFile) -> tuple[ConfigFile, str | None]:
    """The file as the program of its format reads it, with the format; as it is when it is of none."""
    name = recognise(file)
    return (file if name is None else _read_as(file, name)), name


# whose resources these are, by how their `apiVersion` begins
_OF_PROGRAMS = {
    "networking.istio.io/": "istio",
    "gateway.": "istio",  # the Gateway API and Envoy Gateway, which a mesh reads as well
    "dapr.io/": "dapr",
}


def by_program(file: ConfigFile) -> list[tuple[ConfigFile, str | None]]:
    """The file as its program reads it; one part a program where it holds resources of several, as `helm template`
    writes them. What is nobody's (Services, labels) is a part of each.
    """
    of: dict[str, list[Mapping]] = {}
    for document in file.documents if len(file.documents) > 1 else ():
        of.setdefault(_program_of(document), []).append(document)
    if len(of) < 2:
        return [read_as_its_program(file)]
    nobody = of.pop("", [])
    parts = [(recognise(_part(file, own)), [*own, *nobody]) for own in of.values()]
    if parts and nobody:
        parts.append((recognise(_part(file, nobody)), nobody))
    read = [(name, documents) for name, documents in parts if name is not None]
    if len(read) < 2:
        return [read_as_its_program(file)]
    return [(_read_as(_part(file, documents), name), name) for name, documents in read]


def _program_of(document: Mapping) -> str:
    version = document.entries.get("apiVersion")
    said = version.value.value if version is not None and isinstance(version.value, Scalar) else None
    found = (name for begins, name in _OF_PROGRAMS.items() if isinstance(said, str) and said.startswith(begins))
    return next(found, "")


def _part(file: ConfigFile, documents: list[Mapping]) -> ConfigFile:
    """Some of the documents, with the scalars in them that each program reads in its own way."""
    lines = {line for each in documents for line in range(each.span.line, each.span.end_line + 1)}
    unclear = tuple((node, said) for node, said in file.unclear if node.span.line in lines)
    return replace(file, documents=tuple(documents), unclear=unclear, memo={})


def _read_as(file: ConfigFile, name: str) -> ConfigFile:
    """With the values of the format's YAML, and what it makes of keys that stand twice."""
    file = read_as(file, FORMATS[name].yaml)
    if FORMATS[name].strict and file.notation == "json":
        file = replace(file, findings=(*file.findings, *_lenient(file, FORMATS[name].strict)), memo={})
    if not any(each.message in (TWICE, TWO_SECTIONS) for each in file.findings):
        return file
    of = FORMATS[name]
    code, severity = (REFUSED, "error") if of.refused else (BROKEN, "warning")
    said = []
    for each in file.findings:
        if each.message == TWO_SECTIONS and of.joined:
            said.append(replace(each, severity="warning", message=f"{TWO_SECTIONS}: {of.joined}"))
        elif each.message in (TWICE, TWO_SECTIONS):
            said.append(replace(each, code=code, severity=severity, message=f"{each.message}: {of.twice}"))
        else:
            said.append(each)
    return replace(file, findings=tuple(said), memo={})


def _lenient(file: ConfigFile, strict: str) -> Iterator[Diagnostic]:
    """Where JSON goes further than its grammar: comments, and commas that nothing follows."""
    lines = file.documents[0].span.source.lines if file.documents else ()
    try:
        json.loads("\n".join(lines))
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            control = error.msg.startswith("Invalid control character")  # Gson alone takes it, in gRPC's Java
            strict = "a control character within quotes is no JSON: most programs refuse it" if control else strict
            yield Diagnostic(REFUSED, strict, file.path, error.lineno, error.colno, error.colno + 1)


def open_config(path: str, text: str, profiles: Sequence[str] = (), route: str = "") -> tuple[ConfigFile, str] | None:
    """The file and its format, or None for any other text. ScenarioError when it is broken."""
    (first, *_) = by_program(read_documents(path, text))
    return None if first[1] is None else together([(first[0], first[1])], profiles, route)


def open_together(
    texts: Sequence[tuple[str, str]], profiles: Sequence[str] = (), route: str = "", instance: str | None = None
) -> tuple[ConfigFile, str] | None:
    """Several files (path, text) as one, as a program reads them together; those of no known format are left out. Of
    resources of several programs in one file those count that have the instance.
    """
    files = [each for path, text in texts for each in by_program(read_documents(path, text))]
    known = [(file, name) for file, name in files if name is not None]
    strangers = [file for file, name in files if name is None]
    if len(files) > len(texts):
        known = _with_instance(known, instance)
    return together(with_companions(known, strangers), profiles, route)


def _with_instance(known: Sequence[tuple[ConfigFile, str]], instance: str | None) -> list[tuple[ConfigFile, str]]:
    of: dict[str, list[tuple[ConfigFile, str]]] = {}
    for file, name in known:
        of.setdefault(family(name), []).append((file, name))
    there = {name: instance_names(*opened) for name, parts in of.items() if (opened := together(parts))}
    for name, names in there.items():
        if instance is not None and any(each == instance or each.startswith(f"{instance}.") for each in names):
            return of[name]
    from resilience_sim.settings.suggest import one_of

    named = "; ".join(f"{FORMATS[name].title}: {one_of(names)}" for name, names in there.items() if names)
    raise ConfigImportError("the file holds resources of several programs", f"name one with --instance NAME. {named}")


_APPLICATION = r"(?:application|bootstrap)(?:-[\w-]+)?\.(?:ya?ml|properties)"
COMPANIONS = {  # what a program reads beside a file of that format, whatever stands in it
    "resilience4j": _APPLICATION,
    "micronaut": _APPLICATION,
    "microprofile": rf"{_APPLICATION}|microprofile-config(?:-[\w-]+)?\.properties",
    "dotnet": r"appsettings(?:\.[^.]+)?\.json|\.env(?:\.[\w-]+)?|[\w.-]+\.env|(?:docker-)?compose[\w.-]*\.ya?ml",
}


def _always(_: ConfigFile) -> bool:
    return True


def with_companions(
    known: Sequence[tuple[ConfigFile, str]], strangers: Sequence[ConfigFile]
) -> list[tuple[ConfigFile, str]]:
    """Files of one format, and those that the program reads beside them: values for a profile, for placeholders."""
    names = {name for _, name in known}
    name = next(iter(names), "")
    pattern = COMPANIONS.get(name, "") if len(names) == 1 else ""
    if not pattern:
        return list(known)
    folders = {PurePath(file.path).parent for file, _ in known if re.fullmatch(pattern, file.name, re.IGNORECASE)}
    also = [
        (_read_as(file, name), name)
        for file in strangers
        if PurePath(file.path).parent in folders
        and re.fullmatch(pattern, file.name, re.IGNORECASE)
        and getattr(module(name), "beside", _always)(file)
    ]
    return sorted([*known, *also], key=lambda each: each[0].path) if also else list(known)


def together(
    opened: Sequence[tuple[ConfigFile, str]], profiles: Sequence[str] = (), route: str = ""
) -> tuple[ConfigFile, str] | None:
    """Files of one format as one; None for none."""
    if not opened:
        return None
    names = dict.fromkeys(name for _, name in opened)
    if set(names) == MESHES:  # Istio reads routes of the Gateway API as well as its own
        opened, names = [(file, "istio") for file, _ in opened], {"istio": None}
    if len(names) > 1:
        raise ConfigImportError(f"these files are of several formats: {', '.join(names)}", "name those of one format")
    first, name = opened[0]
    if len(opened) > 1:
        documents = tuple(document for file, _ in opened for document in file.documents)
        findings = tuple(finding for file, _ in opened for finding in file.findings)
        sources = tuple(source for file, _ in opened for source in file.sources)
        path = f"{first.path} and {len(opened) - 1} more"
        first = replace(first, path=path, documents=documents, findings=findings, sources=sources, memo={})
    return replace(first, profiles=tuple(profiles), route=route), name


def instance_names(file: ConfigFile, name: str) -> list[str]:
    """What can be imported out of the file."""
    found: list[str] = module(name).instances(file)
    return found


def said_without_instance(file: ConfigFile, name: str) -> Sequence[Diagnostic]:
    """What there is to say about a file that has no instance to say it with, where the format can tell."""
    of = _optional(name, "of_all")
    found: Sequence[Diagnostic] = of(file) if of else ()
    return tuple(dict.fromkeys(found))


def route_names(file: ConfigFile, name: str) -> list[tuple[str, str]]:
    """Names and descriptions of a mesh's routes, as ``--route`` takes them; none for other formats."""
    names = _optional(name, "routes")
    return [] if names is None else [(str(number), str(text)) for number, text in names(file)]


def own_parts(file: ConfigFile, name: str, instance: str) -> Own | None:
    """All that the file says of an instance alone, where the format can tell."""
    of = _optional(name, "own")
    found: Own | None = of(file, instance) if of else None
    return found


def copy_of(file: ConfigFile, name: str, instance: str) -> Copy | None:
    """Whether an instance is the same as one that stands for many, but for name and place (source/repeated.py)."""
    of = _optional(name, "copy_of")
    found: Copy | None = of(file, instance) if of else None
    return found


def convert(file: ConfigFile, name: str, instance: str, told: set[int] | None = None) -> Imported:
    """One instance as a scenario. ``told``: what was said about the whole file, with other ones."""
    log = Log(traps=traps_of(name), told=told, values=FORMATS[name].values)
    log.of_all(file.findings)
    stack: Converted = module(name).convert(file, instance, log)
    assumed = tuple(dict.fromkeys(log.assumed))
    known = _of_what_is_known(list(dict.fromkeys(log.found)), log.unread)
    found = sorted(_still_missing(known, stack), key=attrgetter("line", "col", "code"))
    return Imported(file.path, name, stack, tuple(found), assumed, tuple(dict.fromkeys(log.unread)))


def _of_what_is_known(found: list[Diagnostic], unread: Sequence[str]) -> list[Diagnostic]:
    """Without what would follow if a setting were not there that is, with a value that could not be read."""
    if not unread:
        return found
    names = {re.split(r"[./]", path)[-1] for path in unread}
    return [
        each
        for each in found
        if each.code in _OF_THE_TEXT or names.isdisjoint(re.split(r"[^\w-]+", " ".join(_QUOTED.findall(each.message))))
    ]


def _still_missing(found: list[Diagnostic], stack: Converted) -> list[Diagnostic]:
    """Without the fields that are not modelled by generic rules, and are by the library's own where these are used."""
    from resilience_sim.interop.emit import settle
    from resilience_sim.interop.findings import NOT_MODELLED

    if not any(each.code == NOT_MODELLED for each in found):
        return found
    modelled = set()
    for layer in stack.layers:
        settings = settle(layer)
        for key, setting in layer.exact.items():
            if setting is not None and setting.at is not None and settings.get(key) is setting:
                modelled.add((setting.at.span.line, setting.at.span.col))
    return [each for each in found if each.code != NOT_MODELLED or (each.line, each.col) not in modelled]


def choose(names: list[str], wanted: str | None, format_name: str) -> str:
    """The instance to import; an error that lists them when there are several and none was named."""
    if wanted is not None:
        if wanted in names:
            return wanted
        longer = [name for name in names if name.startswith(f"{wanted}.")]  # a host without its namespace
        if len(longer) == 1:
            return longer[0]
        from resilience_sim.settings.suggest import did_you_mean, one_of

        raise ConfigImportError(
            f"no instance of that name ({FORMATS[format_name].title})", did_you_mean(wanted, names) or one_of(names)
        )
    aside = getattr(module(format_name), "ASIDE", ())
    before = tuple(word for word in aside if word.endswith("/"))
    meant = [name for name in names if name not in aside and not name.startswith(before)] or names
    if len(meant) == 1:
        return meant[0]
    if not names:
        raise ConfigImportError(f"nothing in this file that resim could import ({FORMATS[format_name].title})")
    from resilience_sim.settings.suggest import one_of

    together = ", or say who calls whom: `--calls A=B,C`" if format_name in (*MESHES, "envoy") else ""
    remedy = (
        f"name one with --instance NAME{together}; {one_of(names)}"
        if together
        else (f"name one with --instance NAME, {one_of(names)}")
    )
    raise ConfigImportError(f"the file has {len(names)} instances", remedy)
