"""Settings back to text: whatever a scenario file can say of a policy or a fault, it can say again, exactly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from resilience_sim.policies.rules import native
from resilience_sim.policies.rules.native import Param
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.resolve_like import TABLES
from resilience_sim.scenario.spelling import duration, flow, number, plain, quoted, rate, share
from resilience_sim.scenario.write import fault_text, policy_settings, policy_text

HEAD = "resim: 1\nservice: {workers: 9, replicas: 9}\ntraffic: {rate: 1/s, duration: 1h}\n"
MANY = settings(max_examples=60, deadline=None)

TIMES = st.one_of(
    st.sampled_from([0, 1, 200_000_000, 500_000_000, 10**9, 10**10, 60 * 10**9, 90 * 10**9]), st.integers(0, 10**13)
)
SHARES = st.one_of(st.sampled_from([0.07, 0.1, 0.29, 0.5, 1.0]), st.floats(0, 1).filter(lambda x: not 0 < x < 1e-15))
COUNTS = st.one_of(st.integers(1, 9), st.integers(1, 1_000_000))
BIG = st.one_of(st.sampled_from([1.0, 1.5, 2.0, 3.0]), st.floats(1, 1e6))
OUTCOMES = st.lists(st.sampled_from(["error", "unavailable", "rate_limited", "timeout", "reset", "shed"]), unique=True)
SECONDS = st.one_of(st.sampled_from([0, 1, 2, 0.1, 0.3]), st.floats(0, 1e5), st.integers(0, 100_000))

some_time = TIMES.filter(bool).map(duration)
any_time = TIMES.map(duration)
some_share = SHARES.filter(bool).map(share)
any_share = SHARES.map(share)
flags = st.booleans().map(plain)
counts = COUNTS.map(str)
factors = BIG.map(number)


def keys(needed: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, str]]:
    """A body: these keys, and any of those."""
    return st.fixed_dictionaries(needed, optional=optional)


def one(text: Any, like: str = "") -> st.SearchStrategy[str]:
    """Words as they are."""
    return st.sampled_from(text) if isinstance(text, list) else st.just(text)


BUDGETS = st.one_of(
    any_share,
    keys({"kind": one("token_bucket")}, {"capacity": factors, "deposit": SHARES.map(number),
         "deposit_on": one(["call", "success"]), "cost": factors}).map(flow),
    keys({"kind": one("failure_rate")}, {"threshold": any_share, "window": st.one_of(one("all"), counts, some_time),
         "counts": one(["first_tries", "attempts"])}).map(flow),
    keys({"kind": one("finagle")}, {"ttl": some_time, "minRetriesPerSec": factors,
         "percentCanRetry": SHARES.map(number)}).map(flow),
    keys({"kind": one("envoy")}, {"budget_percent": st.floats(0, 100).map(number),
         "min_retry_concurrency": counts}).map(flow),
    keys({"kind": one("failsafe-go")}, {"maxRate": SHARES.map(number), "minConcurrency": counts}).map(flow),
    keys({"kind": one("grpc")}, {"maxTokens": factors, "tokenRatio": BIG.map(number)}).map(flow),
    keys({"kind": one("aws")}, {"mode": one(["standard", "adaptive", "'2026'"]), "capacity": factors}).map(flow),
)  # fmt: skip
OURS: dict[str, st.SearchStrategy[dict[str, str]]] = {
    "retry": keys({}, {
        "attempts": st.integers(1, 10_000).map(str), "delay": any_time, "factor": factors, "max_delay": some_time,
        "backoff": one(["constant", "linear", "exponential", "decorrelated"]), "honor_retry_after": flags,
        "jitter": st.one_of(one(["none", "full", "equal"]), any_share), "max_elapsed": some_time, "budget": BUDGETS,
        "on": OUTCOMES.map(plain),
    }),
    "circuit_breaker": keys({}, {
        "failure_threshold": st.one_of(counts, some_share), "window": st.one_of(counts, some_time), "probes": counts,
        "min_calls": counts, "recovery_time": any_time, "success_threshold": counts, "slow_call": some_time,
        "slow_threshold": some_share, "ignore": OUTCOMES.map(plain),
        "backoff": st.one_of(one(["2x", "constant"]), keys({}, {"factor": factors, "max": some_time}).map(flow)),
    }),
    "timeout": keys({"after": some_time}, {"cancels_work": flags}),
    "bulkhead": keys({"max_concurrent": counts}, {"queue": counts, "max_wait": any_time}),
    "rate_limiter": keys({"limit": st.one_of(one(["50/s", "600/min", "5/100ms", "1/3h"]), BIG.map(rate))}, {
        "burst": counts, "max_wait": any_time, "kind": one(["token_bucket", "fixed_window", "smooth"])}),
    "hedge": keys({"delay": any_time}, {"max_extra": st.integers(1, 1000).map(str), "cancels_loser": flags}),
    "fallback": keys({}, {"latency": any_time}),
    "throttle": keys({}, {"k": factors, "window": some_time}),
}  # fmt: skip
EXPRESSIONS = {
    "ReadyToTrip": one(["ConsecutiveFailures >= 3", "Requests >= 10 and TotalFailures / Requests >= 0.6"]),
    "trip": one(["consecutiveFailures > 7"]),
    "BreakDurationGenerator": one(["5 * 2 ** n", "min(60, 3 * (n + 1))"]),
}


def _nested(leaves: list[st.SearchStrategy[Any]], words: list[str]) -> st.SearchStrategy[Any]:
    """A tree of tenacity's."""
    inside = st.one_of(*leaves)
    return st.one_of(
        inside,
        st.fixed_dictionaries({"kind": st.sampled_from(words), "of": st.lists(inside, min_size=1, max_size=3)}),
    )


def _kind(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"kind": st.just(name)}, optional=fields)


STOPS = _nested(
    [_kind("never"), _kind("after_attempt", value=st.integers(1, 99)), _kind("stop_after_delay", value=SECONDS),
     _kind("before_delay", value=SECONDS)], ["any", "all"],
)  # fmt: skip
WAITS = _nested(
    [_kind("none"), _kind("fixed", seconds=SECONDS), _kind("random", min=SECONDS, max=SECONDS),
     _kind("incrementing", start=SECONDS, increment=SECONDS, max=SECONDS),
     _kind("wait_exponential", multiplier=SECONDS, exp_base=BIG, max=SECONDS, min=SECONDS),
     _kind("random_exponential", multiplier=SECONDS, max=SECONDS), _kind("retry_after", default=SECONDS),
     _kind("exponential_jitter", initial=SECONDS, jitter=SECONDS, max=SECONDS)], ["sum", "chain"],
)  # fmt: skip


def value(param: Param) -> st.SearchStrategy[str]:
    """Any value that a library's parameter takes."""
    if param.name in EXPRESSIONS:
        return EXPRESSIONS[param.name].map(quoted)
    if param.name in ("stop", "wait"):
        return (STOPS if param.name == "stop" else WAITS).map(plain)
    if param.takes == native.MAPPING:
        return st.fixed_dictionaries({name: value(Param(name, takes, None)) for name, takes in param.keys}).map(flow)
    least = param.least
    return {
        native.TIME: any_time,
        native.PERCENT: st.one_of(st.integers(0, 100), st.floats(0, 100)).map(number),
        native.SHARE: SHARES.map(number),
        native.NUMBER: BIG.map(number),
        native.COUNT: st.integers(int(least), int(least) + 9).map(str) | st.integers(int(least), 10**9).map(str),
        native.FLAG: flags,
        native.TEXT: st.sampled_from([quoted(word) for word in param.words or ("x",)]),
    }[param.takes]


def like(kind: str, library: str) -> st.SearchStrategy[dict[str, str]]:
    """A policy under a library's rules: its own parameters, and what any of its kind may have."""
    more: dict[str, Any] = {
        "retry": {"on": OUTCOMES.map(plain), "budget": BUDGETS},
        "circuit_breaker": {"ignore": OUTCOMES.map(plain)},
        "timeout": {"cancels_work": flags},
    }
    params = {param.name: value(param) for param in TABLES[kind][library]}
    if library == "envoy":
        more = {"retry": more["retry"]}
    return keys({"like": st.just(library)}, {**more.get(kind, {}), **params})


def reread(kind: str, body: dict[str, str], ident: str = "mine") -> None:
    """Read, write, read: the same settings."""
    text = HEAD + "stack:\n  - " + f"{kind}: {flow({'id': quoted(ident), **body})}\n"
    try:
        policy = load_text(text, "x.yaml").plan.stack[0]
    except ScenarioError:
        assume(False)
    again = load_text(HEAD + f"stack:\n  - {policy_text(policy)}\n", "x.yaml").plan.stack[0]
    assert again == policy, policy_text(policy)


@pytest.mark.parametrize("kind", OURS)
def test_our_own_policies(kind: str) -> None:
    @MANY
    @given(OURS[kind])
    def holds(body: dict[str, str]) -> None:
        reread(kind, body)

    holds()


@pytest.mark.parametrize(("kind", "library"), [(kind, library) for kind, table in TABLES.items() for library in table])
def test_the_policies_of_every_library(kind: str, library: str) -> None:
    @MANY
    @given(like(kind, library))
    def holds(body: dict[str, str]) -> None:
        reread(kind, body)

    holds()


@pytest.mark.parametrize("kind", [kind for kind in OURS if kind in TABLES])
def test_our_names_under_the_rules_of_a_library(kind: str) -> None:
    """Where it has such a thing."""

    @settings(max_examples=100, deadline=None)
    @given(OURS[kind], st.data())
    def holds(body: dict[str, str], data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(body)), max_size=2)) if body else set()
        library = data.draw(st.sampled_from(sorted(TABLES[kind])))
        reread(kind, {"like": library, **{name: body[name] for name in sorted(chosen)}})

    holds()


@MANY
@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z")), min_size=1, max_size=9))
def test_any_name(ident: str) -> None:
    assume(not set(ident) & set(".=, "))
    reread("retry", {"attempts": "2"}, ident)


def test_a_library_is_written_by_its_own_names_and_without_its_defaults() -> None:
    """So that what somebody wrote can be recognised."""
    body = "{like: polly, FailureRatio: 0.25, BreakDuration: 5s, min_calls: 20}"
    policy = load_text(HEAD + f"stack:\n  - circuit_breaker: {body}\n", "x.yaml").plan.stack[0]
    assert policy_settings(policy) == {"like": "polly", "FailureRatio": "0.25", "MinimumThroughput": "20"}


FAULTS: dict[str, st.SearchStrategy[dict[str, str]]] = {
    "outage": keys({}, {"how": one(["refuse", "hang", "error", "reset"])}),
    "brownout": keys({}, {"workers": any_share, "slower": BIG.map(lambda x: f"{number(x)}x"),
                          "failure_rate": any_share}),
    "latency": keys({"add": some_time}, {}),
    "errors": keys({}, {"rate": some_share, "status": one(["500", "503", "429", "404"])}),
    "lost_responses": keys({}, {"rate": some_share}),
    "rate_limit": keys({"limit": BIG.map(rate)}, {"retry_after": some_time}),
    "cold_cache": keys({"slower": BIG.map(lambda x: f"{number(x)}x"), "half_life": some_time}, {}),
    "crash_replica": keys({}, {}),
    "spike": keys({"rate": BIG.map(lambda x: f"{number(x)}x")}, {}),
}  # fmt: skip
COMMON = keys(
    {"at": any_time, "for": some_time},
    {"share": some_share, "of": one(["attempts", "requests"]), "replica": st.integers(1, 9).map(str)},
)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault(kind: str) -> None:
    @MANY
    @given(COMMON, FAULTS[kind])
    def holds(common: dict[str, str], own: dict[str, str]) -> None:
        text = HEAD + f"faults:\n  - {kind}: {flow({**common, **own})}\n"
        fault = load_text(text, "x.yaml").plan.faults[0]
        assert load_text(HEAD + f"faults:\n  - {fault_text(fault)}\n", "x.yaml").plan.faults[0] == fault

    holds()
