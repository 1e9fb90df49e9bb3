"""What `resim export` writes: the programs accept it, and `resim import` reads the same settings back."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from interop.shop import plan_of
from resilience_sim.interop.formats import Imported, choose, convert, instance_names, open_config
from resilience_sim.interop.registry import FORMATS, WRITTEN
from resilience_sim.interop.writing import write
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.retry import LikeRetryConfig

HEAD = "resim: 1\nname: shop\nservice: {latency: 40ms}\ntraffic: {rate: 50/s, duration: 9s}\nstack:\n"
TOTAL, ATTEMPT = "  - timeout: {id: total, after: 4s}\n", "  - timeout: {id: attempt, after: 1500ms}\n"
RETRY = "  - retry: {attempts: 2, delay: 10ms}\n"
STACKS = (
    TOTAL + "  - retry: {attempts: 4, delay: 100ms, backoff: exponential, max_delay: 2s, jitter: 20%}\n"
    "  - circuit_breaker: {failure_threshold: 5, recovery_time: 20s}\n"
    "  - bulkhead: {max_concurrent: 12, queue: 3}\n" + ATTEMPT,
    "  - retry: {attempts: 3, delay: 25ms, backoff: exponential, jitter: full}\n",
    "  - retry: {attempts: 1, delay: 0s}\n" + ATTEMPT,
    TOTAL + RETRY,
    TOTAL + ATTEMPT,
    RETRY + "  - timeout: {id: attempt, after: 40s}\n",
    TOTAL + "  - hedge: {delay: 200ms, max_extra: 1}\n" + ATTEMPT,
    "  - circuit_breaker: {failure_threshold: 20%, window: 5s, min_calls: 10, recovery_time: 100ms}\n"
    "  - timeout: {id: attempt, after: 4s}\n",
    "  - circuit_breaker: {failure_threshold: 35%, window: 40, min_calls: 15, recovery_time: 12s, probes: 6}\n"
    + ATTEMPT,
    RETRY + "  - bulkhead: {max_concurrent: 4, queue: 2, max_wait: 500us}\n  - timeout: {after: 5ms}\n",
)


def plan(stack: str) -> Plan:
    return load_text(HEAD + stack, "s.yaml", files={}).plan


def read(text: str, to: str) -> Imported:
    opened = open_config(FORMATS[to].file_name, text)
    assert opened is not None
    file, name = opened
    assert name == to
    return convert(file, name, choose(instance_names(file, name), None, name))


@pytest.mark.parametrize("to", WRITTEN)
def test_what_is_exported_is_accepted_and_read_back(to: str):
    for stack in STACKS:
        found = read(write(plan(stack), to).text, to)
        assert [each.message for each in found.findings if each.severity == "error"] == [], stack
        again = read(write(plan_of(found), to).text, to)
        assert nameless(plan_of(again)) == nameless(plan_of(found)), stack


def nameless(plan: Plan) -> list[PolicyConfig]:
    return [replace(each, id="") for each in plan.stack]


def exported(stack: str, to: str) -> tuple[str, str]:
    written = write(plan(stack), to)
    return written.text, "\n".join(written.notes)


def test_the_handler_of_dotnet_gets_no_values_that_its_validation_refuses():
    """HttpStandardResilienceOptionsCustomValidator; Polly's ranges: a break lasts from 500 ms."""
    text, notes = exported(TOTAL + RETRY, "dotnet")
    assert '"AttemptTimeout": {\n      "Timeout": "00:00:04"' in text
    assert "the attempt timeout: its default is longer than the total one" in notes
    text, notes = exported(STACKS[7], "dotnet")
    assert '"SamplingDuration": "00:00:08"' in text
    assert '"BreakDuration": "00:00:00.500"' in text
    assert notes.count("was written") == 2


def test_a_client_of_micronaut_gets_its_timeout_of_the_whole_by_that_name():
    """HttpClientConfiguration: ``request-timeout``, by default a second above ``read-timeout``."""
    text, _ = exported(TOTAL + RETRY, "micronaut")
    assert "request-timeout: 4s" in text
    assert "read-timeout" not in text
    text, notes = exported(TOTAL + ATTEMPT, "micronaut")
    assert ("request-timeout: 4s" in text, "read-timeout: 1500ms" in text) == (True, True)
    assert "all the format has" not in notes
    assert "acquire-timeout: 500000ns" in exported(STACKS[-1], "micronaut")[0]


def test_no_retries_of_istio_stand_alone():
    """ValidateHTTPRetries: nothing may stand beside ``attempts: 0``; a timeout of each try is one of the route then."""
    text, _ = exported(STACKS[2], "istio")
    assert "    timeout: 1500ms\n    retries: {attempts: 0}\n" in text


def test_jitter_of_resilience4j_stays_below_one():
    """IntervalFunction.checkRandomizationFactor: ``>= 1.0`` is refused."""
    text, notes = exported(STACKS[1], "resilience4j")
    assert "randomizedWaitFactor: 0.99" in text
    assert "plus or minus 99 %" in notes


def test_writing_polly_s_default_for_retry_after_changes_nothing():
    """HttpRetryStrategyOptions.ShouldRetryAfterHeader is true by default: a file may say so, and has Polly's rules."""
    text = '{"A": {"AttemptTimeout": {"Timeout": "00:00:02"}, "Retry": {"MaxRetryAttempts": 2MORE}}}'
    plans = [
        plan_of(read(text.replace("MORE", f', "ShouldRetryAfterHeader": {each}'), "dotnet"))
        for each in ("true", "false")
    ]
    assert plans[0].stack == plan_of(read(text.replace("MORE", ""), "dotnet")).stack
    heeding = [each for plan in plans for each in plan.stack if isinstance(each, LikeRetryConfig)]
    assert [(each.like, each.heeds_hint) for each in heeding] == [("polly", True), ("polly", False)]


@pytest.mark.parametrize("to", ["envoy", "istio"])
def test_a_share_of_retries_above_all_is_written_as_all(to: str):
    text, lost = exported("  - retry: {attempts: 3, budget: 300%}\n", to)
    assert re.search(r"(budget_percent: \{value|retryBudget: \{percent): 100\}", text)
    assert "the part of the budget above 100%" in lost
