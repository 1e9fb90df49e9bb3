"""Run in a process of its own, compiled: prints how many percentiles of how many bags were right, and how many of
these were found among the highest values alone.
"""

from __future__ import annotations

import random
import sys

from resilience_sim._build_mode import describe
from resilience_sim.measure.latencies import FEW, Distribution, Latencies, nearest_rank

SHAPES = {
    "exponential": lambda rng, i: int(rng.expovariate(1e-8)),
    "constant": lambda rng, i: 50_000_000,
    "two": lambda rng, i: rng.choice((50_000_000, 150_000_000)),
    "rare": lambda rng, i: 10**9 if rng.random() < 0.004 else rng.randrange(10**6),
    "rising": lambda rng, i: i * 1000,
    "late": lambda rng, i: rng.randrange(10**6) + (10**9 if i % 3000 > 2950 else 0),
}
PERCENTS = ([99.0], [99.9], [97.0, 99.0, 99.99], [50.0, 99.0], [0.01], [99.0, 99.5])


def main() -> None:
    rng = random.Random(11)
    right = at_once = 0
    for shape in SHAPES.values():
        for size in (1, 100, FEW - 1, FEW, 20_000):
            values = [shape(rng, i) for i in range(size)]
            bags = [Latencies(), Latencies()]
            for value in values:
                bags[rng.random() < 0.02].add(value)
            for percents in PERCENTS:
                found = Distribution(bags)
                found.find(percents)
                at_once += not found._counted
                right += sum(
                    found.percentile(each) == sorted(values)[nearest_rank(each, size) - 1] for each in percents
                )
            before = Distribution(bags)
            for bag in bags:
                bag.add(10**12)
            right += before.percentile(99.0) == sorted(values)[nearest_rank(99.0, size) - 1]
            right += (before.count, before.total, before.highest) == (size, sum(values), max(values))
    sys.stdout.write(f"{describe()} {right} {at_once}")


main()
