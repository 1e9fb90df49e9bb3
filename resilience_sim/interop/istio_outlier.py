"""Istio's outlierDetection.

Owns its fields, and what Istio sets in Envoy beside them. Rules: reference/CONFIG_FORMATS.md section 3.
"""

from __future__ import annotations

from resilience_sim.interop import durations
from resilience_sim.interop.findings import Log
from resilience_sim.interop.layers import Layer, Setting
from resilience_sim.interop.mesh import ejection, native, nobody_ejected
from resilience_sim.interop.section import Section

SPAN = "durations are `1.5s`, `1500ms`, `1m`"


def outlier(section: Section, log: Log) -> list[Layer]:
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
