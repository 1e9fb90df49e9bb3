"""Whether a Java library's retry or breaker sees answers of 4xx: it sees exceptions, and the HTTP client decides.

RestTemplate, RestClient and WebClient of Spring (spring-web 6.2: DefaultResponseErrorHandler, StatusHandler,
WebClientResponseException), Feign (13: ErrorDecoder.Default) and clients of JAX-RS or MicroProfile REST
(DefaultResponseExceptionMapper) throw an exception for 4xx as for 5xx. Those of the JDK, Apache and OkHttp return the
answer.
"""

from __future__ import annotations

from collections.abc import Iterable

from resilience_sim.interop.layers import Layer, Setting

EVERY_EXCEPTION = ("error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed", "breaker_open",
                   "bulkhead_full")  # fmt: skip
ANSWERED = (
    "{what} are answers of 4xx, too (`client_error`): RestTemplate, RestClient, WebClient, Feign and JAX-RS clients "
    "throw exceptions for them. If yours returns the answer, write an `on` without `client_error`"
)
CLASSES = "classes of exceptions have no counterpart; every failure {what}, and 4xx unless these lists leave it out"
# what is thrown for 4xx and nothing else, and what else it is an instance of
_OF_4XX = frozenset(
    ("HttpClientErrorException", "FeignClientException", "ClientErrorException", "ClientWebApplicationException")
)
_ABOVE = frozenset(
    (
        "HttpStatusCodeException", "RestClientResponseException", "RestClientException", "NestedRuntimeException",
        "WebClientResponseException", "WebClientException", "FeignException", "WebApplicationException",
        "RuntimeException", "Exception", "Throwable",
    )
)  # fmt: skip


def sees_client_errors(listed: Iterable[str], excluded: Iterable[str]) -> bool:
    """Whether exceptions for 4xx are among those ``listed`` (all, if none is) and not ``excluded`` as a whole."""
    wanted, left_out = {_simple(each) for each in listed}, {_simple(each) for each in excluded}
    every = _OF_4XX | _ABOVE
    return not left_out & every and (not wanted or bool(wanted & every))


def _simple(name: str) -> str:
    """``FeignClientException`` of ``feign.FeignException$FeignClientException``, with or without ``.class``."""
    return name.strip().removesuffix(".class").replace("$", ".").rpartition(".")[2]


def put_outcomes(layer: Layer, listed: Iterable[str], excluded: Iterable[str]) -> None:
    """What a retry tries again and a breaker counts: every exception, those for 4xx as the lists of classes have it."""
    retry = layer.kind == "retry"
    seen = sees_client_errors(listed, excluded)
    every = (*EVERY_EXCEPTION, *(() if retry else ("throttled",)), *(("client_error",) if seen else ()))
    if seen:
        layer.settings["on"] = Setting(_list(every), "default: every exception")
        layer.exact["on"] = None
        layer.remarks.append(ANSWERED.format(what="Tried again" if retry else "Failures"))
        return
    layer.settings["on"] = Setting(_list(every), "every exception but those for 4xx, by the lists of classes")
    if not retry and not sees_client_errors((), excluded):
        layer.settings["ignore"] = Setting("[client_error]", "their classes are ignored")


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(names) + "]"
