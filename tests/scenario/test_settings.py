"""Every key: its default and what it becomes in the plan."""

import math

import pytest

from resilience_sim.kernel import events
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.budget import BudgetConfig
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Expectation, Scope
from resilience_sim.settings.rate_limiter import RateLimiterConfig
from resilience_sim.settings.retry import DEFAULT_RETRY_ON, RetryConfig
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.throttle import ThrottleConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

from .lab import FULL, HEAD, TRAFFIC, fault, plan, policy, scenario, traffic

S = 1_000_000_000
MS = 1_000_000


def test_the_least_scenario_has_every_default():
    """Two keys are enough; everything else is as the contract says."""
    made = plan()
    assert made.service == ServiceConfig()
    assert made.operation == OperationConfig()
    assert made.client == ClientConfig()
    assert made.traffic == TrafficConfig("open", (Phase(0, 1.0, 1.0),), requests=20)
    assert (made.faults, made.stack, made.expect, made.seed, made.about, made.name) == ((), (), (), 1, "", "test")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("50ms", Latency("constant", 50e6)),
        ("{exponential: 100ms}", Latency("exponential", 100e6)),
        ("{uniform: [20ms, 80ms]}", Latency("uniform", 20e6, 80e6)),
        ("{gamma: {mean: 40ms, cv: 0.5}}", Latency("gamma", 4.0, 10e6)),
        ("{pareto: {min: 10ms, alpha: 1.5}}", Latency("pareto", 10e6, 1.5)),
        (
            "{p50: 40ms, p99: 250ms}",
            Latency("lognormal", math.log(40e6), (math.log(250e6) - math.log(40e6)) / 2.3263478740408408),
        ),
    ],
)
def test_every_shape_of_latency(text, shape):
    """The same shapes for work, for the wire and for thinking."""
    made = plan(f"service: {{latency: {text}, network: {text}}}\n")
    assert made.service.latency == shape
    assert made.service.network == shape
    assert traffic(f"{{users: 3, think: {text}, requests: 5}}").think == shape


def test_service_keys():
    """Every key of the service."""
    made = plan(
        "service: {workers: 4, queue: 0, discipline: lifo, failure_rate: 12.5%, failure: lost_response,\n"
        "  slowdown: {per_concurrent: 10ms}, replicas: 3, balancer: random, deduplicate: {ttl: 24h}}\n"
        "operation: {method: POST, idempotency_key: true, amount: 25.00}\n"
    )
    assert made.service == ServiceConfig(
        workers=4,
        queue=0,
        discipline="lifo",
        failure_rate=0.125,
        failure=events.LOST,
        per_concurrent=10 * MS,
        replicas=3,
        balancer="random",
        deduplicate=True,
        dedup_ttl=86_400 * S,
    )
    assert made.operation == OperationConfig("POST", True, 25.0)
    assert plan("service: {deduplicate: true}\n").service.deduplicate
    assert plan("service: {workers: unlimited, queue: unlimited}\n").service == ServiceConfig()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("error", events.ERROR),
        ("unavailable", events.UNAVAILABLE),
        ("rate_limited", events.RATE_LIMITED),
        ("lost_response", events.LOST),
    ],
)
def test_failure_kinds(name, code):
    """What a failure of B looks like."""
    assert plan(f"service: {{failure: {name}}}\n").service.failure == code


def test_traffic_of_each_kind():
    """Open with a rate or phases, closed with users."""
    assert traffic("{rate: 600/min, duration: 5s, arrivals: even, deadline: 2s}") == TrafficConfig(
        "open", (Phase(0, 10.0, 10.0),), False, "even", duration=5 * S, deadline=2 * S
    )
    assert traffic("{phases: [{for: 20s, rate: 50/s}, {for: 10s, rate: 50/s, to: 0/s}]}") == TrafficConfig(
        "open", (Phase(20 * S, 50.0, 50.0), Phase(10 * S, 50.0, 0.0)), True, duration=30 * S
    )
    assert traffic("{users: 7, think: 1s, duration: 9s}") == TrafficConfig(
        "closed", users=7, think=Latency("constant", 1e9), duration=9 * S
    )
    assert traffic("{users: 7, requests: 100}").requests == 100


def test_traffic_without_an_end_stops_after_a_minute_and_says_so():
    """A default that is visible."""
    made = scenario("traffic: {rate: 5/s}\n", head=HEAD)
    assert made.plan.traffic.duration == 60 * S
    assert [each.code for each in made.warnings] == ["RW001"]
    assert scenario("traffic: {users: 5, think: 1s}\n", head=HEAD).warnings[0].code == "RW001"


def test_client_keys():
    """Every key of the client."""
    body = "client: {instances: 2, spread: random, threads: 50, backlog: 10, on_exhaustion: crash, restart_after: 1m}\n"
    assert plan(body).client == ClientConfig(2, "random", 50, 10, "crash", 60 * S)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("outage: {at: 1s, for: 2s}", {"how": "refuse"}),
        ("outage: {at: 1s, for: 2s, how: hang}", {"how": "hang"}),
        (
            "brownout: {at: 1s, for: 2s, workers: 25%, slower: 4x, failure_rate: 50%}",
            {"workers": 0.25, "slower": 4.0, "failure_rate": 0.5},
        ),
        ("brownout: {at: 1s, for: 2s}", {}),
        ("latency: {at: 1s, for: 2s, add: 300ms}", {"add": 300 * MS}),
        ("errors: {at: 1s, for: 2s, rate: 30%, status: 503}", {"rate": 0.3, "outcome": events.UNAVAILABLE}),
        ("errors: {at: 1s, for: 2s, rate: 30%, status: 429}", {"rate": 0.3, "outcome": events.RATE_LIMITED}),
        ("errors: {at: 1s, for: 2s, status: 404}", {"rate": 1.0, "outcome": events.CLIENT_ERROR}),
        ("errors: {at: 1s, for: 2s, status: 502}", {"rate": 1.0, "outcome": events.ERROR}),
        ("rate_limit: {at: 1s, for: 2s, limit: 80/s, retry_after: 1s}", {"limit": 80.0, "retry_after": S}),
        ("cold_cache: {at: 1s, for: 2s, slower: 4x, half_life: 6s}", {"slower": 4.0, "half_life": 6 * S}),
        ("crash_replica: {at: 1s, for: 2s}", {"replica": 0}),
        ("spike: {at: 1s, for: 2s, rate: 3x}", {"factor": 3.0}),
        (
            "outage: {at: 1s, for: 2s, share: 30%, of: requests, id: x}",
            {"share": 0.3, "of": "requests", "id": "x", "how": "refuse"},
        ),
    ],
)
def test_every_fault(text, fields):
    """Kinds, their keys and defaults."""
    kind = text.partition(":")[0]
    base = {"id": kind, "at": S, "duration": 2 * S, **fields}
    assert fault(text) == FaultConfig(kind=kind, **base)


@pytest.mark.parametrize(
    ("text", "config"),
    [
        (
            "retry",
            RetryConfig(
                "retry",
                attempts=3,
                delay=0,
                backoff="constant",
                factor=2.0,
                max_delay=0,
                jitter="none",
                spread=0.0,
                on=DEFAULT_RETRY_ON,
                honor_retry_after=True,
                max_elapsed=0,
                budget=None,
            ),
        ),
        ("retry:", RetryConfig("retry")),
        (
            "retry: {attempts: 5, delay: 1s, backoff: decorrelated, factor: 3x, max_delay: 9s, "
            "jitter: 25%, max_elapsed: 1m}",
            RetryConfig(
                "retry",
                attempts=5,
                delay=S,
                backoff="decorrelated",
                factor=3.0,
                max_delay=9 * S,
                jitter="spread",
                spread=0.25,
                max_elapsed=60 * S,
            ),
        ),
        ("retry: {jitter: full, delay: 1s}", RetryConfig("retry", delay=S, jitter="full")),
        (
            "retry: {on: [rate_limited, breaker_open]}",
            RetryConfig("retry", on=(events.RATE_LIMITED, events.LIMITED, events.BREAKER_OPEN)),
        ),
        ("retry: {budget: 10%}", RetryConfig("retry", budget=BudgetConfig("ratio", 0.1))),
        ("retry: {budget: {kind: token_bucket}}", RetryConfig("retry", budget=BudgetConfig("token_bucket"))),
        (
            "retry: {budget: {kind: failure_rate}}",
            RetryConfig("retry", budget=BudgetConfig("failure_rate", 0.1, window_time=10 * S)),
        ),
        (
            "retry: {budget: {kind: failure_rate, threshold: 20%, window: all, counts: attempts}}",
            RetryConfig("retry", budget=BudgetConfig("failure_rate", 0.2, counts="attempts")),
        ),
        (
            "retry: {budget: {kind: failure_rate, window: 100}}",
            RetryConfig("retry", budget=BudgetConfig("failure_rate", 0.1, window_calls=100)),
        ),
        (
            "circuit_breaker",
            BreakerConfig(
                "circuit_breaker",
                consecutive=5,
                failure_share=0.0,
                window_calls=100,
                window_time=0,
                min_calls=100,
                recovery_time=30 * S,
                probes=1,
                success_threshold=1,
            ),
        ),
        (
            "circuit_breaker: {failure_threshold: 50%, window: 10s, probes: 3}",
            BreakerConfig(
                "circuit_breaker",
                consecutive=0,
                failure_share=0.5,
                window_calls=0,
                window_time=10 * S,
                min_calls=10,
                recovery_time=30 * S,
                probes=3,
                success_threshold=3,
            ),
        ),
        (
            "circuit_breaker: {failure_threshold: 50%, window: 20, success_threshold: 2}",
            BreakerConfig(
                "circuit_breaker",
                consecutive=0,
                failure_share=0.5,
                window_calls=20,
                window_time=0,
                min_calls=20,
                recovery_time=30 * S,
                probes=1,
                success_threshold=2,
            ),
        ),
        (
            "circuit_breaker: {slow_call: 2s, ignore: [rate_limited]}",
            BreakerConfig("circuit_breaker", slow_call=2 * S, ignore=(events.RATE_LIMITED, events.LIMITED)),
        ),
        ("circuit_breaker: {backoff: 3x}", BreakerConfig("circuit_breaker", open_factor=3.0)),
        ("circuit_breaker: {backoff: exponential}", BreakerConfig("circuit_breaker", open_factor=2.0)),
        ("circuit_breaker: {backoff: constant}", BreakerConfig("circuit_breaker", open_factor=1.0)),
        (
            "circuit_breaker: {backoff: {factor: 2x, max: 5m}}",
            BreakerConfig("circuit_breaker", open_factor=2.0, open_max=300 * S),
        ),
        ("timeout: {after: 300ms}", TimeoutConfig("timeout", after=300 * MS, cancels_work=False)),
        ("timeout: {after: 300ms, cancels_work: true, id: a}", TimeoutConfig("a", after=300 * MS, cancels_work=True)),
        ("bulkhead: {max_concurrent: 9}", BulkheadConfig("bulkhead", max_concurrent=9, queue=0, max_wait=-1)),
        (
            "bulkhead: {max_concurrent: 9, queue: 4, max_wait: 0ms}",
            BulkheadConfig("bulkhead", max_concurrent=9, queue=4, max_wait=0),
        ),
        (
            "rate_limiter: {limit: 50/s}",
            RateLimiterConfig("rate_limiter", count=50.0, per=S, burst=50, max_wait=0, scheme="token_bucket"),
        ),
        (
            "rate_limiter: {limit: 600/min, max_wait: 1s}",
            RateLimiterConfig("rate_limiter", count=600.0, per=60 * S, burst=10, max_wait=S),
        ),
        (
            "rate_limiter: {limit: 10/h, kind: smooth}",
            RateLimiterConfig("rate_limiter", count=10.0, per=3600 * S, burst=1, max_wait=0, scheme="smooth"),
        ),
        ("hedge: {delay: 50ms}", HedgeConfig("hedge", delay=50 * MS, max_extra=1, cancels_loser=True)),
        ("fallback", FallbackConfig("fallback", latency=0)),
        ("throttle", ThrottleConfig("throttle", k=2.0, window=120 * S)),
        ("throttle: {k: 1.5}", ThrottleConfig("throttle", k=1.5)),
    ],
)
def test_every_policy(text, config):
    """Keys, defaults, derived defaults."""
    assert policy(text) == config


def test_repeated_items_are_numbered():
    """The kind, then kind#2; names that were written are left alone."""
    body = "stack: [{timeout: {after: 1s}}, {timeout: {after: 1s, id: mine}}, {timeout: {after: 1s}}, retry, retry]\n"
    assert [each.id for each in plan(body).stack] == ["timeout", "mine", "timeout#2", "retry", "retry#2"]
    body = "faults: [{outage: {at: 1s, for: 1s}}, {outage: {at: 5s, for: 1s}}]\n"
    assert [each.id for each in plan(body).faults] == ["outage", "outage#2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("availability >= 99%", Expectation("availability >= 99%", "availability", ">=", 0.99)),
        ("p99.9 < 1.5s", Expectation("p99.9 < 1.5s", "p99.9", "<", 1.5)),
        ("p75<800ms", Expectation("p75<800ms", "p75", "<", 0.8)),
        ("goodput > 600/min", Expectation("goodput > 600/min", "goodput", ">", 10.0)),
        ("amplification <= 1.5", Expectation("amplification <= 1.5", "amplification", "<=", 1.5)),
        ("attempts_per_request != 2x", Expectation("attempts_per_request != 2x", "attempts_per_request", "!=", 2.0)),
        ("threads_peak <= 40", Expectation("threads_peak <= 40", "threads_peak", "<=", 40.0)),
        (
            "{that: p50 < 1s, during: before main}",
            Expectation("p50 < 1s", "p50", "<", 1.0, Scope("before", "main", "", "before main")),
        ),
        (
            "{that: p50 < 1s, during: main, because: we said so}",
            Expectation("p50 < 1s", "p50", "<", 1.0, Scope("during", "main", "", "during main"), "we said so"),
        ),
        (
            "{that: p50 < 1s, before: main}",
            Expectation("p50 < 1s", "p50", "<", 1.0, Scope("before", "main", "", "before main")),
        ),
        (
            "{that: p50 < 1s, after: main, variant: v}",
            Expectation("p50 < 1s", "p50", "<", 1.0, Scope("after", "main", "v", "after main, variant v")),
        ),
        (
            "{that: p50 < 1s, scope: variant v}",
            Expectation("p50 < 1s", "p50", "<", 1.0, Scope("all", "", "v", "variant v")),
        ),
        (
            "{that: p50 < 1s, during: phase 2}",
            Expectation("p50 < 1s", "p50", "<", 1.0, Scope("phase", "2", "", "phase 2")),
        ),
        ("{that: p50 < 1s, phase: 1}", Expectation("p50 < 1s", "p50", "<", 1.0, Scope("phase", "1", "", "phase 1"))),
    ],
)
def test_expectations(text, expected):
    """Metrics, units, scopes."""
    head = (
        HEAD + "traffic: {phases: [{for: 5s, rate: 1/s}, {for: 5s, rate: 2/s}]}\nstack: [retry]\n"
        "faults: [{outage: {at: 1s, for: 2s, id: main}}]\ncompare: {variants: {v: {without: [retry]}}}\n"
    )
    assert plan(f"expect:\n  - {text}\n", head=head).expect == (expected,)


def test_sections_without_content_are_as_if_not_written():
    """Somebody commented everything below a key out."""
    assert plan("service:\noperation:\nclient:\nfaults:\nstack:\ncompare:\nexpect:\n").service == plan().service


def test_the_full_example_loads_without_warnings():
    """Every key at once."""
    made = scenario(FULL, head="")
    assert made.warnings == ()
    assert [variant.name for variant in made.variants] == ["no-breaker", "simple", "eager"]
    assert made.baseline == "no-breaker"
    assert made.plan.faults[1].id == "outage"
    assert len(made.plan.stack) == 9


def test_text_needs_no_quotes_unless_it_looks_like_a_number():
    """``name: on`` is a name."""
    assert plan("name: on\n").name == "on"
    assert plan("name: 2024-01-01\n", head=HEAD + TRAFFIC).name == "2024-01-01"


def test_a_name_that_several_libraries_have_is_read_as_the_library_at_hand_reads_it():
    """Dapr's ``interval`` may be 0, which means no window; Envoy's may not."""
    body = "stack: [{circuit_breaker: {like: LIBRARY, interval: 0ms}}]\n"
    assert plan(body.replace("LIBRARY", "dapr")).stack[0].window == "forever"
    with pytest.raises(ScenarioError, match="too short"):
        plan(body.replace("LIBRARY", "envoy"))
