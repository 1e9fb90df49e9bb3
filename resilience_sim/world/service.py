"""Service B: replicas behind a balancer, each with workers and a queue; what happens to an attempt once it is sent.

The life of an attempt on B's side: wire, arrival, queue, work, wire back. The order of decisions is part of the model
(docs/model.md): refusing, hanging and rate limits when it arrives; everything else when its work starts; when work
ends, the effect is booked, the next work starts, and only then does the caller react. Where B calls others
(world/calls.py), it does when its own work has ended, and the effect is booked when they have succeeded.

Work whose caller gave up goes on (that is where retry storms and double charges come from) unless the policy that gave
up also stops it.
"""

from __future__ import annotations

from typing import Final, cast

from mypy_extensions import i64

from resilience_sim.kernel.events import (
    ABANDONED,
    ANSWERED,
    BEGIN,
    CANCELLED,
    CRASHED,
    END,
    ERROR,
    EXPIRED,
    HUNG,
    LEFT_QUEUE,
    LOST,
    QUEUED_AT_B,
    RATE_LIMITED,
    RECEIVED,
    REFUSED,
    REPLICA_LOST,
    RESET,
    RESULT,
    SENT,
    SHED,
    STARTED,
    STOPPED,
    SUCCESS,
    TIMEOUT,
    TOO_LATE,
    TRIES,
    TURNED_DOWN,
    UNAVAILABLE,
    WORKERS,
    pack_attempt,
)
from resilience_sim.kernel.frames import Clock, Frame, Request, answer
from resilience_sim.kernel.rng import FAILURE, SERVICE, WIRE_BACK, WIRE_OUT
from resilience_sim.policies.stack import Stack
from resilience_sim.settings.service import ServiceConfig
from resilience_sim.world.balancer import Balancer
from resilience_sim.world.calls import Call, CallingLayer, Calls, Link, Visit, deadline_of
from resilience_sim.world.fault_effects import FaultEffects
from resilience_sim.world.faults import (
    BROWNOUT,
    CUT,
    HANG,
    OUTAGE,
    REFUSE,
    REPLICA_CRASH,
    SLOWED,
    Fault,
    Place,
)
from resilience_sim.world.latency import make_times, make_wire
from resilience_sim.world.ledger import Errand, Ledger
from resilience_sim.world.replica import Job, Replica

# where a job is: Frame.k
ON_WIRE: Final = 1
IN_QUEUE: Final = 2
AT_WORK: Final = 3
ON_WIRE_BACK: Final = 4
GONE: Final = 5  # hung, lost, or finished
CALLING: Final = 6  # its own work has ended, its calls have not
HAS_LEFT: Final = -1  # in place of the time that an attempt has had a worker: it has none any more
NO_REPLICA: Final = -1  # in place of the time an attempt began to wait: none was there to take it
LONGEST: Final = 1 << 61  # ns; a service time that slowing would push beyond every clock


class Service(CallingLayer):
    """The innermost layer of a stack."""

    __slots__ = (
        "_alone", "_among", "_balancer", "_calls", "_calls_others", "_drops_abandoned", "_failure",
        "_failure_rate", "_faults", "_has_effect", "_holds", "_latency", "_ledger", "_lifo", "_lost_answer", "_only",
        "_per_concurrent", "_places", "_replicas", "_struck", "_tracks_work", "_way", "_ways_struck",
        "_wire", "_workers",
    )  # fmt: skip

    _failure: i64
    _lost_answer: i64
    _per_concurrent: i64
    _places: i64
    _ways_struck: i64
    _workers: i64

    def __init__(
        self,
        sim: Clock,
        source: i64,
        config: ServiceConfig,
        has_effect: bool,
        faults: Place,
        replica_sources: tuple[int, ...],
        crashes: bool = False,
        among: bool = False,
        way: Place | None = None,
    ) -> None:
        """``has_effect``: whether some operation is more than reading; ``crashes``: whether a replica may crash.

        ``among``: it is one of several services; ``way``: where faults between Service A and it strike.
        """
        super().__init__(sim, source)
        # What is set before anything is called with self costs no check when it is read (ARCHITECTURE.md).
        self._holds = config.waits == "holding"
        self._workers = config.workers
        replicas = [Replica(w, i + 1, config.workers) for i, w in enumerate(replica_sources)]
        self._replicas = replicas
        self._balancer: Final = Balancer(sim, config.balancer, replicas)
        self._only: Final = replicas[0]  # if there is no other one
        self._alone = len(replicas) == 1
        self._ledger: Final = Ledger(config)
        self._has_effect = has_effect
        self._faults: Final = faults
        self._struck: Final = FaultEffects(sim, faults)
        self._tracks_work = crashes
        self._among = among
        self._calls_others = False
        self._way = way
        self._ways_struck = 0  # how many faults are active on some way to it
        self._latency = make_times(config.latency)
        self._wire = make_wire(config.network)
        self._lifo = False
        self._drops_abandoned = False
        self._per_concurrent = 0
        self._failure_rate = 0.0
        self._settle(config)
        self._calls = Calls(self, [])
        if way is not None:
            way.listen(self.on_way_fault)
        faults.listen(self.on_fault)

    def _settle(self, config: ServiceConfig) -> None:
        self._latency = make_times(config.latency)
        self._wire = make_wire(config.network)
        self._failure_rate = config.failure_rate
        self._failure = config.failure
        self._lost_answer = config.lost_answer if config.failure == LOST else SUCCESS
        self._per_concurrent = config.per_concurrent
        self._places = config.queue
        self._lifo = config.discipline == "lifo"
        self._drops_abandoned = config.discipline == "drop_abandoned"

    def adjust(self, config: ServiceConfig) -> None:
        """Have other settings from now on; what is at work or on the wire goes on as it began."""
        self._settle(config)
        if config.workers == self._workers:
            return
        sim = self.sim
        sim.sink.emit(sim.now, WORKERS, self.source, -1, config.workers, self._workers)
        self._workers = config.workers
        for replica in self._replicas:
            replica.staff(config.workers, self._faults.worker_share(replica.number))
        for replica in self._replicas:
            self._start_waiting(replica)

    def make_calls(self, calls: Calls) -> None:
        """What it does when its own work has ended."""
        self._calls = calls
        self._calls_others = True

    def called_by(self, link: Link) -> None:
        """Another service calls it."""
        link.place.listen(self.on_way_fault)
        for i, stack in enumerate(link.stacks()):
            self.watch(stack, link.instance_of(i))

    def track_work(self) -> None:
        """Keep a list of what is at work: an action may crash a replica. To be called before the first attempt."""
        self._tracks_work = True

    def watch(self, stack: Stack, instance: i64) -> None:
        """A client instance has this stack now, which may contain outlier detection."""
        self._balancer.watch(stack, instance)

    def replicas(self) -> list[Replica]:
        return self._replicas

    def release(self) -> None:
        """The run is over: drop whatever waits or is at work."""
        for replica in self._replicas:
            replica.queue.clear()
            replica.working = {}
        self._calls.release()

    # --- on the way in ---

    def enter(self, parent: Frame) -> None:
        sim = self.sim
        req = parent.req
        by: i64 = 0
        if self._among or sim.passes_deadlines:
            job: Job = self._visit(parent)
            if isinstance(req, Call):
                by = req.link.source
        else:
            job = Job(self, parent)
        req.attempts += 1
        job.attempt = req.attempts
        job.sent = sim.now
        if sim.tells_attempts:
            sim.sink.emit(sim.now, SENT, self.source, req.rid, job.attempt, by)
        if self._ways_struck and self._stopped_on_the_way(job):
            return
        if self._wire is None:
            self._arrive(job)
        else:
            job.k = ON_WIRE
            sim.schedule(sim.now + self._wire.draw(sim.rng, WIRE_OUT, req.luck, job.attempt & TRIES), job)

    def _visit(self, parent: Frame) -> Visit:
        visit = Visit(self, parent)
        if self.sim.passes_deadlines:
            visit.deadline = deadline_of(parent)
        return visit

    def _stopped_on_the_way(self, job: Job) -> bool:
        """Faults between the caller and B: whether it does not go on from here now."""
        req = job.req
        way = req.link.place if isinstance(req, Call) else self._way
        if way is None or not way.any_active:
            return False
        assert isinstance(job, Visit)
        sim = self.sim
        add: i64 = 0
        outcome: i64 = SUCCESS
        hangs = False
        for fault in way.at_arrival:
            if fault.hits(sim, req, job.attempt, 0):
                if fault.how == HANG:
                    hangs = True
                else:
                    outcome = REFUSED
        if outcome == SUCCESS and not hangs:
            for fault in way.at_work:
                if not fault.hits(sim, req, job.attempt, 0):
                    continue
                if fault.kind == SLOWED:
                    add = min(add + fault.add, LONGEST)
                elif fault.kind == OUTAGE:
                    outcome = RESET if fault.how == CUT else ERROR
                elif fault.strikes_error(sim, req, job.attempt):
                    if fault.outcome == LOST:
                        job.lost = fault.answer
                    elif outcome == SUCCESS:
                        outcome = fault.outcome
        if outcome == SUCCESS and not hangs and not add:
            return False
        if outcome != SUCCESS:
            job.since = NO_REPLICA
            job.lost = -1
            job.outcome = outcome
            self._deliver(job)
        elif hangs:
            job.since = NO_REPLICA
            job.k = GONE
        else:
            job.k = ON_WIRE
            if self._wire is not None:
                add += self._wire.draw(sim.rng, WIRE_OUT, req.luck, job.attempt & TRIES)
            sim.schedule(sim.now + add, job)
        return True

    def on_timer(self, f: Frame) -> None:
        """Wire crossed, or work done."""
        job = cast(Job, f)  # one check where an assertion would be followed by one for each use
        if job.k == AT_WORK:
            if self._calls_others:
                self._end_work(job)
            else:
                self._finish(job, job.outcome, job.x)
        elif job.k == ON_WIRE:
            self._arrive(job)
        else:
            self._deliver(job)

    def on_result(self, f: Frame, outcome: i64) -> None:
        raise AssertionError("calls answer to their link")

    def _arrive(self, job: Job) -> None:
        sim = self.sim
        replica: Replica | None = self._only
        if not self._alone or self._balancer.watched:
            replica = self._balancer.pick(job)
        if replica is None:
            job.since = NO_REPLICA
            self._respond(job, UNAVAILABLE)  # Envoy's "no healthy upstream": a 503 that no replica gave
            return
        job.replica = replica
        rid = job.req.rid
        if self._faults.any_active and self._turned_away(job, replica):
            return
        if isinstance(job, Visit):
            job.arrived = sim.now
            if sim.now >= job.deadline:
                sim.sink.emit(sim.now, RECEIVED, replica.source, rid, job.attempt, TOO_LATE)
                self._tell(job, TIMEOUT)
                self._respond(job, TIMEOUT)
                return
        if replica.busy < replica.limit:
            if sim.tells_attempts:
                sim.sink.emit(sim.now, RECEIVED, replica.source, rid, job.attempt, STARTED)
            self._start(job, replica)
        elif self._places < 0 or replica.queued < self._places:
            if sim.tells_attempts:
                sim.sink.emit(sim.now, RECEIVED, replica.source, rid, job.attempt, QUEUED_AT_B)
            job.k = IN_QUEUE
            job.since = sim.now
            replica.queue.push(job)
            replica.queued += 1
            sim.pending_work += 1
        else:
            sim.sink.emit(sim.now, RECEIVED, replica.source, rid, job.attempt, TURNED_DOWN)
            self._respond(job, SHED)

    def _turned_away(self, job: Job, replica: Replica) -> bool:
        """Faults that are decided on arrival."""
        struck = self._struck.on_arrival(job, replica)
        if not struck:
            return False
        if struck == REFUSE:
            self._respond(job, REFUSED)
            return True
        sim = self.sim
        how = HUNG if struck == HANG else TURNED_DOWN
        sim.sink.emit(sim.now, RECEIVED, replica.source, job.req.rid, job.attempt, how)
        if struck == HANG:
            job.k = GONE
        else:
            self._respond(job, RATE_LIMITED)
        return True

    # --- at work ---

    def _start(self, job: Job, replica: Replica) -> None:
        sim = self.sim
        time = self._latency.draw(sim.rng, SERVICE, job.req.luck, job.attempt & TRIES)
        if self._per_concurrent:
            more = float(self._per_concurrent) * float(replica.busy)
            time = min(time + self._per_concurrent * replica.busy, LONGEST) if more < 2.0e18 else LONGEST
        replica.busy += 1
        rate = self._failure_rate
        outcome: i64 = SUCCESS
        lost = False
        if self._faults.any_active and self._faults.at_work:
            struck = self._struck
            struck.at_work(job, replica, rate)
            rate = struck.rate
            outcome = struck.outcome
            lost = struck.lost
            if struck.slower != 1.0:
                slowed = float(time) * struck.slower
                time = int(slowed + 0.5) if slowed < 2.0e18 else LONGEST
            time = min(time + struck.add, LONGEST)
            if outcome == RESET:
                time //= 2
        if outcome == SUCCESS and rate > 0.0 and sim.rng.uniform(FAILURE, job.req.luck, job.attempt & TRIES) < rate:
            outcome = self._failure
            job.heard = self._lost_answer
        if lost:
            job.fails = outcome not in (SUCCESS, LOST)
            job.heard = self._struck.lost_answer
            outcome = LOST
        job.k = AT_WORK
        job.outcome = outcome
        job.since = sim.now
        job.x = time
        if self._tracks_work:
            replica.working[job] = None
        sim.schedule(sim.now + time, job)

    def _end_work(self, job: Job) -> None:
        """Its own work is done: the calls, unless it has failed."""
        outcome = job.outcome
        if job.fails or outcome not in (SUCCESS, LOST):
            self._finish(job, outcome, job.x)
            return
        assert isinstance(job, Visit)
        if self._holds:
            job.k = CALLING
        else:
            replica = job.replica
            self._leave_work(job, replica, outcome, job.x)
            job.k = CALLING
            if replica.queued:
                self._start_waiting(replica)
        self._calls.begin(job)

    def after_calls(self, visit: Visit, outcome: i64) -> None:
        """Its calls are over: ``outcome`` is the answer, unless it was to be lost."""
        if visit.outcome == LOST:
            visit.fails = outcome != SUCCESS
            outcome = LOST
        used: i64 = self.sim.now - visit.since if self._holds else HAS_LEFT
        self._finish(visit, outcome, used)

    def _finish(self, job: Job, outcome: i64, used: i64) -> None:
        """Its worker, which it has ``used`` so long, the effect, then whoever waits for a worker, then the caller."""
        replica = job.replica
        if used != HAS_LEFT:
            self._leave_work(job, replica, outcome, used)
        if self._has_effect and outcome in (SUCCESS, LOST) and not job.fails:
            self._book(job, replica)
        if self._among:
            failed = job.fails and outcome == LOST
            self._tell(job, ERROR if failed else SUCCESS if outcome == LOST else outcome)
        if replica.queued:
            self._start_waiting(replica)
        if outcome != LOST:
            self._respond(job, outcome)
        elif job.heard != SUCCESS:
            self._respond(job, job.heard)
        else:
            job.k = GONE

    def _book(self, job: Job, replica: Replica) -> None:
        req = job.req
        if isinstance(req, Errand):
            self._ledger.book_errand(self.sim, replica.source, req, job.attempt)
        elif not isinstance(req, Call):
            self._ledger.book(self.sim, replica.source, req, job.attempt)
        elif req.account is not None:
            self._ledger.book_call(self.sim, replica.source, req.root, req.operation, req.account, job.attempt)

    def _tell(self, job: Job, outcome: i64) -> None:
        """Say how it answers, heard or not, where it is one of several services."""
        if self._among:
            assert isinstance(job, Visit)
            sim = self.sim
            packed = pack_attempt(job.attempt, outcome, 0)
            sim.sink.emit(sim.now, ANSWERED, job.replica.source, job.req.rid, packed, sim.now - job.arrived)

    def _leave_work(self, job: Job, replica: Replica, outcome: i64, used: i64) -> None:
        sim = self.sim
        replica.busy -= 1
        if self._tracks_work:
            del replica.working[job]
        if sim.tells_attempts:
            waited_for = job.waited_for() if sim.leaves_calls else job.live
            packed = pack_attempt(job.attempt, outcome, 0 if waited_for else 1)
            sim.sink.emit(sim.now, END, replica.source, job.req.rid, packed, used)

    def _start_waiting(self, replica: Replica) -> None:
        """Give free workers to waiting jobs, in the order of the discipline."""
        sim = self.sim
        expired: list[Job] | None = None
        while replica.queued and replica.busy < replica.limit:
            job = replica.queue.last() if self._lifo else replica.queue.first()
            if job.k != IN_QUEUE:
                continue  # stopped while it waited; it has already left the count
            if self._drops_abandoned and not job.waited_for():
                self._leave_queue(job, replica, ABANDONED)
                continue
            if sim.passes_deadlines and isinstance(job, Visit) and sim.now >= job.deadline:
                self._leave_queue(job, replica, EXPIRED)
                if expired is None:
                    expired = []
                expired.append(job)
                continue
            replica.queued -= 1
            sim.pending_work -= 1
            if sim.tells_attempts:
                sim.sink.emit(sim.now, BEGIN, replica.source, job.req.rid, job.attempt, sim.now - job.since)
            self._start(job, replica)
        if expired is not None:
            for job in expired:
                self._tell(job, TIMEOUT)
                self._respond(job, TIMEOUT)

    def _leave_queue(self, job: Job, replica: Replica, why: i64) -> None:
        sim = self.sim
        job.k = GONE
        replica.queued -= 1
        sim.pending_work -= 1
        sim.sink.emit(sim.now, LEFT_QUEUE, replica.source, job.req.rid, job.attempt, why)

    # --- on the way back ---

    def _respond(self, job: Job, outcome: i64) -> None:
        """Send the answer, if anybody waits for it."""
        if not job.live:
            job.k = GONE
            return
        if isinstance(job, Visit) and job.lost >= 0:  # on the way back
            if job.lost == SUCCESS:
                job.k = GONE
                return
            outcome = job.lost
        job.outcome = outcome
        if self._wire is None:
            self._deliver(job)
            return
        sim = self.sim
        job.k = ON_WIRE_BACK
        sim.schedule(sim.now + self._wire.draw(sim.rng, WIRE_BACK, job.req.luck, job.attempt & TRIES), job)

    def _deliver(self, job: Job) -> None:
        job.k = GONE
        if not job.live:
            return
        sim = self.sim
        req: Request = job.req
        if sim.tells_attempts:
            packed = pack_attempt(job.attempt, job.outcome, 0)
            sim.sink.emit(sim.now, RESULT, self.source, req.rid, packed, sim.now - job.sent)
        req.retry_after = job.hint
        if self._balancer.watched and job.since != NO_REPLICA:
            self._balancer.on_end(job, job.outcome)
        answer(job, job.outcome)

    def on_cancel(self, f: Frame, why: i64, stop_work: bool) -> None:
        """The caller gave up: for it the attempt ends here. B goes on, or stops if it is told to."""
        job = cast(Job, f)
        sim = self.sim
        job.live = False
        job.req.retry_after = 0  # the hint of an answer before this one says nothing about it
        sim.sink.emit(sim.now, RESULT, self.source, job.req.rid, pack_attempt(job.attempt, why, 0), sim.now - job.sent)
        if self._balancer.watched and why == TIMEOUT and job.k != ON_WIRE and job.since != NO_REPLICA:
            self._balancer.on_end(job, why)
        if not stop_work:
            return
        source = job.k
        job.armed = False
        if source == IN_QUEUE:
            self._leave_queue(job, job.replica, STOPPED)
        elif source == AT_WORK:
            job.k = GONE
            self._leave_work(job, job.replica, CANCELLED, sim.now - job.since)
            if job.replica.queued:
                self._start_waiting(job.replica)
        elif source == CALLING:
            visit = cast(Visit, job)
            job.k = GONE
            self._calls.stop(visit, why, True)
            if self._holds:
                self._leave_work(job, job.replica, CANCELLED, sim.now - job.since)
                if job.replica.queued:
                    self._start_waiting(job.replica)
        else:
            job.k = GONE

    # --- faults ---

    def on_way_fault(self, fault: Fault, begins: bool) -> None:
        """A fault between a caller and B begins or ends."""
        self._ways_struck += 1 if begins else -1

    def on_fault(self, fault: Fault, begins: bool) -> None:
        """Brownouts change how many workers there are; a crash takes everything at the replica with it."""
        for replica in self._replicas:
            if not fault.concerns(replica.number):
                continue
            if fault.kind == BROWNOUT:
                replica.limit_to(self._faults.worker_share(replica.number))
                self._start_waiting(replica)
            elif fault.kind == REPLICA_CRASH:
                if begins:
                    self._crash(replica)
                elif self._calls_others and not self._faults.down(replica.number):
                    for link in self._calls.links():
                        link.come_back(int(replica.number) - 1)

    def _crash(self, replica: Replica) -> None:
        sim = self.sim
        lost = list(replica.working)
        for link in self._calls.links():
            link.go_down(int(replica.number) - 1)
        for visit in self._calls.on_replica(replica.number):
            self._calls.stop(visit, CRASHED, False)
            if not self._holds:
                visit.k = GONE
                lost.append(visit)
        for job in lost:
            if job.k == AT_WORK:
                sim.unschedule(job)
            if job.k != GONE:
                self._leave_work(job, replica, RESET, sim.now - job.since)
            job.k = GONE  # a caller's reaction to one loss may cancel another
        while not replica.queue.is_empty():
            job = replica.queue.first()
            if job.k == IN_QUEUE:
                self._leave_queue(job, replica, REPLICA_LOST)
                lost.append(job)
        for job in lost:
            self._respond(job, RESET)
