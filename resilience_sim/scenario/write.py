"""Settings back to the text of a scenario file: a policy or fault as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.overrides import PathError
from resilience_sim.scenario.read.stack import stack_of
from resilience_sim.scenario.read.tables import Memory
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.scenario.text.spelling import Settings, Unwritable, duration, flow, plain, quoted
from resilience_sim.scenario.text.tree import Node, Source, Span, node_of
from resilience_sim.settings.actions import Action, Add, Adjust, Change, Remove, Reorder, Reset, Trip
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.policy import PolicyConfig, own_id, prefix_of
from resilience_sim.settings.service import ServiceConfig


def policy_settings(policy: PolicyConfig) -> Settings:
    """The settings of a policy that were written, but its id, as YAML values.

    Raises:
        Unwritable: no text says what it is (a policy of the user's own, or a config changed since it was read).
    """
    if policy.written is None or not _says(policy.kind, policy.written, policy):
        raise Unwritable(f"the settings of {policy.id} cannot be written here")
    return _spelled(policy.written)


def _says(kind: str, written: Mapping[str, Any], policy: PolicyConfig) -> bool:
    """Whether the text, read again, gives these settings."""
    findings = Findings(_item("stack", kind, {**written, "id": own_id(policy.id)}))
    made = stack_of(findings, Memory(), prefix_of(policy.id))
    return not findings.errors and made[0] == policy


def _item(section: str, kind: str, body: Mapping[str, Any]) -> Node:
    return node_of({section: [{kind: dict(body)}]}, Span(Source("", ()), 1, 1, 1, 1))


def _spelled(written: Mapping[str, Any]) -> Settings:
    return {quoted(name): plain(value) for name, value in written.items() if value is not None}


def policy_text(policy: PolicyConfig) -> str:
    """``retry: {attempts: 3, delay: 1s}``, with its own id where that is not its kind."""
    own = own_id(policy.id)
    named = {"id": quoted(own)} if own != policy.kind else {}
    return f"{policy.kind}: {flow({**named, **policy_settings(policy)})}"


def fault_text(fault: FaultConfig) -> str:
    """``outage: {at: 12s, for: 5s, how: refuse}``; when it begins and ends is that of the config."""
    if fault.written is None:
        raise Unwritable(f"the settings of {fault.id} cannot be written here")
    kind, written = fault.written
    named = {"id": quoted(fault.id)} if fault.id != kind else {}
    when = {"at": duration(fault.at), "for": duration(fault.duration)}
    return f"{kind}: {flow({**when, **{k: v for k, v in _spelled(written).items() if k not in when}, **named})}"


# --- changes ------------------------------------------------------------------------------------------------------


def change_text(action: Action, old: PolicyConfig | None = None) -> str:
    """``{at: 30s, set: {retry.attempts: 1}}``; ``old``: what the policy was before, to write only what differs.

    Whether the brief spelling means the same depends on how the policy itself is written, so the file that is
    written is read again (play/written.py).
    """
    return flow({"at": duration(action.t), **_what(action, old)})


def _what(action: Action, old: PolicyConfig | None) -> dict[str, str]:
    if isinstance(action, Change):
        return {"set": flow(_whole(action.policy) if old is None else _brief(old, action.policy))}
    if isinstance(action, Trip):
        return {"trip": quoted(action.policy)}
    if isinstance(action, Reset):
        return {"reset": quoted(action.policy)}
    if isinstance(action, Add):
        prefix = prefix_of(action.policy.id)
        link = {"link": f"[{', '.join(map(quoted, prefix[:-1].split('.')))}]"} if prefix else {}
        return {"add": f"{{{policy_text(action.policy)}}}", **link, "position": str(action.position)}
    if isinstance(action, Adjust):
        return {"set": flow(_adjusted(action))}
    if isinstance(action, Remove):
        return {"remove": quoted(action.policy)}
    if isinstance(action, Reorder):
        return {"reorder": "[" + ", ".join(quoted(ident) for ident in action.order) + "]"}
    raise TypeError(f"{type(action).__name__} is no change of settings")


def adjusted_settings(action: Adjust) -> Settings:
    """The settings of a service or a call that were written, by path below it; ``null``: the default again.

    Raises:
        Unwritable: no text says what they are.
    """
    if action.what.written is None:
        raise Unwritable(f"the settings of {action.place} cannot be written here")
    return {quoted(name): plain(value) for name, value in action.what.written.items()}


def _adjusted(action: Adjust) -> dict[str, str]:
    if ">" in action.place:
        head = action.place.replace(">", ".")
    else:
        head = "service" if action.place == ServiceConfig().name else f"services.{action.place}"
    return {f"{head}.{name}": value for name, value in adjusted_settings(action).items()}


def _brief(old: PolicyConfig, new: PolicyConfig) -> dict[str, str]:
    """Only the settings that differ; those that are gone are null. Under other rules all of them, for names differ."""
    before, after = policy_settings(old), policy_settings(new)
    if before.get("like") != after.get("like"):
        return _whole(new)
    differing = {key: value for key, value in after.items() if before.get(key) != value}
    differing.update({key: "null" for key in before if key not in after})
    bare = quoted(new.id) == new.id
    found = {f"{new.id}.{key}": value for key, value in differing.items()}
    return {path if bare else quoted(path): value for path, value in found.items()} or {quoted(new.id): "{}"}


def _whole(policy: PolicyConfig) -> dict[str, str]:
    """All settings, with whose rules they are: then nothing is left of those before."""
    rules = {} if policy.kind == "fallback" else {"like": "classic"}
    return {quoted(policy.id): flow({**rules, **policy_settings(policy)})}


def text_with(scenario: Scenario, settings: Mapping[str, str]) -> str:
    """The text of a scenario with settings (values as ``--set`` takes them) put in; comments stay.

    Raises:
        Unwritable: the text cannot take them so that it says the same.
    """
    from resilience_sim.scenario.load import TreeOrigin, load_text
    from resilience_sim.scenario.read.overrides import locate
    from resilience_sim.scenario.text.edit import Uneditable, replaced

    wanted = scenario.with_settings([f"{path}={value}" for path, value in settings.items()])
    text = scenario.text
    asked = [*(each.partition("=")[::2] for each in scenario.overrides), *settings.items()]
    try:
        for path, value in asked:
            origin = load_text(text, scenario.path, files=dict(scenario.files)).source
            assert isinstance(origin, TreeOrigin)
            text = replaced(text, {locate(origin.root, path.strip()): value.strip()})
        written = load_text(text, scenario.path, files=dict(scenario.files))
    except (Uneditable, ScenarioError, PathError) as error:
        raise Unwritable(str(error)) from None
    if replace(written.plan, name="") != replace(wanted.plan, name=""):
        raise Unwritable("the text would say something else")
    return text
