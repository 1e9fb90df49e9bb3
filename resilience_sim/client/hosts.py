"""Names and addresses: each service of the scenario is a host NAME.resim with an address of its own."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from resilience_sim.client.here import here
from resilience_sim.wire.answers import SUFFIX, host_of

_getaddrinfo = socket.getaddrinfo
_gethostbyname = socket.gethostbyname
_gethostbyname_ex = socket.gethostbyname_ex
STREAM = socket.SOCK_STREAM
USE_SERVE = "for what cannot be simulated there is `resim serve`, in real time"


class Hosts:
    """The services of a run by host name and by address (of 198.18.0.0/15, which is reserved for benchmarks)."""

    def __init__(self, services: Sequence[str]) -> None:
        self.names = [host_of(service) for service in services]
        self._addresses = {name: f"198.18.{i >> 8}.{i & 255}" for i, name in enumerate(self.names, 1)}
        self._services = {self._addresses[host_of(service)]: service for service in services}

    def address(self, host: str) -> str | None:
        """Of a host name, or of an address as it is."""
        host = host.rstrip(".").lower()
        return host if host in self._services else self._addresses.get(host)

    def service(self, address: str) -> str | None:
        """Who is there."""
        return self._services.get(address)

    def known(self) -> str:
        """All of them, for people."""
        return ", ".join(f"http://{name}/" for name in self.names)


def _looked_up(host: Any) -> str:
    strands = here()
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    found: str | None = strands.net.hosts.address(text)
    if found is None:
        where = f"the scenario's services are {strands.net.hosts.known()}"
        wrong = f"{text} is no service of the scenario" if text.endswith(SUFFIX) else f"the code calls {text}"
        strands.refuse(f"{wrong}: {where}", "point the client at one of them")
    assert found is not None
    return found


def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
    """``socket.getaddrinfo``."""
    if here() is None:
        return _getaddrinfo(host, port, family, type, proto, flags)
    number = 0 if port is None else {"http": 80, "https": 443}.get(port) if isinstance(port, str) else int(port)
    address = (_looked_up(host), int(port) if number is None else number)
    return [(socket.AF_INET, socket.SocketKind(type or STREAM), proto or socket.IPPROTO_TCP, "", address)]


def gethostbyname(host: Any) -> Any:
    """``socket.gethostbyname``."""
    return _gethostbyname(host) if here() is None else _looked_up(host)


def gethostbyname_ex(host: Any) -> Any:
    """``socket.gethostbyname_ex``."""
    return _gethostbyname_ex(host) if here() is None else (host, [], [_looked_up(host)])


def replacements() -> dict[Any, Any]:
    """What stands in for what."""
    return {_getaddrinfo: getaddrinfo, _gethostbyname: gethostbyname, _gethostbyname_ex: gethostbyname_ex}
