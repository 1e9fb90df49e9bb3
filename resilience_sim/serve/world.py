"""A run whose requests come from real clients: a simulation that never ends by itself."""

from __future__ import annotations

from collections.abc import Callable

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.frames import Frame, Layer, Timer
from resilience_sim.kernel.sim import FOREVER, Sim
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.simulation import Simulation
from resilience_sim.runs.topology import World
from resilience_sim.serve.gate import PATIENCE, Answered, Attempt, Gate, Name
from resilience_sim.settings.own_code import OwnCodeConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.world.faults import REFUSE, Fault, Faults

LATEST = FOREVER - 1


class Watcher(Fold):
    """Sees what connections have to know of: lost answers, and faults."""

    def __init__(self) -> None:
        self.lost: Callable[[Name, int, int], None] | None = None  # attempt, replica, when its work began
        self.fault: Callable[[], None] | None = None

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        if kind == ev.END:
            if self.lost is not None and ev.outcome_of(a) == ev.LOST:
                self.lost((rid, ev.attempt_of(a)), source, t - b)
        elif kind in (ev.FAULT_ON, ev.FAULT_OFF) and self.fault is not None:
            self.fault()

    def sees_services(self) -> bool:
        return True


class Pulse(Layer):
    """As long as its timer is there, the run goes on."""

    def on_timer(self, f: Frame) -> None:
        """Never: it is set for the end of time."""


class Served(Simulation):
    """The run of a plan made by ``with_own_code(plan, SERVED)``."""

    def __init__(self, plan: Plan, seed: int) -> None:
        super().__init__(plan, seed, ())
        self.gate = Gate()
        self.watcher = Watcher()
        self._faults: Faults | None = None
        self._world: World | None = None
        self._pulse: Timer | None = None
        self._ways: dict[Name, str] = {}  # by attempt: how its lost answer looks

    def _watchers(self, plan: Plan) -> list[Fold]:
        self.watcher.lost = self._lost
        return [self.watcher]

    def _invite(self, code: OwnCodeConfig, sim: Sim, world: World, faults: Faults, watchers: list[Fold]) -> None:
        sim.guest = self.gate
        self._faults, self._world = faults, world
        self._pulse = Timer(Pulse(sim, -1))
        sim.schedule(LATEST, self._pulse)

    def begin(self) -> None:
        """At 0."""
        self.run(0)
        assert self.applier is not None
        self.gate.arrive = self.applier.client.arrive

    @property
    def names(self) -> list[str]:
        """Of the services, the entry first."""
        return [each.name for each in self.plan.everybody]

    def next_time(self) -> int:
        """When something will happen; ``LATEST``: nothing will."""
        return int(self._sim.next_time()) if self._sim is not None else LATEST

    def enter(
        self, now: int, service: str, key: str, keyed: bool, method: str, path: str, answered: Answered
    ) -> Attempt:
        """An HTTP request comes in at ``now``, up to which the run has come. See :meth:`Gate.begin`."""
        assert self._sim is not None
        assert self._world is not None
        self._sim.now = max(now, int(self._sim.now))
        return self.gate.begin(self._world.services[service], service, key, keyed, method, path, answered)

    def leave(self, now: int, attempt: Attempt) -> None:
        """Its client hangs up at ``now``."""
        assert self._sim is not None
        self._sim.now = max(now, int(self._sim.now))
        self._ways.pop(attempt.name, None)
        self.gate.leave(attempt)

    def give_up(self, now: int, everybody: bool = False) -> None:
        """Requests that nobody has tried again for long have failed; or all that wait for that."""
        assert self._sim is not None
        self._sim.now = max(now, int(self._sim.now))
        self.gate.give_up(LATEST if everybody else now - PATIENCE)

    def end(self, now: int) -> None:
        """Nobody comes any more, nobody waits; what is at work goes on to its end as the run is stepped."""
        assert self._sim is not None
        assert self._pulse is not None
        self.give_up(now, everybody=True)
        self.gate.release()
        self._sim.unschedule(self._pulse)

    # --- what is seen of it ---

    def refuses(self, service: str) -> bool:
        """Whether every attempt at a service is refused now, whoever makes it."""
        assert self._faults is not None
        assert self._world is not None
        place, way = self._faults.at(service), self._faults.at(f"client>{service}")
        if any(_refuses_all(fault, 0) for fault in way.at_arrival):
            return True
        return all(
            place.down(replica.number) or any(_refuses_all(fault, int(replica.number)) for fault in place.at_arrival)
            for replica in self._world.services[service].replicas()
        )

    def way_of(self, attempt: Attempt) -> str:
        """How the lost answer of an attempt looks that is over: ``cut``, ``close``; "" it was not lost."""
        return self._ways.pop(attempt.name, "")

    def _lost(self, name: Name, source: int, began: int) -> None:
        """An answer is lost: find out how that looks, from the fault that did it."""
        assert self._faults is not None
        assert self._sim is not None
        attempt = self.gate.front.attempts.get(name)
        if attempt is None:
            return
        replica = self.components[source].number
        configs = self.plan_in_force.faults  # with the durations that they really had
        for fault in sorted(self._faults.timeline, key=lambda each: int(each.config.at)):
            config = configs[fault.index]
            on = config.at <= began < config.at + config.duration and config.place in ("", attempt.service)
            if (
                on
                and config.outcome == ev.LOST
                and fault.hits(self._sim, attempt.errand, name[1], replica)
                and fault.strikes_error(self._sim, attempt.errand, name[1])
            ):
                if config.how in ("cut", "close"):
                    self._ways[name] = config.how
                return


def _refuses_all(fault: Fault, replica: int) -> bool:
    config = fault.config
    return fault.how == REFUSE and fault.permits is None and config.share >= 1.0 and fault.concerns(replica)
