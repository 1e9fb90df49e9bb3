"""A tree against the tables of settings: every value read, every mistake found in one pass.

After a mistake, checking goes on with a stand-in. Checks across sections are in resolve.py.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any, TypeVar

from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.text.tree import Loc, Mapping, Node, Scalar, Sequence, find, place, plain
from resilience_sim.settings import codes
from resilience_sim.settings.registry import FILE
from resilience_sim.settings.suggest import did_you_mean, nearest, one_of
from resilience_sim.settings.table import Item, ListOf, MapOf, Nested, OneOf, OneOrMany, Param, Table, Values
from resilience_sim.settings.types import Type
from resilience_sim.settings.units import UnitError, shown

T = TypeVar("T")
_MADE_OF_OTHERS = (Nested, OneOrMany, OneOf, ListOf, MapOf)


class Memory:
    """What was read from the parts of a tree, so that a tree that differs in one value costs only that part.

    Only what is free of mistakes is remembered. A part is known by its node: trees share what did not change.
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[Any, ...], tuple[tuple[Any, ...], Any, list[Any]]] = {}
        self.frozen = False

    def recall(self, key: tuple[Any, ...], inputs: tuple[Any, ...], findings: Findings, make: Callable[[], T]) -> T:
        """What ``make`` answered for these very inputs, or what it answers now."""
        known = self._parts.get(key)
        if known is not None and len(known[0]) == len(inputs) and all(map(is_, known[0], inputs)):
            findings.warnings += known[2]
            found: T = known[1]
            return found
        errors, warnings = len(findings.tainted), len(findings.warnings)
        found = make()
        if not self.frozen and len(findings.tainted) == errors:
            self._parts[key] = (inputs, found, findings.warnings[warnings:])
        return found


class Reader:
    """Reads one tree."""

    def __init__(self, findings: Findings, memory: Memory) -> None:
        self.findings = findings
        self.memory = memory

    def file(self) -> Values | None:
        """The whole scenario; None when it is no mapping."""
        root = self.findings.root
        if not isinstance(root, Mapping):
            data = plain(root)
            what = "the file is empty" if data is None else f"a scenario is a mapping, not {shown(data)}"
            self.findings.errors.append(place(root, ()).finding(codes.WRONG_TYPE, what, "begin with `resim: 1`"))
            return None
        return self.table(FILE, root, ())

    def table(self, table: Table, node: Mapping, loc: Loc) -> Values:
        """The parameters of a mapping."""
        if not loc:
            return self._table(table, node, loc)
        return self.memory.recall(("read", *loc), (node,), self.findings, lambda: self._table(table, node, loc))

    def _table(self, table: Table, node: Mapping, loc: Loc) -> Values:
        read: dict[str, Any] = {}
        meant: set[str] = set()
        before = len(self.findings.tainted)
        known: list[Param] = []
        for name in node.entries:
            param = table.by_name.get(name)
            if param is None:
                remedy, key = _unknown(table, name, loc)
                meant.add(key)
                self.findings.error((*loc, name), codes.UNKNOWN_KEY, f"unknown key {shown(name)}", remedy, key=True)
            else:
                known.append(param)
        library = str(plain(node.entries["like"].value)) if "like" in node.entries else ""
        for param in sorted(known, key=table.place):
            for value in self.setting(table, library, param.name, node.entries[param.name].value, loc):
                read[param.name] = value
        values = Values(table, read)
        emulates = "like" in table.by_name and values.like != "classic"
        for param in () if emulates else table.needed:
            if param.name not in read:
                if param.name not in meant:
                    self._missing(param, loc)
                self.findings.tainted.append((*loc, param.name))
                read[param.name] = self._stand_in(param.type)
        if table.check is not None and len(self.findings.tainted) == before:
            table.check(values, loc, self.findings)
        return values

    def setting(self, table: Table, library: str, name: str, node: Node, loc: Loc) -> tuple[Any, ...]:
        """What one of the parameters is read as, under the rules of a library; () for an empty one that is left out."""
        param = table.by_name[name]
        if _left_out(param, node):
            return ()
        return (self._value(type_of(table, library, name), node, (*loc, name), param),)

    def _value(self, kind: Type, node: Node, loc: Loc, param: Param | None = None) -> Any:
        if is_leaf(kind):
            return self._leaf(kind, node, loc)
        if isinstance(kind, Nested):
            if isinstance(node, Mapping):
                return self.table(kind.table, node, loc)
            if kind.table.short is None:
                self._wrong_shape("mapping", [p.name for p in kind.table.params], node, loc)
                return self._stand_in(kind)
            return self.memory.recall(
                ("read", *loc),
                (node,),
                self.findings,
                lambda: Values(kind.table, {}, self._leaf(kind.table.short, node, loc)),
            )
        if isinstance(kind, OneOrMany):
            return self._value(kind.many if isinstance(node, Sequence) else kind.one, node, loc)
        if isinstance(kind, OneOf):
            return self.item(kind, node, loc)
        if isinstance(kind, ListOf):
            if not isinstance(node, Sequence):
                self._wrong_shape("list", [], node, loc)
                return []
            return [self._value(kind.item, item, (*loc, index)) for index, item in enumerate(node.items)]
        assert isinstance(kind, MapOf)
        if not isinstance(node, Mapping):
            self._wrong_shape("mapping", [], node, loc)
            return {}
        return {
            name: None if _is_null(entry.value) else self._value(kind.item, entry.value, (*loc, name))
            for name, entry in node.entries.items()
        }

    def _leaf(self, kind: Type | None, node: Node, loc: Loc) -> Any:
        assert kind is not None
        try:
            return kind.read(plain(node))
        except UnitError as error:
            below: Loc = loc if error.index is None else (*loc, error.index)
            if not self.findings.touches(below):
                span = place(self.findings.root, below)
                part = find(self.findings.root, below)
                if error.length and isinstance(part, Scalar):
                    span = part.span.part(error.start + part.quoted, error.length)
                self.findings.errors.append(span.finding(error.code, str(error), error.help, below))
            self.findings.tainted.append(loc)
            return self._stand_in(kind)

    def item(self, kind: OneOf, node: Node, loc: Loc) -> Item:
        """``- kind: {...}``."""
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value in kind.kinds:
            return self._body(kind, node.value, node, loc)
        if isinstance(node, Mapping) and len(node.entries) == 1:
            name, entry = next(iter(node.entries.items()))
            if name in kind.kinds:
                return self._body(kind, name, entry.value, loc)
        code, message, remedy, at = self._not_one(kind, node, loc)
        self.findings.error((*loc, *at), code, message, remedy, key=bool(at))
        self.findings.tainted.append(loc)
        return Item(kind.fallback, self._stand_in(Nested(kind.kinds[kind.fallback])))

    def _body(self, kind: OneOf, name: str, node: Node, loc: Loc) -> Item:
        table = kind.kinds[name]
        if not isinstance(node, Mapping) and not _is_null(node) and node is not find(self.findings.root, loc):
            self._wrong_shape("mapping", [param.name for param in table.own], node, (*loc, name))
            return Item(name, self._stand_in(Nested(table)))
        body = node if isinstance(node, Mapping) else Mapping(node.span, {})
        inputs = (node,)

        def read() -> Item:
            return Item(name, self._table(table, body, (*loc, name)))

        return self.memory.recall(("read", *loc), inputs, self.findings, read)

    def _not_one(self, kind: OneOf, node: Node, loc: Loc) -> tuple[str, str, str, Loc]:
        what, kinds = kind.what, list(kind.kinds)
        if isinstance(node, Mapping) and len(node.entries) > 1:
            names = list(node.entries)
            known = [name for name in names if name in kinds]
            remedy = "begin each with its own `-`"
            if len(known) == 1:
                remedy = f"indent `{next(n for n in names if n != known[0])}` below `{known[0]}`, or use braces"
            return codes.CONFLICT, f"several keys where one {what} belongs", remedy, (names[1],)
        if isinstance(node, Mapping) and node.entries:
            name = next(iter(node.entries))
            remedy, _ = _suggest(name, kinds, kind.what, loc)
            return codes.UNKNOWN_KEY, f"unknown key {shown(name)}", remedy, (name,)
        if isinstance(node, Mapping):
            return codes.MISSING, f"the {what} is missing", one_of(kinds), ()
        value = plain(node)
        if isinstance(value, str):
            return codes.UNKNOWN_KEY, f"no {what} {shown(value)}", did_you_mean(value, kinds) or one_of(kinds), ()
        return codes.WRONG_TYPE, f"expected a {what}, not {shown(value)}", "write `- KIND: {…}`", ()

    def _missing(self, param: Param, loc: Loc) -> None:
        example = f"{param.name}: {param.first or param.type.example}"
        owner = next((str(part) for part in reversed(loc) if isinstance(part, str)), "")
        message = f"`{owner}` needs `{param.name}`" if owner else f"`{param.name}` is missing"
        here: Loc = (*loc, param.name)
        if not self.findings.touches(here):
            span = place(self.findings.root, loc, key=True)
            self.findings.errors.append(span.finding(codes.MISSING, message, f"for example `{example}`", here))

    def _wrong_shape(self, wanted: str, known: list[str], node: Node, loc: Loc) -> None:
        value = plain(node)
        remedy = "begin each item with `- `" if wanted == "list" else (one_of(known) if known else "")
        message = f"`{loc[-1]}` is empty" if value is None else f"expected a {wanted}, not {shown(value)}"
        self.findings.error(loc, codes.WRONG_TYPE, message, remedy, key=value is None)

    def _stand_in(self, kind: Type) -> Any:
        """A value with which checking can go on."""
        if isinstance(kind, OneOrMany):
            kind = kind.one
        if isinstance(kind, Nested):
            if kind.table.short is not None:
                return Values(kind.table, {}, kind.table.short.read(kind.table.short.example))
            needed = {param.name: self._stand_in(param.type) for param in kind.table.params if param.required}
            return Values(kind.table, needed)
        if isinstance(kind, OneOf):
            return Item(kind.fallback, self._stand_in(Nested(kind.kinds[kind.fallback])))
        if isinstance(kind, ListOf):
            return []
        if isinstance(kind, MapOf):
            return {}
        return None if kind.example is None else kind.read(kind.example)


def type_of(table: Table, library: str, name: str) -> Type:
    """What reads one of the parameters under the rules of a library."""
    param = table.by_name[name]
    theirs = table.libraries.get(library, {}) if param.libraries else {}
    return theirs[name].type if name in theirs else param.type


def is_leaf(kind: Type) -> bool:
    """Whether a type reads plain values, and is not made of others."""
    return not isinstance(kind, _MADE_OF_OTHERS)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _left_out(param: Param, node: Node) -> bool:
    """Whether an empty value means the default: where the parameter has none, that is None."""
    return _is_null(node) and param.default is None and not (param.required and isinstance(param.type, Nested))


def _unknown(table: Table, word: str, loc: Loc) -> tuple[str, str]:
    """The remedy for a key that does not exist, and the key that was meant."""
    meant = next((param.name for param in table.params if word in param.synonyms), "")
    if meant:
        note = " (the first try counts)" if "retries" in word else ""
        return f"here it is called `{meant}`{note}", meant
    return _suggest(word, list(table.by_name), "", loc)


def _suggest(word: str, known: list[str], what: str, loc: Loc) -> tuple[str, str]:
    near = nearest(word, known)
    if near:
        return f"did you mean `{near[0]}`?", near[0]
    owners = homes(word) if len(loc) <= 1 or loc[0] in ("stack", "faults") else []
    if owners:
        return f"`{word}` belongs to `{owners[0]}`", ""
    return (one_of(known) if known else ""), ""


def homes(key: str) -> list[str]:
    """The sections, policies and faults that do have such a key."""
    found: list[str] = []
    for section in FILE.params:
        if isinstance(section.type, OneOrMany):
            if key in section.type.one.table.by_name:
                found.append(section.name)
            elif key in section.type.item.table.by_name:
                found.append(f"{section.name}: [{{{key}: …}}, …]")
        elif isinstance(section.type, Nested) and key in section.type.table.by_name:
            found.append(section.name)
        elif isinstance(section.type, ListOf) and isinstance(section.type.item, OneOf):
            kinds = section.type.item.kinds
            found += [name for name, table in kinds.items() if name == key or key in table.by_name]
    return found
