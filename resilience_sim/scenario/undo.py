"""Going back through a rounding: the plain decimal that somebody may have written.

Owns the search among neighbouring floats. Refuses to know what the numbers mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable

STEPS = 8  # so many floats to either side: one rounding or two are undone by far fewer


def undo(value: float, make: Callable[[float], float], guess: float) -> float:
    """The shortest decimal near ``guess`` of which ``make`` makes exactly ``value``; ``guess`` when there is none.

    >>> undo(0.07, lambda percent: percent / 100, 0.07 * 100)
    7.0
    """
    for digits in range(1, 18):
        short = float(f"{guess:.{digits}g}")
        if make(short) == value:
            return short
    above = below = guess
    for _ in range(STEPS):
        above, below = math.nextafter(above, math.inf), math.nextafter(below, -math.inf)
        for each in (above, below):
            if make(each) == value:
                return each
    return guess
