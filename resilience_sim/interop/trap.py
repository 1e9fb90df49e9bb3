"""One code about a configuration file.

Owns the shape. Refuses to know any code (traps.py gathers them).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trap:
    """``severity``: error, warning or info; a title; the page that explains it."""

    severity: str
    title: str
    page: str
