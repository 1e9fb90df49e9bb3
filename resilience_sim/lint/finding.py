"""What a rule is, what it says, and what becomes of it.

Owns the shapes. Refuses to find anything (rules_*.py) and to lay anything out (report.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from resilience_sim.lint.subject import Subject

Loc: TypeAlias = tuple[str | int, ...]
ERROR, WARNING, INFO = "error", "warning", "info"


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule says about one place.

    ``at``: path in the scenario (``("stack", 1, "retry", "attempts")``). ``numbers``: what was computed, base units
    (seconds, shares, counts); a simulation shows them. ``needs``: parts of the scenario that the finding rests on
    (``traffic``, ``service``); ``assumes``: anything else that is not certain. ``severity``: "" for the rule's own.
    """

    at: Loc
    message: str
    remedy: str
    numbers: dict[str, float] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    assumes: tuple[str, ...] = ()
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its code, title, usual severity, page, and the check."""

    code: str
    title: str
    severity: str
    page: str
    check: Callable[[Subject], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding with its place in the file that people wrote."""

    code: str
    severity: str
    title: str
    message: str
    remedy: str
    file: str
    line: int = 0
    col: int = 0
    end_col: int = 0
    path: str = ""
    source: str = ""
    assumes: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict, hash=False)
    instance: str = ""
