"""Forms: what a dialog asks for a fault or a policy, and what becomes of the answers.

Fields, first values and meanings come from the tables of settings; answers are read like a scenario file, with the same
spelling and the same messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from resilience_sim.runs.actions import plan_with
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.actions import Inject
from resilience_sim.settings.calls import front
from resilience_sim.settings.faults import FAULTS as FAULT_KINDS
from resilience_sim.settings.library_types import Nest
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig, own_id
from resilience_sim.settings.registry import POLICIES as POLICY_KINDS
from resilience_sim.settings.table import Param

T = TypeVar("T")

FAULTS = tuple(FAULT_KINDS)
POLICIES = tuple(POLICY_KINDS)
Answers = Mapping[str, str]
_HIDDEN = ("at", "id", "like")
_WHERE = ("service", "link")  # where there are several services
_LAST = ("share", "of", "replica")


class FormError(ValueError):
    """The answers cannot be read; the message says which and how to write it. ``field``: its key, or ""."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its key, what stands in it at first ("" leaves it to its default), what it means."""

    key: str
    value: str
    about: str
    default: str = ""


def fault_fields(kind: str, service: str = "") -> list[Field]:
    """What a fault of that kind can be given; ``service``: of several, the one it strikes at first."""
    hidden = _HIDDEN if service else (*_HIDDEN, *_WHERE)
    first = {"service": service}
    params = [param for param in FAULT_KINDS[kind].table.params if param.name not in hidden]
    found = [_field(param, first.get(param.name, param.first)) for param in params]
    own = [field for field in found if field.key not in _LAST or field.value]
    return own + [field for field in found if field not in own]


def libraries(kind: str) -> list[str]:
    """The libraries whose rules a policy of that kind may follow."""
    return list(POLICY_KINDS[kind].libraries)


def policy_fields(kind: str, policy: PolicyConfig | None = None, like: str = "") -> list[Field]:
    """What a policy can be set to: its present settings where there is one, under our rules or those it is ``like``.

    Unwritable: a policy that no file can describe (a plug-in).
    """
    written = None if policy is None else policy_settings(policy)
    like = (written or {}).get("like", like)
    ours = POLICY_KINDS[kind].table.own
    if like in ("", "classic"):
        return [
            _field(param, param.first if written is None else written.get(param.name, ""))
            for param in ours
            if param.name not in _HIDDEN
        ]
    return _library_fields(kind, like, {param.name: param for param in ours}, written)


def _library_fields(kind: str, like: str, ours: Mapping[str, Param], written: Mapping[str, str] | None) -> list[Field]:
    """A library's own names with its defaults, then what policies of this kind take under every library's rules."""
    found = []
    for param in POLICY_KINDS[kind].libraries[like]:
        same = ours.get(param.same_as)
        first = param.first or (same.first if same and param.required else "") or param.default_text
        value = first if written is None else written.get(param.name, "")
        found.append(Field(param.name, value, _about(param, same), param.default_text))
    known = {field.key for field in found}
    shared = [name for name in POLICY_KINDS[kind].shared if name not in known]
    extra = [name for name in written or {} if name not in known and name not in shared and name != "like"]
    return found + [
        Field(name, (written or {}).get(name, ""), ours[name].about if name in ours else "") for name in shared + extra
    ]


def _about(param: Param, same: Param | None) -> str:
    """Its only values, or what of ours it stands for, or what it takes."""
    words = getattr(param.type, "words", ())
    if words:
        return " | ".join(words)
    if same is not None:
        return f"our {same.name}: {same.about}"
    if isinstance(param.type, Nest) and param.type.keys:
        return f"a mapping of {', '.join(param.type.keys)}"
    return f"{'an' if param.type.name == 'expression' else 'a'} {param.type.name}"


def _field(param: Param, value: str) -> Field:
    return Field(param.name, value, param.about, param.default_text)


def read_fault(kind: str, values: Answers, plan: Plan, t: int) -> Inject:
    """The action of injecting it at ``t``. FormError with a message for people; ActionError when it is impossible."""
    from resilience_sim.scenario.read.pieces import fault_from

    taken = {known.id for known in plan.faults}
    fault = _or_error(lambda: fault_from(kind, _given(values), max(1, plan.service.replicas), plan))
    action = Inject(t, replace(fault, at=t, id=_new_id(kind, taken)))
    plan_with(plan, [action])
    return action


def read_policy(kind: str, values: Answers, id: str) -> PolicyConfig:
    """The policy with these settings, ``like`` among them. FormError with a message for people."""
    from resilience_sim.scenario.read.pieces import policy_from

    return _or_error(lambda: policy_from(kind, _given(values), id))


def new_policy_id(kind: str, plan: Plan, place: str = "") -> str:
    """An id that no policy of the stack has; ``place``: of that of a link, else Service A's."""
    return front(place) + _new_id(kind, {own_id(policy.id) for policy in plan.stack_of(place)})


def _new_id(kind: str, taken: set[str]) -> str:
    name, number = kind, 1
    while name in taken:
        number += 1
        name = f"{kind}#{number}"
    return name


def _given(values: Answers) -> dict[str, str]:
    return {key: value.strip() for key, value in values.items() if value.strip()}


def _or_error(read: Callable[[], T]) -> T:
    from resilience_sim.scenario.diagnostics import ScenarioError

    try:
        return read()
    except ScenarioError as error:
        first = error.diagnostics[0]
        field = first.path.rpartition(".")[2] if first.path else ""
        raise FormError(f"{first.message}" + (f"; {first.help}" if first.help else ""), field) from None
