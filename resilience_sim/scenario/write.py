"""Settings back to the text of a scenario file: the inverse of reading, for policies and faults.

Owns the line that stands for one of them; reading it again gives the same settings. Refuses to lay out whole files
(play/written.py). Which keys are written: write_policies.py, write_like.py, write_faults.py; how: spelling.py.
"""

from __future__ import annotations

from resilience_sim.policies.config import PolicyConfig
from resilience_sim.scenario.spelling import Settings, Unwritable, duration, flow, quoted
from resilience_sim.scenario.write_faults import fault_settings
from resilience_sim.scenario.write_like import like_settings
from resilience_sim.scenario.write_policies import WRITERS
from resilience_sim.world.config import FaultConfig

__all__ = [
    "Settings", "Unwritable", "duration", "fault_settings", "fault_text", "flow", "policy_settings", "policy_text",
    "quoted",
]  # fmt: skip


def policy_settings(policy: PolicyConfig) -> Settings:
    """All settings of a policy but its id, those at a library's default left out.

    Raises:
        Unwritable: a scenario file has no words for it (a policy of the user's own).
    """
    found = like_settings(policy)
    if found is None:
        writer = WRITERS.get(type(policy))
        if writer is None:
            raise Unwritable(f"the settings of {policy.id} cannot be written here")
        found = writer(policy)
    return {key: value for key, value in found.items() if value}


def policy_text(policy: PolicyConfig) -> str:
    """``retry: {attempts: 3, delay: 1s}``, with its id where that is not its kind."""
    named = {"id": quoted(policy.id)} if policy.id != policy.kind else {}
    return f"{policy.kind}: {flow({**named, **policy_settings(policy)})}"


def fault_text(fault: FaultConfig) -> str:
    """``outage: {at: 12s, for: 5s, how: refuse}``."""
    kind, settings = fault_settings(fault)
    named = {"id": quoted(fault.id)} if fault.id != kind else {}
    return f"{kind}: {flow({'at': duration(fault.at), **settings, **named})}"
