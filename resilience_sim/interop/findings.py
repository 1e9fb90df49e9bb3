"""What is said about a configuration file, without ever repeating what it must not.

A line of such a file may hold a password beside a timeout, so no line is quoted: only keys that are known here, and
values that were read as numbers, durations or known words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from resilience_sim.interop.traps import Trap
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Span

ALONE = "each destination is simulated alone, with all calls"  # of several with weights
NOT_MODELLED = "RL190"
UNKNOWN_KEY = "RL191"
BAD_VALUE = "RL192"
REFUSED = "RL193"
BROKEN = "RL195"

_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]/]{1,60}\Z")


_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_.\-\[\]/*:$|]+\Z")


@lru_cache(maxsize=65536)
def safe_name(text: str) -> str:
    """A name from a file, if it looks like a name; else a stand-in."""
    return text if _NAME.match(text) else "…"


def escaped(text: str) -> str:
    """A name that may have spaces and letters of any language, as it may be shown: on one line, of bounded length."""
    plain = "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
    return plain if len(plain) <= 60 else f"{plain[:59]}…"


def distinct(names: Iterable[str], show: Callable[[str], str] | None = None) -> dict[str, str]:
    """Names as they may be shown, each with the real one: two that look alike when masked stay two.

    ``show``: how a name that is no plain one is shown, where it can be no secret.
    """
    found: dict[str, str] = {}
    next_of: dict[str, int] = {}
    for name in names:
        plain = name if _HOST.match(name) else show(name) if show else "…"
        shown, number = plain, next_of.get(plain, 2)
        while shown in found:
            shown, number = f"{plain}#{number}", number + 1
        found[shown], next_of[plain] = name, number
    return found


@dataclass(slots=True, unsafe_hash=True)  # not frozen: see scenario/text/tree.py
class At:
    """Where something stands: its span, the path to it in names, and the harmless text that may be shown for it."""

    span: Span
    path: str
    text: str


@dataclass(slots=True)
class Log:
    """Everything there is to say about one file, in the order it was found.

    ``traps``: the codes of the format; None for a log that nobody reads. ``told``: what was said already, with other
    instances of the file, about it as a whole; None for a log that is the only one.
    """

    found: list[Diagnostic] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    traps: Mapping[str, Trap] | None = None
    told: set[int] | None = None
    values: str = ""  # whose rules say what a number is (registry.py)
    unread: list[str] = field(default_factory=list)  # paths of settings that stand there and could not be read

    def take(self, aside: Log) -> None:
        """All that was logged aside."""
        self.found += aside.found
        self.assumed += aside.assumed
        self.unread += aside.unread

    def of_all(self, found: Sequence[Diagnostic], assumed: Sequence[str] = ()) -> bool:
        """What was found about the whole file, kept there: said with the first of the instances. Whether it was."""
        if self.told is not None:
            if id(found) in self.told:
                return False
            self.told.add(id(found))
        self.found += found
        self.assumed += assumed
        return True

    def add(self, code: str, severity: str, message: str, at: At, help: str = "") -> None:
        """One finding; the line shown is made of what is known to be harmless."""
        if self.traps is None:
            return
        span, text = at.span, at.text
        col = span.col
        end, shown = col + max(1, len(text)), " " * (col - 1) + text
        found = Diagnostic(code, message, span.source.name, span.line, col, end, at.path, help, severity, shown)
        self.found.append(found)

    def trap(self, code: str, message: str, at: At, help: str = "") -> None:
        """The file says one thing, and the library does another."""
        if self.traps is not None:
            self.add(code, self.traps[code].severity, message, at, help)

    def refused(self, message: str, at: At, help: str = "") -> None:
        """The library itself does not start with this."""
        self.add(REFUSED, "error", message, at, help)

    def bad(self, what: str, at: At, help: str = "") -> None:
        """The value cannot be read; it is not repeated."""
        self.add(BAD_VALUE, "error", f"the value of `{last(at.path)}` cannot be read as {what}", at, help)

    def skipped(self, at: At, why: str) -> None:
        """A known field that a simulation does not have."""
        self.add(NOT_MODELLED, "info", f"`{last(at.path)}` is not modelled: {why}", at)

    def unknown(self, at: At, help: str = "") -> None:
        """A key that the library does not know, or this version of resim does not."""
        self.add(UNKNOWN_KEY, "warning", f"`{last(at.path)}` is no key known here; it was left out", at, help)


def last(path: str) -> str:
    """The last name of a path; an item of a list with the list: ``http[0]``."""
    above, _, name = path.rpartition(".")
    return f"{above.rpartition('.')[2]}[{name}]" if name.isdigit() and above else name
