"""Policies under a library's rules are asked for in its own names: shown as they are set, changed, added, repeated."""

from __future__ import annotations

import pytest

from resilience_sim.play.dialogs import Choose, Form
from resilience_sim.play.forms import POLICIES, FormError, libraries, policy_fields, read_policy
from resilience_sim.play.session import Session
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.breaker import LikeBreakerConfig
from resilience_sim.settings.retry import LikeRetryConfig

from .lab import Driver, drive, play, session

PAIRS = [(kind, like) for kind in POLICIES for like in libraries(kind)]
NEVER_READ_BACK = {"timeout", "bulkhead"}  # libraries differ in names and defaults only: the settings are ours


@pytest.mark.parametrize(("kind", "like"), PAIRS, ids=[f"{kind}-{like}" for kind, like in PAIRS])
def test_every_librarys_form_can_be_accepted_as_it_is_and_reads_back(kind: str, like: str) -> None:
    fields = policy_fields(kind, like=like)
    assert "like" not in {field.key for field in fields}
    assert not {field.key for field in fields} & {"recovery_time", "honor_retry_after", "max_elapsed"}
    assert all(field.about for field in fields)
    policy = read_policy(kind, {"like": like, **{field.key: field.value for field in fields}}, "it")
    settings = policy_settings(policy)
    again = policy_fields(kind, policy)
    answers = {field.key: field.value for field in again}
    assert read_policy(kind, {"like": settings.get("like", ""), **answers}, "it") == policy
    if kind not in NEVER_READ_BACK and "like" in settings:
        assert [field.key for field in again] == [field.key for field in fields]


def test_our_own_forms_do_not_list_the_names_of_libraries() -> None:
    for kind in POLICIES:
        names = {field.key for field in policy_fields(kind)}
        assert names == {name.lower() for name in names} - {"stop", "wait", "fail_max", "max_executions"}
    assert {field.key for field in policy_fields("timeout")} == {"after", "cancels_work", "passes_on"}


@pytest.mark.parametrize("name", ["library-breakers"])
def test_the_policies_of_shipped_variants_read_back(name: str) -> None:
    found = 0
    for variant in load(name).variants:
        for policy in variant.plan.stack:
            answers = {field.key: field.value for field in policy_fields(policy.kind, policy)}
            like = policy_settings(policy).get("like", "")
            assert read_policy(policy.kind, {"like": like, **answers}, policy.id) == policy
            found += bool(like)
    assert found


def test_a_mistake_is_said_in_the_librarys_words() -> None:
    with pytest.raises(FormError, match="integer") as caught:
        read_policy("retry", {"like": "grpc", "maxAttempts": "many"}, "it")
    assert caught.value.field == "maxAttempts"


def library_session() -> Session:
    text = """
resim: 1
service: {latency: 50ms, workers: 10, failure_rate: 30%}
traffic: {rate: 20/s, duration: 40s}
stack:
  - retry: {like: grpc, maxAttempts: 2}
  - circuit_breaker: {like: pybreaker, fail_max: 8, reset_timeout: 5s}
"""
    scenario = load_text(text, "libraries.yaml")
    s = play(Session(scenario, Simulation(scenario.plan, 1, [])), 10)
    s.paused = True
    return s


def test_a_librarys_policy_is_changed_by_key_and_does_so_again() -> None:
    """Other settings under the same rules; from the keys to the digest of a replay."""
    s = library_session()

    async def check(d: Driver) -> None:
        await d.press("p", "down", "enter")
        assert isinstance(d.app.screen, Form)
        assert d.app.screen.answers()["fail_max"] == "8"
        await d.press("backspace", "x", "enter")
        assert isinstance(d.app.screen, Form)
        assert d.app.screen.focused is not None
        assert d.app.screen.focused.id == "f-fail_max"
        await d.press("backspace", "3", "enter")
        policy = d.state.session.run.plan.stack[1]
        assert isinstance(policy, LikeBreakerConfig)
        assert policy.consecutive == 3
        assert "fail_max 3" in d.text()

    drive(check, s)
    s.speed = float("inf")
    play(s, 1e9)
    again = Simulation(s.run.source.plan, 1, s.run.actions)
    drain(again)
    assert again.digest() == s.run.source.digest()


def test_a_librarys_policy_is_added_by_key() -> None:
    s = play(session(), 10)

    async def check(d: Driver) -> None:
        await d.press("space", "a", "enter")
        assert isinstance(d.app.screen, Choose)
        at = libraries("retry").index("stamina") + 1
        await d.press(*["down"] * at, "enter")
        assert isinstance(d.app.screen, Form)
        assert "wait_initial" in d.app.screen.answers()
        await d.press("enter")
        policy = d.state.session.run.plan.stack[0]
        assert isinstance(policy, LikeRetryConfig)
        assert policy.like == "stamina"

    drive(check, s)
