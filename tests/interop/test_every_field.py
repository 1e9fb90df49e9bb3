"""resilience4j in Spring: every property of the library's configuration classes is mapped, or named with its reason.

The lists are the setters of the ``Common…ConfigurationProperties`` at af9e7c9; the other formats have theirs beside
their own tests.
"""

from __future__ import annotations

import pytest

from interop.shop import codes, imported
from resilience_sim.interop.emit import settle

SILENT = {  # about health, events and stack traces: nothing that a simulation could show
    "baseConfig", "allowHealthIndicatorToFail", "registerHealthIndicator", "eventConsumerBufferSize",
    "writableStackTraceEnabled", "subscribeForEvents",
}  # fmt: skip
DURATION, NUMBER, FLAG, CLASS = "2s", "2", "true", "com.acme.X"
FIELDS: dict[str, dict[str, str]] = {
    "circuitbreaker": {
        "automaticTransitionFromOpenToHalfOpenEnabled": FLAG, "enableExponentialBackoff": FLAG,
        "enableRandomizedWait": FLAG, "exponentialBackoffMultiplier": NUMBER,
        "exponentialMaxWaitDurationInOpenState": "9s", "failureRateThreshold": "20",
        "ignoreClassBindingExceptions": FLAG, "ignoreUnknownExceptions": FLAG, "ignoreExceptionPredicate": CLASS,
        "ignoreExceptions": CLASS, "initialState": "CLOSED", "maxWaitDurationInHalfOpenState": DURATION,
        "minimumNumberOfCalls": NUMBER, "permittedNumberOfCallsInHalfOpenState": NUMBER, "randomizedWaitFactor": "0.3",
        "recordExceptions": CLASS, "recordFailurePredicate": CLASS, "recordResultPredicate": CLASS,
        "slidingWindowSize": "9", "slidingWindowType": "TIME_BASED", "slowCallDurationThreshold": DURATION,
        "slowCallRateThreshold": "30", "transitionToStateAfterWaitDuration": "OPEN",
        "waitDurationInOpenState": DURATION,
    },
    "retry": {
        "consumeResultBeforeRetryAttempt": CLASS, "enableExponentialBackoff": FLAG, "enableRandomizedWait": FLAG,
        "exponentialBackoffMultiplier": NUMBER, "exponentialMaxWaitDuration": "9s", "failAfterMaxAttempts": FLAG,
        "ignoreExceptions": CLASS, "intervalBiFunction": CLASS, "maxAttempts": "4", "randomizedWaitFactor": "0.3",
        "resultPredicate": CLASS, "retryExceptionPredicate": CLASS, "retryExceptions": CLASS, "waitDuration": DURATION,
    },
    "ratelimiter": {"limitForPeriod": "9", "limitRefreshPeriod": DURATION, "timeoutDuration": "3s"},
    "timelimiter": {"cancelRunningFuture": FLAG, "timeoutDuration": DURATION},
    "bulkhead": {"maxConcurrentCalls": "9", "maxWaitDuration": DURATION},
    "thread-pool-bulkhead": {
        "contextPropagators": CLASS, "coreThreadPoolSize": NUMBER, "keepAliveDuration": DURATION,
        "maxThreadPoolSize": "9", "queueCapacity": "3",
    },
}  # fmt: skip
NEEDS: dict[str, tuple[str, ...]] = {  # what a field has no effect without
    "exponentialBackoffMultiplier": ("enableExponentialBackoff=true",),
    "exponentialMaxWaitDuration": ("enableExponentialBackoff=true", "exponentialBackoffMultiplier=3"),
    "exponentialMaxWaitDurationInOpenState": ("enableExponentialBackoff=true",),
    "randomizedWaitFactor": ("enableRandomizedWait=true",),
    "slowCallRateThreshold": ("slowCallDurationThreshold=1s",),
    "limitForPeriod": ("limitRefreshPeriod=1s",),
}
UNSEEN = {"cancelRunningFuture"}  # said in the remark beside the timeout, whatever its value


@pytest.mark.parametrize(("module", "field"), [(module, field) for module, below in FIELDS.items() for field in below])
def test_a_field_changes_the_stack_or_is_named(module: str, field: str):
    """Alone, with the flag that it needs: another setting than without it, a finding about it, or a remark."""
    prefix = f"resilience4j.{module}.instances.pay."
    first = "waitDuration=1s" if module == "retry" and field != "waitDuration" else "eventConsumerBufferSize=1"
    base = "".join(f"{prefix}{line}\n" for line in (first, *NEEDS.get(field, ())))
    with_it = imported(base + f"{prefix}{field}={FIELDS[module][field]}\n", "a.properties", "pay")
    without = imported(base, "a.properties", "pay")
    assert not codes(with_it) & {"RL191", "RL192", "RL193"}, [str(each) for each in with_it.findings]
    settings = [
        [({k: v.value for k, v in settle(x).items()}, x.remarks, x.generic_remarks) for x in each.stack.layers]
        for each in (with_it, without)
    ]
    named = any(field in each.message for each in with_it.findings)
    assert settings[0] != settings[1] or named or field in UNSEEN


@pytest.mark.parametrize("module", FIELDS)
def test_fields_about_health_and_events_are_silent(module: str):
    prefix = f"resilience4j.{module}.instances.pay."
    text = "".join(f"{prefix}{field}=1\n" for field in sorted(SILENT - {"baseConfig"}))
    assert not codes(imported(text, "a.properties", "pay")) & {"RL190", "RL191", "RL192", "RL193"}
