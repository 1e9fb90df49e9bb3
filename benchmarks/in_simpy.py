"""The reference model as somebody at home in SimPy writes it: a process per call, resources, conditions.

    python benchmarks/in_simpy.py REQUESTS SEED RATE FAIL LUCK

Times are integer nanoseconds, which SimPy takes as they come. LUCK ``keyed`` draws what resim draws, to compare results
number by number; ``random`` draws from random.Random, which is how it would be done, and is what is timed.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter, deque
from math import ceil, log

import simpy

MS = 1_000_000
S = 1000 * MS
ATTEMPTS = 3


class KeyedLuck:
    """The same numbers as in resim."""

    def __init__(self, seed: int) -> None:
        from resilience_sim.kernel.rng import ARRIVAL, FAILURE, JITTER, SERVICE, KeyedRng

        unit = KeyedRng(seed).uniform
        self.gap = lambda rid: -log(1.0 - unit(ARRIVAL, rid, 0))
        self.work = lambda rid, attempt: -log(1.0 - unit(SERVICE, rid, attempt))
        self.fails = lambda rid, attempt: unit(FAILURE, rid, attempt)
        self.jitter = lambda rid, attempt: unit(JITTER, rid, attempt << 16 | attempt)


class RandomLuck:
    """What one would take."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.gap = lambda rid: rng.expovariate(1.0)
        self.work = lambda rid, attempt: rng.expovariate(1.0)
        self.fails = lambda rid, attempt: rng.random()
        self.jitter = lambda rid, attempt: rng.random()


class Breaker:
    """Half of the last 100 calls; 5 s open; 5 probes."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.openings = 0
        self.generation = 0
        self.become("closed")

    def become(self, state: str) -> None:
        self.state = state
        self.generation += 1
        self.results: deque[bool] = deque(maxlen=100)
        self.probing = 0
        if state == "open":
            self.since = self.env.now
            self.openings += 1

    def admits(self) -> bool:
        if self.state == "closed":
            return True
        if self.state == "open":
            if self.env.now - self.since <= 5 * S:
                return False
            self.become("half-open")
        if self.probing == 5:
            return False
        self.probing += 1
        return True

    def learn(self, failed: bool) -> None:
        self.results.append(failed)
        if self.state == "half-open":
            self.probing -= 1
            if failed:
                self.become("open")
            elif len(self.results) == 5:
                self.become("closed")
        elif len(self.results) == 100 and sum(self.results) >= 50:
            self.become("open")


class Model:
    """Service, client and what is to be known about them."""

    def __init__(self, requests: int, rate: float, failure_rate: float, luck) -> None:
        self.env = simpy.Environment()
        self.workers = simpy.Resource(self.env, capacity=10)
        self.breaker = Breaker(self.env)
        self.requests, self.rate, self.failure_rate, self.luck = requests, rate, failure_rate, luck
        self.outcomes: Counter[str] = Counter()
        self.attempts = 0
        self.latencies: list[int] = []
        self.done = self.env.event()

    def serve(self, rid: int, attempt: int):
        duration = int(0.5 + self.luck.work(rid, attempt) * 100 * MS)
        fails = self.luck.fails(rid, attempt) < self.failure_rate
        with self.workers.request() as worker:
            yield worker
            yield self.env.timeout(duration)
        return "error" if fails else "success"

    def attempt(self, rid: int, number: int):
        self.attempts += 1
        answer = self.env.process(self.serve(rid, number))
        yield answer | self.env.timeout(S)
        return answer.value if answer.triggered else "timeout"

    def retried(self, rid: int):
        for number in range(1, ATTEMPTS + 1):
            outcome = yield from self.attempt(rid, number)
            if outcome == "success" or number == ATTEMPTS:
                return outcome
            yield self.env.timeout(int(100 * MS * 2 ** (number - 1) * self.luck.jitter(rid, number) + 0.5))

    def call(self, rid: int):
        begin = self.env.now
        if self.breaker.admits():
            generation = self.breaker.generation
            outcome = yield from self.retried(rid)
            if generation == self.breaker.generation:
                self.breaker.learn(outcome != "success")
        else:
            outcome = "breaker_open"
        self.outcomes[outcome] += 1
        self.latencies.append(self.env.now - begin)
        if len(self.latencies) == self.requests:
            self.done.succeed()

    def traffic(self):
        area = 0.0
        for rid in range(self.requests):
            area += self.luck.gap(rid)
            yield self.env.timeout(int(area / (self.rate * 1e-9) + 0.5) - self.env.now)
            self.env.process(self.call(rid))

    def run(self) -> dict[str, float]:
        self.env.process(self.traffic())
        self.env.run(self.done)
        ordered = sorted(self.latencies)
        known = {name: self.outcomes[name] for name in ("success", "error", "timeout", "breaker_open")}
        known.update(attempts=self.attempts, openings=self.breaker.openings, mean=sum(ordered) / len(ordered) / 1e9)
        for percent in (50, 99):
            known[f"p{percent}"] = ordered[ceil(percent * len(ordered) / 100 - 1e-9) - 1] / 1e9
        return known


def main() -> None:
    requests, seed, rate, failure_rate, luck = sys.argv[1:]
    make = KeyedLuck if luck == "keyed" else RandomLuck
    model = Model(int(requests), float(rate), float(failure_rate), make(int(seed)))
    begin = time.process_time()
    statistics = model.run()
    spent = time.process_time() - begin
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"cpu": spent, "peak": peak, "statistics": statistics}))


if __name__ == "__main__":
    main()
