"""Where a policy of the user's own comes from. The code itself is named, never part of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.settings.policy import PolicyConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginConfig(PolicyConfig):
    """``module`` and ``name``: of a class derived from policies/plugin.py ``Policy``."""

    kind: ClassVar[str] = "plugin"
    module: str = ""
    name: str = ""
