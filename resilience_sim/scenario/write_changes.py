"""Actions back to the items of `changes:` in a scenario file.

Owns the line that stands for one of them. Other settings of a policy have two spellings: brief (only what is different)
and whole (all of them); which one is needed depends on how the policy itself is written, so whoever writes a file reads
it again (play/written.py). Refuses faults: they have a section of their own.
"""

from __future__ import annotations

from resilience_sim.policies.config import PolicyConfig
from resilience_sim.scenario.spelling import duration, flow, quoted
from resilience_sim.scenario.write import policy_settings, policy_text
from resilience_sim.world.actions import Action, Add, Change, Remove, Reorder, Reset, Trip


def change_text(action: Action, old: PolicyConfig | None = None) -> str:
    """``{at: 30s, set: {retry.attempts: 1}}``; ``old``: what the policy was before, for the brief spelling."""
    return flow({"at": duration(action.t), **_what(action, old)})


def _what(action: Action, old: PolicyConfig | None) -> dict[str, str]:
    if isinstance(action, Change):
        return {"set": flow(_whole(action.policy) if old is None else _brief(old, action.policy))}
    if isinstance(action, Trip):
        return {"trip": quoted(action.policy)}
    if isinstance(action, Reset):
        return {"reset": quoted(action.policy)}
    if isinstance(action, Add):
        return {"add": f"{{{policy_text(action.policy)}}}", "position": str(action.position)}
    if isinstance(action, Remove):
        return {"remove": quoted(action.policy)}
    if isinstance(action, Reorder):
        return {"reorder": "[" + ", ".join(quoted(ident) for ident in action.order) + "]"}
    raise TypeError(f"{type(action).__name__} is no change of a policy")


def _brief(old: PolicyConfig, new: PolicyConfig) -> dict[str, str]:
    """Only the settings that differ; those that are gone are null. Under other rules all of them, for names differ."""
    before, after = policy_settings(old), policy_settings(new)
    if before.get("like") != after.get("like"):
        return _whole(new)
    differing = {key: value for key, value in after.items() if before.get(key) != value}
    differing.update({key: "null" for key in before if key not in after})
    plain = quoted(new.id) == new.id
    found = {f"{new.id}.{key}": value for key, value in differing.items()}
    return {path if plain else quoted(path): value for path, value in found.items()} or {quoted(new.id): "{}"}


def _whole(policy: PolicyConfig) -> dict[str, str]:
    """All settings, with whose rules they are: then nothing is left of those before."""
    rules = {} if policy.kind == "fallback" else {"like": "classic"}
    return {quoted(policy.id): flow({**rules, **policy_settings(policy)})}
