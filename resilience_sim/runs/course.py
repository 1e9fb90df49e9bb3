"""The course of a run: the changes that its plan makes itself, and what somebody does besides, in one order.

Owns who comes first at one instant (the plan's own), who speaks under which number, and that a change of the plan which
somebody's hand has made impossible is left out. Refuses to apply anything (runs/apply_actions.py, runs/simulation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience_sim.kernel.events import Component
from resilience_sim.runs.actions import ActionError, after, newcomers
from resilience_sim.settings.actions import Action
from resilience_sim.settings.plan import Plan

BY_HAND = -1


@dataclass(frozen=True, slots=True)
class Step:
    """An action, and which of the plan's own it is (``BY_HAND``: none of them)."""

    action: Action
    own: int


@dataclass(frozen=True, slots=True)
class Taken:
    """An action that takes place, and the plan that it meets."""

    step: Step
    before: Plan


def line_up(plan: Plan, by_hand: Sequence[Action] = ()) -> list[Step]:
    """All of them by instant. What the plan does itself may be among those given, as it was done: it happens once."""
    left = list(plan.actions)
    steps = [Step(action, own) for own, action in enumerate(left)]
    for action in by_hand:
        if action in left:
            left.remove(action)
        else:
            steps.append(Step(action, BY_HAND))
    return sorted(steps, key=lambda step: step.action.t)


def course(plan: Plan, by_hand: Sequence[Action] = ()) -> list[Taken]:
    """What takes place, in order, if the run lasts long enough.

    Raises:
        ActionError: one of those by hand is not possible.
    """
    found = []
    for step in line_up(plan, by_hand):
        try:
            then = after(plan, step.action)
        except ActionError:
            if step.own == BY_HAND:
                raise
            continue
        found.append(Taken(step, plan))
        plan = then
    return found


def plan_after(plan: Plan, by_hand: Sequence[Action] = ()) -> Plan:
    """The plan as all of that leaves it; ActionError as for :func:`course`."""
    taken = course(plan, by_hand)
    return after(taken[-1].before, taken[-1].step.action) if taken else plan


def reserved(plan: Plan, components: Sequence[Component]) -> list[tuple[Component, ...]]:
    """Who may speak because of each of the plan's own actions.

    They are numbered in the order of the file, so that their numbers do not depend on what is done by hand.
    """
    everybody = tuple(components)
    found = []
    for action in plan.actions:
        found.append(newcomers(plan, everybody, action))
        everybody += found[-1]
    return found


def joining(plan: Plan, components: Sequence[Component], by_hand: Sequence[Action] = ()) -> list[tuple[Component, ...]]:
    """Whom each action of the course brings along; ``components`` holds those of the plan's own, last."""
    everybody = tuple(components)
    own = reserved(plan, everybody)
    first = len(everybody) - sum(map(len, own))
    own = reserved(plan, everybody[:first])
    found = []
    for each in course(plan, by_hand):
        if each.step.own == BY_HAND:
            found.append(newcomers(each.before, everybody, each.step.action))
            everybody += found[-1]
        else:
            found.append(own[each.step.own])
    return found


def components_with(plan: Plan, components: Sequence[Component], by_hand: Sequence[Action]) -> tuple[Component, ...]:
    """Everybody who may speak in a run with these actions, by id; ``components`` as in :func:`joining`."""
    everybody = tuple(components)
    for each in joining(plan, everybody, by_hand):
        everybody += each if each and each[0].id >= len(everybody) else ()
    return everybody
