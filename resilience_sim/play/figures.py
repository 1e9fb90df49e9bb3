"""The figures of what was played: a fold over the tape, asked for when the cockpit closes.

Owns nothing but that: the same figures as everywhere (measure/), with the faults and settings that were in force.
"""

from __future__ import annotations

from resilience_sim.measure.result import RunResult
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.play.run import Run
from resilience_sim.views.moments import MomentsFold


def figures(run: Run) -> tuple[RunResult, MomentsFold]:
    """Of everything that was simulated, whatever place was looked at last."""
    run.release()
    fold = RunFold(run.plan_now, run.source.components)
    moments = MomentsFold(run.plan_now)
    for event in run.tape.slice(0, len(run.tape)):
        fold.on_event(*event)
        moments.on_event(*event)
    return fold.result(run.source.seed, run.source.digest(), run.source.now), moments
