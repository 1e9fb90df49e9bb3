"""A run that was played, written as a scenario file: its faults in the timeline, every other change where it is due.

Owns the text: the scenario as it was, with ``faults:`` rewritten and what was done besides as comments with their
instants. Injected faults in the file do exactly what they did by hand, to the event.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience_sim.play.panels.parts import action_words
from resilience_sim.scenario.plan import Plan, Scenario
from resilience_sim.scenario.write import duration, fault_text
from resilience_sim.world.actions import Action, Inject, Lift


def scenario_text(scenario: Scenario, plan: Plan, actions: Sequence[Action]) -> str:
    """The file; ``plan`` is the one in force at the end."""
    lines = _without_faults(scenario.text)
    while lines and not lines[-1].strip():
        lines.pop()
    others = [action for action in actions if not isinstance(action, Inject | Lift)]
    text = "\n".join(lines) + "\n"
    if scenario.overrides:
        text = "".join(f"# made with --set {override}\n" for override in scenario.overrides) + text
    if plan.faults:
        text += "\nfaults:\n" + "".join(f"  - {fault_text(fault)}\n" for fault in plan.faults)
    if others:
        text += "\n# What was done by hand while it ran, beside the faults:\n"
        text += "".join(f"#   at {duration(action.t)}: {action_words(action)}\n" for action in others)
    return text


def _without_faults(text: str) -> list[str]:
    """The lines of a scenario without its top-level ``faults:``."""
    from resilience_sim.scenario.parse import parse
    from resilience_sim.scenario.tree import Mapping, Source

    lines = text.splitlines()
    root = parse(text, Source.of("written", text), [])
    entry = root.entries.get("faults") if isinstance(root, Mapping) else None
    if entry is None:
        return lines
    first, last = entry.key.line, entry.value.span.end_line
    if entry.value.span.end_col == 1:
        last -= 1
    while last > first and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
        last -= 1
    return lines[: first - 1] + lines[last:]
