"""The cockpit in a browser: who is let in, and that a tab's process is the cockpit and ends with it."""

from __future__ import annotations

import asyncio
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from aiohttp.web_runner import AppRunner, TCPSite
from cli.shell import resim

from resilience_sim.play.web import COOKIE, Door, is_loopback


@pytest.fixture
def port() -> Iterator[int]:
    """A port where somebody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


async def visit(door: Door, ended: Path) -> dict[str, object]:
    """What comes of visits with and without the key, from here and from elsewhere."""
    runner = AppRunner(await door._make_app())
    await runner.setup()
    await TCPSite(runner, door.host, door.port).start()
    url, ours = door.public_url, {"Origin": door.public_url}
    found: dict[str, object] = {}
    try:
        async with ClientSession() as anybody:
            for name, path, headers in (
                ("no key", "/", {}),
                ("wrong key", "/?key=x", {}),
                ("another name", f"/?key={door.key}", {"Host": "evil.example"}),
                ("download", f"/download/{door.key}", {}),
            ):
                async with anybody.get(url + path, headers=headers) as answer:
                    found[name] = answer.status
            for name, headers in (
                ("socket without key", ours),
                ("socket of another page", {"Origin": "http://evil.example", "Cookie": f"{COOKIE}={door.key}"}),
                ("socket of no page", {"Cookie": f"{COOKIE}={door.key}"}),
            ):
                try:
                    await anybody.ws_connect(f"{url}/ws", headers=headers)
                    found[name] = "let in"
                except WSServerHandshakeError as error:
                    found[name] = error.status
            async with anybody.get(door.address) as answer:
                found["key"], found["policy"] = answer.status, answer.headers["Content-Security-Policy"]
                cookie = answer.cookies[COOKIE]
                found["cookie"] = (cookie["httponly"], cookie["samesite"])
            page = {**ours, "Cookie": f"{COOKIE}={cookie.value}"}
            async with anybody.ws_connect(f"{url}/ws?width=90&height=30", headers=page) as tab:
                seen = b""
                while b"retry-storm" not in seen:
                    message = await tab.receive(timeout=60)
                    assert message.type == WSMsgType.BINARY, message
                    seen += message.data
                found["tab"] = len(door._tabs)
    finally:
        await runner.cleanup()
        for _ in range(600):
            await asyncio.sleep(0.05)
            if ended.exists():
                break
    found["tab after"], found["process ended"] = len(door._tabs), ended.exists()
    return found


def test_only_who_has_the_key_is_let_in_and_gets_the_cockpit(tmp_path: Path) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
    command = shlex.join([sys.executable, "-m", "resilience_sim", "play", "retry-storm"])
    ended = tmp_path / "ended"
    door = Door(f"{command}; touch {shlex.quote(str(ended))}", "127.0.0.1", own, lambda address: None)
    found = asyncio.run(visit(door, ended))
    refused = (
        "no key",
        "wrong key",
        "another name",
        "socket without key",
        "socket of another page",
        "socket of no page",
    )
    assert {name: found[name] for name in refused} == dict.fromkeys(refused, 403)
    assert found["download"] == 404
    assert (found["key"], found["cookie"]) == (200, (True, "Strict"))
    assert f"connect-src 'self' ws://127.0.0.1:{own};" in str(found["policy"])
    assert (found["tab"], found["tab after"], found["process ended"]) == (1, 0, True)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com", "::"])
def test_other_addresses_are_refused_in_words(host: str) -> None:
    assert not is_loopback(host)
    answer = resim("play", "--web", "--host", host)
    assert answer.code == 2
    assert "could play as you" in answer.err
    assert "ssh -L" in answer.err


def test_loopback_has_several_names() -> None:
    assert all(is_loopback(each) for each in ("127.0.0.1", "127.8.9.1", "::1", "localhost"))


def test_what_cannot_be_served_is_said_at_once(port: int) -> None:
    for words, said in (
        (["--port", str(port)], f"--port {port}: somebody else listens there"),
        (["--port", "0"], "expected 1 to 65535"),
        (["--save", "x.resim"], "every tab plays a session of its own"),
        (["-"], "standard input"),
        (["nosuch"], "no such file or shipped scenario"),
    ):
        answer = resim("play", "--web", *words)
        assert answer.code == 2
        assert said in answer.err
