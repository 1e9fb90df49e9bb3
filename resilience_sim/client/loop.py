"""An event loop of asyncio whose time is the kernel's; what it waits for are simulated sockets and strands."""

from __future__ import annotations

import asyncio
from asyncio import events
from typing import Any

from resilience_sim.client.clock import STARTED
from resilience_sim.client.here import here
from resilience_sim.client.hosts import USE_SERVE, getaddrinfo
from resilience_sim.client.poll import Selector
from resilience_sim.client.strands import REQUEST, Strand, Strands

MOST_TURNS = 1_000_000  # of a loop at one instant
SECOND = 1_000_000_000


class LoopSelector(Selector):
    """Waits for the loop's timers as well: those that serve a request keep the run going, others do not."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: Any = None
        self._turns = 0
        self._turned_at = -1

    def select(self, timeout: float | None = None) -> Any:
        found = self.ready()
        strands = self.strands
        now = strands.sim.now
        if found or (timeout is not None and timeout <= 0):
            self._mind_turns(now)
            return found
        strand = strands.current
        assert strand is not None
        self.strand = strand
        if timeout is not None:
            until = now + int(timeout * 1e9 + 0.5)
            strand.timer = strands.timer(strand, until, background=not self.loop.serves_somebody())
        strands.switch_away(strand, "its event loop", for_b=bool(self._keys))
        self.strand = None
        return self.ready()

    def _mind_turns(self, now: int) -> None:
        if now != self._turned_at:
            self._turned_at = now
            self._turns = 0
        self._turns += 1
        if self._turns > MOST_TURNS:
            self.strands.refuse(
                f"time stands still at {int(now) / SECOND:.3f}s: tasks go round and round without waiting",
                "wait for a while, e.g. asyncio.sleep(0.001)",
            )


class Loop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._ours = LoopSelector()
        super().__init__(self._ours)
        self._ours.loop = self
        self._clock_resolution = 1e-9  # a timer is due when its instant has come; with 0 it never would be

    def time(self) -> float:
        """As ``time.monotonic``."""
        return STARTED + int(self._ours.strands.sim.now) / 1e9

    def serves_somebody(self) -> bool:
        """Whether some timer serves a request, and not only the code by itself."""
        scheduled: Any = vars(self)["_scheduled"]
        for each in scheduled:
            if not each.cancelled():
                request = context_of(each).get(REQUEST)
                if request is not None and not request.done:
                    return True
        return False

    def wake_up(self) -> None:
        """Something has been handed in from outside."""
        self._ours.wake()

    def run_forever(self) -> None:
        found = here()
        if found is None or found is not self._ours.strands:
            raise RuntimeError("this event loop belongs to a run that is over")
        assert found.current is not None
        found.current.loop = self
        super().run_forever()

    async def getaddrinfo(self, host: Any, port: Any, **named: Any) -> Any:
        """At once, as the names are known."""
        return getaddrinfo(host, port, **named)

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        """No signal ever comes."""

    def remove_signal_handler(self, sig: int) -> bool:
        return False

    async def subprocess_exec(self, *args: Any, **named: Any) -> Any:
        self._ours.strands.refuse("the code starts a process", USE_SERVE)

    subprocess_shell = subprocess_exec

    def _make_self_pipe(self) -> None:
        self._ssock = self._csock = None
        self._internal_fds = 0

    def _close_self_pipe(self) -> None:
        pass

    def _write_to_self(self) -> None:
        self._ours.wake()


def context_of(handle: Any) -> Any:
    """The context that a callback runs in."""
    return getattr(handle, "_context")  # noqa: B009 (nobody offers it otherwise)


def waiting_tasks(strands: Strands, strand: Strand) -> list[Any]:
    """Tasks of the loop that a strand runs, which are not done."""
    return [] if strand.loop is None else [task for task in asyncio.all_tasks(strand.loop) if not task.done()]


def new_loop() -> Any:
    """``asyncio.new_event_loop``."""
    return _new_loop() if here() is None else Loop()


_new_loop = asyncio.new_event_loop


def replacements() -> dict[Any, Any]:
    """What stands in for what."""
    return {_new_loop: new_loop, events.new_event_loop: new_loop}
