"""A whole scenario file, with `compare` and `expect`.

Owns the top level. Refuses to check across sections (resolve_*.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import model_validator

from resilience_sim.scenario import codes, leaves
from resilience_sim.scenario.expectations import parse_expectation
from resilience_sim.scenario.leaves import Identifier, Leaf, Name, Text, problem
from resilience_sim.scenario.models_base import Short, Strict, key, required
from resilience_sim.scenario.models_changes import ChangeModel
from resilience_sim.scenario.models_faults import FaultItem
from resilience_sim.scenario.models_service import OperationModel, ServiceModel
from resilience_sim.scenario.models_stack import PolicyItem
from resilience_sim.scenario.models_traffic import ClientModel, TrafficModel
from resilience_sim.scenario.units import UnitError, shown

TIME_SCOPES = ("during", "before", "after", "phase", "scope")
AS_WRITTEN = "as-written"


def _version(value: object) -> int:
    if value == 1 and isinstance(value, int) and not isinstance(value, bool):
        return 1
    newer = isinstance(value, int) and value > 1
    remedy = "this version of resim reads `resim: 1`; update resim" if newer else "write `resim: 1`"
    raise UnitError(codes.VERSION, f"{shown(value)} is no format known here", remedy)


def _phase(value: object) -> int:
    if isinstance(value, str) and value.startswith("phase "):
        number = value[6:]
        value = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else value
    return leaves.read_count(value, 1, 100_000)


That = Annotated[Any, Leaf(parse_expectation, {"type": "string", "examples": ["availability >= 99%"]}, "p50 >= 0ms")]
PhaseNumber = Annotated[int, Leaf(_phase, leaves.either({"type": "integer", "minimum": 1}, {"type": "string"}), 1)]


class ExpectModel(Short):
    """What must hold: `availability >= 99%`, or `{that: p99 < 800ms, during: before main}`."""

    that: That = required(description="METRIC OPERATOR VALUE.")
    during: Name | None = key(None, description="Id of a fault (or `before ID`, `after ID`, `phase N`).")
    before: Name | None = key(None, description="Id of a fault: requests that arrived before it.")
    after: Name | None = key(None, description="Id of a fault: requests that arrived after it.")
    phase: PhaseNumber | None = key(None, description="Number of a phase of the traffic, from 1.")
    variant: Name | None = key(None, description="Name of a variant of `compare`.")
    scope: Name | None = key(None, description="Any of these in words: `before main`, `phase 2`, `variant eager`.")
    because: Text | None = key(None, description="Why it matters; shown with the verdict.")

    @classmethod
    def short(cls) -> Leaf:
        """The expectation alone."""
        return Leaf(parse_expectation, {"type": "string"}, "p50 >= 0ms")

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        written = [name for name in TIME_SCOPES if name in self.model_fields_set and getattr(self, name) is not None]
        if len(written) > 1:
            raise problem(codes.CONFLICT, f"`{written[0]}` and `{written[1]}` together", "keep one", at=written[1])
        return self


class VariantModel(Strict):
    """What is different in this variant. First `stack`, then `without`, then `changes`, then `set`."""

    without: list[Identifier] | None = key(None, description="Policies to leave away, by id or kind.")
    stack: list[PolicyItem] | None = key(None, description="Another stack.")
    changes: list[ChangeModel] | None = key(None, description="Other changes while it runs; `[]`: none.")
    set: dict[str, Any] | None = key(None, description="PATH: value, like `retry.attempts: 6`.")


class CompareModel(Strict):
    """Variants for `resim compare`."""

    baseline: Name = key(AS_WRITTEN, description="What the others are compared with: `as-written` or a variant.")
    variants: dict[str, VariantModel | None] | None = key(None, description="Name: what is different.")


class FileModel(Strict):
    """A resim scenario: what is simulated, and what must hold."""

    resim: Annotated[int, Leaf(_version, {"const": 1}, 1)] = required(description="Version of the format: 1.")
    name: Name | None = key(None, description="Name of the scenario; default: that of the file.")
    about: Text | None = key(None, description="One line about what it shows.")
    seed: Annotated[int, leaves.count(0, 2**63 - 1)] = key(1, description="The luck of the run.")
    service: ServiceModel | None = key(None, description="Service B.")
    operation: OperationModel | None = key(None, description="What each request does to B.")
    traffic: TrafficModel = required(description="Who calls and when.")
    client: ClientModel | None = key(None, description="Service A.")
    faults: list[FaultItem] | None = key(None, description="What goes wrong, and when.")
    stack: list[PolicyItem] | None = key(None, description="Policies between A and B, outermost first.")
    changes: list[ChangeModel] | None = key(None, description="What is changed while it runs, and when.")
    compare: CompareModel | None = key(None, description="Variants for `resim compare`.")
    expect: list[ExpectModel] | None = key(None, description="What must hold.")
