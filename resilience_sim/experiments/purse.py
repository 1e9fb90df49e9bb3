"""What a search may spend, in requests or in seconds, and what it has spent: a budget is a promise."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from resilience_sim.kernel import format as fmt

FEWEST_RUNS = 100  # with which a search can look at a handful of candidates, and certify one


class TooSmall(ValueError):
    """Nothing can be found with the budget. ``help`` says how large it has to be."""

    def __init__(self, requests: int, of_a_run: int) -> None:
        least = _rounded_up(of_a_run * FEWEST_RUNS)
        super().__init__(f"{fmt.plural(requests, 'request')} {'is' if requests == 1 else 'are'} too few to tune with")
        self.help = (
            f"a run has about {fmt.count(of_a_run)} of them, and a search takes {FEWEST_RUNS} runs at least: "
            f"allow {fmt.count(least)} requests"
        )


def _rounded_up(count: int) -> int:
    """Two digits, for people."""
    unit = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // unit) * unit


class Purse:
    """Of ``requests`` or ``seconds``; 0: not limited so."""

    def __init__(self, requests: int, seconds: float, clock: Callable[[], float]) -> None:
        self._requests = requests
        self._seconds = seconds
        self._clock = clock
        self._begun = clock()
        self.runs = 0
        self.spent = 0

    def pay(self, requests: int, runs: int = 1) -> None:
        """Some runs have been made, with so many requests in all."""
        self.runs += runs
        self.spent += requests

    @property
    def price(self) -> float:
        """Requests of a run, so far."""
        return self.spent / max(1, self.runs)

    def used(self) -> float:
        """The share of the budget that is used."""
        elapsed = self._clock() - self._begun
        of_requests = self.spent / self._requests if self._requests else 0.0
        return max(of_requests, elapsed / self._seconds if self._seconds else 0.0)

    def left(self, share: float = 1.0) -> float:
        """Requests until that share of the budget is used; without end where nothing limits them."""
        found = inf
        if self._requests:
            found = share * self._requests - self.spent
        if self._seconds:
            elapsed = max(1e-9, self._clock() - self._begun)
            found = min(found, self.spent / elapsed * (share * self._seconds - elapsed))
        return max(0.0, found)

    def room(self, share: float) -> float:
        """Runs until that share of the budget is used."""
        return self.left(share) / max(1.0, self.price)

    def check(self, of_a_run: float) -> None:
        """Raise TooSmall when nothing can come of it. What can be done in some time is never known before."""
        if self._requests and self._requests < FEWEST_RUNS * of_a_run:
            raise TooSmall(self._requests, max(1, round(of_a_run)))
