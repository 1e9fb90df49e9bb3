"""The user's code against the stack that describes it: the same outcome of every request, at the same instant.

Waits are without jitter here: code draws from the module ``random``, a stack from luck of its own.
"""

from __future__ import annotations

import random

import pytest
from lab_of_clients import run

FAULTS = ("refuse", "hang", "reset", "error")
RETRY = "{retry: {attempts: 3, delay: 1s}}, {timeout: {after: 1s}}"
EXPONENTIAL = "{retry: {attempts: 4, delay: 200ms, backoff: exponential, max_delay: 1s}}, {timeout: {after: 1s}}"
# pybreaker holds its lock during the call: whoever else has the breaker waits, which the stack has to say.
GUARDED = (
    "{retry: {attempts: 3, delay: 500ms}}, {bulkhead: {max_concurrent: 1, queue: 1000}}, "
    "{circuit_breaker: {like: pybreaker, fail_max: 3, reset_timeout: 2s, throw_new_error_on_trip: false}}, "
    "{timeout: {after: 1s}}"
)
PAIRS = {
    "shop_sync:three_times": RETRY,
    "shop_sync:exponential": EXPONENTIAL,
    "shop_sync:guarded": GUARDED,
    "shop_sync:by_httpx": RETRY,
    "shop_sync:once": "{timeout: {after: 1s}}",
    "shop_async:by_httpx": RETRY,
    "shop_async:by_aiohttp": RETRY,
}


def scenario(dice: random.Random, requests: int = 20) -> str:
    """Some service in some trouble."""
    latency = dice.choice(["40ms", "{exponential: 80ms}", "{uniform: [20ms, 300ms]}", "{p50: 60ms, p99: 1500ms}"])
    service = f"latency: {latency}, failure_rate: {dice.choice([0, 5, 30, 60])}%"
    if dice.random() < 0.7:
        service += f", workers: {dice.randint(1, 6)}"
        if dice.random() < 0.5:
            service += f", queue: {dice.randint(0, 5)}"
    if dice.random() < 0.3:
        service += f", failure: {dice.choice(['unavailable', 'error', 'lost_response'])}"
    if dice.random() < 0.3:
        service += f", replicas: {dice.randint(2, 3)}"
    faults, at = [], 0
    for i in range(dice.randint(0, 2)):
        at += dice.randint(100, 900)
        length = dice.randint(100, 1200)
        how = dice.choice(FAULTS)
        share = f", share: {dice.choice([30, 70])}%" if dice.random() < 0.4 else ""
        faults.append(f"{{outage: {{how: {how}, at: {at}ms, for: {length}ms, id: f{i}{share}}}}}")
        at += length
    traffic = f"rate: {dice.randint(5, 40)}/s, requests: {requests}"
    return f"service: {{{service}}}\ntraffic: {{{traffic}}}\nfaults: [{', '.join(faults)}]\n"


def differences(target: str, stack: str, world: str, seed: int):
    """Requests that came to something else by the code than by the stack."""
    _, code = run(world, target, seed)
    _, model = run(f"{world}stack: [{stack}]\n", None, seed)
    assert model.outcomes or model.attempts
    return [
        (rid, code.outcomes.get(rid), code.attempts.get(rid), model.outcomes.get(rid), model.attempts.get(rid))
        for rid in sorted({*model.outcomes, *model.attempts, *code.outcomes, *code.attempts})
        if (code.outcomes.get(rid), code.attempts.get(rid)) != (model.outcomes.get(rid), model.attempts.get(rid))
    ]


@pytest.mark.parametrize("target", PAIRS)
def test_code_does_what_the_stack_that_describes_it_does(target):
    dice = random.Random(f"agree {target}")
    for _ in range(2):
        world, seed = scenario(dice), dice.randint(1, 1000)
        assert differences(target, PAIRS[target], world, seed) == [], (world, seed)
