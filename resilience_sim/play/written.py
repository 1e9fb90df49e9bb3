"""A run that was played, written as a scenario file: its faults in the timeline, every other change at its instant.

The text is the scenario as it was, with ``faults:`` and ``changes:`` (and ``stack:``, where it was played with
another one) written anew. The file is read again before it is handed out: running it gives the events of the run that
was played, with the same digest if no fault was injected by hand (then only the ACTION events of those are missing, and
components have other numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resilience_sim.runs.action_schedule import BY_HAND, AppliedAction, action_schedule, plan_after
from resilience_sim.runs.actions import ActionError
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.scenario.write import change_text, fault_text, policy_text
from resilience_sim.settings.actions import Action, Change, Inject, Lift
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig


def scenario_text(scenario: Scenario, plan: Plan, actions: Sequence[Action], first: Plan | None = None) -> str:
    """The file; ``plan`` is the one in force at the end, ``first`` the one at the beginning (else it is found out)."""
    first, variant = _plan_at_first(scenario, plan, actions, first)
    taken = action_schedule(first, actions)
    # The scenario's own changes stay in front: the components they add are numbered first (runs/action_schedule.py).
    kept = sorted((each for each in taken if each.step.own != BY_HAND), key=lambda each: each.step.own)
    kept += [each for each in taken if each.step.own == BY_HAND and not isinstance(each.step.action, Inject | Lift)]
    wanted = tuple(each.step.action for each in kept)
    other_stack = bool(scenario.overrides) or variant != ""
    other_changes = wanted != scenario.plan.actions or any(each.startswith("changes") for each in scenario.overrides)
    anew = ["faults", *(["stack"] if other_stack else []), *(["changes"] if other_changes else [])]
    text = ""
    # Variants and expectations may not fit another stack: then the file does without them.
    for left_out in ([], ["compare"], ["compare", "expect", "shows"]):
        for brief in (True, False):
            text = _head(scenario, variant, left_out) + "\n".join(_without(scenario.text, anew + left_out)) + "\n"
            if other_stack and first.stack:
                text += "\nstack:\n" + "".join(f"  - {policy_text(policy)}\n" for policy in first.stack)
            if plan.faults:
                text += "\nfaults:\n" + "".join(f"  - {fault_text(fault)}\n" for fault in plan.faults)
            if wanted and "changes" in anew:
                text += "\nchanges:\n" + "".join(f"  - {_line(each, brief)}\n" for each in kept)
            if _says(scenario, text, wanted):
                return text
    return text


def _line(taken: AppliedAction, brief: bool) -> str:
    action = taken.step.action
    if not brief or not isinstance(action, Change):
        return change_text(action)
    return change_text(action, next(policy for policy in taken.before.stack if policy.id == action.policy.id))


def _head(scenario: Scenario, variant: str, left_out: Sequence[str]) -> str:
    found = [f"# played: its variant {variant}\n"] if variant else []
    found += [f"# left out: `{section}`, which does not fit the stack that was played\n" for section in left_out]
    return "".join([*found, *(f"# made with --set {override}\n" for override in scenario.overrides)])


def _plan_at_first(scenario: Scenario, plan: Plan, actions: Sequence[Action], known: Plan | None) -> tuple[Plan, str]:
    """What the run began with, and the name of that variant: as written, unless only a variant leads to ``plan``."""
    for name, first in [("", scenario.plan), *((each.name, each.plan) for each in scenario.variants)]:
        if known is not None:
            if first == known:
                return first, name
            continue
        try:
            done = [action for action in actions if not isinstance(action, Inject | Lift)]
            if _stack_by(first, done) == plan.stack:
                return first, name
        except ActionError:
            continue
    return known or scenario.plan, ""


def _stack_by(first: Plan, done: Sequence[Action]) -> tuple[PolicyConfig, ...]:
    """The stack after what was done; of the scenario's own changes only those that have taken place count."""
    return plan_after(replace(first, actions=tuple(each for each in first.actions if each in done)), done).stack


def _says(scenario: Scenario, text: str, wanted: tuple[Action, ...]) -> bool:
    """Whether the file, read again, changes exactly this."""
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load_text

    try:
        return load_text(text, scenario.path, files=dict(scenario.files)).plan.actions == wanted
    except ScenarioError:
        return False


def _without(text: str, sections: list[str]) -> list[str]:
    """The lines of a scenario without these of its top-level sections."""
    lines = text.splitlines()
    for section in sections:
        lines = _without_section(lines, section)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _without_section(lines: list[str], section: str) -> list[str]:
    from resilience_sim.scenario.text.parse import parse
    from resilience_sim.scenario.text.tree import Mapping, Source

    text = "\n".join(lines)
    root = parse(text, Source.of("written", text), [])
    entry = root.entries.get(section) if isinstance(root, Mapping) else None
    if entry is None:
        return lines
    first, last = entry.key.line, entry.value.span.end_line
    if entry.value.span.end_col == 1:
        last -= 1
    while last > first and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
        last -= 1
    return lines[: first - 1] + lines[last:]
