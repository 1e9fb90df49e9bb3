"""resilience4j's settings in variables of the environment: an ``.env`` file, a container's ``env``, a ConfigMap.

Spring Boot 3.4 (SystemEnvironmentPropertyMapper): ``RESILIENCE4J_RETRY_INSTANCES_BACKENDA_MAXATTEMPTS`` is
``resilience4j.retry.instances.backendA.maxAttempts``. Dots are underscores, dashes are left out (or underscores, too,
where the name is known), numbers between underscores are places in a list. They lie over every file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import PurePath
from typing import NamedTuple

from resilience_sim.interop.texts import meant
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Span

PREFIX = "RESILIENCE4J_"
ELSEWHERE = "${}"  # the value of a variable that comes from a secret, say
ALONE = "what no variable sets has the library's default: the application's own files are not here"
_HOLDERS = ("INSTANCES", "BACKENDS", "LIMITERS", "CONFIGS")
_NAME = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_FILES = re.compile(r"(?:application|bootstrap)(?:-[\w-]+)?\.(?:ya?ml|properties)\Z")  # here such a name is one word


class Variables(NamedTuple):
    """What is set for one process; ``holder``: the container or service, "" for a file of variables."""

    holder: str
    entries: dict[str, Entry]


def variables(documents: Collection[Mapping]) -> dict[int, list[Variables]]:
    """The processes that documents set variables of resilience4j for, by the ids of these documents."""
    texts: dict[int, bool] = {}
    found: dict[int, list[Variables]] = {}
    for each in documents:
        source = each.span.source
        if id(source) not in texts:  # one for thousands of documents
            own = _FILES.match(PurePath(source.name).name)
            texts[id(source)] = not own and any(PREFIX in line for line in source.lines)
        if texts[id(source)] and (processes := _processes(each)):
            found[id(each)] = processes
    return found


def _processes(document: Mapping) -> list[Variables]:
    if any(name.startswith(PREFIX) for name in document.entries):
        return [Variables("", _ours(document.entries))]
    return [each for each in below(document, "", _ours) if each.entries]


def _ours(entries: dict[str, Entry]) -> dict[str, Entry]:
    return {name: entry for name, entry in entries.items() if name.startswith(PREFIX) and _NAME.match(name)}


def below(node: Node, holder: str, ours: Callable[[dict[str, Entry]], dict[str, Entry]]) -> Iterator[Variables]:
    """What is set for each process of a compose file or a resource of Kubernetes; ``ours`` picks the names."""
    if isinstance(node, Sequence):
        for item in node.items:
            yield from below(item, holder, ours)
    if not isinstance(node, Mapping):
        return
    called = node.entries.get("name") or node.entries.get("container_name")
    name = str(called.value.value) if called and isinstance(called.value, Scalar) else holder
    for key, entry in node.entries.items():
        if key in ("env", "environment", "data"):
            yield Variables(name, ours(_set_in(entry.value)))
        yield from below(entry.value, name if key == "containers" else key, ours)


def _set_in(node: Node) -> dict[str, Entry]:
    """``NAME: value``, ``- name: NAME`` with ``value:``, or ``- NAME=value``."""
    if isinstance(node, Mapping):
        return node.entries
    found: dict[str, Entry] = {}
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Mapping) and "name" in item.entries:
            name = item.entries["name"].value
            value = item.entries.get("value")
            if isinstance(name, Scalar):
                elsewhere = Scalar(name.span, ELSEWHERE)
                found[str(name.value)] = Entry(name.span, value.value if value else elsewhere)
        elif isinstance(item, Scalar) and isinstance(item.value, str) and "=" in item.value:
            text, _, said = item.value.partition("=")
            found[text] = Entry(item.span, Scalar(item.span, meant(said)))
    return found


def steps(name: str, known: Callable[[str, str], Collection[str]]) -> list[str]:
    """A variable's name as Spring's, step by step. ``known``: the names below a module's holder, as files have them."""
    words = name.rstrip("_").split("_")
    at = next((number for number, word in enumerate(words) if number > 1 and word in _HOLDERS), 0)
    if not at or at + 2 >= len(words):
        return ["resilience4j", words[1].lower(), *_key(words[2:])]
    module, holder = "".join(words[1:at]).lower(), words[at].lower()
    for length in range(len(words) - at - 2, 0, -1):
        plain = "".join(words[at + 1 : at + 1 + length]).lower()
        for each in known(module, holder):
            if each.replace("-", "").replace("_", "").lower() == plain:
                return ["resilience4j", module, holder, each, *_key(words[at + 1 + length :])]
    return ["resilience4j", module, holder, words[at + 1].lower(), *_key(words[at + 2 :])]


def _key(words: list[str]) -> list[str]:
    """The last name, and its place in a list where it has one."""
    number = [words[-1]] if words and words[-1].isdigit() else []
    return ["_".join(words[: len(words) - len(number)]), *number]


def value_of(entry: Entry) -> Scalar | None:
    """A variable's value; None for one that is no text."""
    node = entry.value
    if not isinstance(node, Scalar):
        return None
    return Scalar(node.span, meant(node.value.strip()), node.quoted) if isinstance(node.value, str) else node


def place_of(entries: dict[str, Entry]) -> Span:
    """Where the first of them stands."""
    return next(iter(entries.values())).key
