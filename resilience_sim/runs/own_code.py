"""The user's own code as the client of a plan: ``--client module:callable``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resilience_sim.kernel.frames import Clock
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.topology import World
from resilience_sim.settings.own_code import OwnCodeConfig, with_own_code
from resilience_sim.settings.plan import Plan
from resilience_sim.world.faults import Faults

if TYPE_CHECKING:
    from resilience_sim.client.guest import OwnCode

INSTALL = "pip install 'resilience-sim[client]'"


def with_client(plan: Plan, target: str) -> Plan:
    """The plan with the user's code in the place of the stack.

    Raises:
        OwnCodeError: ``target`` names no callable, or what it takes to run one is not installed.
    """
    from resilience_sim.client.errors import OwnCodeError

    try:
        import greenlet  # noqa: F401
    except ImportError:
        raise OwnCodeError("code of your own runs on greenlets, which are not installed", INSTALL) from None
    from resilience_sim.client.load import check

    check(target)
    return with_own_code(plan, target)


def watchers_for(plan: Plan) -> list[Fold]:
    """What has to see the events of such a run, where connections may be refused, dropped, or take their time."""
    wires = [service.network for service in (plan.service, *plan.services)]
    if not plan.faults and not plan.actions and all(wire.kind == "constant" and wire.a == 0 for wire in wires):
        return []
    from resilience_sim.client.layer import Watcher

    return [Watcher()]


def guest_for(
    plan: Plan, config: OwnCodeConfig, sim: Clock, seed: int, world: World, faults: Faults, watchers: list[Fold]
) -> OwnCode:
    """Who runs the code on this clock."""
    from resilience_sim.client.guest import OwnCode
    from resilience_sim.client.layer import Watcher

    guest = OwnCode(plan, config, sim, seed)
    places = {name: [faults.at(name), faults.at(f"client>{name}")] for name in world.services}
    net = guest.connect(dict(world.services), places)
    for fold in watchers:
        assert isinstance(fold, Watcher)
        fold.net = net
    sim.guest = guest
    return guest
