"""Changing one setting by its path: ``--set retry.attempts=5``, and ``set:`` of a variant.

This works on the tree, so that what was changed is validated like everything else and mistakes point at the path.
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Items
from dataclasses import dataclass

from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.stack import default_ids
from resilience_sim.scenario.read.tables import is_leaf
from resilience_sim.scenario.text.parse import parse, scalar
from resilience_sim.scenario.text.tree import (
    Entry,
    Loc,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Source,
    Span,
    find,
    remove,
    replace,
)
from resilience_sim.settings import codes
from resilience_sim.settings.registry import FILE
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import ListOf, MapOf, Nested, OneOf, OneOrMany
from resilience_sim.settings.types import Type
from resilience_sim.settings.units import UnitError, shown

FIXED = ("resim", "compare", "expect", "shows", "tune")
LISTS = ("stack", "faults")
COMMAND_LINE = "--set"
NONE = "none"


class PathError(Exception):
    """A path that names nothing; ``part`` counts which piece of it."""

    def __init__(self, message: str, help: str, part: int = 0) -> None:
        super().__init__(message)
        self.help = help
        self.part = part


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of ``stack`` or ``faults`` as far as the tree shows it."""

    index: int
    kind: str
    id: str
    written: bool  # whether the id was written rather than derived


def items(root: Node, section: str | Loc) -> list[Item]:
    """What a list of policies or faults holds; items that cannot be understood are left out."""
    rows: list[tuple[int, str, str | None]] = []
    holder = find(root, (section,) if isinstance(section, str) else section)
    for index, node in enumerate(holder.items if isinstance(holder, Sequence) else ()):
        if isinstance(node, Scalar) and isinstance(node.value, str):
            rows.append((index, node.value, None))
        elif isinstance(node, Mapping) and len(node.entries) == 1:
            kind, entry = next(iter(node.entries.items()))
            ident = find(entry.value, ("id",))
            name = ident.value if isinstance(ident, Scalar) and isinstance(ident.value, str) else None
            rows.append((index, kind, name))
    ids = default_ids([(kind, name) for _, kind, name in rows])
    return [Item(index, kind, ident, bool(name)) for (index, kind, name), ident in zip(rows, ids, strict=True)]


def locate(root: Node, path: str) -> Loc:
    """The place in the tree that a path means; PathError when it means none."""
    parts = path.split(".")
    if not all(parts):
        raise PathError(f"{shown(path)} is no path", "write it like `retry.attempts`")
    head = parts[0]
    if head in FIXED:
        raise PathError(f"`{head}` cannot be set", one_of(heads(root)))
    if head in LISTS:
        if len(parts) == 1:
            return (head,)
        return _below((head,), _pick(root, (head,), parts[1], 1), parts[2:])
    if head == "services" and len(parts) > 1 and parts[1] not in services_of(root):
        have = services_of(root)
        remedy = did_you_mean(parts[1], have) or (one_of(have) if have else "the scenario has no `services`")
        raise PathError(f"no service {shown(parts[1])}", remedy, 1)
    if head in FILE.by_name:
        return _deeper((head,), parts[1:])
    policy = any(head in (row.id, row.kind) for row in items(root, "stack"))
    if head in services_of(root) and (not policy or (len(parts) > 1 and parts[1] in calls_of(root, head))):
        return _of_link(root, parts)
    return _below(("stack",), _pick(root, ("stack",), head, 0), parts[1:])


def services_of(root: Node) -> Items[str]:
    """The names of the services, where there are several."""
    holder = find(root, ("services",))
    return list(holder.entries) if isinstance(holder, Mapping) else ()


def calls_of(root: Node, caller: str) -> dict[str, Loc]:
    """Where the calls of a service stand, by whom they call."""
    found: dict[str, Loc] = {}

    def note(node: Node | None, loc: Loc) -> None:
        to = find(node, ("to",)) if isinstance(node, Mapping) else None
        if isinstance(to, Scalar) and isinstance(to.value, str):
            found.setdefault(to.value, loc)

    calls = find(root, ("services", caller, "calls"))
    for index, node in enumerate(calls.items if isinstance(calls, Sequence) else ()):
        loc: Loc = ("services", caller, "calls", index)
        note(node, loc)
        together = find(node, ("together",))
        for i, each in enumerate(together.items if isinstance(together, Sequence) else ()):
            note(each, (*loc, "together", i))
    return found


def _of_link(root: Node, parts: list[str]) -> Loc:
    """``CALLER.CALLEE.POLICY.KEY``, or ``CALLER.CALLEE.KEY`` of the call itself."""
    caller = parts[0]
    calls = calls_of(root, caller)
    if len(parts) < 2 or parts[1] not in calls:
        own = f"its settings are `services.{caller}.…`"
        have = f"it calls {one_of(calls)[8:]}" if calls else "it calls nobody"
        if len(parts) < 2:
            raise PathError(f"{shown(caller)} is a service", f"{own}; {have}")
        raise PathError(f"{shown(caller)} does not call {shown(parts[1])}", f"{have}; {own}", 1)
    loc = calls[parts[1]]
    if len(parts) == 2 or parts[2] in keys_at(loc):
        return _deeper(loc, parts[2:])
    stack: Loc = (*loc, "stack")
    return _below(stack, _pick(root, stack, parts[2], 2), parts[3:])


def type_at(loc: Loc) -> Type | None:
    """The type that belongs at a path; None when the tables do not go there."""
    here: Type | None = Nested(FILE)
    for part in loc:
        if isinstance(here, OneOrMany):
            here = here.many if isinstance(part, int) else here.one
        if isinstance(here, Nested):
            param = here.table.by_name.get(str(part))
            here = param.type if param else None
        elif isinstance(here, OneOf):
            here = Nested(here.kinds[str(part)]) if part in here.kinds else None
        elif isinstance(here, ListOf | MapOf):
            here = here.item
        else:
            return None
    return here


def keys_at(loc: Loc) -> Items[str]:
    """The keys that may stand in the mapping at a path."""
    here = type_at(loc)
    if isinstance(here, OneOf):
        return list(here.kinds)
    if isinstance(here, OneOrMany):
        here = here.one
    return list(here.table.by_name) if isinstance(here, Nested) else ()


def heads(root: Node) -> list[str]:
    """What a path may begin with in this scenario."""
    sections = [name for name in FILE.by_name if name not in FIXED]
    policies = [name for item in items(root, "stack") for name in (item.id, item.kind)]
    links = [f"{caller}.{callee}" for caller in services_of(root) for callee in calls_of(root, caller)]
    faults = [f"faults.{item.id}" for item in items(root, "faults")]
    return list(dict.fromkeys([*sections, *policies, *faults, *links]))


def _pick(root: Node, at: Loc, name: str, part: int) -> Item:
    section = str(at[-1])
    rows = items(root, at)
    if part and name.isascii() and name.isdigit() and len(name) < 6:
        found = [row for row in rows if row.index == int(name)]
        if found:
            return found[0]
    found = [row for row in rows if row.id == name] or [row for row in rows if row.kind == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise PathError(f"{shown(name)} could be any of {len(found)}", one_of(row.id for row in found), part)
    what = "policy" if section == "stack" else "fault"
    here = list(dict.fromkeys(each for row in rows for each in (row.id, row.kind)))
    candidates = here if part else heads(root)
    if not part and any(row.id == name for row in items(root, "faults")):
        raise PathError(f"no policy or section {shown(name)}", f"did you mean `faults.{name}`?", part)
    if name in _kinds(at) and name not in here:
        whose = "this link" if len(at) > 1 else "this scenario"
        raise PathError(f"{whose} has no {what} {shown(name)}", _have(section, here), part)
    remedy = did_you_mean(name, candidates) or (one_of(candidates) if candidates else _have(section, here))
    raise PathError(f"no {what} or section {shown(name)}" if not part else f"no {what} {shown(name)}", remedy, part)


def _have(section: str, here: list[str]) -> str:
    return f"its `{section}` has " + one_of(here)[8:] if here else f"its `{section}` is empty"


def _kinds(at: Loc) -> Items[str]:
    kind = type_at((*at, 0))
    return list(kind.kinds) if isinstance(kind, OneOf) else ()


def _below(at: Loc, item: Item, rest: list[str]) -> Loc:
    if rest and rest[0] == item.kind and rest[0] not in keys_at((*at, item.index, item.kind)):
        rest = rest[1:]
    return _deeper((*at, item.index, item.kind), rest)


def _deeper(loc: Loc, rest: list[str]) -> Loc:
    for name in rest:
        is_list = isinstance(type_at(loc), ListOf | OneOrMany)
        loc = (*loc, int(name) if is_list and name.isascii() and name.isdigit() and len(name) < 6 else name)
    return loc


def put(root: Node, loc: Loc, key: Span, value: Node) -> Node:
    """The tree with a value set; null takes the key away; a mapping for a whole section changes only its keys."""
    if isinstance(value, Scalar) and value.value is None:
        return remove(root, loc)
    root = _open_up(root, loc, key)
    kind = type_at(loc)
    if isinstance(kind, OneOrMany) and not isinstance(find(root, loc), Sequence):
        kind = kind.one
    section = isinstance(kind, Nested) and (len(loc) == 1 or (len(loc) == 3 and loc[0] in LISTS))
    if section and isinstance(value, Mapping):
        for name, entry in value.entries.items():
            root = put(root, (*loc, name), entry.key, entry.value)
        return root
    return replace(root, loc, Entry(key, value))


def _open_up(root: Node, loc: Loc, key: Span) -> Node:
    """Write out ``- retry`` as a mapping, so that a key can be put in; refuse an index beyond a list's end."""
    listed = next((i for i, part in enumerate(loc) if part in LISTS), len(loc))
    if len(loc) > listed + 2:
        at = loc[: listed + 2]
        node = find(root, at)
        if isinstance(node, Scalar):
            body = Entry(node.span, Mapping(node.span, {}))
            root = replace(root, at, Entry(key, Mapping(node.span, {str(loc[listed + 2]): body})))
    if loc[0] == "services" and len(loc) > 2:
        node = find(root, loc[:2])
        if isinstance(node, Scalar) and node.value is None:  # `reviews:` with nothing below
            root = replace(root, loc[:2], Entry(key, Mapping(node.span, {})))
    for depth, part in enumerate(loc):
        here = find(root, loc[:depth])
        if isinstance(part, int):
            size = len(here.items) if isinstance(here, Sequence) else 0
            if part >= size:
                raise PathError(f"there is no item {part}", f"it has {size}, counted from 0", depth)
        elif isinstance(here, Sequence):
            raise PathError(
                f"a list has items, not {shown(part)}", f"items count from 0 to {len(here.items) - 1}", depth
            )
    return root


def apply_command_line(root: Node, overrides: Items[str], findings: list[Diagnostic]) -> Node:
    """The tree with every ``--set PATH=VALUE`` applied; what cannot be is reported."""
    for text in overrides:
        source = Source.of(COMMAND_LINE, text)
        path, equals, value = text.partition("=")
        end = len(path)
        whole = Span(source, 1, 1, 1, max(end, 1) + 1)
        if not equals:
            message = f"{shown(text)} has no `=`"
            findings.append(whole.finding(codes.SET_PATH, message, "write `--set retry.attempts=5`"))
            continue
        # the value is parsed where it stands, so that its columns are those of the whole text
        shifted: list[Diagnostic] = []
        node = _plain_scalar(value, source, end + 2) or parse(" " * (end + 1) + value, source, shifted)
        if shifted:
            findings.extend(shifted)
            continue
        if node is None:
            node = Scalar(Span(source, 1, end + 2, 1, end + 2), None)
        if isinstance(node, Scalar) and node.value == NONE and not means_none(root, path.strip()):
            node = Scalar(node.span, None)
        root = put_value(root, path.strip(), whole, node, findings)
    return root


def means_none(root: Node, path: str) -> bool:
    """Whether ``none`` is one of the values of the setting at a path; elsewhere it means the default again."""
    try:
        loc = locate(root, path)
    except PathError:
        return False
    kind = _read_as(root, loc)
    if isinstance(kind, OneOrMany):
        kind = kind.one
    if isinstance(kind, Nested):
        kind = kind.table.short
    if kind is None or not is_leaf(kind):
        return False
    try:
        return kind.read(NONE) is not None
    except UnitError:
        return False


def _read_as(root: Node, loc: Loc) -> Type | None:
    """The type at a path, under the rules of the library that the policy there is like."""
    above, like = type_at(loc[:-1]), find(root, (*loc[:-1], "like"))
    if isinstance(above, Nested) and isinstance(like, Scalar):
        theirs = above.table.libraries.get(str(like.value), {}).get(str(loc[-1]))
        if theirs is not None:
            return theirs.type
    return type_at(loc)


def put_value(root: Node, path: str, whole: Span, node: Node, findings: list[Diagnostic]) -> Node:
    """The tree with the value at a path; ``whole`` is where the path stands."""
    try:
        return put(root, locate(root, path), whole, node)
    except PathError as error:
        parts = path.split(".")
        start = sum(len(part) + 1 for part in parts[: error.part]) if error.part < len(parts) else 0
        piece = parts[error.part] if error.part < len(parts) else path
        findings.append(whole.part(start, len(piece)).finding(codes.SET_PATH, str(error), error.help))
        return root


_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./%+-]*\Z")


def _plain_scalar(text: str, source: Source, col: int) -> Scalar | None:
    """A value that needs no YAML reader; None for any other."""
    word = text.strip()
    if not _WORD.match(word):
        return None
    col += len(text) - len(text.lstrip())
    return Scalar(Span(source, 1, col, 1, col + len(word)), scalar(word))


def apply_variant(root: Node, values: Mapping, loc: Loc, findings: Findings) -> Node:
    """The tree with the ``set:`` of a variant applied."""
    for path, entry in values.entries.items():
        try:
            target = locate(root, path)
            root = put(root, target, entry.key, entry.value)
        except PathError as error:
            parts = path.split(".")
            start = sum(len(part) + 1 for part in parts[: error.part]) if error.part < len(parts) else 0
            length = len(parts[error.part]) if error.part < len(parts) else len(path)
            span = entry.key if entry.key.end_col - entry.key.col != len(path) else entry.key.part(start, length)
            findings.errors.append(span.finding(codes.SET_PATH, str(error), error.help, (*loc, path)))
    return root
