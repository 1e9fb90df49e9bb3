"""Random plans, built as dataclasses: every policy, fault, traffic and latency shape, nested and repeated.

Small enough that a run takes milliseconds, crowded enough that everything collides: few workers, few threads, and
times from a small set of round numbers, so that many things are due at the same instant.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from lab import named

from resilience_sim.kernel import events as ev
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.budget import BudgetConfig
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.rate_limiter import RateLimiterConfig
from resilience_sim.settings.retry import DEFAULT_RETRY_ON, RetryConfig
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.throttle import ThrottleConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

MS = 1_000_000
S = 1000 * MS
one_of = st.sampled_from

DURATIONS = one_of([1 * MS, 10 * MS, 50 * MS, 100 * MS, 100 * MS, 200 * MS, 500 * MS, 1 * S])
WAITS = st.one_of(st.just(0), DURATIONS)
SHARES = one_of([0.0, 0.1, 0.3, 0.5, 1.0])
OUTCOMES = (*DEFAULT_RETRY_ON, ev.BREAKER_OPEN, ev.BULKHEAD_FULL, ev.LIMITED, ev.THROTTLED)

LATENCIES = st.one_of(
    st.just(Latency()),
    DURATIONS.map(lambda t: Latency("constant", float(t))),
    DURATIONS.map(lambda t: Latency("exponential", float(t))),
    DURATIONS.map(lambda t: Latency("uniform", t / 2, t * 2.0)),
    DURATIONS.map(lambda t: Latency("gamma", 0.7, float(t))),
    DURATIONS.map(lambda t: Latency("gamma", 4.0, t / 4)),
    DURATIONS.map(lambda t: Latency("pareto", float(t), 1.5)),
    one_of([16.0, 18.0]).map(lambda mean: Latency("lognormal", mean, 0.7)),
    st.just(Latency("empirical", values=(1 * MS, 10 * MS, 100 * MS))),
)

SERVICES = st.builds(
    ServiceConfig,
    latency=LATENCIES,
    network=st.one_of(st.just(Latency()), LATENCIES),
    workers=one_of([0, 1, 1, 2, 3]),
    queue=one_of([-1, -1, 0, 1, 3]),
    discipline=one_of(["fifo", "lifo", "drop_abandoned"]),
    failure_rate=SHARES,
    failure=one_of([ev.ERROR, ev.UNAVAILABLE, ev.RATE_LIMITED, ev.LOST]),
    per_concurrent=one_of([0, 0, 10 * MS]),
    replicas=one_of([1, 1, 2, 3]),
    balancer=one_of(["round_robin", "random", "least_loaded"]),
    deduplicate=st.booleans(),
    dedup_ttl=one_of([0, 100 * MS]),
)

OPERATIONS = st.builds(OperationConfig, one_of(["GET", "PUT", "DELETE", "POST", "POST"]), st.booleans(), st.just(1.0))

CLIENTS = st.builds(
    ClientConfig,
    instances=one_of([1, 1, 2, 3]),
    spread=one_of(["round_robin", "random"]),
    threads=one_of([0, 0, 1, 2, 5]),
    backlog=one_of([0, 1, 5]),
    on_exhaustion=one_of(["reject", "crash", "crash"]),
    restart_after=DURATIONS,
)

_RATES = one_of([5.0, 10.0, 20.0, 50.0])
_OPEN = st.builds(
    lambda phases, arrivals, requests: TrafficConfig(
        phases=tuple(phases), phased=True, arrivals=arrivals, requests=requests
    ),
    st.lists(st.builds(Phase, DURATIONS, st.one_of(st.just(0.0), _RATES), _RATES), min_size=1, max_size=4),
    one_of(["even", "poisson"]),
    one_of([5, 20, 40, 60]),
)
_STEADY = st.builds(
    lambda rate, arrivals, requests: TrafficConfig(
        phases=(Phase(0, rate, rate),), arrivals=arrivals, requests=requests, deadline=200 * MS
    ),
    _RATES,
    one_of(["even", "poisson"]),
    one_of([5, 20, 40, 60]),
)
_CLOSED = st.builds(
    lambda users, think, requests: TrafficConfig(loop="closed", users=users, think=think, requests=requests),
    st.integers(1, 8),
    LATENCIES,
    one_of([5, 20, 40, 60]),
)
_TRACE = st.builds(
    lambda times: TrafficConfig(loop="trace", trace=tuple(sorted(times))),
    st.lists(
        one_of([0, 10 * MS, 50 * MS, 100 * MS, 150 * MS, 200 * MS, 500 * MS, 1 * S, 2 * S]), min_size=3, max_size=40
    ),
)
TRAFFIC = st.one_of(_STEADY, _STEADY, _OPEN, _CLOSED, _TRACE)

BUDGETS = st.one_of(
    st.none(),
    st.builds(BudgetConfig, st.just("ratio"), ratio=SHARES),
    st.builds(
        BudgetConfig, st.just("token_bucket"), capacity=one_of([1.0, 3.0]), deposit=one_of([0.1, 0.5]),
        deposit_on=one_of(["call", "success"]),
    ),
    st.builds(
        BudgetConfig, st.just("failure_rate"), ratio=SHARES, window_calls=one_of([0, 5]),
        counts=one_of(["first_tries", "attempts"]),
    ),
    st.builds(
        BudgetConfig, st.just("failure_rate"), ratio=SHARES, window_time=st.just(200 * MS),
        counts=one_of(["first_tries", "attempts"]),
    ),
)  # fmt: skip

POLICIES = st.one_of(
    st.builds(
        RetryConfig,
        st.just(""),
        attempts=st.integers(1, 4),
        delay=WAITS,
        backoff=one_of(["constant", "linear", "exponential", "decorrelated"]),
        max_delay=one_of([0, 100 * MS]),
        jitter=one_of(["none", "full", "equal", "spread"]),
        spread=st.just(0.25),
        on=st.one_of(st.just(DEFAULT_RETRY_ON), st.just(OUTCOMES)),
        honor_retry_after=st.booleans(),
        max_elapsed=one_of([0, 0, 500 * MS]),
        budget=BUDGETS,
    ),
    st.builds(
        BreakerConfig,
        st.just(""),
        consecutive=one_of([0, 1, 2, 5]),
        failure_share=one_of([0.3, 0.5, 1.0]),
        window_calls=st.just(5),
        min_calls=one_of([1, 3, 5]),
        recovery_time=DURATIONS,
        probes=st.integers(1, 3),
        success_threshold=st.integers(1, 4),
        slow_call=one_of([0, 0, 50 * MS]),
        ignore=one_of([(), (ev.TIMEOUT,), (ev.BULKHEAD_FULL, ev.LIMITED)]),
        open_factor=one_of([1.0, 2.0]),
        open_max=one_of([0, 500 * MS]),
    ),
    st.builds(
        BreakerConfig,
        st.just(""),
        consecutive=st.just(0),
        failure_share=one_of([0.3, 0.5]),
        window_calls=st.just(0),
        window_time=DURATIONS,
        min_calls=one_of([1, 3]),
        recovery_time=DURATIONS,
    ),
    st.builds(TimeoutConfig, st.just(""), after=DURATIONS, cancels_work=st.booleans()),
    st.builds(
        BulkheadConfig, st.just(""), max_concurrent=st.integers(1, 3), queue=one_of([0, 1, 5]),
        max_wait=one_of([-1, 0, 50 * MS]),
    ),
    st.builds(
        RateLimiterConfig, st.just(""), count=one_of([3.0, 10.0, 30.0]), burst=st.integers(1, 5), max_wait=WAITS,
        scheme=one_of(["token_bucket", "fixed_window", "smooth"]),
    ),
    st.builds(HedgeConfig, st.just(""), delay=WAITS, max_extra=st.integers(0, 3), cancels_loser=st.booleans()),
    st.builds(FallbackConfig, st.just(""), latency=WAITS),
    st.builds(ThrottleConfig, st.just(""), k=one_of([1.1, 2.0]), window=DURATIONS),
)  # fmt: skip

_WHEN = one_of([0, 50 * MS, 100 * MS, 200 * MS, 500 * MS, 1 * S])
_COMMON = {"at": _WHEN, "duration": DURATIONS, "share": one_of([1.0, 1.0, 0.3]), "of": one_of(["attempts", "requests"])}
FAULTS = st.one_of(
    st.builds(
        FaultConfig, st.just("outage"), st.just("o"), how=one_of(["refuse", "hang", "error", "reset"]), **_COMMON
    ),
    st.builds(
        FaultConfig, st.just("brownout"), st.just("b"), workers=one_of([0.0, 0.25, 0.5, 1.0]),
        slower=one_of([1.0, 4.0]), failure_rate=SHARES, **_COMMON,
    ),
    st.builds(FaultConfig, st.just("latency"), st.just("l"), add=DURATIONS, **_COMMON),
    st.builds(
        FaultConfig, st.just("errors"), st.just("e"), rate=SHARES,
        outcome=one_of([ev.ERROR, ev.UNAVAILABLE, ev.RATE_LIMITED]), **_COMMON,
    ),
    st.builds(
        FaultConfig, st.just("rate_limit"), st.just("r"), limit=one_of([1.0, 10.0]), retry_after=WAITS, **_COMMON
    ),
    st.builds(FaultConfig, st.just("cold_cache"), st.just("c"), slower=st.just(4.0), half_life=DURATIONS, **_COMMON),
    st.builds(FaultConfig, st.just("crash_replica"), st.just("x"), at=_WHEN, duration=DURATIONS),
    st.builds(FaultConfig, st.just("spike"), st.just("s"), factor=one_of([0.5, 3.0]), at=_WHEN, duration=DURATIONS),
)  # fmt: skip


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A whole plan that ends: closed loops think, so time cannot stand still."""
    service = draw(SERVICES)
    faults = []
    for i, fault in enumerate(draw(st.lists(FAULTS, max_size=4))):
        replica = draw(st.integers(0, service.replicas)) if fault.kind != "spike" else 0
        faults.append(replace(fault, id=f"{fault.kind}-{i}", replica=replica))
    return Plan(
        "random",
        service,
        draw(OPERATIONS),
        draw(TRAFFIC),
        draw(CLIENTS),
        tuple(faults),
        named(draw(st.lists(POLICIES, min_size=draw(st.integers(0, 4)), max_size=6))),
    )


SEEDS = st.integers(0, 2**32)
