"""Strands: user code that waits without holding anything up. The kernel's queue decides who goes on, and when.

Only the *hub*, the greenlet that steps the simulation, switches to a strand, and a strand that waits switches back to
it. Who is woken while another strand runs has to wait until that one waits, in the order of waking: so the order of
everything is a function of the events.
"""

from __future__ import annotations

from asyncio.events import _get_running_loop, _set_running_loop
from asyncio.tasks import _enter_task, _leave_task, current_task
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar
from types import FrameType
from typing import Any

import greenlet

from resilience_sim.client.chance import Luck
from resilience_sim.client.errors import Ended, OwnCodeError, Refusal
from resilience_sim.client.here import HERE, here
from resilience_sim.kernel.frames import Clock, Frame, Layer, Request, Timer

MOST_SPINS = 200_000  # waits of one strand at one instant, from which on time stands still
MOST_TICKS = 100_000  # wakings of code that serves no request while requests wait for it
SECOND = 1_000_000_000

REQUEST: ContextVar[Request | None] = ContextVar("resim_request", default=None)  # for which the code is running


class Strand:
    """One of them. ``request``: for which it runs, if for one alone; ``for_b``: it waits for a service."""

    __slots__ = (
        "background", "deaths", "doomed", "for_b", "greenlet", "layer", "locals", "loop", "number", "request",
        "running", "soon", "spins", "spun_at", "strands", "task", "thread", "timed_out", "timer", "waits", "why",
    )  # fmt: skip

    def __init__(self, strands: Strands, number: int, request: Request | None) -> None:
        self.strands = strands
        self.number = number
        self.request = request
        self.background = True
        self.greenlet: Any = None
        self.timer: Timer | None = None
        self.timed_out = False
        self.soon = False  # its timer is no limit: somebody has woken it
        self.waits = False
        self.for_b = False
        self.why = ""
        self.doomed = False
        self.deaths = 0
        self.layer: Any = None  # of the instance that it belongs to
        self.loop: Any = None  # the event loop that it runs
        self.running: Any = None  # the event loop that was running when it began to wait
        self.task: Any = None
        self.thread: Any = None  # what threading.current_thread() says
        self.locals: dict[Any, Any] = {}  # what threading.local holds for it
        self.spins = 0
        self.spun_at = -1


class Wakings(Layer):
    """The timers of all strands."""

    def __init__(self, sim: Clock, strands: Strands) -> None:
        super().__init__(sim, -1)
        self.strands = strands

    def on_timer(self, f: Frame) -> None:
        """Somebody has waited long enough."""
        assert isinstance(f, Timer)
        self.strands.on_time(f)


class Strands:
    """All strands of one run."""

    def __init__(self, sim: Clock, seed: int) -> None:
        self.sim = sim
        self.luck = Luck(seed)
        self.hub: Any = greenlet.getcurrent()
        self.current: Strand | None = None
        self.alive: dict[int, Strand] = {}
        self.failure: BaseException | None = None  # what ends the run
        self.net: Any = None  # what can be connected to (layer.py)
        self.turn_to: Callable[[Any], None] = lambda layer: None  # have the modules of that instance in their place
        self.switches = 0
        self.progress = 0  # counts what requests get done
        self._count = 0
        self._ready: deque[Strand] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._draining = False
        self._wakings = Wakings(sim, self)
        self._ticks = (0, 0)

    @property
    def now(self) -> int:
        """Virtual ns."""
        return self.sim.now

    # --- from the kernel ---

    def spawn(self, target: Callable[[], None], request: Request | None = None, layer: object = None) -> Strand:
        """A strand that runs ``target``, as soon as it is its turn; for ``layer``, or whom the present one is for."""
        self._count += 1
        strand = Strand(self, self._count, request)
        strand.background = request is None or layer is None  # a thread alone keeps no run going
        strand.layer = self.current.layer if layer is None and self.current is not None else layer
        context = Context()
        if request is not None:
            context.run(REQUEST.set, request)
        strand.greenlet = greenlet.greenlet(lambda: self._run(strand, target), self.hub)
        strand.greenlet.gr_context = context
        self.alive[strand.number] = strand
        self._ready.append(strand)
        return strand

    def call(self, done: Callable[[], None]) -> None:
        """Have the hub do something as soon as the strand that runs has to wait."""
        self._calls.append(done)

    def drain(self) -> None:
        """Let everybody run who can. OwnCodeError: what one of them does ends the run."""
        if self._draining or self.current is not None:
            return
        self._draining = True
        try:
            while self._ready or self._calls:
                if self._calls:
                    self._calls.popleft()()
                else:
                    strand = self._ready.popleft()
                    if not strand.greenlet.dead:
                        self._resume(strand)
                if self.failure is not None:
                    raise self._failed()
        finally:
            self._draining = False

    def on_time(self, timer: Timer) -> None:
        """A timer has fired."""
        strand = self.alive.get(int(timer.user))
        if strand is None or strand.timer is not timer:
            return
        strand.timer = None
        strand.timed_out = not strand.soon
        strand.waits = False
        self._ready.append(strand)
        self.drain()

    def _resume(self, strand: Strand) -> None:
        self.current = strand
        self.switches += 1
        if strand.greenlet.parent is not self.hub:
            strand.greenlet.parent = self.hub
        self.turn_to(strand.layer)
        _enter_loop(strand)
        HERE.strands = self
        try:
            strand.greenlet.switch()
        finally:
            HERE.strands = None
            self.current = None
            _leave_loop(strand)

    def _run(self, strand: Strand, target: Callable[[], None]) -> None:
        try:
            target()
        except (Ended, greenlet.GreenletExit):
            pass
        except BaseException as error:
            self.fail(error)
        finally:
            self.alive.pop(strand.number, None)

    # --- from strands ---

    def park(self, until: int | None = None, why: str = "", *, for_b: bool = False) -> bool:
        """Wait until somebody wakes the strand: True; or until that instant: False."""
        strand = self.current
        if strand is None:
            raise RuntimeError("code that belongs to no request cannot wait here")
        if until is not None:
            self._mind_spins(strand, until)
            timer = Timer(self._wakings, strand.number)
            strand.timer = timer
            if strand.background:
                self.sim.schedule_background(until, timer)
            else:
                self.sim.schedule(until, timer)
        return self.switch_away(strand, why, for_b=for_b)

    def switch_away(self, strand: Strand, why: str, *, for_b: bool = False) -> bool:
        """Wait; whoever calls has seen to it that somebody wakes the strand."""
        if strand.doomed:
            self._die_again(strand)
        strand.why = why
        strand.for_b = for_b
        strand.timed_out = strand.soon = False
        strand.waits = True
        self.hub.switch()
        strand.waits = False
        if strand.doomed:
            strand.deaths += 1
            raise Ended
        return not strand.timed_out

    def _die_again(self, strand: Strand) -> None:
        strand.deaths += 1
        if strand.deaths > 1000:  # it catches everything, for ever
            self.hub.switch()
        raise Ended

    def timer(self, strand: Strand, when: int, *, background: bool) -> Timer:
        """Wake the strand at that instant, too; disarm it to take that back."""
        timer = Timer(self._wakings, strand.number)
        if background:
            self.sim.schedule_background(when, timer)
        else:
            self.sim.schedule(when, timer)
        return timer

    def wake(self, strand: Strand) -> None:
        """Let it go on when its turn comes."""
        if not strand.waits:
            return
        strand.waits = False
        timer = strand.timer
        if timer is not None:
            timer.armed = False
            strand.timer = None
        self._ready.append(strand)

    def wake_soon(self, strand: Strand) -> None:
        """As :meth:`wake`, from the middle of an event: when that has been handled."""
        if strand.waits and not strand.soon:
            if strand.timer is not None:
                strand.timer.armed = False
            strand.soon = True
            strand.timer = self.timer(strand, self.sim.now, background=False)

    def in_kernel(self, done: Callable[[], None]) -> None:
        """Do something with the simulation from within a strand: what it calls must see the real world."""
        HERE.strands = None
        try:
            done()
        finally:
            HERE.strands = self

    def request(self) -> Request | None:
        """For which the code is running."""
        found = REQUEST.get()
        if found is None and self.current is not None:
            return self.current.request
        return found

    def _mind_spins(self, strand: Strand, until: int) -> None:
        if until > self.sim.now or self.sim.now != strand.spun_at:
            strand.spins = 0
            strand.spun_at = self.sim.now
            return
        strand.spins += 1
        if strand.spins > MOST_SPINS:
            self.refuse(
                f"time stands still at {self.sim.now / SECOND:.3f}s: the code waits for no time at all, for ever",
                "wait for a while, e.g. time.sleep(0.001)",
            )

    # --- ends ---

    def refuse(self, cause: str, remedy: str) -> None:
        """End the run: the code does what cannot be virtual."""
        error = Refusal(cause, remedy)
        self.fail(error)
        raise error

    def fail(self, error: BaseException) -> None:
        """End the run, whatever the code does with the exception."""
        if self.failure is None:
            self.failure = error

    def _failed(self) -> BaseException:
        failure = self.failure
        assert failure is not None
        if isinstance(failure, Refusal):
            from resilience_sim.client.blame import where

            return OwnCodeError(failure.cause + where(failure.__traceback__), failure.remedy)
        return failure

    def tick(self) -> bool:
        """Only code that serves no request is left to go on: let the next of it go on. False: there is none."""
        waiting = [s for s in self.alive.values() if s.timer is not None and s.timer.armed]
        if not waiting:
            return False
        progress, ticks = self._ticks
        ticks = ticks + 1 if progress == self.progress else 0
        self._ticks = (self.progress, ticks)
        if ticks > MOST_TICKS:
            return False
        first = min(waiting, key=lambda s: (s.timer.time, s.timer.serial))  # type: ignore[union-attr]
        timer = first.timer
        assert timer is not None
        when = int(timer.time)
        timer.armed = False
        first.timer = self.timer(first, when, background=False)
        return True

    def close(self) -> None:
        """The run is over: end whoever still waits."""
        self.end(list(self.alive.values()))
        self._ready.clear()
        self._calls.clear()

    def end(self, strands: list[Strand]) -> None:
        """End these, letting them clean up, but not wait."""
        for strand in strands:
            strand.doomed = True
            if strand.timer is not None:
                strand.timer.armed = False
                strand.timer = None
            self.alive.pop(strand.number, None)
            if not strand.greenlet.dead and strand is not self.current:
                before = self.current
                self.current, HERE.strands = strand, self
                strand.greenlet.parent = greenlet.getcurrent()
                try:
                    strand.greenlet.throw()
                finally:
                    self.current, HERE.strands = before, None

    def frame_of(self, strand: Strand) -> FrameType | None:
        """Where it waits."""
        found: FrameType | None = strand.greenlet.gr_frame
        return found


def strand_here() -> tuple[Strands, Strand] | None:
    """The strand that has called, if one has."""
    strands = here()
    if strands is None or strands.current is None:
        return None
    return strands, strands.current


def _enter_loop(strand: Strand) -> None:
    if strand.running is not None:
        _set_running_loop(strand.running)
        if strand.task is not None:
            _enter_task(strand.running, strand.task)
        strand.running = strand.task = None


def _leave_loop(strand: Strand) -> None:
    """A thread has one running loop; a strand of ours, too."""
    if strand.loop is None:
        return
    running = _get_running_loop()
    if running is not None:
        task = current_task(running)
        strand.running = running
        strand.task = task
        if task is not None:
            _leave_task(running, task)
        _set_running_loop(None)
