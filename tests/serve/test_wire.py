"""What a client sees of each fault, byte by byte, over real loopback sockets."""

from __future__ import annotations

import asyncio
import random

import pytest
from lab_of_servers import Client, ask, control, serve, status

from resilience_sim.serve import connection as http

FAULTS = {
    "": 200,
    "outage: {how: error, at: 0s, for: 1h}": 500,
    "errors: {at: 0s, for: 1h}": 500,
    "errors: {status: 503, at: 0s, for: 1h}": 503,
    "errors: {status: 404, at: 0s, for: 1h}": 404,
    "rate_limit: {limit: 0.001/s, retry_after: 1500ms, at: 0s, for: 1h}": 429,
    "outage: {how: refuse, at: 0s, for: 1h}": "refused",
    "outage: {how: refuse, share: 99.9999%, at: 0s, for: 1h}": "reset",  # some get in: the port must stay open
    "outage: {how: reset, at: 0s, for: 1h}": "reset",
    "outage: {how: hang, at: 0s, for: 1h}": "silence",
    "lost_responses: {at: 0s, for: 1h}": "silence",
    "lost_responses: {how: cut, at: 0s, for: 1h}": "cut",
    "lost_responses: {how: close, at: 0s, for: 1h}": "closed",
    "lost_responses: {answer: unavailable, at: 0s, for: 1h}": 503,
    "crash_replica: {at: 0s, for: 1h}": "refused",
}


@pytest.mark.parametrize(("fault", "seen"), FAULTS.items())
def test_what_a_fault_is_on_the_wire(fault, seen):
    async def play(server):
        if "rate_limit" in fault:
            await ask(server)  # takes what there is
        return await ask(server, "POST", body=b"x", patience=0.2)

    text = "service: {latency: 1ms}\noperation: {method: POST}\n" + (f"faults: [{{{fault}}}]\n" if fault else "")
    found, figures = serve(text, play)
    assert (found if isinstance(found, str) else found[0]) == seen
    if seen == 429:
        assert found[1]["retry-after"] == "2"  # whole seconds, rounded up
    done = 1 if seen == 200 or "lost" in fault else 0
    assert figures["effects"]["applied"] == done
    assert figures["effects"]["orphans"] == (done if seen != 200 else 0)


def test_a_full_queue_sheds_and_an_idle_connection_serves_again():
    async def play(server):
        first, second = Client(server), Client(server)
        await first.send()
        await asyncio.sleep(0.02)
        shed = await second.ask()
        served = await first.answer()
        again = await second.ask("HEAD")
        await first.leave()
        await second.leave()
        return shed[:1], shed[2], served[0], again[0], again[2]

    found, figures = serve("service: {latency: 80ms, workers: 1, queue: 0}", play)
    assert found == ((503,), b'{"error": "shed"}', 200, 200, b"")
    assert figures["attempts"]["by_outcome"]["shed"] == 1


def test_an_outage_that_refuses_shuts_the_port_hangs_up_on_the_idle_and_is_over():
    async def play(server):
        kept = Client(server)
        before = await kept.ask()
        code, told = await control(server, "POST", "fault", {"outage": {"how": "refuse", "for": "20s"}})
        await asyncio.sleep(0.05)
        during = [await status(server), await kept.reader.read()]
        await kept.leave()
        while not server.listener.is_open:
            await asyncio.sleep(0.02)
        return before[0], code, told["fault"], during, await status(server), server.now()

    found, _ = serve("service: {latency: 1ms}", play, speed=100)
    assert found[:5] == (200, 201, "outage", ["refused", b""], 200)
    assert found[5] >= 20e9


def test_a_client_that_leaves_has_given_up_and_the_work_goes_on():
    async def play(server):
        found = await ask(server, "POST", headers={"Idempotency-Key": "one"}, patience=0.05)
        await asyncio.sleep(0.2)
        return found, await status(server, "POST", headers={"Idempotency-Key": "one"})

    text = "service: {latency: {uniform: [90ms, 91ms]}, deduplicate: true}\noperation: {method: POST}"
    found, figures = serve(text, play)
    assert found == ("silence", 200)
    assert figures["requests"]["total"] == 1  # the same key: the same request
    assert figures["attempts"]["by_outcome"]["timeout"] == 1
    assert (figures["effects"]["applied"], figures["effects"]["deduplicated"]) == (1, 1)
    assert figures["service"]["wasted_seconds"] > 0.08


def test_requests_sent_ahead_are_answered_in_turn_and_not_read_without_end():
    async def play(server):
        client = Client(server)
        await client.raw(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n" * 50)
        answers = [(await client.answer())[0] for _ in range(50)]
        assert client.writer is not None
        client.writer.write(b"GET / HTTP/1.1\r\nHost: b\r\nX-Padding: %s\r\n\r\n" % (b"x" * 9000) * 400)
        await asyncio.sleep(0.1)
        ahead = [len(each._http.trailing_data[0]) for each in server.connections]
        client.writer.transport.abort()
        return answers, ahead

    (answers, ahead), _ = serve("service: {latency: 1ms}\nfaults: [{outage: {how: hang, at: 30s, for: 1h}}]", play, 1)
    assert answers == [200] * 50
    assert len(ahead) == 1
    assert ahead[0] <= http.MOST_AHEAD + (1 << 18)  # and what asyncio reads at once


TOO_MUCH = {
    b"NONSENSE\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: b\r\nX: " + b"x" * (http.MOST_HEAD + 10): 431,
    b"POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
    b"CONNECT b.resim:80 HTTP/1.1\r\nHost: b\r\n\r\n": 405,
    b"POST /__resim/fault HTTP/1.1\r\nHost: b\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999: 413,
}


@pytest.mark.parametrize(("sent", "seen"), TOO_MUCH.items(), ids=[str(code) for code in TOO_MUCH.values()])
def test_what_is_no_request_is_refused_and_counts_for_nothing(sent, seen):
    async def play(server):
        client = Client(server)
        await client.raw(sent)
        answer = await client.answer()
        assert client.reader is not None
        rest = await client.reader.read()
        await client.leave()
        return answer[0], rest, await status(server)

    found, figures = serve("service: {latency: 1ms}", play)
    assert found == (seen, b"", 200)
    assert figures["requests"]["total"] == 1


def test_who_is_too_slow_or_too_many_is_sent_away(monkeypatch):
    monkeypatch.setattr(http, "HEAD_TIME", 0.1)

    async def play(server):
        slow = Client(server)
        await slow.raw(b"GET / HTT")
        server._room = 2
        served = Client(server)
        answers = [(await served.ask())[0], await ask(server)]
        found = await asyncio.wait_for(slow.answer(), 5)
        for each in (slow, served):
            await each.leave()
        return answers, found[0]

    found, figures = serve("service: {latency: 1ms}", play)
    assert found == ([200, "reset"], 408)
    assert figures["requests"]["total"] == 1


def test_continue_is_said_to_who_waits_for_it():
    async def play(server):
        client = Client(server)
        await client.raw(b"POST / HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.reader is not None
        first = await client.reader.readuntil(b"\r\n\r\n")
        await client.raw(b"abc")
        answer = await client.answer()
        await client.leave()
        return first, answer[0]

    found, _ = serve("service: {latency: 1ms}", play)
    assert found == (b"HTTP/1.1 100 \r\n\r\n", 200)


def test_nothing_that_is_sent_ends_the_server():
    chance = random.Random(7)
    good = b"POST /a?b HTTP/1.1\r\nHost: b.resim\r\nIdempotency-Key: k\r\nContent-Length: 3\r\n\r\nabc"
    pieces = [b"\r\n", b"\0", b"\xff", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.0", b"Upgrade: x\r\n", b"/__resim/"]

    async def play(server):
        for _ in range(150):
            sent = bytearray(good)
            for _ in range(chance.randrange(1, 5)):
                at = chance.randrange(len(sent))
                sent[at : at + chance.randrange(6)] = chance.choice(pieces)
            client = Client(server)
            await client.raw(bytes(sent))
            assert client.writer is not None
            client.writer.write_eof() if chance.random() < 0.5 else await client.leave()
        await asyncio.sleep(0.05)
        return await status(server)

    assert serve("service: {latency: 1ms}", play)[0] == 200
