"""What the layers of a running simulation hold at an instant: the fill of windows, buckets and places.

Everything else that views show is a fold over events; this alone is not in them, and a view may show it but must not
decide by it. Each layer knows its own levels (``PolicyLayer.gauges``).
"""

from __future__ import annotations

from resilience_sim.policies.layer import Gauges
from resilience_sim.runs.simulation import Simulation


def gauges(simulation: Simulation, now: int = -1) -> dict[int, Gauges]:
    """By component id of the first instance's layer, all instances together; layers with nothing to show are left out.

    ``now``: an instant not before the last event, by default that of the last event.
    """
    applier = simulation.applier
    if applier is None:
        return {}
    now = max(now, applier.sim.now)
    found: dict[int, Gauges] = {}
    for same in zip(*(instance.stack.layers for instance in applier.client.instances()), strict=True):
        held = [levels for levels in (layer.gauges(now) for layer in same) if levels]
        if held:
            found[int(same[0].source)] = _together(held)
    for replica in applier.service.replicas():
        found[int(replica.source)] = {"limit": int(replica.limit)}
    return found


def _together(held: list[Gauges]) -> Gauges:
    """Of all instances: places, tokens and who waits add up, a chance is the mean."""
    if len(held) == 1:
        return held[0]
    total = {name: sum(levels.get(name, 0) for levels in held) for name in held[0]}
    if "chance" in total:
        total["chance"] /= len(held)
    return total
