"""A crew on other machines: a Dask cluster does the work in blocks, and the answers are those of this machine.

Each block is pinned to one worker, so that it is always known who works on what. A worker that is lost costs the blocks
it had, which others do again; only workers that have shown that they give the same answers get any.
"""

from __future__ import annotations

import logging
import pickle
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from itertools import count
from math import ceil
from typing import Any, TypeVar

from resilience_sim.experiments.crew import Answers, Crew, Guarded, Pace, WorkFailed, local_crew
from resilience_sim.experiments.remote import Call, Likeness, do_block, likeness
from resilience_sim.runs.endings import Interrupts

T = TypeVar("T")
A = TypeVar("A")

BLOCK = 0.5  # s of work in a block: what Dask does for a task costs a hundredth of that
IN_HAND = 2  # blocks that a worker has: the one it works on and the next
LOSSES = 2  # workers lost over a task, after which nobody else gets it
CONNECT = 5.0  # s that a scheduler may take to answer
ARRIVAL, PROBED = 10.0, 30.0  # s in which the first worker must be there, and show what it is like
MISSED, GONE = 2.0, 60.0  # s without any worker until that is said, and until the work is given up
LOOK_UP = 0.01  # s between two looks at answers and Ctrl-C
ROLL_CALL = 0.5  # s between two looks at who is there
SCHEMES = ("tcp", "tls", "ws", "wss")

Words = Callable[[str], None]


class ClusterError(Exception):
    """The cluster cannot be used. ``help`` is the remedy."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


@contextmanager
def crew_for(cluster: str | None, workers: int = 0, say: Words = lambda words: None) -> Iterator[Crew]:
    """Who does the work: the cluster at an address, or else this machine. ``say`` hears which workers are refused.

    Raises:
        ClusterError: nobody answers there, or nobody who does can be used.
    """
    if cluster is None:
        yield local_crew(workers)
        return
    with open_cluster(cluster, say) as crew:
        yield crew


@contextmanager
def open_cluster(address: str, say: Words = lambda words: None) -> Iterator[Cluster]:
    """Connect to a scheduler, with at least one worker that can be used.

    Raises:
        ClusterError: see :func:`crew_for`.
    """
    checked = _checked(address)
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise ClusterError(
            f"a cluster needs Dask, which cannot be imported ({error})", "pip install 'resilience-sim[cluster]'"
        ) from None
    with _silence():
        try:
            client = _connected(distributed, checked)
        except (OSError, ImportError, ValueError, TypeError, RuntimeError) as error:
            raise ClusterError(
                f"{address}: no Dask scheduler answers there ({_reason(error)})",
                "start one with `dask scheduler`, which prints its address; see docs/cluster.md",
            ) from None
        try:
            crew = Cluster(client, distributed.as_completed, address, say)
            crew.muster()
            yield crew
        finally:
            with suppress(Exception):
                client.close(timeout=1)


def _connected(distributed: Any, address: str) -> Any:
    """A client of the scheduler; TimeoutError if there is none in time.

    In a thread of its own, for Dask waits without a limit for somebody who listens and says nothing.
    """
    found: list[Any] = []
    late = threading.Event()

    def connect() -> None:
        try:
            client = distributed.Client(address, timeout=CONNECT, set_as_default=False, name="resim")
        except Exception as error:
            found.append(error)
            return
        found.append(client)
        if late.is_set():
            client.close(timeout=1)

    thread = threading.Thread(target=connect, daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other versions of Dask's parts: what counts is the probe
        thread.start()
        thread.join(CONNECT + 1)
    if not found:
        late.set()
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def _checked(address: str) -> str:
    scheme, found, place = address.partition("://")
    if not found:
        scheme, place = "tcp", address
    host, _, port = place.rpartition(":")
    if scheme not in SCHEMES or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ClusterError(f"`{address}` is no address of a scheduler", "write it like tcp://HOST:8786")
    return f"{scheme}://{place}"


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    if isinstance(error, TimeoutError) or "imed out" in str(error):
        return f"nothing within {CONNECT:g} s"
    return text[0] if text else type(error).__name__


@contextmanager
def _silence() -> Iterator[None]:
    """Dask tells its own story of lost connections with tracebacks; ours has all that can be done about them."""
    names = [name for name in ("distributed", *logging.root.manager.loggerDict) if name.split(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in {*names, "distributed.client", "distributed.core"}}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@dataclass
class _Block:
    """Tasks that a worker has, by their numbers."""

    numbers: tuple[int, ...]
    future: Any


@dataclass
class _Hand:
    """A worker. ``fit`` is None until its probe has answered."""

    address: str
    threads: int
    probe: Any
    fit: bool | None = None
    given: list[_Block] = field(default_factory=list)  # the one it works on first


class Cluster:
    """A crew of the workers of a Dask cluster; see :func:`open_cluster`."""

    def __init__(self, client: Any, as_completed: Callable[..., Any], address: str, say: Words) -> None:
        self._client = client
        self._address = address
        self._say = say
        self._answers = as_completed([], loop=client.loop, with_results=True, raise_errors=False)
        self._hands: dict[str, _Hand] = {}
        self._refused: dict[str, str] = {}
        self._here: Likeness | None = None
        self._threads_told = False
        self._called = -ROLL_CALL
        self._names = count()
        self._pace = Pace()

    # --- who is there

    def muster(self) -> None:
        """Wait for the workers that are there to show what they are like.

        Raises:
            ClusterError: there are none, or all are refused.
        """
        self._here = likeness()
        begun = time.monotonic()
        while True:
            self._call_roll()
            waiting = [hand for hand in self._hands.values() if hand.fit is None]
            if self._fit() and not waiting:
                return
            if self._refused and not waiting and not self._fit():
                raise ClusterError(
                    f"{self._address}: no worker can be used: " + "; ".join(self._refused.values()),
                    "every worker needs the same resim as this one, on the same kind of machine; see docs/cluster.md",
                )
            if time.monotonic() - begun > (PROBED if self._hands else ARRIVAL):
                if self._fit():
                    return
                raise ClusterError(
                    f"{self._address}: the scheduler has no worker that answers",
                    f"start some with `dask worker {self._address} --nworkers -1 --nthreads 1`",
                )
            time.sleep(LOOK_UP)

    @property
    def size(self) -> int:
        """How many workers are there that can be used."""
        return len(self._fit())

    def _fit(self) -> list[_Hand]:
        return [hand for hand in self._hands.values() if hand.fit]

    def _call_roll(self) -> list[_Hand]:
        """See who has come, and what the probes say; those that have gone since the last time."""
        for hand in self._hands.values():
            if hand.fit is None and hand.probe.status not in ("pending", "lost"):
                self._judge(hand)
        if time.monotonic() - self._called < ROLL_CALL:
            return []
        try:
            present = self._client.sync(self._client.scheduler.ncores, callback_timeout=CONNECT)
        except (OSError, ValueError, RuntimeError) as error:
            raise ClusterError(
                f"{self._address}: the scheduler has gone ({_reason(error)})", "start it again"
            ) from None
        self._called = time.monotonic()
        gone = [hand for address, hand in self._hands.items() if address not in present]
        for hand in gone:
            del self._hands[hand.address]
        for address, threads in present.items():
            if address not in self._hands:
                self._hands[address] = _Hand(address, threads, self._send(address, Call(likeness)))
        return gone

    def _judge(self, hand: _Hand) -> None:
        try:
            found = hand.probe.result(timeout=CONNECT)
            why = self._here.difference(found) if self._here is not None else ""
        except ModuleNotFoundError as error:
            why = f"it has no resim ({error})" if "resilience_sim" in str(error) else f"it lacks a module ({error})"
        except Exception as error:  # whatever another resim, or another Python, makes of our words
            why = f"the probe run fails there ({type(error).__name__}: {error})"
        hand.fit = not why
        if hand.fit and hand.threads > 1 and not self._threads_told:
            self._threads_told = True
            words = f"worker {hand.address} has {hand.threads} threads, of which resim can use one"
            self._say(f"{words}; `dask worker ... --nworkers -1 --nthreads 1` starts a process for each core")
        if why:
            self._refused[hand.address] = f"worker {hand.address} is refused: {why}"
            self._say(self._refused[hand.address])

    def _send(self, address: str, call: Call) -> Any:
        # Not pure, and with a name of its own: the same bytes are not the same block.
        key = f"resim-{self._client.id}-{next(self._names)}"
        return self._client.submit(pickle.loads, call.packed(), key=key, workers=[address], pure=False)

    # --- the work

    def map(self, work: Callable[[T], A], tasks: Sequence[T], on_answer: Callable[[A], None] | None = None) -> list[A]:
        """In any order, on any worker; what is shorter than a block here, at once."""
        if self._pace.is_short(type(work), len(tasks), BLOCK):
            return self._pace.at_home(work, tasks, on_answer)
        answers = Answers[A](on_answer)

        def lose(task: tuple[int, T], cause: str) -> None:
            raise WorkFailed(cause)

        self.work_through(Guarded(work), list(enumerate(tasks)), answers.take, lose, kind=type(work))
        return answers.in_order()

    def work_through(
        self,
        answer: Callable[[Any], Any],
        tasks: Sequence[Any],
        on_answer: Callable[[Any, Any], None],
        on_loss: Callable[[Any, str], None],
        kind: type | None = None,
    ) -> None:
        """Have every task answered with ``answer(task)``, which must not raise, and say what became of each.

        ``kind``: of work, to know how long a task takes before the first has been answered.

        Raises:
            ClusterError: the scheduler or all workers have gone.
            WorkFailed: the work cannot be sent, or not be read there.
            KeyboardInterrupt: somebody pressed Ctrl-C; what is under way has been cancelled.
        """
        try:
            work = pickle.dumps(answer, protocol=5)
        except Exception as error:
            raise WorkFailed(f"it cannot be sent to another machine ({error})") from None
        shift = _Shift(tasks, on_answer, on_loss, f"{sha256(work).hexdigest()}", work)
        kind = kind or type(answer)
        left, told = time.monotonic(), False
        with Interrupts(patient=True) as interrupts:
            try:
                while shift.todo or any(hand.given for hand in self._hands.values()):
                    for hand in self._call_roll():
                        shift.lost(hand.given)
                    self._hand_out(shift, self._size(shift, kind))
                    if self._fit():
                        left, told = time.monotonic(), False
                    elif time.monotonic() - left > GONE:
                        raise ClusterError(f"{self._address}: all workers have gone", "start some, and try again")
                    elif time.monotonic() - left > MISSED and not told:
                        told = True
                        self._say(f"{self._address}: all workers have gone; waiting for others for {GONE:g} s")
                    if not self._hear(shift, kind):
                        time.sleep(LOOK_UP)
                    interrupts.check()
            except BaseException:
                self._drop()
                raise

    def _size(self, shift: _Shift, kind: type) -> int:
        """How many tasks make a block: those of half a second, fewer towards the end, where nobody should be idle."""
        pace = self._pace.of(kind)
        if pace is None:
            return 1
        whole = max(1, ceil(BLOCK / max(pace, 1e-6)))
        share = ceil(len(shift.todo) / max(1, IN_HAND * len(self._fit())))
        return min(whole, max(share, ceil(whole / 4)))

    def _hand_out(self, shift: _Shift, size: int) -> None:
        """Give every worker its share: first each one block, then each the next in advance."""
        for share in range(1, IN_HAND + 1):
            for hand in self._fit():
                if shift.todo and len(hand.given) < share:
                    numbers = shift.next_block(size)
                    call = Call(do_block, (shift.name, shift.work, [shift.tasks[number] for number in numbers]))
                    future = self._send(hand.address, call)
                    hand.given.append(_Block(numbers, future))
                    self._answers.add(future)

    def _hear(self, shift: _Shift, kind: type) -> bool:
        """Take what has come; whether anything has."""
        batch = self._answers.next_batch(block=False)
        for future, found in batch:
            hand = next((each for each in self._hands.values() if any(b.future is future for b in each.given)), None)
            if hand is None:
                continue  # of a worker that was thought lost: somebody else has the block now
            block = next(each for each in hand.given if each.future is future)
            hand.given.remove(block)
            if future.status == "finished" and not isinstance(found, BaseException):
                seconds, answers = found
                self._pace.learn(kind, seconds, len(block.numbers))
                shift.answered(block, answers)
            elif future.status == "error" and type(found[1]).__module__.split(".")[0] != "distributed":
                raise WorkFailed(f"{type(found[1]).__name__}: {found[1]} (on worker {hand.address})")
            else:  # the scheduler has lost it, or somebody has cancelled it
                shift.lost([block])
        return bool(batch)

    def _drop(self) -> None:
        """Cancel what is under way; a block that is being worked on ends by itself, and nobody hears of it."""
        futures = [block.future for hand in self._hands.values() for block in hand.given]
        for hand in self._hands.values():
            hand.given.clear()
        self._answers.clear()

        async def cancel() -> None:
            await self._client.cancel(futures, asynchronous=True, force=True)

        with suppress(Exception):
            self._client.sync(cancel, callback_timeout=CONNECT)


class _Shift:
    """The tasks of one kind of work, and what has become of them."""

    def __init__(
        self,
        tasks: Sequence[Any],
        on_answer: Callable[[Any, Any], None],
        on_loss: Callable[[Any, str], None],
        name: str,
        work: bytes,
    ) -> None:
        self.tasks = tasks
        self.todo = deque(range(len(tasks)))
        self.name = name
        self.work = work
        self._on_answer = on_answer
        self._on_loss = on_loss
        self._losses: Counter[int] = Counter()

    def next_block(self, size: int) -> tuple[int, ...]:
        """The numbers of the next tasks. One that a worker was lost over goes alone: then only it can be to blame."""
        numbers = [self.todo.popleft()]
        while self.todo and len(numbers) < size and not (self._losses[numbers[0]] or self._losses[self.todo[0]]):
            numbers.append(self.todo.popleft())
        return tuple(numbers)

    def answered(self, block: _Block, answers: Sequence[Any]) -> None:
        for number, answer in zip(block.numbers, answers, strict=True):
            self._on_answer(self.tasks[number], answer)

    def lost(self, blocks: Sequence[_Block]) -> None:
        """The blocks of a worker that has gone are done again; the first is the one that it was at."""
        for number in blocks[0].numbers if blocks else ():
            self._losses[number] += 1
        again = []
        for number in [number for block in blocks for number in block.numbers]:
            if self._losses[number] >= LOSSES:
                self._on_loss(self.tasks[number], f"{LOSSES} workers were lost over it, perhaps for lack of memory")
            else:
                again.append(number)
        self.todo.extendleft(reversed(again))
