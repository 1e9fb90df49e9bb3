"""The limits and the outlier detection of an Envoy cluster.

Owns those two sections. Rules: reference/CONFIG_FORMATS.md section 4, POLICY_SEMANTICS sections 2 and 4.
"""

from __future__ import annotations

from resilience_sim.interop import durations
from resilience_sim.interop.findings import Log
from resilience_sim.interop.layers import Layer, Setting, percent
from resilience_sim.interop.mesh import ejection, native, nobody_ejected
from resilience_sim.interop.section import Section, Value

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


def breakers(section: Section, retry: Layer | None, log: Log) -> list[Layer]:
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
    _retries(chosen, retry, log)
    chosen.rest()
    layer = Layer("bulkhead", f"{section.path}: limits of concurrency", chosen.at(), like="envoy")
    layer.put("max_concurrent", min(MOST, most.value if most else 1024), most, "default")
    layer.put("queue", min(MOST, queue.value if queue else 1024), queue, "default")
    return [layer]


def _retries(section: Section, retry: Layer | None, log: Log) -> None:
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


def outlier(section: Section, hosts: int, log: Log) -> list[Layer]:
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
