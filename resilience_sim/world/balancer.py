"""The balancer in front of B's replicas: which of them gets an attempt.

A client instance may use outlier detection (Envoy's, policies/outliers.py): then the balancer leaves out the replicas
which that instance has ejected, and tells it how each attempt ended.
"""

from __future__ import annotations

from mypy_extensions import i64

from resilience_sim.kernel.events import ERROR, REFUSED, RESET, SHED, TIMEOUT, TRIES, UNAVAILABLE
from resilience_sim.kernel.frames import Clock
from resilience_sim.kernel.rng import BALANCER, EXTRA
from resilience_sim.policies.outliers import OutlierWatch
from resilience_sim.policies.stack import Stack
from resilience_sim.world.replica import Job, Replica

# what the caller's proxy takes for, or makes up as, 502, 503 or 504
_GATEWAY = (1 << UNAVAILABLE) | (1 << TIMEOUT) | (1 << REFUSED) | (1 << RESET) | (1 << SHED)
_FAILED = _GATEWAY | (1 << ERROR)


class Balancer:
    """One for all client instances; ``watched``: some of them use outlier detection."""

    __slots__ = ("_next", "_random", "_replicas", "_round_robin", "_sim", "_watches", "watched")

    _next: i64

    def __init__(self, sim: Clock, kind: str, replicas: list[Replica]) -> None:
        self._sim = sim
        self._round_robin = kind == "round_robin"
        self._random = kind == "random"
        self._replicas = replicas
        self._next = 0
        self._watches: dict[int, OutlierWatch] = {}
        self.watched = False

    def watch(self, stack: Stack, instance: i64) -> None:
        """Find the outlier detection of a stack, if it has one."""
        self._watches.pop(int(instance), None)
        for layer in stack.layers:
            if isinstance(layer, OutlierWatch):
                if layer.machine is None:
                    layer.watch(len(self._replicas))
                self._watches[int(instance)] = layer
        self.watched = bool(self._watches)

    def pick(self, job: Job) -> Replica | None:
        """The replica that gets this attempt; None when all are ejected, and nothing sends calls there all the same."""
        replicas = self._replicas
        if self.watched and job.req.instance in self._watches:
            replicas = self._left(self._watches[job.req.instance])
            if not replicas:
                return None
        if self._round_robin:
            return self._turn(replicas)
        if self._random:
            return replicas[int(self._sim.rng.uniform(BALANCER, job.req.luck, job.attempt & TRIES) * len(replicas))]
        best = replicas[0]
        for replica in replicas:
            if replica.busy + replica.queued < best.busy + best.queued:
                best = replica
        return best

    def _turn(self, allowed: list[Replica]) -> Replica:
        """Round robin; the turn of a replica that is left out passes to the next."""
        replicas = self._replicas
        while True:
            i = self._next
            self._next = i + 1 if i + 1 < len(replicas) else 0
            if allowed is replicas or replicas[i] in allowed:
                return replicas[i]

    def _left(self, watch: OutlierWatch) -> list[Replica]:
        machine = watch.machine
        if machine is None or not machine.out:
            return self._replicas
        return [replica for replica in self._replicas if machine.available(replica.number - 1)]

    def on_end(self, job: Job, outcome: i64) -> None:
        """An attempt has ended for its caller."""
        watch = self._watches.get(int(job.req.instance))
        if watch is None or watch.machine is None:
            return
        sim = self._sim
        failed = bool(_FAILED >> outcome & 1)
        unit = sim.rng.uniform(BALANCER + EXTRA, job.req.luck, job.attempt & TRIES)
        watch.machine.on_answer(sim.now, job.replica.number - 1, failed, bool(_GATEWAY >> outcome & 1), unit)
        watch.tell(job.req.rid)
