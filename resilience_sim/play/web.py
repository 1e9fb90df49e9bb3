"""The cockpit in a browser: textual-serve starts one for every tab, on this machine alone.

What a browser may open is a door to a shell's neighbourhood: the cockpit writes files where its user says. So it
listens on the loopback interface only, and lets in only whoever has the key that stands in the address it prints, for
other users of the machine reach the loopback interface, too; and only pages of its own address, for any page that the
user opens in the browser could otherwise connect (web sockets know no same-origin policy).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import shlex
import socket
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from textual_serve.server import Server

KEY, COOKIE = "key", "resim-key"


class PortTaken(Exception):
    """Somebody else listens there, or one may not listen there; the message says which."""


def is_loopback(host: str) -> bool:
    """Whether an address, or ``localhost``, can be reached from this machine only."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def serve_cockpit(words: Sequence[str], host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve ``resim play WORDS`` until Ctrl-C; ``say`` is told its address once it is open. PortTaken if it cannot be.

    When this returns, the processes of all tabs have been told to end; each also sees that its server is gone.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise PortTaken("somebody else listens there" if taken else (error.strerror or str(error))) from None
    command = shlex.join([sys.executable, "-P", "-m", "resilience_sim", "play", *words])
    command = command if sys.platform == "win32" else f"exec {command}"  # no shell between the tab's process and this
    Door(command, host, port, say).serve()


class Door(Server):
    """textual-serve's server with a lock, and an end that waits for nobody."""

    def __init__(self, command: str, host: str, port: int, say: Callable[[str], None]) -> None:
        shown = f"[{host}]" if ":" in host else host
        self.place = f"{shown}:{port}"
        super().__init__(command, host, port, "resim play", f"http://{self.place}")
        self.key = secrets.token_urlsafe(24)
        self._say = say
        self._tabs: set[asyncio.Task[Any]] = set()

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"{self.public_url}/?{KEY}={self.key}"

    def initialize_logging(self) -> None:
        """Only what goes wrong is said."""
        logging.basicConfig(level="WARNING", format="%(message)s", stream=sys.stderr)

    async def on_startup(self, app: web.Application) -> None:
        """Say where it is."""
        self._say(self.address)

    async def on_shutdown(self, app: web.Application) -> None:
        """End the tabs: a browser would keep its connection open as long as it can."""
        for tab in self._tabs:
            tab.cancel()
        await asyncio.gather(*self._tabs, return_exceptions=True)

    async def handle_index(self, request: web.Request) -> Any:
        """The page, for who has the key: in the address the first time, in a cookie from then on."""
        self._check_place(request)
        if not self._has_key(request.query.get(KEY)) and not self._has_key(request.cookies.get(COOKIE)):
            raise web.HTTPForbidden(text="the key is missing: open the address that resim play has printed\n")
        response: web.StreamResponse = await super().handle_index(request)
        response.set_cookie(COOKIE, self.key, httponly=True, samesite="Strict")
        # The page would ask for a font from elsewhere.
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self' 'unsafe-inline' data:; connect-src 'self' ws://{self.place}; frame-ancestors 'none'"
        )
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A tab: a process of its own, which ends with it."""
        self._check_place(request)
        if request.headers.get("Origin") != self.public_url or not self._has_key(request.cookies.get(COOKIE)):
            raise web.HTTPForbidden(text="only the page of resim play may connect\n")
        task = asyncio.current_task()
        assert task is not None
        self._tabs.add(task)
        try:
            return await super().handle_websocket(request)
        finally:
            self._tabs.discard(task)

    async def handle_download(self, request: web.Request) -> web.StreamResponse:
        """Nothing is offered for download."""
        raise web.HTTPNotFound

    def _check_place(self, request: web.Request) -> None:
        """Another name that leads here is a trick (DNS rebinding)."""
        if request.headers.get("Host") != self.place:
            raise web.HTTPForbidden(text=f"this is {self.place}\n")

    def _has_key(self, given: str | None) -> bool:
        return given is not None and secrets.compare_digest(given.encode(), self.key.encode())
