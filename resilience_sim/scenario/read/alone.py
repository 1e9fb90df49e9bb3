"""One policy from settings that are read one by one: an import tries thousands of them, with more and fewer settings.

What a setting's text means depends on the policy and its library only, so that it is read once; what is wrong is told
by its name, without a place. ``pieces.policy_of`` says it in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilience_sim.scenario.read.findings import Findings
from resilience_sim.scenario.read.stack import policy_alone, sourced
from resilience_sim.scenario.read.tables import Memory, Reader, is_leaf, type_of
from resilience_sim.scenario.text.tree import Loc, Node, Source, Span
from resilience_sim.scenario.text.tree import Mapping as MappingNode
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.table import Item, Values
from resilience_sim.settings.types import Type

_NOWHERE = MappingNode(Span(Source("", ("",)), 1, 1, 1, 1), {})


@cache
def leaf_of(kind: str, library: str, name: str) -> Type | None:
    """The type that reads a plain value of a setting; None where it is made of others, or there is no such setting."""
    table = POLICIES[kind].table
    found = type_of(table, library, name) if name in table.by_name else None
    return found if found is not None and is_leaf(found) else None


def setting_of(kind: str, library: str, name: str, node: Node) -> tuple[Any, ...] | None:
    """What one setting of a policy means: a tuple of that, () for an empty one that is left out; None for a mistake."""
    findings = Findings(_NOWHERE)
    found = Reader(findings, Memory()).setting(POLICIES[kind].table, library, name, node, ("stack", 0, kind))
    return None if findings.tainted or findings.errors else found


def policy_with(
    kind: str, settings: dict[str, Any], written: Mapping[str, Any], ident: str
) -> PolicyConfig | tuple[str, ...] | None:
    """The policy with these settings, or the names of those that it does not take.

    None where a setting is missing. ``written``: the settings as they stand in the file.
    """
    table = POLICIES[kind].table
    values = Values(table, settings)
    if any(param.name not in settings for param in table.needed) and values["like"] == "classic":
        return None
    refused, loc = _Refused(), ("stack", 0, kind)
    if table.check is not None:
        table.check(values, loc, refused)
    made = policy_alone(Item(kind, values), ident, loc, refused)
    return tuple(refused.names) if refused.names or made is None else sourced(made, written)


class _Refused:
    """The names of settings that are wrong, in place of what there is to say about them; "" for the whole policy."""

    __slots__ = ("_wrong", "names")

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._wrong: list[Loc] = []

    def touches(self, loc: Loc) -> bool:
        """Whether a path lies at, above or below one that is wrong."""
        return any(loc[: len(each)] == each[: len(loc)] for each in self._wrong)

    def error(
        self, loc: Loc, code: str, message: str, help: str = "", key: bool = False, rests_on: tuple[Loc, ...] = ()
    ) -> None:
        """Remember which one it is."""
        if not any(self.touches(each) for each in (loc, *rests_on)):
            self.names[str(loc[3]) if len(loc) > 3 else ""] = None
            self._wrong.append(loc)

    def warn(self, code: str, message: str) -> None:
        """Nobody asks for what is odd only."""
