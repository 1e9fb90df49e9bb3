"""``--client``: the user's own code instead of the stack. It comes with the command line, never with a scenario."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from resilience_sim.cli.errors import Problem, usage

if TYPE_CHECKING:
    from resilience_sim.cli.context import CommandContext
    from resilience_sim.measure.result import RunResult
    from resilience_sim.settings.plan import Plan, Warned

DOCS = "docs/your-code.md shows how"


def with_own_client(plan: Plan, target: str | None, policies: Sequence[str] = ()) -> Plan:
    """The plan with the user's code in the place of its stack, if it is asked for."""
    if target is None:
        return plan
    from resilience_sim.client.errors import OwnCodeError
    from resilience_sim.runs.own_code import with_client

    if policies:
        raise usage("--client and --policy exclude each other", "the code is the whole client, policies and all")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the current folder: the command line is the user's own word
    try:
        return with_client(plan, target)
    except OwnCodeError as error:
        raise Problem("client", f"--client: {error.cause}", error.remedy or DOCS) from None


def tell_notes(ctx: CommandContext, results: Sequence[RunResult]) -> list[Warned]:
    """What is odd about the code: calls that failed without a failed attempt. Told once, of the first such run."""
    from resilience_sim.settings.codes import OWN_CODE
    from resilience_sim.settings.plan import Warned

    notes = next((result.notes for result in results if result.notes), ())
    found = [Warned(OWN_CODE, note) for note in notes]
    if not ctx.json:
        ctx.warnings(found)
    return found
