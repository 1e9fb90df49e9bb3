"""Envoy Gateway's BackendTrafficPolicy: what it adds to a route, by Envoy's rules.

Rules: envoyproxy/gateway d32f282: api/v1alpha1, internal/gatewayapi/route.go, internal/xds/translator.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.interop import durations
from resilience_sim.interop.findings import Log
from resilience_sim.interop.layers import Layer, Ns, Setting
from resilience_sim.interop.mesh import (
    BY_SCHEMA,
    backoff,
    cap_retries,
    dropped_try,
    ejection,
    limits,
    local_rate_limit,
    native,
    nobody_ejected,
    percentage,
    retry_on,
    share_of_retries,
    status_codes,
)
from resilience_sim.interop.mesh_hosts import kind_of
from resilience_sim.interop.section import Section, Value
from resilience_sim.scenario.text.tree import Entry, Mapping

SECOND = 1_000_000_000
SPAN = "durations are `1h`, `1m`, `10s`, `500ms`, whole numbers only"
_DEFAULT_ON = ("refused", "shed", "unavailable")  # connect-failure, refused-stream, retriable-status-codes (503)
_UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_536_000,
}
_NO_CONNECTIONS = "connections are not simulated"
_BYTES = "answers have no size"
_LEFT_OUT = {
    "loadBalancer": "write `service.balancer`",
    "proxyProtocol": _NO_CONNECTIONS,
    "tcpKeepalive": _NO_CONNECTIONS,
    "connection": _NO_CONNECTIONS,
    "dns": _NO_CONNECTIONS,
    "http2": _NO_CONNECTIONS,
    "bandwidthLimit": _BYTES,
    "faultInjection": "write it as a fault of the scenario: `faults: [- latency …, - errors …]`",
    "admissionControl": "write a `throttle`",
    "useClientProtocol": "HTTP/1.1 is simulated",
    "compression": _BYTES,
    "compressor": _BYTES,
    "responseOverride": "answers have no content",
    "httpUpgrade": _NO_CONNECTIONS,
    "requestBuffer": _BYTES,
    "telemetry": "statistics only",
    "routingType": "one destination is simulated",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy that counts for one route; without one, Envoy Gateway's defaults."""

    spec: Section

    @classmethod
    def of(cls, documents: list[Mapping], log: Log) -> Policy:
        """Of several, the closest first: it counts alone, unless it says that it is merged into the next."""
        found = [each for each in documents if kind_of(each) == "BackendTrafficPolicy"]
        specs = [node for each in found if isinstance(node := _spec(each), Mapping)]
        if not specs:
            return cls(Section(None, "", log))
        first, rest = specs[0], specs[1:]
        if rest and "mergeType" in first.entries:
            first, rest = _merged(first, rest[0]), rest[1:]
        for each in rest:
            log.skipped(Section(each, "spec", log).at(), "a policy that is closer to the route counts alone")
        spec = Section(first, "spec", log)
        spec.ignore("targetRef", "targetRefs", "targetSelectors", "mergeType")
        spec.skip(**_LEFT_OUT)
        return cls(spec)

    def outer(
        self, retry: Section, timeouts: tuple[Value[int] | None, Value[int] | None], log: Log
    ) -> tuple[list[Layer], list[Layer]]:
        """Rate limit, timeout and retry around the limits of the backend, and the timeout of each try.

        ``retry`` and ``timeouts`` are those of the route's rule: they go before those of the policy.
        """
        layers = self._rate_limit(log)
        total, each = timeouts
        policy = self.spec.section("retry")
        if each and not retry:
            total, each = each, None  # then it is the limit of the whole request
        limit = self._timeout(total, log)
        layers.append(limit)
        if retry:
            if policy:
                log.skipped(policy.at(), "the rule of the route has a `retry` of its own")
            layer, attempt = self._rule_retry(retry, log), each
        elif policy:
            layer, attempt = self._policy_retry(policy, log)
        else:
            return [each for each in layers if each.settings], []
        whole = 0 if not limit.settings else total.value if total else _ns(limit)
        layers.append(layer)
        found: list[Layer] = []
        if attempt and attempt.value and not dropped_try(attempt, whole, log):
            inside = Layer("timeout", "each try", attempt.at, id="attempt", like="envoy")
            inside.put("after", Ns(attempt.value), attempt)
            found = [inside]
        return [each for each in layers if each.settings], found

    def _timeout(self, total: Value[int] | None, log: Log) -> Layer:
        """A layer without settings where there is no limit."""
        group = self.spec.section("timeout")
        http, tcp = group.section("http"), group.section("tcp")
        tcp.skip(connectTimeout="connecting is part of the network's latency")
        asked = http.duration("requestTimeout", durations.gateway, SPAN)
        http.skip(
            connectionIdleTimeout=_NO_CONNECTIONS, maxConnectionDuration=_NO_CONNECTIONS,
            maxStreamDuration="streams are not simulated", streamIdleTimeout="streams are not simulated",
        )  # fmt: skip
        for each in (tcp, http, group):
            each.rest()
        if asked and total:
            log.skipped(asked.at, "the rule of the route has a timeout of its own")
        source = total or asked
        layer = Layer("timeout", "the whole request", source.at if source else None, id="total", like="envoy")
        if source is None or source.value:
            layer.put("after", Ns(source.value if source else 15 * SECOND), source, "default of Envoy")
        return layer

    def _rule_retry(self, section: Section, log: Log) -> Layer:
        """The route's own ``retry``: codes in place of 503, the triggers stay."""
        attempts = section.count("attempts", 1)
        codes, at = status_codes(section, "codes")
        wait = section.duration("backoff", durations.gateway, SPAN)
        section.rest()
        layer = _retry_layer(section, attempts, log, "attempts")
        backoff(layer, wait, None)
        words = ["connect-failure", "refused-stream", *codes]
        if codes:
            retry_on(layer, words, at, log, _DEFAULT_ON)
        else:
            layer.put("on", list(_DEFAULT_ON), None, "default of Envoy Gateway")
        return layer

    def _policy_retry(self, section: Section, log: Log) -> tuple[Layer, Value[int] | None]:
        number = section.count("numRetries")
        section.skip(numAttemptsPerPriority="there is one priority only")
        layer = _retry_layer(section, number, log, "numRetries")
        each = section.section("perRetry")
        attempt = each.duration("timeout", durations.gateway, SPAN)
        waits = each.section("backOff")
        base = waits.duration("baseInterval", durations.gateway, SPAN)
        backoff(layer, base, waits.duration("maxInterval", durations.gateway, SPAN))
        waits.rest()
        each.rest()
        when = section.section("retryOn")
        words = when.texts("triggers")
        codes, at = status_codes(when, "httpStatusCodes") if when else ([], section.at())
        if when and "triggers" in when:
            at = when.at("triggers")
        if codes and words and "retriable-status-codes" not in words:
            log.trap(
                "RL139", "`httpStatusCodes` without the trigger `retriable-status-codes` retries nothing for them",
                when.at("httpStatusCodes"), "add `retriable-status-codes` to `triggers`",
            )  # fmt: skip
            codes = []
        if words or codes:
            retry_on(layer, [*(words or ["connect-failure", "refused-stream"]), *codes], at, log, _DEFAULT_ON)
        else:
            layer.put("on", list(_DEFAULT_ON), None, "default of Envoy Gateway")
        when.rest()
        section.rest()
        return layer, attempt

    def _rate_limit(self, log: Log) -> list[Layer]:
        section = self.spec.section("rateLimit")
        section.ignore("type")
        section.skip(**{"global": "a service of its own decides, for all proxies together: write a `rate_limiter`"})
        local = section.section("local")
        layers = []
        for rule in local.sections("rules"):
            value = rule.section("limit")
            many, unit = value.count("requests"), value.word("unit", tuple(_UNITS))
            value.skip(fromMetadata="requests have no metadata")
            value.rest()
            rule.skip(
                cost="each request costs one", shared="there is one route only", xRateLimitHeaders="headers only",
            )  # fmt: skip
            shadow = rule.flag("shadowMode")
            if "clientSelectors" in rule:
                rule.skip(clientSelectors="callers are not told apart, so this limit is left out")
            elif shadow and shadow.value:
                log.skipped(shadow.at, "the limit only counts, and refuses nobody")
            elif many and many.value and unit:
                every = Value(_UNITS[unit.value] * SECOND, unit.at)
                layers.append(local_rate_limit("rateLimit.local", rule.at(), many, many, every))
            rule.rest()
        local.rest()
        section.rest()
        return layers

    # --- the backend's side ---

    def inner(self, retry: Layer | None, log: Log) -> list[Layer]:
        """Limits of concurrency, and ejection."""
        health = self.spec.section("healthCheck")
        health.skip(active="active checks are not simulated")
        panic = health.count("panicThreshold")
        passive = health.section("passive")
        layers = self._limits(retry, log) + (_ejection(passive, log) if passive else [])
        for layer in layers:
            if panic and layer.kind == "circuit_breaker":
                native(layer, "healthy_panic_threshold", panic.value, panic, log, "generic rules have no panic")
        if panic and not passive:
            log.skipped(panic.at, "no host is ejected here")
        health.rest()
        self.spec.rest()
        return layers

    def _limits(self, retry: Layer | None, log: Log) -> list[Layer]:
        section = self.spec.section("circuitBreaker")
        if not section:
            return []
        most, queue = section.count("maxParallelRequests"), section.count("maxPendingRequests")
        connections, retries = section.count("maxConnections"), section.count("maxParallelRetries")
        section.skip(
            maxRequestsPerConnection="a new connection costs nothing here",
            perEndpoint="limits per host are not simulated",
        )
        budget = section.section("retryBudget")
        section.rest()
        log.trap(
            "RL140", "`circuitBreaker` breaks no circuit: it limits concurrency, and never looks at failures",
            section.at(), "`healthCheck.passive` is what reacts to failures",
        )  # fmt: skip
        if budget:
            if retries:
                message = "`maxParallelRetries` is ignored beside a `retryBudget`"
                log.trap("RL141", message, retries.at, "remove one of them")
            _share(budget, retry, log)
        elif retries:
            cap_retries(retry, retries.value, retries.at, retries.shown, log)
        first = most or queue or connections
        return limits(section.path, first, most, queue, connections, 1024, False, log)


def _share(budget: Section, retry: Layer | None, log: Log) -> None:
    part = budget.section("percent")
    above, under = part.count("numerator"), part.count("denominator", 1)
    part.rest()
    share: Value[float] | None = None
    if above:
        outside = "a fraction above 1: the API server refuses the resource"  # gwapiv1.Fraction
        share = percentage(Value(100.0 * above.value / (under.value if under else 100), above.at), outside, log)
    least = budget.count("minRetryConcurrency")
    budget.rest()
    share_of_retries(retry, share, least, budget.at(), "retryBudget", log)


def _retry_layer(section: Section, number: Value[int] | None, log: Log, name: str) -> Layer:
    layer = Layer("retry", section.path, section.at(), like="envoy")
    retries = number.value if number else 2
    layer.put("attempts", retries + 1, number, "default of Envoy Gateway: 2 retries")
    if retries and number:
        log.trap(
            "RL132", f"`{name}` {retries} does not count the first call: up to {retries + 1} calls", number.at,
            "subtract one if you meant calls",
        )  # fmt: skip
    return layer


def _ejection(section: Section, log: Log) -> list[Layer]:
    in_a_row, gateway = section.count("consecutive5XxErrors"), section.count("consecutiveGatewayErrors")
    interval = section.duration("interval", durations.gateway, SPAN)
    base = section.duration("baseEjectionTime", durations.gateway, SPAN)
    share = percentage(section.count("maxEjectionPercent"), BY_SCHEMA, log)
    failing = percentage(section.count("failurePercentageThreshold"), BY_SCHEMA, log)
    always = section.flag("alwaysEjectOneEndpoint")
    section.skip(
        splitExternalLocalOriginErrors="all errors count alike", consecutiveLocalOriginFailures="all errors count alike"
    )
    section.rest()
    if not (always and always.value):
        nobody_ejected(
            log, share.value if share else 10, share.at if share else section.at(),
            "`maxEjectionPercent` is" if share else "`maxEjectionPercent` is not set, its default is",
            "set `alwaysEjectOneEndpoint: true`, or at least 100 divided by the number of hosts",
        )  # fmt: skip
    if in_a_row and not in_a_row.value:
        log.trap("RL136", "`consecutive5XxErrors: 0` switches this check off; it is no limit of none", in_a_row.at)
        if not (gateway and gateway.value):
            return []
    limit = in_a_row.value if in_a_row and in_a_row.value else 5
    layer = Layer("circuit_breaker", f"{section.path}: outlier ejection", section.at(), like="envoy")
    ejection(layer, limit, in_a_row, base, None, interval)
    if interval is None:
        layer.exact["interval"] = Setting("3s", "default of Envoy Gateway")
    if share:
        native(layer, "max_ejection_percent", share.value, share, log, "generic rules cut off B as a whole")
    if always:
        native(layer, "always_eject_one_host", always.value, always, log, "generic rules cut off B as a whole")
    if gateway and gateway.value:
        native(layer, "consecutive_gateway_failure", gateway.value, gateway, log, "503 and 504 count like every 5xx")
        layer.exact["enforcing_consecutive_gateway_failure"] = Setting("100", "enforced once it is set")
    if failing:
        native(layer, "failure_percentage_threshold", failing.value, failing, log, "generic rules do not compare hosts")
        layer.exact["enforcing_failure_percentage"] = Setting("100", "enforced once it is set")
    return [layer]


def _ns(layer: Layer) -> int:
    """The time of a timeout whose value is a default."""
    return 15 * SECOND if "default" in layer.settings["after"].origin else durations.go(layer.settings["after"].value)


def _spec(document: Mapping) -> object:
    entry = document.entries.get("spec")
    return entry.value if entry else None


def _merged(closer: Mapping, parent: Mapping) -> Mapping:
    """As a JSON merge patch (RFC 7396) has it."""
    entries = dict(parent.entries)
    for name, entry in closer.entries.items():
        other = entries[name].value if name in entries else None
        mine = entry.value
        if isinstance(mine, Mapping) and isinstance(other, Mapping):
            mine = _merged(mine, other)
        entries[name] = Entry(entry.key, mine)
    return Mapping(closer.span, entries)
