"""Actions (changes of settings while a run goes on) in words, each against the settings it meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.runs.action_schedule import BY_HAND, action_schedule
from resilience_sim.scenario.text.spelling import Settings, Unwritable, flow
from resilience_sim.scenario.write import adjusted_settings, policy_settings
from resilience_sim.settings.actions import Action, Add, Adjust, Change, Inject, Lift, Remove, Reorder, Reset, Trip
from resilience_sim.settings.plan import Plan
from resilience_sim.views.words import fault_words


@dataclass(frozen=True, slots=True)
class ActionText:
    """The words of an action, and its instant; ``own``: it stands in the scenario."""

    t: int
    words: str
    own: bool


def action_texts(plan: Plan, actions: Sequence[Action] = ()) -> list[ActionText]:
    """The actions of a run that begins with ``plan``, in the order of their ACTION events."""
    return [
        ActionText(each.step.action.t, action_words(each.step.action, each.before), each.step.own != BY_HAND)
        for each in action_schedule(plan, actions)
    ]


def action_phrases(plan: Plan, actions: Sequence[Action]) -> list[str]:
    """Their words."""
    return [change.words for change in action_texts(plan, actions)]


def phrases_by_instant(plan: Plan) -> dict[int, list[str]]:
    """The words of every change the scenario makes itself, by its instant, in order."""
    found: dict[int, list[str]] = {}
    for change in action_texts(plan):
        found.setdefault(change.t, []).append(change.words)
    return found


def action_words(action: Action, before: Plan | None = None) -> str:
    """An action in a few words; given the plan ``before`` it, only the settings that changed."""
    if isinstance(action, Inject):
        return f"{fault_words(action.fault)} for {fmt.duration(action.fault.duration)}"
    if isinstance(action, Lift):
        return f"{printable(action.fault)} lifted"
    if isinstance(action, Trip):
        return f"{action.policy} opened by hand"
    if isinstance(action, Reset):
        return f"{action.policy} closed by hand"
    if isinstance(action, Remove):
        return f"{action.policy} removed"
    if isinstance(action, Reorder):
        return f"order {' > '.join(action.order)}"
    if isinstance(action, Adjust):
        place = action.place.replace(">", " > ")
        try:
            settings = ", ".join(f"{name} {value}" for name, value in adjusted_settings(action).items())
        except Unwritable:
            settings = ", ".join(each.name for each in action.what.fields)
        return f"{place}: {settings}"
    if isinstance(action, Change | Add):
        try:
            settings = flow(policy_settings(action.policy))
            stack = before.stack_of(before.place_of(action.policy.id)) if before is not None else ()
            old = next((policy for policy in stack if policy.id == action.policy.id), None)
            if isinstance(action, Change) and old is not None:
                return f"{action.policy.id}: {_changed(policy_settings(old), policy_settings(action.policy))}"
        except Unwritable:
            settings = ""
        return f"{action.policy.id} {'is now' if isinstance(action, Change) else 'added:'} {settings}".rstrip()
    return type(action).__name__.lower()


def _changed(old: Settings, new: Settings) -> str:
    """Only the settings that differ: ``attempts 1, no budget``; all of them under other rules, for names differ too."""
    if old.get("like") != new.get("like"):
        return flow({"like": "classic", **new} if "like" not in new else new)
    parts = [f"{key} {value}" for key, value in new.items() if old.get(key) != value]
    parts += [f"no {key}" for key in old if key not in new]
    return ", ".join(parts) or "as it was"
