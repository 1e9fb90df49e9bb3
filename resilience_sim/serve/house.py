"""What connections and their server know of each other, and the bounds on what a client may take."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from typing import Final, Protocol

from resilience_sim.serve.gate import Attempt
from resilience_sim.serve.question import Question

MOST_HEAD: Final = 1 << 14  # bytes
MOST_BODY: Final = 1 << 30
MOST_CONTROL: Final = 1 << 16  # of a body that is kept
BODY_TIME: Final = 60.0  # s
IDLE_TIME: Final = 75.0  # s between two requests
FOREVER: Final = float("inf")

_NOW: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets


class Asker(Protocol):
    """Who has sent a request: a connection, or a stream of one."""

    attempt: Attempt | None  # what has come of it, as long as it has no answer

    def answered(self, attempt: Attempt, outcome: int, hint: int) -> None:
        """The attempt has its outcome: show it."""

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Answer the request."""

    def refuse(self, status: int, why: str) -> None:
        """Say what is wrong with what came."""


class House(Protocol):
    """What the connections of a server have in common."""

    loop: asyncio.AbstractEventLoop
    connections: dict[Line, None]

    def full(self) -> bool:
        """Whether there is no place for another connection."""

    def take(self, asker: Asker, question: Question) -> None:
        """A request has come in whole."""

    def left(self, attempt: Attempt) -> None:
        """The client of an attempt has hung up."""

    def way_of(self, attempt: Attempt) -> str:
        """How a lost answer looks: ``cut``, ``close``, or "" it was not lost."""

    def real(self, hint: int) -> int:
        """A duration of the simulation as the client has to wait it, in ns."""


class Line(asyncio.Protocol):
    """A client's connection; ``deadline``: when it expires if nothing happens, on the loop's clock."""

    __slots__ = ("_transport", "deadline", "house")

    def __init__(self, house: House) -> None:
        self.house = house
        self.deadline = FOREVER
        self._transport: asyncio.Transport | None = None  # None: it is over, or somebody else's now

    def eof_received(self) -> bool:
        """The client has hung up; who only stops sending and goes on listening is taken for one that has."""
        self._leave()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self.house.connections.pop(self, None)
        self._leave()

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        raise NotImplementedError

    def _leave(self) -> None:
        """Nobody waits for what it has asked for any more."""
        raise NotImplementedError

    def close(self) -> None:
        """Hang up, when what was written has been sent."""
        raise NotImplementedError

    def expire(self) -> None:
        """Its deadline is over."""
        raise NotImplementedError

    def end(self) -> None:
        """The server ends: nobody waits for anything any more."""
        raise NotImplementedError


def break_off(transport: asyncio.Transport) -> None:
    """End a connection so that the client sees a reset."""
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
    transport.abort()
