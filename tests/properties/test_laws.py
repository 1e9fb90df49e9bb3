"""What holds in every run, over random plans. The laws of single events are in audit.py."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from audit import Audit
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from lab import Story, b, bulkhead, every, fallback, hedge, limiter, outage, plan, retry, run, throttle, timeout
from lab import breaker as circuit_breaker
from patience import PATIENCE

from resilience_sim.kernel import events as ev
from resilience_sim.policies.bulkhead import Bulkhead
from resilience_sim.policies.circuit_breaker import CircuitBreaker
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.policies.rate_limiter import RateLimiter
from resilience_sim.policies.stack import Stack
from resilience_sim.recording.possible import possible
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.latency import Latency
from resilience_sim.world import client

from .plans import POLICIES, SEEDS, plans

HERE = Path(__file__).parent


def digest(the_plan, seed) -> str:
    """Of a whole run."""
    simulation = Simulation(the_plan, seed)
    simulation.run()
    return simulation.digest()


MATTERS = {
    "a crash": lambda s: s.of("crash") and s.of("restart"),
    "a late result": lambda s: s.of("late_result"),
    "a duplicate": lambda s: any(what == "duplicate" for _, what in s.effects),
    "a closed breaker again": lambda s: any(state == "CLOSED" for _, state in s.breaker),
    "a won hedge": lambda s: s.of("hedge_won"),
    "a denied retry": lambda s: s.of("retry_denied"),
    "work that left the queue": lambda s: s.of("left_queue"),
    "a lost replica": lambda s: any(e[5] == ev.REPLICA_LOST for e in s.of("left_queue")),
}  # fmt: skip
reached: set[str] = set()  # by the stories of this file so far


def reach(story: Story) -> None:
    reached.update(name for name, happens in MATTERS.items() if name not in reached and happens(story))


@given(plans(), SEEDS)
@settings(max_examples=300)
def test_every_run_keeps_the_laws(the_plan, seed):
    """One outcome per request, one result per attempt, counts within limits, breakers by their table, a clock that
    never goes back, a ledger that balances: audited event by event. And the figures agree with the events."""
    story = run(the_plan, seed)
    reach(story)
    document = story.document
    requests = document["requests"]
    assert requests["total"] == len(story.of("arrive"))
    assert sum(requests["by_outcome"].values()) == requests["total"]
    assert requests["by_outcome"]["unanswered"] == requests["total"] - len(story.of("done"))
    parts = ("succeeded", "late", "fallback", "failed")
    assert sum(requests[part] for part in parts) == requests["total"]
    attempts = document["attempts"]
    assert attempts["total"] == len(story.of("sent")) == sum(attempts["by_outcome"].values())
    assert attempts["by_outcome"]["unanswered"] == len(story.of("sent")) - len(story.of("result"))
    kinds = Counter(what for _, what in story.effects)
    effects = document["effects"]
    assert effects["applied"] == kinds["applied"] + kinds["duplicate"]
    assert (effects["duplicates"], effects["deduplicated"]) == (kinds["duplicate"], kinds["deduplicated"])
    assert effects["applied"] - effects["duplicates"] == len({e[3] for e in story.of("effect")})
    assert 0 <= effects["orphans"] <= effects["applied"]
    if story.events:  # what reading a recording of it demands
        assert possible(tuple(zip(*story.events, strict=True)))


@given(plans(), SEEDS)
@settings(max_examples=100)
def test_an_unanswered_request_has_a_reason(the_plan, seed):
    """Without an outage that hangs, lost answers or workers gone, every request gets an outcome."""
    calm = replace(
        the_plan,
        faults=tuple(f for f in the_plan.faults if f.how != "hang" and f.outcome != ev.LOST),
        service=replace(the_plan.service, failure=ev.ERROR),
    )
    assert "unanswered" not in run(calm, seed).outcomes


def inner_counts(layers: list[PolicyLayer]) -> None:
    """What layers count inside is neither negative nor above the limit."""
    for layer in layers:
        levels = layer.gauges(layer.sim.now)
        if isinstance(layer, Bulkhead):
            assert 0 <= levels["inside"] <= levels["places"]
            assert 0 <= levels["waiting"] <= levels["queue"]
        elif isinstance(layer, CircuitBreaker):
            assert 0 <= levels["probing"] <= levels["probes"]
        elif isinstance(layer, RateLimiter):
            assert levels["waiting"] >= 0


@pytest.mark.white_box
@given(plans(), SEEDS)
@settings(max_examples=100)
def test_layers_never_count_below_nothing_or_above_their_limit(the_plan, seed):
    """Places of bulkheads, probes of breakers, callers waiting for permits: looked at after every step."""
    layers: list[PolicyLayer] = []

    class Known(Stack):
        def __init__(self, *args) -> None:
            super().__init__(*args)
            layers.extend(self.layers)

    with patch.object(client, "Stack", Known):
        simulation = Simulation(the_plan, seed)
        for _ in range(400):
            if not simulation.run(budget=1):
                break
            inner_counts(layers)
    assert len(layers) >= len(the_plan.stack)


@given(plans(), SEEDS, st.data())
@settings(max_examples=80)
def test_the_same_plan_and_seed_give_the_same_digest_in_any_slices(the_plan, seed, data):
    """Run at once, again, and stepped by random times and budgets; a copy that was pickled, too."""
    whole = digest(the_plan, seed)
    assert digest(pickle.loads(pickle.dumps(the_plan)), seed) == whole
    sliced = Simulation(the_plan, seed)
    going, until = True, 0
    while going:
        if data.draw(st.booleans()):
            until += data.draw(st.integers(1, 10**9))
            going = sliced.run(until=until)
        else:
            going = sliced.run(budget=data.draw(st.integers(1, 200)))
        if sliced.event_count > 400:
            going = sliced.run()
    assert sliced.digest() == whole


def collected_plans(count: int) -> list[bytes]:
    """Some plans of the strategy, always the same ones."""
    found: list[bytes] = []

    @given(plans())
    @settings(max_examples=count, database=None)
    def collect(the_plan):
        found.append(pickle.dumps(the_plan))

    collect()
    return found


def test_another_process_with_other_hashes_gives_the_same_digests(tmp_path):
    """Under PYTHONHASHSEED 0, 1 and 4711: nothing depends on the order of a set or the address of an object."""
    saved = collected_plans(25)
    (tmp_path / "plans").write_bytes(pickle.dumps(saved))
    code = (
        "import json, pickle, sys\n"
        "from resilience_sim.runs.simulation import Simulation\n"
        "found = []\n"
        "for one in pickle.load(open(sys.argv[1], 'rb')):\n"
        "    simulation = Simulation(pickle.loads(one), 5)\n"
        "    simulation.run()\n"
        "    found.append(simulation.digest())\n"
        "print(json.dumps(found))\n"
    )
    here = [digest(pickle.loads(one), 5) for one in saved]
    for hash_seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(HERE.parent.parent)}
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "plans")], env=environment, capture_output=True, check=True,
            timeout=PATIENCE,
        )  # fmt: skip
        assert json.loads(done.stdout) == here
    assert len(set(here)) > 10


@given(plans(), SEEDS, st.lists(POLICIES, max_size=3))
@settings(max_examples=80)
def test_variants_share_their_luck(the_plan, seed, stack):
    """Another stack: the same requests arrive at the same instants (open loops), and their first attempts take the
    same service time wherever nothing but luck decides it."""
    from lab import named

    bare = replace(
        the_plan, faults=(), client=replace(the_plan.client, on_exhaustion="reject"),
        service=replace(the_plan.service, per_concurrent=0),
    )  # fmt: skip
    ours = run(bare, seed)
    theirs = run(replace(bare, stack=named(stack)), seed)
    if bare.traffic.loop != "closed":
        assert ours.times("arrive") == theirs.times("arrive")

    def first_times(story: Story) -> dict[int, int]:
        return {e[3]: e[5] for e in story.of("end") if e[4] >> 16 == 1 and e[4] & 0xFF != ev.CANCELLED}

    mine, yours = first_times(ours), first_times(theirs)
    assert all(mine[rid] == yours[rid] for rid in mine.keys() & yours.keys())


@given(plans(), SEEDS)
@settings(max_examples=40)
def test_folds_do_not_change_a_run(the_plan, seed):
    """Watched or not: the same digest."""
    simulation = Simulation(the_plan, seed)
    simulation.attach(Audit(the_plan, simulation.components))
    simulation.run()
    assert simulation.digest() == digest(the_plan, seed)


def garbage(requests: int, the_plan) -> int:
    """Objects that only the collector could free after a run of so many requests."""
    sized = replace(the_plan, traffic=replace(the_plan.traffic, requests=requests))
    simulation = Simulation(sized, 1)
    gc.collect()
    gc.freeze()  # what other tests have left need not be walked through, then or ever: conftest.py does the same
    gc.disable()
    try:
        simulation.run()
        return gc.collect()
    finally:
        gc.enable()


def test_no_reference_cycle_outlives_a_call():
    """Every policy at once, failures, timeouts, hedges, crashes: what is left for the collector does not grow."""
    service = b(Latency("exponential", 5e7), network=Latency("exponential", 5e6), workers=3, failure_rate=0.3)
    whole = [
        fallback(), limiter(100.0, burst=50, max_wait="50ms"), throttle(), bulkhead(20, 20),
        circuit_breaker(failure_share=0.9, window_calls=20, recovery_time="100ms"), retry(3, "10ms", jitter="full"),
        hedge("40ms"), timeout("100ms"),
    ]  # fmt: skip
    for stack in (whole, [hedge("40ms", cancels_loser=False), timeout("100ms")], [timeout("30ms", cancels_work=True)]):
        the_plan = plan(service, every("20ms", 1), stack, faults=[outage("refuse", "1s", "1s", share=0.5)])
        assert garbage(600, the_plan) <= garbage(100, the_plan) + 20


def test_the_strategy_reaches_what_matters():
    """Random plans do meet crashes, late results, duplicates, dropped and lost work, or the laws would prove little."""

    class Enough(Exception):
        """Ends the search."""

    def look(the_plan):
        reach(run(the_plan, 3))
        if reached == MATTERS.keys():
            raise Enough

    usual = settings(max_examples=200, database=None, derandomize=False, phases=[Phase.generate])
    with contextlib.suppress(Enough):
        for beginning in range(12):  # one that runs on and on stays near what it has found
            seed(beginning)(usual(given(plans())(look)))()
    assert sorted(MATTERS.keys() - reached) == []
