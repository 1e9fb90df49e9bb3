"""The chain of three services as somebody at home in SimPy writes it: a process per attempt, resources, conditions.

    python benchmarks/services_simpy.py REQUESTS SEED LUCK

LUCK ``keyed`` draws what resim draws, to compare results number by number (with ``RESIM_PURE=1``); ``random`` draws
from random.Random, which is how it would be done, and is what is timed. Times are integer nanoseconds.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from math import ceil, log

import simpy
from in_simpy import MS, Breaker

ATTEMPTS, RATE, FAIL = 3, 200, 0.05
TIERS = (("shop", 2, 16), ("stock", 5, 16), ("db", 20, 12))
TIMEOUTS = (1200, 900, 600)  # of the link to each


class KeyedLuck:
    """The same numbers as in resim: a call's luck is made of that of the attempt that makes it and of its link."""

    def __init__(self, seed: int) -> None:
        from resilience_sim.kernel.compiled import M64
        from resilience_sim.kernel.rng import ARRIVAL, FAILURE, JITTER, SERVICE, KeyedRng, purpose_of
        from resilience_sim.kernel.sink import K0, K1, K2, mix64

        unit = KeyedRng(seed).uniform
        positive = (1 << 61) - 1
        links = [0, *((purpose_of(link) & positive) + K2 for link in ("shop>stock", "stock>db"))]
        self.gap = lambda rid: -log(1.0 - unit(ARRIVAL, rid, 0))
        self.of_call = lambda luck, attempt, tier: mix64((luck * K0 + attempt * K1 + links[tier]) & M64) & positive
        self.work = lambda luck, attempt: -log(1.0 - unit(SERVICE, luck, attempt))
        self.fails = lambda luck, attempt: unit(FAILURE, luck, attempt)
        self.jitter = lambda luck, attempt: unit(JITTER, luck, attempt << 16 | attempt)


class RandomLuck:
    """What one would take."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.gap = lambda rid: rng.expovariate(1.0)
        self.of_call = lambda luck, attempt, tier: 0
        self.work = lambda luck, attempt: rng.expovariate(1.0)
        self.fails = lambda luck, attempt: rng.random()
        self.jitter = lambda luck, attempt: rng.random()


class Service:
    """Workers, and the policies of the link by which it is called."""

    def __init__(self, env: simpy.Environment, tier: int, luck, below: Service | None) -> None:
        _, own, workers = TIERS[tier]
        self.env, self.tier, self.luck, self.below = env, tier, luck, below
        self.mean, self.after = own * MS, TIMEOUTS[tier] * MS
        self.workers = simpy.Resource(env, capacity=workers)
        self.breaker = Breaker(env)
        self.attempts = 0

    def serve(self, luck: int, attempt: int):
        with self.workers.request() as worker:
            yield worker
            yield self.env.timeout(int(0.5 + self.luck.work(luck, attempt) * self.mean))
            if self.below is None:
                return "error" if self.luck.fails(luck, attempt) < FAIL else "success"
            outcome = yield from self.below.call(self.luck.of_call(luck, attempt, self.tier + 1))
            return "success" if outcome == "success" else "error"

    def attempt(self, luck: int, number: int):
        self.attempts += 1
        answer = self.env.process(self.serve(luck, number))
        yield answer | self.env.timeout(self.after)
        return answer.value if answer.triggered else "timeout"

    def retried(self, luck: int):
        for number in range(1, ATTEMPTS + 1):
            outcome = yield from self.attempt(luck, number)
            if outcome == "success" or number == ATTEMPTS:
                return outcome
            yield self.env.timeout(int(20 * MS * 2 ** (number - 1) * self.luck.jitter(luck, number) + 0.5))

    def call(self, luck: int):
        if not self.breaker.admits():
            return "breaker_open"
        generation = self.breaker.generation
        outcome = yield from self.retried(luck)
        if generation == self.breaker.generation:
            self.breaker.learn(outcome != "success")
        return outcome


class Model:
    """The chain, its users, and what is to be known about them."""

    def __init__(self, requests: int, luck) -> None:
        self.env = simpy.Environment()
        self.requests, self.luck = requests, luck
        below = None
        self.services = []
        for tier in reversed(range(len(TIERS))):
            below = Service(self.env, tier, luck, below)
            self.services.insert(0, below)
        self.outcomes: Counter[str] = Counter()
        self.latencies: list[int] = []
        self.done = self.env.event()

    def user(self, rid: int):
        begin = self.env.now
        self.outcomes[(yield from self.services[0].call(rid))] += 1
        self.latencies.append(self.env.now - begin)
        if len(self.latencies) == self.requests:
            self.done.succeed()

    def traffic(self):
        area = 0.0
        for rid in range(self.requests):
            area += self.luck.gap(rid)
            yield self.env.timeout(int(area / (RATE * 1e-9) + 0.5) - self.env.now)
            self.env.process(self.user(rid))

    def run(self) -> dict[str, float]:
        self.env.process(self.traffic())
        self.env.run(self.done)
        ordered = sorted(self.latencies)
        known = {name: self.outcomes[name] for name in ("success", "error", "timeout", "breaker_open")}
        for (name, *_), service in zip(TIERS, self.services, strict=True):
            known[f"attempts at {name}"] = service.attempts
        known["mean"] = sum(ordered) / len(ordered) / 1e9
        for percent in (50, 99):
            known[f"p{percent}"] = ordered[ceil(percent * len(ordered) / 100 - 1e-9) - 1] / 1e9
        return known


def main() -> None:
    requests, seed, luck = sys.argv[1:]
    model = Model(int(requests), (KeyedLuck if luck == "keyed" else RandomLuck)(int(seed)))
    begin = time.process_time()
    statistics = model.run()
    spent = time.process_time() - begin
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    hops = sum(service.attempts for service in model.services)
    print(json.dumps({"cpu": spent, "peak": peak, "hops": hops, "statistics": statistics}))


if __name__ == "__main__":
    main()
