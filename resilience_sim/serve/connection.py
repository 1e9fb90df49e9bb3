"""One connection: HTTP/1.1 by h11, one request at a time, and whatever a fault makes of it.

What a client may send is bounded: the head of a request (h11 counts its bytes), the time it takes, how much is read
ahead of an answer. A body is counted and thrown away, but for questions to resim itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import h11

from resilience_sim.kernel import events as ev
from resilience_sim.serve.gate import Attempt
from resilience_sim.serve.house import (
    BODY_TIME,
    FOREVER,
    IDLE_TIME,
    MOST_BODY,
    MOST_CONTROL,
    MOST_HEAD,
    House,
    Line,
    break_off,
)
from resilience_sim.serve.question import CONTROL, Question
from resilience_sim.wire.answers import ON_THE_WIRE, parts

MOST_AHEAD: Final = 1 << 16  # bytes of further requests, while one is answered
HEAD_TIME: Final = 10.0  # s from the first byte of a request to the end of its head
LAST_WORDS: Final = 2.0  # s that a client has to hear what was wrong
HTTP2: Final = b"PRI"  # how a client begins that speaks it; no method does
REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


class Connection(Line):
    """That of a client who speaks HTTP/1.1, or has not said yet what."""

    __slots__ = (
        "_body", "_fresh", "_head_only", "_http", "_kept", "_length", "_paused", "_request", "_stuck", "attempt",
        "busy", "over",
    )  # fmt: skip

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)
        self._request: h11.Request | None = None
        self._fresh = True  # nothing has come yet
        self._body = bytearray()
        self._length = 0
        self._kept = False
        self._head_only = False
        self.over = False  # it has had its last word
        self._paused = False  # nothing is read
        self._stuck = False  # the client takes no more
        self.attempt: Attempt | None = None
        self.busy = False  # with a request that has no answer yet

    @property
    def idle(self) -> bool:
        """Between two requests."""
        return not self.busy and self._request is None and not self._http.trailing_data[0]

    # --- from asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self.house.full():
            self.reset()
            return
        self.house.connections[self] = None
        self.deadline = self.house.loop.time() + IDLE_TIME

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self.over:
            return
        if self._fresh:
            self._fresh = False
            if data.startswith(HTTP2):
                self._speak_http2(data)
                return
        if self.idle:
            self.deadline = self.house.loop.time() + HEAD_TIME
        self._http.receive_data(data)
        self._read()

    def _speak_http2(self, data: bytes) -> None:
        """Hand the connection over to the other protocol."""
        from resilience_sim.serve.http2 import Connection2

        transport = self._transport
        assert transport is not None
        self._transport = None
        self.house.connections.pop(self, None)
        other = Connection2(self.house)
        transport.set_protocol(other)
        other.connection_made(transport)
        other.data_received(data)

    def pause_writing(self) -> None:
        self._stuck = True
        self.deadline = self.house.loop.time() + BODY_TIME

    def resume_writing(self) -> None:
        self._stuck = False
        self._go_on()

    def _leave(self) -> None:
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            self.house.left(attempt)

    # --- in ---

    def _read(self) -> None:
        """Go on with what has come, and read more only while that is little."""
        self._take()
        ahead = len(self._http.trailing_data[0]) > MOST_AHEAD
        if self._transport is not None and ahead != self._paused:
            self._paused = ahead
            self._transport.pause_reading() if ahead else self._transport.resume_reading()

    def _take(self) -> None:
        try:
            while self._transport is not None and not (self.busy or self._stuck or self.over):
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        word = self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
                        self._transport.write(word or b"")
                    return
                if isinstance(event, h11.Request):
                    self._head(event)
                elif isinstance(event, h11.Data):
                    self._length += len(event.data)
                    if self._length > (MOST_CONTROL if self._kept else MOST_BODY):
                        self.refuse(413, "the body is too long")
                        return
                    if self._kept:
                        self._body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    self._whole()
                else:  # closed, or another protocol is asked for
                    self.close()
                    return
        except h11.RemoteProtocolError as error:
            self.refuse(error.error_status_hint, str(error))

    def _head(self, request: h11.Request) -> None:
        self._request = request
        self._length = 0
        self._body.clear()
        self._head_only = request.method == b"HEAD"
        self._kept = CONTROL.encode() in request.target
        self.deadline = self.house.loop.time() + BODY_TIME

    def _whole(self) -> None:
        request = self._request
        assert request is not None
        if request.method == b"CONNECT":
            self.refuse(405, "this is no tunnel")
            return
        self.busy = True
        self.deadline = FOREVER
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        method, target = request.method.decode("ascii"), request.target.decode("latin-1")
        self.house.take(self, Question(method, target, headers, bytes(self._body)))

    def _go_on(self) -> None:
        """With what was sent ahead."""
        if self._transport is not None and not self.busy and not self._stuck:
            self._read()

    # --- out ---

    def answered(self, attempt: Attempt, outcome: int, hint: int) -> None:
        """The attempt has its outcome: show it."""
        self.attempt = None
        way = self.house.way_of(attempt) if outcome == ev.RESET else ""
        if way == "cut":
            self._cut()
        elif way == "close":
            self.close()
        elif ON_THE_WIRE[outcome].status:
            status, headers, body = parts(outcome, self.house.real(hint))
            self.reply(status, headers, body.encode())
        else:
            self.reset()

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Answer the request, and go on with the next one."""
        if not self._say(status, headers, body, whole=True):
            return
        http = self._http
        self.busy = False
        self._request = None
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            self.close()
            return
        http.start_next_cycle()
        self.deadline = self.house.loop.time() + IDLE_TIME
        if http.trailing_data[0]:
            self.house.loop.call_soon(self._go_on)

    def refuse(self, status: int, why: str) -> None:
        """Say what is wrong with what came, and hang up as soon as the client has, or will not."""
        body = f"{status} {REASONS.get(status, b'').decode()}: {why}\n".encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Connection", "close")]
        if self._transport is None:
            return
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE) or not self._say(status, headers, body):
            self.reset()
        elif not self.over:  # who is still sending would not see an answer that comes with a reset
            self.over = True
            self.deadline = self.house.loop.time() + LAST_WORDS
            self._transport.write_eof()

    def _cut(self) -> None:
        """Half of an answer, and then the end."""
        status, headers, body = parts(ev.SUCCESS)
        if self._say(status, headers, b"") and self._transport is not None:
            self._transport.write(body.encode()[: len(body) // 2])
        self.close()

    def _say(self, status: int, headers: Sequence[tuple[str, str]], body: bytes, whole: bool = False) -> bool:
        """Write an answer; whether that was possible. ``whole``: that is all of it."""
        if self._transport is None:
            return False
        reason = REASONS.get(status, b"")
        try:
            data = self._http.send(h11.Response(status_code=status, headers=list(headers), reason=reason)) or b""
            if body and not self._head_only:
                data += self._http.send(h11.Data(data=body)) or b""
            if whole:
                data += self._http.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError:  # the client has asked for what has no answer
            self.reset()
            return False
        self._transport.write(data)
        return True

    def close(self) -> None:
        """Hang up, when what was written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Break it off: the client sees a reset."""
        if self._transport is not None:
            break_off(self._transport)

    def expire(self) -> None:
        """Its deadline is over: an idle client goes, one that is too slow is told so."""
        if self.idle or self.over:
            self.close()
        else:
            self.refuse(408, "the request took too long")

    def end(self) -> None:
        """The server ends: nobody waits for anything any more."""
        self.attempt = None
        self.reset() if self.busy else self.close()
