"""Retries and breakers of Java see exceptions, and its HTTP clients throw one for an answer of 4xx."""

from __future__ import annotations

import pytest

from resilience_sim.interop.formats import Imported, convert, open_config
from resilience_sim.interop.java_errors import sees_client_errors
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.plan import Plan


def imported(path: str, text: str, instance: str) -> tuple[Imported, Plan]:
    opened = open_config(path, text)
    assert opened is not None
    found = convert(*opened, instance)
    return found, load_text(found.text, "made.yaml").plan


def spring(retry: str, breaker: str) -> tuple[Imported, Plan]:
    text = f"""resilience4j:
  retry:
    instances:
      a: {{maxAttempts: 3{retry}}}
  circuitbreaker:
    instances:
      a: {{slidingWindowSize: 10{breaker}}}
"""
    return imported("application.yml", text, "a")


def seen(plan: Plan) -> list[bool]:
    from resilience_sim.kernel.events import CLIENT_ERROR

    return [CLIENT_ERROR in config.on for config in plan.stack]  # type: ignore[attr-defined]


def test_resilience4j_tries_an_answer_of_4xx_again_and_counts_it():
    found, plan = spring("", "")
    assert seen(plan) == [True, True]
    assert "Tried again are answers of 4xx, too" in found.text
    assert "Failures are answers of 4xx, too" in found.text


def test_lists_of_classes_that_leave_4xx_out_are_followed():
    spring_s = "org.springframework.web.client.HttpClientErrorException"
    found, plan = spring(f", ignoreExceptions: [{spring_s}]", f", ignoreExceptions: [{spring_s}]")
    assert seen(plan) == [False, False]
    assert "ignore: [client_error]" in found.text
    assert "answers of 4xx" not in found.text
    found, plan = spring(", retryExceptions: [java.io.IOException]", ", recordExceptions: [java.io.IOException]")
    assert seen(plan) == [False, False]
    assert "ignore:" not in found.text.partition("stack:")[2]  # what is not recorded is a success


def test_microprofile_has_it_the_same():
    text = "A/get/Retry/maxRetries=2\nA/get/CircuitBreaker/delay=1000\n"
    assert seen(imported("microprofile-config.properties", text, "A/get")[1]) == [True, True]
    text += "A/get/Retry/abortOn=javax.ws.rs.ClientErrorException\nA/get/CircuitBreaker/skipOn=java.lang.Exception\n"
    assert seen(imported("microprofile-config.properties", text, "A/get")[1]) == [False, False]


@pytest.mark.parametrize(
    ("listed", "excluded", "answer"),
    [
        ((), (), True),
        (("java.lang.Exception",), (), True),
        (("feign.FeignException$FeignClientException",), (), True),
        (("java.util.concurrent.TimeoutException",), (), False),
        ((), ("org.springframework.web.client.HttpClientErrorException$NotFound",), True),  # the others are left
        ((), ("feign.FeignException.FeignClientException.class",), False),
        (("java.lang.Throwable",), ("java.lang.RuntimeException",), False),
    ],
)
def test_classes_are_compared_by_their_simple_names(listed: tuple[str], excluded: tuple[str], answer: bool):
    assert sees_client_errors(listed, excluded) is answer
