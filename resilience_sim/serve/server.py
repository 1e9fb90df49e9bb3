"""The server: the kernel stepped by the real clock, its services behind real connections.

Everything happens on one event loop. What comes in is entered at the instant of the clock, up to which the run has been
brought before; an alarm rings at the instant of the next event. How busy the machine is changes when clients are
served, never what the simulation says of the same requests at the same instants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from resilience_sim.kernel.format import SECOND
from resilience_sim.runs.simulation import Source
from resilience_sim.serve.connection import Connection
from resilience_sim.serve.control import Control
from resilience_sim.serve.gate import Attempt
from resilience_sim.serve.house import Asker, Line
from resilience_sim.serve.listener import Listener
from resilience_sim.serve.question import CONTROL, Question, Router
from resilience_sim.serve.world import LATEST, Served

TICK: Final = 0.1  # s between two looks at what no event tells: signals, commits, clients that are too slow
MOST_CONNECTIONS: Final = 10_000
SPARE_FILES: Final = 64
DRAIN: Final = 1.0  # s at most for what is at work when the server ends
AT_ONCE: Final = 20_000  # events of that between two looks at the clock


class Server:
    """Serves ``run``, stepped as ``source`` (itself, or recorded)."""

    def __init__(self, run: Served, source: Source, host: str, port: int, speed: float = 1.0) -> None:
        """``speed``: seconds of the scenario in one of the clock."""
        self.run = run
        self.source = source
        self.speed = speed
        self.connections: dict[Line, None] = {}
        self.control = Control(self)
        self.asked: Callable[[], bool] = lambda: False  # whether to end
        self._address = (host, port)
        self._router = Router(run.names, run.plan.several)
        self._room = _room()
        self._origin = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = LATEST
        self._failure: BaseException | None = None
        self._moving = False

    # --- its life ---

    def open(self) -> None:
        """Listen; from now on it is 0 and later. On the event loop. ServeError when it cannot."""
        self.loop = asyncio.get_running_loop()
        self.listener = Listener(self.loop, lambda: Connection(self))
        self.listener.bind(*self._address)
        self.run.watcher.fault = self._mind_the_door_soon
        self._origin = self.loop.time()
        self.run.begin()
        self._mind_the_door()
        self._arm()

    @property
    def url(self) -> str:
        return self.listener.url

    def now(self) -> int:
        """Virtual time, ns."""
        return max(0, round((self.loop.time() - self._origin) * self.speed * SECOND))

    async def until_asked(self) -> None:
        """Serve until :attr:`asked` says to end. What went wrong in between is raised here."""
        swept = self.loop.time()
        while not self.asked() and self._failure is None:
            await asyncio.sleep(TICK)
            self._guarded(self._tick)
            if self.loop.time() - swept >= 1.0:
                swept = self.loop.time()
                self._sweep(swept)
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Nobody gets in any more, all connections end; what is at work is simulated to its end."""
        self.listener.close()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._failure is None:
            self.source.run(self.now())
            self.run.end(self.now())
            ends = self.loop.time() + DRAIN
            while self.source.run(budget=AT_ONCE) and self.loop.time() < ends:
                pass
        for connection in list(self.connections):
            connection.end()
        await asyncio.sleep(0)

    def _tick(self) -> None:
        now = self.advance()
        self.run.give_up(now)

    def _sweep(self, now: float) -> None:
        for connection in [each for each in self.connections if each.deadline < now]:
            connection.expire()

    # --- the clock ---

    def advance(self, at_least: int = 0) -> int:
        """Bring the run to this instant, which is returned."""
        now = max(self.now(), at_least, self.source.now)
        if self._moving:  # an answer made a client send more, within a step
            return self.source.now
        self._moving = True
        try:
            self.source.run(now)
        finally:
            self._moving = False
        self._arm()
        return now

    def _arm(self) -> None:
        """Set the alarm for the next event; one that rings too early does no harm."""
        when = self.run.next_time()
        if when >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = when
        self._alarm = self.loop.call_at(self._origin + when / SECOND / self.speed, self._ring)

    def _ring(self) -> None:
        when, self._alarm, self._alarm_at = self._alarm_at, None, LATEST
        self._guarded(lambda: self.advance(when))

    def _guarded(self, do: Callable[[], object]) -> None:
        """What fails outside of any caller's reach ends the server."""
        try:
            do()
        except Exception as error:
            if self._failure is None:
                self._failure = error

    # --- connections ---

    def full(self) -> bool:
        """Whether there is no place for another connection."""
        return len(self.connections) >= self._room

    def take(self, asker: Asker, question: Question) -> None:
        """A request has come in whole."""
        self._guarded(lambda: self._take(asker, question))

    def _take(self, asker: Asker, question: Question) -> None:
        if question.path.startswith(CONTROL) or question.path == CONTROL[:-1]:
            status, headers, body = self.control.answer(question)
            asker.reply(status, headers, body)
            return
        found = self._router.route(question)
        if found is None:
            asker.refuse(404, f"there is no such service; known: {self._router.known()}")
            return
        service, path = found
        key, keyed = question.identity
        if key:
            key = f"{service} {key}"
        now = self.advance()
        attempt = self.run.enter(now, service, key, keyed, question.method, path, asker.answered)
        if not attempt.over:
            asker.attempt = attempt
        self.advance(now)

    def left(self, attempt: Attempt) -> None:
        """The client of an attempt has hung up."""
        if self._failure is None:
            self._guarded(lambda: self.run.leave(self.advance(), attempt))

    def way_of(self, attempt: Attempt) -> str:
        """How a lost answer looks."""
        return self.run.way_of(attempt)

    def real(self, hint: int) -> int:
        """A duration of the simulation as a client has to wait it."""
        return hint if self.speed == 1.0 else round(hint / self.speed)

    def _mind_the_door_soon(self) -> None:
        """A fault begins or ends; what is made of that waits until the step is over."""
        self.loop.call_soon(self._mind_the_door)

    def _mind_the_door(self) -> None:
        """A service that refuses everybody does not even listen, and hangs up on those who are idle."""
        if all(self.run.refuses(name) for name in self.run.names):
            self.listener.shut()
            for connection in [each for each in self.connections if each.idle]:
                connection.close()
        else:
            self._guarded(self.listener.open)


def _room() -> int:
    """How many connections there may be."""
    try:
        import resource
    except ImportError:  # Windows
        return 400
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(MOST_CONNECTIONS, soft - SPARE_FILES))
