"""A connection that speaks HTTP/2 (by h2, without TLS), and gRPC on it: many requests at a time, each a stream.

A fault strikes streams: what is a reset or a refusal on a connection of its own is RST_STREAM here, with
``INTERNAL_ERROR`` or ``REFUSED_STREAM``. A call of gRPC is answered with an empty message, which is one of any type.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

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
from resilience_sim.wire.answers import ON_THE_WIRE, REFUSE, grpc_trailers, parts

MOST_STREAMS: Final = 256  # of a connection at a time
MOST_PENDING: Final = 1 << 17  # bytes of a frame, or of a head in several
GRPC: Final = "application/grpc"
EMPTY: Final = bytes(5)  # not compressed, no byte

Headers = list[tuple[str, str]]


class Stream:
    """One request on a connection."""

    __slots__ = ("_body", "_headers", "_length", "_line", "attempt", "began", "number", "whole")

    def __init__(self, line: Connection2, number: int, headers: dict[str, str]) -> None:
        self._line = line
        self._headers = headers
        self._body = bytearray()
        self._length = 0
        self.number = number
        self.attempt: Attempt | None = None
        self.began = line.house.loop.time()
        self.whole = False

    @property
    def _path(self) -> str:
        return self._headers.get(":path", "")

    @property
    def _is_grpc(self) -> bool:
        return self._headers.get("content-type", "").startswith(GRPC)

    def feed(self, data: bytes) -> None:
        """More of its body."""
        kept = self._path.startswith(CONTROL)
        self._length += len(data)
        if self._length > (MOST_CONTROL if kept else MOST_BODY):
            self.refuse(413, "the body is too long")
        elif kept:
            self._body += data

    def question(self) -> Question:
        """All of it."""
        headers = {name: value for name, value in self._headers.items() if not name.startswith(":")}
        headers["host"] = self._headers.get(":authority", headers.get("host", ""))
        return Question(self._headers.get(":method", ""), self._path, headers, bytes(self._body))

    # --- out ---

    def answered(self, attempt: Attempt, outcome: int, hint: int) -> None:
        """The attempt has its outcome: show it."""
        self.attempt = None
        line = self._line
        way = line.house.way_of(attempt) if outcome == ev.RESET else ""
        answer = ON_THE_WIRE[outcome]
        if way == "cut":
            self._cut()
        elif answer.status and self._is_grpc:
            self._end_call(outcome, line.house.real(hint))
        elif answer.status:
            status, headers, body = parts(outcome, line.house.real(hint))
            self.reply(status, headers, body.encode())
        else:
            line.break_off(self, ErrorCodes.REFUSED_STREAM if answer.act == REFUSE else ErrorCodes.INTERNAL_ERROR)

    def _end_call(self, outcome: int, hint: int) -> None:
        head = [(":status", "200"), ("content-type", GRPC)]
        trailers = grpc_trailers(outcome, hint)
        if outcome == ev.SUCCESS:
            self._line.send(self, head, EMPTY, trailers)
        else:
            self._line.send(self, head + trailers)

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Answer the request."""
        head = [(":status", str(status)), *((name.lower(), value) for name, value in headers)]
        self._line.send(self, head, b"" if self._headers.get(":method") == "HEAD" else body)

    def refuse(self, status: int, why: str) -> None:
        """Say what is wrong with what came."""
        body = f"{status}: {why}\n".encode()
        self.reply(status, [("content-type", "text/plain"), ("content-length", str(len(body)))], body)

    def _cut(self) -> None:
        """Half of an answer, and then the end."""
        status, headers, body = parts(ev.SUCCESS)
        half = EMPTY[:2] if self._is_grpc else body.encode()[: len(body) // 2]
        head = [("content-type", GRPC)] if self._is_grpc else [(name.lower(), value) for name, value in headers]
        self._line.send(self, [(":status", str(status)), *head], half, ends=False)
        self._line.break_off(self, ErrorCodes.INTERNAL_ERROR)


class Connection2(Line):
    """That of a client who speaks HTTP/2."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        bounds = {SettingCodes.MAX_CONCURRENT_STREAMS: MOST_STREAMS, SettingCodes.MAX_HEADER_LIST_SIZE: MOST_HEAD}
        self._http.local_settings = Settings(client=False, initial_values=bounds)
        self._streams: dict[int, Stream] = {}
        self._idle_since = 0.0  # 0: it is not
        self._pending = 0  # bytes that were part of nothing so far

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        return not self._streams

    # --- from asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.house.connections[self] = None
        self._http.initiate_connection()
        self._settle()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        try:
            events = self._http.receive_data(data)
            self._pending = 0 if events else self._pending + len(data)
            if self._pending > MOST_PENDING:  # h2 would wait for 16 MB before it finds a frame too long
                self.close(ErrorCodes.FRAME_SIZE_ERROR)
                return
            for event in events:
                self._take(event)
        except H2Error:  # what it has to say about that is written, and then the end
            self._flush()
            self.close()
            return
        self._settle()

    def pause_writing(self) -> None:
        """The client takes no more: neither do we."""
        if self._transport is not None:
            self._transport.pause_reading()
            self._idle_since = 0.0
            self.deadline = self.house.loop.time() + BODY_TIME

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()
            self._settle()

    def _leave(self) -> None:
        streams = list(self._streams.values())
        self._streams.clear()
        for stream in streams:
            self._gone(stream)

    def _gone(self, stream: Stream) -> None:
        attempt, stream.attempt = stream.attempt, None
        if attempt is not None:
            self.house.left(attempt)

    # --- in ---

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers or ()}
            assert event.stream_id is not None
            self._streams[event.stream_id] = Stream(self, event.stream_id, headers)
            if headers.get(":method") == "CONNECT":
                self._streams[event.stream_id].refuse(405, "this is no tunnel")
        elif isinstance(event, DataReceived):
            assert event.stream_id is not None
            self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                stream.feed(event.data or b"")
        elif isinstance(event, StreamEnded):
            stream = self._streams.get(event.stream_id or 0)
            if stream is not None:
                stream.whole = True
                self.house.take(stream, stream.question())
        elif isinstance(event, StreamReset):
            stream = self._streams.pop(event.stream_id or 0, None)
            if stream is not None:
                self._gone(stream)
        elif isinstance(event, ConnectionTerminated):
            self.close()

    # --- out ---

    def send(
        self, stream: Stream, head: Headers, body: bytes = b"", trailers: Headers | None = None, ends: bool = True
    ) -> None:
        """Answer on a stream. ``ends``: that is all."""
        if self._streams.get(stream.number) is not stream:
            return
        number, http = stream.number, self._http
        try:
            over = ends and not body and not trailers
            http.send_headers(number, head, end_stream=over)
            if len(body) > http.local_flow_control_window(number):  # nobody who wants answers says that
                http.reset_stream(number, ErrorCodes.FLOW_CONTROL_ERROR)
                over = True
            elif body:
                over = ends and not trailers
                http.send_data(number, body, end_stream=over)
            if trailers and not over:
                http.send_headers(number, trailers, end_stream=True)
            if ends and not stream.whole:
                http.reset_stream(number, ErrorCodes.NO_ERROR)  # the rest of the request is of no use
        except H2Error:
            pass  # the stream has ended meanwhile
        if ends:
            del self._streams[number]
        self._settle()

    def break_off(self, stream: Stream, code: ErrorCodes) -> None:
        """End a stream without an answer, or within it."""
        if self._streams.pop(stream.number, None) is None:
            return
        with contextlib.suppress(H2Error):
            self._http.reset_stream(stream.number, code)
        self._settle()

    def _settle(self) -> None:
        """Write what there is to say, and set the deadline anew."""
        self._flush()
        if self._streams:
            self._idle_since = 0.0
            began = [stream.began for stream in self._streams.values() if not stream.whole]
            self.deadline = min(began) + BODY_TIME if began else FOREVER
        elif not self._idle_since:  # whatever else comes does not make it busy
            self._idle_since = self.house.loop.time()
            self.deadline = self._idle_since + IDLE_TIME

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)

    def close(self, why: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Hang up, when what was written has been sent."""
        if self._transport is None:
            return
        with contextlib.suppress(H2Error):
            self._http.close_connection(why)
        self._flush()
        self._transport.close()

    def expire(self) -> None:
        """Its deadline is over."""
        self.close()

    def end(self) -> None:
        """The server ends: nobody waits for anything any more."""
        for stream in self._streams.values():
            stream.attempt = None
        if self._streams and self._transport is not None:
            break_off(self._transport)
        else:
            self.close()
