"""A service calls others: what it does for an attempt when its own work has ended.

Each call goes through the stack of its link, whose policies belong to the calling replica, and whose inside is the
service that is called: the same layers as between Service A and the first service. To them a :class:`Call` is the
request that a user's request is to the outermost stack.

Luck goes by names and by the path of attempts. A call's random numbers are keyed by a hash of those of the attempt that
makes it, of its link's name, and of which time it is, so that nothing that happens elsewhere changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import (
    CALL,
    CALL_NUMBER,
    CALL_OVER,
    FALLBACK,
    SUCCESS,
    TIMEOUT,
    TRIES,
    pack_call,
)
from resilience_sim.kernel.frames import Clock, Frame, Layer, Request, Shared, cancel_child
from resilience_sim.kernel.rng import purpose_of
from resilience_sim.kernel.sim import FOREVER, SimulationError
from resilience_sim.kernel.sink import K0, K1, K2, mix64
from resilience_sim.policies.shared import Common
from resilience_sim.policies.stack import Stack
from resilience_sim.policies.timeout import Timed
from resilience_sim.settings.calls import LinkConfig
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.world.faults import Place
from resilience_sim.world.ledger import Account, Errand
from resilience_sim.world.operations import Operations
from resilience_sim.world.replica import Job

_POSITIVE: Final = (1 << 61) - 1
MOST_CALLS: Final = 4_000_000  # of one request: more do not fit an event's payload


@mypyc_attr(acyclic=True, free_list_len=1)
class Visit(Job):
    """An attempt at a service that may call others, or that was told a deadline.

    ``step`` is the group of calls it is at. The links of the group from ``first`` on have not been called yet,
    ``again`` are those (index, and above it which time it was) to be called once more. ``newest`` is the last of the
    calls under way, which know their neighbours; ``before`` and ``after`` are those of the visit among all that call.
    """

    __slots__ = (
        "advancing", "after", "again", "arrived", "before", "calls", "deadline", "fails_as", "failures", "first",
        "lost", "newest", "step", "successes",
    )  # fmt: skip

    arrived: i64
    deadline: i64  # it begins nothing from then on; FOREVER: it was told none
    lost: i64  # its answer is lost on the way, or becomes this; -1: it is not
    step: i64
    successes: i64
    failures: i64
    fails_as: i64
    first: i64
    again: list[int] | None
    newest: Call | None
    before: Visit | None
    after: Visit | None

    def __init__(self, layer: Layer, parent: Frame) -> None:
        super().__init__(layer, parent)
        self.arrived = 0
        self.deadline = FOREVER
        self.lost = -1
        self.step = -1
        self.newest = None
        self.first = 0
        self.again = None
        self.successes = 0
        self.failures = 0
        self.fails_as = SUCCESS
        self.advancing = False
        self.before = None
        self.after = None

    def detach(self) -> None:
        """Its calls are its children."""
        call = self.newest
        self.newest = None
        super().detach()
        while call is not None:
            older = call.older
            call.older = None
            call.newer = None
            call.let_go()
            call.detach()
            call = older


class Made(Shared):
    """All calls made for one request of a user: how many, and the accounts of their effects by path."""

    __slots__ = ("accounts", "count")

    count: i64

    def __init__(self) -> None:
        self.count = 0
        self.accounts: dict[int, Account] | None = None

    def account(self, path: i64) -> Account:
        """That of a path."""
        accounts = self.accounts
        if accounts is None:
            accounts = {}
            self.accounts = accounts
        account = accounts.get(int(path))
        if account is None:
            account = Account()
            accounts[int(path)] = account
        return account


def root_of(req: Request) -> Request:
    """The request of the user for whom a call is made."""
    if isinstance(req, Errand):
        return req.root
    return req.root if isinstance(req, Call) else req


@mypyc_attr(acyclic=True, free_list_len=1)
class Call(Request):
    """One call of one service to another, for a request of a user.

    ``older`` and ``newer`` are its neighbours among the calls of the visit that are under way.
    """

    __slots__ = ("account", "deadline", "index", "link", "newer", "nth", "older", "path", "root", "visit")

    link: Link
    visit: Visit | None  # who calls; None when it is over
    root: Request  # of the user
    account: Account | None  # None: it only reads
    index: i64  # of its link within the group
    nth: i64  # of that link
    older: Call | None
    newer: Call | None
    path: i64  # stands for the links from the user on, and which time each is; attempts left out
    deadline: i64

    def __init__(self, link: Link, visit: Visit, root: Request, instance: i64, index: i64, nth: i64) -> None:
        super().__init__(link, root.rid, link.sim.now, instance, root.user)
        self.link = link
        self.visit = visit
        self.root = root
        self.account = None
        self.index = index
        self.nth = nth
        self.path = 0
        self.deadline = visit.deadline
        older = visit.newest
        self.older = older
        self.newer = None
        if older is not None:
            older.newer = self
        visit.newest = self

    def leave(self, visit: Visit) -> None:
        """It is no longer under way."""
        older, newer = self.older, self.newer
        if newer is None:
            visit.newest = older
        else:
            newer.older = older
            self.newer = None
        if older is not None:
            older.newer = newer
            self.older = None

    def let_go(self) -> None:
        """It is over: cut what would keep it and its caller alive."""
        self.visit = None
        self.live = False
        self.armed = False
        self.close()


def deadline_of(parent: Frame) -> i64:
    """The earliest deadline that the frames around an attempt tell it."""
    least: i64 = FOREVER
    f: Frame | None = parent
    while f is not None:
        if isinstance(f, Timed) and f.x:
            least = min(least, f.x)
        f = f.parent
    req = parent.req  # not by the parents: the loser of a hedge may have been left to itself
    return min(least, req.deadline) if isinstance(req, Call) else least


class CallingLayer(Layer):
    """A service, as its calls see it."""

    __slots__ = ()

    def watch(self, stack: Stack, instance: i64) -> None:
        """A caller has this stack now, which may contain outlier detection."""

    def after_calls(self, visit: Visit, outcome: i64) -> None:
        """All calls have succeeded, or ``outcome`` is the answer."""
        raise NotImplementedError


class Link(Layer):
    """The calls of one service to another: a stack for each calling replica around the callee."""

    __slots__ = (
        "_callee", "_chance", "_commons", "_effects", "_first", "_key", "_layer_sources", "_operations", "_purpose",
        "_stacks", "calls", "config", "fails_as", "optional", "place", "times",
    )  # fmt: skip

    _key: i64
    _purpose: i64
    _first: i64
    calls: Calls  # of the caller
    fails_as: i64
    optional: bool
    times: i64

    def __init__(
        self,
        sim: Clock,
        source: i64,
        config: LinkConfig,
        callee: CallingLayer,
        layer_sources: list[list[int]],
        first: int,
        ordinal: int,
        place: Place,
    ) -> None:
        """``first``: number of the first calling replica among all callers; ``ordinal``: of its first operation."""
        super().__init__(sim, source)
        self.place = place
        self._callee = callee
        self._chance = 1.0
        self.adjust(config)
        self._key = purpose_of(config.name) & _POSITIVE
        self._purpose = purpose_of(config.name + "?")
        self._operations = Operations(config.operation, ordinal, purpose_of(config.name + "="))
        self._effects = not config.operation.only_reads
        self._first = first
        self._layer_sources = layer_sources
        self._commons: dict[int, Common] = {}
        self._stacks = [self._stack(i) for i in range(len(layer_sources))]

    def _stack(self, replica: int) -> Stack:
        sources = self._layer_sources[replica]
        return Stack(self.sim, self._callee, self.config.stack, sources, int(self._first) + replica, self._commons)

    def stacks(self) -> list[Stack]:
        """One for each calling replica."""
        return self._stacks

    def instance_of(self, replica: int) -> int:
        """The number of a calling replica (from 0) among all callers."""
        return int(self._first) + replica

    def release(self) -> None:
        """The run is over."""
        for stack in self._stacks:
            for layer in stack.layers:
                layer.shut_down()
        for common in self._commons.values():
            common.release()

    def go_down(self, replica: int) -> None:
        """A calling replica is lost: nobody who waits in its stack goes in any more."""
        for layer in self._stacks[replica].layers:
            layer.shut_down()

    def come_back(self, replica: int) -> None:
        """It is there again, with fresh policy state."""
        for layer in self._stacks[replica].layers:
            layer.restart()
        stack = self._stack(replica)
        self._stacks[replica] = stack
        self._callee.watch(stack, self._first + replica)

    # --- a call ---

    def adjust(self, config: LinkConfig) -> None:
        """Be called so from now on: how often, by what chance, and what its failure means."""
        self.config = config
        self._chance = config.chance
        self.fails_as = config.fails_as
        self.optional = config.optional
        self.times = config.times

    def restack(self, configs: Sequence[PolicyConfig], layer_sources: list[list[int]]) -> None:
        """From now on every calling replica has this stack; see :meth:`Stack.reconfigure` for what survives."""
        self.config = replace(self.config, stack=tuple(configs))
        self._layer_sources = layer_sources
        for i, stack in enumerate(self._stacks):
            stack.reconfigure(configs, layer_sources[i])
            self._callee.watch(stack, self._first + i)
        for common in self._commons.values():
            common.layer.resume()

    def is_made(self, rid: i64) -> bool:
        """Whether the call is made at all: decided once for each request of a user."""
        return self._chance >= 1.0 or self.sim.rng.uniform(self._purpose, rid, 0) < self._chance

    def enter(self, parent: Frame) -> None:
        raise AssertionError("calls are made by open()")

    def open(self, visit: Visit, index: i64, nth: i64) -> None:
        """Make a call for ``visit``, the ``nth`` of this link (from 1)."""
        sim = self.sim
        root = root_of(visit.req)
        made = root.shared
        if made is None:
            made = Made()
            root.shared = made
        assert isinstance(made, Made)
        call = Call(self, visit, root, self._first + visit.replica.number - 1, index, nth)
        made.count += 1
        if made.count > MOST_CALLS:
            raise SimulationError(
                f"one request makes more than {MOST_CALLS:,} calls between services; "
                "let `times` be smaller, or try again less often"
            )
        caller = visit.req
        step = self._key + nth * K2
        call.luck = mix64(caller.luck * K0 + (visit.attempt & TRIES) * K1 + step) & _POSITIVE
        path: i64 = 0
        if isinstance(caller, Call):
            path = caller.path
        call.path = mix64(path * K0 + step) & _POSITIVE
        operations = self._operations
        call.operation = operations.draw(sim, call.rid, call.path) if operations.mixed else operations.only
        call.attempts = made.count << CALL_NUMBER
        if self._effects:
            call.account = made.account(call.path)
        sim.sink.emit(sim.now, CALL, self.source, call.rid, made.count, visit.attempt)
        if call.deadline < FOREVER:
            sim.schedule(call.deadline, call)
        self._stacks[int(visit.replica.number) - 1].outer.enter(call)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """The stack has answered."""
        assert isinstance(f, Call)
        self._end(f, outcome)

    def on_timer(self, f: Frame) -> None:
        """The deadline that the caller was told has passed."""
        assert isinstance(f, Call)
        cancel_child(f, TIMEOUT, False)
        self._end(f, TIMEOUT)

    def _end(self, call: Call, outcome: i64) -> None:
        visit = call.visit
        assert visit is not None
        self._over(call, visit, outcome)
        self.calls.note(visit, self, call.index, call.nth, outcome)

    def give_up(self, call: Call, why: i64, stop_work: bool) -> None:
        """The caller no longer waits for it."""
        visit = call.visit
        assert visit is not None
        call.live = False
        cancel_child(call, why, stop_work)
        self._over(call, visit, why)

    def _over(self, call: Call, visit: Visit, outcome: i64) -> None:
        sim = self.sim
        call.leave(visit)
        packed = pack_call(call.attempts >> CALL_NUMBER, outcome)
        sim.sink.emit(sim.now, CALL_OVER, self.source, call.rid, packed, sim.now - call.arrived)
        call.let_go()


class Group:
    """Calls that are made at the same time: over when ``need`` of them have succeeded, or no longer can."""

    __slots__ = ("links", "need", "size")

    need: i64
    size: i64

    def __init__(self, links: list[Link], need: int) -> None:
        self.links = links
        self.need = need
        self.size = len(links)


_INDEX: Final = 20  # of a link that is called again: bits of its index, below which time it is
_INDEXES: Final = (1 << _INDEX) - 1


class Calls:
    """What one service does beside its own work: groups of calls, one after the other."""

    __slots__ = ("_groups", "_last", "_service", "_steps")

    _steps: i64
    _last: Visit | None  # of the visits under way, which know their neighbours

    def __init__(self, service: CallingLayer, groups: list[Group]) -> None:
        self._service = service
        self._groups = groups
        self._steps = len(groups)
        self._last = None
        for group in groups:
            for link in group.links:
                link.calls = self

    def links(self) -> list[Link]:
        """All of them, in the order of the file."""
        return [link for group in self._groups for link in group.links]

    def release(self) -> None:
        """The run is over: nobody waits any more."""
        visit = self._last
        self._last = None
        while visit is not None:
            before = visit.before
            visit.before = None
            visit.after = None
            visit.detach()
            visit = before
        for link in self.links():
            link.release()

    def begin(self, visit: Visit) -> None:
        """Own work has ended: make the calls."""
        last = self._last
        visit.before = last
        if last is not None:
            last.after = visit
        self._last = visit
        visit.step = 0
        self._advance(visit)

    def note(self, visit: Visit, link: Link, index: i64, nth: i64, outcome: i64) -> None:
        """A call of the present group has ended."""
        self._count(visit, link, index, nth, outcome)
        if not visit.advancing:
            self._advance(visit)

    def stop(self, visit: Visit, why: i64, stop_work: bool) -> None:
        """The execution is over before its calls are: nobody waits for them."""
        before, after = visit.before, visit.after
        if after is not None:
            after.before = before
            visit.after = None
        elif self._last is visit:
            self._last = before
        if before is not None:
            before.after = after
            visit.before = None
        visit.again = None
        visit.first = self._groups[visit.step].size
        if visit.newest is not None:
            self._give_up(visit, why, stop_work)

    def on_replica(self, number: i64) -> list[Visit]:
        """Those under way at a replica (from 1), the first one first."""
        found = []
        visit = self._last
        while visit is not None:
            if visit.replica.number == number:
                found.append(visit)
            visit = visit.before
        found.reverse()
        return found

    def _count(self, visit: Visit, link: Link, index: i64, nth: i64, outcome: i64) -> None:
        """What an outcome means for the group; the link may have more calls to make."""
        if outcome > FALLBACK and not link.optional:
            visit.failures += 1
            visit.fails_as = link.fails_as
        elif nth < link.times:
            if visit.again is None:
                visit.again = []
            visit.again.append(int(index + (nth << _INDEX)))
        else:
            visit.successes += 1

    def _advance(self, visit: Visit) -> None:
        """Make the calls that are due, until some are awaited or all is over. A loop: calls may be answered at once."""
        visit.advancing = True
        outcome: i64 = -1
        while outcome < 0:
            group = self._groups[visit.step]
            if group.size - visit.failures < group.need:
                outcome = visit.fails_as
            elif visit.successes >= group.need:
                if visit.step + 1 < self._steps:
                    self._give_up(visit, TIMEOUT, False)
                    visit.step += 1
                    visit.first = 0
                    visit.again = None
                    visit.successes = 0
                    visit.failures = 0
                else:
                    outcome = SUCCESS
            elif visit.first < group.size:
                index = visit.first
                visit.first = index + 1
                link = group.links[index]
                if link.is_made(visit.req.rid):
                    self._make(visit, link, index, 1)
                else:
                    visit.successes += 1
            elif visit.again:
                again: i64 = visit.again.pop(0)
                index = again & _INDEXES
                self._make(visit, group.links[index], index, (again >> _INDEX) + 1)
            else:
                break
        visit.advancing = False
        if outcome >= 0:
            self.stop(visit, TIMEOUT, False)
            self._service.after_calls(visit, outcome)

    def _make(self, visit: Visit, link: Link, index: i64, nth: i64) -> None:
        if link.sim.now >= visit.deadline:
            self._count(visit, link, index, nth, TIMEOUT)
        else:
            link.open(visit, index, nth)

    def _give_up(self, visit: Visit, why: i64, stop_work: bool) -> None:
        # The last one first: a call that still waits for a place in a stack must not inherit that of an earlier one.
        call = visit.newest
        while call is not None:
            call.link.give_up(call, why, stop_work)
            call = visit.newest
