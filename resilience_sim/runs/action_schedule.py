"""The actions of a run in one order: the changes that its plan makes itself, and what somebody does besides.

At one instant the plan's own come first. A change of the plan that became impossible by what somebody did is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience_sim.kernel.events import Component
from resilience_sim.runs.actions import ActionError, after, new_components
from resilience_sim.settings.actions import Action
from resilience_sim.settings.plan import Plan

BY_HAND = -1


@dataclass(frozen=True, slots=True)
class Step:
    """An action, and which of the plan's own it is (``BY_HAND``: none of them)."""

    action: Action
    own: int


@dataclass(frozen=True, slots=True)
class AppliedAction:
    """An action that takes place, and the plan that it meets."""

    step: Step
    before: Plan


def merge_actions(plan: Plan, by_hand: Sequence[Action] = ()) -> list[Step]:
    """All of them by instant. What the plan does itself may be among those given, as it was done: it happens once."""
    left = list(plan.actions)
    steps = [Step(action, own) for own, action in enumerate(left)]
    for action in by_hand:
        if action in left:
            left.remove(action)
        else:
            steps.append(Step(action, BY_HAND))
    return sorted(steps, key=lambda step: step.action.t)


def action_schedule(plan: Plan, by_hand: Sequence[Action] = ()) -> list[AppliedAction]:
    """The actions that take place, in order, if the run lasts long enough.

    Raises:
        ActionError: one of those by hand is not possible.
    """
    found = []
    for step in merge_actions(plan, by_hand):
        try:
            then = after(plan, step.action)
        except ActionError:
            if step.own == BY_HAND:
                raise
            continue
        found.append(AppliedAction(step, plan))
        plan = then
    return found


def plan_after(plan: Plan, by_hand: Sequence[Action] = ()) -> Plan:
    """The plan as all of that leaves it; ActionError as for :func:`action_schedule`."""
    taken = action_schedule(plan, by_hand)
    return after(taken[-1].before, taken[-1].step.action) if taken else plan


def own_components(plan: Plan, components: Sequence[Component]) -> list[tuple[Component, ...]]:
    """The components that each of the plan's own actions adds.

    They are numbered in the order of the file, so that their numbers do not depend on what is done by hand.
    """
    everybody = tuple(components)
    found = []
    for action in plan.actions:
        found.append(new_components(plan, everybody, action))
        everybody += found[-1]
    return found


def components_per_action(
    plan: Plan, components: Sequence[Component], by_hand: Sequence[Action] = ()
) -> list[tuple[Component, ...]]:
    """The components that each action adds; ``components`` ends with those of the plan's own actions."""
    everybody = tuple(components)
    own = own_components(plan, everybody)
    first = len(everybody) - sum(map(len, own))
    own = own_components(plan, everybody[:first])
    found = []
    for each in action_schedule(plan, by_hand):
        if each.step.own == BY_HAND:
            found.append(new_components(each.before, everybody, each.step.action))
            everybody += found[-1]
        else:
            found.append(own[each.step.own])
    return found


def components_with(plan: Plan, components: Sequence[Component], by_hand: Sequence[Action]) -> tuple[Component, ...]:
    """Every component of a run with these actions, by id; ``components`` as in :func:`components_per_action`."""
    everybody = tuple(components)
    if not plan.actions and not by_hand:
        return everybody
    for each in components_per_action(plan, everybody, by_hand):
        everybody += each if each and each[0].id >= len(everybody) else ()
    return everybody
