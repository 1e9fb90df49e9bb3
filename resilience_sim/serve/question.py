"""What an HTTP request asks of whom: which service, which request of a user it is an attempt of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from resilience_sim.wire.answers import SUFFIX, host_of

CONTROL: Final = "/__resim/"
LONGEST_NAME: Final = 64  # characters of a key that is kept as it is


@dataclass(frozen=True, slots=True)
class Question:
    """An HTTP request that has come in whole. ``headers`` by lower-case name; of several with one the last counts.

    ``body`` is kept of questions to resim itself only.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def host(self) -> str:
        """Whom it is for: without a port, in lower case. That of the target goes before the header, as with proxies."""
        name = self.target[7:].partition("/")[0] if self.is_absolute else self.headers.get("host", "")
        return (name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]).lower()

    @property
    def is_absolute(self) -> bool:
        """Whether it was sent as to a proxy."""
        return self.target[:7].lower() == "http://"

    @property
    def path(self) -> str:
        """Without what follows a question mark."""
        target = "/" + self.target[7:].partition("/")[2] if self.is_absolute else self.target
        return target.partition("?")[0]

    @property
    def identity(self) -> tuple[str, bool]:
        """What names the request it is an attempt of ("": nothing), and whether that is an idempotency key."""
        key = self.headers.get("idempotency-key")
        if key is not None:
            return _short("k:" + key), True
        key = self.headers.get("x-request-id")
        return ("" if key is None else _short("i:" + key)), False


def _short(name: str) -> str:
    """A name of bounded length."""
    return name if len(name) <= LONGEST_NAME else blake2b(name.encode(), digest_size=24).hexdigest()


class Router:
    """Finds the service that a request is for: by ``Host: NAME.resim``, by the path's first part, else the entry."""

    def __init__(self, names: Sequence[str], several: bool) -> None:
        self._entry = names[0]
        self._several = several
        self._by_host = {host_of(name): name for name in names}

    def route(self, question: Question) -> tuple[str, str] | None:
        """The service and the path on it; None: it names a service that there is not."""
        path = question.path
        if not self._several:
            return self._entry, path
        host = question.host
        if host.endswith(SUFFIX):
            name = self._by_host.get(host)
            return None if name is None else (name, path)
        first, _, rest = path.removeprefix("/").partition("/")
        name = self._by_host.get(host_of(first)) if first else None
        return (self._entry, path) if name is None else (name, "/" + rest)

    def known(self) -> str:
        """The hosts there are."""
        return ", ".join(self._by_host)
