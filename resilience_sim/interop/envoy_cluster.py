"""Envoy: a cluster: its limits of concurrency, its budget of retries, and the ejection of its hosts."""

from __future__ import annotations

from resilience_sim.interop import durations
from resilience_sim.interop.envoy_index import get, items, walk
from resilience_sim.interop.findings import Log
from resilience_sim.interop.layers import MOST_CALLS, Layer, Setting
from resilience_sim.interop.mesh import (
    cap_retries,
    ejection,
    limits,
    native,
    nobody_ejected,
    percentage,
    share_of_retries,
)
from resilience_sim.interop.section import Section, Value
from resilience_sim.scenario.text.tree import Mapping, Sequence

SPAN = "durations are decimal seconds, `1.4s`"
DEFAULT_RETRIES = 3
OUTSIDE = "a percentage is 0 to 100: Envoy refuses this"
_NO_CONNECTIONS = "connections, and how hosts are found, cost nothing here"
_DISCOVERY = (
    "type", "cluster_type", "eds_cluster_config", "connect_timeout", "per_connection_buffer_limit_bytes",
    "upstream_http_protocol_options", "common_http_protocol_options", "http_protocol_options", "dns_refresh_rate",
    "dns_jitter", "dns_failure_refresh_rate", "respect_dns_ttl", "dns_lookup_family", "dns_resolvers",
    "use_tcp_for_dns_lookups", "dns_resolution_config", "typed_dns_resolver_config", "wait_for_warm_on_init",
    "cleanup_interval", "upstream_bind_config", "transport_socket", "transport_socket_matches",
    "transport_socket_matcher", "tls_context", "protocol_selection", "upstream_connection_options",
    "close_connections_on_host_health_failure", "ignore_health_on_host_removal", "filters", "upstream_config",
    "preconnect_policy", "connection_pool_per_downstream_connection", "max_requests_per_connection",
)  # fmt: skip
_BALANCING = (
    "lb_policy", "load_balancing_policy", "ring_hash_lb_config", "maglev_lb_config", "original_dst_lb_config",
    "least_request_lb_config", "round_robin_lb_config",
)  # fmt: skip
_COUNTING = ("alt_stat_name", "metadata", "lrs_server", "lrs_report_endpoint_metrics", "track_timeout_budgets",
             "track_cluster_stats")  # fmt: skip


def cluster_layers(section: Section, retry: Layer | None, high: bool, log: Log) -> list[Layer]:
    """What stands between the retries and the hosts."""
    section.ignore(
        "name", "load_assignment", "hosts", "@type", "typed_extension_protocol_options", "http2_protocol_options"
    )
    section.skip_together(_NO_CONNECTIONS, *_DISCOVERY)
    section.skip_together("write `service.balancer`", *_BALANCING)
    section.skip_together("statistics only", *_COUNTING)
    section.skip(health_checks="active checks are not simulated", lb_subset_config="one destination is simulated")
    layers = _breakers(section.section("circuit_breakers"), retry, speaks_http2(section), high, log)
    ejects = _outlier(section.section("outlier_detection"), endpoints(section.node), log)
    _common(section.section("common_lb_config"), ejects, log)
    section.rest()
    return layers + ejects


def speaks_http2(section: Section) -> bool:
    """Whether requests share connections: the old field, or one of the options of the newer extension."""
    old = section.node_at("http2_protocol_options") is not None
    options = section.node_at("typed_extension_protocol_options")
    shared = ("http2_protocol_options", "http2ProtocolOptions", "http3_protocol_options", "http3ProtocolOptions")
    return old or (options is not None and any(name in shared for name, _ in walk(options)))


def protocol_options(cluster: Mapping | None) -> Mapping | None:
    """The HttpProtocolOptions of a cluster, as an Any or as a TypedStruct."""
    options = get(cluster, "typed_extension_protocol_options")
    for entry in options.entries.values() if isinstance(options, Mapping) else ():
        found = get(entry.value, "value")
        return found if isinstance(found, Mapping) else entry.value if isinstance(entry.value, Mapping) else None
    return None


def _common(section: Section, ejects: list[Layer], log: Log) -> None:
    if not section:
        return
    panic = section.section("healthy_panic_threshold")
    share = _share(panic, log)
    if panic and share is None and "value" not in panic:  # JSON of protobuf leaves out a 0
        share = Value(0.0, panic.at())
    for layer in ejects:
        if share is not None:
            native(layer, "healthy_panic_threshold", share.value, share, log, "generic rules have no panic")
    if share is not None and not ejects:
        log.skipped(share.at, "no host is ejected here")
    section.skip_together(
        "there is one place only", "zone_aware_lb_config", "locality_weighted_lb_config", "override_host_status",
        "consistent_hashing_lb_config",
    )  # fmt: skip
    section.skip_together(
        "hosts do not come and go", "update_merge_window", "ignore_new_hosts_until_first_hc",
        "close_connections_on_host_set_change",
    )  # fmt: skip
    section.rest()


def _share(part: Section, log: Log) -> Value[float] | None:
    """A Percent (envoy/type/v3/percent.proto: ``gte: 0.0, lte: 100.0``)."""
    return percentage(part.number("value"), OUTSIDE, log)


def endpoints(cluster: Mapping | None) -> int:
    """How many hosts the file lists; 0 when it does not."""
    found = get(cluster, "load_assignment")
    if found is None:
        hosts = get(cluster, "hosts")  # of the API before v3
        return min(len(hosts.items), 1000) if isinstance(hosts, Sequence) else 0
    count = sum(len(items(each, "lb_endpoints")) for each in items(found, "endpoints"))
    return min(count, 1000)


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
        _default_retries(retry, log)
        return []
    entry: Section | None = None
    for each in section.sections("thresholds"):
        priority = each.word("priority", fold=True)
        if (priority is not None and priority.value == "high") == high:
            if entry is not None:
                log.skipped(each.at(), "Envoy takes the first limits of a priority, and these are the second ones")
            entry = entry or each
        else:
            log.skipped(each.at(), "the route that is simulated has the other priority")
    section.skip(per_host_thresholds="limits per host are not simulated")
    section.rest()
    if entry is None:
        _default_retries(retry, log)
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
    if "retry_budget" in section:
        part = budget.section("budget_percent")
        share, floor = _share(part, log), budget.count("min_retry_concurrency")
        for each in (part, budget):
            each.rest()
        if fixed:
            log.trap("RL141", "`max_retries` is ignored beside a `retry_budget`", fixed.at, "remove one of them")
        share_of_retries(retry, share, floor, section.at("retry_budget"), "retry_budget", log)
    elif fixed is None:
        _default_retries(retry, log)
    elif retry is not None and retry.kind == "retry" and fixed.value < MOST_CALLS:
        log.trap(
            "RL142",
            f"`max_retries` is {fixed.value}: at most {fixed.value} retries at once in the whole cluster, others are "
            "not made",
            fixed.at,
            "use a retry_budget, which grows with the traffic",
        )
        cap_retries(retry, fixed.value, fixed.at, fixed.shown, log)


def _default_retries(retry: Layer | None, log: Log) -> None:
    """What stands in no file binds all the same."""
    if retry is not None and retry.kind == "retry" and retry.at is not None:
        log.trap(
            "RL142",
            f"`max_retries` is not set, its default is {DEFAULT_RETRIES}: at most {DEFAULT_RETRIES} retries at once in "
            "the whole cluster, others are not made",
            retry.at,
            "set `max_retries`, or a retry_budget, which grows with the traffic",
        )
        cap_retries(retry, DEFAULT_RETRIES, None, "default of max_retries: 3 at once", log)


_SHARES = (
    "max_ejection_percent", "enforcing_consecutive_5xx", "enforcing_success_rate", "failure_percentage_threshold",
    "enforcing_consecutive_gateway_failure", "enforcing_failure_percentage", "enforcing_local_origin_success_rate",
    "enforcing_consecutive_local_origin_failure", "enforcing_failure_percentage_local_origin",
)  # fmt: skip


def _outlier(section: Section, hosts: int, log: Log) -> list[Layer]:
    """``outlier_detection``: hosts that fail in a row are taken out for a time."""
    if not section:
        return []
    in_a_row = section.count("consecutive_5xx")
    gateway = section.count("consecutive_gateway_failure")
    interval = section.duration("interval", durations.protobuf, SPAN)
    base = section.duration("base_ejection_time", durations.protobuf, SPAN)
    longest = section.duration("max_ejection_time", durations.protobuf, SPAN)
    for each in (interval, base, longest):  # by the rules in outlier_detection.proto, as the percentages
        if each is not None and not each.value:
            log.refused("a time of 0 s: Envoy refuses it", each.at, "leave it out for the default")
    shares = {name: percentage(section.count(name), OUTSIDE, log) for name in _SHARES}
    share, gateway_share = shares["max_ejection_percent"], shares["enforcing_consecutive_gateway_failure"]
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
    enforced = shares["enforcing_consecutive_5xx"]
    off = next((each for each in (in_a_row, enforced) if each is not None and each.value == 0), None)
    by_gateway = gateway if off and gateway and gateway.value and gateway_share and gateway_share.value else None
    if by_gateway:  # nothing else ejects
        ejection(layer, by_gateway.value, by_gateway, base, longest, interval)
        layer.exact["enforcing_consecutive_5xx"] = Setting("0", off.shown if off else "", off.at if off else None)
    else:
        ejection(layer, in_a_row.value if in_a_row else 5, in_a_row, base, longest, interval)
    if interval:
        log.skipped(interval.at, "generic rules come back on time, Envoy with the next sweep")
    if share:
        native(layer, "max_ejection_percent", share.value, share, log, "generic rules cut off B as a whole")
    if always:
        native(layer, "always_eject_one_host", always.value, always, log, "generic rules cut off B as a whole")
    _gateway(layer, gateway, gateway_share, None if off else in_a_row.value if in_a_row else 5, log)
    for name in RATES:
        found = shares[name] if name in shares else section.count(name)
        if found:
            native(layer, name, found.value, found, log, "generic rules do not compare hosts with each other")
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
    if enforced and 0 < enforced.value < 100:
        log.skipped(enforced.at, "a host that is due is always ejected")
    section.rest()
    if off:
        left = "gateway errors alone eject" if by_gateway else "no host is ejected for them"
        log.trap("RL136", f"this switches the check of failures in a row off: {left}", off.at)
    return [] if off and not by_gateway else [layer]


def _gateway(layer: Layer, gateway: Value[int] | None, share: Value[int] | None, limit: int | None, log: Log) -> None:
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
    elif limit is not None and gateway.value >= limit:
        log.trap(
            "RL135",
            f"`consecutive_gateway_failure` {gateway.value} has no effect: {limit} failures of any kind eject before",
            gateway.at,
            f"set it below {limit}",
        )
    else:
        log.skipped(gateway.at, "503 and 504 count like every 5xx")
