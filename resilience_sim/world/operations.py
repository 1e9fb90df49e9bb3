"""What each request does to B, or each call to a service: one operation for all of them, or one drawn from several."""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.frames import Clock
from resilience_sim.kernel.rng import OPERATION
from resilience_sim.kernel.vectors import append, vec
from resilience_sim.settings.service import OperationConfig, operation_word


class Operations:
    """Draws the operation of a request, as the word it carries (settings/service.py: operation_word).

    A request keeps its luck when shares change: only those between the old and the new bound become another operation.
    Where there is one operation only, nothing is drawn.
    """

    __slots__ = ("_bounds", "_purpose", "_words", "mixed", "only")

    _bounds: list[float]  # upper bounds of all but the last
    _words: vec[i64]
    _purpose: i64
    only: i64  # the word of all requests, if it is not mixed

    def __init__(self, config: OperationConfig, first: int = 0, purpose: int = OPERATION) -> None:
        """``first``: the number of the first operation among all of the callee."""
        self._purpose = purpose
        self._bounds = []
        self._words = vec[i64]()
        self.mixed = len(config.each) > 1
        bound = 0.0
        for index, operation in enumerate(config.each):
            bound += operation.share
            self._bounds.append(bound)
            self._words = append(self._words, operation_word(first + index, operation))
        self.only = self._words[0]

    def draw(self, sim: Clock, rid: i64, path: i64 = 0) -> i64:
        """The word of request ``rid``; of a call made for it, by the path of links: the same when it is made again."""
        unit = sim.rng.uniform(self._purpose, rid, path)
        last = len(self._bounds) - 1
        i = 0
        while i < last and unit >= self._bounds[i]:
            i += 1
        return self._words[i]
