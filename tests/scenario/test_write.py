"""Settings back to text: whatever a scenario file can say of a policy or a fault, it can say again, exactly."""

from __future__ import annotations

import pytest
import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.text.spelling import flow, quoted
from resilience_sim.scenario.write import fault_text, policy_settings, policy_text
from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.registry import POLICIES

HEAD = "resim: 1\nservice: {workers: 9, replicas: 9}\ntraffic: {rate: 1/s, duration: 1h}\n"
MANY = settings(max_examples=20, deadline=None)


def reread(kind: str, body: dict[str, str], ident: str = "mine") -> None:
    """Read, write, read: the same settings."""
    text = HEAD + "stack:\n  - " + f"{kind}: {flow({'id': quoted(ident), **body})}\n"
    try:
        policy = load_text(text, "x.yaml").plan.stack[0]
    except ScenarioError:
        assume(False)
    again = load_text(HEAD + f"stack:\n  - {policy_text(policy)}\n", "x.yaml").plan.stack[0]
    assert again == policy, policy_text(policy)
    assert again.written == policy.written


@pytest.mark.parametrize("kind", POLICIES)
def test_our_own_policies(kind: str) -> None:
    @MANY
    @given(strategies.classic(POLICIES[kind]))
    def holds(body: dict[str, str]) -> None:
        reread(kind, body)

    holds()


@pytest.mark.parametrize(
    ("kind", "library"), [(name, library) for name, kind in POLICIES.items() for library in kind.libraries]
)
def test_the_policies_of_every_library(kind: str, library: str) -> None:
    @MANY
    @given(strategies.emulated(POLICIES[kind], library))
    def holds(body: dict[str, str]) -> None:
        reread(kind, body)

    holds()


@pytest.mark.parametrize("kind", [name for name, kind in POLICIES.items() if kind.libraries])
def test_our_names_under_the_rules_of_a_library(kind: str) -> None:
    """Where it has such a thing."""

    @settings(max_examples=30, deadline=None)
    @given(strategies.classic(POLICIES[kind]), st.data())
    def holds(body: dict[str, str], data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(body)), max_size=2)) if body else set()
        library = data.draw(st.sampled_from(sorted(POLICIES[kind].libraries)))
        reread(kind, {"like": library, **{name: body[name] for name in sorted(chosen)}})

    holds()


@MANY
@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z")), min_size=1, max_size=9))
def test_any_name(ident: str) -> None:
    assume(not set(ident) & set(".=, "))
    reread("retry", {"attempts": "2"}, ident)


def test_a_policy_is_written_as_it_was() -> None:
    """In the names that somebody chose, so that it can be recognised."""
    body = "{like: polly, FailureRatio: 0.25, BreakDuration: 5s, min_calls: 20}"
    policy = load_text(HEAD + f"stack:\n  - circuit_breaker: {body}\n", "x.yaml").plan.stack[0]
    assert policy_settings(policy) == {
        "like": "polly", "FailureRatio": "0.25", "BreakDuration": "5s", "min_calls": "20",
    }  # fmt: skip
    assert policy_text(policy) == f"circuit_breaker: {body}"


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault(kind: str) -> None:
    @MANY
    @given(strategies.body(FAULTS[kind].table.params, leave_out=("id", "replica", "service", "link")))
    def holds(body: dict[str, str]) -> None:
        if kind == "lost_responses" and body.get("how", "silence") != "silence":
            body.pop("answer", None)  # nobody answers then
        fault = load_text(HEAD + f"faults:\n  - {kind}: {flow(body)}\n", "x.yaml").plan.faults[0]
        assert load_text(HEAD + f"faults:\n  - {fault_text(fault)}\n", "x.yaml").plan.faults[0] == fault

    holds()


@pytest.mark.parametrize(
    ("policy", "overrides"),
    [
        ("rate_limiter: {limit: 60/s}", ["rate_limiter.limit=70/s"]),  # its burst, a default, was written out
        ("retry: {like: polly, attempts: 1}", ["retry.attempts=1"]),  # it was MaxRetryAttempts: 0, which is refused
    ],
)
def test_a_policy_changed_by_set_is_written_as_it_was_said(policy: str, overrides: list[str]) -> None:
    """The scenario that `play` wrote then gave another run, or could not be read."""
    made = load_text(HEAD + f"stack:\n  - {policy}\n", "x.yaml", overrides).plan.stack[0]
    assert load_text(HEAD + f"stack:\n  - {policy_text(made)}\n", "x.yaml").plan.stack[0] == made
    assert policy_text(made) == policy.replace("60/s", "70/s")
