"""Do certified intervals hold the truth in 95 of 100? Planted problems are tuned, and held against closed forms.

    python benchmarks/coverage.py [REPEATS]

Every figure of every entry on the front, as certified, and its difference to the settings as written; what never
varies is left out. What is on the front was chosen by the same runs, so this is the coverage that users get.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from planted import PROBLEMS, seconds, solve

Truth = Callable[[dict[str, str]], dict[str, float]]


def attempts(settings: dict[str, str]) -> dict[str, float]:
    """Each attempt fails half the time."""
    n = int(settings.get("retry.attempts", "1"))
    return {"availability": 1 - 0.5**n, "attempts_per_request": 2 * (1 - 0.5**n)}


def timeout(settings: dict[str, str]) -> dict[str, float]:
    """Latency is uniform from 20 to 80 ms, cut off at the timeout."""
    at = min(0.08, seconds(settings.get("timeout.after", "200ms")))
    return {"availability": (at - 0.02) / 0.06, "mean": ((at**2 - 0.02**2) / 2 + at * (0.08 - at)) / 0.06}


def jitter(settings: dict[str, str]) -> dict[str, float]:
    """Three attempts, each of which succeeds in 70 % and in time in all but e^-4."""
    fails = 1 - 0.7 * (1 - 2.718281828459045**-4)
    return {"availability": 1 - fails**3, "attempts_per_request": 1 + fails + fails**2}


def hedge(settings: dict[str, str]) -> dict[str, float]:
    """One in ten is slow, and hedged."""
    return {"attempts_per_request": 1.1}


TRUTHS: dict[str, Truth] = {"attempts": attempts, "timeout": timeout, "flat jitter": jitter, "hedge": hedge}


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    total = [0, 0, 0, 0]
    for name, truth in TRUTHS.items():
        started = time.perf_counter()
        figures = [0, 0, 0, 0]  # means, of those held, differences, of those held
        for repeat in range(repeats):
            found = solve(PROBLEMS[name], 500 + repeat * 10_000_019)
            for entry in found.front:
                right, today = truth(dict(entry.settings)), truth({})
                for metric, value in right.items():
                    certified = entry.metrics.get(metric)
                    for place, ends, wanted in (
                        (0, certified and certified.ci95, value),
                        (2, certified and certified.delta_ci95, value - today[metric]),
                    ):
                        if ends is not None and ends[0] < ends[1]:
                            figures[place] += 1
                            figures[place + 1] += ends[0] <= wanted <= ends[1]
        total = [a + b for a, b in zip(total, figures, strict=True)]
        print(f"{name:12} {said(figures)}  {time.perf_counter() - started:.1f} s", flush=True)
    print(f"{'together':12} {said(total)}")


def said(figures: list[int]) -> str:
    means, held, differences, same = figures
    return (
        f"means {held} of {means} ({held / max(1, means):.1%}), "
        f"differences {same} of {differences} ({same / max(1, differences):.1%})"
    )


if __name__ == "__main__":
    main()
