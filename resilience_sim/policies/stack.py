"""The stack: policies composed in the order written, outermost first.

With policies [P, Q, R] around B a call runs P(Q(R(B))). A stack may become another one while it runs: calls under way
answer through the layers they came in by, and from then on whatever goes inwards meets the new layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from mypy_extensions import i64

from resilience_sim.kernel.frames import Clock, Layer
from resilience_sim.kernel.rng import JITTER, OPEN_TIME, THROTTLE, purpose_of
from resilience_sim.policies.guest import make_guest
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.policies.plugin import make_plugin
from resilience_sim.policies.shared import Common, WayIn
from resilience_sim.settings.breaker import LikeBreakerConfig
from resilience_sim.settings.own_code import OwnCodeConfig
from resilience_sim.settings.plugin import PluginConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig
from resilience_sim.settings.throttle import LikeThrottleConfig, ThrottleConfig

# These kinds key their random numbers by their ordinal among their kind (kernel/rng.py); any other by its id.
PURPOSES: dict[type[PolicyConfig], int] = {
    RetryConfig: JITTER,
    LikeRetryConfig: JITTER,
    LikeBreakerConfig: OPEN_TIME,
    ThrottleConfig: THROTTLE,
    LikeThrottleConfig: THROTTLE,
}


_layers: dict[type[PolicyConfig], Callable[..., PolicyLayer]] = {
    PluginConfig: make_plugin,
    OwnCodeConfig: make_guest,
}


def layer_of(kind: type[PolicyConfig]) -> Callable[..., PolicyLayer]:
    """What runs a kind of config, as the registry says; imported when the first one is made."""
    if kind not in _layers:
        for known in POLICIES.values():
            if kind in known.layers:
                module, _, name = known.layers[kind].partition(":")
                _layers[kind] = getattr(import_module(f"resilience_sim.policies.{module}"), name)
                return _layers[kind]
        raise ValueError(f"unknown policy {kind.__name__}")
    return _layers[kind]


def make_layer(sim: Clock, source: i64, inner: Layer, config: PolicyConfig, ordinal: int) -> PolicyLayer:
    """One policy around ``inner``; ``ordinal``: its number among its kind, from 0."""
    kind = type(config)
    layer = layer_of(kind)(sim, source, inner, config)
    layer.purpose = PURPOSES[kind] + ordinal if kind in PURPOSES else purpose_of(config.id)
    return layer


class Stack:
    """The layers of one client instance around a service; ``outer`` is where calls come in.

    ``commons``: the layers that all instances share, by component; the stack of each instance gets the same dictionary.
    """

    __slots__ = ("_commons", "_configs", "_former", "_instance", "_service", "_sim", "layers", "outer")

    def __init__(
        self,
        sim: Clock,
        service: Layer,
        configs: Sequence[PolicyConfig],
        sources: Sequence[int],
        instance: int = 0,
        commons: dict[int, Common] | None = None,
    ) -> None:
        self._sim = sim
        self._instance = instance
        self._commons: dict[int, Common] = {} if commons is None else commons
        self._service = service
        self._configs: Sequence[PolicyConfig] = ()
        self.outer: Layer = service
        self.layers: list[PolicyLayer] = []
        self._former: list[tuple[PolicyLayer, str]] = []  # that calls may still be under way in, with their ids
        self.reconfigure(configs, sources)

    def reconfigure(self, configs: Sequence[PolicyConfig], sources: Sequence[int]) -> None:
        """Become a stack of these policies; they are the same as before if their ids are.

        A layer whose settings did not change stays, and one whose settings did keeps what still means something (a
        breaker's state, the places taken in a bulkhead).
        """
        before = self._configs
        known = {config.id: i for i, config in enumerate(before)}
        # Ordinals key random numbers. Counted from the outside, so that they do not depend on whatever else is in the
        # stack; a policy added later must not share those of another.
        ordinals: dict[str, int] = {}
        for config in before:
            ordinals[config.kind] = ordinals.get(config.kind, 0) + 1
        inner = self._service
        layers: list[PolicyLayer] = []
        for i in range(len(configs) - 1, -1, -1):
            config = configs[i]
            at = known.get(config.id, -1)
            if at >= 0 and (before[at] == config or self.layers[at].reconfigure(config)):
                layer = self.layers[at]
                layer.inner = inner
            else:
                if at >= 0:
                    ordinal = sum(1 for other in before[:at] if other.kind == config.kind)
                elif before:
                    ordinal = ordinals.get(config.kind, 0)
                    ordinals[config.kind] = ordinal + 1
                else:
                    ordinal = sum(1 for other in configs[:i] if other.kind == config.kind)
                layer = self._make(sources[i], inner, config, ordinal)
            layers.append(layer)
            inner = layer
        layers.reverse()
        if before:
            self._pass_on(before, layers, configs)
        self._configs = configs
        self.layers = layers
        self.outer = inner
        if before:
            for layer in layers:
                layer.resume()

    def _make(self, source: int, inner: Layer, config: PolicyConfig, ordinal: int) -> PolicyLayer:
        """A layer of this instance's own, or its way to one that all share, which the first to ask for makes."""
        if not config.shared:
            return make_layer(self._sim, source, inner, config, ordinal)
        common = self._commons.get(source)
        if common is None or not common.takes(config):
            way_in = WayIn(self._sim)
            common = Common(make_layer(self._sim, source, way_in, config, ordinal), way_in, config)
            self._commons[source] = common
        return common.door(inner, self._instance)

    def _pass_on(
        self, before: Sequence[PolicyConfig], layers: list[PolicyLayer], configs: Sequence[PolicyConfig]
    ) -> None:
        """Calls under way in a layer that is gone meet, when they go inwards again, what is inside now."""
        here = {config.id: i for i, config in enumerate(configs)}
        gone = [(layer, config.id) for layer, config in zip(self.layers, before, strict=True) if layer not in layers]
        gone.reverse()
        self._former = gone + self._former  # the innermost first: what is inside it is there
        for layer, ident in self._former:
            if ident in here:
                layer.inner = layers[here[ident]].inner
                continue
            for former, other in gone:
                if layer.inner is former:
                    layer.inner = layers[here[other]] if other in here else former.inner
                    break
