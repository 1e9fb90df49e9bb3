"""Which requests of a run are told of, and why."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from resilience_sim.kernel import events as ev
from resilience_sim.runs.compare import plans_of
from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.chosen import MOST, choose
from views.scenes import OUTAGE, PAYMENT, scenario


def reasons(text: str) -> Mapping[int, tuple[str, ...]]:
    plan = scenario(text).plan
    return {each.rid: each.reasons for each in choose({"": partial(Simulation, plan, 1)})}


def test_an_outage_and_its_breaker() -> None:
    """2 requests a second, down from 4 s on: #8 fails after two attempts, the breaker opens; #10 is refused."""
    found = reasons(OUTAGE)
    assert "the first that went well" in found[0]
    assert "the first that failed" in found[8]
    assert "the one with the most attempts" in found[8]
    assert any("`circuit_breaker` refused (breaker_open)" in each for each in found[10])
    assert list(found) == sorted(found)
    assert len(found) <= MOST


def test_a_payment_executed_twice() -> None:
    assert "executed twice" in reasons(PAYMENT)[0]
    assert "the first that failed" in reasons(PAYMENT)[0]


def test_what_became_of_the_same_request_elsewhere() -> None:
    plans = plans_of(scenario(OUTAGE))
    chosen = choose({name: partial(Simulation, plan, 1) for name, plan in plans.items()})
    refused = next(each for each in chosen if each.rid == 10)
    assert [name for name, _ in refused.elsewhere] == ["none", "retry"]
    assert [story.made for _, story in refused.elsewhere] == [1, 2]  # without a breaker it reaches B
    assert refused.told.story.outcome == ev.BREAKER_OPEN
