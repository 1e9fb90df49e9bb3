"""Istio: VirtualService and DestinationRule, one instance per host.

Rules: istio/api b8f8791 (docs/reference/config-formats.md section 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from resilience_sim.interop import durations, mesh
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.durations import show_go
from resilience_sim.interop.findings import Log, distinct, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.mesh import (
    assume_hosts,
    backoff,
    chosen,
    ejection,
    failures_in_a_row,
    limits,
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
from resilience_sim.scenario.text.tree import Mapping, Node, Scalar, Sequence
from resilience_sim.settings.breaker import OutlierConfig

TRAPS = mesh.TRAPS | traps(
    """
RL133 warning: no retries written is not no retries
    Istio's mesh-wide default is two retries on connect-failure, refused-stream, unavailable and cancelled (the last two
    are statuses of gRPC; before 1.24 also on 503). To switch them off write `retries: {attempts: 0}`.
RL137 info: panic below the minimum of healthy hosts
    When fewer than `minHealthPercent` of the hosts are left, Istio stops ejecting and balances over all of them,
    sick ones too.
RL138 warning: port-level settings do not inherit
    An Istio `portLevelSettings` entry replaces the policy above it entirely: what it does not repeat has the
    default.
"""
)

NAME = "istio"
_DEFAULT_ON = ("refused", "shed")
_KINDS = ("VirtualService", "DestinationRule")
SPAN = "durations are `1.5s`, `1500ms`, `1m`"
_NO_ROUTING = "one route to one destination is simulated"
_CLUSTER = ".svc.cluster.local"


# --- who talks to whom ---


@dataclass(frozen=True, slots=True)
class Route:
    """One route to one destination: the rule it stands in, its place there, and the entry of the destination."""

    document: Mapping
    rule: str
    place: int
    entry: Mapping
    destination: Mapping | None
    host: str
    subset: str = ""

    def names(self) -> list[str]:
        """What ``--route`` may call it."""
        found = [self.rule, self.subset, _text(self.entry, "name")]
        for match in _items(self.entry, "match"):
            uri = match.entries.get("uri")
            found += [_text(uri.value, kind) for kind in ("exact", "prefix", "regex")] if uri else []
        return [each for each in found if each]


@dataclass(slots=True)
class Host:
    """One destination by its full name: the routes to it, and the rules that may be about it, the last one counts."""

    routes: list[Route] = field(default_factory=list)
    rules: list[Mapping] = field(default_factory=list)


def _kind(document: Mapping) -> str:
    ours = _text(document, "apiVersion").startswith("networking.istio.io/")
    found = _text(document, "kind") if ours else ""
    return found if found in _KINDS else ""


def _text(node: Node | None, name: str) -> str:
    entry = node.entries.get(name) if isinstance(node, Mapping) else None
    value = entry.value.value if entry and isinstance(entry.value, Scalar) else None
    return "" if value is None else str(value)


def _items(node: Node | None, name: str) -> list[Mapping]:
    entry = node.entries.get(name) if isinstance(node, Mapping) else None
    items = entry.value.items if entry and isinstance(entry.value, Sequence) else ()
    return [each for each in items if isinstance(each, Mapping)]


def recognises(file: ConfigFile) -> bool:
    """Whether a document is one of the two kinds."""
    return any(_kind(document) for document in file.documents)


def _full(host: str, document: Mapping) -> str:
    """The full name: a name without dots is one of the namespace of the rule that says it."""
    metadata = document.entries.get("metadata")
    namespace = _text(metadata.value, "namespace") if metadata else ""
    if host.endswith(".svc"):
        return host + ".cluster.local"
    return f"{host}.{namespace}{_CLUSTER}" if namespace and "." not in host and "*" not in host else host


def _hosts(file: ConfigFile) -> dict[str, Host]:
    """Every destination of a route, and every host of a rule. Made once."""
    known: dict[str, Host] | None = file.memo.get(NAME)
    if known is not None:
        return known
    found: dict[str, Host] = {}
    rules: dict[str, list[Mapping]] = {}
    for document in file.documents:
        kind, holder = _kind(document), document.entries.get("spec")
        spec = holder.value if holder and isinstance(holder.value, Mapping) else None
        if kind == "VirtualService" and spec is not None:
            for route in _routes(document, spec):
                if route.host:
                    found.setdefault(_full(route.host, document), Host()).routes.append(route)
        elif kind == "DestinationRule" and spec is not None and _text(spec, "host"):
            rules.setdefault(_full(_text(spec, "host"), document), []).append(document)
    for name, documents in rules.items():
        found.setdefault(name, Host()).rules += documents
    wildcards = sorted((name for name in rules if name.startswith("*")), key=len)
    for name, known_host in found.items():  # a rule for exactly this host, else the closest with a wildcard
        wild = [each for each in wildcards if name.endswith(each[1:]) and each != name]
        if not known_host.rules and wild:
            known_host.rules += rules[wild[-1]]
    for short in [name for name in found if "." not in name]:  # without a namespace: that of the only one of this name
        full = [name for name in found if name.startswith(f"{short}.") and name.endswith(_CLUSTER)]
        if len(full) == 1:
            found[full[0]].routes += found[short].routes
            found[full[0]].rules += found.pop(short).rules
    file.memo[NAME] = found
    return found


def _below(node: Node | None, name: str) -> Node | None:
    entry = node.entries.get(name) if isinstance(node, Mapping) else None
    return entry.value if entry else None


def _routes(document: Mapping, spec: Mapping) -> Iterator[Route]:
    rule = _text(_below(document, "metadata"), "name")
    for place, entry in enumerate(_items(spec, "http")):
        for each in _items(entry, "route"):
            to = _below(each, "destination")
            yield Route(document, rule, place, entry, each, _text(to, "host"), _text(to, "subset"))
        if not any(name in entry.entries for name in ("route", "redirect", "directResponse", "delegate")):
            hosts = spec.entries["hosts"].value if "hosts" in spec.entries else None
            for host in hosts.items if isinstance(hosts, Sequence) else ():
                if isinstance(host, Scalar):
                    yield Route(document, rule, place, entry, None, str(host.value))


def instances(file: ConfigFile) -> list[str]:
    """The destinations, by their full names."""
    return list(_shown(file))


def _shown(file: ConfigFile) -> dict[str, str]:
    """The destinations as they are shown, each with its real name. Made once."""
    if "shown" not in file.memo:
        file.memo["shown"] = distinct(_hosts(file))
    found: dict[str, str] = file.memo["shown"]
    return found


def routes(file: ConfigFile) -> Iterator[tuple[str, str]]:
    """What ``--route`` may say."""
    for host in _hosts(file).values():
        for index, route in enumerate(host.routes, 1):
            about = f"route {route.place + 1} of {safe_name(route.rule)}"
            yield str(index), about
            yield from ((safe_name(name), about) for name in route.names())


# --- one destination ---


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The stack in front of one host: timeout, retry, limits, ejection."""
    result = Converted(NAME, f"Istio, host '{instance}'", instance)
    host = _hosts(file)[_shown(file)[instance]]
    outer: list[Layer] = []
    attempt: list[Layer] = []
    subset = ""
    if host.routes:
        route = _chosen(host.routes, file.route, log, result)
        subset = route.subset
        outer, attempt = _service(route, log)
    else:
        outer = [_mesh_retry()]
        result.remarks.append("no VirtualService leads to this host: the mesh retries all the same, twice by default")
    inner = _rule(Section(host.rules[-1], "", log).section("spec"), subset, log) if host.rules else []
    result.layers = [*outer, *inner, *attempt]
    if any(layer.kind == "retry" and "default of the mesh" in layer.settings["on"].origin for layer in result.layers):
        result.remarks.append(
            "the mesh's default retries are those of Istio 1.24 and later; before it retried a 503 too"
        )
    assume_hosts(result, log)
    return result


def _chosen(found: list[Route], wanted: str, log: Log, result: Converted) -> Route:
    """The route that was asked for, else the first; the others are named."""
    route = found[chosen([each.names() for each in found], wanted)]
    others = [each for each in found if each is not route]
    if others:
        result.remarks.append(
            f"{len(found)} routes lead to this host; this is number {found.index(route) + 1} (--route names another)"
        )
        for each in others:
            if each.entry is not route.entry:
                at = Section(each.entry, f"spec.http.{each.place}", log).at()
                log.skipped(at, "another route to the same host is simulated; `--route` names this one")
    return route


def _mesh_retry() -> Layer:
    layer = Layer("retry", "the mesh's default retries", None, like="envoy")
    layer.put("attempts", 3, None, "default of the mesh: 2 retries")
    backoff(layer, None, None)
    layer.put("on", list(_DEFAULT_ON), None, "default of the mesh")
    return layer


def _service(which: Route, log: Log) -> tuple[list[Layer], list[Layer]]:
    """Layers around the limits, and the timeout of each try."""
    spec = Section(which.document, "", log).section("spec")
    spec.ignore("hosts", "gateways", "exportTo", "http")
    spec.skip(tls=_NO_ROUTING, tcp=_NO_ROUTING)
    spec.rest()
    route = Section(which.entry, f"spec.http.{which.place}", log)
    route.ignore("name", "match")
    for each in route.sections("route"):
        if each.node is not which.destination:
            log.skipped(each.at("weight") if "weight" in each else each.at(), "another destination is simulated")
            continue
        each.ignore("destination")
        each.skip(headers=_NO_ROUTING)
        each.skip(weight="all calls go to this destination")
        each.rest()
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
    retry, attempt = _retries(retries, total, log) if retries else (_mesh_retry(), [])
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
    if not attempts or attempts.value == 0:
        if each or base or words:
            log.refused(
                "a retry policy without `attempts` (or with 0) retries nothing, and Istio's validation refuses it",
                attempts.at if attempts else section.at(),
                "write `attempts`",
            )
        return None, attempt
    layer = Layer("retry", section.path, section.at(), like="envoy")
    layer.put("attempts", attempts.value + 1, attempts)
    log.trap(
        "RL132",
        f"`attempts` {attempts.value} counts retries: up to {attempts.value + 1} calls",
        attempts.at,
        "subtract one if you meant calls",
    )
    backoff(layer, base, None)
    retry_on(layer, words, at, log, _DEFAULT_ON)
    return layer, attempt


def _rule(spec: Section, subset: str, log: Log) -> list[Layer]:
    spec.ignore("host", "exportTo", "workloadSelector")
    policy = spec.section("trafficPolicy")
    own = Section(None, "", log)
    for each in spec.sections("subsets"):
        name = each.word("name", fold=False)
        if subset and name and name.value == subset:
            each.ignore("labels")
            own = each.section("trafficPolicy")
            each.rest()
        else:
            log.skipped(each.at("name"), "another subset is simulated" if subset else "all of the host is simulated")
    spec.rest()
    layers = []
    found: dict[str, Section] = {}
    for part in (own, policy):  # each part of a subset's policy stands in place of the same part of the host's
        if not part:
            continue
        part.skip(
            loadBalancer="write `service.balancer`",
            tls="encryption costs nothing here",
            tunnel=_NO_ROUTING,
            proxyProtocol=_NO_ROUTING,
        )
        if "portLevelSettings" in part:
            log.trap(
                "RL138",
                "port-level settings do not inherit from the policy above: what they leave out has Istio's default",
                part.at("portLevelSettings"),
                "repeat everything under the port",
            )
            part.skip(portLevelSettings="the policy above is imported")
        for key in ("retryBudget", "connectionPool", "outlierDetection"):
            below = part.section(key)
            if below:
                found.setdefault(key, below)
        part.rest()
    if "retryBudget" in found:
        budget = found["retryBudget"]
        log.skipped(budget.at(), "write it as `budget` of the retry: a ratio")
        budget.ignore(*budget.names())
    if "connectionPool" in found:
        layers += _pool(found["connectionPool"], log)
    if "outlierDetection" in found:
        layers += _outlier(found["outlierDetection"], log)
    return layers


def _pool(pool: Section, log: Log) -> list[Layer]:
    tcp, http = pool.section("tcp"), pool.section("http")
    connections = tcp.count("maxConnections", 1)
    tcp.skip(
        connectTimeout="connecting is part of the network's latency",
        tcpKeepalive="connections are not simulated",
        maxConnectionDuration="connections are not simulated",
        idleTimeout="connections are not simulated",
    )
    most = http.count("http2MaxRequests", 1)
    queue = http.count("http1MaxPendingRequests")
    upgrade = http.word("h2UpgradePolicy")
    http.skip(
        maxRetries="a cap on retries at once has no generic counterpart; write a `budget`",
        maxRequestsPerConnection="a new connection costs nothing here",
        idleTimeout="connections are not simulated",
        useClientProtocol="HTTP/1.1 is simulated",
        maxConcurrentStreams="connections are not simulated",
    )
    for section in (tcp, http, pool):
        section.rest()
    return limits(
        http.path,
        (most or queue or connections),
        most,
        queue,
        connections,
        None,
        bool(upgrade and upgrade.value == "upgrade"),
        log,
    )


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
        lines.append("    connectionPool:")
        if bulkhead.queue:
            lines.append(f"      tcp: {{maxConnections: {bulkhead.max_concurrent}}}")
            lines.append(f"      http: {{http1MaxPendingRequests: {bulkhead.queue}}}")
        else:
            lines.append(f"      http: {{http2MaxRequests: {bulkhead.max_concurrent}}}")
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
