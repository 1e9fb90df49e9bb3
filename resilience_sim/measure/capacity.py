"""How much worker time a service had: its workers may be more or fewer from some instant on."""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.settings.service import ServiceConfig


class Capacity:
    """The workers of all replicas over time, as the configuration has them: what a brownout takes is not left out."""

    __slots__ = ("_replicas", "_steps")

    def __init__(self, service: ServiceConfig) -> None:
        self._replicas = service.replicas
        self._steps = [(0, service.workers)]

    def note(self, t: i64, workers: i64) -> None:
        """Each replica has so many from now on; 0: without limit."""
        self._steps.append((int(t), int(workers)))

    def between(self, start: int, end: int) -> int:
        """Worker time in ns; 0 where at some time there was no limit."""
        total = 0
        for i, (since, workers) in enumerate(self._steps):
            until = self._steps[i + 1][0] if i + 1 < len(self._steps) else end
            length = min(until, end) - max(since, start)
            if length > 0:
                if not workers:
                    return 0
                total += workers * self._replicas * length
        return total
