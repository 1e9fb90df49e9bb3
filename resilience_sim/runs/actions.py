"""Actions as facts: what they make of a plan, which components they add, and their form in a recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from hashlib import blake2b
from json import dumps
from typing import Any, TypeVar

from resilience_sim.kernel.events import Component
from resilience_sim.settings.actions import (
    Action,
    Add,
    Adjust,
    Adjustment,
    Change,
    Inject,
    Lift,
    Remove,
    Reorder,
    Reset,
    Setting,
    Trip,
)
from resilience_sim.settings.breaker import BreakerRules, OutlierConfig
from resilience_sim.settings.budget import BudgetConfig, LikeBudgetConfig
from resilience_sim.settings.calls import ADJUSTABLE as OF_CALLS
from resilience_sim.settings.calls import CLIENT_NAME, LinkConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.plugin import PluginConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.retry import AgainConfig, RetryRules, StopConfig, WaitConfig
from resilience_sim.settings.service import ADJUSTABLE as OF_SERVICES
from resilience_sim.settings.service import ServiceConfig

KINDS: dict[str, type[Action]] = {
    "inject": Inject, "lift": Lift, "trip": Trip, "reset": Reset, "change": Change, "add": Add, "remove": Remove,
    "reorder": Reorder, "adjust": Adjust,
}  # fmt: skip
_SHAPES: dict[str, type[Any]] = {
    shape.__name__: shape
    for shape in (
        *(config for kind in POLICIES.values() for config in kind.layers),
        PluginConfig, BudgetConfig, LikeBudgetConfig, WaitConfig, StopConfig, AgainConfig, RetryRules, BreakerRules,
        FaultConfig, Adjustment, Setting, Latency,
    )
}  # fmt: skip


C = TypeVar("C", ServiceConfig, LinkConfig)


class ActionError(ValueError):
    """The action is not possible in this run at this instant; the message says why."""


def kind_of(action: Action) -> str:
    """Its name in recordings."""
    return next(name for name, kind in KINDS.items() if type(action) is kind)


def plan_with(plan: Plan, actions: Sequence[Action]) -> Plan:
    """The plan as the actions leave it: injected faults last, lifted ones cut short, the stack that is in force then.

    Raises:
        ActionError: one of them is not possible.
    """
    for action in actions:
        plan = after(plan, action)
    return plan


def after(plan: Plan, action: Action) -> Plan:
    """The plan as one action leaves it; ActionError when it is not possible."""
    if isinstance(action, Inject):
        return _injected(plan, action)
    if isinstance(action, Lift):
        index = active_fault(plan, action.fault, action.t)
        ended = replace(plan.faults[index], duration=action.t - plan.faults[index].at)
        return replace(plan, faults=(*plan.faults[:index], ended, *plan.faults[index + 1 :]))
    if isinstance(action, Trip | Reset):
        policy = plan.stack_of(plan.place_of(action.policy))[position(plan, action.policy)]
        if policy.kind != "circuit_breaker":
            raise ActionError(f"{action.policy} is no circuit breaker")
        if isinstance(policy, OutlierConfig):
            raise ActionError(f"{action.policy} leaves out replicas; nobody opens or closes it by hand")
        return plan
    if isinstance(action, Adjust):
        return _adjusted(plan, action)
    place = place_of(plan, action)
    return with_stack(plan, place, tuple(_stack_after(plan, place, action)))


def place_of(plan: Plan, action: Action) -> str:
    """The link whose policies an action is about; "": it is about those of Service A."""
    if isinstance(action, Change | Add):
        return plan.place_of(action.policy.id)
    if isinstance(action, Reorder):
        return plan.place_of(action.order[0]) if action.order else ""
    return plan.place_of(action.policy) if isinstance(action, Trip | Reset | Remove) else ""


def with_stack(plan: Plan, place: str, stack: tuple[PolicyConfig, ...]) -> Plan:
    """The plan with other policies around the calls of a link, or of Service A."""
    if not place:
        return replace(plan, stack=stack)
    return with_link(plan, place, lambda link: replace(link, stack=stack))


def with_link(plan: Plan, name: str, change: Callable[[LinkConfig], LinkConfig]) -> Plan:
    """The plan with one link another one."""
    steps = tuple(
        replace(step, links=tuple(change(link) if link.name == name else link for link in step.links))
        if any(link.name == name for link in step.links)
        else step
        for step in plan.steps
    )
    return replace(plan, steps=steps)


def with_service(plan: Plan, name: str, change: Callable[[ServiceConfig], ServiceConfig]) -> Plan:
    """The plan with one service another one."""
    if plan.service.name == name:
        return replace(plan, service=change(plan.service))
    services = tuple(change(each) if each.name == name else each for each in plan.services)
    return replace(plan, services=services)


def _adjusted(plan: Plan, action: Adjust) -> Plan:
    new = {setting.name: setting.value for setting in action.what.fields}
    link = next((link for link in plan.links if link.name == action.place), None)
    if link is None and all(each.name != action.place for each in plan.everybody):
        raise ActionError(f"there is no service {action.place}")
    for name in new:
        if name not in (OF_SERVICES if link is None else OF_CALLS):
            raise ActionError(f"{name} of {action.place} cannot be changed while it runs")
    if link is None:
        return with_service(plan, action.place, lambda service: _with_fields(service, new))
    return with_link(plan, action.place, lambda link: _with_fields(link, new))


def _with_fields(config: C, new: Mapping[str, Any]) -> C:
    """ActionError: a field cannot be that."""
    made = replace(config, **new)
    for each in fields(config):
        if each.name in new and not _fits(new[each.name], str(each.type)):
            raise ActionError(f"{each.name} cannot be {new[each.name]!r}")
    return made


def _injected(plan: Plan, action: Inject) -> Plan:
    fault = action.fault
    if fault.at != action.t or fault.duration <= 0:
        raise ActionError("an injected fault begins at the instant of the action and lasts some time")
    if any(known.id == fault.id for known in plan.faults):
        raise ActionError(f"there is a fault {fault.id} already")
    if fault.kind == "spike" and plan.traffic.loop != "open":
        raise ActionError("a spike needs traffic with a rate; users or a list of times cannot spike")
    at = next((each for each in plan.everybody if each.name == fault.place), plan.service)
    links = (f"{CLIENT_NAME}>{plan.service.name}", *(link.name for link in plan.links))
    if fault.place and fault.place != at.name and fault.place not in links:
        raise ActionError(f"there is no {'link' if '>' in fault.place else 'service'} {fault.place}")
    if fault.replica > at.replicas:
        raise ActionError(f"there is no replica {fault.replica} of {at.name}")
    return replace(plan, faults=(*plan.faults, fault))


def _stack_after(plan: Plan, place: str, action: Action) -> list[PolicyConfig]:
    stack = list(plan.stack_of(place))
    if isinstance(action, Change):
        at = position(plan, action.policy.id)
        if stack[at].kind != action.policy.kind:
            raise ActionError(f"{action.policy.id} is a {stack[at].kind}, not a {action.policy.kind}")
        if stack[at].shared != action.policy.shared:
            raise ActionError(f"whether {action.policy.id} is shared cannot be changed while it runs")
        stack[at] = action.policy
    elif isinstance(action, Remove):
        del stack[position(plan, action.policy)]
    elif isinstance(action, Add):
        if any(policy.id == action.policy.id for policy in stack):
            raise ActionError(f"there is a policy {action.policy.id} already")
        if not 0 <= action.position <= len(stack):
            raise ActionError(f"the stack has no position {action.position}")
        stack.insert(action.position, action.policy)
    elif isinstance(action, Reorder):
        if sorted(action.order) != sorted(policy.id for policy in stack):
            raise ActionError("the order must name every policy of the stack once")
        stack.sort(key=lambda policy: action.order.index(policy.id))
    return stack


def position(plan: Plan, policy: str) -> int:
    """Where in its stack the policy with that id stands; ActionError when it does not."""
    for index, config in enumerate(plan.stack_of(plan.place_of(policy))):
        if config.id == policy:
            return index
    raise ActionError(f"the stack has no policy {policy}")


def active_fault(plan: Plan, fault: str, t: int) -> int:
    """The index of a fault that is active just before ``t``; ActionError when it is not."""
    for index, config in enumerate(plan.faults):
        if config.id == fault:
            if config.at < t < config.at + config.duration:
                return index
            raise ActionError(f"the fault {fault} is not active")
    raise ActionError(f"there is no fault {fault}")


def new_components(plan: Plan, components: Sequence[Component], action: Action) -> tuple[Component, ...]:
    """Who may speak from now on because of ``action``; ``plan`` and ``components`` are those before it."""
    first, node = len(components), plan.service.name
    if isinstance(action, Inject):
        return (Component(first, "fault", action.fault.id, -1, len(plan.faults), node),)
    if isinstance(action, Add):
        policy = action.policy
        place = plan.place_of(policy.id)
        callers = plan.client.instances
        if place:
            node = place
            caller, _, _ = place.partition(">")
            callers = next(each.replicas for each in plan.everybody if each.name == caller)
        if policy.shared:
            return (Component(first, policy.kind, policy.id, -1, action.position, node),)
        return tuple(Component(first + i, policy.kind, policy.id, i, action.position, node) for i in range(callers))
    return ()


# --- as plain values ----------------------------------------------------------------------------------------------


def to_detail(action: Action) -> dict[str, Any]:
    """All but the instant and the kind, as values that fit JSON, with the text that policies and faults came from."""
    found = _decisive(action)
    for each in fields(action):
        written = getattr(getattr(action, each.name), "written", None)
        if written is not None:
            found[each.name]["written"] = written
    return found


def _decisive(action: Action) -> dict[str, Any]:
    return {f.name: _plain(getattr(action, f.name)) for f in fields(action) if f.name != "t"}


def _source(written: Any) -> Any:
    """As it was before JSON: a fault's is a pair."""
    return tuple(written) if isinstance(written, list) else written


def from_detail(t: int, kind: str, detail: Mapping[str, Any]) -> Action:
    """Back from :func:`to_detail`. ActionError when it is of another version of resim, or damaged."""
    try:
        found: Action = _typed(KINDS[kind](t, **{name: _rich(value) for name, value in detail.items()}))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ActionError(f"cannot read the action `{kind}`: {error}") from error
    return found


def fingerprint(action: Action) -> int:
    """62 bits that stand for what the action is; they go into the digest."""
    text = dumps([kind_of(action), _decisive(action)], sort_keys=True)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 2


def _plain(value: Any) -> Any:
    """As JSON holds it. Fields that were added later are left out at their default: what is stored stays the same."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {"=": type(value).__name__}
        for each in fields(value):
            if each.compare and ((known := getattr(value, each.name)) != each.default or "added" not in each.metadata):
                found[each.name] = _plain(known)
        return found
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        made = _SHAPES[value["="]](
            **{name: _rich(each) for name, each in value.items() if name not in ("=", "written")}
        )
        return _typed(replace(made, written=_source(value["written"])) if "written" in value else made)
    if isinstance(value, list):
        return tuple(_rich(each) for each in value)
    return value


_PLAIN: dict[str, tuple[type[Any], ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
_FAR = 1 << 62


def _typed(made: Any) -> Any:
    """A config or an action, if its fields hold what they are declared to hold; else TypeError."""
    for each in fields(made):
        if each.name != "written" and not _fits(getattr(made, each.name), str(each.type)):
            raise TypeError(f"`{each.name}` of {type(made).__name__} cannot be that")
    return made


def _fits(value: Any, declared: str) -> bool:
    for kind in declared.split(" | "):
        if kind in _PLAIN:
            if isinstance(value, _PLAIN[kind]) and isinstance(value, bool) == (kind == "bool"):
                return isinstance(value, str) or abs(value) < _FAR  # neither huge nor a NaN
        elif kind == "None":
            if value is None:
                return True
        elif kind.startswith("tuple["):
            inner = kind.removeprefix("tuple[").removesuffix("]").removesuffix(", ...").replace(", ", " | ")
            if isinstance(value, tuple) and all(_fits(each, inner) for each in value):
                return True
        elif any(base.__name__ == kind for base in type(value).__mro__):
            return True
    return False
