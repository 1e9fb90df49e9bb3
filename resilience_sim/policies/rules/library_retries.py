"""The retries of known libraries: a row of rules each, and which outcomes they try again when nobody says.

Sources as in rules/library_breakers.py (docs/reference/library-rules.md, section 3); ``[doc]``: documentation only.
"""

from __future__ import annotations

from resilience_sim.kernel.events import (
    BREAKER_OPEN,
    BULKHEAD_FULL,
    ERROR,
    LIMITED,
    RATE_LIMITED,
    REFUSED,
    RESET,
    SHED,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
)
from resilience_sim.policies.config_like_retry import RetryRules

_FROM_B = (ERROR, UNAVAILABLE, RATE_LIMITED, TIMEOUT, REFUSED, RESET, SHED)
# an exception is an exception: the rejection of a policy inside is tried again like any failure
_ANYTHING = (*_FROM_B, BREAKER_OPEN, BULKHEAD_FULL, LIMITED, THROTTLED)
_TRANSIENT = (UNAVAILABLE, REFUSED, RESET, SHED)

ROWS: tuple[RetryRules, ...] = (
    RetryRules("resilience4j", "3.0 development (af9e7c9)", on=_ANYTHING),  # RetryImpl.java, IntervalFunction.java
    # RetryHelper.cs; which outcomes: dotnet/extensions HttpClientResiliencePredicates (no BrokenCircuitException)
    RetryRules("polly", "8.7 development (173d6d1)", hint="replaces", counts_first=False, on=_FROM_B),
    # retrypolicy/retryexecutor.go
    RetryRules("failsafe-go", "0.9.7 (5759a5e)", trims=True, counts_first=False, on=_ANYTHING),
    RetryRules("tenacity", "9.2.1", on=_ANYTHING),
    RetryRules("stamina", "26.1.0", on=_ANYTHING),
    RetryRules("hyx", "0.0.2 (06ef7d3)", counts_first=False, on=_ANYTHING),
    # retry_state_impl.cc; retry_on of the Istio default and common use: connect-failure,refused-stream,unavailable,503
    RetryRules("envoy", "stored source [doc]", counts_first=False, on=_TRANSIENT),
    RetryRules("grpc", "A6", hint="restarts", on=(UNAVAILABLE, REFUSED, RESET, SHED)),
    # pkg/resiliency/policy.go: an open circuit ends the retries
    RetryRules("dapr", "d845074", counts_first=False, on=_FROM_B),
    # botocore/retries/standard.py
    RetryRules("aws", "botocore 0e6e240, standard", on=_FROM_B),
    # RetryFilter, RequeueFilter: what never reached B, or was nacked
    RetryRules("finagle", "4feb34c", counts_first=False, on=_TRANSIENT),
)

RETRIES: dict[str, RetryRules] = {row.library: row for row in ROWS}
