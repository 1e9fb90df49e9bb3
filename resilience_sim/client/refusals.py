"""What cannot be virtual, and is refused by name: C code with a clock or sockets of its own, processes, signals."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from resilience_sim.client.here import here
from resilience_sim.client.hosts import USE_SERVE

_PLAIN_LOOP = "leave it out: asyncio's own loop is what is simulated"
_DRIVER = "leave the database out of the call; " + USE_SERVE

# module -> ((what is called, ...), why it cannot be, what to do)
REFUSED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "uvloop": (("Loop", "new_event_loop", "install", "run", "EventLoopPolicy"), "has a clock in C", _PLAIN_LOOP),
    "winloop": (("Loop", "new_event_loop", "install", "run", "EventLoopPolicy"), "has a clock in C", _PLAIN_LOOP),
    "rloop": (("RLoop", "new_event_loop", "install", "run"), "has a clock of its own", _PLAIN_LOOP),
    "trio": (("run",), "has an event loop of its own", "run the call under asyncio (anyio: backend asyncio)"),
    "curio": (("run",), "has an event loop of its own", "run the call under asyncio"),
    "gevent": (("spawn", "sleep", "joinall"), "has an event loop in C", "take the plain, unpatched client"),
    "gevent.monkey": (("patch_all",), "replaces what is simulated", "take the plain, unpatched client"),
    "eventlet": (("spawn", "sleep", "monkey_patch"), "has an event loop of its own", "take the plain client"),
    "grpc": (("insecure_channel", "secure_channel", "server"), "has its sockets and clock in C", USE_SERVE),
    "grpc.aio": (("insecure_channel", "secure_channel", "server"), "has its sockets and clock in C", USE_SERVE),
    "grpc.experimental.aio": (("insecure_channel", "secure_channel"), "has its sockets and clock in C", USE_SERVE),
    "pycurl": (("Curl", "CurlMulti"), "has its sockets in C", "take requests, httpx or aiohttp; " + USE_SERVE),
    "curl_cffi": (("Curl", "AsyncCurl"), "has its sockets in C", "take requests, httpx or aiohttp; " + USE_SERVE),
    "primp": (("Client", "AsyncClient"), "has its sockets in Rust", "take requests, httpx or aiohttp"),
    "pycares": (("Channel",), "asks name servers from C", "aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())"),
    "psycopg2": (("connect",), "has its sockets in C", _DRIVER),
    "psycopg": (("connect", "Connection", "AsyncConnection"), "has its sockets in C", _DRIVER),
    "asyncpg": (("connect", "create_pool"), "speaks to a database that no scenario has", _DRIVER),
    "MySQLdb": (("connect",), "has its sockets in C", _DRIVER),
    "oracledb": (("connect",), "has its sockets in C", _DRIVER),
    "pyodbc": (("connect",), "has its sockets in C", _DRIVER),
    "zmq": (("Context",), "has its sockets in C", USE_SERVE),
    "confluent_kafka": (("Producer", "Consumer"), "has its sockets in C", USE_SERVE),
    "subprocess": (("Popen",), "starts a process, which lives in real time", USE_SERVE),
    "multiprocessing": (("Process", "Pool"), "starts processes, which live in real time", "do the work in line"),
    "multiprocessing.process": (("BaseProcess.start",), "starts a process", "do the work in line"),
    "concurrent.futures.process": (("ProcessPoolExecutor.submit",), "starts processes", "take a ThreadPoolExecutor"),
    "os": (("fork", "system", "posix_spawn"), "starts a process, which lives in real time", "do the work in line"),
    "signal": (("alarm", "setitimer", "sigwait", "sigtimedwait", "pause"), "is the system's clock", "use time.sleep"),
}  # fmt: skip


def refusing(module: str, name: str, real: Any) -> Any:
    """What stands in for ``real``: in simulated code it is refused."""

    def mind() -> None:
        strands = here()
        if strands is not None and not (module == "subprocess" and _asks_the_platform()):
            _, why, remedy = REFUSED[module]
            strands.refuse(f"the code uses {module}.{name}, which {why}", remedy)

    if isinstance(real, type):
        return _RefusedClass(real, mind)

    def refused(*args: Any, **named: Any) -> Any:
        mind()
        return real(*args, **named)

    refused.__name__ = name.rpartition(".")[2]
    return refused


class _RefusedClass:
    """A class that must not be made use of; it can still be asked about, and derived from."""

    def __init__(self, real: type, mind: Callable[[], None]) -> None:
        self.real = real
        self._mind = mind

    def __call__(self, *args: Any, **named: Any) -> Any:
        self._mind()
        return self.real(*args, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self.real)

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self.real)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self.real,)

    def __getitem__(self, item: Any) -> Any:
        return self.real[item]  # type: ignore[index]


def _asks_the_platform() -> bool:
    """Whether the module ``platform`` wants to know what machine this is, as SDKs do for their headers."""
    frame = inspect.currentframe()
    for _ in range(12):
        if frame is None:
            break
        if frame.f_globals.get("__name__") == "platform":
            return True
        frame = frame.f_back
    return False


def in_module(module: ModuleType, name: str) -> Iterator[tuple[Any, str, Any]]:
    """(where, name, in its place) of all that is refused in a module that has been loaded."""
    for each in REFUSED[name][0]:
        owner: Any = module
        *outer, last = each.split(".")
        for part in outer:
            owner = getattr(owner, part, None)
        real = getattr(owner, last, None)
        if real is not None and not isinstance(real, ModuleType):
            yield owner, last, refusing(name, each, real)


class Watch(importlib.abc.MetaPathFinder):
    """Sees what the code imports while it runs, so that what is to be refused is, from the start."""

    def __init__(self, on_load: Callable[[ModuleType, str], None]) -> None:
        self._on_load = on_load
        self._inside: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name not in REFUSED or name in self._inside or here() is None:
            return None
        self._inside.add(name)
        try:
            spec = importlib.machinery.PathFinder.find_spec(name, path)
        finally:
            self._inside.discard(name)
        if spec is None or spec.loader is None:
            return None
        spec.loader = _Telling(spec.loader, self._on_load, name)
        return spec


class _Telling(importlib.abc.Loader):
    """A loader that tells when a module has been loaded."""

    def __init__(self, loader: Any, on_load: Callable[[ModuleType, str], None], name: str) -> None:
        self._loader = loader
        self._on_load = on_load
        self._name = name

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._on_load(module, self._name)
