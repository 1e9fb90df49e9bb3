"""What every layer of a stack has in common."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

from resilience_sim import settings
from resilience_sim.kernel import events as ev
from resilience_sim.kernel.frames import Frame, Layer, Request
from resilience_sim.kernel.rng import KeyedRng, purpose_of
from resilience_sim.kernel.sim import Sim
from resilience_sim.kernel.sink import Fold, Sink
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.policies.plugin import Policy
from resilience_sim.policies.stack import Stack, layer_of
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.own_code import OwnCodeConfig
from resilience_sim.settings.plugin import PluginConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.timeout import TimeoutConfig


class Notes(Fold):
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[tuple[int, ...]] = []

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self.events.append((t, kind, source, rid, a, b))


class Outside(Layer):
    """Takes answers."""

    def on_result(self, f: Frame, outcome: int) -> None:
        f.x = outcome


class CoinFlip(Policy):
    """Turns away half of the calls."""

    def enter(self, parent: Frame) -> None:
        if self.uniform(parent.req) < 0.5:
            self.reject(parent, ev.ERROR, 7)
        else:
            self.call(parent)


def world() -> tuple[Sim, Notes]:
    """An engine and its events."""
    notes = Notes()
    return Sim(KeyedRng(1), Sink([notes])), notes


def test_every_config_has_a_layer():
    """Whoever adds a kind of policy says in its entry of the registry what runs it."""
    known: set[type[PolicyConfig]] = set()
    for each in pkgutil.iter_modules(settings.__path__, "resilience_sim.settings."):
        found = inspect.getmembers(import_module(each.name), inspect.isclass)
        known |= {kind for _, kind in found if issubclass(kind, PolicyConfig) and kind is not PolicyConfig}
    assert len(known) > 10
    for kind in known:
        assert callable(layer_of(kind)), kind
    registered = [kind for entry in POLICIES.values() for kind in entry.layers]
    assert set(registered) == known - {PluginConfig, OwnCodeConfig}
    assert len(registered) == len(set(registered))


def test_a_rejection_is_one_event_with_the_policy_as_its_source():
    """A new policy needs no event kind of its own."""
    sim, notes = world()
    outside = Outside(sim, -1)
    request = Request(outside, 3, 0, 0, 0)
    PolicyLayer(sim, 42, outside).reject(request, ev.THROTTLED, 5)
    assert notes.events == [(0, ev.REJECTED, 42, 3, ev.THROTTLED, 5)]
    assert request.x == ev.THROTTLED


def test_a_policy_draws_numbers_of_its_own_by_its_id():
    """Whatever else stands in the stack: they depend on the id, the request and the key only."""
    sim, _ = world()
    inside = Outside(sim, -1)
    timeout = TimeoutConfig("patience", after=5)
    alone = Stack(sim, inside, [timeout], [1])
    among = Stack(sim, inside, [FallbackConfig("fallback"), timeout, HedgeConfig("hedge")], [4, 5, 6])
    assert alone.layers[0].purpose == among.layers[1].purpose == purpose_of("patience")
    request = Request(inside, 3, 0, 0, 0)
    drawn = {layer.uniform(request, key, nth) for layer in among.layers for key in (0, 1) for nth in (0, 1)}
    assert len(drawn) == 12


def test_a_policy_of_the_user_needs_no_more_than_enter():
    """Random numbers and rejections come with the base class."""
    sim, notes = world()
    outside = Outside(sim, -1)
    flip = CoinFlip(sim, 9, outside)
    flip.purpose = purpose_of("coin")
    rejected = 0
    for rid in range(200):
        before = len(notes.events)
        with pytest.raises(NotImplementedError) if flip.uniform(Request(outside, rid, 0, 0, 0)) >= 0.5 else nothing():
            flip.enter(Request(outside, rid, 0, 0, 0))
        rejected += len(notes.events) - before
    assert 70 < rejected < 130


class nothing:
    """No exception is expected."""

    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...
