"""Calls between services: who calls whom through which stack, and what is read of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from resilience_sim.kernel import events
from resilience_sim.settings import codes
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.service import OperationConfig
from resilience_sim.settings.types import Schema, Type, either
from resilience_sim.settings.units import UnitError, shown

CLIENT_NAME = "client"  # Service A, in ``link: [client, shop]``
NAME_PATTERN = r"^[a-z][a-z0-9_-]*$"
MOST_SERVICES = 200
MOST_CALLERS = 200  # of one service
MOST_OPERATIONS_AT = 250  # at one service, of all its callers: an event has eight bits for which it is
ALL = 0  # ``need: all``


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """One entry of a service's ``calls``: a link to ``callee`` through a stack of its own."""

    caller: str
    callee: str
    stack: tuple[PolicyConfig, ...] = ()
    operation: OperationConfig = field(default_factory=OperationConfig)
    times: int = 1
    chance: float = 1.0
    optional: bool = False
    fails_as: int = events.ERROR

    @property
    def name(self) -> str:
        """``shop>stock``."""
        return f"{self.caller}>{self.callee}"


def front(place: str) -> str:
    """``shop.stock.``, what the ids of a link's policies begin with; "" of those of Service A (``place`` is "")."""
    return f"{place.replace('>', '.')}." if place else ""


ADJUSTABLE = ("times", "chance", "optional", "fails_as")  # what can change while it runs, beside the stack


@dataclass(frozen=True, slots=True)
class StepConfig:
    """Calls that ``caller`` makes at the same time (often just one); over when ``need`` of them have succeeded."""

    caller: str
    links: tuple[LinkConfig, ...]
    need: int


_REMEDY = "write `all`, `any`, or a number from 1"
FAILS_AS: dict[str, int] = {"error": events.ERROR, "unavailable": events.UNAVAILABLE}


class Need(Type):
    """How many calls of a group must succeed: ``all``, ``any``, or a number."""

    name = "number of calls"
    example = "any"

    def read(self, value: Any) -> int:
        if value == "all":
            return ALL
        if value == "any":
            return 1
        if isinstance(value, bool) or not isinstance(value, int):
            raise UnitError(codes.WRONG_TYPE, f"{shown(value)} is no number of calls", _REMEDY)
        if value < 1:
            raise UnitError(codes.RANGE, f"a group cannot need {value} of its calls", _REMEDY)
        return value

    @property
    def schema(self) -> Schema:
        return either({"enum": ["all", "any"]}, {"type": "integer", "minimum": 1})


class Pair(Type):
    """A link by its ends: ``[shop, stock]``; Service A is ``client``."""

    name = "link"
    example = ("client", "shop")

    def read(self, value: Any) -> tuple[str, str]:
        if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(each, str) for each in value):
            return value[0], value[1]
        raise UnitError(
            codes.WRONG_TYPE, f"{shown(value)} is no link", "write `[CALLER, CALLEE]`, like `[shop, stock]`"
        )

    @property
    def schema(self) -> Schema:
        return {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
