"""The fingerprint of a scenario: 16 hexadecimal digits over everything that decides its runs.

Owns the canonical text of a plan. Comments, layout, names and spelling (``1s`` or ``1000ms``) change nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace

from resilience_sim.scenario.plan import Plan, Variant

_YOUNGER = ("actions",)  # of a plan, newer than the digests people have: nothing in it changes nothing


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


def canonical(value: object) -> str:
    """A text that is the same exactly when the settings are."""
    if is_dataclass(value) and not isinstance(value, type):
        said = [(field.name, getattr(value, field.name)) for field in fields(value)]
        inner = ",".join(f"{name}={canonical(each)}" for name, each in said if each or name not in _YOUNGER)
        return f"{type(value).__name__}({inner})"
    if isinstance(value, tuple | list):
        return "[" + ",".join(canonical(each) for each in value) + "]"
    if isinstance(value, float):
        return value.hex()
    return repr(value)
