"""Many seeds over all cores, with a bar.

Owns only the bar; runs/batch.py does the work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.progress import Progress

if TYPE_CHECKING:
    from resilience_sim.measure.result import RunResult
    from resilience_sim.scenario.plan import Plan


def run_seeds(
    ctx: CommandContext, plans: Mapping[str, Plan], seeds: Sequence[int], series: int = 0
) -> dict[str, list[RunResult]]:
    """Every plan with every seed; after Ctrl-C some are missing."""
    from resilience_sim.runs.batch import run_many

    total = len(plans) * len(seeds)
    finished = 0

    def heard(variant: str, result: RunResult) -> None:
        nonlocal finished
        finished += 1
        progress.at(finished, f"{finished} of {total} runs")

    with Progress(ctx, "simulating", total) as progress:
        ctx.detail(f"simulating {total} runs")
        return run_many(plans, seeds, on_result=heard, series=series).results
