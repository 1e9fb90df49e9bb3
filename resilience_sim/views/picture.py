"""Pictures of what the terminal shows: the README's pictures are made by the program itself.

Owns bringing a run to an instant and framing it. Refuses to own what is in the picture (the same pure frames and rows
as in the terminal) and how rows become SVG (svg.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.plan import Plan
from resilience_sim.views.live.driver import Player, Show, first_sample
from resilience_sim.views.live.facts import default_speed
from resilience_sim.views.live.frame import frame
from resilience_sim.views.live.panels import Surroundings
from resilience_sim.views.live.race import race_frame
from resilience_sim.views.svg import svg_of_rows
from resilience_sim.views.text import Row, wrap


def svg_of_live_frame(plan: Plan, seed: int, at: int, width: int = 100, height: int = 30) -> str:
    """The live view of a run at the virtual instant ``at`` (ns)."""
    return svg_of_race({plan.name: plan}, seed, at, width, height)


def svg_of_race(plans: dict[str, Plan], seed: int, at: int, width: int = 140, height: int = 36) -> str:
    """The live view of several variants, by name, at the virtual instant ``at`` (ns)."""
    speed = default_speed(*plans.values())
    player = Player([Show(Simulation(plan, seed), name) for name, plan in plans.items()])
    for fold in player.folds:
        fold.sample = first_sample(fold.plan, speed)
    player.advance(at, lambda: True)
    around = Surroundings(speed)
    scenario = next(iter(plans.values())).name
    if len(player.folds) == 1:
        return svg_of_rows(frame(player.folds[0], width, height, around).rows, width, f"resim run {scenario}")
    sheet = race_frame(player.folds, player.clock, width, height, around)
    return svg_of_rows(sheet.rows, width, f"resim compare {scenario}")


def svg_of_text(rows: Sequence[Row], width: int, title: str) -> str:
    """A summary or a comparison (``summary_rows``, ``comparison_rows``), wrapped at ``width``."""
    return svg_of_rows([line for row in rows for line in wrap(row, width)], width, title)
