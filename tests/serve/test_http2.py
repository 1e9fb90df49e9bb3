"""HTTP/2 and gRPC: what their own clients see of each fault."""

from __future__ import annotations

import asyncio

import pytest
from lab_of_servers import ask, serve

h2 = pytest.importorskip("h2")
grpc = pytest.importorskip("grpc")

from h2.config import H2Configuration  # noqa: E402
from h2.connection import H2Connection  # noqa: E402
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset  # noqa: E402

CALLS = {
    "": "OK",
    "errors: {at: 0s, for: 1h}": "INTERNAL",
    "errors: {status: 503, at: 0s, for: 1h}": "UNAVAILABLE",
    "errors: {status: 404, at: 0s, for: 1h}": "INVALID_ARGUMENT",
    "rate_limit: {limit: 0.001/s, retry_after: 1500ms, at: 0s, for: 1h}": "RESOURCE_EXHAUSTED",
    "outage: {how: refuse, at: 0s, for: 1h}": "UNAVAILABLE",
    "outage: {how: reset, at: 0s, for: 1h}": "INTERNAL",
    "outage: {how: hang, at: 0s, for: 1h}": "DEADLINE_EXCEEDED",
    "lost_responses: {how: cut, at: 0s, for: 1h}": "INTERNAL",
    "lost_responses: {answer: unavailable, at: 0s, for: 1h}": "UNAVAILABLE",
}


@pytest.mark.parametrize(("fault", "code"), CALLS.items())
def test_what_a_fault_is_to_a_call_of_grpc(fault, code):
    def call(port):
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            pay = channel.unary_unary("/shop.Payments/Pay")  # messages are bytes
            limit = 0.4 if "hang" in fault else 5
            try:
                return pay(b"\x08\x01", timeout=limit, metadata=[("idempotency-key", "one")]), "OK", {}
            except grpc.RpcError as error:
                return None, error.code().name, dict(error.trailing_metadata() or ())

    async def play(server):
        if "rate_limit" in fault:
            await ask(server)  # takes what there is
        return await asyncio.to_thread(call, server.listener.port)

    text = "service: {latency: 1ms}\noperation: {method: POST}\n" + (f"faults: [{{{fault}}}]\n" if fault else "")
    found, figures = serve(text, play)
    assert found[1] == code
    if code == "OK":
        assert found[0] == b""
    if code == "RESOURCE_EXHAUSTED":
        assert found[2]["grpc-retry-pushback-ms"] == "1500"
    assert figures["effects"]["applied"] == (1 if not fault or "lost" in fault else 0)
    if "hang" in fault:
        assert figures["attempts"]["by_outcome"]["timeout"] == 1


class Client2:
    """A connection of HTTP/2; ``seen``: of each stream its status, its body, and the code it was reset with."""

    def __init__(self):
        self.http = H2Connection(H2Configuration(client_side=True))
        self.seen: dict[int, list] = {}
        self.ended: set[int] = set()

    async def open(self, server):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", server.listener.port)
        self.http.initiate_connection()

    def ask(self, method, path, body=b"", ends=True, **headers):
        number = self.http.get_next_available_stream_id()
        self.seen[number] = [None, b"", None]
        head = [(":method", method), (":authority", "b.resim")]
        head += [(":path", path), (":scheme", "http")] if path else []
        self.http.send_headers(number, head + [(k.replace("_", "-"), v) for k, v in headers.items()])
        self.http.send_data(number, body, end_stream=ends)
        return number

    async def until(self, *numbers):
        """These streams have ended."""
        self.writer.write(self.http.data_to_send())
        while not self.ended.issuperset(numbers):
            data = await asyncio.wait_for(self.reader.read(65536), 5)
            if not data:
                return
            for event in self.http.receive_data(data):
                if isinstance(event, ResponseReceived):
                    self.seen[event.stream_id][0] = int(dict(event.headers)[b":status"])
                elif isinstance(event, DataReceived):
                    self.seen[event.stream_id][1] += event.data
                elif isinstance(event, StreamReset):
                    self.seen[event.stream_id][2] = int(event.error_code)
                    self.ended.add(event.stream_id)
                elif isinstance(event, StreamEnded):
                    self.ended.add(event.stream_id)
                elif isinstance(event, ConnectionTerminated):
                    self.ended.update(self.seen)
            self.writer.write(self.http.data_to_send())


def test_streams_share_a_connection_and_a_fault_strikes_each_by_itself():
    async def play(server):
        client = Client2()
        await client.open(server)
        numbers = [client.ask("POST", "/pay", b"x" * 1000, x_request_id=str(i)) for i in range(40)]
        head = client.ask("HEAD", "/pay")
        told = client.ask("GET", "/__resim/fault")
        tunnel = client.ask("CONNECT", "", ends=False)
        left = client.ask("POST", "/pay", x_request_id="left")
        client.http.reset_stream(left)
        await client.until(*numbers, head, told, tunnel)
        at_once = len(server.connections)
        client.writer.close()
        return (
            [client.seen[number] for number in numbers],
            client.seen[head],
            client.seen[told],
            client.seen[tunnel],
            at_once,
        )

    text = "service: {latency: 5ms, workers: 4}\nfaults: [{outage: {how: reset, share: 50%, at: 0s, for: 1h}}]"
    (seen, head, told, tunnel, at_once), figures = serve(text, play)
    assert {(status, body, code) for status, body, code in seen} == {(200, b'{"ok": true}', None), (None, b"", 2)}
    assert head[:2] in ([200, b""], [None, b""])
    assert (told[0], tunnel[0], at_once) == (200, 405, 1)
    assert b'"faults"' in told[1]
    assert figures["requests"]["total"] == 42
    assert figures["service"]["queue_peak"] > 20  # all of them at a time


def test_what_is_no_http2_ends_the_connection_only():
    async def play(server):
        for rest in (b"", b"\r\nSM\r\n\r\n" + b"\xff" * 200_000, b"nonsense" * 50):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.listener.port)
            writer.write(b"PRI * HTTP/2.0\r\n" + rest)
            if not rest:
                writer.write_eof()
            await asyncio.wait_for(reader.read(), 5)
            writer.close()
        return (await ask(server))[0]

    assert serve("service: {latency: 1ms}", play)[0] == 200
