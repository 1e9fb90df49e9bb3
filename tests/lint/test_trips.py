"""What people trip over: each sentence in a world where it is true, and in one close by where it must not be said."""

from __future__ import annotations

import pytest

from lint.cases import found_in, seen_in, text_of
from resilience_sim.kernel import events as ev
from resilience_sim.lint.check import subjects
from resilience_sim.settings.breaker import OutlierConfig

# --- RL032: a Retry-After that outlasts the request ---

QUOTA = """
resim: 1
name: t
service: {{latency: 20ms}}
traffic: {{rate: 2/s, duration: 12s, arrivals: even{more}}}
faults: [{{rate_limit: {{id: quota, at: 2s, for: 3s, limit: 1/s, retry_after: {hint}}}}}]
stack:
{stack}"""


def quota(hint: str, *policies: str, more: str = "") -> str:
    return QUOTA.format(hint=hint, more=more, stack="".join(f"  - {policy}\n" for policy in policies))


@pytest.mark.parametrize(
    ("hint", "policies", "more", "said"),
    [
        ("5s", ["timeout: {after: 5s}", "retry: {attempts: 3}"], "", "never made"),
        ("4900ms", ["timeout: {after: 5s}", "retry: {attempts: 3}"], "", None),
        ("5s", ["retry: {attempts: 3}", "timeout: {after: 5s}"], "", None),
        ("5s", ["timeout: {after: 5s}", "retry: {attempts: 3, honor_retry_after: false}"], "", None),
        ("5s", ["timeout: {after: 5s}", "retry: {attempts: 3, on: [error]}"], "", None),
        ("5s", ["retry: {attempts: 3, max_elapsed: 4s}"], "", "last attempt"),
        ("3s", ["retry: {attempts: 3, max_elapsed: 4s}"], "", None),
        ("5s", ["retry: {attempts: 3}"], ", deadline: 4s", "for nobody"),
        ("3s", ["retry: {attempts: 3}"], ", deadline: 4s", None),
        ("9s", ["timeout: {after: 5s}", "retry: {like: urllib3}"], "", "never made"),
        ("9s", ["timeout: {after: 5s}", "retry: {like: urllib3, retry_after_max: 4}"], "", None),
        ("9s", ["timeout: {after: 5s}", "retry: {like: urllib3, respect_retry_after_header: false}"], "", None),
        ("9s", ["timeout: {after: 5s}", "retry: {like: polly}"], "", "never made"),
        ("9s", ["timeout: {after: 5s}", "retry: {like: resilience4j}"], "", None),
    ],
)
def test_a_long_retry_after(hint: str, policies: list[str], more: str, said: str | None) -> None:
    """Where the second attempt is said never to be made, none is; where nothing is said, one is, or nobody waits."""
    text = quota(hint, *policies, more=more)
    found = found_in(text, "RL032")
    assert [said in each.message for each in found] == ([True] if said else [])
    tries: dict[int, int] = {}
    for _, _, _, rid, _, _ in seen_in(text).tape.of(ev.SENT):
        tries[rid] = tries.get(rid, 0) + 1
    again = any(count > 1 for count in tries.values())
    tried_again = "respect_retry_after_header: false" not in policies[-1] and "on: [error]" not in policies[-1]
    assert again == (said in (None, "for nobody") and tried_again)


# --- RL031: a single failure ---


@pytest.mark.parametrize(
    ("breaker", "said"),
    [
        ("failure_threshold: 50%, window: 10s, min_calls: 1", "below 1 call"),
        ("failure_threshold: 50%, window: 10s, min_calls: 3", None),
        ("failure_threshold: 10%, window: 10s, min_calls: 5", "1 failure among the first 5"),
        ("failure_threshold: 1", "one failure opens it"),
        ("failure_threshold: 2", None),
        ("like: opossum", "below 1 call"),
        ("like: opossum, volumeThreshold: 2", None),
        ("like: opossum, volumeThreshold: 2, errorThresholdPercentage: 40", "call number 2"),
        ("like: polly, MinimumThroughput: 4, FailureRatio: 0.2", "call number 4"),
        ("like: polly, MinimumThroughput: 20", None),
        ("like: semian, error_threshold: 1", "one failure opens it"),
        ("like: semian", None),
        ("like: cockatiel, CountBreaker: {threshold: 0.5, size: 10, minimumNumberOfCalls: 1}", "below 1 call"),
        ("like: cockatiel, CountBreaker: {threshold: 0.5, size: 10}", None),
    ],
)
def test_one_failure_is_enough(breaker: str, said: str | None) -> None:
    """An opening that follows one failed call only, in some run, or in none."""
    text = f"""
resim: 1
name: t
service: {{latency: 5ms, failure_rate: 10%}}
traffic: {{rate: 5/s, duration: 60s}}
stack: [{{circuit_breaker: {{{breaker}}}}}, {{timeout: {{after: 1s}}}}]
"""
    found = found_in(text, "RL031")
    assert [said in each.message for each in found] == ([True] if said else [])
    alone = False
    for seed in range(100 if said else 3):
        if alone:
            break
        events = seen_in(text, seed).tape.events
        failures = 0
        for _, kind, _, _, a, _ in events:
            if kind == ev.RESULT and a & 0xFF != ev.SUCCESS:
                failures += 1
            if kind == ev.BREAKER and a >> 8 & 0xFF == ev.OPEN:
                alone = alone or failures == 1
                break
    assert alone == bool(said)


# --- RL030: inert ---


@pytest.mark.parametrize(
    ("breaker", "rate", "inert"),
    [
        ("failure_threshold: 50%, window: 100", 1, True),
        ("failure_threshold: 50%, window: 100", 3, False),
        ("failure_threshold: 50", 1, True),
        ("failure_threshold: 30", 1, False),
        ("failure_threshold: 80%, window: 60s, min_calls: 5", 2, True),
        ("failure_threshold: 50%, window: 60s, min_calls: 5", 2, False),
        ("like: resilience4j", 1, True),
        ("like: resilience4j, slidingWindowSize: 20", 1, False),
        ("like: semian, error_threshold: 12, lumping_interval: 4, error_timeout: 60", 10, True),
        ("like: semian, error_threshold: 8, lumping_interval: 4, error_timeout: 60", 10, False),
        ("like: opossum, rollingCountTimeout: 2m", 1, True),
        ("like: opossum", 1, False),
    ],
)
def test_an_inert_breaker_stays_closed_and_the_other_opens(breaker: str, rate: int, inert: bool) -> None:
    """Through an outage of 40 s, after minutes of health."""
    text = f"""
resim: 1
name: t
service: {{latency: 5ms}}
traffic: {{rate: {rate}/s, duration: 200s, arrivals: even}}
faults: [{{outage: {{id: main, at: 150s, for: 40s, how: error}}}}]
stack: [{{circuit_breaker: {{{breaker}}}}}, {{timeout: {{after: 1s}}}}]
"""
    assert bool(found_in(text, "RL030")) == inert
    assert bool(seen_in(text).metrics["opened"]) == (not inert)


def test_without_a_fault_five_minutes_are_the_measure() -> None:
    """And that is said to be an assumption."""
    text = text_of("RL030")
    plain = text[: text.index("faults:")] + text[text.index("stack:") :]
    assert found_in(plain, "RL030") == []
    (found,) = found_in(plain.replace("rate: 1/s", "rate: 6/min"), "RL030")
    assert found.numbers["seconds"] == pytest.approx(490)
    assert "5 minutes" in found.assumes[0]


# --- RL114: keys of older versions ---


@pytest.mark.parametrize(
    ("key", "old"),
    [("consecutiveErrors", True), ("consecutive5xxErrors", False)],
)
def test_the_old_name_of_istio(key: str, old: bool) -> None:
    """It is ignored, and the default of five stays."""
    text = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: b}}
spec: {{host: b, trafficPolicy: {{outlierDetection: {{{key}: 7, maxEjectionPercent: 100}}}}}}
"""
    (subject,) = subjects(text, "b.yaml", ())
    assert bool(found_in(text, "RL114")) == old
    (ejection,) = [config for config in subject.stack if isinstance(config, OutlierConfig)]
    assert ejection.consecutive_5xx == (5 if old else 7)
