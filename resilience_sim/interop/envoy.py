"""Envoy: a cluster and the route to it, as static resources or pieces of them; one instance per cluster.

Rules: docs/reference/config-formats.md section 4, library-rules.md sections 2 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from resilience_sim.interop import durations, mesh
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import At, Log, distinct, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting, percent
from resilience_sim.interop.mesh import (
    assume_hosts,
    backoff,
    chosen,
    ejection,
    limits,
    native,
    nobody_ejected,
    retry_on,
)
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import traps
from resilience_sim.interop.write_envoy import write
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence

__all__ = ["TRAPS", "convert", "instances", "recognises", "routes", "write"]

TRAPS = mesh.TRAPS | traps(
    """
RL134 warning: Envoy's default route timeout
    A route without `timeout` has one of 15 s, all retries included.
"""
)

NAME = "envoy"
SPAN = "durations are decimal seconds, `1.4s`"
SECOND = 1_000_000_000
_DEFAULT_ON: tuple[str, ...] = ()
_ELSEWHERE = {  # settings of a listener, which act on every route
    "stream_idle_timeout": "streams that idle are not simulated",
    "request_timeout": "requests arrive whole",
    "token_bucket": "for a local rate limit write a `rate_limiter`",
}
_CLUSTER = {"circuit_breakers", "outlier_detection", "connect_timeout", "lb_policy", "load_assignment"}


def _walk(node: Node, depth: int = 0) -> Iterator[tuple[str, Entry]]:
    """Every key anywhere below."""
    if depth > 30:
        return
    if isinstance(node, Mapping):
        for name, entry in node.entries.items():
            yield name, entry
            yield from _walk(entry.value, depth + 1)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _walk(item, depth + 1)


def _get(node: Node | None, name: str) -> Node | None:
    """A field, in the notation of protobuf's JSON or in the names of the messages."""
    if not isinstance(node, Mapping):
        return None
    entry = node.entries.get(name) or node.entries.get(_camel(name))
    return entry.value if entry else None


def _text(node: Node | None, name: str) -> str:
    value = _get(node, name)
    return str(value.value) if isinstance(value, Scalar) and value.value is not None else ""


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(each.capitalize() for each in rest)


@dataclass(frozen=True, slots=True)
class Route:
    """A route, its virtual host, and the field that says where it leads."""

    host: Mapping
    entry: Mapping
    action: Mapping

    def names(self) -> list[str]:
        """What ``--route`` may call it."""
        match = _get(self.entry, "match")
        found = [_text(match, kind) for kind in ("path", "prefix")] + [_text(_get(match, "safe_regex"), "regex")]
        return [each for each in (_text(self.entry, "name"), *found, _text(self.host, "name")) if each]


@dataclass(slots=True)
class Cluster:
    """A cluster by its name: its definition, if the file has it, and the routes to it."""

    node: Mapping | None = None
    routes: list[Route] = field(default_factory=list)


def _clusters(file: ConfigFile) -> dict[str, Cluster]:
    """Every cluster that is defined or led to. Made once."""
    known: dict[str, Cluster] | None = file.memo.get(NAME)
    if known is not None:
        return known
    found: dict[str, Cluster] = {}
    hosts: list[Mapping] = []
    for document in file.documents:
        for name, entry in _walk(document):
            items = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
            if name in ("clusters", "cluster"):
                for item in items:
                    if _text(item, "name") and isinstance(item, Mapping) and any(_get(item, key) for key in _CLUSTER):
                        found.setdefault(_text(item, "name"), Cluster()).node = item
            elif name in ("virtual_hosts", "virtualHosts"):
                hosts += [item for item in items if isinstance(item, Mapping)]
    for host in hosts:
        routes = _get(host, "routes")
        for item in routes.items if isinstance(routes, Sequence) else ():
            action = _get(item, "route")
            if isinstance(action, Mapping) and isinstance(item, Mapping) and _text(action, "cluster"):
                found.setdefault(_text(action, "cluster"), Cluster()).routes.append(Route(host, item, action))
    file.memo[NAME] = found
    return found


def recognises(file: ConfigFile) -> bool:
    """Whether there is a cluster or a virtual host in the notation of Envoy."""
    return bool(_clusters(file))


def instances(file: ConfigFile) -> list[str]:
    """The clusters."""
    return list(distinct(_clusters(file)))


def routes(file: ConfigFile) -> Iterator[tuple[str, str]]:
    """What ``--route`` may say."""
    for shown, name in distinct(_clusters(file)).items():
        for number, route in enumerate(_clusters(file)[name].routes, 1):
            yield str(number), f"to {shown}"
            yield from ((safe_name(each), f"to {shown}") for each in route.names())


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """Timeout, retry and hedge of the route, then the limits and the ejection of the cluster."""
    result = Converted(NAME, f"Envoy, cluster '{instance}'", instance)
    cluster = _clusters(file)[distinct(_clusters(file))[instance]]
    outer: list[Layer] = []
    attempt: list[Layer] = []
    retry: Layer | None = None
    if cluster.routes:
        index = chosen([each.names() for each in cluster.routes], file.route)
        route = cluster.routes[index]
        if len(cluster.routes) > 1:
            result.remarks.append(
                f"{len(cluster.routes)} routes lead to this cluster; this is number {index + 1} (--route names another)"
            )
        for each in cluster.routes:
            if each is not route:
                at = Section(each.action, "route", log, relaxed=True).at()
                log.skipped(at, "another route to the same cluster is simulated; `--route` names this one")
        outer, retry, attempt = _route(
            Section(route.host, "virtual_host", log, relaxed=True),
            Section(route.action, "route", log, relaxed=True),
            log,
        )
        static = any(_get(document, "static_resources") for document in file.documents)
        dynamic = any(_get(document, "dynamic_resources") for document in file.documents)
        if cluster.node is None and static and not dynamic:
            log.refused(
                "a route to a cluster that is not defined: Envoy does not start",
                Section(route.action, "route", log, relaxed=True).at("cluster"),
                "define it under `static_resources.clusters`",
            )
    for document in file.documents:
        for name, entry in _walk(document):
            why = _ELSEWHERE.get(name) or _ELSEWHERE.get(re.sub("([A-Z])", r"_\1", name).lower())
            if why:
                log.skipped(At(entry.key, name, f"{name}:"), why)
    inner: list[Layer] = []
    if cluster.node is not None:
        section = Section(cluster.node, f"clusters.{instance}", log, relaxed=True)
        section.ignore(
            "name",
            "type",
            "load_assignment",
            "hosts",
            "dns_lookup_family",
            "transport_socket",
            "alt_stat_name",
            "connect_timeout",
            "eds_cluster_config",
            "metadata",
            "dns_refresh_rate",
            "upstream_connection_options",
            "per_connection_buffer_limit_bytes",
            "common_http_protocol_options",
            "ignore_health_on_host_removal",
        )
        if "connect_timeout" in section:
            log.skipped(section.at("connect_timeout"), "connecting is part of the network's latency")
        section.skip(
            lb_policy="write `service.balancer`",
            health_checks="active checks are not simulated",
            lb_subset_config="one destination is simulated",
            max_requests_per_connection="a new connection costs nothing here",
        )
        high = bool(cluster.routes) and _text(route.action, "priority").lower() == "high"
        inner += _breakers(section.section("circuit_breakers"), retry, _speaks_http2(section), high, log)
        hosts = _endpoints(cluster.node)
        ejects = _outlier(section.section("outlier_detection"), hosts, log)
        _panic(section.section("common_lb_config"), ejects, log)
        inner += ejects
        result.replicas = max(1, hosts)
        section.rest()
    result.layers = [*outer, *([retry] if retry else []), *inner, *attempt]
    assume_hosts(result, log)
    return result


def _speaks_http2(section: Section) -> bool:
    """Whether requests share connections: the old field, or one of the options of the newer extension."""
    section.ignore("typed_extension_protocol_options")
    old = section.node_at("http2_protocol_options") is not None
    options = section.node_at("typed_extension_protocol_options")
    shared = ("http2_protocol_options", "http2ProtocolOptions", "http3_protocol_options", "http3ProtocolOptions")
    return old or (options is not None and any(name in shared for name, _ in _walk(options)))


def _panic(section: Section, ejects: list[Layer], log: Log) -> None:
    if not section:
        return
    panic = section.section("healthy_panic_threshold")
    share = panic.number("value")
    for layer in ejects:
        if share is not None:
            native(layer, "healthy_panic_threshold", share.value, share, log, "generic rules have no panic")
    section.ignore(*section.names())


def _endpoints(cluster: Mapping) -> int:
    assignment = cluster.entries.get("load_assignment")
    if assignment is None:
        return 0
    count = sum(1 for name, _ in _walk(assignment.value) if name == "endpoint")
    return min(count, 1000)


def _route(host: Section, route: Section, log: Log) -> tuple[list[Layer], Layer | None, list[Layer]]:
    """Layers around the retry, the retry, and the timeout of each try."""
    host.skip(
        rate_limits="write a `rate_limiter`",
        typed_per_filter_config="filters are not simulated; for a local rate limit write a `rate_limiter`",
        request_mirror_policies="one destination is simulated",
    )
    host.ignore(*[name for name in host.names() if name not in ("retry_policy", "hedge_policy")])
    total = route.duration("timeout", durations.protobuf, SPAN)
    layers = []
    if total is None:
        log.trap(
            "RL134",
            "no `timeout` on the route is not no timeout: Envoy's default is 15 s, all retries included",
            route.at(),
            "write the timeout that you mean; `0s` switches it off",
        )
    if total is None or total.value:
        layer = Layer(
            "timeout", "route.timeout: the whole request", total.at if total else None, id="total", like="envoy"
        )
        layer.put("after", Ns(total.value if total else 15 * SECOND), total, "default")
        layers.append(layer)
    policy = route.section("retry_policy") or host.section("retry_policy")
    hedge = route.section("hedge_policy") or host.section("hedge_policy")
    retry, attempt = _retry(policy, total, hedge, log) if policy else (None, [])
    route.ignore(
        "cluster",
        "prefix_rewrite",
        "host_rewrite_literal",
        "auto_host_rewrite",
        "cluster_header",
        "priority",
        "metadata_match",
        "regex_rewrite",
        "hash_policy",
        "cors",
        "upgrade_configs",
        "append_x_forwarded_host",
    )
    route.skip(
        typed_per_filter_config="filters are not simulated; for a local rate limit write a `rate_limiter`",
        internal_redirect_policy="answers are not redirects",
        weighted_clusters="one destination is simulated",
        rate_limits="write a `rate_limiter`",
        idle_timeout="streams are not simulated",
        max_stream_duration="streams are not simulated",
        request_mirror_policies="one destination is simulated",
    )
    route.rest()
    return layers, retry, attempt


def _retry(section: Section, total: Value[int] | None, hedge: Section, log: Log) -> tuple[Layer, list[Layer]]:
    on = hedge.flag("hedge_on_per_try_timeout") if hedge else None
    retries = section.count("num_retries") or _wrapped(section, "num_retries")
    each = section.duration("per_try_timeout", durations.protobuf, SPAN)
    number = retries.value if retries else 1
    layer = Layer("retry", section.path, section.at(), like="envoy")
    if on and on.value and each:
        layer = Layer("hedge", f"{hedge.path}: a second try beside the slow one", hedge.at(), like="envoy")
        layer.put("delay", Ns(each.value), each)
        layer.put("max_extra", max(1, number), retries, "default 1")
        section.ignore("retry_on", "retry_back_off")
    else:
        layer.put("attempts", number + 1, retries, "default 1")
        if retries:
            log.trap(
                "RL132",
                f"`num_retries` {number} does not count the first call: up to {number + 1} calls",
                retries.at,
                "subtract one if you meant calls",
            )
        waits = section.section("retry_back_off")
        backoff(
            layer,
            waits.duration("base_interval", durations.protobuf, SPAN),
            waits.duration("max_interval", durations.protobuf, SPAN),
        )
        waits.rest()
        words = section.texts("retry_on")
        codes = [code for code in section.texts("retriable_status_codes") if code.isdigit()]
        at = section.at("retry_on") if words else section.at()
        retry_on(layer, words + codes, at, log, ("unavailable",))
        if not words:
            log.trap(
                "RL139", "a retry policy without `retry_on` retries nothing", section.at(), "write `retry_on: 5xx`"
            )
            layer.put("attempts", 1, None, "nothing is retried without retry_on")
        if "rate_limited_retry_back_off" in section:
            layer.settings["honor_retry_after"] = Setting("true", "rate_limited_retry_back_off")
            section.ignore("rate_limited_retry_back_off")
        else:
            layer.settings["honor_retry_after"] = Setting("false", "no rate_limited_retry_back_off")
    hedge.skip(initial_requests="Envoy does not implement it", additional_request_chance="Envoy does not implement it")
    hedge.rest()
    section.skip(
        retry_priority="one destination is simulated",
        retry_host_predicate="the balancer deals attempts anew",
        host_selection_retry_max_attempts="the balancer deals attempts anew",
        retriable_headers="headers are not simulated",
        retriable_request_headers="headers are not simulated",
        per_try_idle_timeout="answers come whole",
        retry_options_predicates="the balancer deals attempts anew",
    )
    section.rest()
    if not (each and each.value) or layer.kind == "hedge":
        return layer, []
    limit = 15 * SECOND if total is None else total.value
    if limit and each.value >= limit:
        log.trap(
            "RL131",
            "a per-try timeout that is not shorter than the route's timeout is dropped: the first try may use "
            "all the time there is",
            each.at,
            "make it shorter than `timeout` divided by the tries",
        )
        return layer, []
    attempt = Layer("timeout", "retry_policy.per_try_timeout: each try", each.at, id="attempt", like="envoy")
    attempt.put("after", Ns(each.value), each)
    return layer, [attempt]


def _wrapped(section: Section, name: str) -> Value[int] | None:
    """``{value: 2}``, as wrapped numbers are sometimes written."""
    return section.section(name).count("value") if isinstance(section.node_at(name), Mapping) else None


SPAN = "durations are decimal seconds, `1.4s`"
RATES = (
    "enforcing_success_rate",
    "success_rate_minimum_hosts",
    "success_rate_request_volume",
    "success_rate_stdev_factor",
    "failure_percentage_threshold",
    "enforcing_failure_percentage",
    "failure_percentage_minimum_hosts",
    "failure_percentage_request_volume",
)


def _breakers(section: Section, retry: Layer | None, http2: bool, high: bool, log: Log) -> list[Layer]:
    """``circuit_breakers``: limits of concurrency, of requests and of retries."""
    if not section:
        return []
    entry: Section | None = None
    for each in section.sections("thresholds"):
        priority = each.word("priority", fold=True)
        if (priority is not None and priority.value == "high") == high:
            entry = entry or each
        else:
            log.skipped(each.at(), "the route that is simulated has the other priority")
    section.skip(per_host_thresholds="limits per host are not simulated")
    section.rest()
    if entry is None:
        return []
    most = entry.count("max_requests", 1)
    queue = entry.count("max_pending_requests")
    connections = entry.count("max_connections", 1)
    log.trap(
        "RL140",
        "`circuit_breakers` break no circuit: they are limits of concurrency, and never look at failures",
        entry.at("max_requests") if most else entry.at(),
        "outlier_detection is what reacts to failures",
    )
    entry.skip(
        track_remaining="statistics only",
        max_connection_pools="connections are not simulated",
    )
    _retry_limits(entry, retry, log)
    entry.rest()
    return limits(section.path, most or queue or connections, most, queue, connections, 1024, http2, log)


def _retry_limits(section: Section, retry: Layer | None, log: Log) -> None:
    """``retry_budget`` or ``max_retries``: what limits retries at once."""
    budget = section.section("retry_budget")
    fixed = section.count("max_retries")
    if budget:
        share = budget.section("budget_percent").number("value")
        floor = budget.count("min_retry_concurrency")
        budget.ignore("budget_percent")
        budget.rest()
        if fixed:
            log.trap("RL141", "`max_retries` is ignored beside a `retry_budget`", fixed.at, "remove one of them")
        part = share.value if share else 20.0
        if retry is not None and retry.kind == "retry":
            shown = ", ".join(each.shown for each in (share, floor) if each) or "defaults"
            at = (share or floor).at if share or floor else section.at("retry_budget")  # type: ignore[union-attr]
            retry.settings["budget"] = Setting(percent(part / 100), f"retry_budget: {shown}", at)
            least = floor.value if floor else 3
            body = f"{{kind: envoy, budget_percent: {percent(part / 100)}, min_retry_concurrency: {least}}}"
            retry.exact["budget"] = Setting(body, f"retry_budget: {shown}", at)
            retry.remarks.append(
                "Envoy counts retries *at once* against requests at once; the ratio counts those of 10 s"
            )
        return
    number = fixed.value if fixed else 3
    if retry is not None and retry.kind == "retry":
        where = fixed.at if fixed else section.at()
        log.trap(
            "RL142",
            f"{'`max_retries` is' if fixed else '`max_retries` is not set, its default is'} {number}: at most "
            f"{number} retries at once in the whole cluster, others are not made",
            where,
            "use a retry_budget, which grows with the traffic",
        )
        log.skipped(where, "a cap on retries at once has no generic counterpart; write a `budget`")


def _outlier(section: Section, hosts: int, log: Log) -> list[Layer]:
    """``outlier_detection``: hosts that fail in a row are taken out for a time."""
    if not section:
        return []
    in_a_row = section.count("consecutive_5xx")
    gateway = section.count("consecutive_gateway_failure")
    gateway_share = section.count("enforcing_consecutive_gateway_failure")
    interval = section.duration("interval", durations.protobuf, SPAN)
    base = section.duration("base_ejection_time", durations.protobuf, SPAN)
    longest = section.duration("max_ejection_time", durations.protobuf, SPAN)
    share = section.count("max_ejection_percent")
    always = section.flag("always_eject_one_host")
    if not (always and always.value):
        nobody_ejected(
            log,
            share.value if share else 10,
            share.at if share else section.at(),
            "`max_ejection_percent` is" if share else "`max_ejection_percent` is not set, its default is",
            "set `always_eject_one_host: true`, or at least 100 divided by the number of hosts",
            hosts,
        )
    layer = Layer("circuit_breaker", f"{section.path}: outlier ejection", section.at(), like="envoy")
    ejection(layer, in_a_row.value if in_a_row else 5, in_a_row, base, longest, interval)
    if interval:
        log.skipped(interval.at, "generic rules come back on time, Envoy with the next sweep")
    if share:
        native(layer, "max_ejection_percent", share.value, share, log, "generic rules cut off B as a whole")
    if always:
        native(layer, "always_eject_one_host", always.value, always, log, "generic rules cut off B as a whole")
    _gateway(layer, gateway, gateway_share, in_a_row.value if in_a_row else 5, log)
    for name in RATES:
        found = section.number(name)
        if found:
            value = int(found.value) if found.value == int(found.value) else found.value
            native(layer, name, value, found, log, "generic rules do not compare hosts with each other")
    section.skip(
        **dict.fromkeys(
            (
                "split_external_local_origin_errors",
                "consecutive_local_origin_failure",
                "enforcing_consecutive_local_origin_failure",
                "enforcing_local_origin_success_rate",
                "enforcing_failure_percentage_local_origin",
            ),
            "all errors count alike",
        ),
        max_ejection_time_jitter="the open time is not spread by chance",
        successful_active_health_check_uneject_host="active checks are not simulated",
        monitors="extensions are not read",
    )
    enforced = section.count("enforcing_consecutive_5xx")
    section.rest()
    if (in_a_row and in_a_row.value == 0) or (enforced and enforced.value == 0):
        at = in_a_row.at if in_a_row and in_a_row.value == 0 else enforced.at if enforced else section.at()
        log.trap("RL136", "this switches the check of failures in a row off: no host is ejected for them", at)
        return []
    return [layer]


def _gateway(layer: Layer, gateway: Value[int] | None, share: Value[int] | None, limit: int, log: Log) -> None:
    if gateway is None:
        return
    layer.exact["consecutive_gateway_failure"] = Setting(str(max(1, gateway.value)), gateway.shown, gateway.at)
    if share is not None:
        layer.exact["enforcing_consecutive_gateway_failure"] = Setting(str(share.value), share.shown, share.at)
    if share is None or share.value == 0:
        log.trap(
            "RL135",
            "`consecutive_gateway_failure` has no effect: its enforcement is 0 % unless set",
            gateway.at,
            "set `enforcing_consecutive_gateway_failure: 100`",
        )
    elif gateway.value >= limit:
        log.trap(
            "RL135",
            f"`consecutive_gateway_failure` {gateway.value} has no effect: {limit} failures of any kind eject before",
            gateway.at,
            f"set it below {limit}",
        )
    else:
        log.skipped(gateway.at, "503 and 504 count like every 5xx")
