"""Outlier detection in a stack (``circuit_breaker: {like: envoy}``): the layer that keeps a client instance's account.

Calls pass it untouched: only the balancer knows which replica answered, and only the balancer can act on it
(world/balancer.py uses :attr:`OutlierWatch.machine`). In the events it is a breaker that is OPEN while some replica is
ejected.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    BREAKER,
    CLOSED,
    OPEN,
    WHY_EJECTED,
    WHY_EJECTED_RATE,
    WHY_RESTART,
    WHY_RETURNED,
    pack_change,
    pack_pair,
)
from resilience_sim.kernel.frames import Clock, Frame, Layer, Timer
from resilience_sim.policies.layer import Gauges, PolicyLayer
from resilience_sim.policies.rules.outliers import BACK, BY_ERRORS, Outliers
from resilience_sim.settings.breaker import OutlierConfig
from resilience_sim.settings.policy import PolicyConfig


class OutlierWatch(PolicyLayer):
    """The layer; it does nothing until the balancer gives it replicas to watch."""

    __slots__ = ("_config", "_open", "_timer", "machine")

    def __init__(self, sim: Clock, source: i64, inner: Layer, config: OutlierConfig) -> None:
        super().__init__(sim, source, inner)
        self._config = config
        self._open = False
        self._timer: Timer | None = None
        self.machine: Outliers | None = None

    def reconfigure(self, config: PolicyConfig) -> bool:
        if not isinstance(config, OutlierConfig):
            return False
        self._config = config
        if self.machine is not None:
            self.machine.reconfigure(config)
        return True

    def watch(self, replicas: i64) -> Outliers:
        """Start to watch this number of replicas."""
        machine = Outliers(self._config, replicas, self.sim.now)
        self.machine = machine
        self._arm(machine)
        return machine

    def _arm(self, machine: Outliers) -> None:
        timer = Timer(self)
        self._timer = timer
        self.sim.schedule_background(machine.next_sweep, timer)

    def on_timer(self, f: Frame) -> None:
        """A sweep."""
        machine = self.machine
        assert machine is not None
        machine.sweep(self.sim.now)
        self.tell(-1)
        self._arm(machine)

    def tell(self, rid: i64) -> None:
        """Emit what has changed as events."""
        machine = self.machine
        if machine is None or not machine.changes:
            return
        sim = self.sim
        left = machine.out
        for change in machine.changes:
            numbers = pack_pair(change.host + 1, change.number)
            if change.why != BACK:
                why = WHY_EJECTED if change.why == BY_ERRORS else WHY_EJECTED_RATE
                old = OPEN if self._open else CLOSED
                self._open = True
                sim.sink.emit(sim.now, BREAKER, self.source, rid, pack_change(old, OPEN, why), numbers)
            elif self._open and left == 0:
                self._open = False
                sim.sink.emit(sim.now, BREAKER, self.source, rid, pack_change(OPEN, CLOSED, WHY_RETURNED), numbers)
        machine.changes.clear()

    def restart(self) -> None:
        if self._timer is not None:
            self._timer.armed = False
        if self._open:
            sim = self.sim
            sim.sink.emit(sim.now, BREAKER, self.source, -1, pack_change(OPEN, CLOSED, WHY_RESTART), 0)

    def gauges(self, now: i64) -> Gauges:
        machine = self.machine
        return {} if machine is None else {"ejected": int(machine.out), "hosts": len(machine.hosts)}
