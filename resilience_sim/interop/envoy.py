"""Envoy: a route and the cluster that it leads to; one instance per cluster.

Rules: docs/reference/config-formats.md section 4, library-rules.md sections 2, 4 and 7.
"""

from __future__ import annotations

from resilience_sim.interop import durations, mesh
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.envoy_cluster import cluster_layers, endpoints, protocol_options
from resilience_sim.interop.envoy_index import (
    LOCAL_RATE_LIMIT,
    Route,
    get,
    index,
    instances,
    recognises,
    routes,
    text,
)
from resilience_sim.interop.findings import ALONE, Log
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.mesh import (
    assume_hosts,
    backoff,
    chosen,
    dropped_try,
    local_rate_limit,
    retry_on,
    status_codes,
)
from resilience_sim.interop.own import Own, is_name, the_same
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import traps
from resilience_sim.interop.write_envoy import write
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Sequence

__all__ = ["TRAPS", "convert", "instances", "own", "recognises", "routes", "write"]

TRAPS = mesh.TRAPS | traps(
    """
RL134 warning: Envoy's default route timeout
    A route without `timeout` has one of 15 s, all retries included.
RL145 warning: a local rate limit that refuses nobody
    `filter_enabled` and `filter_enforced` of Envoy's local rate limit are 0 % unless they are set: the filter then
    lets everything through. A configuration under `typed_per_filter_config` does nothing without the filter itself
    in the chain of the listener.
"""
)

NAME = "envoy"
SPAN = "durations are decimal seconds, `1.4s`"
SECOND = 1_000_000_000
_ONE = "one destination is simulated"
_HEADERS = "headers are not simulated"
_COUNTING = "statistics only"
_LISTED = "several limits by what the request says: write a `rate_limiter`"
_BODIES = "requests have no size"
_PREDICATES = "the balancer deals attempts anew"


def own(file: ConfigFile, instance: str) -> Own | None:
    """All that is said of one cluster and the routes to it alone (lint/twins.py), and its names."""
    found = index(file)
    cluster = found.clusters[found.shown[instance]]
    names: list[str] = []
    parts: list[Entry | Node] = [cluster.node] if cluster.node else []
    for route in cluster.routes:
        if route.part is not None:
            return None
        beside = get(route.host, "routes")
        alone = isinstance(beside, Sequence) and len(beside.items) == 1
        names += [text(route.host, "name")] if alone else []
        parts += [route.entry, route.host if alone else the_same(route.host)]
        parts += [the_same(route.manager)] if route.manager else []
    return Own((instance, *filter(is_name, names)), parts, inside=True)


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """Timeout, retry and hedge of the route, then the limits and the ejection of the cluster."""
    result = Converted(NAME, f"Envoy, cluster '{instance}'", instance)
    found = index(file)
    cluster = found.clusters[found.shown[instance]]
    outer: list[Layer] = []
    attempt: list[Layer] = []
    retry: Layer | None = None
    high = False
    if not cluster.routes:
        result.remarks.append("no route leads to this cluster: one without settings is taken")
        layer = Layer("timeout", "the whole request", None, id="total", like="envoy")
        layer.put("after", Ns(15 * SECOND), None, "default of a route")
        outer = [layer]
        result.at = _section(cluster.node, f"clusters.{instance}", log).at("name") if cluster.node else None
    else:
        route = _chosen(cluster.routes, file.route, log, result)
        high = text(route.action, "priority").lower() == "high"
        result.at = _section(route.action, "route", log).at()
        outer = _local_rate_limit(route, log)
        timeout, retry, attempt = _route(route, cluster.node, log)
        outer += timeout
        if cluster.node is None and found.static and route.checked:
            log.refused(
                "a route to a cluster that is not defined: Envoy does not start",
                _section(route.action, "route", log).at("cluster"),
                "define it under `static_resources.clusters`",
            )
    for at, why in found.elsewhere:
        log.skipped(at, why)
    for each in found.twice:
        log.refused(
            "a second cluster of the same name: Envoy does not start",
            _section(each, "static_resources.clusters", log).at("name"), "give it a name of its own, or remove it",
        )  # fmt: skip
    inner: list[Layer] = []
    if cluster.node is not None:
        inner = cluster_layers(_section(cluster.node, f"clusters.{instance}", log), retry, high, log)
        result.replicas = max(1, endpoints(cluster.node))
    elif retry is not None:
        result.remarks.append("the cluster is not defined here: its limits and its budget of retries are not known")
    result.layers = [*outer, *([retry] if retry else []), *inner, *attempt]
    assume_hosts(result, log)
    return result


def _section(node: Mapping | None, path: str, log: Log) -> Section:
    return Section(node, path, log, relaxed=True)


def _chosen(found: list[Route], wanted: str, log: Log, result: Converted) -> Route:
    """The route that was asked for, else the first; the others are named."""
    place = chosen([each.names() for each in found], wanted)
    route = found[place]
    if len(found) > 1:
        result.remarks.append(
            f"{len(found)} routes lead to this cluster; this is number {place + 1} (--route names another)"
        )
    weight, whole = route.share
    if route.part is not None:
        result.remarks.append(f"it gets {weight} of {whole} parts of the route's requests; here all of them go to it")
    for each in found:
        if each.action is not route.action:
            log.skipped(
                _section(each.action, "route", log).at(),
                "another route to the same cluster is simulated; `resim import --route` names this one",
            )
    return route


# --- in front of the router ---


def _local_rate_limit(route: Route, log: Log) -> list[Layer]:
    """The filter's own configuration, or the closest one of the route's, which stands in its place."""
    own, base = route.filters(LOCAL_RATE_LIMIT), route.filter(LOCAL_RATE_LIMIT)
    if base is None:
        for each in own:
            at = _section(each, "local_ratelimit", log).at()
            if route.manager is not None:
                log.trap("RL145", "the filter local_ratelimit is not in the chain of the listener: no limit", at)
            else:
                log.skipped(at, "the listener with the filter is not in this file")
        return []
    for each in [*own, base][1:]:
        log.skipped(
            _section(each, "local_ratelimit", log).at(), "a configuration that is closer to the route counts alone"
        )
    section = _section(own[0] if own else base, "local_ratelimit", log)
    section.ignore("@type", "stat_prefix")
    section.skip_together(
        _HEADERS, "request_headers_to_add_when_not_enforced", "response_headers_to_add", "enable_x_ratelimit_headers",
        "rate_limited_as_resource_exhausted",
    )  # fmt: skip
    section.skip_together(
        "requests are not told apart", "descriptors", "stage", "vh_rate_limits", "rate_limits",
        "always_consume_default_token_bucket", "max_dynamic_descriptors",
    )  # fmt: skip
    section.skip(
        status="a refusal is `rate_limited` here, whatever its status",
        local_rate_limit_per_downstream_connection="there is one bucket for a proxy, not one for each connection",
        local_cluster_rate_limit="how many proxies share the limit is not known",
    )
    bucket = section.section("token_bucket")
    most, fill = bucket.count("max_tokens", 1), _counted(bucket, "tokens_per_fill")
    interval = bucket.duration("fill_interval", durations.protobuf, SPAN)
    bucket.rest()
    on = [_share(section, name, log) for name in ("filter_enabled", "filter_enforced")]
    section.rest()
    if not (most and interval and interval.value):
        return []
    if interval.value < 50_000_000:
        log.refused("a `fill_interval` below 50 ms", interval.at, "write 0.05s or more")
        return []
    if min(on) < 1:
        missing = [name for name, share in zip(("filter_enabled", "filter_enforced"), on, strict=True) if share < 1]
        names = " and ".join(f"`{name}`" for name in missing)
        if min(on) == 0:
            log.trap(
                "RL145", f"{names} {'is' if len(missing) == 1 else 'are'} 0 %, the default: the limit refuses nobody",
                section.at(), "set both to 100 %",
            )  # fmt: skip
        else:
            log.skipped(section.at(), f"{names} {'takes' if len(missing) == 1 else 'take'} a part of the requests only")
        return []
    return [local_rate_limit("local_ratelimit", section.at(), most, fill, interval)]


def _share(section: Section, name: str, log: Log) -> float:
    """A runtime fraction as a share of 1; 0 when nothing is said."""
    whole = section.section(name)
    whole.ignore("runtime_key")
    part = whole.section("default_value")
    above = part.count("numerator")
    under = {"ten_thousand": 10_000, "million": 1_000_000}.get(text(part.node, "denominator").lower(), 100)
    part.ignore("denominator")
    for each in (part, whole):
        each.rest()
    return min(1.0, above.value / under) if above else 0.0


# --- the route ---


def _route(which: Route, cluster: Mapping | None, log: Log) -> tuple[list[Layer], Layer | None, list[Layer]]:
    """Layers around the retry, the retry, and the timeout of each try."""
    host = _section(which.host, "virtual_host", log)
    host.ignore("name", "domains", "routes", "retry_policy", "hedge_policy")
    _beside(host, log)
    host.skip_together(_COUNTING, "virtual_clusters", "metadata")
    host.skip(matcher="routes are those of `routes`", require_tls="encryption costs nothing here")
    host.skip_together(
        _HEADERS,
        "include_request_attempt_count",
        "include_attempt_count_in_response",
        "include_is_timeout_retry_header",
    )
    host.rest()
    entry = _section(which.entry, "virtual_host.route", log)
    entry.ignore("name", "match", "route")
    _beside(entry, log)
    entry.skip_together(_COUNTING, "metadata", "decorator", "tracing", "stat_prefix")
    entry.skip_together(_ONE, "redirect", "direct_response", "filter_action", "non_forwarding_action")
    entry.rest()
    route = _section(which.action, "route", log)
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
    special = get(protocol_options(cluster), "retry_policy")
    if isinstance(special, Mapping):
        if policy:
            log.skipped(policy.at(), "the cluster has a `retry_policy` of its own")
        policy = _section(special, "clusters.retry_policy", log)
    hedge = route.section("hedge_policy") or host.section("hedge_policy")
    retry, attempt = _retry(policy, total, hedge, log) if policy else (None, [])
    if hedge and not policy:
        log.skipped(hedge.at(), "without a `retry_policy` nothing is sent twice")
    _action(route, which, log)
    return layers, retry, attempt


def _beside(section: Section, log: Log) -> None:
    """What virtual hosts and routes have in common."""
    section.skip_together(
        _HEADERS, "request_headers_to_add", "request_headers_to_remove", "response_headers_to_add",
        "response_headers_to_remove", "cors",
    )  # fmt: skip
    section.skip_together(_BODIES, "per_request_buffer_limit_bytes", "request_body_buffer_limit")
    section.skip(
        rate_limits=_LISTED, request_mirror_policies=_ONE, retry_policy_typed_config="Envoy does not implement it"
    )
    filters = section.node_at("typed_per_filter_config")
    names = filters.entries if isinstance(filters, Mapping) else {}
    if any(name not in LOCAL_RATE_LIMIT for name in names):
        log.skipped(section.at("typed_per_filter_config"), "of the filters only local_ratelimit is simulated")


def _action(route: Section, which: Route, log: Log) -> None:
    """Everything of a RouteAction that is neither timeout nor retry."""
    route.ignore("cluster", "priority", "weighted_clusters")
    whole = route.section("weighted_clusters")
    for each in whole.sections("clusters"):
        if each.node is not which.part:
            log.skipped(each.at("weight") if "weight" in each else each.at(), ALONE)
            continue
        each.ignore("name", "typed_per_filter_config", "@type")
        each.skip(weight=ALONE, cluster_header=_ONE)
        each.skip_together(
            _HEADERS, "request_headers_to_add", "request_headers_to_remove", "response_headers_to_add",
            "response_headers_to_remove", "host_rewrite_literal", "metadata_match",
        )  # fmt: skip
        each.rest()
    whole.skip_together(_ONE, "total_weight", "runtime_key_prefix", "header_name", "use_hash_policy")
    whole.rest()
    _beside(route, log)
    route.skip_together(
        _ONE, "cluster_header", "cluster_specifier_plugin", "inline_cluster_specifier_plugin", "metadata_match",
        "cluster_not_found_response_code", "hash_policy",
    )  # fmt: skip
    route.skip_together(
        "paths and hosts are not simulated", "prefix_rewrite", "regex_rewrite", "path_rewrite_policy", "path_rewrite",
        "host_rewrite_literal", "auto_host_rewrite", "host_rewrite_header", "host_rewrite_path_regex", "host_rewrite",
        "append_x_forwarded_host",
    )  # fmt: skip
    route.skip_together(
        "streams are not simulated", "idle_timeout", "flush_timeout", "early_data_policy", "upgrade_configs",
        "max_stream_duration", "max_grpc_timeout", "grpc_timeout_offset",
    )  # fmt: skip
    route.skip_together(
        "answers are not redirects", "internal_redirect_policy", "internal_redirect_action", "max_internal_redirects"
    )
    route.skip(include_vh_rate_limits=_LISTED)
    route.rest()


def _retry(section: Section, total: Value[int] | None, hedge: Section, log: Log) -> tuple[Layer, list[Layer]]:
    on = hedge.flag("hedge_on_per_try_timeout") if hedge else None
    retries = _counted(section, "num_retries")
    each = section.duration("per_try_timeout", durations.protobuf, SPAN)
    number = retries.value if retries else 1
    layer = Layer("retry", section.path, section.at(), like="envoy")
    if on and on.value and not each:
        log.skipped(on.at, "without a `per_try_timeout` no try is slow, and none is sent beside another")
    if on and on.value and each:
        layer = Layer("hedge", f"{hedge.path}: a second try beside the slow one", hedge.at(), like="envoy")
        layer.put("delay", Ns(each.value), each)
        layer.put("max_extra", max(1, number), retries, "default 1")
        section.skip_together("the tries after a timeout are hedges, which do not wait", "retry_on", "retry_back_off",
                              "retriable_status_codes", "rate_limited_retry_back_off")  # fmt: skip
    else:
        layer.put("attempts", number + 1, retries, "default 1")
        if retries and number:
            log.trap(
                "RL132",
                f"`num_retries` {number} does not count the first call: up to {number + 1} calls",
                retries.at,
                "subtract one if you meant calls",
            )
        _waits(section, layer, log)
        _words(section, layer, log)
    hedge.skip(initial_requests="Envoy does not implement it", additional_request_chance="Envoy does not implement it")
    hedge.rest()
    section.skip_together(
        _PREDICATES, "retry_priority", "retry_host_predicate", "host_selection_retry_max_attempts",
        "retry_options_predicates",
    )  # fmt: skip
    section.skip(
        retriable_headers=_HEADERS, retriable_request_headers=_HEADERS, per_try_idle_timeout="answers come whole"
    )
    section.rest()
    if not (each and each.value) or layer.kind == "hedge":
        return layer, []
    if dropped_try(each, 15 * SECOND if total is None else total.value, log):
        return layer, []
    attempt = Layer("timeout", "retry_policy.per_try_timeout: each try", each.at, id="attempt", like="envoy")
    attempt.put("after", Ns(each.value), each)
    return layer, [attempt]


def _waits(section: Section, layer: Layer, log: Log) -> None:
    waits = section.section("retry_back_off")
    base = waits.duration("base_interval", durations.protobuf, SPAN)
    cap = waits.duration("max_interval", durations.protobuf, SPAN)
    if base and cap and cap.value < base.value:
        log.refused("`max_interval` is shorter than `base_interval`", cap.at, "Envoy refuses it: make it longer")
    if waits and base is None and not waits.unread:
        log.refused("`retry_back_off` without `base_interval`", waits.at(), "Envoy refuses it: write it")
    backoff(layer, base, cap)
    waits.rest()
    hints = section.section("rate_limited_retry_back_off")
    if hints:
        layer.settings["honor_retry_after"] = Setting("true", "rate_limited_retry_back_off")
        hints.ignore("reset_headers")
        hints.skip(max_interval="a hint that is longer than this is taken all the same")
        hints.rest()
        layer.exact["honor_retry_after"] = None
        layer.exact["rate_limited_retry_back_off"] = Setting("true", "rate_limited_retry_back_off", hints.at())
    else:
        layer.settings["honor_retry_after"] = Setting("false", "no rate_limited_retry_back_off")


def _words(section: Section, layer: Layer, log: Log) -> None:
    """``retry_on``, and the statuses that one of its words asks for."""
    words = section.texts("retry_on")
    codes, where = status_codes(section, "retriable_status_codes")
    at = section.at("retry_on") if words else section.at()
    if codes and words and "retriable-status-codes" not in words:
        log.trap(
            "RL139", "`retriable_status_codes` without the word `retriable-status-codes` in `retry_on` do nothing",
            where, "add `retriable-status-codes` to `retry_on`",
        )  # fmt: skip
        codes = []
    retry_on(layer, words + codes if words else [], at, log, ("unavailable",))
    if not words:
        log.trap("RL139", "a retry policy without `retry_on` retries nothing", section.at(), "write `retry_on: 5xx`")
        layer.put("attempts", 1, None, "nothing is retried without retry_on")


def _counted(section: Section, name: str) -> Value[int] | None:
    """A number, or one in a wrapper: ``{value: 2}``."""
    if isinstance(section.node_at(name), Mapping):
        return section.section(name).count("value")
    return section.count(name)
