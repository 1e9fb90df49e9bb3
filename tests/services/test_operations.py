"""A call may be one of several operations, drawn by request and path, and counted apart where it arrives."""

from __future__ import annotations

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.scenario.diagnostics import ScenarioError
from tests.services.graph import Ran, audit, plan_of

SERVICES = """
  shop: {calls: [{to: pay, times: 2, operation: MIXED}, {to: mail}]}
  mail: {failure_rate: 50%, calls: [{to: pay, operation: {method: POST, amount: 1}}]}
  pay: {latency: 1ms}
""".replace("MIXED", "[{share: 70%, method: GET}, {share: 30%, method: POST, amount: 10}]")
REST = "stack: [{retry: {attempts: 3}}]"


def posts(found: Ran) -> dict[tuple[int, int], list[int]]:
    """By request and operation: the attempts that had an effect."""
    made: dict[tuple[int, int], list[int]] = {}
    for _, kind, _, rid, a, _ in found.events:
        if kind == ev.EFFECT:
            made.setdefault((rid, ev.operation_of(a)), []).append(ev.effect_of(a))
    return made


def test_a_mixture_is_drawn_by_request_and_path() -> None:
    traffic = "{rate: 100/s, requests: 2000}"
    found = Ran(plan_of(SERVICES, REST, traffic))
    audit(found)
    made = posts(found)
    of_shop = [rid for rid, operation in made if operation == 1]
    assert not [key for key in made if key[1] == 0], "a GET has no effect"
    assert len(of_shop) / 2000 == pytest.approx(1 - 0.7**2, abs=0.03), "each of two calls is a POST by itself"
    # a caller that is executed again makes the same call: the second execution of a POST is a duplicate of the first
    assert all(effects[0] == ev.APPLIED for effects in made.values())
    effects = found.service("pay")["effects"]
    several = sum(len(each) for (_, operation), each in made.items() if operation == 1)
    assert effects["amount_applied"] == 10 * several + sum(len(v) for (_, op), v in made.items() if op == 2)
    calm = Ran(plan_of(SERVICES, "", traffic))
    assert {rid for rid, operation in posts(calm) if operation == 1} == set(of_shop), "policies change no draw"


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("[{share: 70%, method: GET}, {share: 50%, method: POST}]", "120%"),
        ("[]", "no operation at all"),
        ("[{share: 50%, method: GET}]", "50%"),
    ],
)
def test_shares_that_do_not_add_up(operation: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        plan_of(f"shop: {{calls: [{{to: pay, operation: {operation}}}]}}\npay: {{}}")
    assert caught.value.diagnostics[0].path == "services.shop.calls.0.operation"


def test_too_many_operations_at_one_service() -> None:
    many = "[" + ", ".join("{method: GET}" for _ in range(100)) + "]"
    callers = "\n".join(f"s{i}: {{calls: [{{to: db, operation: {many}}}]}}" for i in range(3))
    with pytest.raises(ScenarioError, match="300 operations are done at `db`"):
        plan_of(f"shop: {{calls: [{{to: s0}}, {{to: s1}}, {{to: s2}}]}}\n{callers}\ndb: {{}}")


def test_only_idempotent_asks_of_each_call() -> None:
    services = """
      shop: {calls: [{to: pay, stack: [{retry: {attempts: 3, only_idempotent: true}}], operation: MIXED}]}
      pay: {failure_rate: 100%}
    """.replace("MIXED", "[{share: 50%, method: GET}, {method: POST}]")
    found = Ran(plan_of(services, "", "{rate: 100/s, requests: 400}"))
    assert found.link("shop", "pay")["attempts"] == pytest.approx(400 * 2, rel=0.1)
