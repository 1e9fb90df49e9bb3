"""Policies of the user's own, put around or into the stack of a plan.

On the command line they are named ``module:Class``, or by a name that an installed package offers in the entry point
group ``resim.policies``. A scenario cannot name them: it is data and may come from anybody.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from resilience_sim.policies.plugin import PluginError, find
from resilience_sim.runs.actions import with_stack
from resilience_sim.settings.calls import front
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.plugin import PluginConfig
from resilience_sim.settings.policy import PolicyConfig

GROUP = "resim.policies"


def with_policies(plan: Plan, asked: Sequence[str]) -> Plan:
    """The plan with one more policy for each of ``asked``: ``module:Class`` or ``name``, both with ``@position``.

    Position 0 is outermost, and what is meant where none is given; ``inner`` is next to the service. ``@shop.stock``
    and ``@shop.stock.POSITION`` are in the stack of the calls from shop to stock. They go in one after the other, so
    the last one without a position ends up outermost.

    Raises:
        PluginError: not found, or no policy.
    """
    for text in asked:
        target, _, position = text.partition("@")
        place = ""
        if "." in position:
            place, position = _of_a_link(plan, text, position)
        stack: list[PolicyConfig] = list(plan.stack_of(place))
        config = _named(target, front(place), {policy.id for policy in stack})
        stack.insert(_place(text, position, len(stack)), config)
        plan = with_stack(plan, place, tuple(stack))
    return plan


def _of_a_link(plan: Plan, text: str, position: str) -> tuple[str, str]:
    """The link that ``shop.stock.inner`` names, and the position in its stack."""
    place, rest = plan.place_of(f"{position}."), position.split(".")[2:]
    if not place or len(rest) > 1:
        known = ", ".join(f"`@{link.caller}.{link.callee}`" for link in plan.links)
        calls = f"those between services are {known}" if known else "the scenario has no calls between services"
        raise PluginError(f"`{text}`: no calls are named `{position}`; {calls}")
    return place, rest[0] if rest else ""


def _place(text: str, position: str, depth: int) -> int:
    if position in {"", "outer"}:
        return 0
    if position == "inner":
        return depth
    if not position.isascii() or not position.isdigit() or int(position) > depth:
        raise PluginError(f"`{text}`: the position is `outer`, `inner` or a number from 0 (outermost) to {depth}")
    return int(position)


def _named(target: str, beginning: str, taken: set[str]) -> PluginConfig:
    module, colon, name = target.partition(":")
    if not colon:
        module, name = _entry_point(target)
    if "" not in sys.path:
        sys.path.insert(0, "")  # the current folder: the command line is the user's own word
    find(module, name)
    base = beginning + (target if not colon else name)
    number = 1
    while (chosen := base if number == 1 else f"{base}#{number}") in taken:
        number += 1
    return PluginConfig(chosen, module=module, name=name)


def _entry_point(name: str) -> tuple[str, str]:
    from importlib.metadata import entry_points

    points = entry_points(group=GROUP)
    for point in points:
        if point.name == name:
            return point.module, point.attr
    known = ", ".join(sorted(f"`{point.name}`" for point in points)) or "none"
    raise PluginError(f"no installed package offers a policy `{name}` (offered: {known}); or name it `module:Class`")
