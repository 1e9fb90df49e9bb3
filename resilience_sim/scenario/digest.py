"""The digest of a scenario: 16 hexadecimal digits over everything that decides its runs.

Comments, layout, names and spelling (``1s`` or ``1000ms``) change nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import Field, fields, is_dataclass, replace
from typing import Any

from resilience_sim.settings.plan import Plan, Variant


def digest(plan: Plan, variants: Iterable[Variant], baseline: str) -> str:
    """The same for the same scenario on every machine, in every process."""
    state = hashlib.blake2b(digest_size=8)
    for name, each in [("", plan), *((variant.name, variant.plan) for variant in variants), (baseline, None)]:
        state.update(name.encode() + b"\0")
        if each is not None:
            state.update(canonical(_deciding(each)).encode())
    return state.hexdigest()


def _deciding(plan: Plan) -> Plan:
    """The plan without what only people read."""
    expect = tuple(replace(each, text="", because="", scope=replace(each.scope, label="")) for each in plan.expect)
    return replace(plan, name="", about="", expect=expect)


def _came_later(field: Field[Any]) -> bool:
    """Whether the field is newer than published digests: at its default it leaves them alone."""
    return "added" in field.metadata


def canonical(value: object) -> str:
    """A text that is the same exactly when the settings are."""
    if is_dataclass(value) and not isinstance(value, type):
        inner = ",".join(
            f"{field.name}={canonical(each)}"
            for field in fields(value)
            if field.compare and ((each := getattr(value, field.name)) != field.default or not _came_later(field))
        )
        return f"{type(value).__name__}({inner})"
    if isinstance(value, tuple | list):
        return "[" + ",".join(canonical(each) for each in value) + "]"
    if isinstance(value, float):
        return value.hex()
    return repr(value)
