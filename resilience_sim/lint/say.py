"""Numbers in the sentences of findings."""

from __future__ import annotations

from math import inf


def duration(ns: float) -> str:
    """``1.5s``, ``250ms``, ``2m30s``; ``for ever`` when nothing bounds it."""
    if ns == inf:
        return "for ever"
    seconds = ns / 1e9
    if seconds < 1e-3:
        return f"{digits(seconds * 1e6)}us" if seconds else "0s"
    if seconds < 1:
        return f"{digits(seconds * 1e3)}ms"
    if seconds < 60:
        return f"{digits(seconds)}s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m{round(seconds % 60):02d}s"
    return f"{digits(seconds / 3600)}h"


def digits(value: float) -> str:
    """Three significant digits, no exponent."""
    if value == inf:
        return "infinitely many"
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-4 or not value else f"{value:.1e}"


def share(value: float) -> str:
    """A percentage."""
    percent = value * 100
    if 99.95 < percent < 100:
        return "99.9%"
    return f"{digits(percent)}%" if percent >= 0.01 or not percent else "less than 0.01%"


def rate(per_second: float) -> str:
    """``80/s``, ``12/h`` where that reads better."""
    return f"{digits(per_second)}/s" if per_second >= 0.1 else f"{digits(per_second * 3600)}/h"


def times(number: float, noun: str) -> str:
    """``1 call``, ``3 calls``."""
    return f"{digits(number)} {noun}" if number == 1 else f"{digits(number)} {noun}s"
