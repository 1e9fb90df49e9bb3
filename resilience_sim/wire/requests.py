"""An HTTP/1.1 request as it comes in, as far as a simulated service has to understand it."""

from __future__ import annotations

MOST_HEAD = 1 << 16
EFFECTS = {"GET": "GET", "HEAD": "GET", "OPTIONS": "GET", "PUT": "PUT", "DELETE": "DELETE"}  # any other: POST


class BadRequest(Exception):
    """What came is no HTTP/1.1 request."""


class IncomingRequest:
    """Takes bytes; ``headed`` when the head is there, ``whole`` when the body is, too."""

    __slots__ = ("_buffer", "_left", "_sized", "headed", "headers", "method", "target", "whole")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0  # of a body whose length is known
        self._sized = True
        self.headed = False
        self.whole = False
        self.method = ""
        self.target = ""
        self.headers: dict[str, str] = {}  # by lower-case name; the last one counts

    @property
    def effect(self) -> str:
        """The method whose effects it has: GET, PUT, DELETE or POST."""
        return EFFECTS.get(self.method, "POST")

    @property
    def key(self) -> str | None:
        """Its idempotency key."""
        return self.headers.get("idempotency-key")

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection is to be kept."""
        return self.headers.get("connection", "").lower() != "close"

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body."""
        return self.headers.get("expect", "").lower() == "100-continue"

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """More bytes. BadRequest when they cannot be understood; what comes after the whole request is ignored."""
        if self.whole:
            return
        self._buffer += data
        if not self.headed:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MOST_HEAD:
                    raise BadRequest("the head is too long")
                return
            self._read_head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
        if self._sized:
            self._left -= len(self._buffer)
            self._buffer.clear()
            self.whole = self._left <= 0
        else:
            self._read_chunks()

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        parts = first.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise BadRequest(f"{first[:80]!r} is no request line")
        self.method = parts[0].upper()
        self.target = parts[1]
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise BadRequest(f"{line[:80]!r} is no header")
            self.headers[name.lower()] = value.strip()
        self.headed = True
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            self._sized = False
            return
        length = self.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise BadRequest(f"Content-Length: {length[:20]}")
        self._left = int(length)

    def _read_chunks(self) -> None:
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return
            size = self._buffer[:end].split(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                raise BadRequest(f"{bytes(size[:20])!r} is no size of a chunk") from None
            if length == 0:
                if self._buffer.find(b"\r\n\r\n") >= 0:  # after trailers, if any
                    self.whole = True
                return
            if len(self._buffer) < end + 4 + length:
                return
            del self._buffer[: end + 4 + length]
