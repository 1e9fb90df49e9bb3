"""One replica of Service B and the jobs it works on: places and counts, no decisions (world/service.py decides)."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import SUCCESS
from resilience_sim.kernel.frames import Frame, Layer
from resilience_sim.kernel.vectors import append, vec

UNLIMITED_WORKERS: Final = 1 << 60
_ROOM: Final = 64  # initial size of a queue; must stay a power of two (used as a mask)


@mypyc_attr(acyclic=True, free_list_len=1)
class Job(Frame):
    """One attempt as B sees it. ``k`` is where it is, ``x`` its service time in ns."""

    __slots__ = ("attempt", "fails", "heard", "hint", "outcome", "replica", "sent", "since")

    attempt: i64
    sent: i64
    since: i64
    outcome: i64
    hint: i64
    fails: bool  # and its answer is lost, so that ``outcome`` does not tell
    heard: i64  # when its answer is lost: what its caller hears instead; SUCCESS: nothing

    replica: Replica

    def __init__(self, layer: Layer, parent: Frame) -> None:
        super().__init__(layer, parent)
        self.attempt = 0
        self.sent = 0
        self.since = 0  # in the queue, then at work, since
        self.outcome = SUCCESS
        self.hint = 0  # Retry-After, ns
        self.fails = False
        self.heard = SUCCESS

    def waited_for(self) -> bool:
        """Whether anybody still waits for the answer, all the way out."""
        if not self.live or not self.layer.sim.leaves_calls:
            return self.live
        f: Frame | None = self
        while f is not None:
            if not f.live:
                return False
            f = f.parent
        return True


class JobQueue:
    """Jobs in order of arrival; the first or the last comes out. Those that have left are still in it.

    A ring buffer: what has come out stays in its place until another one needs it.
    """

    __slots__ = ("_count", "_first", "_jobs", "_mask")

    _jobs: vec[Job]
    _first: i64
    _count: i64
    _mask: i64

    def __init__(self) -> None:
        self._jobs = vec[Job]()
        self._first = 0
        self._count = 0
        self._mask = -1

    def clear(self) -> None:
        """Drop everything."""
        self._jobs = vec[Job]()
        self._first = 0
        self._count = 0
        self._mask = -1

    def push(self, job: Job) -> None:
        count = self._count
        if count > self._mask:
            self._grow(job)
        self._jobs[(self._first + count) & self._mask] = job
        self._count = count + 1

    def is_empty(self) -> bool:
        return self._count == 0

    def first(self) -> Job:
        """Remove and return the one that has waited longest."""
        first = self._first
        self._first = (first + 1) & self._mask
        self._count -= 1
        return self._jobs[first]

    def last(self) -> Job:
        """Remove and return the one that came last."""
        self._count -= 1
        return self._jobs[(self._first + self._count) & self._mask]

    def _grow(self, filler: Job) -> None:
        """Double the size; the first job moves to the first place."""
        old = self._jobs
        mask = self._mask
        room = max(_ROOM, 2 * (mask + 1))
        grown = vec[Job]()
        i: i64 = 0
        while i <= mask:
            grown = append(grown, old[(self._first + i) & mask])
            i += 1
        while i < room:
            grown = append(grown, filler)
            i += 1
        self._jobs = grown
        self._mask = room - 1
        self._first = 0


class Replica:
    """``limit`` workers, ``busy`` of them at work; ``queued`` jobs wait. ``queue`` may hold jobs that have left."""

    __slots__ = ("busy", "limit", "number", "queue", "queued", "source", "workers", "working")

    source: i64
    number: i64
    workers: i64
    limit: i64
    busy: i64
    queued: i64

    def __init__(self, source: i64, number: i64, workers: i64) -> None:
        self.source = source
        self.number = number
        self.workers = workers or UNLIMITED_WORKERS
        self.limit = self.workers
        self.busy = 0
        self.queued = 0
        self.queue: Final = JobQueue()
        self.working: dict[Job, None] = {}  # only kept when a crash could need it

    def staff(self, workers: i64, share: float) -> None:
        """It has so many workers from now on (0: without limit), that share of which is there."""
        self.workers = workers or UNLIMITED_WORKERS
        self.limit_to(share)

    def limit_to(self, share: float) -> None:
        """Keep that share of the workers, rounded down, at least one unless the share is 0."""
        if share >= 1.0:
            self.limit = self.workers
        elif share <= 0.0:
            self.limit = 0
        else:
            # 29 % of 100 is 28.999999999999996 in floats; it is 29 workers
            self.limit = max(1, int(float(self.workers) * share + 1e-9))
