"""Run in a process of its own, in one form of the core: a served run whose clients are a list of instants."""

from __future__ import annotations

import json

from resilience_sim._build_mode import describe
from resilience_sim.kernel.events import OUTCOME_NAMES
from resilience_sim.scenario.load import load_text
from resilience_sim.serve.world import Served
from resilience_sim.settings.own_code import SERVED, with_own_code

TEXT = """
resim: 1
name: served
service: {latency: {exponential: 40ms}, workers: 2, failure_rate: 30%, deduplicate: true}
operation: {method: POST}
traffic: {rate: 1/s, requests: 1}
faults:
  - outage: {at: 1s, for: 300ms, how: reset}
  - lost_responses: {at: 2s, for: 300ms, how: cut}
  - outage: {at: 3s, for: 300ms, how: hang}
"""
STEP = 20_000_000  # ns


def main() -> None:
    run = Served(with_own_code(load_text(TEXT, "-").plan, SERVED), 1)
    run.begin()
    seen: dict[str, int] = {}

    def answered(attempt, outcome, hint):
        word = run.way_of(attempt) or OUTCOME_NAMES[outcome]
        seen[word] = seen.get(word, 0) + 1

    for number in range(220):
        now = number * STEP
        run.run(now)
        attempt = run.enter(now, "B", f"k{number // 2}", number % 3 > 0, "POST", "/pay", answered)
        if number % 7 == 0 and not attempt.over:
            run.run(now + STEP // 2)
            run.leave(now + STEP // 2, attempt)
    run.end(221 * STEP)
    while run.run():
        pass
    print(json.dumps([describe(), run.digest(), seen]))


if __name__ == "__main__":
    main()
