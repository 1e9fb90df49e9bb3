"""From files to findings: recognise, load, run every rule on every stack there is, sort."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeAlias

from resilience_sim.interop.documents import PYTHON, ConfigFile, uncollected
from resilience_sim.interop.twins import Twins
from resilience_sim.lint.finding import Finding, Findings, Hit, InACopy, Rule
from resilience_sim.lint.subject import Instances, Subject, of_scenario
from resilience_sim.runs.action_schedule import action_schedule
from resilience_sim.runs.actions import after
from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.text import source as sources
from resilience_sim.scenario.text.source import is_scenario
from resilience_sim.settings.plan import Plan

MADE_UP = ("RL014", "RL028")  # of source: nobody says that many call at once, or how fast B is
ASSUMED = {
    "traffic": "the traffic is what the import made up",
    "service": "B's latency and failures are what the import made up",
    "faults": "the faults are what the import made up",
}


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
            joined = formats.together(formats.with_companions(files, strangers), profiles)
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
    return _lint(_subjects(text, path, settings, profiles))


def _lint(some: Sequence[Subject] | Instances) -> list[Finding]:
    looked = _Look()
    if isinstance(some, Instances):
        for found in _each_instance(some, looked):
            looked.found.update(dict.fromkeys(found))
    else:
        for subject in some:
            looked.found.update(dict.fromkeys(looked.at(subject)))
    return sorted(looked.found, key=lambda each: (each.line, each.col, each.code, each.instance))


def _each_instance(instances: Instances, looked: _Look) -> Iterator[list[Finding]]:
    """What is found in each; in a large file those that are like others are not looked at."""
    from resilience_sim.interop.formats import copy_of, own_parts
    from resilience_sim.interop.section import LARGE

    twins = Twins(Findings()) if len(instances.names) > LARGE else None
    samples: dict[str, list[InACopy]] = {}
    for number, name in enumerate(instances.names):
        copy = copy_of(*instances.opened, name)
        if copy is not None:
            said = samples.get(copy.of)
            if said is None:
                said = samples[copy.of] = [
                    InACopy.of(each, copy.sample) for each in looked.at(instances.subject(copy.of))
                ]
            yield [each.made(copy, name) for each in said]
            continue
        parts = own_parts(*instances.opened, name) if twins else None
        own = twins.of(parts) if twins and parts else None
        found = own.known() if own else None
        if found is None:
            found = looked.at(instances.subject(name))
            if own and number:  # with the first comes what is found in the whole file
                own.learn(found)
        yield found


@dataclass(slots=True)
class _Look:
    """What is found in several subjects, and what need not be said or worked out again."""

    found: dict[Finding, None] = field(default_factory=dict)
    places: set[tuple[str, str, int, int]] = field(default_factory=set)
    hits: Hits = field(default_factory=dict)
    said: set[Diagnostic] = field(default_factory=set)
    seen: list[Subject] = field(default_factory=list)  # those that hits are known of

    def at(self, subject: Subject) -> list[Finding]:
        """What is found in one, and in what becomes of it."""
        if subject.twin is None:
            self.seen.append(subject)
        first = findings(subject, self.hits, self.said)
        if subject.kind == "python":  # a client is a stack of its own, and a part of those that use it: said once
            first = [each for each in first if (each.code, each.file, each.line, each.col) not in self.places]
            self.places.update((each.code, each.file, each.line, each.col) for each in first)
        known = {(each.code, each.instance) for each in first}
        later = [
            each
            for changed, item in changed_subjects(subject)
            for each in brought(findings(changed), subject, item, known)
        ]
        return first + later


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
        raise ScenarioError([Diagnostic("RS001", NOTHING, opened[0].path, help=HELP)])
    return found


def findings(subject: Subject, known: Hits | None = None, said: set[Diagnostic] | None = None) -> list[Finding]:
    """All rules on one subject, after what its import had to say, unless that is among what was ``said``.

    ``known``: what the rules say of stacks that were looked at before.
    """
    from resilience_sim.interop.formats import all_traps

    fresh = list(subject.found)
    if said is not None:
        fresh.clear()
        for told in subject.found:
            before = len(said)
            said.add(told)
            if len(said) > before:
                fresh.append(told)
    titles = all_traps() if fresh else {}
    found = [
        Finding(
            one.code, one.severity, titles[one.code].title if one.code in titles else "", one.message, one.help,
            one.file, one.line, one.col, one.end_col, one.path, one.source,
        )
        for one in fresh
    ]  # fmt: skip
    known = {} if known is None else known
    for each in parts(subject):
        found += [_finding(each, rule, hit) for rule, hit in hits(each, known if each is subject else {})]
    return found


def parts(subject: Subject) -> Iterator[Subject]:
    """Of several services every link by itself after the whole."""
    yield subject
    if subject.plan.several:
        from resilience_sim.lint.links import link_subjects

        yield from link_subjects(subject)


def hits(subject: Subject, known: Hits) -> list[tuple[Rule, Hit]]:
    """What all rules say; of one whose twin is ``known`` without looking again."""
    key = id(subject.twin or subject)
    found = known.get(key)
    if found is None:
        found = known[key] = [(rule, hit) for rule in _rules_of(subject) for hit in rule.check(subject)]
    return found


def _rules_of(subject: Subject) -> tuple[Rule, ...]:
    kinds = frozenset([config.kind for config in subject.stack])
    return _rules(kinds, subject.instead, subject.plan.several)


@lru_cache(maxsize=1024)
def _rules(kinds: frozenset[str], instead: tuple[str, ...], several: bool) -> tuple[Rule, ...]:
    """The rules that may have something to say about policies of these kinds."""
    from resilience_sim.lint.pages import RULES

    return tuple(
        each for each in RULES if each.code not in instead and each.of_graph == several and each.about <= kinds
    )


def _finding(subject: Subject, rule: Rule, hit: Hit) -> Finding:
    from resilience_sim.lint.links import in_its_words

    place = subject.place(hit.at)
    made_up = [ASSUMED[part] for part in hit.needs if part in subject.assumed]
    severity = hit.severity or rule.severity
    remedy = hit.remedy
    if subject.remedies and len(hit.at) > 1 and hit.at[0] == "stack":
        remedy = subject.remedies.get((int(hit.at[1]), rule.code), remedy)
    if (made_up or subject.unsure) and severity == "error":
        severity = "warning"
    elif made_up and subject.kind == "python" and rule.code in MADE_UP:
        severity = "info"
    message, remedy, *assumes = (in_its_words(subject, each) for each in (hit.message, remedy, *hit.assumes))
    return Finding(
        rule.code, severity, rule.title, message, remedy, place.file, place.line, place.col, place.end_col,
        place.path, place.source, (*assumes, *made_up, *subject.unsure), dict(hit.numbers), subject.instance,
    )  # fmt: skip


def worst(found: Iterable[Finding]) -> str:
    """The gravest severity; "" when there is none."""
    seen = {each.severity for each in found}
    return next((severity for severity in ("error", "warning", "info") if severity in seen), "")


Hits: TypeAlias = "dict[int, list[tuple[Rule, Hit]]]"  # by the identity of subjects, which outlive it
UNKNOWN = "neither a scenario nor a configuration that resim knows"
HELP = "a scenario begins with `resim: 1`; `resim import --help` lists the formats"
NOTHING = "nothing in this configuration that resim could import"
AFTER = "after this change: "


def stacks(plan: Plan) -> Iterator[tuple[int, Plan]]:
    """The plan as it is from each instant on at which something changes, that instant first."""
    steps = action_schedule(plan)
    for index, taken in enumerate(steps):
        t = taken.step.action.t
        if index + 1 == len(steps) or steps[index + 1].step.action.t != t:
            yield t, replace(after(taken.before, taken.step.action), actions=())


def changed_subjects(subject: Subject) -> Iterator[tuple[Subject, int]]:
    """The stacks that follow as something to lint, and which item of ``changes`` makes each one what it is."""
    for t, then in stacks(subject.plan):
        yield replace(subject, plan=then, exact=()), _item(subject, t)


def brought(found: Iterable[Finding], subject: Subject, item: int, known: set[tuple[str, str]]) -> list[Finding]:
    """Those that are not known already, said of the change."""
    place = subject.place(("changes", item))
    fresh = [
        replace(
            each, message=AFTER + each.message, file=place.file, line=place.line, col=place.col, end_col=place.end_col,
            path=place.path, source=place.source,
        )
        for each in found
        if (each.code, each.instance) not in known
    ]  # fmt: skip
    known.update((each.code, each.instance) for each in fresh)
    return fresh


def _item(subject: Subject, t: int) -> int:
    """The last change of that instant, as the file counts them."""
    from resilience_sim.scenario.text.tree import Scalar, Sequence, find
    from resilience_sim.settings.units import UnitError, duration

    holder = find(subject.root, ("changes",)) if subject.root is not None else None
    last = 0
    for index in range(len(holder.items) if isinstance(holder, Sequence) else 0):
        at = find(subject.root, ("changes", index, "at")) if subject.root is not None else None
        try:
            if isinstance(at, Scalar) and duration(at.value) == t:
                last = index
        except UnitError:
            continue
    return last


def errors_of(plan: Plan) -> frozenset[str]:
    """The codes of the rules that call something in a plan an error; no other rule is asked."""
    return frozenset(
        rule.code
        for subject in parts(Subject("", plan))
        for rule in _rules_of(subject)
        if rule.worst == "error" and any((hit.severity or rule.severity) == "error" for hit in rule.check(subject))
    )
