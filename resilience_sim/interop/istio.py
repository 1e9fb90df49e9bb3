"""Istio: VirtualService and DestinationRule, one instance per host.

Rules: istio/api b8f8791 (docs/reference/config-formats.md section 3).
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience_sim.interop import durations, mesh
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.durations import show_go
from resilience_sim.interop.findings import At, Log, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.mesh import (
    assume_hosts,
    backoff,
    ejection,
    failures_in_a_row,
    native,
    nobody_ejected,
    note_backoff,
    note_unsupported,
    retry_on,
    retry_words,
)
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import traps
from resilience_sim.interop.writing import Parts, number
from resilience_sim.policies.config_outliers import OutlierConfig
from resilience_sim.scenario.tree import Mapping, Scalar

TRAPS = mesh.TRAPS | traps(
    """
RL133 warning: no retries written is not no retries
    Istio's mesh-wide default is two retries on connect-failure, refused-stream, unavailable and cancelled. To
    switch them off write `retries: {attempts: 0}`.
RL137 info: panic below the minimum of healthy hosts
    When fewer than `minHealthPercent` of the hosts are left, Istio stops ejecting and balances over all of them,
    sick ones too.
RL138 warning: port-level settings do not inherit
    An Istio `portLevelSettings` entry replaces the policy above it entirely: what it does not repeat has the
    default.
"""
)

NAME = "istio"
_DEFAULT_ON = ("refused", "unavailable", "shed")
_KINDS = ("VirtualService", "DestinationRule")
SPAN = "durations are `1.5s`, `1500ms`, `1m`"
_NO_ROUTING = "one route to one destination is simulated"


def _kind(document: Mapping) -> str:
    version, kind = (document.entries.get(name) for name in ("apiVersion", "kind"))
    ours = version and isinstance(version.value, Scalar) and str(version.value.value).startswith("networking.istio.io/")
    found = str(kind.value.value) if ours and kind and isinstance(kind.value, Scalar) else ""
    return found if found in _KINDS else ""


def recognises(file: ConfigFile) -> bool:
    """Whether a document is one of the two kinds."""
    return any(_kind(document) for document in file.documents)


def _short(host: str) -> str:
    return safe_name(host.split(".", maxsplit=1)[0])


def _specs(file: ConfigFile, log: Log) -> Iterator[tuple[str, Section]]:
    for document in file.documents:
        kind = _kind(document)
        if kind:
            yield kind, Section(document, "", log).section("spec")


def _hosts(kind: str, spec: Section) -> list[str]:
    return [_short(host) for host in (spec.texts("hosts") if kind == "VirtualService" else spec.texts("host"))]


def instances(file: ConfigFile) -> list[str]:
    """The hosts."""
    found: dict[str, None] = {}
    for kind, spec in _specs(file, Log()):
        found.update(dict.fromkeys(_hosts(kind, spec)))
    return list(found)


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The stack in front of one host: timeout, retry, limits, ejection."""
    result = Converted(NAME, f"Istio, host '{instance}'", instance)
    outer: list[Layer] = []
    inner: list[Layer] = []
    attempt: list[Layer] = []
    routed = False
    for kind, spec in _specs(file, log):
        if instance not in _hosts(kind, spec):
            continue
        if kind == "VirtualService":
            outer, attempt = _service(spec, log, result)
            routed = True
        else:
            inner = _rule(spec, log)
    if not routed:
        outer = [_mesh_retry(None)]
        result.remarks.append("no VirtualService for this host: the mesh retries all the same, twice by default")
    result.layers = [*outer, *inner, *attempt]
    assume_hosts(result, log)
    return result


def _mesh_retry(at: At | None) -> Layer:
    layer = Layer("retry", "the mesh's default retries", at, like="envoy")
    layer.put("attempts", 3, None, "default of the mesh: 2 retries")
    backoff(layer, None, None)
    layer.settings["on"] = retry_on([], at, Log(), _DEFAULT_ON) if at else retry_on([], None, Log(), _DEFAULT_ON)  # type: ignore[arg-type]
    return layer


def _service(spec: Section, log: Log, result: Converted) -> tuple[list[Layer], list[Layer]]:
    spec.ignore("hosts", "gateways", "exportTo")
    spec.skip(tls=_NO_ROUTING, tcp=_NO_ROUTING)
    routes = spec.sections("http")
    spec.rest()
    if len(routes) > 1:
        result.remarks.append(f"the VirtualService has {len(routes)} routes; this is the first")
        log.skipped(routes[1].at(), "only the first route of a VirtualService is imported")
    if not routes:
        return [_mesh_retry(None)], []
    route = routes[0]
    route.ignore("name", "route", "match")
    route.skip(
        **dict.fromkeys(
            (
                "redirect",
                "directResponse",
                "delegate",
                "rewrite",
                "mirror",
                "mirrors",
                "mirrorPercentage",
                "mirrorPercent",
                "corsPolicy",
                "headers",
            ),
            _NO_ROUTING,
        )
    )
    route.skip(fault="write it as a fault of the scenario: `faults: [- latency …, - errors …]`")
    layers: list[Layer] = []
    total = route.duration("timeout", durations.istio, SPAN)
    if total and total.value:
        layer = Layer("timeout", f"{route.path}.timeout: the whole request", total.at, id="total", like="envoy")
        layer.put("after", Ns(total.value), total)
        layers.append(layer)
    retries = route.section("retries")
    retry, attempt = _retries(retries, total, log) if retries else (_mesh_retry(None), [])
    if not retries:
        log.trap(
            "RL133",
            "no `retries` is not no retries: the mesh's default is 2",
            route.at(),
            "write `retries: {attempts: 0}` to switch them off",
        )
    route.rest()
    return ([*layers, retry] if retry else layers), attempt


def _retries(section: Section, total: Value[int] | None, log: Log) -> tuple[Layer | None, list[Layer]]:
    attempts = section.count("attempts")
    each = section.duration("perTryTimeout", durations.istio, SPAN)
    base = section.duration("backoff", durations.istio, SPAN)
    words = section.texts("retryOn")
    section.skip(
        retryRemoteLocalities="there is one place only", retryIgnorePreviousHosts="the balancer deals attempts anew"
    )
    at = section.at("retryOn") if words else section.at()
    attempt: list[Layer] = []
    if each and total and total.value and each.value >= total.value:
        log.trap(
            "RL131",
            "a per-try timeout that is not shorter than the route's timeout is dropped: the first try may use "
            "all the time there is",
            each.at,
            "make it shorter than `timeout` divided by the tries",
        )
    elif each and each.value:
        layer = Layer("timeout", f"{section.path}.perTryTimeout: each try", each.at, id="attempt", like="envoy")
        layer.put("after", Ns(each.value), each)
        attempt = [layer]
    section.rest()
    if attempts and attempts.value == 0:
        return None, attempt
    layer = Layer("retry", section.path, section.at(), like="envoy")
    layer.put("attempts", (attempts.value if attempts else 2) + 1, attempts, "default of the mesh: 2 retries")
    if attempts:
        log.trap(
            "RL132",
            f"`attempts` {attempts.value} counts retries: up to {attempts.value + 1} calls",
            attempts.at,
            "subtract one if you meant calls",
        )
    backoff(layer, base, None)
    layer.settings["on"] = retry_on(words, at, log, _DEFAULT_ON)
    return layer, attempt


def _rule(spec: Section, log: Log) -> list[Layer]:
    spec.ignore("host", "exportTo", "workloadSelector")
    spec.skip(subsets="one destination is simulated")
    policy = spec.section("trafficPolicy")
    spec.rest()
    policy.skip(
        loadBalancer="write `service.balancer`",
        tls="encryption costs nothing here",
        tunnel=_NO_ROUTING,
        proxyProtocol=_NO_ROUTING,
    )
    if "portLevelSettings" in policy:
        log.trap(
            "RL138",
            "port-level settings do not inherit from the policy above: what they leave out has Istio's default",
            policy.at("portLevelSettings"),
            "repeat everything under the port",
        )
        policy.skip(portLevelSettings="the policy above is imported")
    layers = []
    if "retryBudget" in policy:
        budget = policy.section("retryBudget")
        log.skipped(policy.at("retryBudget"), "write it as `budget` of the retry: a ratio")
        budget.ignore(*budget.names())
    pool = policy.section("connectionPool")
    if pool:
        layers += _pool(pool, log)
    section = policy.section("outlierDetection")
    if section:
        layers += _outlier(section, log)
    policy.rest()
    return layers


def _pool(pool: Section, log: Log) -> list[Layer]:
    tcp, http = pool.section("tcp"), pool.section("http")
    tcp.skip(
        maxConnections="connections are not simulated; requests at once are",
        connectTimeout="connecting is part of the network's latency",
        tcpKeepalive="connections are not simulated",
        maxConnectionDuration="connections are not simulated",
        idleTimeout="connections are not simulated",
    )
    most = http.count("http2MaxRequests", 1)
    queue = http.count("http1MaxPendingRequests")
    http.skip(
        maxRetries="a cap on retries at once has no generic counterpart; write a `budget`",
        maxRequestsPerConnection="connections are not simulated",
        idleTimeout="connections are not simulated",
        h2UpgradePolicy="no meaning here",
        useClientProtocol="no meaning here",
        maxConcurrentStreams="connections are not simulated",
    )
    for section in (tcp, http, pool):
        section.rest()
    if most is None and queue is None:
        return []
    layer = Layer("bulkhead", f"{http.path}: for HTTP/1 and HTTP/2 alike", http.at(), like="envoy")
    layer.put("max_concurrent", most.value if most else 1024, most, "default of Istio: 2^32-1")
    if most is None:
        layer.put("max_concurrent", 1_000_000, None, "default: practically none")
    layer.put("queue", min(1_000_000, queue.value) if queue else 1_000_000, queue, "default: practically none")
    return [layer]


SPAN = "durations are `1.5s`, `1500ms`, `1m`"


def _outlier(section: Section, log: Log) -> list[Layer]:
    """One breaker for the ejection, or none when it is switched off."""
    in_a_row = section.count("consecutive5xxErrors")
    gateway = section.count("consecutiveGatewayErrors")
    interval = section.duration("interval", durations.istio, SPAN)
    base = section.duration("baseEjectionTime", durations.istio, SPAN)
    share = section.count("maxEjectionPercent")
    health = section.count("minHealthPercent")
    section.skip(
        consecutiveErrors="deprecated; Istio ignores it",
        splitExternalLocalOriginErrors="all errors count alike",
        consecutiveLocalOriginFailures="all errors count alike",
    )
    nobody_ejected(
        log,
        share.value if share else 10,
        share.at if share else section.at(),
        "`maxEjectionPercent` is" if share else "`maxEjectionPercent` is not set, its default is",
        "set `maxEjectionPercent: 100`, or to at least 100 divided by the number of hosts",
    )
    if health and health.value:
        log.trap(
            "RL137",
            f"below {health.value} % healthy hosts ejection is ignored and everybody gets traffic again (panic)",
            health.at,
            "know that a large outage switches ejection off",
        )
    limit = in_a_row.value if in_a_row else 5
    if gateway and gateway.value and limit and gateway.value >= limit:
        log.trap(
            "RL135",
            f"`consecutiveGatewayErrors` {gateway.value} has no effect: a gateway error is a 5xx too, "
            f"and {limit} of "
            "those eject before",
            gateway.at,
            f"set it below {limit}",
        )
    section.rest()
    if in_a_row and in_a_row.value == 0:
        log.trap("RL136", "`consecutive5xxErrors: 0` switches this check off; it is no limit of none", in_a_row.at)
        if not (gateway and gateway.value):
            return []
    layer = Layer("circuit_breaker", f"{section.path}: outlier ejection", section.at(), like="envoy")
    source = in_a_row if limit else gateway
    ejection(layer, limit or (gateway.value if gateway else 5), source, base, None, interval)
    layer.exact["enforcing_success_rate"] = Setting("0", "Istio never compares success rates")
    layer.exact["healthy_panic_threshold"] = Setting("0", "default of Istio: no panic")
    if share:
        native(layer, "max_ejection_percent", share.value, share, log, "generic rules cut off B as a whole")
    if health:
        native(layer, "healthy_panic_threshold", health.value, health, log, "generic rules have no panic")
    if gateway and gateway.value:
        native(layer, "consecutive_gateway_failure", gateway.value, gateway, log, "503 and 504 count like every 5xx")
        layer.exact["enforcing_consecutive_gateway_failure"] = Setting("100", "Istio enforces it once it is set")
    if interval:
        log.skipped(interval.at, "generic rules come back on time, Istio with the next sweep")
    return [layer]


def write(parts: Parts) -> str:
    """Both documents, for a host of the scenario's name."""
    note_unsupported(parts)
    if parts.hedge is not None:
        parts.lost(f"`{parts.hedge.id}`", "Istio has no hedging")
    lines = [
        "apiVersion: networking.istio.io/v1",
        "kind: VirtualService",
        f"metadata: {{name: {parts.name}}}",
        "spec:",
        f"  hosts: [{parts.name}]",
        "  http:",
        f"  - route: [{{destination: {{host: {parts.name}}}}}]",
    ]
    total = parts.total or (parts.attempt if parts.retry is None else None)
    if total is not None:
        lines.append(f"    timeout: {show_go(total.after)}")
    lines += _write_retries(parts)
    rule = _write_rule(parts)
    if rule:
        lines += [
            "---",
            "apiVersion: networking.istio.io/v1",
            "kind: DestinationRule",
            f"metadata: {{name: {parts.name}}}",
            "spec:",
            f"  host: {parts.name}",
            "  trafficPolicy:",
            *rule,
        ]
    return "\n".join(lines) + "\n"


def _write_retries(parts: Parts) -> list[str]:
    retry = parts.retry
    if retry is None:
        return ["    retries: {attempts: 0}"]
    note_backoff(parts, retry)
    if retry.max_delay and retry.max_delay != 10 * retry.delay:
        parts.lost("`max_delay`", "always ten times the backoff")
    if retry.budget is not None:
        parts.lost("the budget", "written in a newer Istio as trafficPolicy.retryBudget, by hand")
    each = f", perTryTimeout: {show_go(parts.attempt.after)}" if parts.attempt else ""
    backoff = f", backoff: {show_go(retry.delay)}" if retry.delay else ""
    words = retry_words(parts, retry)
    return [f'    retries: {{attempts: {retry.attempts - 1}{each}{backoff}, retryOn: "{words}"}}']


def _write_rule(parts: Parts) -> list[str]:
    lines = []
    if parts.bulkhead is not None:
        bulkhead = parts.bulkhead
        lines += [
            "    connectionPool:",
            f"      http: {{http2MaxRequests: {bulkhead.max_concurrent}, http1MaxPendingRequests: {bulkhead.queue}}}",
        ]
        if bulkhead.max_wait > 0:
            parts.lost("`max_wait` of the bulkhead", "pending requests wait until the route's timeout")
    view = parts.breaker
    if view is not None:
        row = failures_in_a_row(parts)
        if view.probes < 1000:
            parts.lost("half open", "an ejected host comes back fully")
        lines += [
            "    outlierDetection:",
            f"      consecutive5xxErrors: {row}",
            f"      baseEjectionTime: {show_go(view.recovery)}",
            *(_write_outlier(parts.outlier) if parts.outlier else ["      maxEjectionPercent: 100"]),
        ]
    return lines


def _write_outlier(config: OutlierConfig) -> list[str]:
    """What the mesh has beyond a breaker's settings."""
    lines = [
        f"      interval: {show_go(config.interval)}",
        f"      maxEjectionPercent: {number(config.max_ejection_percent)}",
    ]
    if config.enforcing_consecutive_gateway_failure:
        lines.append(f"      consecutiveGatewayErrors: {config.consecutive_gateway_failure}")
    if config.healthy_panic_threshold:
        lines.append(f"      minHealthPercent: {number(config.healthy_panic_threshold)}")
    return lines
