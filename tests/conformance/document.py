"""Traces as files: where they are, and their times and parameters in the units of the core."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from resilience_sim.settings.library_types import Nest
from resilience_sim.settings.table import Param

TRACES = Path(__file__).parent / "traces"
FURTHER = "RESIM_CONFORMANCE_DIR"
Document = dict[str, Any]


class Unsupported(Exception):
    """The trace says something that the runner cannot express."""


def files() -> list[Path]:
    """Every trace: those of the project, then those of the folder named in the environment."""
    found = sorted(TRACES.glob("*.json"))
    further = os.environ.get(FURTHER)
    if further:
        more = sorted(Path(further).glob("*.json"))
        if not more:
            raise FileNotFoundError(f"{FURTHER}={further}: no *.json there")
        found += more
    return found


def read(path: Path) -> Document:
    """One trace."""
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("format") != 1:
        raise Unsupported(f"format {document.get('format')!r}")
    return document


def ns(seconds: float) -> int:
    """Seconds in nanoseconds."""
    return round(seconds * 1e9)


def native(config: dict[str, Any], leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Parameters with ``_s`` taken off and their seconds made nanoseconds, inside mappings too."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if name in leave_out:
            continue
        if isinstance(value, dict):
            found[name] = native(value)
        elif name.endswith("_s"):
            found[name.removesuffix("_s")] = tuple(map(ns, value)) if isinstance(value, list) else ns(value)
        else:
            found[name] = value
    return found


def filled(params: tuple[Param, ...], settings: dict[str, Any]) -> dict[str, Any]:
    """The same parameters; those that are mappings have the library's defaults for what is left out."""
    found = dict(settings)
    for param in params:
        if param.name in found and isinstance(param.type, Nest) and param.type.defaults:
            keys = param.type.keys
            left_out = param.type.defaults.items()
            usual = {name: None if each is None else keys[name].read(each) for name, each in left_out}
            found[param.name] = {**usual, **found[param.name]}
    return found
