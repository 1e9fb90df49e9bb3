"""The issue's queueing case over the whole million: 80/s, 10 workers, exponential service of 100 ms, no stack.

    python benchmarks/million.py [requests] [seed]

Prints mean latency, waiting probability and mean wait beside the formulas of Erlang, in standard errors (batch means),
and exits with 1 when one of them is more than four away.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "tests")]

from test_closed_forms import WARM_UP, S, erlang_c, mean_and_error, queue, watch  # noqa: E402 (found on that path)

from resilience_sim.settings.latency import Latency  # noqa: E402


def main() -> int:
    """Run, compare, report."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.perf_counter()
    notes = watch(queue(80.0, 10, Latency("exponential", 0.1 * S), requests), seed)
    took = time.perf_counter() - began
    waited = [1.0 if wait > 0 else 0.0 for wait in notes.waits]
    rows = [
        ("mean latency, s", notes.latencies, 0.1 + erlang_c(8.0, 10) * 0.1 / 2),
        ("mean wait, s", notes.waits, erlang_c(8.0, 10) * 0.1 / 2),
        ("P(wait)", waited, erlang_c(8.0, 10)),
    ]
    worst = 0.0
    for name, values, expected in rows:
        mean, error = mean_and_error(values[WARM_UP:])
        away = (mean - expected) / error
        worst = max(worst, abs(away))
        print(f"{name:16} {mean:.6f}  expected {expected:.6f}  standard error {error:.6f}  {away:+.2f} errors away")
    print(f"{requests:,} requests in {took:.1f} s, {requests / took:,.0f} requests/s with every event noted")
    return 0 if worst < 4 else 1


if __name__ == "__main__":
    sys.exit(main())
