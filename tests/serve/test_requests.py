"""Which attempts are one request, what luck they meet, which service they reach; questions to resim itself."""

from __future__ import annotations

import asyncio

import pytest
from lab_of_servers import HEAD, ask, control, serve, status

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text
from resilience_sim.serve import gate

SERVICES = """\
services:
  shop: {latency: 1ms, calls: [{to: stock}, {to: pay, chance: 0%}]}
  stock: {latency: 1ms, failure_rate: 0%}
  pay: {latency: 1ms, failure: unavailable, failure_rate: 100%}
"""


class Attempts(Fold):
    """The outcome of each attempt."""

    def __init__(self):
        self.seen: dict[tuple[int, int], int] = {}

    def on_event(self, t, kind, source, rid, a, b):
        if kind == ev.RESULT:
            self.seen[rid, ev.attempt_of(a)] = ev.outcome_of(a)


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Request-Id"])
def test_a_retried_request_meets_the_luck_it_would_meet_in_simulation(header):
    text = "service: {latency: 1ms, failure_rate: 50%}\nstack: [{retry: {attempts: 5}}]\n"
    simulated = Attempts()
    simulate(load_text(HEAD.replace("requests: 1", "requests: 40") + text, "lab").plan, 1, (simulated,))

    async def play(server):
        found = {}
        for rid in range(40):
            for attempt in range(1, 6):
                seen = await status(server, headers={header: f"r-{rid}"})
                found[rid, attempt] = ev.SUCCESS if seen == 200 else ev.ERROR
                if seen == 200:
                    break
        return found

    found, figures = serve(text, play, speed=50)
    assert found == simulated.seen
    assert figures["requests"]["total"] == 40
    assert figures["attempts"]["total"] == len(found)


def test_requests_without_a_name_are_each_their_own_and_those_with_the_same_are_one():
    async def play(server):
        for _ in range(3):
            await ask(server, "POST")
        for _ in range(3):
            await ask(server, "POST", headers={"Idempotency-Key": "same"})

    _, figures = serve("service: {latency: 1ms}\noperation: {method: POST}", play)
    assert figures["requests"]["total"] == 4
    assert figures["attempts"]["total"] == 6
    assert figures["effects"]["duplicates"] == 2  # of the same key, which had succeeded


def test_a_request_that_nobody_tries_again_has_failed_when_its_last_attempt_did():
    async def play(server):
        await ask(server, headers={"X-Request-Id": "a"})
        _, before = await control(server, "GET", "result")
        while server.now() < 40e9:
            await asyncio.sleep(0.02)
        return before["figures"]["requests"]

    before, figures = serve("service: {latency: 10ms, failure_rate: 100%}", play, speed=150)
    assert (before["total"], before["failed"]) == (1, 1)  # unanswered so far
    assert figures["requests"]["by_outcome"]["error"] == 1
    assert figures["latency"]["max"] == 0.01


def test_names_that_are_forgotten_have_failed(monkeypatch):
    monkeypatch.setattr(gate, "MOST_KEYS", 3)

    async def play(server):
        for number in (1, 2, 3, 4, 5, 5, 1):
            await ask(server, headers={"X-Request-Id": str(number)})
        return len(server.run.gate._tickets), len(server.run.gate._waiting)

    found, figures = serve("service: {latency: 1ms, failure_rate: 100%}", play)
    assert found == (3, 3)
    assert (figures["requests"]["total"], figures["attempts"]["total"]) == (6, 7)
    assert figures["requests"]["by_outcome"]["error"] == 6


def test_services_are_found_by_host_and_by_path():
    async def play(server):
        return [
            await status(server),  # Host: b.resim, which there is not
            await status(server, headers={"Host": "stock.resim:8080"}),
            await status(server, path="/pay/now", headers={"Host": "127.0.0.1"}),
            await status(server, path="/other/now", headers={"Host": "localhost:80"}),
            await status(server, path="http://pay.resim/now"),
            (await control(server, "POST", "fault", {"outage": {"how": "error", "for": "1h", "service": "pay"}}))[0],
            await status(server, path="/pay/", headers={"Host": "127.0.0.1"}),
        ]

    found, figures = serve(SERVICES, play)
    assert found == [404, 200, 503, 200, 503, 201, 500]
    assert [each["attempts_received"] for each in figures["services"]] == [1, 2, 3]  # the shop calls the stock


def test_how_a_lost_answer_looks_goes_by_the_fault_that_is_on():
    async def play(server):
        seen = []
        for how in ("silence", "cut", "close"):
            await control(server, "POST", "fault", {"lost_responses": {"for": "1h", "how": how, "id": how}})
            seen.append(await status(server, patience=0.1))
            await control(server, "DELETE", f"fault/{how}")
        return seen

    assert serve("service: {latency: 1ms}", play)[0] == ["silence", "cut", "closed"]


def test_faults_by_hand_begin_end_and_are_checked():
    async def play(server):
        told = await control(server, "POST", "fault", {"errors": {"for": "1h", "status": 503, "id": "mine"}})
        during = await status(server)
        listed = await control(server, "GET", "fault")
        lifted = await control(server, "DELETE", "fault/mine")
        after = await status(server)
        wrong = [
            await control(server, "POST", "fault", {"errors": {"for": "1h", "rate": "120%"}}),
            await control(server, "POST", "fault", {"error": {"for": "1h"}}),
            await control(server, "POST", "fault", {"errors": {"for": "1h", "at": "1s"}}),
            await control(server, "POST", "fault", {"errors": {"for": "1h", "id": "mine"}}),
            await control(server, "DELETE", "fault/mine"),
            await control(server, "GET", "nothing"),
            await control(server, "PUT", "fault"),
            await control(server, "POST", "fault", {"errors": {"for": "1h"}}, Origin="http://a.page"),
            await control(server, "GET", "result", **{"Sec-Fetch-Site": "cross-site"}),
        ]
        help = await control(server, "GET", "")
        return told, during, listed, lifted, after, wrong, help

    found, figures = serve("service: {latency: 1ms}", play)
    told, during, listed, lifted, after, wrong, help = found
    assert (told[0], told[1]["fault"], told[1]["kind"]) == (201, "mine", "errors")
    assert [each["fault"] for each in listed[1]["faults"]] == ["mine"]
    assert (during, lifted[0], after) == (503, 200, 200)
    assert [code for code, _ in wrong] == [400, 400, 400, 409, 409, 404, 405, 403, 403]
    assert all(said["error"] for _, said in wrong)
    assert "GET /__resim/result" in help[1]
    assert figures["requests"]["total"] == 2  # questions are no attempts
