"""``--policy``: the user's own code in a stack. It comes with the command line, never with a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resilience_sim.cli.errors import usage

if TYPE_CHECKING:
    from resilience_sim.settings.plan import Plan


def with_own_policies(plan: Plan, asked: Sequence[str], save: str | None) -> Plan:
    """The plan with the policies asked for. ``save``: the recording that is asked for, too, which is refused."""
    if not asked:
        return plan
    from resilience_sim.policies.plugin import PluginError
    from resilience_sim.runs.plugins import with_policies

    if save:
        raise usage("--save and --policy exclude each other", "a recording must be repeatable, and carries no code")
    try:
        return with_policies(plan, asked)
    except PluginError as error:
        raise usage(f"--policy: {error}", "docs/plugins.md shows how to write a policy") from None
