"""Micronaut's HTTP clients in ``application.yml`` or ``.properties``: timeouts and the pool of connections.

Rules: micronaut-core 6a1c9e8 (docs/reference/config-formats.md, section 9). ``@Retryable`` and ``@CircuitBreaker`` are
annotations: no file configures them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from resilience_sim.interop import durations
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import Log, distinct, last, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns
from resilience_sim.interop.own import Own
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.spring import Chain, Environment, heads, uniform
from resilience_sim.interop.traps import traps
from resilience_sim.interop.writing import Parts
from resilience_sim.scenario.text.tree import Mapping

TRAPS = traps(
    """
RL186 info: retries stand in the code
    Micronaut retries and breaks circuits by annotations (`@Retryable`: 3 retries, 1 s apart; `@CircuitBreaker`: 3, 500
    ms apart, 20 s open). The file configures the HTTP client below them.
RL187 error: a duration that Micronaut cannot read
    Micronaut reads `500ms`, `10s`, `1m`, `2h`, `1d` and `PT10S`. Its converter makes nothing of anything else, bare
    numbers among it, and the setter of the client gets null, without an error: a read timeout that was meant to be 30
    seconds is no read timeout, and no request timeout either.
"""
)

NAME = "micronaut"
SECOND = 1_000_000_000
DEFAULT = "default"
ASIDE = (DEFAULT,)
FIELDS = ("readTimeout", "requestTimeout", "connectTimeout", "readIdleTimeout", "connectTtl", "pool")
POOL = ("enabled", "maxConcurrentHttp1Connections", "maxPendingAcquires", "acquireTimeout", "maxPendingConnections",
        "maxConcurrentHttp2Connections", "maxConcurrentRequestsPerHttp2Connection", "connectionLocality",
        "version")  # fmt: skip
_REASONS = {
    "connectTimeout": "connections are made at once",
    "readIdleTimeout": "idle connections cost nothing here",
    "connectTtl": "connections are not simulated",
    "connectionPoolIdleTimeout": "idle connections cost nothing here",
    "shutdownTimeout": "about the end of the application",
    "shutdownQuietPeriod": "about the end of the application",
    "healthCheck": "health checks are not simulated",
    "healthCheckUri": "health checks are not simulated",
    "healthCheckInterval": "health checks are not simulated",
}
OTHERS = (
    "urls", "url", "path", "httpVersion", "logLevel", "eventLoopGroup", "ssl", "exceptionOnErrorStatus", "loggerName",
    "followRedirects", "defaultCharset", "channelOptions", "numOfThreads", "threadFactory", "maxContentLength",
    "proxyType", "proxyAddress", "proxyUsername", "proxyPassword", "proxySelector", "plaintextMode", "alpnModes",
    "allowBlockEventLoop", "dnsResolutionMode", "addressResolverGroupName", "pcapLoggingPathPattern", "ws", "http2",
    "webSocketCompression", "enabled",
)  # fmt: skip
_UNREAD = frozenset(map(uniform, OTHERS))
SPAN = "write it with a unit: `500ms`, `10s`, `1m` or `PT10S`"
_DURATION = re.compile(r"(-?)([0-9]{1,10})(ns|ms|s|m|h|d)\Z")


def _duration(value: object) -> int | None:
    """In nanoseconds, also below zero; None for what the converter makes nothing of (TimeConverterRegistrar)."""
    text = str(value).strip()
    match = _DURATION.match(text)
    if match is None or int(match[2]) >= 2**31:
        if match is None and text.startswith("P"):
            with suppress(ValueError):
                return durations.spring(text)
        return None
    span = durations.spring(match[2] + match[3])
    return -span if match[1] else span


def _clients(file: ConfigFile, log: Log) -> tuple[Environment, Section, Section]:
    known = file.memo.get(NAME)
    if known is None:
        log_of_all = Log(traps=TRAPS)
        known = file.memo[NAME] = (Environment(file, log_of_all), log_of_all)
    environment, of_all = known
    log.of_all(of_all.found, of_all.assumed)
    http = Section(environment.tree("micronaut"), "", log, relaxed=True).section("micronaut").section("http")
    return environment, http.section("client"), http.section("services")


def recognises(file: ConfigFile) -> bool:
    """Whether HTTP clients of Micronaut are configured with a timeout or a pool."""
    if not any(name.startswith("micronaut") for name in heads(file)):
        return False
    _, shared, services = _clients(file, Log())
    return any(name in section for section in chain((shared,), _each(services)) for name in FIELDS)


def _each(services: Section) -> Iterator[Section]:
    return (services.section(name) for name in services.names() if isinstance(_node(services, name), Mapping))


def _node(section: Section, name: str) -> object:
    return section.node.entries[name].value if section.node is not None and name in section.node.entries else None


def instances(file: ConfigFile) -> list[str]:
    """The services, and ``default`` for every other client."""
    _, shared, services = _clients(file, Log())
    names = _names(file, services)
    return [*names, *([DEFAULT] if shared or not names else [])]


def _names(file: ConfigFile, services: Section) -> dict[str, str]:
    """The services as they are shown, each with its real name. Made once."""
    known: dict[str, str] | None = file.memo.get(f"{NAME} names")
    if known is None:
        names = (name for name in services.names() if isinstance(_node(services, name), Mapping))
        known = file.memo[f"{NAME} names"] = distinct(names)
    return known


def _misplaced(file: ConfigFile, services: Section) -> list[str]:
    """Settings that stand where services have names. Looked for once."""
    known: list[str] | None = file.memo.get(f"{NAME} misplaced")
    if known is None:
        fields = {uniform(each) for each in FIELDS}
        known = file.memo[f"{NAME} misplaced"] = [
            name
            for name in services.names()
            if not isinstance(_node(services, name), Mapping) and uniform(name) in fields
        ]
    return known


def own(file: ConfigFile, instance: str) -> Own | None:
    """All that is said of one service alone (lint/twins.py), and its names."""
    services = file.memo.get(f"{NAME} services") or file.memo.setdefault(f"{NAME} services", _clients(file, Log())[2])
    name = _names(file, services).get(instance)
    if name is None or services.node is None:
        return None
    entry = services.node.entries[name]
    return Own((instance,), [entry], unread=lambda key: uniform(key) in _UNREAD)


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The whole request around the pool around the read timeout."""
    _, shared, services = _clients(file, log)
    names = _names(file, services)
    own = services.section(names[instance]) if instance in names else None
    chain = Chain([*([own] if own is not None else []), shared])
    if not chain:
        chain.sections = [shared if own is None else own]
    result = Converted(NAME, f"Micronaut HTTP client '{instance}'", instance)
    read = _time(chain, "readTimeout", log, "the client has no read timeout, nor a request timeout made of it")
    if "requestTimeout" in shared and chain.sections[0] is not shared:  # the copy constructor leaves it out
        at = shared.at("requestTimeout")
        log.skipped(at, "a service does not inherit it: its own is one second more than its read timeout")
        shared.ignore("requestTimeout")
    mine = Chain([])
    mine.sections = chain.sections[:1]
    whole = _time(mine, "requestTimeout", log, "it is one second more than the read timeout")
    patience = 10 * SECOND if read is None else read.value
    longest = patience + SECOND if patience is not None and patience >= 0 else None
    if whole is not None and whole.value is not None:
        longest = max(1, whole.value) if whole.value >= 0 else None
    if longest is not None:
        total = Layer("timeout", "requestTimeout: the whole exchange", mine.at("requestTimeout"), id="total")
        told = whole if whole is not None and whole.value is not None else None
        total.put("after", Ns(longest), told, "default: one second more than readTimeout")
        result.layers.append(total)
    result.at = chain.at("readTimeout")
    result.layers += _pool(chain, log)
    if patience is not None and patience > 0:
        attempt = Layer("timeout", "readTimeout", chain.at("readTimeout"), id="read")
        attempt.put("after", Ns(patience), read, "default")
        result.layers.append(attempt)
    for section in chain.sections:
        section.skip(**_REASONS)
        section.ignore(*OTHERS)
        section.rest()
    for name in _misplaced(file, services):
        log.unknown(
            services.at(name), f"clients have names here: `services.NAME.{safe_name(name)}`, or `client.…` for all"
        )
    log.trap("RL186", "`@Retryable` and `@CircuitBreaker` stand in the code, around this client", chain.at(""))
    return result


def _time(chain: Chain, name: str, log: Log, then: str) -> Value[int | None] | None:
    """A duration; None where nothing is said; one without a value where Micronaut can make nothing of it."""
    found: Value[int | None] | None = chain.get("read", name, _duration, "a duration")
    if found is not None and found.value is None:
        log.trap(
            "RL187",
            f"`{safe_name(last(found.at.path))}` is no duration to Micronaut, which passes nothing on: {then}",
            found.at,
            SPAN,
        )
    return found


def _pool(chain: Chain, log: Log) -> list[Layer]:
    pools = Chain([section.section("pool") for section in chain.sections[:1] if "pool" in section])
    for section in chain.sections[1:]:  # a service has a pool of its own, which knows nothing of that of all clients
        if "pool" in section:
            log.skipped(
                section.at("pool"), "a service does not inherit the pool of the client: its own has the defaults"
            )
            section.ignore("pool")
    if not pools:
        return []
    most = pools.get("count", "maxConcurrentHttp1Connections", 1)
    queue = pools.get("count", "maxPendingAcquires", 0)
    wait = _time(pools, "acquireTimeout", log, "calls wait for a connection without end")
    for section in pools.sections:
        if "maxConnections" in section:
            section.ignore("maxConnections")
            log.trap(
                "RL114",
                "`max-connections` is a key of Micronaut 1 to 3; Micronaut 4 ignores it: it is called "
                "`max-concurrent-http1-connections`",
                section.at("maxConnections"),
                "write `max-concurrent-http1-connections`",
            )
    enabled = pools.get("flag", "enabled")
    pools.skip(
        maxPendingConnections="connections are made at once",
        maxConcurrentHttp2Connections="HTTP/1.1 is simulated",
        maxConcurrentRequestsPerHttp2Connection="HTTP/1.1 is simulated",
        connectionLocality="one process is simulated",
        version="about how the pool is made",
    )
    for section in pools.sections:
        section.rest()
    if most is None or (enabled is not None and not enabled.value):
        return []
    layer = Layer("bulkhead", "the pool of connections", most.at)
    layer.put("max_concurrent", most.value, most)
    layer.put("queue", queue.value if queue else 1_000_000, queue, "without bound")
    if wait is not None and wait.value is not None and wait.value >= 0:
        layer.put("max_wait", Ns(wait.value), wait)
    return [layer]


def _written(ns: int) -> str:
    """A duration in the units that Micronaut reads, which has no microseconds."""
    return f"{ns}ns" if ns % 1_000_000 else durations.show_spring(ns)


def write(parts: Parts) -> str:
    """One service."""
    if parts.retry is not None:
        parts.lost(f"`{parts.retry.id}`", "write @Retryable in the code")
    if parts.breaker is not None:
        parts.lost("the circuit breaker", "write @CircuitBreaker in the code")
    for policy in (parts.limiter, parts.hedge):
        if policy is not None:
            parts.lost(f"`{policy.id}`", "a client of Micronaut has no such policy")
    lines = ["micronaut:", "  http:", "    services:", f"      {parts.name}:"]
    if parts.attempt is not None:
        lines.append(f"        read-timeout: {_written(parts.attempt.after)}")
    if parts.total is not None:
        lines.append(f"        request-timeout: {_written(parts.total.after)}")
    elif parts.attempt is not None:
        parts.lost("no timeout of the whole", "the client always has one: a second more than `read-timeout`")
    if parts.bulkhead is not None:
        lines += ["        pool:", f"          max-concurrent-http1-connections: {parts.bulkhead.max_concurrent}"]
        lines.append(f"          max-pending-acquires: {parts.bulkhead.queue}")
        if parts.bulkhead.queue and parts.bulkhead.max_wait >= 0:
            lines.append(f"          acquire-timeout: {_written(max(1, parts.bulkhead.max_wait))}")
    return "\n".join(lines if len(lines) > 4 else [*lines, "        read-timeout: 10s"]) + "\n"
