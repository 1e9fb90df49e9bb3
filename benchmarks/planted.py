"""Problems whose best settings are known by arithmetic, for ``resim tune``: is it found, and nothing else claimed?

    python benchmarks/planted.py [REPEATS] [NAME]

Each problem is tuned REPEATS times (default 20) with seeds 1, 2, …; a hit is a front with settings whose distance to
the optimum is within the problem's ``delta``. On the flat problems every verdict `better` is a false winner.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from resilience_sim.experiments.crew import Alone
from resilience_sim.experiments.race import Objective, Tuning
from resilience_sim.experiments.space import space_of
from resilience_sim.experiments.tune import Tuned, tune
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.read.pieces import expectation_from


@dataclass(frozen=True)
class Planted:
    """``hit``: whether settings on the front are the optimum within its delta; None: nothing beats those as written."""

    about: str
    text: str
    vary: dict[str, str]
    objectives: tuple[Objective, ...]
    subject_to: tuple[str, ...]
    hit: Callable[[dict[str, str]], bool] | None
    requests: int


def seconds(text: str) -> float:
    """``65ms`` as 0.065."""
    from resilience_sim.settings.units import duration

    return duration(text) / 1e9


HEAD = "resim: 1\nname: planted\n"
PROBLEMS: dict[str, Planted] = {
    "attempts": Planted(
        "B fails half the time: 1 - 0.5^n >= 90 % from n = 4 on, and more attempts only cost",
        HEAD + "service: {latency: 1ms, failure_rate: 50%}\ntraffic: {rate: 100/s, requests: 400}\n"
        "stack: [{retry: {attempts: 1}}]\n",
        {"retry.attempts": "1..10"},
        (Objective("attempts_per_request", -1),),
        ("availability >= 90%",),
        lambda found: found.get("retry.attempts") == "4",
        600_000,
    ),
    "timeout": Planted(
        "latency is uniform from 20 to 80 ms: three in four answer within 65 ms; delta 4 ms",
        HEAD + "service: {latency: {uniform: [20ms, 80ms]}}\ntraffic: {rate: 100/s, requests: 400}\n"
        "stack: [{timeout: {after: 200ms}}]\n",
        {"timeout.after": "20ms..200ms:log"},
        (Objective("mean", -1),),
        ("availability >= 75%",),
        lambda found: abs(seconds(found.get("timeout.after", "200ms")) - 0.065) <= 0.004,
        800_000,
    ),
    "workers": Planted(
        "50 requests a second of 100 ms each need five workers where nobody may wait",
        HEAD + "service: {latency: 100ms, workers: 12, queue: 0}\n"
        "traffic: {rate: 50/s, requests: 300, arrivals: even}\n",
        {"service.workers": "1..20"},
        (Objective("utilization", +1),),
        ("availability == 100%",),
        lambda found: found.get("service.workers") == "5",
        400_000,
    ),
    "hedge": Planted(
        "nine in ten answer in 10 ms, the others in 200 ms: hedge just after 10 ms (p99 = delay + 10 ms); delta 4 ms",
        HEAD + "service: {latency: {empirical: times.csv}}\ntraffic: {rate: 100/s, requests: 500}\n"
        "stack: [{hedge: {delay: 100ms}}]\n",
        {"hedge.delay": "1ms..150ms:log"},
        (Objective("p95_success", -1),),
        ("attempts_per_request <= 1.3x",),
        lambda found: 0.0099 <= seconds(found.get("hedge.delay", "100ms")) <= 0.014,
        900_000,
    ),
    "limiter": Planted(
        "150/s arrive evenly: a limit of L/s lets 5 + L x 6 s of 900 pass, 64 % from 95.2/s on; delta 3/s",
        HEAD + "service: {latency: 20ms}\ntraffic: {rate: 150/s, requests: 900, arrivals: even}\n"
        "stack: [{rate_limiter: {limit: 140/s, burst: 5}}]\n",
        {"rate_limiter.limit": "20/s..140/s"},
        (Objective("attempts_per_request", -1),),
        ("availability >= 64%",),
        lambda found: abs(float(found.get("rate_limiter.limit", "0/s").split("/")[0]) - 95.2) <= 3,
        900_000,
    ),
    "bulkhead": Planted(
        "ten workers of 100 ms, a flood of 300/s: eleven places make each wait, ten do not",
        HEAD + "service: {latency: 100ms, workers: 10}\n"
        "traffic: {rate: 300/s, requests: 600, arrivals: even}\n"
        "stack: [{bulkhead: {max_concurrent: 40}}]\n",
        {"bulkhead.max_concurrent": "1..60"},
        (Objective("availability", +1), Objective("p99_success", -1)),
        ("p99_success <= 110ms",),
        lambda found: found.get("bulkhead.max_concurrent") == "10",
        900_000,
    ),
    "flat delay": Planted(
        "B never fails: no setting of the retry changes anything",
        HEAD + "service: {latency: {exponential: 20ms}}\ntraffic: {rate: 100/s, requests: 300}\n"
        "stack: [{retry: {attempts: 3, delay: 100ms}}]\n",
        {"retry.attempts": "1..8", "retry.delay": "1ms..1s:log"},
        (Objective("availability", +1), Objective("p99_success", -1)),
        (),
        None,
        300_000,
    ),
    "flat jitter": Planted(
        "waits of other lengths draw other luck, but no length is better: failures are independent of time",
        HEAD + "service: {latency: {exponential: 20ms}, failure_rate: 30%}\ntraffic: {rate: 100/s, requests: 300}\n"
        "stack: [{retry: {attempts: 3, delay: 10ms, jitter: full}}, {timeout: {after: 80ms}}]\n",
        {"retry.delay": "1ms..1s:log", "retry.jitter": "none,full,equal"},
        (Objective("availability", +1), Objective("attempts_per_request", -1)),
        (),
        None,
        300_000,
    ),
}


def solve(problem: Planted, seed: int, library: str = "own") -> Tuned:
    """Tune a problem once."""
    scenario = load_text(problem.text, "planted.yaml", files={"times.csv": "10ms\n" * 9 + "200ms\n"})
    space = space_of(scenario, problem.vary.items())
    wanted = tuple(expectation_from(each, scenario.plan) for each in problem.subject_to)
    question = Tuning(space, problem.objectives, wanted, None, seed, problem.requests, 0.0, library)
    return tune(question, Alone())


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    chosen = {name: each for name, each in PROBLEMS.items() if len(sys.argv) < 3 or name == sys.argv[2]}
    for name, problem in chosen.items():
        started, hits = time.perf_counter(), 0
        verdicts: dict[str, int] = {}
        for repeat in range(repeats):
            seed = 1 + repeat * 10_000_019
            found = solve(problem, seed)
            verdicts[found.verdict] = verdicts.get(found.verdict, 0) + 1
            hit = problem.hit is not None and any(problem.hit(dict(each.settings)) for each in found.front)
            hits += hit
            if not hit and (problem.hit is not None or found.verdict == "better"):
                print(f"  seed {seed}: {[dict(each.settings) for each in found.front]}", flush=True)
        wrong = "" if problem.hit is not None else f", false winners {verdicts.get('better', 0)}"
        right = f"{hits} of {repeats} found" if problem.hit is not None else f"{repeats} tuned"
        print(
            f"{name:12} {right}{wrong}  {verdicts}  {time.perf_counter() - started:.1f} s  ({problem.about})",
            flush=True,
        )


if __name__ == "__main__":
    main()
