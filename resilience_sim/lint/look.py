"""What every rule says of one subject, and of what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from resilience_sim.lint.finding import Finding, Hit, Rule
from resilience_sim.lint.subject import Subject
from resilience_sim.runs.action_schedule import action_schedule
from resilience_sim.runs.actions import after
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.settings.plan import Plan

MADE_UP = ("RL014", "RL028")  # of source: nobody says that many call at once, or how fast B is
ASSUMED = {
    "traffic": "the traffic is what the import made up",
    "service": "B's latency and failures are what the import made up",
    "faults": "the faults are what the import made up",
}
AFTER = "after this change: "
Hits: TypeAlias = "dict[int, list[tuple[Rule, Hit]]]"  # by the identity of subjects, which outlive it


class Seen(NamedTuple):
    """What there is to say of one subject, whatever was said of others."""

    imported: list[Diagnostic]
    found: list[Finding]  # by the rules
    later: list[Finding]  # in what becomes of it


@dataclass(slots=True)
class Look:
    """What is found in several subjects, and what need not be said or worked out again."""

    places: set[tuple[str, str, int, int]] = field(default_factory=set)
    hits: Hits = field(default_factory=dict)
    said: set[Diagnostic] = field(default_factory=set)
    seen: list[Subject] = field(default_factory=list)  # those that hits are known of

    def at(self, subject: Subject) -> list[Finding]:
        """What is found in one, and in what becomes of it."""
        return self.fresh(self.all_of(subject), subject.kind)

    def all_of(self, subject: Subject) -> Seen:
        """The same with what was said before."""
        if subject.twin is None:
            self.seen.append(subject)
        found = by_rules(subject, self.hits)
        known = {*((each.code, "") for each in subject.found), *((each.code, each.instance) for each in found)}
        later = [
            each
            for changed, item in changed_subjects(subject)
            for each in brought(findings(changed), subject, item, known)
        ]
        return Seen(list(subject.found), found, later)

    def fresh(self, seen: Seen, kind: str) -> list[Finding]:
        """What was not said before."""
        imported = [each for each in seen.imported if each not in self.said]
        self.said.update(imported)
        first = as_findings(imported, kind) + seen.found
        if kind == "python":  # a client is a stack of its own, and a part of those that use it: said once
            first = [each for each in first if (each.code, each.file, each.line, each.col) not in self.places]
            self.places.update((each.code, each.file, each.line, each.col) for each in first)
        return first + seen.later


def findings(subject: Subject) -> list[Finding]:
    """All rules on one subject, after what its import had to say."""
    return as_findings(subject.found, subject.kind) + by_rules(subject, {})


def as_findings(imported: Sequence[Diagnostic], kind: str) -> list[Finding]:
    """What an import had to say."""
    from resilience_sim.interop.formats import title_of

    return [
        Finding(
            one.code, one.severity, title_of(one.code, kind), one.message, one.help, one.file, one.line, one.col,
            one.end_col, one.path, one.source,
        )
        for one in imported
    ]  # fmt: skip


def by_rules(subject: Subject, known: Hits) -> list[Finding]:
    """What all rules say of one; ``known``: of stacks that were looked at before."""
    return [
        _finding(each, rule, hit)
        for each in parts(subject)
        for rule, hit in hits(each, known if each is subject else {})
    ]


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
    from resilience_sim.scenario.text.tree import Scalar, find
    from resilience_sim.scenario.text.tree import Sequence as List
    from resilience_sim.settings.units import UnitError, duration

    holder = find(subject.root, ("changes",)) if subject.root is not None else None
    last = 0
    for index in range(len(holder.items) if isinstance(holder, List) else 0):
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
