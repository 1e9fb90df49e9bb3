"""Traces as files: where they are, and their times and parameters in the units of the core."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

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
            found[name.removesuffix("_s")] = ns(value)
        else:
            found[name] = value
    return found
