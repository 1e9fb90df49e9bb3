"""Selectors and ``select``: waiting for several sockets at once."""

from __future__ import annotations

import select
import selectors
from collections.abc import Mapping
from typing import Any

from resilience_sim.client.here import here
from resilience_sim.client.hosts import USE_SERVE
from resilience_sim.client.sockets import Socket
from resilience_sim.client.strands import Strand, Strands

_real = {
    name: getattr(select, name) for name in ("select", "poll", "epoll", "kqueue") if hasattr(select, name)
}  # what the system has
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Selector(selectors.BaseSelector):
    """Of the event loop, or of whoever makes one."""

    def __init__(self) -> None:
        self.strands: Strands = here()
        self.strand: Strand | None = None  # that waits
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._sockets: dict[int, Socket] = {}
        self._dirty: dict[int, None] = {}  # those that may be ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        sock = self._socket(fileobj)
        fd = sock.fd
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} (FD {fd}) is already registered")
        key = selectors.SelectorKey(fileobj, fd, events, data)
        self._keys[fd] = key
        self._sockets[fd] = sock
        sock.selectors.append(self)
        self._dirty[fd] = None
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        fd = self._number(fileobj)
        key = self._keys.pop(fd)
        self._sockets.pop(fd).selectors.remove(self)
        self._dirty.pop(fd, None)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = self._number(fileobj)
        key = selectors.SelectorKey(self._keys[fd].fileobj, fd, events, data)
        self._keys[fd] = key
        self._dirty[fd] = None
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = self.ready()
        if found or (timeout is not None and timeout <= 0):
            return found
        strands = self.strands
        until = None if timeout is None else strands.sim.now + int(timeout * 1e9 + 0.5)
        self.strand = strands.current
        strands.park(until, "sockets", for_b=bool(self._keys))
        self.strand = None
        return self.ready()

    def ready(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Those that need not wait."""
        found = []
        for fd in list(self._dirty):
            key, sock = self._keys[fd], self._sockets[fd]
            mask = (READ if key.events & READ and sock.can(True) else 0) | (
                WRITE if key.events & WRITE and sock.can(False) else 0
            )
            if mask:
                found.append((key, mask))
            else:
                del self._dirty[fd]
        return found

    def changed(self, fd: int) -> None:
        """Something has happened to a socket."""
        self._dirty[fd] = None

    def wake(self) -> None:
        """Whoever waits has to look."""
        if self.strand is not None:
            self.strands.wake(self.strand)

    def wake_soon(self) -> None:
        """As :meth:`wake`, from the middle of an event."""
        if self.strand is not None:
            self.strands.wake_soon(self.strand)

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.selectors.remove(self)
        self._keys.clear()
        self._sockets.clear()
        self._dirty.clear()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[self._number(fileobj)]

    def waits_for(self) -> list[Socket]:
        """What is registered."""
        return list(self._sockets.values())

    def _socket(self, fileobj: Any) -> Socket:
        found = socket_of(self.strands, fileobj)
        if found is None:
            _refuse_to_wait(self.strands, fileobj)
        assert found is not None
        return found

    def _number(self, fileobj: Any) -> int:
        if isinstance(fileobj, int):
            return fileobj
        if type(fileobj) is Socket:
            return fileobj.fd  # also of one that is closed
        for fd, key in self._keys.items():
            if key.fileobj is fileobj:
                return fd
        return int(fileobj.fileno())


def socket_of(strands: Strands, fileobj: Any) -> Socket | None:
    """The simulated socket behind a number, a socket, or whatever has a ``fileno``."""
    if type(fileobj) is Socket:
        return fileobj
    number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
    found: Socket | None = strands.net.socket(number)
    return found


def _new_selector(real: Any) -> Any:
    def make() -> Any:
        return real() if here() is None else Selector()

    make.__name__ = real.__name__
    return make


def _select(rlist: Any, wlist: Any, xlist: Any, timeout: float | None = None, /) -> Any:
    """``select.select``."""
    if here() is None:
        return _real["select"](rlist, wlist, xlist, timeout)
    chosen = Selector()
    wanted: dict[int, list[Any]] = {}
    for files, event in ((rlist, READ), (wlist, WRITE)):
        for file in files:
            sock = chosen._socket(file)
            wanted.setdefault(sock.fd, [sock, 0])[1] |= event
    for sock, events in wanted.values():
        chosen.register(sock, events)
    ready = {key.fd: mask for key, mask in chosen.select(timeout)}
    chosen_of = {id(file): ready.get(chosen._socket(file).fd, 0) for file in (*rlist, *wlist)}
    chosen.close()
    return (
        [file for file in rlist if chosen_of[id(file)] & READ],
        [file for file in wlist if chosen_of[id(file)] & WRITE],
        [],
    )


class Poll:
    """``select.poll``. Most who make one ask once whether a connection has been dropped, and must not wait long."""

    def __init__(self) -> None:
        self._strands: Strands = here()
        self._wanted: dict[int, tuple[Socket, int]] = {}

    def register(self, fd: Any, events: int = 7) -> None:
        sock = socket_of(self._strands, fd)
        if sock is None:
            _refuse_to_wait(self._strands, fd)
        assert sock is not None
        self._wanted[sock.fd] = (sock, events)

    modify = register

    def unregister(self, fd: Any) -> None:
        del self._wanted[fd if isinstance(fd, int) else fd.fileno()]

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        found = self._ready()
        if found or timeout == 0:
            return found
        selector = Selector()
        for sock, events in self._wanted.values():
            mask = (READ if events & select.POLLIN else 0) | (WRITE if events & select.POLLOUT else 0)
            selector.register(sock, mask)
        selector.select(None if timeout is None or timeout < 0 else timeout / 1000)
        selector.close()
        return self._ready()

    def _ready(self) -> list[tuple[int, int]]:
        found = []
        for fd, (sock, events) in self._wanted.items():
            mask = select.POLLIN if events & select.POLLIN and sock.can(True) else 0
            if events & select.POLLOUT and sock.can(False):
                mask |= select.POLLOUT
            if mask:
                found.append((fd, mask))
        return found


def _refuse_to_wait(strands: Strands, fileobj: Any) -> None:
    strands.refuse(f"the code waits for {fileobj!r}, which is no simulated connection", USE_SERVE)


def _new_poll() -> Any:
    return _real["poll"]() if here() is None else Poll()


def _new_epoll(name: str) -> Any:
    def make(*args: Any, **named: Any) -> Any:
        strands = here()
        if strands is not None:
            strands.refuse(f"the code waits by select.{name} of its own", USE_SERVE)
        return _real[name](*args, **named)

    return make


def replacements() -> dict[Any, Any]:
    """What stands in for what."""
    found: dict[Any, Any] = {_real["select"]: _select}
    if "poll" in _real:
        found[_real["poll"]] = _new_poll
    for name in ("epoll", "kqueue"):
        if name in _real:
            found[_real[name]] = _new_epoll(name)
    for name in ("SelectSelector", "PollSelector", "EpollSelector", "KqueueSelector", "DevpollSelector"):
        real = getattr(selectors, name, None)
        if real is not None:
            found[real] = _new_selector(real)
    return found
