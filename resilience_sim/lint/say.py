"""Numbers in the sentences of findings, where some are unbounded."""

from __future__ import annotations

from math import inf

from resilience_sim.interop.generic import WITHOUT_LIMIT
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.format import plural, share

__all__ = ("attempts", "digits", "duration", "plural", "rate", "share")


def duration(ns: float) -> str:
    """``1.5s``; ``for ever`` when nothing bounds it."""
    return "for ever" if ns == inf else fmt.duration(ns)


def digits(value: float) -> str:
    """Three significant digits; ``infinitely many`` when nothing bounds it."""
    return "infinitely many" if value == inf else fmt.digits(value)


def attempts(number: int) -> str:
    """``4 attempts``; the number that stands for none (interop/generic.py) is not said."""
    return "attempts without limit" if number >= WITHOUT_LIMIT else f"{number} attempts"


def rate(per_second: float) -> str:
    """``80/s``, ``12/h`` where that reads better."""
    return fmt.rate(per_second) if per_second >= 0.1 else f"{fmt.digits(per_second * 3600)}/h"
