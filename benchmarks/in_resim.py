"""The reference model in resim, one measurement in a process of its own.

    python benchmarks/in_resim.py CASE REQUESTS SEED RATE FAIL [NUMBER]

CASE: ``figures`` (what `resim run` computes), ``digest`` (no figures), ``recorded`` (figures, and every event in a
file), ``plugin`` (figures, one policy in plain Python in the stack), ``short`` (as many requests, in a batch of runs of
20,000), ``availability`` and ``p99`` (the same, that metric alone, as experiments do it), or, for the scaling table,
``policies``, ``instances`` and ``replicas`` with a NUMBER of them; ``seeds``: a NUMBER of runs, by one process
(``cpu``) and by two (``wall``), both in wall time; ``recording``: a NUMBER of runs without and with recording.
``RESIM_PURE=1`` takes the interpreted core.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from resilience_sim._build_mode import describe
from resilience_sim.policies.plugin import FALLBACK, Policy
from resilience_sim.runs.plugins import with_policies
from resilience_sim.runs.simulate import drain, simulate
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

MS = 1_000_000
S = 1000 * MS
SHORT = 20_000  # requests of a short run


class Counting(Policy):
    """Counts calls and failures, in plain Python."""

    calls = 0
    failures = 0

    def enter(self, parent):
        self.calls += 1
        self.call(parent)

    def on_result(self, f, outcome):
        if outcome > FALLBACK:
            self.failures += 1
        self.answer(f, outcome)


def reference(requests: int, rate: float, failure_rate: float) -> Plan:
    """The model of reference.c and in_simpy.py."""
    breaker = BreakerConfig(
        "breaker", consecutive=0, failure_share=0.5, window_calls=100, min_calls=100, recovery_time=5 * S, probes=5,
        success_threshold=5,
    )  # fmt: skip
    return Plan(
        "reference",
        ServiceConfig(latency=Latency("exponential", 100.0 * MS), workers=10, failure_rate=failure_rate),
        OperationConfig(),
        TrafficConfig(phases=(Phase(0, rate, rate),), requests=requests),
        ClientConfig(),
        (),
        (
            breaker,
            RetryConfig("retry", attempts=3, delay=100 * MS, backoff="exponential", jitter="full"),
            TimeoutConfig("timeout", after=S),
        ),
    )


def scaled(plan: Plan, case: str, number: int) -> Plan:
    """The plan with that many of something, and the same load."""
    if case == "instances":
        return replace(plan, client=replace(plan.client, instances=number))
    if case == "replicas":
        # as many workers as before where that divides, one each otherwise
        return replace(plan, service=replace(plan.service, replicas=number, workers=max(1, 10 // number)))
    more = [
        TimeoutConfig("t1", after=30 * S), BreakerConfig("b1", consecutive=1000), FallbackConfig("f1"),
        TimeoutConfig("t2", after=40 * S), BreakerConfig("b2", consecutive=1000),
    ]  # fmt: skip
    return replace(plan, stack=tuple([*more, *plan.stack][-number:]))


def statistics(document: dict) -> dict[str, float]:
    """What all variants of the model are compared by."""
    outcomes = document["requests"]["by_outcome"]
    known = {name: outcomes[name] for name in ("success", "error", "timeout", "breaker_open")}
    known["attempts"] = document["attempts"]["total"]
    known["openings"] = sum(breaker["opened"] for breaker in document["breakers"])
    return known | {name: document["latency"][name] for name in ("mean", "p50", "p99")}


def record(plan: Plan, seed: int) -> dict:
    """As `resim run --save` does it."""
    from resilience_sim.measure.run_fold import RunFold
    from resilience_sim.recording.layout import RecordingMeta
    from resilience_sim.recording.writer import RecordingWriter

    simulation = Simulation(plan, seed)
    figures = RunFold(plan, simulation.components)
    simulation.attach(figures)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.resim")
        writer = RecordingWriter(path, RecordingMeta(seed=seed, scenario_text=""), simulation.components)
        simulation.attach(writer.encoder)
        drain(simulation, lambda _: writer.breathe() or True)
        writer.close(True, simulation.digest(), simulation.now)
    return figures.result(seed, simulation.digest(), simulation.now).document


def in_short_runs(case: str, plan: Plan, seed: int) -> dict:
    """As many requests in runs of 20,000: one batch with all figures, or one metric each."""
    from resilience_sim.runs.batch import run_many

    wanted = plan.traffic.requests or 0
    short = replace(plan, traffic=replace(plan.traffic, requests=min(SHORT, wanted)))
    seeds = range(seed, seed + max(1, wanted // SHORT))
    if case == "short":
        run_many({"": short}, seeds, 1)
    else:
        for each in seeds:
            simulate(short, each, metrics=[case], digest=False)
    return {}


def once(case: str, plan: Plan, seed: int) -> dict:
    """One run, or a batch of short ones."""
    if case in ("short", "availability", "p99"):
        return in_short_runs(case, plan, seed)
    if case == "digest":
        drain(Simulation(plan, seed))
        return {}
    if case == "recorded":
        return record(plan, seed)
    return simulate(plan, seed).document


def on_cores(plan: Plan, number: int) -> dict:
    """Many seeds by one process and by two."""
    from resilience_sim.runs.batch import run_many

    took = []
    run_many({"reference": replace(plan, traffic=replace(plan.traffic, requests=200))}, range(4), 2)  # imports
    for workers in (1, 2):
        begin = time.perf_counter()
        run_many({"reference": plan}, range(number), workers)
        took.append(time.perf_counter() - begin)
    return {"cpu": took[0], "wall": took[1], "peak": 0.0, "core": describe(), "statistics": {}}


def recording_ratio(plan: Plan, turns: int) -> dict:
    """Recording against not recording by the clock on the wall, for the disk counts; in turns, the median."""
    took, ratios = [], []
    for _ in range(turns):
        begin = time.perf_counter()
        simulate(plan, 1)
        between = time.perf_counter()
        record(plan, 1)
        took.append(between - begin)
        ratios.append((time.perf_counter() - between) / (between - begin))
    return {"wall": median(took), "ratio": median(ratios), "core": describe()}


def main() -> None:
    case, requests, seed, rate, failure_rate, *number = sys.argv[1:]
    plan = reference(int(requests), float(rate), float(failure_rate))
    if case == "seeds":
        print(json.dumps(on_cores(plan, int(number[0]))))
        return
    if number:
        plan = scaled(plan, case, int(number[0]))
    elif case == "plugin":
        sys.path.insert(0, str(Path(__file__).parent))
        plan = with_policies(plan, ["in_resim:Counting"])
    if case == "recording":
        recording_ratio(replace(plan, traffic=replace(plan.traffic, requests=200)), 1)  # imports and first touches
        print(json.dumps(recording_ratio(plan, int(number[0]))))
        return
    once(case, replace(plan, traffic=replace(plan.traffic, requests=200)), 1)  # imports and first touches
    begin, wall = time.process_time(), time.perf_counter()
    document = once(case, plan, int(seed))
    spent, waited = time.process_time() - begin, time.perf_counter() - wall
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    known = statistics(document) if document else {}
    print(json.dumps({"cpu": spent, "wall": waited, "peak": peak, "core": describe(), "statistics": known}))


if __name__ == "__main__":
    main()
