"""``like: urllib3`` as a layer: what is tried again, after which wait, and who pays."""

from __future__ import annotations

from typing import Any

import pytest
from lab import b, bench, fault, lab, run

from resilience_sim.kernel.events import BREAKER_OPEN
from resilience_sim.scenario.load import load_text
from resilience_sim.settings.retry_libraries import emulate_retry

S = 10**9


def urllib3(**given: Any) -> Any:
    """The settings; what is not given has the library's default."""
    return emulate_retry("urllib3", given)


def test_the_first_retry_does_not_wait() -> None:
    """A factor of 0.1: 0, 0.2 s, 0.4 s, 0.8 s."""
    run = bench([urllib3(total=4, backoff_factor=S // 10)], ["reset"] * 5, ["0s"])
    assert run.sent() == [0, 0, 200, 600, 1400]
    assert run.outcomes == ["reset"]


@pytest.mark.parametrize(
    ("outcome", "settings", "tries"),
    [
        ("refused", {}, 4),
        ("timeout", {}, 4),
        ("error", {}, 1),
        ("error", {"status_forcelist": (500,)}, 4),
        ("unavailable", {"status_forcelist": (500,)}, 1),
        ("shed", {"status_forcelist": (502, 503)}, 4),
        ("rate_limited", {}, 1),
        ("rate_limited", {"status_forcelist": (429,)}, 4),
        ("breaker_open", {}, 1),
        ("timeout", {"read": 0}, 1),
        ("refused", {"read": 0}, 4),
        ("refused", {"connect": 2}, 3),
    ],
)
def test_what_is_tried_again(outcome: str, settings: dict[str, Any], tries: int) -> None:
    """By kind of trouble; an answer only if its status is listed."""
    assert len(bench([urllib3(total=3, **settings)], [outcome] * 9, ["0s"]).sent()) == tries


def test_errors_of_all_kinds_share_the_total_and_have_limits_of_their_own() -> None:
    """connect: 1 ends at the second refusal, whatever came between."""
    run = bench([urllib3(connect=1)], ["reset", "refused", "reset", "refused", "success"], ["0s"])
    assert (run.outcomes, len(run.sent())) == (["refused"], 4)


@pytest.mark.parametrize(
    ("settings", "second"),
    [
        ({}, 1000),
        ({"respect_retry_after_header": False}, None),
        ({"retry_after_max": S // 2}, 500),
        ({"total": -1}, None),
    ],
)
def test_a_429_with_retry_after_need_not_be_listed(settings: dict[str, Any], second: int | None) -> None:
    """It is the wait, up to retry_after_max; without a total, or told not to respect it, the 429 is an answer."""
    run = lab(b(), ["0s", "0s"], [urllib3(**settings)],
              faults=[fault("rate_limit", "0s", "10s", limit=1.0, retry_after="1s")])  # fmt: skip
    assert (run.sent()[2] if len(run.sent()) > 2 else None) == second


def test_an_on_of_ours_says_it_all() -> None:
    """What is written in our own words replaces the library's conditions, not its limits."""
    text = (
        "resim: 1\nname: t\ntraffic: {rate: 1/s, requests: 1}\nstack:\n  - retry: {like: urllib3, on: [breaker_open]}"
    )
    made = load_text(text, "t.yaml").plan.stack[0]
    assert (made.on, made.on_hint, made.attempts) == ((BREAKER_OPEN,), (), 11)


@pytest.mark.parametrize(
    ("settings", "tries"),
    [
        ({}, 11),
        ({"total": -1}, 10_000),
        ({"total": -1, "connect": 2, "read": 1}, 4),
        ({"total": 9, "connect": 2, "read": 1}, 10),  # answers with a Retry-After have no limit of their own
        ({"total": 9, "connect": 2, "read": 1, "status": 0}, 4),
    ],
)
def test_how_many_attempts_there_can_be(settings: dict[str, Any], tries: int) -> None:
    """The limits of the kinds together, where each kind has one."""
    assert urllib3(**settings).attempts == tries


METHODS = """
resim: 1
name: t
operation: {operation}
service: {{latency: 20ms, failure_rate: 100%, failure: {failure}}}
traffic: {{rate: 10/s, requests: 40}}
faults: [{{outage: {{at: {outage}, for: 1h, how: refuse}}}}]
stack: [{{retry: {{like: urllib3, total: 2, status_forcelist: [503]{more}}}}}]
"""


@pytest.mark.parametrize(
    ("operation", "more", "outage", "each"),
    [
        ("{method: GET}", "", "1h", {3}),
        ("{method: POST}", "", "1h", {1}),
        ("{method: POST}", "", "0s", {3}),  # it never reached B
        ("{method: POST, idempotency_key: true}", "", "1h", {1}),  # urllib3 knows methods, not keys
        ("{method: POST}", ", allowed_methods: any", "1h", {3}),
        ("{method: POST}", ", allowed_methods: [POST]", "1h", {3}),
        ("{method: GET}", ", allowed_methods: [POST]", "1h", {1}),
        ("{method: GET}", ", allowed_methods: [POST]", "0s", {3}),
        ("[{share: 50%, method: GET}, {share: 50%, method: POST}]", "", "1h", {1, 3}),
    ],
)
def test_the_method_decides_what_is_tried_again(operation: str, more: str, outage: str, each: set[int]) -> None:
    """Reads and statuses only for allowed_methods, connections that were refused for all."""
    text = METHODS.format(operation=operation, failure="unavailable", more=more, outage=outage)
    made = run(load_text(text, "t.yaml").plan)
    tries: dict[int, int] = {}
    for _, _, _, rid, _, _ in made.of("sent"):
        tries[rid] = tries.get(rid, 0) + 1
    assert set(tries.values()) == each
