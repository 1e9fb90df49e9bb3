"""One small stormy run that everything here records: outage, retries, breaker, timeouts, queue, wire, duplicates."""

from __future__ import annotations

from resilience_sim.kernel.events import Event
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

SECOND = 1_000_000_000
MS = 1_000_000


def make_plan(requests: int = 400) -> Plan:
    """About 9 events a request."""
    return Plan(
        name="lab",
        service=ServiceConfig(
            latency=Latency("exponential", 100 * MS),
            network=Latency("constant", 2 * MS),
            workers=8,
            failure_rate=0.1,
            failure=17,
            replicas=2,
        ),
        operation=OperationConfig(method="POST"),
        traffic=TrafficConfig(phases=(Phase(0, 80.0, 80.0),), requests=requests, deadline=800 * MS),
        client=ClientConfig(instances=2, threads=30, backlog=5),
        faults=(FaultConfig("outage", "main", 1 * SECOND, 1 * SECOND, how="hang", share=0.7),),
        stack=(
            RetryConfig("retry", attempts=3, delay=50 * MS, jitter="full"),
            BreakerConfig("breaker", consecutive=4, recovery_time=SECOND // 2),
            TimeoutConfig("timeout", after=300 * MS),
        ),
    )


def make_scenario(plan: Plan) -> Scenario:
    """As if loaded."""
    return Scenario(
        plan, "resim: 1\nname: lab # ünïcode\n", "lab.yaml", "00000000deadbeef", files=(("a.csv", "1\n2\n"),)
    )


class Tape(Fold):
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self.events.append((t, kind, source, rid, a, b))


def tape_of(plan: Plan, seed: int = 1) -> tuple[list[Event], Simulation]:
    """All events of a run, and the run when it is over."""
    simulation = Simulation(plan, seed)
    tape = Tape()
    simulation.attach(tape)
    simulation.run()
    return tape.events, simulation
