"""Threads, locks and queues: a thread is a strand, so that whoever waits for it waits in virtual time.

Code takes no virtual time, so that a thread that is not waiting is as quick as any other, and running them one after
the other is exact.
"""

from __future__ import annotations

import _thread
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import thread as thread_pools
from typing import Any

from resilience_sim.client.here import HERE, here
from resilience_sim.client.strands import REQUEST, Strand, strand_here

FIRST_IDENT = 1 << 40  # thread identifiers of strands begin here

_allocate_lock = _thread.allocate_lock
_RealRLock = threading.RLock
_get_ident = _thread.get_ident
_current_thread = threading.current_thread
_start = threading.Thread.start
_join = threading.Thread.join
_is_alive = threading.Thread.is_alive
_submit = ThreadPoolExecutor.submit
_SimpleQueue = queue.SimpleQueue
_Local = threading.local


class Lock:
    """A lock that strands can wait for. It stays good for threads: a library may keep it after the run."""

    __slots__ = ("__weakref__", "_real", "_waiting")

    def __init__(self) -> None:
        self._real = _allocate_lock()
        self._waiting: deque[Strand] | None = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self._real.acquire(False):
            return True
        if not blocking:
            return False
        found = strand_here()
        if found is None:
            return self._real.acquire(blocking, timeout)
        strands, strand = found
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = deque()
        waiting.append(strand)
        until = None if timeout < 0 else strands.sim.now + int(timeout * 1e9 + 0.5)
        try:  # whoever releases it hands it over: it stays locked
            got = strands.park(until, "a lock")
        except BaseException:
            if strand in waiting:
                waiting.remove(strand)
            raise
        if not got:
            waiting.remove(strand)
        return got

    def release(self) -> None:
        waiting = self._waiting
        while waiting:
            strand = waiting.popleft()
            if strand.waits:
                strand.strands.wake(strand)
                return
        self._real.release()

    def locked(self) -> bool:
        return self._real.locked()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def __enter__(self) -> bool:
        return self._real.acquire(False) or self.acquire()

    def __exit__(self, *error: object) -> None:
        if self._waiting:
            self.release()
        else:
            self._real.release()

    def _at_fork_reinit(self) -> None:
        self._real = _allocate_lock()
        self._waiting = None


class RLock:
    """A lock that its strand may take again."""

    __slots__ = ("__weakref__", "_count", "_lock", "_owner")

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner: object = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        strands = HERE.strands
        me: object = _get_ident() if strands is None else strands.current
        if self._owner is me or (strands is None and self._owner == me):
            self._count += 1
            return True
        if not self._lock.acquire(blocking, timeout):
            return False
        self._owner = me
        self._count = 1
        return True

    def release(self) -> None:
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()

    def locked(self) -> bool:
        return self._lock.locked()

    # what threading.Condition asks of a lock
    def _acquire_restore(self, state: Any) -> None:
        self._lock.acquire()
        self._count, self._owner = state

    def _release_save(self) -> Any:
        state = (self._count, self._owner)
        self._count = 0
        self._owner = None
        self._lock.release()
        return state

    def _is_owned(self) -> bool:
        strands = HERE.strands
        return self._owner == _get_ident() if strands is None else self._owner is strands.current

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _at_fork_reinit(self) -> None:
        self._lock = Lock()
        self._owner = None
        self._count = 0


class Local:
    """``threading.local``: each strand has its own. Threads, too, after the run."""

    __slots__ = ("__weakref__", "_resim_arguments", "_resim_real")

    def __new__(cls, *args: Any, **named: Any) -> Any:
        if here() is None and cls is Local:
            return _Local()
        made = object.__new__(cls)
        object.__setattr__(made, "_resim_arguments", (args, named))
        object.__setattr__(made, "_resim_real", _Local())
        _of(made, fresh=True)  # __init__ is about to be called for this one
        return made

    def __getattr__(self, name: str) -> Any:
        try:
            return _of(self)[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        _of(self)[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del _of(self)[name]
        except KeyError:
            raise AttributeError(name) from None


def _of(local: Any, fresh: bool = False) -> dict[str, Any]:
    strands = here()
    if strands is None or strands.current is None:
        found: dict[str, Any] = object.__getattribute__(local, "_resim_real").__dict__
        if found or fresh:
            return found
        found["__resim__"] = True
    else:
        held = strands.current.locals
        if local in held:
            return held[local]  # type: ignore[no-any-return]
        found = held[local] = {}
        if fresh:
            return found
    if type(local) is not Local:
        args, named = object.__getattribute__(local, "_resim_arguments")
        type(local).__init__(local, *args, **named)
    return found


def new_lock() -> Any:
    """``threading.Lock``."""
    return _allocate_lock() if here() is None else Lock()


def new_rlock(*args: Any, **named: Any) -> Any:
    """``threading.RLock``."""
    return _RealRLock(*args, **named) if here() is None else RLock()


def ident() -> int:
    """``threading.get_ident``."""
    strands = here()
    if strands is None or strands.current is None:
        return _get_ident()
    return FIRST_IDENT + int(strands.current.number)


class StrandThread(threading.Thread):
    """What ``threading.current_thread`` says in a strand that is no thread that the code has started."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"Thread-{number}", daemon=True)
        self.number = number

    @property
    def ident(self) -> int:
        return FIRST_IDENT + self.number

    def is_alive(self) -> bool:
        return True


def current_thread() -> threading.Thread:
    """``threading.current_thread``."""
    strands = here()
    if strands is None or strands.current is None:
        return _current_thread()
    strand = strands.current
    if strand.thread is None:
        strand.thread = StrandThread(strand.number)
    found: threading.Thread = strand.thread
    return found


class _Life:
    """Of a thread that is a strand."""

    def __init__(self) -> None:
        self.over = False
        self.waiting: list[Any] = []


def _begin(self: threading.Thread) -> None:
    """``Thread.start``."""
    strands = here()
    if strands is None:
        _start(self)
        return
    if hasattr(self, "resim_life"):
        raise RuntimeError("threads can only be started once")
    life = _Life()
    self.resim_life = life  # type: ignore[attr-defined]

    def live() -> None:
        try:
            self.run()
        except Exception:
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))
        finally:
            life.over = True
            for strand in life.waiting:
                strands.wake(strand)

    strand = strands.spawn(live, strands.request())
    strand.thread = self
    self._ident = FIRST_IDENT + strand.number  # type: ignore[attr-defined]


def _wait_for(self: threading.Thread, timeout: float | None = None) -> None:
    """``Thread.join``."""
    life = getattr(self, "resim_life", None)
    if life is None:
        _join(self, timeout)
        return
    strands = here()
    if life.over or strands is None:
        return
    life.waiting.append(strands.current)
    until = None if timeout is None else strands.sim.now + int(max(timeout, 0.0) * 1e9 + 0.5)
    strands.park(until, "a thread")


def _lives(self: threading.Thread) -> bool:
    """``Thread.is_alive``."""
    life = getattr(self, "resim_life", None)
    return _is_alive(self) if life is None else not life.over


def _hand_in(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
    """``ThreadPoolExecutor.submit``: the worker works for the request that has handed it in."""
    strands = here()
    request = None if strands is None else strands.request()
    if request is None:
        return _submit(self, fn, *args, **named)

    def work() -> Any:
        token = REQUEST.set(request)
        try:
            return fn(*args, **named)
        finally:
            REQUEST.reset(token)

    return _submit(self, work)


def _new_queue() -> Any:
    """``queue.SimpleQueue``."""
    return _SimpleQueue() if here() is None else PythonQueue()


PythonQueue: Any = vars(queue)["_PySimpleQueue"]


def replacements() -> dict[Any, Any]:
    """What stands in for what."""
    return {
        _allocate_lock: new_lock,
        _thread.RLock: new_rlock,
        threading.Lock: new_lock,
        _RealRLock: new_rlock,
        _get_ident: ident,
        _current_thread: current_thread,
        _SimpleQueue: _new_queue,
        _Local: Local,
    }


def forget() -> None:
    """The run is over: nobody must wait for its workers when the interpreter ends."""
    known: Any = vars(thread_pools)["_threads_queues"]
    for thread in [each for each in known if hasattr(each, "resim_life")]:
        known.pop(thread, None)


def attributes() -> list[tuple[Any, str, Any]]:
    """What is not found by what it is: (where, name, in its place)."""
    return [
        (threading, "_allocate_lock", new_lock),
        (threading.Thread, "start", _begin),
        (threading.Thread, "join", _wait_for),
        (threading.Thread, "is_alive", _lives),
        (ThreadPoolExecutor, "submit", _hand_in),
    ]
