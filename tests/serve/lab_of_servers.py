"""Helpers: a server in this process, and a client that sees every byte."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from resilience_sim.measure.services_fold import figures_of
from resilience_sim.scenario.load import load_text
from resilience_sim.serve.server import Server
from resilience_sim.serve.world import Served
from resilience_sim.settings.own_code import SERVED, with_own_code

HEAD = "resim: 1\nname: lab\ntraffic: {rate: 1/s, requests: 1}\n"


def serve(text, play, speed=1.0, port=0):
    """Serve a scenario while ``play(server)`` goes on; what that returned, and the figures."""

    async def main() -> Any:
        plan = with_own_code(load_text(HEAD + text, "lab").plan, SERVED)
        run = Served(plan, plan.seed)
        figures = figures_of(plan, run.components, 0)
        run.attach(figures)
        server = Server(run, run, "127.0.0.1", port, speed)
        over = False
        server.asked = lambda: over
        server.control.document = lambda: {"figures": figures.result(run.seed, run.digest(), run.now, False).document}
        server.open()
        serving = asyncio.ensure_future(server.until_asked())
        try:
            found = await play(server)
        finally:
            over = True
            await serving
            await server.close()
        assert not server.connections
        return found, figures.result(run.seed, run.digest(), run.now, False).document

    return asyncio.run(main())


class Client:
    """A connection; what a request meets: ``(status, headers, body)``, or a word."""

    def __init__(self, server):
        self._port = server.listener.port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, method="GET", path="/", headers=None, body=b"", patience=1.0):
        """``silence``, ``refused``, ``reset``, ``closed`` (without a byte), ``cut`` (within the answer)."""
        try:
            await self.send(method, path, headers, body)
            return await asyncio.wait_for(self.answer(method), patience)
        except TimeoutError:
            await self.leave()
            return "silence"
        except ConnectionRefusedError:
            return "refused"
        except ConnectionResetError:
            return "reset"
        except asyncio.IncompleteReadError as error:
            return "cut" if error.partial else "closed"

    async def send(self, method="GET", path="/", headers=None, body=b""):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        all_headers = {"Host": "b.resim", "Content-Length": len(body), **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in all_headers.items())]
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    async def raw(self, data):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, method="GET"):
        assert self.reader is not None
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"])) if method != "HEAD" else b""
        return int(head[0].split()[1]), headers, body

    async def leave(self):
        if self.writer is not None:
            self.writer.close()
            self.reader = self.writer = None


async def ask(server, *args, **more):
    """As :meth:`Client.ask`, on a connection of its own."""
    client = Client(server)
    try:
        return await client.ask(*args, **more)
    finally:
        await client.leave()


async def status(server, *args, **more):
    """The status alone, where there is one."""
    found = await ask(server, *args, **more)
    return found if isinstance(found, str) else found[0]


async def control(server, method, path, said=None, **headers):
    """A question to resim itself: status and document."""
    body = b"" if said is None else json.dumps(said).encode()
    if body:
        headers["Content-Type"] = "application/json"
    found = await ask(server, method, "/__resim/" + path, headers, body)
    return found[0], json.loads(found[2])
