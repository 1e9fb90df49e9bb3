"""The port: open, or closed so that the system refuses connections.

While it is closed a second socket, which is bound but does not listen, keeps the port from being taken by others.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Any, Final

from resilience_sim.serve.errors import ServeError

BACKLOG: Final = 1024
AT_ONCE: Final = 64  # connections accepted before others get their turn
OUT_OF_FILES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """Accepts connections at an address and makes a protocol of each."""

    def __init__(self, loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.Protocol]) -> None:
        self._loop = loop
        self._factory = factory
        self._reserve: socket.socket | None = None
        self._socket: socket.socket | None = None
        self._family = socket.AF_INET
        self._address: Any = ()
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def port(self) -> int:
        return int(self._address[1])

    @property
    def url(self) -> str:
        """Where it is, for a client on this machine."""
        host = str(self._address[0])
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def everywhere(self) -> bool:
        """Whether other machines may reach it."""
        host = str(self._address[0])
        return not (host.startswith("127.") or host == "::1")

    def bind(self, host: str, port: int) -> None:
        """Take the address. ServeError when that is impossible."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError):
            raise ServeError(f"--host {host}: there is no such address", "127.0.0.1 is this machine alone") from None
        self._family, self._address = found[0][0], found[0][4]
        try:
            self._reserve = self._bound()
            self._address = self._reserve.getsockname()
            self.open()
        except OSError as error:
            self.close()
            raise self._impossible(host, port, error) from None

    def _impossible(self, host: str, port: int, error: OSError) -> ServeError:
        if error.errno == errno.EADDRINUSE:
            return ServeError(f"port {port} is in use", "end what listens there, or choose another: --port 0 for any")
        if error.errno == errno.EACCES:
            return ServeError(f"port {port} may not be used", "ports from 1024 on are free for everybody")
        if error.errno == errno.EADDRNOTAVAIL:
            return ServeError(f"--host {host} is no address of this machine", "127.0.0.1 is this machine alone")
        return ServeError(f"cannot listen at {host} port {port}: {error.strerror}", "choose another --port or --host")

    def _bound(self) -> socket.socket:
        made = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(self._address)
        except OSError:
            made.close()
            raise
        return made

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self) -> None:
        """Listen."""
        if self._socket is not None:
            return
        if os.name != "posix" and self._reserve is not None:  # there one socket alone can have an address
            self._reserve.close()
            self._reserve = None
        made = self._bound()
        try:
            made.listen(BACKLOG)
            made.setblocking(False)
        except OSError:
            made.close()
            raise
        self._socket = made
        self._loop.add_reader(made.fileno(), self._accept)

    def shut(self) -> None:
        """Refuse."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Let go of the address."""
        self.shut()
        if self._reserve is not None:
            self._reserve.close()
            self._reserve = None

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if self._socket is None:
                return
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in OUT_OF_FILES:  # they wait until there are some again
                    self._pause()
                    return
                raise
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._connect(accepted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, accepted: socket.socket) -> object:
        try:
            return await self._loop.connect_accepted_socket(self._factory, accepted)
        except OSError:
            accepted.close()
            return None

    def _pause(self) -> None:
        held = self._socket
        if held is not None:
            self._loop.remove_reader(held.fileno())
            self._loop.call_later(1.0, self._resume, held)

    def _resume(self, held: socket.socket) -> None:
        if held is self._socket:
            self._loop.add_reader(held.fileno(), self._accept)
