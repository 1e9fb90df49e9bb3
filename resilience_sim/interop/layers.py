"""What an import makes of a file: policies in generic terms, each setting with its origin."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from resilience_sim.interop.findings import At
from resilience_sim.interop.section import Value
from resilience_sim.settings.units import LONGEST, show_duration

MOST: dict[str, int] = {"attempts": 10_000, "max_extra": 1_000}
MOST_CALLS = 1_000_000
MOST_TIMES = 1_000.0
NOT_NOTHING = ("after", "max_delay", "slow_call", "window", "max_elapsed")  # a nanosecond stands in for none at all


@dataclass(slots=True, unsafe_hash=True)  # not frozen: see scenario/text/tree.py
class Setting:
    """One key of a policy: its value as YAML, why it has it, and where that stands (None: a default)."""

    value: str
    origin: str = ""
    at: At | None = None


@dataclass(slots=True)
class Layer:
    """One policy.

    ``exact`` replaces settings (None: removes one) where the library's own rules can be simulated, which emit.py finds
    out; ``generic_remarks`` are about what the generic rules do differently, and are left out then.
    """

    kind: str
    title: str
    at: At | None = None
    id: str = ""
    like: str = ""
    settings: dict[str, Setting] = field(default_factory=dict)
    exact: dict[str, Setting | None] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    generic_remarks: list[str] = field(default_factory=list)
    remedies: dict[str, str] = field(default_factory=dict)  # of rules, by code, in the words of the file's own language

    def put(self, key: str, value: object, source: Value[object] | None = None, default: str = "") -> None:
        """A setting: a duration given as ``Ns``, anything else as YAML writes it; no larger than a scenario may say."""
        if isinstance(value, Ns):
            said = _shown(max(int(key in NOT_NOTHING), min(int(value), LONGEST)))
        elif type(value) is int:
            said = str(min(value, MOST.get(key, MOST_CALLS)))
        else:
            said = value if type(value) is str else yaml_value(value)
        if source is None:
            self.settings[key] = Setting(said, default)
        else:
            self.settings[key] = Setting(said, source.at.text, source.at)


@dataclass(slots=True)
class Converted:
    """A stack, outermost first, and what the file says about its surroundings."""

    format: str
    title: str  # "resilience4j, instance `inventory`"
    instance: str
    layers: list[Layer] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)  # settings that the file does not say, and what was taken for them
    at: At | None = None
    instead: list[str] = field(default_factory=list)  # rules whose finding the reader of the file has said better
    replicas: int = 1
    method: str = "GET"


class Ns(int):
    """Nanoseconds, told apart from counts."""


def yaml_value(value: object) -> str:
    """A value as scenario files write it."""
    if isinstance(value, Ns):
        return _shown(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(str(each) for each in value) + "]"
    return str(value)


@lru_cache(maxsize=4096)
def _shown(ns: int) -> str:
    return show_duration(ns)


@lru_cache(maxsize=4096)
def percent(share: float) -> str:
    """A share as scenario files write it; one above nothing stays above nothing."""
    return f"{max(share * 100, 1e-6 if share > 0 else 0.0):.6f}".rstrip("0").rstrip(".") + "%"


@lru_cache(maxsize=4096)
def times(factor: float) -> str:
    """A factor as scenario files write it, in their bounds."""
    return f"{min(max(factor, 0.001), MOST_TIMES):.9f}".rstrip("0").rstrip(".") + "x"
