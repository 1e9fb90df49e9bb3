"""What is on the wire: methods and keys, statuses, Retry-After, connections, services."""

from __future__ import annotations

import pytest
from lab_of_clients import plan, run

from resilience_sim.kernel import events as ev
from resilience_sim.runs.simulate import simulate
from resilience_sim.wire.answers import ON_THE_WIRE, SILENCE, host_of, response, retry_after
from resilience_sim.wire.requests import BadRequest, IncomingRequest

MS = 1_000_000
PAY = (
    "service: {latency: 100ms, deduplicate: true, failure_rate: 50%, failure: lost_response}\n"
    "operation: {method: POST, idempotency_key: true, amount: 10.00}\n"
    "traffic: {rate: 10/s, requests: 40}\n"
)


def effects(target: str, world: str = PAY) -> dict[str, float]:
    return run(world, f"details:{target}")[0].document["effects"]


def test_keys_are_those_of_the_http_request():
    one = effects("one_key")
    assert one["applied"] == 40
    assert one["duplicates"] == 0
    assert one["deduplicated"] > 5
    assert one["amount_applied"] == 400  # of the scenario's operation
    each = effects("a_key_each")
    assert each["duplicates"] == one["deduplicated"]
    assert each["deduplicated"] == 0
    constant = effects("one_key_for_all")
    assert constant["applied"] == 1  # whoever comes second is told that it has paid
    assert constant["duplicates"] == 0


def test_effects_at_two_places_are_no_duplicates():
    world = "service: {latency: 10ms}\ntraffic: {rate: 10/s, requests: 10}\n"
    found = effects("an_order", world)
    assert (found["applied"], found["duplicates"]) == (20, 0)


def test_retry_after_is_in_whole_seconds():
    world = (
        "service: {latency: 10ms}\ntraffic: {rate: 100/s, arrivals: even, requests: 3}\n"
        "faults: [{rate_limit: {limit: 1/s, retry_after: 1200ms, at: 0s, for: 1s}}]\n"
    )
    _, requests = run(world, "details:minds_retry_after")
    assert [t for t, _ in requests.attempts[1]] == [10 * MS, 2010 * MS]  # 1.2 s, rounded up


@pytest.mark.parametrize(
    ("world", "outcome", "status"),
    [
        ("failure_rate: 100%", "error", 500),
        ("failure_rate: 100%, failure: unavailable", "unavailable", 503),
        ("failure_rate: 100%, failure: rate_limited", "rate_limited", 429),
        ("failure_rate: 100%, failure: client_error", "client_error", 404),
        ("workers: 1, queue: 0", "shed", 503),
    ],
)
def test_each_outcome_has_its_status(world, outcome, status):
    _, requests = run(
        f"service: {{latency: 100ms, {world}}}\ntraffic: {{rate: 1000/s, arrivals: even, requests: 2}}\n",
        "details:by_status",
    )
    assert requests.outcomes[1][0] == outcome
    answer = next(each for code, each in ON_THE_WIRE.items() if ev.OUTCOME_NAMES[code] == outcome)
    assert answer.status == status


def test_answers_can_be_read():
    result, _ = run("service: {latency: 10ms}\ntraffic: {rate: 1/s, requests: 3}\n", "details:reads_everything")
    assert result.notes == ()
    assert result.document["attempts"]["total"] == 6


@pytest.mark.parametrize(
    ("call", "second"),
    # httpx gives what waits 150 ms, urllib3 250 ms
    [("one_connection", ("success", 400 * MS)), ("one_connection_async", ("error", 151 * MS))],
)
def test_a_pool_makes_calls_wait_and_gives_up(call, second):
    world = "service: {latency: 200ms}\ntraffic: {rate: 1000/s, arrivals: even, requests: 3}\n"
    result, requests = run(world, f"details:{call}")
    assert requests.outcomes[0] == ("success", 200 * MS)
    assert requests.outcomes[1] == second
    assert requests.outcomes[2] == ("error", 252 * MS if second[0] == "success" else 152 * MS)
    assert 2 not in requests.attempts  # it had no connection
    assert "pool" in result.notes[-1].lower()


def test_a_connection_takes_its_time_on_the_wire():
    world = "service: {latency: 100ms, network: 40ms}\ntraffic: {rate: 1/s, arrivals: even, requests: 2}\n"
    _, requests = run(world, "details:short_of_time")
    assert [requests.outcomes[rid] for rid in (0, 1)] == [("success", 180 * MS), ("success", 1180 * MS)]
    _, requests = run(world.replace("40ms", "60ms"), "details:short_of_time")
    assert requests.outcomes[0] == ("timeout", 50 * MS)


def test_a_connection_that_is_kept_is_dropped_where_attempts_are_refused():
    world = (
        "service: {latency: 10ms}\ntraffic: {rate: 10/s, arrivals: even, requests: 10}\n"
        "faults: [{outage: {how: refuse, at: 250ms, for: 300ms}}]\n"
    )
    for target in ("shop_sync:once", "shop_async:by_aiohttp", "shop_async:by_httpx"):
        _, requests = run(world, target)
        outcomes = [made[0][1] for made in requests.attempts.values()]
        assert outcomes == ["success"] * 3 + ["refused"] * 3 + ["success"] * 4


def test_each_service_is_a_host():
    world = (
        "services: {shop: {latency: 10ms, calls: [{to: db}]}, db: {latency: 20ms}}\n"
        "traffic: {rate: 1/s, arrivals: even, requests: 2}\n"
    )
    result, requests = run(world, "details:several")
    assert requests.outcomes[0] == ("success", 50 * MS)
    received = {each["name"]: each["attempts_received"] for each in result.document["services"]}
    assert received == {"shop": 2, "db": 4}


def test_an_instance_that_crashes_takes_its_code_with_it():
    world = (
        "service: {latency: 10s}\ntraffic: {rate: 4/s, arrivals: even, requests: 8}\n"
        "client: {threads: 2, on_exhaustion: crash, restart_after: 1s}\n"
    )
    for target in ("shop_sync:once", "shop_async:by_httpx", "details:reads_everything"):
        result = simulate(plan(world, target), 1)
        assert result.document["client"]["crashes"] == 1
        assert result.document["requests"]["by_outcome"]["crashed"] == 3


def test_a_request_is_understood_in_pieces():
    text = b"POST /a?b HTTP/1.1\r\nHost: b.resim\r\nTransfer-Encoding: chunked\r\nIdempotency-Key: 7\r\n\r\n"
    text += b"3\r\nabc\r\n0\r\n\r\n"
    for size in (1, 2, 7, len(text)):
        request = IncomingRequest()
        for start in range(0, len(text), size):
            assert not request.whole
            request.feed(text[start : start + size])
        assert request.whole
        assert (request.method, request.effect, request.target, request.key) == ("POST", "POST", "/a?b", "7")
    for wrong in (
        b"HELLO\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        with pytest.raises(BadRequest):
            IncomingRequest().feed(wrong)


def test_every_outcome_of_an_attempt_is_on_the_wire_or_silence():
    assert host_of("B") == "b.resim"
    assert [retry_after(ns) for ns in (1, 10**9, 10**9 + 1)] == ["1", "1", "2"]
    assert ON_THE_WIRE[ev.LOST].act == SILENCE
    assert response(ev.RESET) == b""
    assert b"Retry-After: 2\r\n" in response(ev.RATE_LIMITED, 1_500_000_000)
    assert response(ev.SUCCESS, head_only=True).endswith(b"\r\n\r\n")
