"""How much faster a run is that computes one metric alone, as experiments do it, than one that computes all.

    python benchmarks/one_metric.py [ROUNDS]

CPU time of every shipped scenario with one service, both ways in turn; ratios are taken within a round.
"""

from __future__ import annotations

import sys
import time
from statistics import median

from resilience_sim._build_mode import describe
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load
from resilience_sim.scenario.text.shipped import names
from resilience_sim.settings.plan import Plan

ALONE = ("availability", "p99")
RUNS = 4  # of each in a round


def took(plan: Plan, metric: str = "") -> float:
    """Seconds of some runs, with all figures or the one."""
    begun = time.process_time()
    for seed in range(1, RUNS + 1):
        if metric:
            simulate(plan, seed, metrics=(metric,), digest=False)
        else:
            simulate(plan, seed)
    return time.process_time() - begun


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"the core is {describe()}")
    found: dict[str, list[float]] = {metric: [] for metric in ALONE}
    for name in names():
        plan = load(name).plan
        if plan.several:
            continue
        took(plan)  # imports and first touches
        ratios: dict[str, list[float]] = {metric: [] for metric in ALONE}
        for _ in range(rounds):
            everything = took(plan)
            for metric in ALONE:
                ratios[metric].append(everything / took(plan, metric))
        for metric in ALONE:
            found[metric].append(median(ratios[metric]))
        print(f"{name:20} " + ", ".join(f"{metric} {found[metric][-1]:.2f}x" for metric in ALONE), flush=True)
    for metric, values in found.items():
        print(f"{metric} alone: {median(values):.2f} times as fast ({min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()
