"""Parameters as the libraries name them: what a name takes and what it is when left away.

Owns the shape of a table of parameters and the checks that need nothing but the table. Refuses units' spelling
(scenario/ reads them) and what the parameters do (rules/native_breakers.py and its like).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# what a parameter takes; in Python: int ns, float, int, bool, str, or a dict of those
TIME = "time"
PERCENT = "percent"  # a plain number from 0 to 100
SHARE = "share"  # a plain number from 0 to 1, or 50%
NUMBER = "number"
COUNT = "count"
FLAG = "flag"
TEXT = "text"
MAPPING = "mapping"


class NativeError(ValueError):
    """A setting the library does not take; ``name`` says which one."""

    def __init__(self, name: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter: its name in the library, what it takes, its default there, and what of ours it stands for."""

    name: str
    takes: str
    default: Any
    same_as: str = ""  # the generic key that sets it; "" when there is none
    words: tuple[str, ...] = ()  # the only values it takes (of text)
    keys: tuple[tuple[str, str], ...] = ()  # of a mapping: what each key takes
    least: float = 0.0
    unit: int = 0  # ns of a plain number, where the library takes one for a time


Settings = dict[str, Any]


def filled(table: tuple[Param, ...], given: Settings) -> Settings:
    """Every parameter of a table with its value; NativeError for names that are not in it."""
    known = {param.name: param for param in table}
    for name in given:
        if name not in known:
            raise NativeError(name, f"no parameter {name!r}", "there are " + ", ".join(known))
    return {param.name: given.get(param.name, param.default) for param in table}
