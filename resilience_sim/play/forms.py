"""Forms: what a dialog asks for a fault or a policy, and what becomes of the answers.

Owns the fields, their first values and the reading of them, by the scenario room's own rules: the same spelling and
the same messages as in a file. Refuses to draw (dialogs.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from resilience_sim.policies.config import PolicyConfig
from resilience_sim.runs.actions import plan_with
from resilience_sim.scenario.plan import Plan
from resilience_sim.scenario.write import flow, policy_settings
from resilience_sim.world.actions import Inject
from resilience_sim.world.config import FaultConfig

AROUND = "resim: 1\nservice: {{workers: 64, replicas: {replicas}}}\ntraffic: {{rate: 1/s, requests: 1}}\n"
# What is asked for first: a value that shows something, not the file's default.
FIRST: dict[str, dict[str, str]] = {
    "outage": {"for": "5s", "how": "refuse"},
    "latency": {"for": "5s", "add": "500ms"},
    "errors": {"for": "5s", "rate": "50%", "status": "500"},
    "brownout": {"for": "5s", "workers": "25%", "slower": "2x", "failure_rate": "0%"},
    "lost_responses": {"for": "5s", "rate": "50%"},
    "spike": {"for": "5s", "rate": "3x"},
    "crash_replica": {"for": "5s", "replica": "1"},
    "rate_limit": {"for": "5s", "limit": "20/s", "retry_after": "1s"},
    "cold_cache": {"for": "20s", "slower": "4x", "half_life": "5s"},
    "retry": {"attempts": "3", "delay": "100ms", "backoff": "exponential", "jitter": "full"},
    "circuit_breaker": {"failure_threshold": "5", "recovery_time": "5s"},
    "timeout": {"after": "1s"},
    "bulkhead": {"max_concurrent": "10", "queue": "0"},
    "rate_limiter": {"limit": "50/s"},
    "hedge": {"delay": "200ms"},
    "fallback": {"latency": "5ms"},
    "throttle": {"k": "2", "window": "30s"},
}
FAULTS = tuple(list(FIRST)[:9])
POLICIES = tuple(list(FIRST)[9:])
Answers = Mapping[str, str]
_HIDDEN = ("at", "id", "like")
_LATER = ("share", "of", "replica")
_SHARED = {"retry": ("on", "budget"), "circuit_breaker": ("ignore",)}  # ours, under a library's rules too


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


def fault_fields(kind: str) -> list[Field]:
    """What a fault of that kind can be given."""
    from resilience_sim.scenario.models_faults import FaultItem

    found = _fields(FaultItem.body_model(kind).model_fields, FIRST[kind])
    own = [field for field in found if field.key not in _LATER or field.value]
    return own + [field for field in found if field not in own]


def policy_fields(kind: str, policy: PolicyConfig | None = None, like: str = "") -> list[Field]:
    """What a policy can be set to: its present settings where there is one, under our rules or those it is ``like``.

    Unwritable: a policy that no file can describe (a plug-in).
    """
    from resilience_sim.scenario.models_stack import PolicyItem

    values = FIRST.get(kind, {}) if policy is None else policy_settings(policy)
    like = values.get("like", like)
    ours = _fields(PolicyItem.body_model(kind).model_fields, {} if like and policy is None else values)
    return _library_fields(kind, like, ours, values if policy is not None else {}) if like else ours


def _library_fields(kind: str, like: str, ours: list[Field], values: Mapping[str, str]) -> list[Field]:
    """A library's own names, with its defaults and what of ours they stand for; what all of a kind share comes last."""
    from resilience_sim.play.forms_like import params

    meanings = {field.key: field.about for field in ours}
    found = [
        Field(each.name, values.get(each.name, "" if values else each.first), each.about(meanings), each.default)
        for each in params(kind, like)
    ]
    known = {field.key for field in found}
    for key in dict.fromkeys((*_SHARED.get(kind, ()), *values)):
        if key not in known and key != "like":
            found.append(Field(key, values.get(key, ""), meanings.get(key, "")))
    return found


def _fields(model: Mapping[str, object], values: Mapping[str, str]) -> list[Field]:
    from resilience_sim.scenario.like_leaves import NATIVE

    found = []
    for name, info in model.items():
        key = getattr(info, "alias", None) or name
        about = getattr(info, "description", "") or ""
        if key in _HIDDEN or about.startswith(NATIVE):
            continue
        default = getattr(info, "default", None)
        text = "" if default is None or repr(default) == "PydanticUndefined" else str(default)
        text = {"True": "true", "False": "false"}.get(text, text.replace("'", ""))
        found.append(Field(key, values.get(key, ""), about, text))
    return found


def read_fault(kind: str, values: Mapping[str, str], plan: Plan, t: int) -> Inject:
    """The action of injecting it at ``t``. FormError with a message for people; ActionError when it is impossible."""
    text = f"faults:\n  - {kind}: {flow({'at': '0s', **_given(values)})}\n"
    fault = _load(text, max(1, plan.service.replicas)).faults[0]
    action = Inject(t, replace(fault, at=t, id=_new_id(kind, {known.id for known in plan.faults})))
    plan_with(plan, [action])
    return action


def read_policy(kind: str, values: Mapping[str, str], id: str) -> PolicyConfig:
    """The policy with these settings, ``like`` among them. FormError with a message for people."""
    found = _load(f"stack:\n  - {kind}: {flow(_given(values))}\n", 1).stack[0]
    return replace(found, id=id)


def new_policy_id(kind: str, plan: Plan) -> str:
    """An id that no policy has."""
    return _new_id(kind, {policy.id for policy in plan.stack})


def _new_id(kind: str, taken: set[str]) -> str:
    name, number = kind, 1
    while name in taken:
        number += 1
        name = f"{kind}#{number}"
    return name


def _given(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value.strip() for key, value in values.items() if value.strip()}


def _load(text: str, replicas: int) -> Plan:
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load_text

    try:
        return load_text(AROUND.format(replicas=replicas) + text, "form").plan
    except ScenarioError as error:
        first = error.diagnostics[0]
        field = first.path.rpartition(".")[2] if first.path else ""
        raise FormError(f"{first.message}" + (f"; {first.help}" if first.help else ""), field) from None


def as_file(fault: FaultConfig) -> str:
    """The fault as it would stand in a scenario file."""
    from resilience_sim.scenario.write import fault_text

    return f"- {fault_text(fault)}"
