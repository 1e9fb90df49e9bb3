"""Every path that ``--set`` and ``set:`` understand, for shell completion and for listings.

Owns the listing. Refuses to resolve a path (overrides.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from resilience_sim.scenario.fields import is_model, keys_of, unwrap
from resilience_sim.scenario.models_file import FileModel
from resilience_sim.scenario.models_items import OneKey
from resilience_sim.scenario.overrides import FIXED
from resilience_sim.scenario.plan import Plan


def settable_paths(plan: Plan | None = None) -> list[str]:
    """Paths of the sections, then those of the policies and faults: all kinds there are, or those of a plan by id."""
    found: list[str] = []
    for section, kind in keys_of(FileModel).items():
        if section in FIXED:
            continue
        if section not in ("stack", "faults"):
            found += _walk(section, kind, 3)
            continue
        item = keys_of(unwrap(get_args(kind)[-1]))
        written = [(each.kind, each.id) for each in getattr(plan, section)] if plan else [(name, name) for name in item]
        prefix = "" if section == "stack" else "faults."
        for name, ident in written:
            found += [
                path for key, below in keys_of(item[name]).items() for path in _walk(f"{prefix}{ident}.{key}", below, 2)
            ]
    return found


def _walk(path: str, kind: Any, depth: int) -> Iterator[str]:
    if is_model(kind) and not issubclass(kind, OneKey) and depth:
        if "." in path:
            yield path
        for name, below in keys_of(kind).items():
            yield from _walk(f"{path}.{name}", below, depth - 1)
    elif get_origin(kind) is not dict:
        yield path
