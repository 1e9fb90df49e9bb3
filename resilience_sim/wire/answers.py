"""What an outcome is on the wire: a status, or something that happens to the connection."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from resilience_sim.kernel import events as ev

SUFFIX = ".resim"  # every service is a host: b.resim, stock.resim
SECOND = 1_000_000_000

# in place of a status
REFUSE = "refuse"  # the connection is refused
RESET = "reset"  # the connection is reset
SILENCE = "silence"  # nothing ever comes


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """``status`` (and ``grpc``, that of gRPC) with ``says`` in its body, or an ``act`` upon the connection."""

    status: int = 0
    says: str = ""
    act: str = ""
    grpc: int = 0


ON_THE_WIRE: dict[int, WireAnswer] = {
    ev.SUCCESS: WireAnswer(200),
    ev.ERROR: WireAnswer(500, "error", grpc=13),
    ev.UNAVAILABLE: WireAnswer(503, "unavailable", grpc=14),
    ev.SHED: WireAnswer(503, "shed", grpc=14),
    ev.RATE_LIMITED: WireAnswer(429, "rate limited", grpc=8),
    ev.CLIENT_ERROR: WireAnswer(404, "client error", grpc=3),
    ev.TIMEOUT: WireAnswer(504, "timeout", grpc=4),
    ev.REFUSED: WireAnswer(act=REFUSE),
    ev.RESET: WireAnswer(act=RESET),
    ev.LOST: WireAnswer(act=SILENCE),
}


def host_of(service: str) -> str:
    """The host name of a service: ``b.resim``."""
    return service.lower() + SUFFIX


def retry_after(hint: int) -> str:
    """A hint in ns as the header has it: whole seconds, rounded up."""
    return str(-(-hint // SECOND))


def grpc_trailers(outcome: int, hint: int = 0) -> list[tuple[str, str]]:
    """How a call of gRPC ends with that outcome; a hint in ns is one in ms there."""
    answer = ON_THE_WIRE[outcome]
    trailers = [("grpc-status", str(answer.grpc))]
    if answer.says:
        trailers.append(("grpc-message", answer.says))
    if hint > 0:
        trailers.append(("grpc-retry-pushback-ms", str(-(-hint // 1_000_000))))
    return trailers


def parts(outcome: int, hint: int = 0) -> tuple[int, list[tuple[str, str]], str]:
    """Status, headers and body of an answer; status 0 for an outcome that is none."""
    answer = ON_THE_WIRE[outcome]
    body = f'{{"error": "{answer.says}"}}' if answer.says else '{"ok": true}'
    headers = [("Server", "resim"), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    if hint > 0:
        headers.append(("Retry-After", retry_after(hint)))
    return answer.status, headers, body


def response(outcome: int, hint: int = 0, *, head_only: bool = False, keep_alive: bool = False) -> bytes:
    """The bytes of an answer; b"" for an outcome that is none."""
    status, headers, body = parts(outcome, hint)
    if not status:
        return b""
    headers.insert(3, ("Connection", "keep-alive" if keep_alive else "close"))
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n" + ("" if head_only else body)).encode()
