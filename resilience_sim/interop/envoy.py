"""Envoy: a cluster and the route to it, as static resources or pieces of them; one instance per cluster.

Rules: docs/reference/config-formats.md section 4, library-rules.md sections 2 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience_sim.interop import durations, mesh
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.durations import show_protobuf
from resilience_sim.interop.findings import Log, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting, percent
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
from resilience_sim.policies.config import BudgetConfig
from resilience_sim.policies.config_outliers import OutlierConfig
from resilience_sim.scenario.tree import Entry, Mapping, Node, Scalar, Sequence

TRAPS = mesh.TRAPS | traps(
    """
RL134 warning: Envoy's default route timeout
    A route without `timeout` has one of 15 s, all retries included.
RL139 warning: a retry policy that retries nothing
    Envoy needs `retry_on`; without it `num_retries` means nothing.
RL140 info: Envoy's circuit breakers are limits of concurrency
    `circuit_breakers.thresholds` cap connections, requests, pending requests and retries at once. They do not look
    at failures; outlier_detection does.
RL141 warning: max_retries beside a retry_budget
    Once a retry budget is set, Envoy ignores `max_retries`.
RL142 info: a fixed number of retries at once
    Envoy allows `max_retries` (default 3) retries at the same time in the whole cluster, backoff included. At high
    traffic this is next to nothing, at low traffic it never binds. Not simulated without like: envoy.
"""
)

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
        inner += _breakers(section.section("circuit_breakers"), retry, log)
        hosts = _endpoints(cluster)
        inner += _outlier(section.section("outlier_detection"), hosts, log)
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


SPAN = "durations are decimal seconds, `1.4s`"
MOST = 1_000_000
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


def _breakers(section: Section, retry: Layer | None, log: Log) -> list[Layer]:
    """``circuit_breakers``: limits of concurrency, of requests and of retries."""
    if not section:
        return []
    chosen: Section | None = None
    for each in section.sections("thresholds"):
        priority = each.word("priority", fold=True)
        if priority is None or priority.value == "default":
            chosen = chosen or each
        else:
            log.skipped(each.at(), "only requests of default priority are simulated")
    section.skip(per_host_thresholds="limits per host are not simulated")
    section.rest()
    if chosen is None:
        return []
    most = chosen.count("max_requests", 1)
    queue = chosen.count("max_pending_requests")
    log.trap(
        "RL140",
        "`circuit_breakers` break no circuit: they are limits of concurrency, and never look at failures",
        chosen.at("max_requests") if most else chosen.at(),
        "outlier_detection is what reacts to failures",
    )
    chosen.skip(
        max_connections="connections are not simulated; requests at once are",
        track_remaining="statistics only",
        max_connection_pools="connections are not simulated",
    )
    _retry_limits(chosen, retry, log)
    chosen.rest()
    layer = Layer("bulkhead", f"{section.path}: limits of concurrency", chosen.at(), like="envoy")
    layer.put("max_concurrent", min(MOST, most.value if most else 1024), most, "default")
    layer.put("queue", min(MOST, queue.value if queue else 1024), queue, "default")
    return [layer]


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


def write(parts: Parts) -> str:
    """``clusters`` and ``route_config``."""
    note_unsupported(parts)
    lines = ["clusters:", f"- name: {parts.name}", "  connect_timeout: 1s"]
    lines += _write_limits(parts) + _write_outlier(parts)
    lines += [
        "route_config:",
        "  virtual_hosts:",
        f"  - name: {parts.name}",
        '    domains: ["*"]',
        "    routes:",
        "    - match: {prefix: /}",
        "      route:",
        f"        cluster: {parts.name}",
    ]
    lines += [f"        {line}" for line in _write_route(parts)]
    return "\n".join(lines) + "\n"


def _write_limits(parts: Parts) -> list[str]:
    budget = parts.retry.budget if parts.retry else None
    ratio = budget.ratio if isinstance(budget, BudgetConfig) and budget.scheme in ("ratio", "envoy") else 0.0
    if budget is not None and not ratio:
        parts.lost("the budget", "Envoy's is a share of the requests under way")
    if parts.bulkhead is None and not ratio:
        return []
    lines = ["  circuit_breakers:", "    thresholds:", "    - priority: DEFAULT"]
    if parts.bulkhead is not None:
        lines += [
            f"      max_requests: {parts.bulkhead.max_concurrent}",
            f"      max_pending_requests: {parts.bulkhead.queue}",
        ]
        if parts.bulkhead.max_wait > 0:
            parts.lost("`max_wait` of the bulkhead", "pending requests wait until the route's timeout")
    if ratio:
        least = getattr(budget, "min_concurrency", 3)
        lines += [
            "      retry_budget:",
            f"        budget_percent: {{value: {number(ratio * 100)}}}",
            f"        min_retry_concurrency: {least}",
        ]
    return lines


def _write_outlier(parts: Parts) -> list[str]:
    view = parts.breaker
    if view is None:
        return []
    row = failures_in_a_row(parts)
    if view.probes < 1000:
        parts.lost("half open", "an ejected host comes back fully")
    longest = [f"    max_ejection_time: {show_protobuf(view.open_max)}"] if view.open_max else []
    return [
        "  outlier_detection:",
        f"    consecutive_5xx: {row}",
        f"    base_ejection_time: {show_protobuf(view.recovery)}",
        *longest,
        *(_write_statistics(parts.outlier) if parts.outlier else ["    max_ejection_percent: 100"]),
    ]


def _write_statistics(config: OutlierConfig) -> list[str]:
    """What Envoy's own rules have beyond a breaker's."""
    return [
        f"    interval: {show_protobuf(config.interval)}",
        f"    max_ejection_percent: {number(config.max_ejection_percent)}",
        f"    always_eject_one_host: {'true' if config.always_eject_one_host else 'false'}",
        f"    consecutive_gateway_failure: {config.consecutive_gateway_failure}",
        f"    enforcing_consecutive_gateway_failure: {number(config.enforcing_consecutive_gateway_failure * 100)}",
        f"    enforcing_success_rate: {number(config.enforcing_success_rate * 100)}",
        f"    success_rate_minimum_hosts: {config.success_rate_minimum_hosts}",
        f"    success_rate_request_volume: {config.success_rate_request_volume}",
        f"    success_rate_stdev_factor: {config.success_rate_stdev_factor}",
        f"    enforcing_failure_percentage: {number(config.enforcing_failure_percentage * 100)}",
        f"    failure_percentage_threshold: {number(config.failure_percentage_threshold)}",
        f"    failure_percentage_minimum_hosts: {config.failure_percentage_minimum_hosts}",
        f"    failure_percentage_request_volume: {config.failure_percentage_request_volume}",
    ]


def _write_route(parts: Parts) -> list[str]:
    total = parts.total or (parts.attempt if parts.retry is None and parts.hedge is None else None)
    lines = [f"timeout: {show_protobuf(total.after) if total else '0s'}"]
    attempt = parts.attempt if parts.attempt is not total else None
    each = [f"  per_try_timeout: {show_protobuf(attempt.after)}"] if attempt else []
    if parts.retry is not None:
        retry = parts.retry
        note_backoff(parts, retry)
        base = max(retry.delay, 1_000_000)
        lines += [
            "retry_policy:",
            f"  retry_on: {retry_words(parts, retry)}",
            f"  num_retries: {retry.attempts - 1}",
            *each,
            f"  retry_back_off: {{base_interval: {show_protobuf(base)}, max_interval: "
            f"{show_protobuf(max(base, retry.max_delay or 10 * base))}}}",
        ]
        if retry.honor_retry_after:
            lines.append("  rate_limited_retry_back_off: {reset_headers: [{name: Retry-After, format: SECONDS}]}")
    if parts.hedge is not None:
        if parts.retry is not None:
            parts.lost(f"`{parts.hedge.id}`", "hedging and retrying share one policy in Envoy")
        else:
            lines += [
                "retry_policy:",
                "  retry_on: 5xx",
                f"  num_retries: {parts.hedge.max_extra}",
                f"  per_try_timeout: {show_protobuf(parts.hedge.delay)}",
                "hedge_policy: {hedge_on_per_try_timeout: true}",
            ]
            if attempt:
                parts.lost(f"`{attempt.id}`", "with hedging the per-try timeout is the delay of the hedge")
    return lines
