"""Sockets in memory: real HTTP/1.1 bytes between the user's client and a simulated service.

An attempt begins when the client connects, for only then it can be refused; what the attempt does is known when the
head of the request has come, at the same instant. On a connection that has been kept alive the next one begins with the
head of its request. Services that refuse attempts keep no connections, and hang up on those that are idle.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
from typing import Any

from resilience_sim.client.here import here
from resilience_sim.client.hosts import USE_SERVE
from resilience_sim.client.strands import Strands
from resilience_sim.kernel import events as ev
from resilience_sim.wire.answers import ON_THE_WIRE, REFUSE, RESET, SILENCE, response
from resilience_sim.wire.requests import BadRequest, IncomingRequest

_real = socket.socket
FIRST_FD = 1 << 24  # file numbers that no system gives
_numbers = itertools.count(FIRST_FD)
CLIENT_PORT = 40_000


class _SocketType(type):
    """Real sockets are instances, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real) or type.__instancecheck__(cls, instance)


class Socket(metaclass=_SocketType):
    """Stands in for ``socket.socket``; outside of the simulated code it makes real ones."""

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return _real(*args, **named) if here() is None else object.__new__(cls)

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        strands: Strands = here()
        self.family = socket.AF_INET if family == -1 else socket.AddressFamily(family)
        self.type = socket.SOCK_STREAM if type == -1 else socket.SocketKind(type)
        self.proto = 0 if proto == -1 else proto
        if fileno is not None or self.family not in (socket.AF_INET, socket.AF_INET6):
            strands.refuse(f"a socket of {self.family!r} is none that HTTP goes over", USE_SERVE)
        self.strands = strands
        self.fd = next(_numbers)
        self.timeout: float | None = socket.getdefaulttimeout()
        self.attempt: Any = None  # of layer.py
        self.peer: tuple[str, int] | None = None
        self.pending = False  # it is being connected
        self.error = 0
        self.inbox = bytearray()
        self.eof = False
        self.closed = False
        self.gave_up = False  # a time limit has passed
        self.readers: list[Any] = []  # strands that wait for it
        self.selectors: list[Any] = []
        self._request = IncomingRequest()
        self._answer: tuple[int, int] | None = None
        self._told_to_go_on = False
        self._files = 0
        self.service = ""
        self.idle = False  # kept alive, without an attempt

    # --- settings that mean nothing here ---

    def setsockopt(self, *args: Any) -> None: ...

    def getsockopt(self, level: int, option: int, length: int = 0) -> int:
        if level == socket.SOL_SOCKET and option == socket.SO_ERROR:
            error, self.error = self.error, 0
            return error
        return 0

    def set_inheritable(self, inheritable: bool) -> None: ...

    def get_inheritable(self) -> bool:
        return False

    def settimeout(self, value: float | None) -> None:
        if value is not None and value < 0:
            raise ValueError("Timeout value out of range")
        self.timeout = value

    def gettimeout(self) -> float | None:
        return self.timeout

    def setblocking(self, flag: bool) -> None:
        self.timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        return self.timeout != 0

    def fileno(self) -> int:
        return -1 if self.closed else self.fd

    def bind(self, address: Any) -> None: ...

    def listen(self, backlog: int = 0) -> None:
        self.strands.refuse("the code listens on a socket, and nobody connects to it", USE_SERVE)

    def getsockname(self) -> tuple[str, int]:
        return ("198.19.255.254", CLIENT_PORT)

    def getpeername(self) -> tuple[str, int]:
        if self.peer is None or self.pending:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self.peer

    # --- connecting ---

    def connect(self, address: Any) -> None:
        if self.peer is not None:
            if self.pending:
                raise OSError(errno.EALREADY, os.strerror(errno.EALREADY))
            raise OSError(errno.EISCONN, os.strerror(errno.EISCONN))
        host, port = address[0], address[1]
        self.peer = (host, port)
        if self.type != socket.SOCK_STREAM:
            return
        if port == 443:
            name = self.strands.net.name_of(host)
            self.strands.refuse(f"https://{name} is not simulated", f"point the client at http://{name}/")
        self.pending = self.strands.net.connect(self, host)
        if not self.pending:
            self._raise_error()
        elif self.timeout == 0:
            raise BlockingIOError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))
        else:
            self._wait("a connection", lambda: not self.pending)
            self._raise_error()

    def connect_ex(self, address: Any) -> int:
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.EAGAIN
        return 0

    def accepted(self) -> None:
        """From the middle of an event: the service has it."""
        self.pending = False
        for strand in self.readers:
            self.strands.wake_soon(strand)
        for selector in self.selectors:
            selector.changed(self.fd)
            selector.wake_soon()

    # --- sending ---

    def send(self, data: Any, flags: int = 0) -> int:
        self._raise_error()
        if self.closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self.peer is None or self.eof:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        view = memoryview(data).cast("B")
        self._take(view)
        return len(view)

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.send(data, flags)

    def sendmsg(self, buffers: Any, *args: Any) -> int:
        return sum(self.send(each) for each in buffers)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        if offset:
            file.seek(offset)
        return self.send(file.read() if count is None else file.read(count))

    def _take(self, data: memoryview) -> None:
        request = self._request
        before = request.headed
        try:
            request.feed(data)
        except BadRequest as error:
            self.strands.refuse(f"what the code sends is no HTTP/1.1: {error}", USE_SERVE)
        if request.headed and not before:
            if self.idle:
                self.idle = False
                self.strands.net.begin(self, request)
            else:
                self.attempt.is_for(request)
        if request.whole:
            if self._answer is not None:
                self._give_answer(*self._answer)
        elif request.headed and request.expects_continue and not self._told_to_go_on:
            self._told_to_go_on = True
            self.inbox += b"HTTP/1.1 100 Continue\r\n\r\n"
            self._readable()

    # --- the answer ---

    def answered(self, outcome: int, hint: int) -> None:
        """The attempt has its outcome."""
        act = ON_THE_WIRE[outcome].act
        if act == SILENCE:
            return
        if act in (REFUSE, RESET):
            refused = act == REFUSE and (self.pending or not self._request.headed)
            self.error = errno.ECONNREFUSED if refused else errno.ECONNRESET
            self.pending = False
            self._readable()
        elif self._request.whole:
            self._give_answer(outcome, hint)
        else:
            self._answer = (outcome, hint)
            self.pending = False

    def _give_answer(self, outcome: int, hint: int) -> None:
        self.pending = False
        request = self._request
        keep = request.keeps_alive and not self.strands.net.refuses(self.service)
        self.inbox += response(outcome, hint, head_only=request.method == "HEAD", keep_alive=keep)
        if keep:
            self._request = IncomingRequest()
            self._answer = None
            self._told_to_go_on = False
            self.attempt = None
            self.idle = True
        else:
            self.eof = True
        self._readable()

    def hang_up(self) -> None:
        """From the middle of an event: the service closes a connection that it had kept."""
        self.idle = False
        self.eof = True
        for selector in self.selectors:
            selector.changed(self.fd)
            selector.wake_soon()

    def _readable(self) -> None:
        for strand in self.readers:
            self.strands.wake(strand)
        for selector in self.selectors:
            selector.changed(self.fd)
            selector.wake()

    # --- receiving ---

    def _receive(self, most: int) -> bytearray:
        if not self._can_read():
            if self.timeout == 0:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            self._wait("an answer", self._can_read)
        if self.inbox:
            found = self.inbox[:most]
            del self.inbox[:most]
            return found
        self._raise_error()
        return bytearray()

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        if flags & socket.MSG_PEEK:
            return bytes(self.inbox[:bufsize])
        return bytes(self._receive(bufsize))

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        found = self._receive(nbytes or len(view))
        view[: len(found)] = found
        return len(found)

    def _can_read(self) -> bool:
        return bool(self.inbox) or self.eof or self.error != 0 or self.closed

    def can(self, reading: bool) -> bool:
        """Whether reading, or writing, would not wait."""
        if reading:
            return self.peer is not None and not self.pending and self._can_read()
        return not self.pending

    def _wait(self, what: str, over: Any) -> None:
        strands = self.strands
        strand = strands.current
        until = None if self.timeout is None else strands.sim.now + int(self.timeout * 1e9 + 0.5)
        self.readers.append(strand)
        try:
            while not over():
                if not strands.park(until, what, for_b=True) and not over():
                    self.gave_up = True
                    raise TimeoutError("timed out")
        finally:
            self.readers.remove(strand)

    def _raise_error(self) -> None:
        if self.error:
            error, self.error = self.error, 0
            self.eof = True
            raise OSError(error, os.strerror(error))

    # --- ends ---

    def makefile(self, mode: str = "r", buffering: int | None = None, **named: Any) -> Any:
        """As the real one, which asks nothing else of its socket than what is here."""
        return _real.makefile(self, mode, buffering, **named)  # type: ignore[call-overload]

    @property
    def _io_refs(self) -> int:
        return self._files

    @_io_refs.setter
    def _io_refs(self, count: int) -> None:
        self._files = count

    def _decref_socketios(self) -> None:
        self._files = max(0, self._files - 1)

    def shutdown(self, how: int) -> None:
        if how != socket.SHUT_WR:
            self._leave()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._leave()

    def detach(self) -> int:
        self.strands.refuse("the code takes the file number of a connection", USE_SERVE)
        return -1

    def dup(self) -> Any:
        return self

    def _leave(self) -> None:
        """The client hangs up."""
        if self.attempt is not None:
            self.attempt.leave(self.gave_up)
        self._readable()

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self.closed and self.attempt is not None:
            self.closed = True
            self.attempt.abandon()


def outcome_of_leaving(gave_up: bool, succeeded: bool) -> int:
    """What an attempt came to whose client has hung up: given up, or no longer needed."""
    return ev.CANCELLED if succeeded and not gave_up else ev.TIMEOUT


def replacements() -> dict[Any, Any]:
    """What stands in for what."""
    return {_real: Socket}
