"""Envoy: a cluster and the route to it, as static resources or pieces of them.

Owns their fields, one instance per cluster. Rules: reference/CONFIG_FORMATS.md section 4, POLICY_SEMANTICS section 2.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience_sim.interop import durations
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.envoy_cluster import breakers, outlier
from resilience_sim.interop.findings import Log, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.mesh import assume_hosts, backoff, retry_on
from resilience_sim.interop.section import Section, Value
from resilience_sim.scenario.tree import Entry, Mapping, Node, Scalar, Sequence

NAME = "envoy"
SPAN = "durations are decimal seconds, `1.4s`"
SECOND = 1_000_000_000
_DEFAULT_ON: tuple[str, ...] = ()
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


def _items(file: ConfigFile, *names: str) -> Iterator[Mapping]:
    for document in file.documents:
        for name, entry in _walk(document):
            if name in names:
                found = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
                yield from (item for item in found if isinstance(item, Mapping))


def _clusters(file: ConfigFile) -> dict[str, Mapping]:
    found = {}
    for item in _items(file, "clusters", "cluster"):
        name = item.entries.get("name")
        if name and isinstance(name.value, Scalar) and _CLUSTER & set(item.entries):
            found[safe_name(str(name.value.value))] = item
    return found


def _routes(file: ConfigFile) -> Iterator[tuple[Mapping, Mapping, str]]:
    """Every route with its virtual host and the cluster it leads to."""
    for host in _items(file, "virtual_hosts"):
        routes = host.entries.get("routes")
        for item in routes.value.items if routes and isinstance(routes.value, Sequence) else ():
            action = item.entries.get("route") if isinstance(item, Mapping) else None
            if action and isinstance(action.value, Mapping):
                name = action.value.entries.get("cluster")
                text = str(name.value.value) if name and isinstance(name.value, Scalar) else ""
                yield host, action.value, safe_name(text)


def recognises(file: ConfigFile) -> bool:
    """Whether there is a cluster or a virtual host in the notation of Envoy."""
    return bool(_clusters(file)) or any(True for _ in _routes(file))


def instances(file: ConfigFile) -> list[str]:
    """The clusters."""
    return list(dict.fromkeys([*_clusters(file), *(name for _, _, name in _routes(file) if name)]))


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """Timeout, retry and hedge of the route, then the limits and the ejection of the cluster."""
    result = Converted(NAME, f"Envoy, cluster '{instance}'", instance)
    routes = [(host, action) for host, action, name in _routes(file) if name == instance]
    outer: list[Layer] = []
    attempt: list[Layer] = []
    retry: Layer | None = None
    if routes:
        host, action = routes[0]
        if len(routes) > 1:
            result.remarks.append(f"{len(routes)} routes lead to this cluster; this is the first")
            log.skipped(Section(routes[1][1], "route", log).at(), "only the first route to a cluster is imported")
        outer, retry, attempt = _route(Section(host, "virtual_host", log), Section(action, "route", log), log)
    inner: list[Layer] = []
    cluster = _clusters(file).get(instance)
    if cluster is not None:
        section = Section(cluster, f"clusters.{instance}", log)
        section.ignore(
            "name",
            "type",
            "load_assignment",
            "hosts",
            "dns_lookup_family",
            "http2_protocol_options",
            "typed_extension_protocol_options",
            "transport_socket",
            "alt_stat_name",
            "connect_timeout",
            "eds_cluster_config",
            "common_lb_config",
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
            max_requests_per_connection="connections are not simulated",
        )
        inner += breakers(section.section("circuit_breakers"), retry, log)
        hosts = _endpoints(cluster)
        inner += outlier(section.section("outlier_detection"), hosts, log)
        result.replicas = max(1, hosts)
        section.rest()
    result.layers = [*outer, *([retry] if retry else []), *inner, *attempt]
    assume_hosts(result, log)
    return result


def _endpoints(cluster: Mapping) -> int:
    assignment = cluster.entries.get("load_assignment")
    if assignment is None:
        return 0
    count = sum(1 for name, _ in _walk(assignment.value) if name == "endpoint")
    return min(count, 1000)


def _route(host: Section, route: Section, log: Log) -> tuple[list[Layer], Layer | None, list[Layer]]:
    """Layers around the retry, the retry, and the timeout of each try."""
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
        layer.settings["on"] = retry_on(words + codes, at, log, ("unavailable",))
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
