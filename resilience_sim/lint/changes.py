"""Lint of a stack that changes while it runs: what is found only once something has been changed.

Owns the stacks that there are from change to change, and that a finding points to the change that brings it. Refuses
what the first stack has already: it is found there (check.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from resilience_sim.lint.finding import Finding
from resilience_sim.lint.subject import Subject
from resilience_sim.runs.actions import after
from resilience_sim.runs.course import course
from resilience_sim.scenario.plan import Plan

AFTER = "after this change: "


def stacks(plan: Plan) -> Iterator[tuple[int, Plan]]:
    """The plan as it is from each instant on at which something changes, that instant first."""
    steps = course(plan)
    for index, taken in enumerate(steps):
        t = taken.step.action.t
        if index + 1 == len(steps) or steps[index + 1].step.action.t != t:
            yield t, replace(after(taken.before, taken.step.action), actions=())


def changed_subjects(subject: Subject) -> Iterator[tuple[Subject, int]]:
    """The stacks that follow as something to lint, and which item of ``changes`` makes each one what it is."""
    for t, then in stacks(subject.plan):
        yield replace(subject, plan=then), _item(subject, t)


def brought(found: Iterable[Finding], subject: Subject, item: int, known: set[str]) -> list[Finding]:
    """Those that are not known already, said of the change."""
    place = subject.place(("changes", item))
    fresh = [
        replace(
            each, message=AFTER + each.message, file=place.file, line=place.line, col=place.col, end_col=place.end_col,
            path=place.path, source=place.source,
        )
        for each in found
        if each.code not in known
    ]  # fmt: skip
    known.update(each.code for each in fresh)
    return fresh


def _item(subject: Subject, t: int) -> int:
    """The last change of that instant, as the file counts them."""
    from resilience_sim.scenario.tree import Scalar, Sequence, find
    from resilience_sim.scenario.units import UnitError, duration

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
