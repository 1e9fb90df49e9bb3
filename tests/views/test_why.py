"""Why: every sentence is true of the run it is said of, and is not said of a run near it of which it is not true."""

from __future__ import annotations

import pytest

from resilience_sim.kernel.frames import Frame
from resilience_sim.policies.plugin import ERROR, Policy
from resilience_sim.runs.plugins import with_policies
from resilience_sim.runs.simulate import simulate
from resilience_sim.runs.simulation import make_components
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.plan import Plan
from resilience_sim.views.moments import MomentsFold
from resilience_sim.views.why import Case, reasons


def plan_of(text: str) -> Plan:
    return load_text(f"resim: 1\n{text}", "why.yaml").plan


def why(plan: Plan) -> str:
    moments = MomentsFold(plan, make_components(plan))
    return " ".join(reasons(Case(plan, simulate(plan, 1, [moments]).document, moments)))


BASE = """
service: {latency: 150ms, failure_rate: 0%}
traffic: {rate: 10/s, arrivals: even, requests: 100}
stack: []
"""
OUTAGE = "faults: [{outage: {id: main, at: 2s, for: 3s, how: error}}]\n"


def stack(policies: str, text: str = BASE) -> str:
    return text.replace("stack: []", f"stack: [{policies}]")


PAIRS: list[tuple[str, str, str]] = [
    # sentence, a run of which it is true, one near it of which it is not
    ("The rate limiter turned away 90 of 100 requests: rate_limited.", stack("rate_limiter: {limit: 1/s}"),
     stack("rate_limiter: {limit: 20/s}")),
    ("Rate limiter own turned away", stack("{rate_limiter: {id: own, limit: 1/s}}"),
     stack("{rate_limiter: {id: own, limit: 20/s}}")),
    ("The timeout gave up on 100 of 100 requests after 10ms, less than B's work takes.",
     stack("timeout: {after: 10ms}"), stack("timeout: {after: 1s}")),
    ("less than B's work takes", stack("timeout: {after: 100ms}"),  # B hangs: that is not the timeout's doing
     stack("timeout: {after: 1s}") + OUTAGE.replace("error", "hang")),
    ("The bulkhead turned away", stack("bulkhead: {max_concurrent: 1}"), stack("bulkhead: {max_concurrent: 5}")),
    ("B failed", stack("rate_limiter: {limit: 20/s}", BASE.replace("0%", "50%")), stack("rate_limiter: {limit: 1/s}")),
    ("no policy rescued them", stack("timeout: {after: 1s}") + OUTAGE, stack("timeout: {after: 1s}")),
    ("The breaker opened", stack("circuit_breaker: {failure_threshold: 3}") + OUTAGE,
     stack("circuit_breaker: {failure_threshold: 3}")),
    ("The breaker never opened", stack("circuit_breaker: {failure_threshold: 90}") + OUTAGE,
     stack("circuit_breaker: {failure_threshold: 3}") + OUTAGE),
    ("The breaker stands outside the retry",
     stack("{circuit_breaker: {failure_threshold: 3}}, {retry: {attempts: 2}}") + OUTAGE,
     stack("{retry: {attempts: 2}}, {circuit_breaker: {failure_threshold: 3}}") + OUTAGE),
    ("The breaker stands inside the retry",
     stack("{retry: {attempts: 2}}, {circuit_breaker: {failure_threshold: 3}}") + OUTAGE,
     stack("{circuit_breaker: {failure_threshold: 3}}, {retry: {attempts: 2}}") + OUTAGE),
    ("Retrying saved", stack("retry: {attempts: 3, delay: 2s}") + OUTAGE, stack("hedge: {delay: 10ms}")),
    ("Retries multiplied the load",
     stack("retry: {attempts: 5, delay: 1ms}", BASE.replace("10/s", "100/s").replace("100}", "1000}")) + OUTAGE,
     stack("retry: {attempts: 5, delay: 1ms}", BASE.replace("10/s", "100/s").replace("100}", "1000}"))),
    ("failed although up to 3 attempts were made", stack("retry: {attempts: 3, delay: 1ms}") + OUTAGE,
     stack("retry: {attempts: 3, delay: 5s}") + OUTAGE),
    ("failed although up to", stack("retry: {attempts: 2, delay: 1ms}") + OUTAGE,
     stack("retry: {attempts: 1}") + OUTAGE),
    ("The retry budget denied", stack("retry: {attempts: 3, budget: 1%}") + OUTAGE,
     stack("retry: {attempts: 3, budget: 1%}")),
    ("Hedging sent a second leg", stack("hedge: {delay: 10ms}"), stack("hedge: {delay: 1s}")),
    ("The fallback answered", stack("fallback") + OUTAGE, stack("fallback")),
    ("No policy stands between", BASE + OUTAGE, stack("timeout: {after: 1s}") + OUTAGE),
    ("never got an answer: no timeout limits the waiting", BASE + OUTAGE.replace("error", "hang"),
     stack("timeout: {after: 1s}") + OUTAGE.replace("error", "hang")),
    ("of its work on attempts whose caller had given up",
     stack("timeout: {after: 100ms}", BASE.replace("150ms,", "150ms, workers: 10,")),
     stack("timeout: {after: 1s}", BASE.replace("150ms,", "150ms, workers: 10,"))),
    ("B's queue was full", BASE.replace("150ms,", "150ms, workers: 1, queue: 0,"),
     BASE.replace("150ms,", "150ms, workers: 10, queue: 0,")),
    ("It ended in collapse", BASE.replace("0%", "100%"), BASE),
    ("Nothing went wrong", BASE, BASE + OUTAGE),
]  # fmt: skip


@pytest.mark.parametrize(("said", "true", "near"), PAIRS, ids=[said for said, _, _ in PAIRS])
def test_a_sentence_is_said_only_where_it_is_true(said: str, true: str, near: str) -> None:
    assert said in why(plan_of(true))
    assert said not in why(plan_of(near))


class EveryOther(Policy):
    """Turns away every other call."""

    calls = 0

    def enter(self, parent: Frame) -> None:
        self.calls += 1
        if self.calls % 2:
            self.call(parent)
        else:
            self.turn_away(parent, ERROR)


def test_a_policy_that_no_rule_knows_is_named() -> None:
    """B is not blamed for what a plug-in turned away."""
    plan = plan_of(BASE)
    said = why(with_policies(plan, [f"{__name__}:EveryOther"]))
    assert "Plugin EveryOther turned away 50 of 100 requests: error." in said
    assert "B failed" not in said
    assert "turned away" not in why(plan)


def test_without_counts_nobody_is_blamed() -> None:
    """Of several runs only the figures are known."""
    failing = plan_of(stack("timeout: {after: 1s}") + OUTAGE)
    assert reasons(Case(failing, simulate(failing, 1).document)) == ["30 requests did not succeed: 30 error."]
