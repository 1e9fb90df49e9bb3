"""Service, operation, client and shapes of latency: from the models to the world's settings.

Owns what their defaults mean in numbers. Refuses faults, traffic and policies (their own files).
"""

from __future__ import annotations

import math

from resilience_sim.kernel import events
from resilience_sim.scenario import codes
from resilience_sim.scenario.check import Findings
from resilience_sim.scenario.datafiles import DataFiles
from resilience_sim.scenario.models_base import LatencyModel
from resilience_sim.scenario.models_service import OperationModel, ServiceModel
from resilience_sim.scenario.models_traffic import ClientModel
from resilience_sim.scenario.tree import Loc
from resilience_sim.scenario.units import UnitError
from resilience_sim.world.config import ClientConfig, Latency, OperationConfig, ServiceConfig

Z99 = 2.3263478740408408  # the normal deviate that 99 % lie below

FAILURES: dict[str, int] = {
    "error": events.ERROR,
    "unavailable": events.UNAVAILABLE,
    "rate_limited": events.RATE_LIMITED,
    "lost_response": events.LOST,
}


def latency(model: LatencyModel, loc: Loc, findings: Findings, files: DataFiles) -> Latency:
    """A distribution as the core draws from it."""
    if model.scalar is not None:
        return Latency("constant", float(model.scalar))
    if model.exponential is not None:
        return Latency("exponential", float(model.exponential))
    if model.uniform is not None:
        return Latency("uniform", float(model.uniform[0]), float(model.uniform[1]))
    if model.p50 is not None and model.p99 is not None:
        middle = math.log(model.p50)
        return Latency("lognormal", middle, (math.log(model.p99) - middle) / Z99)
    if model.gamma is not None:
        spread = model.gamma.cv * model.gamma.cv
        if not 1e-12 <= spread <= 1e12:
            findings.error(
                (*loc, "gamma", "cv"), codes.RANGE, "this deviation cannot be simulated", "0.1 to 10 is usual"
            )
            return Latency()
        return Latency("gamma", 1.0 / spread, model.gamma.mean * spread)
    if model.pareto is not None:
        return Latency("pareto", float(model.pareto.min), model.pareto.alpha)
    if model.empirical is not None:
        try:
            return Latency("empirical", values=files.durations(model.empirical))
        except UnitError as error:
            findings.error((*loc, "empirical"), error.code, str(error), error.help)
    return Latency()


def service(model: ServiceModel | None, findings: Findings, files: DataFiles) -> ServiceConfig:
    """Service B."""
    model = model or ServiceModel()
    ttl = 0 if model.deduplicate.scalar is not None else model.deduplicate.ttl
    return ServiceConfig(
        latency=latency(model.latency, ("service", "latency"), findings, files),
        network=latency(model.network, ("service", "network"), findings, files),
        workers=model.workers,
        queue=model.queue,
        discipline=model.discipline,
        failure_rate=model.failure_rate,
        failure=FAILURES[model.failure],
        per_concurrent=model.slowdown.per_concurrent if model.slowdown else 0,
        replicas=model.replicas,
        balancer=model.balancer,
        deduplicate=model.deduplicate.scalar is not False,
        dedup_ttl=ttl,
    )


def operation(model: OperationModel | None) -> OperationConfig:
    """What a request does to B."""
    model = model or OperationModel()
    return OperationConfig(model.method, model.idempotency_key, model.amount)


def client(model: ClientModel | None) -> ClientConfig:
    """Service A."""
    model = model or ClientModel()
    return ClientConfig(
        instances=model.instances,
        spread=model.spread,
        threads=model.threads,
        backlog=model.backlog,
        on_exhaustion=model.on_exhaustion,
        restart_after=model.restart_after,
    )
