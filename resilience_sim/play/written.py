"""A run that was played, written as a scenario file: its faults in the timeline, every other change at its instant.

The text is the scenario as it was. What the run began with or did and is not in it (``faults:``, ``changes:``, the
seed, every section that ``--set`` or a variant changed) is written anew. The file is read again before it is handed
out: running it gives the events of the run that was played, with the same digest if no fault was injected by hand
(then only the ACTION events of those are missing, and components have other numbers).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from resilience_sim.runs.action_schedule import BY_HAND, AppliedAction, action_schedule, plan_after
from resilience_sim.runs.actions import ActionError
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.scenario.write import change_text, fault_text, policy_text
from resilience_sim.settings.actions import Action, Change, Inject, Lift
from resilience_sim.settings.plan import Plan

HANDLED = ("faults", "stack", "changes", "seed", "compare", "expect", "shows")  # sections that are written otherwise


class NotWritable(ValueError):
    """There is no scenario file that is this run."""


def scenario_text(
    scenario: Scenario,
    plan: Plan,
    actions: Sequence[Action],
    first: Plan | None = None,
    seed: int | None = None,
    path: str = "",
) -> str:
    """The file; ``plan`` is the one in force at the end, ``first`` the one at the beginning (else it is found out).

    ``path``: where the file will be, from where it has to find the data files. NotWritable when no file says this.
    """
    first, variant = _plan_at_first(scenario, plan, actions, first)
    seed = scenario.plan.seed if seed is None else seed
    taken = action_schedule(first, actions)
    # The scenario's own changes stay in front: the components they add are numbered first (runs/action_schedule.py).
    kept = sorted((each for each in taken if each.step.own != BY_HAND), key=lambda each: each.step.own)
    kept += [each for each in taken if each.step.own == BY_HAND and not isinstance(each.step.action, Inject | Lift)]
    wanted = replace(first, faults=plan.faults, actions=tuple(each.step.action for each in kept), seed=seed)
    other_stack = bool(scenario.overrides) or variant != ""
    other_changes = wanted.actions != scenario.plan.actions or any(
        each.startswith("changes") for each in scenario.overrides
    )
    sections = _other_sections(scenario, variant, path)
    anew = ["faults", *(["stack"] if other_stack else []), *(["changes"] if other_changes else []), *sections]
    written_seed = _seed_in(scenario.text)
    if seed != (1 if written_seed is None else written_seed):
        anew.append("seed")
    why = ""
    # Variants and expectations may not fit another stack: then the file does without them.
    for left_out in ([], ["compare"], ["compare", "expect", "shows"]):
        for brief in (True, False):
            text = _head(scenario, variant, left_out) + "\n".join(_without(scenario.text, anew + left_out)) + "\n"
            if "seed" in anew:
                text += f"\nseed: {seed}\n"
            text += "".join(f"\n{name}: {value}\n" for name, value in sections.items() if value)
            if other_stack and first.stack:
                text += "\nstack:\n" + "".join(f"  - {policy_text(policy)}\n" for policy in first.stack)
            if plan.faults:
                text += "\nfaults:\n" + "".join(f"  - {fault_text(fault)}\n" for fault in plan.faults)
            if wanted.actions and "changes" in anew:
                text += "\nchanges:\n" + "".join(f"  - {_line(each, brief)}\n" for each in kept)
            why = difference(scenario, text, wanted, path)
            if not why:
                return text
    raise NotWritable(f"no scenario file says what was played: {why}")


def _other_sections(scenario: Scenario, variant: str, path: str) -> dict[str, str]:
    """The sections, on one line each, that ``--set`` or the variant changed; empty for one that is gone.

    So are those that name a data file, where it has another name seen from ``path``.
    """
    from resilience_sim.scenario.load import TreeOrigin
    from resilience_sim.scenario.read.findings import Findings
    from resilience_sim.scenario.read.variants import HERE, changed, variant_nodes
    from resilience_sim.scenario.text.parse import parse
    from resilience_sim.scenario.text.spelling import plain as spelled
    from resilience_sim.scenario.text.tree import Mapping, Source, plain

    written = parse(scenario.text, Source.of("written", scenario.text), [])
    root = scenario.source.root if isinstance(scenario.source, TreeOrigin) else written
    if variant and root is not None:
        change = variant_nodes(root)[variant].value
        if isinstance(change, Mapping):
            root = changed(root, change, (*HERE, variant), Findings(root))
    if not isinstance(written, Mapping) or not isinstance(root, Mapping):
        return {}
    before, after = plain(written), plain(root)
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    names = _names_seen_from(scenario, path)
    found: dict[str, str] = {}
    for section in dict.fromkeys([*before, *after]):
        value = _renamed(after.get(section), names)
        if section not in HANDLED and value != before.get(section):
            found[section] = spelled(value) if section in after else ""
    return found


def _names_seen_from(scenario: Scenario, path: str) -> dict[str, str]:
    """What the data files are called in a file at ``path``, where that is not what the scenario calls them."""
    if not path or not Path(scenario.path).is_file():
        return {}
    here, there = Path(scenario.path).resolve().parent, Path(path).resolve().parent
    return {} if here == there else {name: os.path.relpath(here / name, there) for name, _ in scenario.files}


def _renamed(value: object, names: dict[str, str]) -> object:
    if isinstance(value, dict):
        return {key: _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def difference(scenario: Scenario, text: str, wanted: Plan, path: str = "") -> str:
    """What stands in the way of running the text, or how that run would differ; empty when it is the same."""
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load_text

    try:
        known = None if path else dict(scenario.files)
        plan = load_text(text, path or scenario.path, files=known).plan
    except ScenarioError as error:
        return str(error.diagnostics[0].message)
    decides = ("service", "services", "steps", "operation", "traffic", "client", "faults", "stack", "seed", "actions")
    differs = [name for name in decides if getattr(plan, name) != getattr(wanted, name)]
    return f"its {differs[0]} would be another" if differs else ""


def _seed_in(text: str) -> int | None:
    from resilience_sim.scenario.text.parse import parse
    from resilience_sim.scenario.text.tree import Scalar, Source, find

    root = parse(text, Source.of("written", text), [])
    node = find(root, ("seed",)) if root is not None else None
    return node.value if isinstance(node, Scalar) and isinstance(node.value, int) else None


def _line(taken: AppliedAction, brief: bool) -> str:
    action = taken.step.action
    if not brief or not isinstance(action, Change):
        return change_text(action)
    stack = taken.before.stack_of(taken.before.place_of(action.policy.id))
    return change_text(action, next(policy for policy in stack if policy.id == action.policy.id))


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
            then = _after(first, done)
            if all(getattr(then, name) == getattr(plan, name) for name in ("stack", "service", "services", "steps")):
                return first, name
        except ActionError:
            continue
    return known or scenario.plan, ""


def _after(first: Plan, done: Sequence[Action]) -> Plan:
    """What it is after what was done; of the scenario's own changes only those that have taken place count."""
    return plan_after(replace(first, actions=tuple(each for each in first.actions if each in done)), done)


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
