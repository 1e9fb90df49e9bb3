"""From files to findings: recognise, load, look at every stack there is, sort."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

from resilience_sim.interop.documents import PYTHON, ConfigFile, uncollected
from resilience_sim.lint.finding import Finding
from resilience_sim.lint.instances import each_instance
from resilience_sim.lint.look import Look
from resilience_sim.lint.subject import Instances, Subject, of_scenario
from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.text import source as sources
from resilience_sim.scenario.text.source import is_scenario


def lint(source: str, settings: Sequence[str] = ()) -> list[Finding]:
    """Everything there is to find in one file. ScenarioError when it cannot be read as anything."""
    read = sources.read(source)
    return lint_text(read.text, read.path, settings)


@dataclass(slots=True)
class Linted:
    """What was found, what could not be read, and how many files and stacks were looked at."""

    found: dict[Finding, None] = field(default_factory=dict)
    unreadable: list[Diagnostic] = field(default_factory=list)
    files: int = 0
    stacks: int = 0

    def take(self, some: Sequence[Subject] | Instances) -> None:
        """Lint some more."""
        if isinstance(some, Instances):
            self.stacks += len(some.names)
        else:
            self.stacks += sum(1 + len(subject.plan.links) for subject in some)
        self.found.update(dict.fromkeys(_lint(some)))


@uncollected()
def lint_files(paths: Sequence[str], settings: Sequence[str] = (), profiles: Sequence[str] = ()) -> Linted:
    """All findings in files and whole folders. What a program reads together is one; Python is read file by file."""
    from resilience_sim.interop import folders, formats
    from resilience_sim.interop.documents import read_documents

    linted = Linted()
    unreadable = linted.unreadable
    groups: dict[tuple[str, str], list[tuple[ConfigFile, str]]] = {}
    strangers: list[ConfigFile] = []
    for asked in dict.fromkeys(paths):
        for name in folders.expanded(asked, python=True):
            linted.files += 1
            try:
                read = folders.read(name)
                if name.endswith(PYTHON):
                    linted.take(_subjects(read.text, read.path, settings))
                    continue
                if is_scenario(read.text):
                    linted.take(_subjects(read.text, read.path, settings, profiles))
                    continue
                for file, kind in formats.by_program(read_documents(read.path, read.text)):
                    opened = formats.together([(file, kind)], profiles) if kind is not None else None
                    if opened is None:
                        strangers.append(file)
                        raise _unknown(read.path)
                    groups.setdefault((formats.family(opened[1]), _read_with(opened)), []).append(opened)
            except ScenarioError as error:
                if name != asked and name.endswith(PYTHON):
                    linted.found.update((_left_out(each), None) for each in error.diagnostics)
                else:
                    unreadable += [each for each in error.diagnostics if name == asked or each.message != UNKNOWN]
    for files in groups.values():
        try:
            together = formats.with_companions(files, strangers)
            read_too = {file.path for file, _ in together}
            unreadable[:] = [each for each in unreadable if each.message != UNKNOWN or each.file not in read_too]
            joined = formats.together(together, profiles)
            linted.take(_of_config(joined, settings) if joined else [])
        except ScenarioError as error:
            unreadable += error.diagnostics
    return linted


def _left_out(why: Diagnostic) -> Finding:
    """A file of a folder that could not be looked at: the others were."""
    from resilience_sim.interop.python import TRAPS, UNREAD

    message = why.message if why.code == UNREAD else f"{why.message}; nothing in it was looked at"
    return Finding(UNREAD, "warning", TRAPS[UNREAD].title, message, why.help, why.file, why.line, why.col, why.end_col)


def _read_with(opened: tuple[ConfigFile, str]) -> str:
    """Files of one format and the same answer are read together: a mesh, an application's files of one folder."""
    from pathlib import PurePath

    from resilience_sim.interop.formats import COMPANIONS, MESHES

    file, name = opened
    beside = name in COMPANIONS and re.fullmatch(COMPANIONS[name], file.name, re.IGNORECASE)
    return "" if name in MESHES else str(PurePath(file.path).parent) if beside else file.path


def lint_text(text: str, path: str, settings: Sequence[str] = (), profiles: Sequence[str] = ()) -> list[Finding]:
    """The same for a text."""
    return list(dict.fromkeys(_lint(_subjects(text, path, settings, profiles))))


def _lint(some: Sequence[Subject] | Instances) -> list[Finding]:
    """In the order of the file; one may be among them twice."""
    look = Look()
    found = each_instance(some, look) if isinstance(some, Instances) else map(look.at, some)
    return sorted(chain.from_iterable(found), key=attrgetter("line", "col", "code", "instance"))


def subjects(text: str, path: str, settings: Sequence[str], profiles: Sequence[str] = ()) -> list[Subject]:
    """What there is to lint in a text: a scenario, or every instance of a configuration."""
    some = _subjects(text, path, settings, profiles)
    return [some.subject(name) for name in some.names] if isinstance(some, Instances) else list(some)


def _subjects(
    text: str, path: str, settings: Sequence[str], profiles: Sequence[str] = ()
) -> Sequence[Subject] | Instances:
    if is_scenario(text):
        return [of_scenario(path, text, settings)]
    from resilience_sim.interop.formats import open_config

    opened = open_config(path, text, profiles)
    if opened is None and path.endswith(PYTHON):
        return []
    if opened is None:
        raise _unknown(path)
    return _of_config(opened, settings)


def _unknown(path: str) -> ScenarioError:
    return ScenarioError([Diagnostic("RS001", UNKNOWN, path, help=HELP)])


def _of_config(opened: tuple[ConfigFile, str], settings: Sequence[str]) -> Instances:
    found = Instances(opened, settings)
    if not found.names and opened[0].notation != "python":
        from resilience_sim.interop.formats import said_without_instance

        said = (*opened[0].findings, *said_without_instance(*opened))
        raise ScenarioError([*said, Diagnostic("RS001", NOTHING, opened[0].path, help=HELP)])
    return found


UNKNOWN = "neither a scenario nor a configuration that resim knows"
HELP = "a scenario begins with `resim: 1`; `resim import --help` lists the formats"
NOTHING = "nothing in this configuration that resim could import"
