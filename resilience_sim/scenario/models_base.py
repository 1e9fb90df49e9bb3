"""What all models of the scenario file share.

Owns strictness, the shape of latency, and the lifting of short spellings. Refuses to know sections.
"""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)
from pydantic_core import CoreSchema

from resilience_sim.scenario import codes
from resilience_sim.scenario.leaves import (
    DURATION_SCHEMA,
    FileName,
    Leaf,
    LongerThanZero,
    PositiveNumber,
    Schema,
    duration,
    either,
    problem,
)
from resilience_sim.scenario.units import UnitError, shown  # fmt: skip


def key(default: Any, *, description: str) -> Any:
    """A key that may be left away; its default is written as YAML would write it."""
    return Field(default, description=description)


def required(*, description: str, alias: str | None = None) -> Any:
    """A key that must be written."""
    return Field(alias=alias, description=description)


class Strict(BaseModel):
    """Unknown keys are errors; defaults are written as YAML would write them and pass the same checks."""

    model_config = ConfigDict(extra="forbid", validate_default=True, populate_by_name=False, protected_namespaces=())


class Short(Strict):
    """A mapping that may also be written as one value: ``50ms`` for a latency, ``10%`` for a budget.

    ``_scalar`` holds that value when it was written so. Subclasses say which leaf reads it.
    """

    _scalar: Any = PrivateAttr(None)

    @classmethod
    def short(cls) -> Leaf:
        """The leaf that reads the short spelling."""
        raise NotImplementedError

    @model_validator(mode="wrap")
    @classmethod
    def _lift(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, dict):
            return handler(data)
        model = cls.model_construct()
        model._scalar = cls.short()(data)
        return model

    @property
    def scalar(self) -> Any:
        """What the short spelling said; None when the long one was used."""
        return self._scalar

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Either spelling."""
        written = handler.resolve_ref_schema(handler(core))
        description = written.pop("description", "")
        return {"description": description, **either(cls.short().schema, written)}


def _pair(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise UnitError(codes.WRONG_TYPE, f"expected two durations, not {shown(value)}", "write `[20ms, 80ms]`")
    low, high = (duration()(each) for each in value)
    assert isinstance(low, int)
    assert isinstance(high, int)
    if low > high:
        raise UnitError(codes.RANGE, "the first duration is longer than the second", "write the shorter one first")
    return low, high


Pair: TypeAlias = Annotated[
    tuple[int, int],
    Leaf(_pair, {"type": "array", "items": DURATION_SCHEMA, "minItems": 2, "maxItems": 2}, ["1s", "2s"]),
]


class Gamma(Strict):
    """A gamma distribution by its mean and its coefficient of variation."""

    mean: LongerThanZero = required(description="Mean time.")
    cv: PositiveNumber = required(description="Deviation divided by the mean: below 1 steadier than exponential.")


class Pareto(Strict):
    """A heavy tail."""

    min: LongerThanZero = required(description="The shortest time there is.")
    alpha: PositiveNumber = required(description="How fast the tail falls; at 1 or below it has no mean.")


_SHAPES = ("exponential", "uniform", "gamma", "pareto", "empirical")


class LatencyModel(Short):
    """A time, or a distribution of times: `50ms`, `{exponential: 100ms}`, `{p50: 40ms, p99: 250ms}` …"""

    exponential: LongerThanZero | None = key(None, description="Exponential with this mean.")
    uniform: Pair | None = key(None, description="Anything between two times, each equally likely.")
    p50: LongerThanZero | None = key(None, description="Median of a lognormal; goes with `p99`.")
    p99: LongerThanZero | None = key(None, description="99th percentile of a lognormal; goes with `p50`.")
    gamma: Gamma | None = key(None, description="Gamma by `mean` and `cv`.")
    pareto: Pareto | None = key(None, description="Pareto by `min` and `alpha`.")
    empirical: FileName | None = key(None, description="CSV file of measured times, drawn from with equal chance.")

    @classmethod
    def short(cls) -> Leaf:
        """A single duration: always the same time."""
        return _CONSTANT

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if self._scalar is not None:
            return self
        named = [name for name in _SHAPES if getattr(self, name) is not None]
        lognormal = [name for name in ("p50", "p99") if getattr(self, name) is not None]
        if len(named) + bool(lognormal) != 1:
            if not named and not lognormal:
                remedy = "write `50ms`, `{exponential: 100ms}` or `{p50: 40ms, p99: 250ms}`"
                raise problem(codes.MISSING, "the shape of the latency is missing", remedy, stand_in="1s")
            both = "`, `".join(named + lognormal)
            raise problem(
                codes.CONFLICT,
                f"`{both}` are several shapes at once",
                "keep one",
                at=(named + lognormal)[1],
                stand_in="1s",
            )
        if len(lognormal) == 1:
            other = "p99" if lognormal == ["p50"] else "p50"
            message = f"`{lognormal[0]}` needs `{other}` beside it"
            raise problem(codes.MISSING, message, f"add `{other}`", at=lognormal[0], stand_in="1s")
        if self.p50 is not None and self.p99 is not None and self.p99 <= self.p50:
            raise problem(
                codes.RANGE,
                "`p99` must be longer than `p50`",
                "swap them, or write a constant",
                at="p99",
                stand_in="1s",
            )
        return self


_CONSTANT = duration()
