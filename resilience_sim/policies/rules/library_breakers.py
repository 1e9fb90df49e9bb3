"""The circuit breakers of known libraries, a row of rules each.

A row says what a library's breaker does that no parameter changes. Sources: docs/reference/library-rules.md; ``[doc]``:
documentation only. Their parameters and defaults are in rules/native_breakers.py; docs/libraries.md is made from both.
"""

from __future__ import annotations

from resilience_sim.kernel.events import CLOSED, HALF_OPEN, OPEN
from resilience_sim.policies.config_like import DISABLED, FORCED_OPEN, METRICS_ONLY, BreakerRules

_R4J_FRESH = (CLOSED, HALF_OPEN, FORCED_OPEN, DISABLED, METRICS_ONLY)
_R4J_ILLEGAL = ((CLOSED, HALF_OPEN), (METRICS_ONLY, OPEN), (METRICS_ONLY, HALF_OPEN))
_EVERY_STATE = (CLOSED, OPEN, HALF_OPEN)

ROWS: tuple[BreakerRules, ...] = (
    # CircuitBreakerStateMachine.java, CircuitBreakerMetrics.java
    BreakerRules(
        "resilience4j", "3.0 development (af9e7c9)", judged_on="every", leaves_open="after", admits="total",
        verdict="sample", late="current", open_counts=True, ignored="released", cancelled="released", fresh=_R4J_FRESH,
        probes_apart=True, rounding="single", illegal=_R4J_ILLEGAL,
    ),
    # CircuitStateController.cs, AdvancedCircuitBehavior.cs
    BreakerRules(
        "polly", "8.7 development (173d6d1)", judged_on="failure", leaves_open="at", admits="total", verdict="first",
        late="current", open_counts=True, ignored="success", cancelled="success", fresh=(CLOSED,),
    ),
    # v2/gobreaker.go, v2/counter.go
    BreakerRules(
        "gobreaker", "2.4.0-1 (fed8e9e)", judged_on="failure", leaves_open="after", leaves_on="touch", admits="total",
        verdict="run", late="dropped", ignored="released", cancelled="failure", fresh=_EVERY_STATE,
    ),
    # circuitbreaker/circuitstates.go, circuitstats.go
    BreakerRules(
        "failsafe-go", "0.9.7 (5759a5e)", judged_on="every", leaves_open="at", admits="concurrent", verdict="balance",
        late="current", open_counts=True, ignored="success", cancelled="failure", fresh=(CLOSED, HALF_OPEN),
        probes_apart=True, rounding="cents", manual="changed",
    ),
    # pybreaker/__init__.py
    BreakerRules(
        "pybreaker", "1.4.1", judged_on="failure", leaves_open="at", admits="all", verdict="run", late="admitting",
        ignored="success", cancelled="failure", fresh=(CLOSED,),
    ),
    # hyx/circuitbreaker/states.py; the decorator, which leaves unlisted exceptions alone
    BreakerRules(
        "hyx", "0.0.2 (06ef7d3)", judged_on="failure", leaves_open="at", admits="all", verdict="run", late="current",
        ignored="nothing", cancelled="nothing", fresh=(CLOSED,),
    ),
    # HystrixCircuitBreaker.java (HystrixCircuitBreakerImpl), HealthCountsStream.java
    BreakerRules(
        "hystrix", "1.5 (stored source)", judged_on="tick", leaves_open="after", admits="total", verdict="first",
        late="current", ignored="nothing", cancelled="reopens", fresh=(CLOSED,), rounding="percent",
    ),
    # FailureAccrualFactory.scala, FailureAccrualPolicy.scala
    BreakerRules(
        "finagle", "4feb34c", judged_on="failure", leaves_open="at", admits="concurrent", verdict="run",
        late="current", ignored="released", cancelled="released", fresh=(CLOSED,), strict=True,
    ),
    # pkg/resiliency/breaker/circuitbreaker.go around gobreaker 1: no exclusions, no slices
    BreakerRules(
        "dapr", "d845074, around gobreaker 1", judged_on="failure", leaves_open="after", leaves_on="touch",
        admits="total", verdict="run", late="dropped", ignored="success", cancelled="failure", fresh=_EVERY_STATE,
    ),
)  # fmt: skip

BREAKERS: dict[str, BreakerRules] = {row.library: row for row in ROWS}
