"""Istio, Envoy and the Gateway API by their documentation: small files, and what the proxies make of them."""

from __future__ import annotations

import textwrap

import pytest

from interop.shop import codes, plan_of
from resilience_sim.interop import formats
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported
from resilience_sim.lint.check import lint_text
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError


def read(text: str, instance: str = "", path: str = "m.yaml", route: str = "") -> Imported:
    """One instance; the only one without a name."""
    opened = formats.open_config(path, textwrap.dedent(text), route=route)
    assert opened is not None
    found = formats.convert(*opened, instance or formats.instance_names(*opened)[0])
    plan_of(found)
    return found


def stack(text: str, instance: str = "", path: str = "m.yaml", route: str = "") -> dict[str, dict[str, str]]:
    """Settings by kind (or id) of the policy."""
    layers = read(text, instance, path, route).stack.layers
    return {layer.id or layer.kind: {key: each.value for key, each in settle(layer).items()} for layer in layers}


def said(found: Imported) -> str:
    """All findings as text."""
    return "\n".join(f"{each.line} {each.code} {each.message}" for each in found.findings)


# --- Istio ---


def virtual(http: str, name: str = "a", host: str = "api", namespace: str = "shop") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  hosts: [{host}]\n  http:\n  - {http}\n---\n"
    )


def rule(policy: str, host: str = "api", more: str = "", name: str = "a") -> str:
    return (
        f"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {name}, namespace: shop}}\n"
        f"spec: {{host: {host}, trafficPolicy: {{{policy}}}{more}}}\n---\n"
    )


TO_80 = "{timeout: 3s, route: [{destination: {host: api, port: {number: 80}}}]}"
TO_V2 = "{timeout: 3s, route: [{destination: {host: api, subset: v2, port: {number: 80}}}]}"
EJECTS = "outlierDetection: {consecutive5xxErrors: 9, maxEjectionPercent: 100}"
POOL = "connectionPool: {http: {http2MaxRequests: 50}}"
PORTS = "portLevelSettings: [{port: {number: 80}, connectionPool: {http: {http2MaxRequests: 7}}}, {port: {number: 90}}]"


def test_settings_of_the_port_replace_all_of_the_policy_above():
    """The port says nothing about ejection: none, although the policy above has one."""
    got = stack(virtual(TO_80) + rule(f"{EJECTS}, {POOL}, {PORTS}"))
    assert got["bulkhead"]["max_concurrent"] == "7"
    assert "circuit_breaker" not in got


def test_settings_of_another_port_change_nothing():
    got = stack(virtual(TO_80.replace("80", "443")) + rule(f"{EJECTS}, {POOL}, {PORTS}"))
    assert got["bulkhead"]["max_concurrent"] == "50"
    assert got["circuit_breaker"]["failure_threshold"] == "9"


def test_a_subset_replaces_each_part_as_a_whole():
    """Its pool in place of the host's, whose ejection stays."""
    more = ", subsets: [{name: v2, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 3}}}}]"
    got = stack(virtual(TO_V2) + rule(f"{EJECTS}, {POOL}", more=more))
    assert (got["bulkhead"]["max_concurrent"], got["circuit_breaker"]["failure_threshold"]) == ("3", "9")


def test_settings_of_the_port_in_a_subset_replace_everything():
    more = f", subsets: [{{name: v2, trafficPolicy: {{{PORTS}}}}}]"
    got = stack(virtual(TO_V2) + rule(f"{EJECTS}, {POOL}", more=more))
    assert got["bulkhead"]["max_concurrent"] == "7"
    assert "circuit_breaker" not in got


def test_ejection_of_a_subset_alone():
    more = ", subsets: [{name: v2, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 2, interval: 4s}}}]"
    got = stack(virtual(TO_V2) + rule(POOL, more=more))["circuit_breaker"]
    assert (got["failure_threshold"], got["interval"]) == ("2", "4s")


def test_a_subset_that_no_rule_defines():
    """Istio answers with 503: an error, for the import too."""
    found = read(virtual(TO_V2) + rule(POOL))
    assert "no DestinationRule has this subset" in said(found)
    assert "no DestinationRule has this subset" not in said(read(virtual(TO_V2)))  # the rule may be in another file


def test_the_heaviest_of_two_subsets_is_taken_and_the_other_can_be_asked_for():
    both = virtual(
        "{timeout: 3s, route: [{destination: {host: api, subset: v1}, weight: 10}, "
        "{destination: {host: api, subset: v2}, weight: 90}]}"
    )
    more = ", subsets: [{name: v1}, {name: v2, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 3}}}}]"
    text = both + rule(POOL, more=more)
    assert stack(text)["bulkhead"]["max_concurrent"] == "3"
    assert "which gets 90 of its rule's 100 parts" in " ".join(read(text).stack.remarks)
    assert stack(text, route="v1")["bulkhead"]["max_concurrent"] == "50"


def test_a_retry_budget_is_envoys():
    got = stack(virtual(TO_80) + rule("retryBudget: {percent: 12.5, minRetryConcurrency: 4}"))["retry"]
    assert got["budget"] == "{kind: envoy, budget_percent: 12.5%, min_retry_concurrency: 4}"
    empty = stack(virtual(TO_80) + rule("retryBudget: {}"))["retry"]
    assert empty["budget"] == "{kind: envoy, budget_percent: 20%, min_retry_concurrency: 3}"


@pytest.mark.parametrize(("share", "taken"), [("120", "100%"), ("-1", "0%"), ("100", "100%"), ("0", "0%")])
def test_a_share_that_istios_schema_does_not_have_is_refused(share: str, taken: str):
    """``percent``: minimum 0, maximum 100 (manifests/charts/base/files/crd-all.gen.yaml)."""
    found = read(virtual(TO_80) + rule(f"retryBudget: {{percent: {share}}}"))
    refused = [each.message for each in found.findings if each.code == "RL193"]
    assert refused == ["a percentage is 0 to 100: the API server refuses the resource"] * (share in ("120", "-1"))
    budget = next(each.exact["budget"] for each in found.stack.layers if "budget" in each.exact)
    assert budget is not None
    assert f"budget_percent: {taken}" in budget.value
    plan_of(found)


def test_max_retries_is_a_number_at_once_and_zero_is_unset():
    pool = "connectionPool: {{http: {{maxRetries: {}}}}}"
    got = stack(virtual(TO_80) + rule(pool.format(2)))["retry"]
    assert got["budget"] == "{kind: envoy, budget_percent: 0%, min_retry_concurrency: 2}"
    assert "budget" not in stack(virtual(TO_80) + rule(pool.format(0)))["retry"]


def test_two_rules_about_one_host_are_merged():
    """The first one's policy, the subsets of both."""
    more = ", subsets: [{name: v2, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 3}}}}]"
    text = virtual(TO_V2) + rule(EJECTS) + rule("outlierDetection: {consecutive5xxErrors: 1}", more=more, name="b")
    got = stack(text)
    assert (got["circuit_breaker"]["failure_threshold"], got["bulkhead"]["max_concurrent"]) == ("9", "3")
    assert "the oldest one's policy counts" in said(read(text))


def test_a_delegate_takes_the_timeout_of_the_rule_that_delegates():
    root = virtual("{timeout: 9s, retries: {attempts: 5}, delegate: {name: b, namespace: shop}}", host="x.example.org")
    leaf = virtual("{route: [{destination: {host: api}}]}", name="b").replace("  hosts: [api]\n", "")
    got = stack(root + leaf, "api.shop.svc.cluster.local")
    assert (got["total"]["after"], got["retry"]["attempts"]) == ("9s", "6")


def test_retries_of_zero_attempts_are_none():
    got = stack(virtual("{retries: {attempts: 0}, route: [{destination: {host: api}}]}"))
    assert got == {}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("5xx", "error unavailable shed timeout refused reset"),
        ("503", "unavailable shed"),
        ("connect-failure,refused-stream,503", "refused shed unavailable"),
        ("gateway-error, connect-failure", "unavailable shed timeout refused reset"),
        ("retriable-4xx", "unavailable"),  # nothing that is simulated: one attempt
        ("429", "rate_limited"),
    ],
)
def test_words_of_retry_on(words: str, wanted: str):
    got = stack(virtual(f"{{retries: {{attempts: 2, retryOn: '{words}'}}, route: [{{destination: {{host: api}}}}]}}"))
    assert set(got["retry"]["on"].strip("[]").split(", ")) == set(wanted.split())
    assert got["retry"]["attempts"] == ("1" if words == "retriable-4xx" else "3")


def test_gateway_routes_in_istio_meet_the_rules_about_their_service():
    """The mesh's default retries, since the route has none; the ejection of the DestinationRule."""
    route = gateway("timeouts: {request: 4s}", namespace="shop")
    for texts in ([route + rule(EJECTS)], [route, rule(EJECTS)]):
        opened = formats.open_together([(f"{i}.yaml", each) for i, each in enumerate(texts)])
        assert opened is not None
        assert opened[1] == "istio"
        found = formats.convert(*opened, "api.shop.svc.cluster.local")
        got = {layer.id or layer.kind: settle(layer) for layer in found.stack.layers}
        assert (got["total"]["after"].value, got["retry"]["attempts"].value) == ("4s", "3")
        assert got["circuit_breaker"]["failure_threshold"].value == "9"


# --- Gateway API ---


def gateway(rest: str, kind: str = "HTTPRoute", refs: str = "{name: api, port: 80}", namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return (
        f"apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r{where}}}\n"
        f"spec:\n  parentRefs: [{{name: gw}}]\n  rules:\n  - backendRefs: [{refs}]\n    {rest}\n---\n"
    )


def test_timeouts_and_retries_of_a_route():
    got = stack(
        gateway("timeouts: {request: 4s, backendRequest: 1s}\n    retry: {attempts: 2, backoff: 100ms, codes: [500]}")
    )
    assert (got["total"]["after"], got["attempt"]["after"]) == ("4s", "1s")
    assert (got["retry"]["attempts"], got["retry"]["delay"]) == ("3", "100ms")
    assert set(got["retry"]["on"].strip("[]").split(", ")) == {"error", "timeout", "refused", "reset"}


def test_zero_is_no_timeout_and_no_retry_is_none():
    text = gateway("timeouts: {request: 0s}")
    assert stack(text) == {}
    assert "RL144" not in codes(read(text))
    assert "RL004" in {each.code for each in lint_text(text, "m.yaml")}


def test_without_a_timeout_it_is_up_to_the_implementation():
    """Not "nothing ends a call": that is not known."""
    found = {each.code for each in lint_text(gateway("retry: {attempts: 1}"), "m.yaml")}
    assert "RL144" in found
    assert "RL004" not in found


def test_a_try_must_not_be_longer_than_the_whole():
    assert "`backendRequest` is longer than `request`" in said(
        read(gateway("timeouts: {request: 1s, backendRequest: 2s}"))
    )


@pytest.mark.parametrize("bad", ["1.5s", "100us", "10", "123456s"])
def test_durations_of_the_gateway_api_are_narrower_than_gos(bad: str):
    assert "RL192" in codes(read(gateway(f"timeouts: {{request: {bad}}}")))


def test_backends_by_weight_are_instances_each():
    refs = "{name: api, port: 80, weight: 9}, {name: next, namespace: lab, port: 80, weight: 1}"
    text = gateway("name: x", refs=refs, namespace="shop")
    opened = formats.open_config("m.yaml", text)
    assert opened is not None
    assert formats.instance_names(*opened) == ["api.shop.svc.cluster.local", "next.lab.svc.cluster.local"]
    assert "`weight` is not modelled: each destination is simulated alone, with all calls" in said(read(text))
    assert sum(each.code == "RL190" for each in lint_text(text, "m.yaml")) == 2, "once for each weight"


def test_a_grpc_route_has_neither_timeouts_nor_retries():
    found = read(gateway("matches: [{method: {service: shop.Api, method: Get}}]", kind="GRPCRoute"))
    assert found.stack.layers == []
    assert "RL144" not in codes(found)
    assert ("shop.Api", "route 1 of r") in formats.route_names(*formats.open_config("m.yaml", gateway(  # type: ignore[misc]
        "matches: [{method: {service: shop.Api, method: Get}}]", kind="GRPCRoute")))  # fmt: skip


def test_a_retry_constraint_holds_in_the_simulation():
    """20 % of the requests, and one a second: in an outage far fewer tries than three for each request."""
    policy = (
        "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XBackendTrafficPolicy\nmetadata: {name: p}\n"
        "spec:\n  targetRefs: [{group: '', kind: Service, name: api}]\n"
        "  retryConstraint: {budget: {percent: 20, interval: 10s}, minRetryRate: {count: 1, interval: 1s}}\n"
    )
    route = gateway("timeouts: {request: 4s}\n    retry: {attempts: 2, codes: [500]}")
    attempts = []
    for text in (route, route + policy):
        document = simulate(plan_of(read(text)), 1).document
        attempts.append(document["attempts"]["total"] - document["requests"]["total"])
    assert attempts[1] < 0.45 * attempts[0]
    assert attempts[1] > 100


@pytest.mark.parametrize(
    ("share", "told", "taken"),
    [("120", "a percentage is 0 to 100", "100%"), ("-5", "integer of at least 0", "20%"), ("12.5", "integer", "20%")],
)
def test_a_share_that_the_schema_does_not_have_is_told_of_where_it_stands(share: str, told: str, taken: str):
    """The scenario that is made of the rest can be read."""
    policy = (
        "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XBackendTrafficPolicy\nmetadata: {name: p}\n"
        "spec:\n  targetRefs: [{group: '', kind: Service, name: api}]\n"
        f"  retryConstraint: {{budget: {{percent: {share}}}}}\n"
    )
    found = read(gateway("timeouts: {request: 4s}\n    retry: {attempts: 2, codes: [500]}") + policy)
    assert [told in each.message for each in found.findings if each.severity == "error"] == [True]
    budget = next(each.exact["budget"] for each in found.stack.layers if "budget" in each.exact)
    assert budget is not None
    assert f"percentCanRetry: {taken}" in budget.value
    plan_of(found)


@pytest.mark.parametrize(
    ("rate", "told"), [("count: 5000000", True), ("count: 1000000", False), ("interval: 0s", False)]
)
def test_a_rate_beyond_the_schema_is_refused_and_can_be_simulated(rate: str, told: bool):
    """``count``: 1 to 1000000 in the CRD of XBackendTrafficPolicy."""
    policy = (
        "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XBackendTrafficPolicy\nmetadata: {name: p}\n"
        "spec:\n  targetRefs: [{group: '', kind: Service, name: api}]\n"
        f"  retryConstraint: {{minRetryRate: {{{rate}}}}}\n"
    )
    found = read(gateway("timeouts: {request: 4s}\n    retry: {attempts: 2, codes: [500]}") + policy)
    assert ("RL193" in [each.code for each in found.findings]) == told
    plan_of(found)


ENVOY_GATEWAY = (
    "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata: {{name: {name}}}\n"
    "spec:\n  targetRefs: [{target}]\n  {spec}\n---\n"
)


def policy(spec: str, target: str = "{kind: HTTPRoute, name: r}", name: str = "p") -> str:
    return ENVOY_GATEWAY.format(spec=spec, target=target, name=name)


def test_envoy_gateway_retries_by_its_own_defaults():
    got = stack(gateway("name: x") + policy("retry: {}"))
    assert got["total"]["after"] == "15s"
    assert got["retry"]["attempts"] == "3"
    assert set(got["retry"]["on"].strip("[]").split(", ")) == {"refused", "shed", "unavailable"}


def test_envoy_gateway_without_a_retry_makes_one_attempt():
    assert list(stack(gateway("name: x") + policy("timeout: {http: {requestTimeout: 3s}}"))) == ["total"]


def test_the_timeout_of_the_route_goes_before_that_of_the_policy():
    text = gateway("timeouts: {request: 2s}") + policy("timeout: {http: {requestTimeout: 9s}}")
    assert stack(text)["total"]["after"] == "2s"


def test_a_backend_timeout_without_retries_is_that_of_the_whole():
    assert next(iter(stack(gateway("timeouts: {backendRequest: 2s}") + policy("retry: {}")))) == "total"
    assert (
        stack(gateway("timeouts: {request: 9s, backendRequest: 2s}") + policy("loadBalancer: {}"))["total"]["after"]
        == "2s"
    )


def test_the_closest_policy_counts_alone():
    """That of the rule before that of the route before that of the gateway."""
    far = policy("retry: {numRetries: 9}", "{kind: Gateway, name: gw}", "far")
    near = policy("circuitBreaker: {maxParallelRequests: 4}", name="near")
    nearest = policy("retry: {numRetries: 1}", "{kind: HTTPRoute, name: r, sectionName: x}", "nearest")
    route = gateway("name: x")
    assert stack(route + far)["retry"]["attempts"] == "10"
    assert list(stack(route + far + near)) == ["total", "bulkhead"]
    assert list(stack(route + far + near + nearest)) == ["total", "retry"]
    other = policy("retry: {numRetries: 1}", "{kind: HTTPRoute, name: r, sectionName: y}", "other")
    assert stack(route + far + other)["retry"]["attempts"] == "10"


def test_a_policy_that_merges_takes_over_the_rest_of_its_parent():
    far = policy("retry: {numRetries: 9, perRetry: {timeout: 1s}}", "{kind: Gateway, name: gw}", "far")
    near = policy("mergeType: StrategicMerge\n  retry: {numRetries: 1}")
    got = stack(gateway("name: x") + far + near)
    assert (got["retry"]["attempts"], got["attempt"]["after"]) == ("2", "1s")


def test_passive_health_checks_sweep_every_three_seconds():
    got = stack(gateway("name: x") + policy("healthCheck: {passive: {maxEjectionPercent: 100}, panicThreshold: 0}"))
    breaker = got["circuit_breaker"]
    assert (breaker["failure_threshold"], breaker["interval"], breaker["healthy_panic_threshold"]) == ("5", "3s", "0")


def test_a_local_limit_of_the_gateway_takes_no_token_for_retries():
    text = gateway("name: x") + policy(
        "rateLimit: {type: Local, local: {rules: [{limit: {requests: 30, unit: Minute}}, "
        "{clientSelectors: [{headers: [{name: x}]}], limit: {requests: 1, unit: Hour}}]}}"
    )
    got = stack(text)
    assert next(iter(got)) == "rate_limiter"
    assert (got["rate_limiter"]["max_tokens"], got["rate_limiter"]["fill_interval"]) == ("30", "1m")
    assert "`clientSelectors` is not modelled" in said(read(text))


def test_a_policy_whose_route_stands_elsewhere():
    """Many keep them in files of their own."""
    got = stack(policy("retry: {numRetries: 4}\n  circuitBreaker: {maxParallelRequests: 6}"))
    assert (got["retry"]["attempts"], got["bulkhead"]["max_concurrent"]) == ("5", "6")


# --- Envoy ---

ROUTES = """
    route_config:
      virtual_hosts:
      - name: h
        domains: ["*"]
        routes:
        - match: {{prefix: /}}
          route: {{cluster: api, timeout: 2s, {route}}}
          {more}
    http_filters: [{filters}]
    clusters:
    - {{name: api, connect_timeout: 1s, {cluster}}}
"""
RETRY = "retry_policy: {retry_on: 5xx, num_retries: 2}"
BUCKET = "token_bucket: {max_tokens: 5, tokens_per_fill: 5, fill_interval: 1s}"
ON = "filter_enabled: {default_value: {numerator: 100}}, filter_enforced: {default_value: {numerator: 100}}"
FILTER = "{{name: envoy.filters.http.local_ratelimit, typed_config: {{stat_prefix: x, {}}}}}"


def envoy(route: str = RETRY, more: str = "", filters: str = "", cluster: str = "lb_policy: RANDOM") -> str:
    return ROUTES.format(route=route, more=more, filters=filters, cluster=cluster)


def test_envoy_allows_three_retries_at_once_unless_told():
    assert stack(envoy())["retry"]["budget"] == "{kind: envoy, budget_percent: 0%, min_retry_concurrency: 3}"
    many = "circuit_breakers: {thresholds: [{max_retries: 4294967295}]}"
    assert "budget" not in stack(envoy(cluster=many))["retry"]
    share = "circuit_breakers: {thresholds: [{retry_budget: {}}]}"
    assert stack(envoy(cluster=share))["retry"]["budget"].startswith("{kind: envoy, budget_percent: 20%")


def test_retries_at_once_are_limited_in_the_simulation():
    """In the outage hardly any retry is made: with waits of up to 50 ms more than three at once are wanted."""
    plans = [
        plan_of(read(envoy(cluster=f"circuit_breakers: {{thresholds: [{{max_retries: {n}}}]}}"))) for n in (3, 10**9)
    ]
    retries = [
        (document := simulate(plan, 1).document)["attempts"]["total"] - document["requests"]["total"] for plan in plans
    ]
    assert retries[0] < retries[1]


def test_a_local_rate_limit_stands_in_front_of_the_retries():
    got = stack(envoy(filters=FILTER.format(f"{BUCKET}, {ON}")))
    assert list(got)[:3] == ["rate_limiter", "total", "retry"]
    assert got["rate_limiter"] == {
        "max_tokens": "5", "tokens_per_fill": "5", "fill_interval": "1s", "like": "envoy",
    }  # fmt: skip


@pytest.mark.parametrize("on", ["", ON.partition(", filter_enforced")[0], ON.replace("100", "0")])
def test_a_local_rate_limit_is_off_unless_both_shares_are_set(on: str):
    found = read(envoy(filters=FILTER.format(f"{BUCKET}, {on}" if on else BUCKET)))
    assert "RL145" in codes(found)
    assert [layer.kind for layer in found.stack.layers] == ["timeout", "retry"]


def test_a_route_may_have_a_limit_of_its_own():
    more = f"typed_per_filter_config: {{envoy.filters.http.local_ratelimit: {{{BUCKET.replace('5', '2')}, {ON}}}}}"
    got = stack(envoy(more=more, filters=FILTER.format(f"{BUCKET}, {ON}")))
    assert got["rate_limiter"]["max_tokens"] == "2"
    without = read(envoy(more=more))
    assert "not in the chain of the listener" in said(without)
    assert without.stack.layers[0].kind == "timeout"


def test_statuses_need_the_word_retriable_status_codes():
    ignored = "retry_policy: {retry_on: connect-failure, retriable_status_codes: [503]}"
    heard = ignored.replace("connect-failure", "'connect-failure,retriable-status-codes'")
    assert stack(envoy(ignored))["retry"]["on"] == "[refused]"
    assert "RL139" in codes(read(envoy(ignored)))
    assert stack(envoy(heard))["retry"]["on"] == "[refused, unavailable, shed]"


def test_retry_after_is_heard_only_where_it_is_asked_for():
    asked = RETRY.replace("}", ", rate_limited_retry_back_off: {reset_headers: [{name: Retry-After}]}}")
    assert stack(envoy(asked))["retry"]["rate_limited_retry_back_off"] == "true"
    assert "rate_limited_retry_back_off" not in stack(envoy())["retry"]


def test_waits_that_envoy_refuses():
    bad = RETRY.replace("}", ", retry_back_off: {base_interval: 2s, max_interval: 1s}}")
    assert "`max_interval` is shorter than `base_interval`" in said(read(envoy(bad)))


def test_the_policy_of_a_cluster_goes_before_that_of_the_route():
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {retry_policy: {retry_on: 5xx, num_retries: 7}}"
    got = stack(envoy(cluster=f"typed_extension_protocol_options: {{{options}}}"))
    assert got["retry"]["attempts"] == "8"


def test_http_2_shares_connections():
    limits = "circuit_breakers: {thresholds: [{max_connections: 2, max_requests: 30, max_pending_requests: 4}]}"
    explicit = "typed_extension_protocol_options: {x: {explicit_http_config: {http2_protocol_options: {}}}}"
    assert stack(envoy(cluster=limits))["bulkhead"] == {"max_concurrent": "2", "queue": "4", "like": "envoy"}
    assert stack(envoy(cluster=f"{limits}, {explicit}"))["bulkhead"]["max_concurrent"] == "30"


def test_limits_of_the_priority_of_the_route():
    limits = "circuit_breakers: {thresholds: [{max_requests: 30}, {priority: HIGH, max_requests: 5}]}"
    assert stack(envoy(cluster=limits))["bulkhead"]["max_concurrent"] == "30"
    assert stack(envoy(f"priority: HIGH, {RETRY}", cluster=limits))["bulkhead"]["max_concurrent"] == "5"


def test_weighted_clusters_are_instances_each():
    text = envoy().replace(
        "cluster: api", "weighted_clusters: {clusters: [{name: api, weight: 95}, {name: next, weight: 5}]}"
    )
    opened = formats.open_config("m.yaml", text)
    assert opened is not None
    assert formats.instance_names(*opened) == ["api", "next"]
    assert (
        "it gets 5 of 100 parts of the route's requests; here all of them go to it" in read(text, "next").stack.remarks
    )


DUMP = """{"configs": [
 {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", "dynamicActiveClusters": [{"cluster": {
   "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "outbound|80||api.shop.svc.cluster.local",
   "type": "EDS", "outlierDetection": {"consecutive5xx": 4, "interval": "5s"},
   "commonLbConfig": {"healthyPanicThreshold": {}}}}]},
 {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "staticRouteConfigs": [{"routeConfig": {
   "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": "80", "virtualHosts": [{
     "name": "api", "domains": ["api"], "routes": [{"match": {"prefix": "/"}, "route": {
       "cluster": "outbound|80||api.shop.svc.cluster.local", "timeout": "0s",
       "retryPolicy": {"retryOn": "connect-failure", "numRetries": 2}}}]}]}}]}]}"""


def test_a_dump_of_the_admin_interface():
    """Camel case, wrapped in types; a 0 is left out by protobuf's JSON: no panic."""
    got = stack(DUMP, "outbound|80||api.shop.svc.cluster.local", "config_dump.json")
    assert list(got) == ["retry", "circuit_breaker"]
    assert (got["retry"]["attempts"], got["circuit_breaker"]["failure_threshold"]) == ("3", "4")
    assert got["circuit_breaker"]["healthy_panic_threshold"] == "0"


def test_resources_of_xds_on_disk():
    text = "resources:\n- {'@type': type.googleapis.com/envoy.config.cluster.v3.Cluster, name: api, type: EDS}\n"
    found = read(text)
    assert found.stack.instance == "api"
    assert "no route leads to this cluster: one without settings is taken" in found.stack.remarks
    assert "RL004" not in {each.code for each in lint_text(text, "m.yaml")}


def test_a_json_template_is_to_be_rendered_first():
    with pytest.raises(ScenarioError, match="this is a template") as caught:
        formats.open_config("bootstrap.json", '{"static_resources": {\n {{ if .x }} "clusters": [] {{ end }} }}')
    assert caught.value.diagnostics[0].line == 2


@pytest.mark.parametrize("kind", ["EnvoyFilter", "Sidecar"])
def test_an_envoy_filter_is_named_once(kind: str):
    """It changes what the others come to; a resource that does not is not worth a word."""
    text = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: b, namespace: shop}}
spec: {{host: b, trafficPolicy: {{connectionPool: {{http: {{http1MaxPendingRequests: 9}}}}}}}}
---
apiVersion: networking.istio.io/v1alpha3
kind: {kind}
metadata: {{name: f, namespace: shop}}
spec: {{configPatches: [{{applyTo: HTTP_ROUTE}}]}}
"""
    said = [each for each in lint_text(text, "b.yaml") if "EnvoyFilter" in each.message]
    assert [(each.code, each.line) for each in said] == ([("RL190", 8)] if kind == "EnvoyFilter" else [])


OF_ENVOY = """
static_resources:
  clusters:
  - {{name: b, outlier_detection: {{consecutive_5xx: {five}, consecutive_gateway_failure: {gateway},
      enforcing_consecutive_gateway_failure: 100, always_eject_one_host: true}}}}
"""
OF_ISTIO = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: b}}
spec: {{host: b, trafficPolicy: {{outlierDetection: {{consecutive5xxErrors: {five},
  consecutiveGatewayErrors: {gateway}, maxEjectionPercent: 100}}}}}}
"""


@pytest.mark.parametrize("text", [OF_ENVOY, OF_ISTIO], ids=["envoy", "istio"])
@pytest.mark.parametrize(
    ("five", "gateway", "wanted", "said"),
    [
        (0, 2, {"enforcing_consecutive_5xx": "0", "consecutive_gateway_failure": "2"}, {"RL136"}),
        (0, 0, None, {"RL136"}),
        (5, 2, {"failure_threshold": "5", "consecutive_gateway_failure": "2"}, set()),
        (2, 2, {"failure_threshold": "2", "consecutive_gateway_failure": "2"}, {"RL135"}),
    ],
)
def test_gateway_errors_alone_eject(text: str, five: int, gateway: int, wanted: dict[str, str] | None, said: set[str]):
    """Zero switches one check off, not the other: the usual way to leave answers of 500 alone."""
    opened = formats.open_config("b.yaml", text.format(five=five, gateway=gateway))
    assert opened is not None
    read = formats.convert(*opened, "b")
    settings = [settle(layer) for layer in read.stack.layers if layer.kind == "circuit_breaker"]
    assert [{key: each[key].value for key in wanted or {}} for each in settings] == ([wanted] if wanted else [])
    assert {each.code for each in read.findings} & {"RL135", "RL136"} == said


def test_a_rule_without_a_host_is_said():
    """A patch of Kustomize, most likely: what it changes cannot be seen in it."""
    whole = f"{VIRTUAL}  hosts: [shop]\n  http:\n  - route: [{{destination: {{host: shop}}}}]\n"
    patches = (f"{VIRTUAL}  http:\n  - retries: {{attempts: 9}}\n", f"{RULE}  trafficPolicy: {{}}\n")
    for patch in patches:
        (found,) = [each for each in lint_text(f"{whole}---\n{patch}", "m.yaml") if each.code == "RL193"]
        assert "without a host: Istio refuses it, and it was not read" in found.message
        assert found.line == len(whole.splitlines()) + 3
    delegate = f"{VIRTUAL}  http:\n  - route: [{{destination: {{host: shop}}}}]\n"
    assert "RL193" not in {each.code for each in lint_text(f"{whole}---\n{delegate}", "m.yaml")}


VIRTUAL = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vee}\nspec:\n"
RULE = VIRTUAL.replace("VirtualService", "DestinationRule")
