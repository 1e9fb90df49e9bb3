"""Micronaut's HTTP clients in ``application.yml`` or ``.properties``: timeouts and the pool of connections.

Rules: micronaut-core 6a1c9e8 (docs/reference/config-formats.md, section 9). ``@Retryable`` and ``@CircuitBreaker`` are
annotations: no file configures them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from resilience_sim.interop import durations
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import Log, distinct, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns
from resilience_sim.interop.own import Own
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.spring import Chain, Environment, uniform
from resilience_sim.interop.traps import traps
from resilience_sim.interop.writing import Parts
from resilience_sim.scenario.text.tree import Mapping
from resilience_sim.settings.timeout import TimeoutConfig

TRAPS = traps(
    """
RL186 info: retries stand in the code
    Micronaut retries and breaks circuits by annotations (`@Retryable`: 3 retries, 1 s apart; `@CircuitBreaker`: 3, 500
    ms apart, 20 s open). The file configures the HTTP client below them.
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
SPAN = "Micronaut reads `500ms`, `10s`, `1m` or `PT10S`; a bare number is refused"
_DURATION = re.compile(r"[0-9]+(?:ns|us|ms|s|m|h|d)\Z")


def _duration(value: object) -> int:
    text = str(value).strip()
    if not _DURATION.match(text) and not text.upper().startswith("PT"):
        raise ValueError
    return durations.spring(text)


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
    if not any(uniform(name).startswith("micronaut") for document in file.documents for name in document.entries):
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


def own(file: ConfigFile, instance: str) -> Own | None:
    """All that is said of one service alone (interop/twins.py), and its names."""
    services = file.memo.get(f"{NAME} services") or file.memo.setdefault(f"{NAME} services", _clients(file, Log())[2])
    name = _names(file, services).get(instance)
    if name is None or services.node is None:
        return None
    return Own((instance,), [services.node.entries[name]])


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The whole request around the pool around the read timeout."""
    _, shared, services = _clients(file, log)
    names = _names(file, services)
    own = services.section(names[instance]) if instance in names else None
    chain = Chain([*([own] if own is not None else []), shared])
    if not chain:
        chain.sections = [shared if own is None else own]
    result = Converted(NAME, f"Micronaut HTTP client '{instance}'", instance)
    read = _time(chain, "readTimeout")
    whole = _time(chain, "requestTimeout")
    patience = read.value if read else 10 * SECOND
    total = Layer("timeout", "requestTimeout: the whole exchange", chain.at("requestTimeout"), id="total")
    total.put(
        "after", Ns(whole.value if whole else patience + SECOND), whole, "default: one second more than readTimeout"
    )
    attempt = Layer("timeout", "readTimeout", chain.at("readTimeout"), id="read")
    attempt.put("after", Ns(patience), read, "default")
    result.layers = [total, *_pool(chain, log), attempt]
    for section in chain.sections:
        section.skip(**_REASONS)
        section.ignore(*OTHERS)
        section.rest()
    for name in services.names():
        if not isinstance(_node(services, name), Mapping) and any(uniform(name) == uniform(each) for each in FIELDS):
            log.unknown(
                services.at(name), f"clients have names here: `services.NAME.{safe_name(name)}`, or `client.…` for all"
            )
    log.trap("RL186", "`@Retryable` and `@CircuitBreaker` stand in the code, around this client", chain.at(""))
    return result


def _time(chain: Chain, name: str) -> Value[int] | None:
    found: Value[int] | None = chain.get("duration", name, _duration, SPAN)
    return found if found is None or found.value > 0 else None


def _pool(chain: Chain, log: Log) -> list[Layer]:
    pools = Chain([section.section("pool") for section in chain.sections if "pool" in section])
    if not pools:
        return []
    most = pools.get("count", "maxConcurrentHttp1Connections", 1)
    queue = pools.get("count", "maxPendingAcquires", 0)
    wait = _time(pools, "acquireTimeout")
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
    if wait is not None:
        layer.put("max_wait", Ns(wait.value), wait)
    return [layer]


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
    times = [config.after for config in parts.stack if isinstance(config, TimeoutConfig)]
    if times:
        lines.append(f"        read-timeout: {durations.show_spring(times[-1])}")
    if len(times) > 1:
        lines.append(f"        request-timeout: {durations.show_spring(times[0])}")
    if parts.bulkhead is not None:
        lines += ["        pool:", f"          max-concurrent-http1-connections: {parts.bulkhead.max_concurrent}"]
        lines.append(f"          max-pending-acquires: {parts.bulkhead.queue}")
        if parts.bulkhead.queue and parts.bulkhead.max_wait >= 0:
            lines.append(f"          acquire-timeout: {durations.show_spring(max(1, parts.bulkhead.max_wait))}")
    return "\n".join(lines if len(lines) > 4 else [*lines, "        read-timeout: 10s"]) + "\n"
