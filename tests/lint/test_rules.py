"""Every rule both ways, and every number against a simulation of the scenario that shows it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from lint.cases import CASES, found_in, seen, text_of
from resilience_sim.lint.check import subjects
from resilience_sim.lint.finding import ERROR
from resilience_sim.lint.look import parts
from resilience_sim.lint.pages import RULES
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text


def test_every_rule_has_a_case_and_a_page():
    """No rule goes untested or unexplained."""
    assert [rule.code for rule in RULES] == sorted(CASES)
    assert all(len(rule.page) > 100 and rule.title for rule in RULES)


def test_a_rule_says_how_grave_its_hits_can_be() -> None:
    """Tuning asks only those that may call something an error."""
    for rule in RULES:
        may = rule.severity == ERROR or "ERROR" in names_in(rule.check)
        assert (rule.worst == ERROR) == may, rule.code


def names_in(function: Callable[..., object]) -> set[str]:
    """Those that it uses, and those that functions of lint use for it."""
    found: set[str] = set()
    left = [function]
    while left:
        one = inspect.unwrap(left.pop())
        for name in set(one.__code__.co_names) - found:
            found.add(name)
            other = one.__globals__.get(name)
            if callable(other) and getattr(other, "__module__", "").startswith("resilience_sim.lint.rules"):
                left.append(other)
    return found


@pytest.mark.parametrize("code", sorted(CASES))
def test_fires_with_exact_numbers(code: str):
    """The scenario has exactly this finding once, with its numbers, its place and a remedy."""
    case = CASES[code]
    found = found_in(text_of(code), code)
    assert len(found) == 1, found
    finding = found[0]
    for name, value in case.expected.items():
        assert finding.numbers[name] == pytest.approx(value, rel=1e-4), name
    assert finding.severity == case.severity
    assert bool(finding.assumes) == case.assumes
    assert finding.line
    assert finding.col
    assert finding.remedy
    assert any(letter.isdigit() for letter in finding.message) or code == "RL009"


@pytest.mark.parametrize("code", sorted(CASES))
def test_falls_silent(code: str):
    """One change, the one that the remedy suggests, and the finding is gone."""
    old, new = CASES[code].calm
    text = text_of(code)
    assert text.count(old) == 1
    assert found_in(text.replace(old, new), code) == []


@pytest.mark.parametrize("code", sorted(CASES))
def test_a_simulation_shows_it(code: str):
    """What was computed is what happens."""
    numbers = found_in(text_of(code), code)[0].numbers
    assert CASES[code].shows(numbers, seen(code))


def test_a_breaker_that_is_blind_never_opens():
    """RL009 in its exact forms: a fallback inside, or every failure ignored."""
    base = text_of("RL009")
    blind = base.replace("min_calls: 100", "ignore: [error, unavailable, timeout, refused, reset, shed]")
    assert "all 6 ways" in found_in(blind, "RL009")[0].message
    hidden = base.replace("min_calls: 100}", "min_calls: 10}\n  - fallback")
    assert "`fallback` inside it" in found_in(hidden, "RL009")[0].message


DEALT = """
resim: 1
service: {{latency: 40ms, workers: 100}}
client: {{instances: 10, spread: {spread}}}
traffic: {{rate: 200/s, duration: 2m, deadline: 5s}}
faults: [{{outage: {{at: 0s, for: 1h, how: error}}}}]
stack:
  - circuit_breaker: {{failure_threshold: 40%, window: 4s, min_calls: 100, recovery_time: 15s}}
  - timeout: {{after: 1s}}
"""


@pytest.mark.parametrize(
    ("spread", "severity", "opens"), [("round_robin", "error", False), ("random", "warning", True)]
)
def test_instances_that_take_turns_get_even_shares(spread: str, severity: str, opens: bool):
    """RL009: 80 calls a window, 100 needed. Every tenth arrival deviates by 2.8, not by 8.9; the simulation agrees."""
    text = DEALT.format(spread=spread)
    (found,) = found_in(text, "RL009")
    assert found.severity == severity
    assert ("can never open" in found.message) == (not opens)
    assert bool(simulate(load_text(text, "s.yaml").plan, 1).metrics["opened"].value) == opens


def test_a_timeout_outside_the_breaker():
    """RL009: called-off calls prove nothing to it; a library that counts them opens. Both as simulated."""
    text = """
resim: 1
service: {latency: 20ms}
traffic: {rate: 10/s, duration: 20s}
faults: [{outage: {at: 2s, for: 15s, how: hang}}]
stack: [{timeout: {after: 1s}}, {circuit_breaker: {failure_threshold: 3}}]
"""
    counting = text.replace("failure_threshold: 3", "like: gobreaker, failure_threshold: 3")
    assert "stands outside" in found_in(text, "RL009")[0].message
    assert found_in(text, "RL009")[0].assumes
    assert found_in(counting, "RL009") == []
    for source, opened in ((text, 0), (counting, 1)):
        plan = load_text(source, "s.yaml").plan
        assert (simulate(plan, 1).metrics["opened"].value or 0) >= opened
        assert bool(simulate(plan, 1).metrics["opened"].value) == bool(opened)


def test_hedged_posts_and_stopped_work():
    """RL017 where no timeout is involved, and silent where the timeout stops B's work."""
    text = text_of("RL017")
    hedged = text.replace("retry: {attempts: 3, delay: 100ms, jitter: full}", "hedge: {delay: 100ms}")
    assert "both are executed" in found_in(hedged, "RL017")[0].message
    assert found_in(text.replace("after: 1s", "after: 1s, cancels_work: true"), "RL017") == []


def test_libraries_are_looked_at_through_the_same_rules():
    """A stack under libraries' rules has the findings of its generic twin."""
    for code in ("RL005", "RL007", "RL011"):
        assert found_in(text_of(code), code)
    text = text_of("RL011").replace(
        "failure_threshold: 4, recovery_time: 1s", "like: pybreaker, fail_max: 4, reset_timeout: 1s"
    )
    (twin,), (found,) = found_in(text_of("RL011"), "RL011"), found_in(text, "RL011")
    assert found.numbers["per_hour"] == pytest.approx(twin.numbers["per_hour"])
    text = text_of("RL003").replace("attempts: 4, delay: 100ms", "like: gobreaker")  # no such retry: refused as ever
    with pytest.raises(ScenarioError):
        found_in(text, "RL003")


ANSWERED = """
resim: 1
service: {{latency: {{p50: 50ms, p99: 300ms}}, failure_rate: 20%, {failure}}}
operation: {{method: POST}}
traffic: {{rate: 20/s, requests: 5000}}
stack:
  - retry: {{attempts: 3, delay: 100ms, {on}}}
  - timeout: {{after: 200ms}}
"""


@pytest.mark.parametrize(
    ("failure", "on", "after"),
    [
        ("failure: lost_response, lost_answer: unavailable", "", "`unavailable` (service.lost_answer)"),
        ("failure: lost_response, lost_answer: reset", "", "`reset` (service.lost_answer)"),
        ("failure: lost_response, lost_answer: reset", "on: [reset]", "`reset` (service.lost_answer)"),
        ("failure: lost_response, lost_answer: client_error", "", "a timeout"),
        ("failure: client_error", "", "a timeout"),
        ("failure: unavailable", "on: [timeout]", "a timeout"),
    ],
)
def test_posts_executed_twice_whatever_hides_it(failure: str, on: str, after: str):
    """RL017: an error that somebody else gives for a lost answer; what is retried decides. As simulated."""
    text = ANSWERED.format(failure=failure, on=on).replace(", }", "}")
    (found,) = found_in(text, "RL017")
    assert f"retried after {after}, when" in found.message
    duplicates = simulate(load_text(text, "s.yaml").plan, 3).metrics["duplicates"].value
    expected = found.numbers["duplicates_per_request"] * 5000
    assert duplicates == pytest.approx(expected, abs=4 * expected**0.5)


def test_a_lost_answer_that_somebody_gives_is_no_hang():
    """RL004, RL012: an error at once holds nobody; a silent one does."""
    text = """
resim: 1
service: {latency: 20ms}
traffic: {rate: 10/s, duration: 20s}
faults: [{lost_responses: {at: 2s, for: 15s}}]
stack: [{circuit_breaker: {failure_threshold: 3}}]
"""
    for code in ("RL004", "RL012"):
        assert found_in(text, code)[0].severity == "error"
        told = found_in(text.replace("for: 15s", "for: 15s, answer: unavailable"), code)
        assert told[0].severity == "warning"


@pytest.mark.parametrize(
    ("breaker", "opens"),
    [("failure_threshold: 4", False), ("failure_threshold: 4, on: [client_error]", True), ("like: dapr", True)],
)
def test_client_errors_open_a_breaker_only_if_listed(breaker: str, opens: bool):
    """RL011: six in ten are answered 404."""
    text = f"""
resim: 1
service: {{latency: 5ms, failure_rate: 60%, failure: client_error}}
traffic: {{rate: 5/s, duration: 60s}}
stack: [{{circuit_breaker: {{{breaker}}}}}]
"""
    assert bool(found_in(text, "RL011")) == opens
    assert bool(simulate(load_text(text, "s.yaml").plan, 1).metrics["opened"].value) == opens


@pytest.mark.parametrize(
    ("operation", "retry", "said"),
    [
        ("[{share: 60%}, {method: POST}]", "", "requests carry no idempotency key"),
        ("[{share: 60%, method: POST}, {method: POST, idempotency_key: true}]", "", "some carry no idempotency key"),
        ("[{share: 60%, method: POST}, {method: POST, idempotency_key: true}]", ", only_idempotent: true",
         "B does not deduplicate keys"),
        ("[{share: 60%, method: PUT}, {method: POST}]", ", only_idempotent: true", ""),
    ],
)  # fmt: skip
def test_of_several_operations_only_posts_are_executed_twice(operation: str, retry: str, said: str):
    """RL017: the share of the POSTs that are tried again; as simulated."""
    text = f"""
resim: 1
service: {{latency: {{p50: 50ms, p99: 300ms}}}}
operation: {operation}
traffic: {{rate: 20/s, requests: 5000}}
stack:
  - retry: {{attempts: 3, delay: 100ms{retry}}}
  - timeout: {{after: 120ms}}
"""
    found = found_in(text, "RL017")
    duplicates = simulate(load_text(text, "s.yaml").plan, 3).metrics["duplicates"].value
    assert bool(found) == bool(said) == bool(duplicates)
    if found:
        assert said in found[0].message
        expected = found[0].numbers["duplicates_per_request"] * 5000
        assert duplicates == pytest.approx(expected, abs=4 * expected**0.5)


def test_a_retry_that_tries_nothing_again_is_no_retry():
    """RL014, RL016: all requests are POSTs without a key."""
    for code in ("RL014", "RL016"):
        text = text_of(code)
        posts = text.replace("traffic:", "operation: {method: POST}\ntraffic:", 1)
        assert found_in(posts, code)
        assert found_in(posts.replace("attempts:", "only_idempotent: true, attempts:"), code) == []


def test_a_shared_breaker_counts_the_calls_of_all_instances():
    """RL009, RL026: what one of ten instances never sees, all together do. As simulated."""
    text = DEALT.format(spread="round_robin")
    together = text.replace("recovery_time: 15s", "recovery_time: 15s, shared: true")
    assert found_in(text, "RL009")[0].severity == "error"
    assert found_in(together, "RL009") == []
    assert simulate(load_text(together, "s.yaml").plan, 1).metrics["opened"].value
    limited = DEALT.format(spread="round_robin").replace("faults:", "x-faults:").split("x-faults")[0] + (
        "stack: [{rate_limiter: {limit: 100/s}}, {timeout: {after: 1s}}]\n"
    )
    assert found_in(limited, "RL026") == []
    shared = limited.replace("limit: 100/s", "limit: 100/s, shared: true")
    (found,) = found_in(shared, "RL026")
    assert "for all client instances" in found.message
    rejected = simulate(load_text(shared, "s.yaml").plan, 1).document["requests"]["by_outcome"]["rate_limited"]
    assert rejected == pytest.approx(found.numbers["rejected"] * 24_000, rel=0.02)


@pytest.mark.parametrize(
    ("code", "policy", "enough", "short"),
    [
        ("RL020", "bulkhead: {max_concurrent: %s}", "10", "9"),
        ("RL026", "rate_limiter: {limit: %s/s, burst: 1}", "100", "90"),
    ],
)
def test_what_lets_all_through_that_b_can_do_is_no_mistake(code: str, policy: str, enough: str, short: str) -> None:
    """300/s arrive and B can do 100/s: a smaller bulkhead or limit keeps B from work that it could do."""
    text = "resim: 1\nname: x\nservice: {latency: 100ms, workers: 10}\ntraffic: {rate: 300/s, requests: 600}\n"
    assert found_in(text + "stack: [{" + policy % enough + "}]\n", code) == []
    (found,) = found_in(text + "stack: [{" + policy % short + "}]\n", code)
    assert found.severity == "error"


def test_a_fallback_hides_failures_from_a_library_that_would_see_4xx_too():
    """RL023: resilience4j tries 4xx again, which the fallback leaves alone; that matters where B answers so."""
    text = text_of("RL023").replace("retry: {attempts: 3, delay: 100ms, jitter: full}", "retry: {like: resilience4j}")
    assert text != text_of("RL023")
    assert found_in(text, "RL023")
    answering = text.replace("failure_rate:", "failure: client_error, failure_rate:")
    assert answering != text
    assert not found_in(answering, "RL023")


def test_a_rule_is_silent_without_the_policies_it_is_about():
    """So that it need not be asked there."""
    asked = 0
    for code in CASES:
        for whole in subjects(text_of(code), "x.yaml", ()):
            for subject in parts(whole):
                kinds = {config.kind for config in subject.stack}
                for rule in RULES:
                    if not rule.of_graph and not rule.about <= kinds:
                        asked += 1
                        assert not list(rule.check(subject)), (code, rule.code)
    assert asked > 300
