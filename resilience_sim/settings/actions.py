"""What somebody does to a run while it goes on, frozen: faults by hand, breakers by hand, other settings from now on.

An action at instant ``t`` comes before every event of that instant and after every event of an earlier one; several at
one instant apply in the order given. So a run is a pure function of plan, seed and actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.policy import PolicyConfig


@dataclass(frozen=True, slots=True)
class Action:
    """Common to all: the virtual instant, ns."""

    t: int


@dataclass(frozen=True, slots=True)
class Inject(Action):
    """A fault begins now: as if it had stood in the scenario with ``at`` = ``t``."""

    fault: FaultConfig


@dataclass(frozen=True, slots=True)
class Lift(Action):
    """An active fault ends now, whatever its duration was to be. ``fault``: its id."""

    fault: str


@dataclass(frozen=True, slots=True)
class Trip(Action):
    """A breaker is opened by hand, at every client instance (every calling replica). ``policy``: its id."""

    policy: str


@dataclass(frozen=True, slots=True)
class Reset(Action):
    """A breaker is closed by hand, at every client instance."""

    policy: str


@dataclass(frozen=True, slots=True)
class Change(Action):
    """The policy with the id of ``policy`` has these settings from now on; what it learnt it keeps where it can."""

    policy: PolicyConfig


@dataclass(frozen=True, slots=True)
class Add(Action):
    """One more policy, at ``position`` from the outside (0: outermost)."""

    policy: PolicyConfig
    position: int


@dataclass(frozen=True, slots=True)
class Remove(Action):
    """New calls no longer meet the policy with this id; those inside it come out through it."""

    policy: str


@dataclass(frozen=True, slots=True)
class Reorder(Action):
    """The same policies in another order, outermost first, by id."""

    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of the config of a service or a link, and what it is from now on."""

    name: str
    value: int | float | bool | str | Latency


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Fields of one config. ``written``: what they came from, by path below the service or call; it decides nothing."""

    fields: tuple[Setting, ...]
    written: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Adjust(Action):
    """A service, or the calls of a link (``caller>callee``), has these settings from now on. ``place``: its name."""

    place: str
    what: Adjustment
