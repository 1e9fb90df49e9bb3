"""Arguments of a call, each with its place; what is no constant is said and replaced by something calm."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple

from resilience_sim.interop.findings import At, Log, safe_name
from resilience_sim.interop.layers import Layer, Ns
from resilience_sim.interop.section import Value, harmless
from resilience_sim.interop.source.constants import Constant, NotConstant, as_written, constant, described, entries
from resilience_sim.interop.source.failures import ANY, in_order, outcomes_of
from resilience_sim.interop.source.module import Module, Scope

SECOND = 1_000_000_000
LARGEST = 10**12  # seconds, or attempts: more than anybody can tell from for ever


class Argument(NamedTuple):
    """An expression that was handed over, where, and in which scope it is to be understood."""

    node: ast.expr
    place: ast.expr | ast.keyword
    scope: Scope


@dataclass(frozen=True, slots=True)
class Got:
    """An argument that was read. ``given``: somebody wrote it; ``known``: it is a constant."""

    value: Any
    source: Value[Any] | None
    given: bool
    known: bool


@dataclass(slots=True)
class Reader:
    """What is needed to read calls of one instance; ``unsure``: what may be otherwise when the program runs."""

    module: Module
    log: Log
    instance: str = ""
    unsure: list[str] = field(default_factory=list)
    instead: list[str] = field(default_factory=list)  # rules of lint that a finding here says better
    used: set[int] = field(default_factory=set)  # ids of the calls that were read as parts of others
    judging: list[Layer] = field(default_factory=list)  # retries that look at what a call returns

    def at(self, node: ast.expr | ast.stmt | ast.keyword, name: str, text: str) -> At:
        """A place, with the harmless text that stands for it."""
        return At(self.module.shown(node, text), f"{safe_name(self.instance)}.{name}".lstrip("."), text)

    def args(self, call: ast.Call, scope: Scope, names: Sequence[str]) -> Args:
        """The arguments of a call whose parameters have these names, in this order."""
        given: dict[str, Argument] = {}
        unknown = ""
        for name, value in zip(names, call.args, strict=False):
            if isinstance(value, ast.Starred):
                unknown = f"arguments come from {described(value.value)}"
                break
            given[name] = Argument(value, value, scope)
        for keyword in call.keywords:
            if keyword.arg is not None:
                given[keyword.arg] = Argument(keyword.value, keyword, scope)
            else:
                unknown = self._spread(keyword, scope, given) or unknown
        if unknown:
            self.unsure.append(f"line {call.lineno}: {unknown}, which is not known here: taken as none")
        return Args(self, call, scope, given, bool(unknown))

    def _spread(self, keyword: ast.keyword, scope: Scope, given: dict[str, Argument]) -> str:
        """The entries of a dict that is spread into a call; "" when they are all known."""
        node, home, _ = self.follow(keyword.value, scope)
        found, whole = entries(self.module, node, home)
        for name, (value, where) in found.items():
            given.setdefault(name, Argument(value, value, where))
        return "" if whole else f"arguments come from {described(keyword.value)}"

    def follow(self, node: ast.AST, scope: Scope) -> tuple[ast.AST, Scope, object]:
        """What an expression stands for; a call is then a part of what is being read."""
        found = self.module.follow(node, scope)
        self.used.add(id(found[0]))
        return found

    def take(self, other: Reader) -> None:
        """What somebody else has found about a part of the instance."""
        self.log.found += other.log.found
        self.unsure += other.unsure
        self.instead += other.instead
        self.judging += other.judging

    def note(self, what: str, line: int) -> None:
        """Something that is not known here, and what is taken instead."""
        self.unsure.append(f"{what} (line {line})")

    def head(self, call: ast.Call, name: str, otherwise: str) -> At:
        """A call, shown by the name of what is called."""
        return self.at(call, name, as_written(self.module, call.func, otherwise))

    def constant(self, argument: Argument) -> Constant:
        """Its value; NotConstant."""
        return constant(self.module, argument.node, argument.scope)


@dataclass(slots=True)
class Args:
    """The arguments of one call; ``more``: there are others, which are not known."""

    reader: Reader
    call: ast.Call
    scope: Scope
    given: dict[str, Argument]
    more: bool = False

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def shown(self, name: str) -> str:
        """An argument as it is written, if it is made of names and numbers."""
        found = self.given[name]
        text = as_written(self.reader.module, found.node, "…")
        return f"{name}={text}" if isinstance(found.place, ast.keyword) else text

    def silent(self, name: str) -> bool:
        """Whether it is certain that an argument is not given."""
        return name not in self.given and not self.more

    def at(self, name: str, text: str = "") -> At:
        """Where an argument stands; the call where there is none."""
        found = self.given.get(name)
        if found is None:
            return self.reader.at(self.call, name, text or f"{name}=…")
        return self.reader.at(found.place, name, text or self.shown(name))

    def get(self, name: str, default: Any, taken: Any, shown: str = "") -> Got:
        """The constant value of an argument. ``taken``: what replaces it where it is none."""
        found = self.given.get(name)
        if found is None:
            return Got(default, None, False, True)
        try:
            read = self.reader.constant(found)
        except NotConstant as reason:
            self.reader.note(f"`{name}` is not a constant here ({reason}): taken as {shown or show(taken)}",
                             found.place.lineno)  # fmt: skip
            return Got(taken, Value(taken, self.at(name)), True, False)
        text = f"{name}={show(read.value)}"
        if read.given:
            self.reader.note(f"`{name}` is taken as {show(read.value)}, {read.given}", found.place.lineno)
        return Got(read.value, Value(read.value, self.at(name, text)), True, not read.given)

    def number(self, name: str, default: float | None, taken: float | None) -> Got:
        """A number, or None where that is said; a duration is its seconds."""
        got = self.get(name, default, taken)
        value = got.value.total_seconds() if isinstance(got.value, timedelta) else got.value
        known = value is None or value is False
        if known or (isinstance(value, int | float) and not isinstance(value, bool)):
            value = value if known else max(-LARGEST, min(value, LARGEST))
            return got if value is got.value else replace(got, value=value)
        self.reader.log.bad("a number", self.at(name))
        return Got(taken, got.source, True, False)

    def flag(self, name: str, default: bool) -> Got:
        """True or False."""
        got = self.get(name, default, default)
        return replace(got, value=bool(got.value))

    def outcomes(self, name: str, title: str = "which errors are retried") -> tuple[str, ...] | None:
        """The failures that classes of exceptions stand for; None for any, said where that is a guess."""
        found = self.given.get(name)
        if found is None:
            return None
        known = outcomes_of(self.reader.module, found.node, found.scope)
        if known is None:
            self.reader.note(f"{title} depends on {described(found.node)}: taken as any failure", found.place.lineno)
            return None
        return None if ANY[0] in known else tuple(in_order(known))


def ns(seconds: float) -> Ns:
    """Seconds as nanoseconds; no wait is shorter than none."""
    return Ns(round(max(0.0, min(seconds, LARGEST)) * SECOND))


def show(value: object) -> str:
    """A value that may be shown."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, tuple):
        return ", ".join(show(each) for each in value[:10]) + (", …" if len(value) > 10 else "")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return harmless(value)
