"""Values that only policies have: thresholds, windows, jitter, lists of outcomes, the breaker's backoff.

Owns their spelling. Refuses rules: what a threshold does is the policy's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from resilience_sim.kernel import events
from resilience_sim.scenario import codes, leaves, units
from resilience_sim.scenario.leaves import (
    DURATION_SCHEMA,
    FACTOR_SCHEMA,
    RATIO_SCHEMA,
    Leaf,
    LongerThanZero,
    Multiplier,
    Schema,
    either,
    read_count,
)
from resilience_sim.scenario.models_base import Short, key
from resilience_sim.scenario.suggest import did_you_mean, nearest, one_of
from resilience_sim.scenario.units import UnitError, shown

MOST_CALLS = 1_000_000

# what a policy can see coming from the inside, beside success
SEEN: dict[str, tuple[int, ...]] = {
    "error": (events.ERROR,),
    "unavailable": (events.UNAVAILABLE,),
    "rate_limited": (events.RATE_LIMITED, events.LIMITED),
    "timeout": (events.TIMEOUT,),
    "refused": (events.REFUSED,),
    "reset": (events.RESET,),
    "shed": (events.SHED,),
    "breaker_open": (events.BREAKER_OPEN,),
    "bulkhead_full": (events.BULKHEAD_FULL,),
    "throttled": (events.THROTTLED,),
}
_NEVER_SEEN = tuple(dict.fromkeys(name for name in events.OUTCOME_NAMES if name not in SEEN))


@dataclass(frozen=True, slots=True)
class CallsOrShare:
    """An integer, or a share."""

    calls: int = 0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class CallsOrTime:
    """The last so many calls, or the last so many nanoseconds."""

    calls: int = 0
    time: int = 0


def _threshold(value: object) -> CallsOrShare:
    if isinstance(value, str) and "%" in value:
        share = units.ratio(value)
        if not 0 < share <= 1:
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", "from more than 0% to 100%")
        return CallsOrShare(share=float(share))
    if isinstance(value, float) and 0 < value < 1:
        raise UnitError(codes.NO_UNIT, f"{shown(value)} has no unit", f"write `{value * 100:g}%` for a share")
    if isinstance(value, str):
        raise UnitError(codes.WRONG_TYPE, f"cannot read {shown(value)} as a threshold", "write `5` (in a row) or `50%`")
    return CallsOrShare(calls=read_count(value, 1, MOST_CALLS))


def _window(value: object) -> CallsOrTime:
    if isinstance(value, str):
        time = units.duration(value)
        if not time:
            raise UnitError(codes.RANGE, "a window cannot be empty", "write `10s`, or `100` for calls")
        return CallsOrTime(time=time)
    return CallsOrTime(calls=read_count(value, 1, MOST_CALLS))


def _jitter(value: object) -> tuple[str, float]:
    names = ("none", "full", "equal")
    if isinstance(value, str) and value in names:
        return value, 0.0
    if isinstance(value, str) and not any(letter.isdigit() for letter in value):
        remedy = did_you_mean(value, names) or one_of((*names, "25%"))
        raise UnitError(codes.CHOICE, f"{shown(value)} is no jitter", remedy)
    share = units.ratio(value)
    if share > 1:
        raise UnitError(codes.RANGE, f"{shown(value)} is out of range", "at most `100%`")
    return ("spread", float(share)) if share else ("none", 0.0)


def _outcomes(value: object) -> tuple[int, ...]:
    if isinstance(value, str):
        raise UnitError(codes.WRONG_TYPE, "expected a list of outcomes", f"write [{value}]")
    if not isinstance(value, list):
        raise UnitError(
            codes.WRONG_TYPE, f"expected a list of outcomes, not {shown(value)}", "write `[error, timeout]`"
        )
    found: dict[int, None] = {}
    for index, name in enumerate(value):
        if not isinstance(name, str) or name not in SEEN:
            raise _unknown_outcome(name, index)
        found.update(dict.fromkeys(SEEN[name]))
    return tuple(found)


def _unknown_outcome(name: object, index: int) -> UnitError:
    said = str(name)
    if said in _NEVER_SEEN:
        remedy = f"no policy is ever told that; {one_of(SEEN)}"
    else:
        remedy = did_you_mean(said, SEEN) if nearest(said, SEEN) else one_of(SEEN)
    error = UnitError(codes.CHOICE, f"{shown(name)} is no outcome of a call", remedy)
    error.index = index
    return error


_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_CALLS}
_OUTCOME_LIST: Schema = {"type": "array", "items": {"enum": list(SEEN)}}

Threshold = Annotated[CallsOrShare, Leaf(_threshold, either(_COUNT, RATIO_SCHEMA), 5)]
Window = Annotated[CallsOrTime, Leaf(_window, either(_COUNT, DURATION_SCHEMA), 100)]
Jitter = Annotated[tuple[str, float], Leaf(_jitter, either({"enum": ["none", "full", "equal"]}, RATIO_SCHEMA), "none")]
Outcomes = Annotated[tuple[int, ...], Leaf(_outcomes, _OUTCOME_LIST, ["error"])]
IgnoredOutcomes = Outcomes


def _growth(value: object) -> float:
    named = {"exponential": 2.0, "constant": 1.0}
    if isinstance(value, str) and value in named:
        return named[value]
    if isinstance(value, str) and not any(letter.isdigit() for letter in value):
        raise UnitError(
            codes.CHOICE, f"{shown(value)} is no backoff", did_you_mean(value, named) or one_of((*named, "2x"))
        )
    found = leaves.factor(1, bare=True).read(value)
    assert isinstance(found, float)
    return found


class OpenBackoff(Short):
    """How the open time grows each time the breaker re-opens; closing resets it."""

    factor: Annotated[float, leaves.factor(1, bare=True)] = key(2, description="What the open time is multiplied by.")
    max: LongerThanZero | None = key(None, description="The open time never gets longer.")

    @classmethod
    def short(cls) -> Leaf:
        """A factor, or a name."""
        return _GROWTH


_GROWTH = Leaf(
    _growth, either({"enum": ["exponential", "constant"]}, {"type": "number", "minimum": 1}, FACTOR_SCHEMA), "2x"
)
__all__ = ["IgnoredOutcomes", "Jitter", "Multiplier", "OpenBackoff", "Outcomes", "Threshold", "Window"]
