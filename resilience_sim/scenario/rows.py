"""The policies of a stack as text that can be changed: a row for each, with its body as it was written.

Owns changing one setting of a row by its path, and the least scenario around some rows, with which they are validated
like any other. Refuses to know when and why (resolve_changes.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from resilience_sim.policies.config import PolicyConfig
from resilience_sim.scenario.overrides import PathError, locate, put
from resilience_sim.scenario.tree import Entry, Mapping, Node, Scalar, Span, find
from resilience_sim.scenario.tree import Sequence as Listing


@dataclass(frozen=True, slots=True)
class Row:
    """A policy as it is at some instant: the text that its settings come from, and what they are (None: not yet)."""

    kind: str
    id: str
    key: Span
    body: Mapping
    policy: PolicyConfig | None = None


def row_of(kind: str, ident: str, node: Node, policy: PolicyConfig | None = None) -> Row:
    """Out of an item of a list: ``retry``, ``retry:`` or ``retry: {…}``."""
    entry = node.entries.get(kind) if isinstance(node, Mapping) else None
    if entry is None:
        return Row(kind, ident, node.span, Mapping(node.span, {}), policy)
    body = entry.value if isinstance(entry.value, Mapping) else Mapping(entry.key, {})
    return Row(kind, ident, entry.key, body, policy)


def rows_of(root: Node, stack: Sequence[PolicyConfig]) -> list[Row]:
    """The stack of a scenario; ``stack``: the settings that came of it."""
    holder = find(root, ("stack",))
    nodes = holder.items if isinstance(holder, Listing) else ()
    return [row_of(policy.kind, policy.id, node, policy) for policy, node in zip(stack, nodes, strict=True)]


def changed(row: Row, rest: list[str], entry: Entry) -> Row:
    """The row with one setting, or several of them, written differently.

    A mapping for a whole policy changes only its keys, but one that says whose rules it has (``like``) replaces all of
    them: under other rules the settings have other names.

    Raises:
        PathError: there is no such setting.
    """
    value = entry.value
    if (rest and rest[0] == "id") or (not rest and isinstance(value, Mapping) and "id" in value.entries):
        raise PathError("a policy keeps its id", "leave `id` away")
    if not rest:
        if not isinstance(value, Mapping):
            raise PathError(f"`{row.id}` is a policy, not a setting", f"write `{row.id}.KEY: …`")
        if "like" in value.entries:
            return replace(row, body=value)
    root = scenario_of([row])
    after = put(root, locate(root, ".".join(["stack", "0", *rest])), entry.key, value)
    body = find(after, ("stack", 0, row.kind))
    assert isinstance(body, Mapping)
    return replace(row, body=body)


def scenario_of(rows: Sequence[Row]) -> Mapping:
    """The least scenario around these policies, every one with its id."""
    span = rows[0].key

    def mapping(**values: Node) -> Mapping:
        return Mapping(span, {name: Entry(span, value) for name, value in values.items()})

    stack = []
    for row in rows:
        body = Mapping(row.body.span, {**row.body.entries, "id": Entry(row.key, Scalar(row.key, row.id))})
        stack.append(Mapping(row.body.span, {row.kind: Entry(row.key, body)}))
    traffic = mapping(rate=Scalar(span, "1/s"), requests=Scalar(span, 1))
    return mapping(resim=Scalar(span, 1), traffic=traffic, stack=Listing(span, tuple(stack)))
