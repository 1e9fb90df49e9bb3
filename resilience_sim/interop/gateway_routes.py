"""The Gateway API's HTTPRoute and GRPCRoute, and the policies that hang on them, as layers.

Rules: kubernetes-sigs/gateway-api 4564255 (GEP-1742 timeouts, GEP-1731 retries, GEP-3388 retry budgets) and, for the
data plane of Envoy Gateway, envoyproxy/gateway d32f282 (docs/reference/config-formats.md section 9).
"""

from __future__ import annotations

from resilience_sim.interop import durations, mesh
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.envoy_gateway import Policy
from resilience_sim.interop.findings import ALONE, Log
from resilience_sim.interop.layers import MOST_CALLS, Converted, Layer, Ns, Setting, percent
from resilience_sim.interop.mesh import (
    BY_SCHEMA,
    assume_hosts,
    backoff,
    code_outcomes,
    hopeless,
    percentage,
    status_codes,
)
from resilience_sim.interop.mesh_hosts import (
    Host,
    Mesh,
    Route,
    below,
    choose,
    items,
    kind_of,
    namespace_of,
    parents,
    text,
)
from resilience_sim.interop.mesh_hosts import mesh as mesh_of
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import traps
from resilience_sim.scenario.text.tree import Mapping

TRAPS = mesh.TRAPS | traps(
    """
RL144 warning: what the Gateway API leaves to the implementation
    Without `timeouts.request` there is no limit that one can rely on, without `retry.attempts` no number of retries,
    and without `retry.backoff` no wait: each implementation has its own (Envoy Gateway: 15 s, 2 retries, 25 ms).
    Write them to know what happens.
"""
)

GRPC = "Gateway API, gRPC"
SPAN = "durations are `1h`, `1m`, `10s`, `500ms`, whole numbers only"
_NO_ROUTING = "one route to one destination is simulated"
_CONNECTION = ("timeout", "refused", "reset")


def convert(file: ConfigFile, instance: str, host: Host, log: Log) -> Converted:
    """One backend behind the routes of a gateway, without a mesh of Istio's."""
    known = mesh_of(file)
    result = Converted("gateway_api", f"Gateway API, service '{instance}'", instance)
    outer: list[Layer] = []
    attempt: list[Layer] = []
    inner: list[Layer] = []
    policies = host.policies
    if host.routes:
        route = choose(host.routes, file.route, log, result)
        result.at = Section(route.entry, route.path, log).at()
        if route.kind == "GRPCRoute":
            result.title = f"{GRPC} service '{instance}'"
        attached = _attached(route, known)
        policy = Policy.of(attached, log) if known.plane == "envoy-gateway" else None
        outer, attempt = service(route, known, result, log, policy)
        if policy is not None:
            inner = policy.inner(next((layer for layer in outer if layer.kind == "retry"), None), log)
        for document in attached:
            if policy is None and kind_of(document) == "BackendTrafficPolicy":
                log.skipped(Section(document, "", log).at("spec"), "the gateway that reads it is not known")
    elif policies and any(kind_of(each) == "BackendTrafficPolicy" and _is_envoy_gateway(each) for each in policies):
        policy = Policy.of(policies, log)
        result.at = Section(policies[0], "", log).at("spec")
        result.remarks.append("no route of the policy's target stands here: one without settings of its own is taken")
        outer, attempt = policy.outer(Section(None, "", log), (None, None), log)
        inner = policy.inner(next((layer for layer in outer if layer.kind == "retry"), None), log)
    else:
        result.remarks.append("no route leads to this service")
        result.instead.append("RL004")
        if policies:
            result.at = Section(policies[0], "", log).at("spec")
    constrain(host, next((layer for layer in outer if layer.kind == "retry"), None), log)
    result.layers = [*outer, *inner, *attempt]
    assume_hosts(result, log)
    return result


def _is_envoy_gateway(document: Mapping) -> bool:
    return text(document, "apiVersion").startswith("gateway.envoyproxy.io/")


def _attached(route: Route, known: Mesh) -> list[Mapping]:
    """The policies about a route, the closest first: of its rule, of the route, of its gateway's listener, of that."""
    found: list[tuple[int, Mapping]] = []
    rule = text(route.entry, "name")
    own = (route.kind, namespace_of(route.document), route.rule)
    for target in (own, *parents(route)):
        for document in known.attached.get(target, []):
            sections = _sections(document, target[0], target[2])
            if None in sections:
                found.append((1 if target == own else 3, document))
            elif target != own or rule in sections:
                found.append((0 if target == own else 2, document))
    return [document for _, document in sorted(found, key=lambda each: each[0])]


def _sections(document: Mapping, kind: str, name: str) -> set[str | None]:
    """The parts of a target that a policy names; None: all of it."""
    spec = below(document, "spec")
    one = below(spec, "targetRef")
    targets = [*items(spec, "targetRefs"), *([one] if isinstance(one, Mapping) else [])]
    chosen = {None for each in items(spec, "targetSelectors") if text(each, "kind") == kind}  # has no `sectionName`
    return chosen | {
        text(each, "sectionName") or None
        for each in targets
        if (text(each, "kind"), text(each, "name")) == (kind, name)
    }


# --- a rule of a route ---


def service(
    which: Route, known: Mesh, result: Converted, log: Log, policy: Policy | None = None
) -> tuple[list[Layer], list[Layer]]:
    """Layers around the limits, and the timeout of each try."""
    spec = Section(which.document, "", log).section("spec")
    spec.ignore("parentRefs", "hostnames", "rules", "useDefaultGateways")
    spec.rest()
    rule = Section(which.entry, f"spec.rules.{which.place}", log)
    rule.ignore("name", "matches")
    rule.skip(sessionPersistence="callers are not told apart: write `service.balancer`")
    _filters(rule, log)
    for each in rule.sections("backendRefs"):
        if each.node is not which.destination:
            log.skipped(each.at("weight") if "weight" in each else each.at("name"), ALONE)
            continue
        each.ignore("group", "kind", "name", "namespace", "port")
        each.skip(weight=ALONE)
        _filters(each, log)
        each.rest()
    limits = rule.section("timeouts")
    total = limits.duration("request", durations.gateway, SPAN)
    each_try = limits.duration("backendRequest", durations.gateway, SPAN)
    if total and each_try and total.value and each_try.value > total.value:
        log.refused(
            "`backendRequest` is longer than `request`", each_try.at, "the API server refuses it: make it shorter"
        )
    limits.rest()
    retry = rule.section("retry")
    rule.rest()
    if policy is not None:
        return policy.outer(retry, (total, each_try), log)
    return _plain(retry, total, each_try, known.plane == "istio", rule, result, log)


def _filters(section: Section, log: Log) -> None:
    for each in section.sections("filters"):
        kind = each.word("type", fold=False)
        log.skipped(each.at("type"), _FILTERS.get(kind.value if kind else "", _NO_ROUTING))


_FILTERS = {
    "RequestHeaderModifier": "headers are not simulated",
    "ResponseHeaderModifier": "headers are not simulated",
    "CORS": "headers are not simulated",
    "ExternalAuth": "calls of the gateway's own are not simulated",
    "ExtensionRef": "extensions are not read",
}


def _plain(
    retry: Section, total: Value[int] | None, each: Value[int] | None, istio: bool, rule: Section, result: Converted,
    log: Log,
) -> tuple[list[Layer], list[Layer]]:  # fmt: skip
    """By the text of the specification; in Istio with Envoy's rules and the mesh's default retries."""
    like = "envoy" if istio else ""
    layers: list[Layer] = []
    if total and total.value:
        layer = Layer("timeout", f"{rule.path}.timeouts.request: the whole request", total.at, id="total", like=like)
        layer.put("after", Ns(total.value), total)
        layers.append(layer)
    elif total is None and not istio:
        result.instead.append("RL004")
        if not result.title.startswith(GRPC):  # whose rules have no such field
            log.trap(
                "RL144", "no `timeouts.request`: how long a request may take is up to the implementation", rule.at(),
                "write `timeouts: {request: 10s}`; `0s` for no limit",
            )  # fmt: skip
    attempt: list[Layer] = []
    if each and each.value:
        layer = Layer("timeout", f"{rule.path}.timeouts.backendRequest: each try", each.at, id="attempt", like=like)
        layer.put("after", Ns(each.value), each)
        attempt = [layer]
    if retry:
        layers.append(_retry(retry, istio, log))
    elif istio:
        from_mesh = Layer("retry", "the mesh's default retries", None, like="envoy")
        from_mesh.put("attempts", 3, None, "default of the mesh: 2 retries")
        backoff(from_mesh, None, None)
        from_mesh.put("on", ["refused", "shed"], None, "default of the mesh")
        layers.append(from_mesh)
    if not istio and retry:
        result.remarks.append(
            "as the specification says; implementations may wait longer between tries, and add jitter"
        )
    return layers, attempt


def _retry(section: Section, istio: bool, log: Log) -> Layer:
    attempts = section.count("attempts", 1)
    wait = section.duration("backoff", durations.gateway, SPAN)
    codes, at = status_codes(section, "codes")
    section.rest()
    layer = Layer("retry", section.path, section.at(), like="envoy" if istio else "")
    number = attempts.value if attempts else 2
    layer.put("attempts", number + 1, attempts, "ASSUMED: 2 retries")
    if attempts and number:
        log.trap(
            "RL132", f"`attempts` {number} counts retries: up to {number + 1} calls", attempts.at,
            "subtract one if you meant calls",
        )  # fmt: skip
    elif not attempts:
        log.assumed.append("2 retries; `retry.attempts` is not written, and each implementation has its own number")
        log.trap("RL144", "no `attempts`: how often is retried is up to the implementation", section.at(), "write it")
    if istio:
        backoff(layer, wait, None)
    elif wait:
        layer.put("delay", Ns(wait.value), wait)
    outcomes = dict.fromkeys(_CONNECTION)
    for code in codes:
        outcomes.update(dict.fromkeys(code_outcomes(code)))
        hopeless(code, at, log)
    shown = f"codes: {' '.join(codes)}, and connections that fail" if codes else "connections that fail"
    layer.settings["on"] = Setting("[" + ", ".join(outcomes) + "]", shown, at)
    return layer


# --- policies of a service ---


def constrain(host: Host, retry: Layer | None, log: Log) -> None:
    """``retryConstraint``: retries may be a share of the requests of an interval, and so many a second anyway."""
    for document in host.policies:
        if _is_envoy_gateway(document):
            continue
        spec = Section(document, "", log).section("spec")
        spec.ignore("targetRefs")
        spec.skip(sessionPersistence="callers are not told apart: write `service.balancer`")
        limit = spec.section("retryConstraint")
        spec.rest()
        if not limit:
            continue
        budget, rate = limit.section("budget"), limit.section("minRetryRate")
        limit.rest()
        share = percentage(budget.count("percent"), BY_SCHEMA, log)
        interval = budget.duration("interval", durations.gateway, SPAN)
        budget.rest()
        count, per = rate.count("count", 1), rate.duration("interval", durations.gateway, SPAN)
        rate.rest()
        if count and count.value > MOST_CALLS:  # the bound of the CRD, too
            log.refused(f"`count` is at most {MOST_CALLS}: the API server refuses the resource", count.at)
        if retry is None:
            log.skipped(limit.at(), "nothing is retried")
            continue
        most = share.value if share else 20
        part = percent(most / 100)
        a_second = (count.value if count else 10) * 1e9 / max(1, per.value if per else 1_000_000_000)
        a_second = min(a_second, float(MOST_CALLS))
        spread = interval.value if interval else 10_000_000_000
        shown = ", ".join(each.shown for each in (share, interval, count, per) if each) or "defaults"
        body = f"{{kind: finagle, percentCanRetry: {most}%, minRetriesPerSec: {a_second:g}, ttl: {_ns(spread)}}}"
        retry.settings["budget"] = Setting(body, f"retryConstraint: {shown}", limit.at())
        retry.exact["budget"] = retry.settings["budget"]
        retry.remarks.append(
            f"retries may be {part} of the requests of {_ns(spread)}, and {a_second:g} a second anyway"
        )


def _ns(value: int) -> str:
    from resilience_sim.settings.units import show_duration

    return show_duration(value)
