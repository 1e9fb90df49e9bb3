"""The worlds that settings have to fit: the scenario with another load and longer or shorter faults."""

from __future__ import annotations

import random

from resilience_sim.experiments.axes import at_load, with_longer_faults
from resilience_sim.experiments.space import spread_evenly
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.tune import WorldsConfig


def in_world(plan: Plan, world: tuple[float, float]) -> Plan:
    """The plan with its load and the length of its faults multiplied."""
    load, faults = world
    if faults != 1.0 and plan.faults:
        plan = with_longer_faults(plan, faults)
    return at_load(plan, load) if load != 1.0 else plan


def draw_worlds(config: WorldsConfig | None, seed: int) -> tuple[tuple[float, float], ...]:
    """The worlds: evenly over the box, keyed by the seed."""
    if config is None:
        return ((1.0, 1.0),)
    shift = [random.Random(f"{seed} worlds {axis}").random() for axis in range(2)]
    points = spread_evenly(config.draws, 2, shift)
    ends = (config.load, config.faults)
    return tuple(
        (ends[0][0] + x * (ends[0][1] - ends[0][0]), ends[1][0] + y * (ends[1][1] - ends[1][0])) for x, y in points
    )
