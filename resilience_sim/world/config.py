"""Settings of the world, frozen: what the scenario says about Service B, its callers, the traffic and the faults.

Owns the shapes the core takes. Refuses to parse, to default from YAML or to validate (scenario/ does).
Times are integer nanoseconds, rates are per second, shares are 0..1 floats. 0 means "unlimited" or "none" where a
field says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of times.

    ===============  ==========================  ======================
    kind             a                           b
    ===============  ==========================  ======================
    ``constant``     ns                          unused
    ``exponential``  mean, ns                    unused
    ``uniform``      least, ns                   most, ns
    ``lognormal``    mean of ln(ns)              deviation of ln(ns)
    ``gamma``        shape                       scale, ns
    ``pareto``       least, ns                   alpha
    ``empirical``    unused (``values``: sorted ns, drawn uniformly)
    ===============  ==========================  ======================
    """

    kind: str = "constant"
    a: float = 0.0
    b: float = 0.0
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Service B. ``workers`` 0: unlimited. ``queue`` -1: unlimited. ``failure``: an outcome code or ``LOST``."""

    name: str = "B"
    latency: Latency = field(default_factory=Latency)
    network: Latency = field(default_factory=Latency)
    workers: int = 0
    queue: int = -1
    discipline: str = "fifo"  # fifo | lifo | drop_abandoned
    failure_rate: float = 0.0
    failure: int = 2
    per_concurrent: int = 0  # slowdown, ns for each other request in service at the same replica
    replicas: int = 1
    balancer: str = "round_robin"  # round_robin | random | least_loaded
    deduplicate: bool = False
    dedup_ttl: int = 0  # 0: for ever


@dataclass(frozen=True, slots=True)
class OperationConfig:
    """What each request does to B. ``amount`` is None when no money is counted."""

    method: str = "GET"
    idempotency_key: bool = False
    amount: float | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of open-loop traffic: the rate moves linearly from ``rate`` to ``to`` (both per second)."""

    duration: int  # ns; 0: without end
    rate: float
    to: float


@dataclass(frozen=True, slots=True)
class TrafficConfig:
    """Who calls and when. ``loop``: ``open`` (phases), ``closed`` (users) or ``trace`` (times).

    ``requests`` 0 and ``duration`` 0: no such limit. ``deadline`` 0: none. ``phased`` tells whether the scenario
    wrote ``phases:`` (then scopes ``phase N`` exist) or a plain ``rate`` (one phase).
    """

    loop: str = "open"
    phases: tuple[Phase, ...] = ()
    phased: bool = False
    arrivals: str = "poisson"  # poisson | even
    users: int = 0
    think: Latency = field(default_factory=Latency)
    trace: tuple[int, ...] = ()
    requests: int = 0
    duration: int = 0
    deadline: int = 0


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Service A. ``threads`` 0: unlimited, per instance. ``backlog``: waiting places per instance."""

    instances: int = 1
    spread: str = "round_robin"  # round_robin | random
    threads: int = 0
    backlog: int = 0
    on_exhaustion: str = "reject"  # reject | crash
    restart_after: int = 30_000_000_000


@dataclass(frozen=True, slots=True)
class FaultConfig:
    """One entry of the timeline, active for ``at <= t < at + duration``. Fields beside the first seven belong to kinds.

    ===================  ===========================================================================
    kind                 fields
    ===================  ===========================================================================
    ``outage``           ``how``: refuse | hang | error | reset
    ``brownout``         ``workers`` share kept, ``slower``, ``failure_rate``
    ``latency``          ``add`` ns
    ``errors``           ``rate`` share, ``outcome`` code (status 503: unavailable, 429: rate_limited, else error)
    ``rate_limit``       ``limit`` per second, ``retry_after`` ns (0: no hint)
    ``cold_cache``       ``slower``, ``half_life`` ns
    ``crash_replica``    nothing
    ``spike``            ``factor`` on the rate of an open loop
    ===================  ===========================================================================
    """

    kind: str
    id: str
    at: int
    duration: int
    share: float = 1.0
    of: str = "attempts"  # attempts | requests
    replica: int = 0  # 1..replicas; 0: all
    how: str = "error"
    workers: float = 1.0
    slower: float = 1.0
    failure_rate: float = 0.0
    add: int = 0
    rate: float = 1.0
    outcome: int = 2
    limit: float = 0.0
    retry_after: int = 0
    half_life: int = 0
    factor: float = 1.0
