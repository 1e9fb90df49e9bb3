"""A tree to a plan: one configuration, complete.

Owns the order in which sections are resolved. Refuses variants (variants.py).
"""

from __future__ import annotations

from collections.abc import Collection

from resilience_sim.scenario import (
    resolve_changes,
    resolve_expect,
    resolve_items,
    resolve_stack,
    resolve_traffic,
    resolve_world,
)
from resilience_sim.scenario.check import Findings, check
from resilience_sim.scenario.datafiles import DataFiles
from resilience_sim.scenario.models_file import FileModel
from resilience_sim.scenario.plan import Plan
from resilience_sim.scenario.resolve_across import across
from resilience_sim.scenario.tree import Node


def resolve(
    root: Node, files: DataFiles, default_name: str, variants: Collection[str], lenient: bool = False
) -> tuple[Plan | None, FileModel | None, Findings]:
    """The plan and the model behind it; with findings, the plan must not be used.

    ``lenient``: changes of policies that are not in the stack are left out (in a variant that has others).
    """
    findings = Findings(root)
    model = check(root, findings)
    if model is None:
        return None, None, findings
    service = resolve_world.service(model.service, findings, files)
    traffic = resolve_traffic.traffic(model.traffic, findings, files)
    faults = resolve_items.faults(model.faults or [], service, traffic, findings)
    names = resolve_expect.known(faults, traffic, variants)
    stack = resolve_stack.stack(model.stack or [], findings)
    plan = Plan(
        name=model.name or default_name,
        service=service,
        operation=resolve_world.operation(model.operation),
        traffic=traffic,
        client=resolve_world.client(model.client),
        faults=faults,
        stack=stack,
        expect=resolve_expect.expectations(model.expect or [], names, findings),
        seed=model.seed,
        about=model.about or "",
        actions=resolve_changes.changes(model.changes or [], stack, traffic, findings, lenient),
    )
    across(plan, findings)
    return plan, model, findings
