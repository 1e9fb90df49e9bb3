"""Several operations: drawn per request, each with its effects, its money and its retries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab import b, bench, every, lab, post, retry, timeout

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.rng import OPERATION, KeyedRng
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.read.pieces import policy_from
from resilience_sim.settings.retry import LikeRetryConfig
from resilience_sim.settings.service import OperationConfig

READS = OperationConfig("GET", share=0.7)
PAYS = OperationConfig("POST", amount=25.0, share=0.3)


def mixed(*each: OperationConfig) -> OperationConfig:
    return OperationConfig(mix=each)


def operations(story) -> list[int]:
    return [ev.operation_of(event[4]) for event in story.of("arrive")]


# --- the draw ---


def test_each_request_draws_its_operation_by_its_own_luck():
    """Below 0.7 it reads; the luck is that of the request, whatever else happens to it."""
    rng = KeyedRng(1)
    story = lab(b("1ms"), every("1s", 300), operation=mixed(READS, PAYS))
    assert operations(story) == [int(rng.uniform(OPERATION, rid, 0) >= 0.7) for rid in range(300)]
    assert 60 < sum(operations(story)) < 120
    other = lab(b("50ms", failure_rate=0.5), every("1s", 300), [retry(3)], operation=mixed(READS, PAYS))
    assert operations(other) == operations(story)


def test_a_request_keeps_its_operation_when_shares_change():
    """From 30 % to 40 % of payments: those between the bounds change, nobody else does."""
    less = operations(lab(b(), every("1s", 300), operation=mixed(READS, PAYS)))
    more = operations(lab(b(), every("1s", 300), operation=mixed(replace(READS, share=0.6), replace(PAYS, share=0.4))))
    assert all(after >= before for before, after in zip(less, more, strict=True))
    assert 10 < sum(more) - sum(less) < 60


def test_one_operation_draws_nothing():
    """The same events as ever, and those of a list of one."""
    alone = lab(b("1ms"), every("1s", 5), operation=post())
    assert alone.digest == lab(b("1ms"), every("1s", 5), operation=mixed(post())).digest


def test_the_last_operation_takes_what_rounding_leaves():
    """Three thirds are a little less than one."""
    thirds = mixed(*[OperationConfig(method, share=1 / 3) for method in ("GET", "PUT", "POST")])
    assert set(operations(lab(b(), every("1ms", 500), operation=thirds))) == {0, 1, 2}


# --- effects and money ---


def test_effects_are_those_of_the_operation():
    """A GET has none, a PUT none the second time, a POST a duplicate; the ledger counts each apart."""
    each = mixed(*[OperationConfig(method, share=0.25) for method in ("GET", "PUT", "DELETE", "POST")])
    losing = b("10ms", failure_rate=1.0, failure="lost_response")
    story = lab(losing, every("1s", 200), [retry(2), timeout("100ms")], operation=each)
    kinds: dict[int, set[str]] = {0: set(), 1: set(), 2: set(), 3: set()}
    for event in story.of("effect"):
        kinds[ev.operation_of(event[4])].add(ev.EFFECT_NAMES[ev.effect_of(event[4])])
    assert kinds == {0: set(), 1: {"applied", "repeated"}, 2: {"applied", "repeated"}, 3: {"applied", "duplicate"}}
    effects, posts = story.document["effects"], operations(story).count(3)
    assert (effects["duplicates"], effects["applied"]) == (
        posts,
        2 * posts + operations(story).count(1) + operations(story).count(2),
    )
    by = effects["by_operation"]
    assert [one["method"] for one in by] == ["GET", "PUT", "DELETE", "POST"]
    assert [one["requests"] for one in by] == [operations(story).count(i) for i in range(4)]
    assert [one["duplicates"] for one in by] == [0, 0, 0, posts]
    assert by[3]["applied"] == 2 * posts


def test_each_operation_has_its_own_amount():
    """25 each, 4 each, nothing."""
    operation = mixed(
        OperationConfig("POST", amount=25.0, share=0.5), OperationConfig("PUT", amount=4.0, share=0.3),
        OperationConfig("POST", share=0.2),
    )  # fmt: skip
    story = lab(b("1ms"), every("1s", 100), operation=operation)
    counts = [operations(story).count(i) for i in range(3)]
    assert story.document["effects"]["amount_applied"] == 25.0 * counts[0] + 4.0 * counts[1]
    assert story.document["effects"]["applied"] == 100
    assert "by_operation" not in lab(b("1ms"), operation=post()).document["effects"]


def test_keys_are_those_of_the_operation():
    """B remembers; only one of two payments carries a key."""
    losing = b("10ms", failure_rate=1.0, failure="lost_response", deduplicate=True)
    both = mixed(OperationConfig("POST", True, share=0.5), OperationConfig("POST", share=0.5))
    story = lab(losing, every("1s", 60), [retry(2), timeout("100ms")], operation=both)
    keyed, bare = story.document["effects"]["by_operation"]
    assert (keyed["applied"], keyed["duplicates"]) == (keyed["requests"], 0)
    assert (bare["applied"], bare["duplicates"]) == (2 * bare["requests"], bare["requests"])


# --- only_idempotent ---


@pytest.mark.parametrize(
    ("method", "key", "tries"),
    [("GET", False, 3), ("PUT", False, 3), ("DELETE", False, 3), ("POST", True, 3), ("POST", False, 1)],
)
@pytest.mark.parametrize("library", ["", "polly", "resilience4j", "tenacity"])
def test_a_post_is_tried_again_only_with_a_key(method, key, tries, library):
    said = {"like": library, "only_idempotent": "true"} if library else {"attempts": "3", "only_idempotent": "true"}
    if library:
        said["attempts"] = "3"
    layer = policy_from("retry", said, "it")
    run = bench([layer], ["error"] * 9, operation=OperationConfig(method, key))
    assert len(run.sent()) == tries
    without = policy_from("retry", {**said, "only_idempotent": "false"}, "it")
    assert len(bench([without], ["error"] * 9, operation=OperationConfig(method, key)).sent()) == 3


def test_reads_are_retried_and_payments_are_not():
    """A mix: nobody pays twice, and the reads are rescued."""
    failing = b("10ms", failure_rate=0.3, failure="lost_response")
    careful = [retry(12, only_idempotent=True), timeout("100ms")]
    story = lab(failing, every("1s", 200), careful, operation=mixed(READS, PAYS))
    assert story.document["effects"]["duplicates"] == 0
    outcomes = list(zip(operations(story), story.outcomes, strict=True))
    assert {what for what, outcome in outcomes if outcome == "timeout"} == {1}
    careless = lab(failing, every("1s", 200), [retry(12), timeout("100ms")], operation=mixed(READS, PAYS))
    assert careless.document["effects"]["duplicates"] > 10


def test_a_budget_does_not_count_what_is_not_tried_again_as_worth_it():
    """gRPC's tokens are spent by retryable failures only."""
    tokens = {"attempts": "2", "budget": "{kind: grpc, maxTokens: 2, tokenRatio: 0.1}", "only_idempotent": "true"}
    layer = policy_from("retry", tokens, "it")
    run = bench([layer], ["error"] * 9, every("1s", 5), operation=post())
    assert run.of("retry_denied") == []


def test_methods_of_a_library_are_asked():
    """Only reads, except after a refused connection, as urllib3's allowed_methods."""
    made = policy_from("retry", {"like": "urllib3", "total": "2"}, "it")
    assert isinstance(made, LikeRetryConfig)
    layer = replace(made, methods=("GET",), on_any_method=(ev.REFUSED,))
    for method, outcome, tries in [("GET", "reset", 3), ("POST", "reset", 1), ("POST", "refused", 3)]:
        assert len(bench([layer], [outcome] * 9, operation=OperationConfig(method)).sent()) == tries


def test_it_may_be_changed_while_it_runs():
    """From 5 s on payments are not tried again."""
    text = """
resim: 1
service: {latency: 10ms, failure_rate: 100%}
operation: {method: POST}
traffic: {rate: 1/s, arrivals: even, requests: 10}
stack: [{retry: {attempts: 2}}]
changes: [{at: 4500ms, set: {retry.only_idempotent: true}}]
"""
    from lab import run

    story = run(load_text(text, "s.yaml").plan)
    assert [len(story.sent(rid)) for rid in range(10)] == [2] * 5 + [1] * 5
