"""Figures of real simulations: everything is conserved, scopes are a partition, sizes stay small."""

from __future__ import annotations

import pickle
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resilience_sim.kernel.events import ERROR, LOST
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.runs.simulate import drain, simulate
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Expectation, Plan, Scope
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

from .tape import MS, S, plan

SUMS = ("succeeded", "late", "failed", "denied_by_budget", "rejected", "duplicates", "orphans", "crashes")


@st.composite
def plans(draw) -> Plan:
    fault = FaultConfig(
        draw(st.sampled_from(("outage", "latency", "brownout", "crash_replica", "spike"))),
        "main",
        draw(st.integers(0, 12)) * S,
        draw(st.integers(1, 8)) * S,
        how=draw(st.sampled_from(("refuse", "hang", "error", "reset"))),
        add=500 * MS,
        slower=4.0,
        factor=3.0,
    )
    stack = [
        BreakerConfig("circuit_breaker", consecutive=draw(st.integers(2, 6)), recovery_time=S),
        RetryConfig("retry", attempts=draw(st.integers(1, 4)), delay=draw(st.integers(0, 300)) * MS),
        TimeoutConfig("timeout", after=draw(st.integers(50, 800)) * MS, cancels_work=draw(st.booleans())),
        HedgeConfig("hedge", delay=100 * MS, cancels_loser=draw(st.booleans())),
        BulkheadConfig("bulkhead", max_concurrent=3, queue=draw(st.integers(0, 3))),
        FallbackConfig("fallback"),
    ]
    layers = draw(st.permutations(stack))[: draw(st.integers(0, 4))]
    scopes = [Scope("before", "main"), Scope("during", "main"), Scope("after", "main"), Scope()]
    return plan(
        service=ServiceConfig(
            latency=Latency("exponential", 100 * MS),
            workers=draw(st.integers(1, 4)),
            queue=draw(st.sampled_from((-1, 0, 5))),
            failure_rate=draw(st.sampled_from((0.0, 0.3))),
            failure=draw(st.sampled_from((ERROR, LOST))),
            discipline=draw(st.sampled_from(("fifo", "lifo", "drop_abandoned"))),
            replicas=draw(st.integers(1, 2)),
        ),
        operation=OperationConfig(draw(st.sampled_from(("GET", "POST", "PUT"))), amount=25.0),
        traffic=TrafficConfig(phases=(Phase(20 * S, 10, 10),), deadline=draw(st.sampled_from((0, 200 * MS)))),
        client=ClientConfig(
            instances=draw(st.integers(1, 2)),
            threads=draw(st.sampled_from((0, 5))),
            backlog=draw(st.sampled_from((0, 3))),
            on_exhaustion=draw(st.sampled_from(("reject", "crash"))),
            restart_after=2 * S,
        ),
        faults=(fault,),
        stack=tuple(layers),
        expect=tuple(Expectation("", "availability", ">", 0, scope) for scope in scopes),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans(), st.integers(1, 1000))
def test_totals_are_conserved_and_scopes_partition_the_requests(the_plan, seed):
    """Nothing is counted twice or lost, whatever the stack, the fault and the luck."""
    result = simulate(the_plan, seed)
    run = result.document
    requests = run["requests"]
    assert requests["total"] == requests["succeeded"] + requests["late"] + requests["fallback"] + requests["failed"]
    assert requests["total"] == sum(requests["by_outcome"].values())
    assert requests["succeeded_first_try"] <= requests["succeeded"]
    assert run["attempts"]["total"] == sum(run["attempts"]["by_outcome"].values())
    assert run["service"]["attempts_received"] <= run["attempts"]["total"]
    assert 0 <= (run["service"]["utilization"] or 0) <= 1
    assert run["service"]["busy_peak"] <= the_plan.service.workers * the_plan.service.replicas
    assert run["effects"]["duplicates"] <= run["effects"]["applied"]
    assert run["effects"]["amount_applied"] == 25.0 * run["effects"]["applied"]
    for log in run["breakers"]:
        assert log["open_seconds"] <= run["virtual_seconds"]
        states = [(step["from"], step["to"]) for step in log["transitions"]]
        assert all(left[1] == right[0] for left, right in pairwise(states))
    parts = [result.scoped[f"{kind} main"] for kind in ("before", "during", "after")]
    for name in SUMS:
        assert sum(part[name].value or 0 for part in parts) == (result.metrics[name].value or 0), name
    assert max(part["max"].value or 0 for part in parts) == (result.metrics["max"].value or 0)
    assert max(part["threads_peak"].value or 0 for part in parts) == (result.metrics["threads_peak"].value or 0)


@settings(max_examples=10, deadline=None)
@given(plans(), st.integers(1, 1000))
def test_cutting_a_run_into_parts_changes_no_figure(the_plan, seed):
    """With and without scoped expectations the RUN document is the same, series included."""
    simulation = Simulation(the_plan, seed)
    whole = Plan(**{name: getattr(the_plan, name) for name in the_plan.__slots__ if name != "expect"})
    cut, uncut = (RunFold(p, simulation.components, S) for p in (the_plan, whole))
    simulation.attach(cut)
    simulation.attach(uncut)
    drain(simulation)
    ours, theirs = (fold.result(seed, simulation.digest(), simulation.now) for fold in (cut, uncut))
    assert cut._busy == cut._queue == 0  # every beginning has its end
    assert sum(cut._threads) == ours.document["requests"]["by_outcome"]["unanswered"] or the_plan.client.threads
    assert ours.document == theirs.document
    assert ours.metrics == theirs.metrics
    series = ours.document["series"]
    assert sum(series["arrivals"]) == ours.document["requests"]["total"]
    assert sum(series["attempts_at_service"]) == ours.document["service"]["attempts_received"]
    assert sum(series["succeeded"]) == ours.document["requests"]["succeeded"]
    assert max(series["queue"]) == ours.document["service"]["queue_peak"]


def test_a_result_pickles_small():
    """Thousands of them travel between processes."""
    base = plan(traffic=TrafficConfig(phases=(Phase(0, 10, 10),), requests=2000))
    assert len(pickle.dumps(simulate(base, 1))) < 5000
