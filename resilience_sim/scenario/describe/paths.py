"""Every path that ``--set`` and ``set:`` understand, for shell completion and for listings."""

from __future__ import annotations

from collections.abc import Iterator

from resilience_sim.scenario.read.overrides import FIXED, type_at
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.registry import FILE, NODE, POLICY_ITEM
from resilience_sim.settings.registry import MEMBER as CALL
from resilience_sim.settings.table import ListOf, MapOf, Nested, OneOf, OneOrMany, Param


def settable_paths(plan: Plan | None = None) -> list[str]:
    """Paths of the sections, then those of the policies and faults: all kinds there are, or those of a plan by id."""
    found: list[str] = []
    for section in FILE.params:
        if section.name in FIXED or (plan is not None and section.name == ("service" if plan.several else "services")):
            continue
        if not (isinstance(section.type, ListOf) and isinstance(section.type.item, OneOf)):
            found += _walk(section.name, section, 3)
            if isinstance(section.type, OneOrMany) and plan is not None:
                for index in range(len(plan.operation.mix)):
                    found += [f"{section.name}.{index}.{param.name}" for param in section.type.item.table.params]
            continue
        kinds = section.type.item.kinds
        prefix = "" if section.name == "stack" else "faults."
        for kind, ident in _written(plan, section.name) if plan else [(name, name) for name in kinds]:
            for param in kinds[kind].params if kind in kinds else ():
                found += _walk(f"{prefix}{ident}.{param.name}", param, 2)
    return found + _of_several(plan) if plan is not None and plan.several else found


def _of_several(plan: Plan) -> list[str]:
    """Those of each service and of each call, and of the policies of its link."""
    found: list[str] = []
    for service in plan.everybody:
        for param in NODE.params:
            if param.name != "calls":
                found += _walk(f"services.{service.name}.{param.name}", param, 2)
    for link in plan.links:
        for param in CALL.params:
            if param.name not in ("to", "stack", "together"):
                found += _walk(f"{link.caller}.{link.callee}.{param.name}", param, 2)
        for policy in link.stack:
            for param in POLICY_ITEM.kinds[policy.kind].params if policy.kind in POLICY_ITEM.kinds else ():
                found += _walk(f"{policy.id}.{param.name}", param, 2)
    return found


def _written(plan: Plan, section: str) -> list[tuple[str, str]]:
    if section == "stack":
        return [(policy.kind, policy.id) for policy in plan.stack]
    return [(fault.written[0] if fault.written else fault.kind, fault.id) for fault in plan.faults]


def _walk(path: str, param: Param, depth: int) -> Iterator[str]:
    kind = param.type.one if isinstance(param.type, OneOrMany) else param.type
    if isinstance(kind, Nested) and depth:
        if "." in path:
            yield path
        for below in kind.table.params:
            yield from _walk(f"{path}.{below.name}", below, depth - 1)
    elif not isinstance(param.type, MapOf):
        yield path


def has_none(scenario: Scenario, path: str) -> bool:
    """Whether ``none`` is one of the values of a setting; elsewhere it means the default."""
    from resilience_sim.scenario.load import TreeOrigin
    from resilience_sim.scenario.read.overrides import means_none

    return isinstance(scenario.source, TreeOrigin) and means_none(scenario.source.root, path)


def text_at(scenario: Scenario, path: str) -> str | None:
    """What stands at a path, as it is written there, or its default; None where neither is a single value."""
    from resilience_sim.scenario.load import TreeOrigin
    from resilience_sim.scenario.read.overrides import PathError, locate
    from resilience_sim.scenario.text.spelling import plain as spelt
    from resilience_sim.scenario.text.tree import Scalar, find

    origin = scenario.source
    if not isinstance(origin, TreeOrigin):
        return None
    try:
        loc = locate(origin.root, path)
    except PathError:
        return None
    node = find(origin.root, loc)
    if isinstance(node, Scalar) and node.value is not None:
        return node.value if isinstance(node.value, str) else spelt(node.value)
    if node is not None and not isinstance(node, Scalar):
        return None
    above = type_at(loc[:-1]) if len(loc) > 1 else Nested(FILE)
    param = above.table.by_name.get(str(loc[-1])) if isinstance(above, Nested) else None
    return (param.default_text or None) if param is not None else None
