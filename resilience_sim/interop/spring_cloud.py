"""Spring Cloud in a Spring Boot file: routes of the gateway with their filters, and Feign clients.

Rules: spring-cloud-gateway 5227205c7, spring-cloud-openfeign 6a0b6f290, Spring Cloud CircuitBreaker around
resilience4j (docs/reference/config-formats.md section 1). What a breaker of a route is made of stands in the
``resilience4j`` part of the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

from resilience_sim.interop import durations
from resilience_sim.interop.findings import NOT_MODELLED, At, Log, distinct, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting, percent, times
from resilience_sim.interop.mesh import code_outcomes, hopeless
from resilience_sim.interop.own import Own, the_same
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.spring import DURATION, Environment
from resilience_sim.interop.texts import meant
from resilience_sim.interop.traps import traps
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence
from resilience_sim.settings.units import show_duration

TRAPS = traps(
    """
RL115 warning: a breaker that does not see answers of 500
    Without `statusCodes` the gateway's CircuitBreaker filter counts exceptions and timeouts only: an answer of 500 or
    503 passes as a success.
RL116 info: a gateway retries GET only
    Unless `methods` says otherwise, the Retry filter repeats GET requests and no others.
RL117 info: the time limiter around a breaker of Spring Cloud
    Spring Cloud CircuitBreaker puts a time limiter around every call: one second unless configured.
RL118 info: a Feign client does not retry
    Spring Cloud gives Feign a retryer that never retries; the timeouts are 10 s to connect and 60 s to read unless set.
"""
)

ROUTE, CLIENT = "gateway/", "feign/"
ASIDE = (ROUTE, CLIENT)
_PLACES = ("", "server.webflux", "server.webmvc", "mvc")
_ORDER = {  # of the values in `Retry=3,…`
    "Retry": (
        "retries",
        "statuses",
        "methods",
        "backoff.firstBackoff",
        "backoff.maxBackoff",
        "backoff.factor",
        "backoff.basedOnPreviousValue",
        "jitter.randomFactor",
        "timeout",
    ),
    "CircuitBreaker": ("name",),
    "RequestRateLimiter": ("keyResolver", "rateLimiter"),
}
_MVC_ORDER = {"Retry": ("retries", "series", "methods"), "CircuitBreaker": ("id",)}  # fmt: skip
FIELDS: dict[str, tuple[str, ...]] = {
    "Retry": ("routeId", "retries", "series", "statuses", "methods", "exceptions", "backoff", "jitter", "timeout"),
    "backoff": ("firstBackoff", "maxBackoff", "factor", "basedOnPreviousValue"),
    "jitter": ("randomFactor",),
    "CircuitBreaker": ("routeId", "name", "fallbackUri", "fallbackPath", "statusCodes", "resumeWithoutError", "id"),
    "RequestRateLimiter": ("routeId", "keyResolver", "rateLimiter", "denyEmptyKey", "emptyKeyStatus", "statusCode",
                           "redis-rate-limiter.replenishRate", "redis-rate-limiter.burstCapacity",
                           "redis-rate-limiter.requestedTokens", "redis-rate-limiter", "key-resolver", "rate-limiter"),
    "feign": ("loggerLevel", "connectTimeout", "readTimeout", "retryer", "errorDecoder", "requestInterceptors",
              "responseInterceptor", "defaultRequestHeaders", "defaultQueryParameters", "dismiss404", "decode404",
              "decoder", "encoder", "contract", "exceptionPropagationPolicy", "capabilities", "queryMapEncoder",
              "micrometer", "metrics", "followRedirects", "url"),
}  # fmt: skip
_UNREAD = ("id", "uri", "predicates")  # of a route, for what becomes of it
_SERIES = {"SERVER_ERROR": "5", "CLIENT_ERROR": "4"}
_OF_SPRING = (  # names of its HttpStatus that Python's has not, or not in every version: none of a 5xx that B sends
    "CHECKPOINT", "MOVED_TEMPORARILY", "PAYLOAD_TOO_LARGE", "CONTENT_TOO_LARGE", "URI_TOO_LONG", "I_AM_A_TEAPOT",
    "INSUFFICIENT_SPACE_ON_RESOURCE", "METHOD_FAILURE", "DESTINATION_LOCKED", "UNPROCESSABLE_CONTENT",
    "BANDWIDTH_LIMIT_EXCEEDED",
)  # fmt: skip
_BROKEN = ("timeout", "refused", "reset")


class _Filter(NamedTuple):
    """One filter of a route: its name, its settings once somebody asks for them, its place in the order."""

    name: str
    args: Callable[[], Section]
    order: int


class _Route(NamedTuple):
    """What the filters of a route are made into; ``mvc``: the gateway of servlets, whose filters are others."""

    result: Converted
    breaker: Breaker
    log: Log
    mvc: bool


def _is_mvc(gateway: Section) -> bool:
    return gateway.path.endswith("mvc")


def _items(section: Section, name: str) -> list[Node]:
    """The items of a list, or of ``name[0]``, ``name[1]`` in properties."""
    node = section.node_at(name)
    if isinstance(node, Sequence):
        return list(node.items)
    return [entry.value for entry in node.entries.values()] if isinstance(node, Mapping) else []


def _gateways(environment: Environment, log: Log) -> Iterator[Section]:
    cloud = Section(environment.tree("spring"), "", log, relaxed=True).section("spring").section("cloud")
    gateway = cloud.section("gateway")
    for place in _PLACES:
        found = gateway
        for step in filter(None, place.split(".")):
            found = found.section(step)
        if found:
            yield found


def routes(environment: Environment, log: Log) -> dict[str, tuple[Section, Section]]:
    """The routes with filters that are about failures, by id; and the gateway each belongs to."""
    found: dict[str, tuple[Section, Section]] = {}
    for gateway in _gateways(environment, log):
        for number, node in enumerate(_items(gateway, "routes")):
            route = Section(node, f"routes.{number}", log, relaxed=True)
            ident = route.read("id", str, "a name")
            name = ident.value if ident else str(number)
            if any(each.name in _MAKERS for each in _filters(gateway, route, log)) or _response(route, gateway, log):
                found.setdefault(name, (route, gateway))
    return found


def _filters(gateway: Section, route: Section, log: Log) -> list[_Filter]:
    """Defaults and the route's own, ordered by their places: of two with the same, the default is outside."""
    found = [
        each
        for holder, key in ((gateway, "default-filters"), (route, "filters"))
        for number, node in enumerate(_items(holder, key))
        if (each := _filter(node, number, f"{holder.path}.{key}.{number}", log, _is_mvc(gateway)))
    ]
    return sorted(found, key=lambda each: each.order)


def _filter(node: Node, number: int, path: str, log: Log, mvc: bool) -> _Filter | None:
    if isinstance(node, Scalar):
        name, _, text = str(node.value).partition("=")
        values = [each.strip() for each in text.split(",")] if text else []
        order = _MVC_ORDER if mvc else _ORDER
        rows = dict(zip(order.get(name, ()), values, strict=False))
        return _Filter(name, lambda: Section(_nested(node, rows), name, log, relaxed=True, span=node.span), number)
    section = Section(node, path, log, relaxed=True)
    word = section.read("name", str, "a name")
    if word is None:
        return None
    args = section.section("args")

    def parted() -> Section:
        own = args.node and _parted(args.node)
        return Section(own, word.value, log, relaxed=True, span=args.span or section.span)

    return _Filter(word.value, parted, number)


def _parted(node: Mapping) -> Mapping:
    """``backoff.firstBackoff`` among the arguments as the mapping that it is a part of."""
    entries: dict[str, Entry] = {}
    for key, entry in node.entries.items():
        head, dot, tail = key.partition(".")
        _put(entries, *((head, tail) if dot and head in ("backoff", "jitter") else (key, "")), entry)
    return Mapping(node.span, entries)


def _put(entries: dict[str, Entry], head: str, tail: str, entry: Entry) -> None:
    """An entry under its name, or, with a ``tail``, among those of the mapping that has the name: FilterDefinition has
    a flat map of arguments, in which both spellings are one.
    """
    below = {tail: entry} if tail else entry.value.entries if isinstance(entry.value, Mapping) else None
    before = entries.get(head)
    if below is None or not before or not isinstance(before.value, Mapping):
        entries[head] = Entry(entry.key, Mapping(entry.key, {tail: entry})) if tail else entry
    else:
        entries[head] = Entry(before.key, Mapping(before.key, {**before.value.entries, **below}))


def _nested(node: Scalar, rows: dict[str, str]) -> Mapping:
    """``Retry=3,BAD_GATEWAY`` as the mapping that it stands for."""
    entries: dict[str, Entry] = {}
    for key, value in rows.items():
        head, _, tail = key.partition(".")
        _put(entries, head, tail, Entry(node.span, Scalar(node.span, meant(value))))
    return Mapping(node.span, entries)


def clients(environment: Environment, log: Log) -> dict[str, Section]:
    """The configured Feign clients, under the new prefix or the old."""
    tree = Section(environment.tree("spring", "feign"), "", log, relaxed=True)
    new = tree.section("spring").section("cloud").section("openfeign").section("client").section("config")
    old = tree.section("feign").section("client").section("config")
    return {name: each.section(name) for each in (old, new) if each for name in each.names()}


def instances(environment: Environment) -> list[str]:
    """Routes and clients, each with a word before its name."""
    known = _whole(environment)
    return [*(ROUTE + name for name in known.shown_routes), *(CLIENT + name for name in known.shown_clients)]


@dataclass(slots=True)
class _Whole:
    """All routes and clients, the names that they are shown by, and what was said on the way."""

    routes: dict[str, tuple[Section, Section]]
    clients: dict[str, Section]
    found: list[Diagnostic]  # about routes
    of_clients: list[Diagnostic]
    shown_routes: dict[str, str] = field(init=False)
    shown_clients: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.shown_routes, self.shown_clients = distinct(self.routes), distinct(self.clients)


def _whole(environment: Environment) -> _Whole:
    """Made once."""
    known: _Whole | None = environment.memo.get("spring cloud")
    if known is None:
        log, of_clients = Log(traps=TRAPS, values="Spring"), Log(traps=TRAPS, values="Spring")
        found = routes(environment, log), clients(environment, of_clients)
        known = environment.memo["spring cloud"] = _Whole(*found, log.found, of_clients.found)
    return known


Breaker = Callable[[str, Converted, Log], list[Layer]]


def own(environment: Environment, instance: str) -> Own | None:
    """All that is said of one route or client alone (lint/twins.py), and its names: the path is one."""
    known = _whole(environment)
    if instance.startswith(CLIENT):
        name = instance[len(CLIENT) :]
        client = known.clients[known.shown_clients[name]]
        if client.node is None or client.span is None or name == "default":
            return None
        return Own((instance, name), [Scalar(client.span, ""), client.node])
    name = instance[len(ROUTE) :]
    route, gateway = known.routes[known.shown_routes[name]]
    if route.node is None or gateway.node is None:
        return None
    names, parts = (instance, name, route.path), (route.node, the_same(gateway.node))
    return Own(names, parts, unread=lambda key: key.lower() in _UNREAD)


def convert(environment: Environment, instance: str, breaker: Breaker, log: Log) -> Converted:
    """The stack of a route or client; ``breaker`` makes breaker and time limiter of a name as resilience4j has them."""
    if instance.startswith(CLIENT):
        return _client(environment, instance, log)
    result = Converted("resilience4j", f"Spring Cloud Gateway, route '{instance[len(ROUTE) :]}'", instance)
    known = _whole(environment)
    log.of_all(known.found)
    route, gateway = (each.anew(log) for each in known.routes[known.shown_routes[instance[len(ROUTE) :]]])
    for each in _filters(gateway, route, log):
        maker = _MAKERS.get(each.name)
        if maker is not None:
            result.layers += maker(each.args(), _Route(result, breaker, log, _is_mvc(gateway)))
    response = _response(route, gateway, log)
    if response is not None:
        layer = Layer("timeout", "response-timeout of the gateway", response.at, id="response")
        layer.put("after", Ns(response.value), response)
        result.layers.append(layer)
    else:
        result.remarks.append("no response-timeout: the gateway waits as long as B takes")
    return result


def _response(route: Section, gateway: Section, log: Log) -> Value[int] | None:
    """Of the route's metadata (a bare number is milliseconds), else of the client."""
    metadata = route.section("metadata")
    client = gateway.section("httpclient")
    own = metadata.duration("response-timeout", durations.spring, DURATION)
    found = own or client.duration("response-timeout", durations.spring, DURATION)
    return found if found is not None and found.value > 0 else None


def _codes(args: Section, name: str, log: Log) -> list[str] | None:
    """Status codes as numbers; None when the key is not there."""
    if name not in args:
        return None
    found = []
    for word in args.texts(name):
        plain = word.upper().replace("-", "_")
        code = str(HTTPStatus[plain].value) if plain in HTTPStatus.__members__ else word
        if code.isdigit() and len(code) == 3:
            found.append(code)
        elif word.upper() in _SERIES:
            log.refused(
                f"`{safe_name(word)}` is a series, no status: the application does not start", args.at(name),
                f"write `series: {word.upper()}`",
            )  # fmt: skip
        elif plain not in _OF_SPRING:
            log.bad("statuses", args.at(name), "for example `BAD_GATEWAY` or `502`")
    return found


def _retry(args: Section, route: _Route) -> list[Layer]:
    log = route.log
    layer = Layer("retry", "Retry filter", args.at())
    retries = args.count("retries", 0)
    number = retries.value if retries else 3
    layer.put("attempts", max(1, number) if route.mvc else number + 1, retries, "default 3")
    if route.mvc:
        layer.remarks.append("in the servlet gateway `retries` counts the first call (with Spring Retry)")
    on: dict[str, None] = {}
    series = args.texts("series") if "series" in args else ["SERVER_ERROR"]
    for word in series:
        if _SERIES.get(word.upper()) == "5":
            on.update(dict.fromkeys(("error", "unavailable", "shed", "timeout")))
        elif _SERIES.get(word.upper()) == "4":
            on.update(dict.fromkeys(("client_error", "rate_limited")))
            log.trap(
                "RL119",
                "`CLIENT_ERROR` is retried, and cannot succeed: of all 4xx only 408, 425 and 429 may pass",
                args.at("series"),
                "name those of them that you mean in `statuses`",
            )
    if not route.mvc:  # which has no statuses, and does not come to exceptions
        for code in _codes(args, "statuses", log) or ():
            on.update(dict.fromkeys(code_outcomes(code)))
            hopeless(code, args.at("statuses"), log)
    if "exceptions" in args:
        log.skipped(args.at("exceptions"), "classes have no counterpart; broken connections and timeouts are retried")
        args.ignore("exceptions")
    if route.mvc:
        on.pop("timeout", None)
        args.skip(cacheBody="bodies are not simulated")
    else:
        on.update(dict.fromkeys(_BROKEN))
    layer.settings["on"] = Setting(
        "[" + ", ".join(on) + "]", "series" if route.mvc else "statuses and series; broken connections and timeouts"
    )
    backoff = args.section("backoff")
    if backoff:
        first = backoff.duration("firstBackoff", durations.spring, DURATION)
        most = backoff.duration("maxBackoff", durations.spring, DURATION)
        factor = backoff.count("factor", 1)
        layer.put("delay", Ns(first.value if first else 5_000_000), first, "default")
        layer.put("backoff", "exponential")
        layer.put("factor", times(factor.value if factor else 2), factor, "default")
        if most and most.value:
            layer.put("max_delay", Ns(most.value), most)
        backoff.ignore("basedOnPreviousValue")
        backoff.rest()
    jitter = args.section("jitter")
    if jitter:
        share = jitter.number("randomFactor")
        layer.put("jitter", percent(share.value if share and 0 < share.value <= 1 else 0.5), share, "default")
        jitter.rest()
    longest = args.duration("timeout", durations.spring, DURATION)
    if longest and longest.value:
        layer.put("max_elapsed", Ns(longest.value), longest)
    layer.settings["honor_retry_after"] = Setting("false", "the filter does not look at it")
    _methods(args, route)
    args.ignore("routeId")
    args.rest()
    return [layer]


def _methods(args: Section, route: _Route) -> None:
    log, result = route.log, route.result
    if "methods" not in args:
        log.trap("RL116", "without `methods` only GET is retried", args.at(), "name the methods that may be repeated")
        return
    methods = [word.upper() for word in args.texts("methods")]
    if methods and "GET" not in methods and methods[0] in ("POST", "PUT", "DELETE", "PATCH", "HEAD"):
        result.method = methods[0]
        result.remarks.append(f"only {', '.join(methods)} is retried: the operation is one")


def _breaker(args: Section, route: _Route) -> list[Layer]:
    log = route.log
    name = args.read("id" if route.mvc else "name", str, "a name")
    address, path = args.read("fallbackUri", str, "an address"), args.read("fallbackPath", str, "a path")
    fallback = address or path
    result = route.result
    codes = _codes(args, "statusCodes", log)
    args.skip(resumeWithoutError="about the answer that the fallback gives")
    args.ignore("routeId", "id")
    args.rest()
    layers = route.breaker(name.value if name else result.instance[len(ROUTE) :], result, log)
    counted = dict.fromkeys(_BROKEN)
    for code in codes or ():
        counted.update(dict.fromkeys(code_outcomes(code)))
    if not codes:
        log.trap(
            "RL115", "without `statusCodes` an answer of 500 or 503 is no failure to this breaker", args.at(),
            "write `statusCodes: [500, 502, 503, 504]`",
        )  # fmt: skip
    for layer in layers:
        if layer.kind == "circuit_breaker":
            layer.settings["on"] = Setting("[" + ", ".join(counted) + "]", "exceptions, timeouts and `statusCodes`")
            layer.exact.pop("on", None)
            layer.remarks = [each for each in layer.remarks if "client_error" not in each]  # the gateway gets answers
    if fallback is not None:
        found = Layer("fallback", "fallbackUri", At(fallback.at.span, fallback.at.path, "fallbackUri:"))
        found.settings["on"] = Setting("[" + ", ".join([*counted, "breaker_open"]) + "]", "what the breaker counts")
        layers.insert(0, found)
    return layers


def _limiter(args: Section, route: _Route) -> list[Layer]:
    log = route.log
    below = args.section("redis-rate-limiter")

    def number(name: str, least: int, default: int) -> tuple[int, Value[int] | None]:
        found = below.count(name, least) if below else args.count(f"redis-rate-limiter.{name}", least)
        return (found.value if found else default), found

    rate, source = number("replenishRate", 1, 1)
    burst, _ = number("burstCapacity", 0, 1)
    tokens, _ = number("requestedTokens", 1, 1)
    layer = Layer("rate_limiter", "RequestRateLimiter filter", args.at())
    each = f"{rate}/s" if tokens == 1 else f"{rate}/{show_duration(tokens * 1_000_000_000)}"
    layer.settings["limit"] = Setting(each, source.shown if source else "default", source.at if source else None)
    layer.put("burst", max(1, burst // tokens), None, "burstCapacity, in requests")
    log.add(
        NOT_MODELLED,
        "info",
        "keys are not modelled: each key of the KeyResolver (a user, by default) has a limit of its own, in Redis and "
        "so for all instances; here everybody has the same",
        args.at("keyResolver" if "keyResolver" in args else "key-resolver" if "key-resolver" in args else ""),
    )
    route.result.instead.append("RL026")
    if burst < tokens:
        log.refused("`burstCapacity` is less than a request takes: nothing passes", args.at(), "make it larger")
    below.rest() if below else None
    args.ignore("routeId", "keyResolver", "key-resolver", "rateLimiter", "rate-limiter", "redis-rate-limiter")
    args.skip(
        **dict.fromkeys(("denyEmptyKey", "emptyKeyStatus", "statusCode"), "about the answer to a request without key")
    )
    args.rest()
    return [layer]


_Maker = Callable[[Section, _Route], list[Layer]]
_MAKERS: dict[str, _Maker] = {"Retry": _retry, "CircuitBreaker": _breaker, "RequestRateLimiter": _limiter}


def _client(environment: Environment, instance: str, log: Log) -> Converted:
    result = Converted("resilience4j", f"Feign client '{instance[len(CLIENT) :]}'", instance)
    known = _whole(environment)
    log.of_all(known.of_clients)
    name = known.shown_clients[instance[len(CLIENT) :]]
    own, shared = known.clients[name].anew(log), known.clients.get("default")
    sections = [own, *([shared.anew(log)] if shared is not None and name != "default" else [])]
    read: Value[int] | None = None
    retryer: Value[str] | None = None
    for section in sections:
        read = read or section.count("readTimeout", 0)
        retryer = retryer or section.read("retryer", str, "a class")
        section.skip(connectTimeout="connections are made at once", errorDecoder="code is not read")
        section.ignore(*FIELDS["feign"])
        section.rest()
    if retryer is not None and retryer.value.rpartition(".")[2] in ("Retryer$Default", "Default"):
        layer = Layer("retry", "feign.Retryer.Default", retryer.at)
        layer.put("attempts", 5, retryer)
        layer.put("delay", Ns(150_000_000), None, "always: 100 ms x 1.5^n")
        layer.put("backoff", "exponential")
        layer.put("factor", "1.5x")
        layer.put("max_delay", Ns(1_000_000_000))
        layer.settings["on"] = Setting("[timeout, refused, reset]", "exceptions of the connection")
        result.layers.append(layer)
    elif retryer is not None:
        log.skipped(At(retryer.at.span, retryer.at.path, "retryer:"), "code is not read; nothing is retried here")
    else:
        log.trap("RL118", "no `retryer`: a Feign client of Spring Cloud does not retry", own.at())
    layer = Layer("timeout", "readTimeout of the client", read.at if read else own.at(), id="attempt")
    layer.put("after", Ns((read.value if read and read.value else 60_000) * 1_000_000), read, "default")
    result.layers.append(layer)
    return result
