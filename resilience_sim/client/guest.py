"""Code of the user's own as the client of one run: what runs/simulation.py puts on the clock."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import current_thread, get_ident, main_thread
from time import thread_time
from typing import Any

import greenlet

from resilience_sim.client.blame import lines, users_frames, where
from resilience_sim.client.errors import OwnCodeError, Refusal
from resilience_sim.client.here import HERE
from resilience_sim.client.layer import CodeLayer, Net, Oddity, Owner
from resilience_sim.client.load import check, prime
from resilience_sim.client.replace import replacements
from resilience_sim.client.strands import Strand, Strands
from resilience_sim.kernel.frames import Clock, Layer
from resilience_sim.policies.guest import Guest
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.settings.own_code import OwnCodeConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.world.faults import Place

MOST_CPU = 10  # s that user code may run without waiting for anything
LOOK_EVERY = 1.0  # s of processor time
MOST_SHOWN = 5  # requests of a deadlock
MOST_NOTES = 3  # oddities that are kept
SECOND = 1_000_000_000


class OwnCode(Guest, Owner):
    """The user's code in one run; the same for all instances."""

    def __init__(self, plan: Plan, config: OwnCodeConfig, sim: Clock, seed: int) -> None:
        check(config.target)
        prime(config.target)
        self.target = config.target
        self.seed = seed
        self.strands = Strands(sim, seed)
        self.net = None
        self.operations = plan.operation.each
        self.oddities: list[Oddity] = []
        self.odd = 0
        self._layers: dict[int, CodeLayer] = {}  # by instance
        self._instances: dict[int, int] = {}  # by the component of their layer
        self._inside: CodeLayer | None = None  # whose modules are in their place
        self._depth = 0
        self._watchdog = Watchdog(self.strands)
        self.strands.turn_to = self._turn_to

    def connect(self, services: Mapping[str, Layer], places: Mapping[str, Sequence[Place]]) -> Net:
        """These can be called; ``places``: where faults strike an attempt at each."""
        self.net = Net(self.strands, services, places, self._layers)
        self.strands.net = self.net
        return self.net

    def layer(self, sim: Clock, source: int, inner: Layer, config: OwnCodeConfig) -> PolicyLayer:
        """The client of the next instance, or of one that has come back."""
        instance = self._instances.setdefault(int(source), len(self._instances))
        made = CodeLayer(sim, source, inner, self)
        self._layers[instance] = made
        with self.on():
            made.prepare()
        return made

    def note(self, oddity: Oddity) -> None:
        """A call has failed for no reason that the simulation knows of."""
        self.odd += 1
        if len(self.oddities) < MOST_NOTES:
            self.oddities.append(oddity)

    # --- while it runs ---

    @contextmanager
    def on(self) -> Iterator[None]:
        """In here the code may run; whatever it could see of the real world is replaced."""
        self._depth += 1
        if self._depth > 1:
            try:
                yield
            finally:
                self._depth -= 1
            return
        self.strands.hub = greenlet.getcurrent()
        HERE.thread = get_ident()
        everything = replacements()
        everything.enter()
        self.strands.luck.enter()
        self._watchdog.enter()
        try:
            yield
        finally:
            self._depth -= 1
            self._watchdog.leave()
            self.strands.luck.leave()
            self._turn_to(None)
            everything.leave()

    def _turn_to(self, layer: CodeLayer | None) -> None:
        if layer is self._inside:
            return
        if self._inside is not None:
            self._inside.modules.leave()
        self._inside = layer
        if layer is not None:
            layer.modules.enter()

    # --- ends ---

    def goes_on(self) -> bool:
        """No event is left: whether there will be some all the same. OwnCodeError: some wait for ever, for nothing.

        Whoever waits for a service that never answers is not among them, nor are others as long as one does.
        """
        under_way = {rid: each for layer in self._layers.values() for rid, each in layer.under_way().items()}
        hung = {rid for layer in self._layers.values() for rid in layer.wait_for_b()}
        if not under_way.keys() - hung:
            return False
        if self.strands.tick():
            return True
        if hung:
            return False
        raise self._deadlock(under_way)

    def _deadlock(self, under_way: Mapping[int, Any]) -> OwnCodeError:
        now = self.strands.sim.now / SECOND
        number = len(under_way)
        text = f"nothing will ever happen: at {now:.3f}s (seed {self.seed}) {_requests(number)} for each other"
        for rid in sorted(under_way)[:MOST_SHOWN]:
            each = under_way[rid]
            if isinstance(each, Strand):
                frames, why = users_frames(self.strands.frame_of(each)), each.why
            else:
                stack = each.get_stack() if each is not None else []
                frames, why = users_frames(stack[-1] if stack else None), "a task"
            text += f"\n  #{rid} waits for {why}" + "".join(f"\n    {line}" for line in lines(frames[-4:]))
        if number > MOST_SHOWN:
            text += f"\n  and {number - MOST_SHOWN} more"
        return OwnCodeError(text, "")

    def close(self) -> None:
        """The run is over: the code ends wherever it is."""
        with self.on():
            for layer in self._layers.values():
                layer.shut_down()
            self.strands.close()
        self._layers.clear()

    def notes(self) -> list[str]:
        """Calls that failed although no attempt of them did: what people should know."""
        found = []
        for each in self.oddities:
            text = f"#{each.request} at {each.at / SECOND:.3f}s (seed {self.seed}) raised {each.error}"
            found.append("\n".join([text, *(f"    {line}" for line in each.frames)]))
        if self.odd > len(found):
            found.append(f"so did {self.odd - len(found)} more calls: each without a failed attempt counts as `error`")
        return found


def _requests(number: int) -> str:
    return "1 request waits" if number == 1 else f"{number} requests wait"


class Watchdog:
    """Sees user code that never waits for anything, by the processor's time; only where signals can be had."""

    def __init__(self, strands: Strands) -> None:
        self._strands = strands
        self._before: Any = None
        self._on = False
        self._switches = -1
        self._since = 0.0

    def enter(self) -> None:
        """Look now and then."""
        self._on = hasattr(signal, "SIGVTALRM") and current_thread() is main_thread()
        if self._on:
            self._before = signal.signal(signal.SIGVTALRM, self._look)
            signal.setitimer(signal.ITIMER_VIRTUAL, LOOK_EVERY, LOOK_EVERY)

    def leave(self) -> None:
        """No longer."""
        if self._on:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
            signal.signal(signal.SIGVTALRM, self._before)

    def _look(self, number: int, frame: Any) -> None:
        strands = self._strands
        if HERE.strands is not strands or strands.switches != self._switches:
            self._switches = strands.switches
            self._since = thread_time()
        elif thread_time() - self._since > MOST_CPU:
            error = Refusal(
                f"at {strands.sim.now / SECOND:.3f}s the code has run for {MOST_CPU} s of processor time "
                f"without waiting{where(frame)}",
                "only what waits lets time pass; a loop until something happens has to sleep",
            )
            strands.fail(error)
            raise error
