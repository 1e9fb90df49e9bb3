"""Policies: from what was read to the configs of the core, under our rules or a library's.

A library's own names are possible only under ``like:`` that library, our names where it has such a thing, and not both
for one thing.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence as SequenceType
from dataclasses import replace
from typing import Any

from resilience_sim.kernel.expression import Expression, ExpressionError
from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.tables import Memory, Reader
from resilience_sim.scenario.text.tree import Loc, Mapping, Node, Sequence, find, plain
from resilience_sim.settings import codes
from resilience_sim.settings.breaker import OutlierConfig
from resilience_sim.settings.library_types import Expression as ExpressionType
from resilience_sim.settings.policy import SHARED, PolicyConfig, PolicyKind
from resilience_sim.settings.registry import POLICIES, POLICY_ITEM
from resilience_sim.settings.table import Findings as Told
from resilience_sim.settings.table import Item, LibraryError, Settings, Values


def default_ids(kinds: SequenceType[tuple[str, str | None]]) -> list[str]:
    """An id for each (kind, id as written): the kind, then kind#2 …, leaving out what others are called."""
    taken = {ident for _, ident in kinds if ident}
    ids: list[str] = []
    for kind, ident in kinds:
        name, number = kind, 1
        while not ident and name in taken:
            number += 1
            name = f"{kind}#{number}"
        ids.append(ident or name)
        taken.add(ids[-1])
    return ids


def ids_of(items: SequenceType[Item], at: Loc, findings: Findings) -> list[str]:
    """The ids of all items; the same one twice is a finding."""
    written = [(item.kind, item.body.id) for item in items]
    seen: dict[str, int] = {}
    for index, (kind, ident) in enumerate(written):
        loc: Loc = (*at, index, kind, "id")
        if ident and ident in seen:
            message = f"the id `{ident}` is taken"
            other = ".".join(map(str, (*at, seen[ident])))
            findings.error(loc, codes.DUPLICATE_ID, message, f"`{other}` has it; choose another")
        elif ident:
            seen[ident] = index
    return default_ids(written)


def policy(item: Item, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    """The config of a policy; with findings, something to go on with. ``loc`` ends with the kind."""
    made = policy_alone(item, ident, loc, findings)
    if made is not None:
        return made
    kind = POLICIES[item.kind]
    return kind.classic(Values(item.body.table, _needed(kind)), ident, loc, findings)


def policy_alone(item: Item, ident: str, loc: Loc, findings: Told) -> PolicyConfig | None:
    """The same, but None where its library refuses a setting."""
    kind, values = POLICIES[item.kind], item.body
    if kind.libraries:
        given, like = _library_settings(kind, values, loc, findings), values["like"]
        if like == "classic":
            made: PolicyConfig | None = kind.classic(values, ident, loc, findings)
        else:
            made = None if findings.touches(loc) else _emulated(kind, values, given, ident, loc, findings)
    else:
        made = kind.classic(values, ident, loc, findings)
    if made is None or SHARED.name not in values.table.by_name or not values[SHARED.name]:
        return made
    if isinstance(made, OutlierConfig):
        message = "outlier detection cannot be shared: each proxy ejects by what it has seen itself"
        findings.error((*loc, SHARED.name), codes.CONFLICT, message, "leave `shared` away", key=True)
        return made
    return replace(made, shared=True)


def stack_of(findings: Findings, memory: Memory, prefix: str = "") -> tuple[PolicyConfig, ...]:
    """The policies of a tree, outermost first. ``prefix``: before each id."""
    holder = find(findings.root, ("stack",))
    items: list[Item] = []
    if isinstance(holder, Sequence):
        reader = Reader(findings, memory)
        items = [reader.item(POLICY_ITEM, node, ("stack", index)) for index, node in enumerate(holder.items)]
    return policies(items, findings, memory, prefix=prefix)


def policies(
    items: SequenceType[Item], findings: Findings, memory: Memory, at: Loc = ("stack",), prefix: str = ""
) -> tuple[PolicyConfig, ...]:
    """The policies that were read, outermost first. ``at``: where the list stands; ``prefix``: before each id."""
    return tuple(
        memory.recall(
            ("policy", *at, index),
            (item, prefix + ident),
            findings,
            lambda index=index, item=item, ident=prefix + ident: _sourced(  # type: ignore[misc]
                item, ident, (*at, index, item.kind), findings
            ),
        )
        for index, (item, ident) in enumerate(zip(items, ids_of(items, at, findings), strict=True))
    )


def _sourced(item: Item, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return sourced(policy(item, ident, loc, findings), written(findings.root, loc))


def sourced(made: PolicyConfig, written: MappingType[str, Any]) -> PolicyConfig:
    """A config that was made just now, told what it was read from: to copy it takes longer than to make it."""
    object.__setattr__(made, "written", written)
    return made


def _needed(kind: PolicyKind) -> Settings:
    return {param.name: param.type.read(param.type.example) for param in kind.table.params if param.required}


def written(root: Node, loc: Loc) -> MappingType[str, Any]:
    """The body of a policy or fault as it stands in the file, without its id."""
    body = find(root, loc)
    if not isinstance(body, Mapping):
        return {}
    return {name: plain(entry.value) for name, entry in body.entries.items() if name != "id"}


def _library_settings(kind: PolicyKind, values: Values, loc: Loc, findings: Told) -> Settings:
    """The library's own parameters that were written; those of other libraries are findings."""
    found: Settings = {}
    params, like = kind.table.by_name, values["like"]
    for name in sorted([name for name in values.read if params[name].libraries]):
        param = params[name]
        if like in param.libraries:
            found[name] = said = values.read[name]
            if said and isinstance(param.type, ExpressionType) and param.type.names:
                _check_expression(str(said), param.type.names, (*loc, name), findings)
            continue
        whose = "`, `".join(param.libraries)
        here = next((own.name for own in kind.table.own if name in own.synonyms), "") or param.same_as
        message = f"unknown key `{name}`: it belongs to `like: {whose}`"
        remedy = f"write `like: {param.libraries[0]}`"
        if like != "classic":
            message = f"{like} has no `{name}`"
            remedy = "it has " + ", ".join(each.name for each in kind.libraries[like])
        elif here:
            remedy = f"here it is called `{here}`; or {remedy}"
        findings.error((*loc, name), codes.CONFLICT, message, remedy, key=True)
    return found


def _check_expression(text: str, names: tuple[str, ...], loc: Loc, findings: Told) -> None:
    try:
        Expression(text, names)
    except ExpressionError as error:
        findings.error(loc, codes.WRONG_TYPE, f"no condition: {error}", "for example `ConsecutiveFailures >= 5`")


def _emulated(
    kind: PolicyKind, values: Values, native: Settings, ident: str, loc: Loc, findings: Told
) -> PolicyConfig | None:
    """The config under the library's rules; what the library refuses becomes a finding at its key."""
    assert kind.translate is not None
    assert kind.emulate is not None
    library = values["like"]
    try:
        ours = kind.translate(library, values)
        for name in native:
            if name in ours:
                also = next(param.same_as for param in kind.libraries[library] if param.name == name) or "another key"
                message = f"`{name}` and `{also}` say the same thing"
                findings.error((*loc, name), codes.CONFLICT, message, "keep one", key=True)
        return kind.emulate(library, {**ours, **native}, ident, values)
    except LibraryError as error:
        name = error.name if error.name in values.written else "like"
        findings.error((*loc, name), codes.CONFLICT, str(error), error.remedy, key=name != "like")
    return None
