"""Exception classes of known libraries as outcomes of a call, and status codes as outcomes."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from resilience_sim.interop.source.module import Module, Scope

FROM_B = ("error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed")
ANY = ("*",)  # Exception itself: the policies' own rejections too
_STATUS = ("error", "unavailable", "rate_limited")
_WIRE = ("refused", "reset")
_NO_ANSWER = ("timeout", "refused", "reset")
_PER_LIBRARY: dict[str, dict[tuple[str, ...], str]] = {
    "builtins": {
        ANY: "Exception BaseException",
        FROM_B: "OSError IOError EnvironmentError",  # requests.RequestException is an OSError
        _WIRE: "ConnectionError",
        ("refused",): "ConnectionRefusedError",
        ("reset",): "ConnectionResetError ConnectionAbortedError BrokenPipeError",
        ("timeout",): "TimeoutError",
        (): "ValueError KeyError TypeError AttributeError IndexError AssertionError LookupError UnicodeDecodeError",
    },
    "json": {(): "JSONDecodeError"},
    "pydantic": {(): "ValidationError"},
    "asyncio": {("timeout",): "TimeoutError", ("reset",): "IncompleteReadError"},
    "concurrent": {("timeout",): "TimeoutError"},
    "socket": {("timeout",): "timeout", FROM_B: "error"},
    "requests": {
        FROM_B: "RequestException",
        _STATUS: "HTTPError",
        (*_WIRE, "timeout"): "ConnectionError",  # ConnectTimeout is one
        ("timeout",): "Timeout ConnectTimeout ReadTimeout",
        ("refused",): "ProxyError SSLError",
        ("reset",): "ChunkedEncodingError ContentDecodingError",
        (): "JSONDecodeError InvalidJSONError",
    },
    "urllib3": {
        _NO_ANSWER: "HTTPError MaxRetryError",
        ("timeout",): "TimeoutError ConnectTimeoutError ReadTimeoutError",
        ("refused",): "NewConnectionError",
        ("reset",): "ProtocolError IncompleteRead",
    },
    "httpx": {
        FROM_B: "HTTPError",
        _STATUS: "HTTPStatusError",
        _NO_ANSWER: "RequestError TransportError",
        _WIRE: "NetworkError",
        ("timeout",): "TimeoutException ConnectTimeout ReadTimeout WriteTimeout PoolTimeout",
        ("refused",): "ConnectError ProxyError",
        ("reset",): "ReadError WriteError CloseError RemoteProtocolError ProtocolError",
    },
    "aiohttp": {
        (*_STATUS, "refused", "reset", "timeout"): "ClientError",
        _STATUS: "ClientResponseError",
        (*_WIRE, "timeout"): "ClientConnectionError",
        ("refused",): "ClientConnectorError ClientOSError ClientProxyConnectionError",
        ("reset",): "ServerDisconnectedError ClientPayloadError",
        ("timeout",): "ServerTimeoutError ConnectionTimeoutError SocketTimeoutError",
    },
    "openai": {
        FROM_B: "OpenAIError APIError",
        _STATUS: "APIStatusError",
        _NO_ANSWER: "APIConnectionError",  # APITimeoutError is one
        ("timeout",): "APITimeoutError Timeout",
        ("rate_limited",): "RateLimitError",
        ("error", "unavailable"): "InternalServerError",
        ("unavailable",): "ServiceUnavailableError",
    },
    "anthropic": {
        FROM_B: "AnthropicError APIError",
        _STATUS: "APIStatusError",
        _NO_ANSWER: "APIConnectionError",
        ("timeout",): "APITimeoutError DeadlineExceededError",
        ("rate_limited",): "RateLimitError",
        ("error", "unavailable"): "InternalServerError",
        ("unavailable",): "OverloadedError ServiceUnavailableError",
    },
    "botocore": {
        _STATUS: "ClientError",
        _NO_ANSWER: "BotoCoreError HTTPClientError",
        ("timeout",): "ConnectTimeoutError ReadTimeoutError",
        ("refused",): "EndpointConnectionError ConnectionError",
        ("reset",): "ConnectionClosedError",
    },
    "pybreaker": {("breaker_open",): "CircuitBreakerError"},
    "aiobreaker": {("breaker_open",): "CircuitBreakerError"},
    "circuitbreaker": {("breaker_open",): "CircuitBreakerError"},
    "tenacity": {FROM_B: "TryAgain RetryError"},
}
_OUTCOMES = {
    f"{library}.{name}": outcomes
    for library, known in _PER_LIBRARY.items()
    for outcomes, names in known.items()
    for name in names.split()
}


def outcomes_of(module: Module, node: ast.AST, scope: Scope) -> tuple[str, ...] | None:
    """The outcomes that a class or a tuple of classes stands for, () where it is about the program itself; None when a
    class is not known here.
    """
    node, scope, _ = module.follow(node, scope)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        found: list[str] = []
        for each in node.elts[:200]:
            one = outcomes_of(module, each, scope)
            if one is None:
                return None
            found += one
        return tuple(dict.fromkeys(found))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [outcomes_of(module, side, scope) for side in (node.left, node.right)]
        return None if None in sides else tuple(dict.fromkeys(each for side in sides for each in side or ()))
    return _OUTCOMES.get(module.symbol(node, scope))


def outcomes_of_statuses(statuses: Iterable[object]) -> tuple[str, ...]:
    """What answers with these codes are: 429, 503 and its kind, other errors of the server."""
    found = []
    for status in statuses:
        if status == 429:
            found.append("rate_limited")
        elif status in (502, 503, 504):
            found += ["unavailable", "shed"]
        elif isinstance(status, int) and 500 <= status < 600:
            found.append("error")
    return tuple(dict.fromkeys(found))


def in_order(outcomes: Iterable[str]) -> list[str]:
    """As scenarios list them."""
    wanted = set(outcomes)
    rest = ("breaker_open", "bulkhead_full", "throttled")
    return [each for each in (*FROM_B, *rest) if each in wanted]
