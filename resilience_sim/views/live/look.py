"""The characters of the live view: one set for terminals that can do Unicode, one in ASCII for all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """One set of characters; every entry is as wide as in the other set."""

    ascii_only: bool
    states: tuple[str, str, str]  # CLOSED, OPEN, HALF-OPEN
    health: tuple[str, str, str, str, str]  # of a service: nothing to do, well, full, some fail, most fail
    up_down: tuple[str, str]
    fault: str
    fault_ahead: str
    track: str
    tick: str
    now: str
    rule: str
    play: str
    pause: str
    good: str
    bad: str
    odd: str
    then: str
    dots: str
    limit: str
    times: str
    approx: str
    dot: str
    first: str  # a cell of first tries in the chart of the load, and one of retries
    again: str


UNICODE = Look(
    ascii_only=False,
    states=("━", "█", "▒"),
    health=("·", "━", "▄", "▒", "█"),
    up_down=("━", "█"),
    fault="█",
    fault_ahead="░",
    track="·",
    tick="┴",
    now="▲",
    rule="─",
    play="▶",
    pause="‖",
    good="✓",
    bad="✗",
    odd="~",
    then="→",
    dots="…",
    limit="╌",
    times="×",
    approx="≈",
    dot="·",
    first="⣿",
    again="⢕",
)
ASCII = Look(
    ascii_only=True,
    states=("-", "#", "~"),
    health=(".", "-", "=", "~", "#"),
    up_down=("-", "#"),
    fault="#",
    fault_ahead=":",
    track=".",
    tick="+",
    now="^",
    rule="-",
    play=">",
    pause="=",
    good="+",
    bad="x",
    odd="~",
    then=">",
    dots="..",
    limit="-",
    times="x",
    approx="~",
    dot="-",
    first="#",
    again="o",
)


def look_for(encoding: str | None, environ: Mapping[str, str]) -> Look:
    """The richest set that an output encoding and terminal can show."""
    codec = (encoding or "ascii").lower().replace("-", "").replace("_", "")
    poor = environ.get("TERM", "") in ("dumb", "linux", "vt100", "vt220", "ansi")
    return UNICODE if codec in ("utf8", "utf16", "utf16le") and not poor else ASCII
