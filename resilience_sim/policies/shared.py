"""A policy that all client instances share, as if its state lay in common storage.

There is one layer. Each instance's stack has a :class:`Door` to it in its place: calls go in through the door of their
instance, and the layer lets them out through the same one, to whatever is inside in that instance's stack. A crash
of one instance takes its door away, not the layer.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.frames import Clock, Frame, Layer
from resilience_sim.policies.layer import Gauges, PolicyLayer
from resilience_sim.settings.policy import PolicyConfig


class WayIn(Layer):
    """What the shared layer takes for its inside: the inside of the instance that a call belongs to."""

    __slots__ = ("doors",)

    def __init__(self, sim: Clock) -> None:
        super().__init__(sim, -1)
        self.doors: dict[int, Door] = {}  # by instance

    def enter(self, parent: Frame) -> None:
        door = self.doors[int(parent.req.instance)]
        if not door.closed:  # or else the instance has just crashed, and the call is about to be cancelled
            door.inner.enter(parent)

    def on_result(self, f: Frame, outcome: i64) -> None:
        raise AssertionError("answers go to the frame that called")

    def on_timer(self, f: Frame) -> None:
        raise AssertionError("it has no timers")


class Common:
    """The one layer, its present settings, and its doors."""

    __slots__ = ("config", "layer", "way_in")

    def __init__(self, layer: PolicyLayer, way_in: WayIn, config: PolicyConfig) -> None:
        self.layer = layer
        self.way_in = way_in
        self.config = config

    def door(self, inner: Layer, instance: i64) -> PolicyLayer:
        """The place of the layer in an instance's stack, in front of ``inner``."""
        made = Door(self, inner, instance)
        self.way_in.doors[int(instance)] = made
        return made

    def takes(self, config: PolicyConfig) -> bool:
        """Take other settings, once for all instances. False: another layer must take over."""
        if config == self.config:
            return True
        if not self.layer.reconfigure(config):
            return False
        self.config = config
        return True

    def release(self) -> None:
        """The run is over: cut what would keep each other alive."""
        self.layer.shut_down()
        self.way_in.doors.clear()


class Door(PolicyLayer):
    """One instance's way to the shared layer. What is asked of every instance's layer is answered by the first one."""

    __slots__ = ("_common", "_first", "closed")

    def __init__(self, common: Common, inner: Layer, instance: i64) -> None:
        super().__init__(common.layer.sim, common.layer.source, inner)
        self._common = common
        self._first = instance == 0
        self.closed = False

    def enter(self, parent: Frame) -> None:
        self._common.layer.enter(parent)

    def reconfigure(self, config: PolicyConfig) -> bool:
        return self._common.takes(config)

    def gauges(self, now: i64) -> Gauges:
        return self._common.layer.gauges(now) if self._first else {}

    def shut_down(self) -> None:
        """The instance goes down; the others still use the layer."""
        self.closed = True

    def trip(self) -> bool:
        return self._common.layer.trip() if self._first else True

    def reset(self) -> bool:
        return self._common.layer.reset() if self._first else True
