"""No field of a mesh's configuration is dropped without a word: it changes the scenario, or a finding names it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from interop.mesh_fields import FIELDS
from resilience_sim.interop import formats

ISTIO, GATEWAY = "networking.istio.io/v1", "gateway.networking.k8s.io/v1"
SAY = {"h2UpgradePolicy": "UPGRADE"}  # where only certain words are known
VALUES: dict[str, Any] = {"i": 7, "f": 7.5, "d": "7s", "b": True, "s": "x", "e": "HIGH", "m": {}}


def kube(version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A resource."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}


VIRTUAL = kube(ISTIO, "VirtualService", {
    "hosts": ["a"],
    "http": [{"route": [{"destination": {"host": "a", "subset": "v", "port": {"number": 80}}}], "timeout": "30s",
              "retries": {"attempts": 2}}],
})  # fmt: skip
RULE = kube(ISTIO, "DestinationRule", {
    "host": "a",
    "trafficPolicy": {
        "outlierDetection": {"consecutive5xxErrors": 3, "maxEjectionPercent": 100, "consecutiveGatewayErrors": 2},
        "connectionPool": {"http": {"http2MaxRequests": 99}, "tcp": {"maxConnections": 50}},
        "loadBalancer": {"simple": "RANDOM"}, "retryBudget": {"percent": 3},
    },
    "subsets": [{"name": "v", "labels": {"a": "b"}, "trafficPolicy": {}}],
})  # fmt: skip
PORT = copy.deepcopy(RULE)
PORT["spec"]["trafficPolicy"]["portLevelSettings"] = [{"port": {"number": 80}}]
ENVOY = {
    "route_config": {"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": [{
        "match": {"prefix": "/"},
        "route": {
            "weighted_clusters": {"clusters": [{"name": "a", "weight": 1}]}, "timeout": "30s",
            "retry_policy": {"retry_on": "5xx,retriable-status-codes", "num_retries": 2, "per_try_timeout": "2s",
                             "retry_back_off": {"base_interval": "1s", "max_interval": "9s"},
                             "rate_limited_retry_back_off": {"reset_headers": [{"name": "retry-after"}]}},
            "hedge_policy": {"hedge_on_per_try_timeout": False},
        },
    }]}]},
    "http_filters": [{"name": "envoy.filters.http.local_ratelimit", "typed_config": {
        "token_bucket": {"max_tokens": 3, "fill_interval": "1s"},
        "filter_enabled": {"default_value": {"numerator": 100}},
        "filter_enforced": {"default_value": {"numerator": 100}},
    }}],
    "clusters": [{
        "name": "a", "connect_timeout": "1s", "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "circuit_breakers": {"thresholds": [{"max_requests": 99, "max_connections": 50, "retry_budget": {}}]},
        "outlier_detection": {"consecutive_5xx": 3, "consecutive_gateway_failure": 2, "max_ejection_percent": 100},
    }],
}  # fmt: skip
NO_BUDGET = copy.deepcopy(ENVOY)
del NO_BUDGET["clusters"][0]["circuit_breakers"]["thresholds"][0]["retry_budget"]
HTTP = kube(GATEWAY, "HTTPRoute", {
    "parentRefs": [{"name": "g"}],
    "rules": [{"backendRefs": [{"name": "a", "port": 80}], "timeouts": {"request": "30s"}, "retry": {"attempts": 2}}],
})  # fmt: skip
GRPC = kube(GATEWAY, "GRPCRoute", {"rules": [{"backendRefs": [{"name": "a", "port": 80}]}]})
X = kube("gateway.networking.x-k8s.io/v1alpha1", "XBackendTrafficPolicy", {
    "targetRefs": [{"group": "", "kind": "Service", "name": "a"}],
    "retryConstraint": {"budget": {"percent": 30}, "minRetryRate": {"count": 3}},
})  # fmt: skip
PLAIN_HTTP = kube(GATEWAY, "HTTPRoute", {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "a"}]}]})
EG = kube("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy", {
    "targetRefs": [{"kind": "HTTPRoute", "name": "a"}],
    "retry": {"retryOn": {"triggers": ["5xx", "retriable-status-codes"]},
              "perRetry": {"backOff": {"baseInterval": "1s"}}},
    "circuitBreaker": {"maxParallelRequests": 99, "maxConnections": 2000},
    "timeout": {"http": {}, "tcp": {}},
    "healthCheck": {"passive": {"maxEjectionPercent": 90, "consecutiveGatewayErrors": 2}},
    "rateLimit": {"type": "Local", "local": {"rules": [{"limit": {"requests": 3, "unit": "Minute"}}]}},
})  # fmt: skip
EG_BUDGET = copy.deepcopy(EG)
EG_BUDGET["spec"]["circuitBreaker"]["retryBudget"] = {"percent": {"numerator": 30}}

ROUTE = ("route_config", "virtual_hosts", 0, "routes", 0)
POLICY = ("spec", "trafficPolicy")
CLUSTER = ("clusters", 0)
LIMITER = ("http_filters", 0, "typed_config")
# message: documents, and where in the last one a message of this kind stands
PLACES: dict[str, tuple[list[dict[str, Any]], tuple[Any, ...]]] = {
    "istio.VirtualService": ([RULE, VIRTUAL], ("spec",)),
    "istio.HTTPRoute": ([RULE, VIRTUAL], ("spec", "http", 0)),
    "istio.HTTPRouteDestination": ([RULE, VIRTUAL], ("spec", "http", 0, "route", 0)),
    "istio.HTTPRetry": ([RULE, VIRTUAL], ("spec", "http", 0, "retries")),
    "istio.DestinationRule": ([VIRTUAL, RULE], ("spec",)),
    "istio.TrafficPolicy": ([VIRTUAL, RULE], POLICY),
    "istio.TrafficPolicy.PortTrafficPolicy": ([VIRTUAL, PORT], (*POLICY, "portLevelSettings", 0)),
    "istio.TrafficPolicy.RetryBudget": ([VIRTUAL, RULE], (*POLICY, "retryBudget")),
    "istio.Subset": ([VIRTUAL, RULE], ("spec", "subsets", 0)),
    "istio.LoadBalancerSettings": ([VIRTUAL, RULE], (*POLICY, "loadBalancer")),
    "istio.ConnectionPoolSettings": ([VIRTUAL, RULE], (*POLICY, "connectionPool")),
    "istio.ConnectionPoolSettings.TCPSettings": ([VIRTUAL, RULE], (*POLICY, "connectionPool", "tcp")),
    "istio.ConnectionPoolSettings.HTTPSettings": ([VIRTUAL, RULE], (*POLICY, "connectionPool", "http")),
    "istio.OutlierDetection": ([VIRTUAL, RULE], (*POLICY, "outlierDetection")),
    "envoy.VirtualHost": ([ENVOY], ROUTE[:3]),
    "envoy.Route": ([ENVOY], ROUTE),
    "envoy.WeightedCluster": ([ENVOY], (*ROUTE, "route", "weighted_clusters")),
    "envoy.WeightedCluster.ClusterWeight": ([ENVOY], (*ROUTE, "route", "weighted_clusters", "clusters", 0)),
    "envoy.RouteAction": ([ENVOY], (*ROUTE, "route")),
    "envoy.RetryPolicy": ([ENVOY], (*ROUTE, "route", "retry_policy")),
    "envoy.RetryPolicy.RetryBackOff": ([ENVOY], (*ROUTE, "route", "retry_policy", "retry_back_off")),
    "envoy.RetryPolicy.RateLimitedRetryBackOff": (
        [ENVOY], (*ROUTE, "route", "retry_policy", "rate_limited_retry_back_off"),
    ),
    "envoy.HedgePolicy": ([ENVOY], (*ROUTE, "route", "hedge_policy")),
    "envoy.Cluster": ([ENVOY], CLUSTER),
    "envoy.Cluster.CommonLbConfig": ([ENVOY], (*CLUSTER, "common_lb_config")),
    "envoy.CircuitBreakers": ([ENVOY], (*CLUSTER, "circuit_breakers")),
    "envoy.CircuitBreakers.Thresholds": ([NO_BUDGET], (*CLUSTER, "circuit_breakers", "thresholds", 0)),
    "envoy.CircuitBreakers.Thresholds.RetryBudget": (
        [ENVOY], (*CLUSTER, "circuit_breakers", "thresholds", 0, "retry_budget"),
    ),
    "envoy.OutlierDetection": ([ENVOY], (*CLUSTER, "outlier_detection")),
    "envoy.LocalRateLimit": ([ENVOY], LIMITER),
    "envoy.TokenBucket": ([ENVOY], (*LIMITER, "token_bucket")),
    "gateway.HTTPRouteSpec": ([HTTP], ("spec",)),
    "gateway.HTTPRouteRule": ([HTTP], ("spec", "rules", 0)),
    "gateway.HTTPRouteTimeouts": ([HTTP], ("spec", "rules", 0, "timeouts")),
    "gateway.HTTPRouteRetry": ([HTTP], ("spec", "rules", 0, "retry")),
    "gateway.HTTPBackendRef": ([HTTP], ("spec", "rules", 0, "backendRefs", 0)),
    "gateway.GRPCRouteSpec": ([GRPC], ("spec",)),
    "gateway.GRPCRouteRule": ([GRPC], ("spec", "rules", 0)),
    "gateway.GRPCBackendRef": ([GRPC], ("spec", "rules", 0, "backendRefs", 0)),
    "gateway.BackendTrafficPolicySpec": ([HTTP, X], ("spec",)),
    "gateway.RetryConstraint": ([HTTP, X], ("spec", "retryConstraint")),
    "gateway.BudgetDetails": ([HTTP, X], ("spec", "retryConstraint", "budget")),
    "gateway.RequestRate": ([HTTP, X], ("spec", "retryConstraint", "minRetryRate")),
    "eg.BackendTrafficPolicySpec": ([PLAIN_HTTP, EG], ("spec",)),
    "eg.Retry": ([PLAIN_HTTP, EG], ("spec", "retry")),
    "eg.RetryOn": ([PLAIN_HTTP, EG], ("spec", "retry", "retryOn")),
    "eg.PerRetryPolicy": ([PLAIN_HTTP, EG], ("spec", "retry", "perRetry")),
    "eg.BackOffPolicy": ([PLAIN_HTTP, EG], ("spec", "retry", "perRetry", "backOff")),
    "eg.CircuitBreaker": ([PLAIN_HTTP, EG], ("spec", "circuitBreaker")),
    "eg.RetryBudget": ([PLAIN_HTTP, EG_BUDGET], ("spec", "circuitBreaker", "retryBudget")),
    "eg.Timeout": ([PLAIN_HTTP, EG], ("spec", "timeout")),
    "eg.TCPTimeout": ([PLAIN_HTTP, EG], ("spec", "timeout", "tcp")),
    "eg.HTTPTimeout": ([PLAIN_HTTP, EG], ("spec", "timeout", "http")),
    "eg.HealthCheck": ([PLAIN_HTTP, EG], ("spec", "healthCheck")),
    "eg.PassiveHealthCheck": ([PLAIN_HTTP, EG], ("spec", "healthCheck", "passive")),
    "eg.RateLimitSpec": ([PLAIN_HTTP, EG], ("spec", "rateLimit")),
    "eg.LocalRateLimit": ([PLAIN_HTTP, EG], ("spec", "rateLimit", "local")),
    "eg.RateLimitRule": ([PLAIN_HTTP, EG], ("spec", "rateLimit", "local", "rules", 0)),
    "eg.RateLimitValue": ([PLAIN_HTTP, EG], ("spec", "rateLimit", "local", "rules", 0, "limit")),
}  # fmt: skip
# what says which calls and hosts a rule is about, and what it is called; --instance and --route choose among them
WHICH = {
    "istio.VirtualService": "hosts gateways exportTo",
    "istio.HTTPRoute": "name match delegate",
    "istio.Subset": "labels",
    "envoy.VirtualHost": "name domains",
    "envoy.Route": "name match",
    "envoy.LocalRateLimit": "stat_prefix",
    "gateway.HTTPRouteSpec": "parentRefs useDefaultGateways hostnames",
    "gateway.HTTPRouteRule": "name matches",
    "gateway.HTTPBackendRef": "group port",
    "gateway.GRPCRouteSpec": "parentRefs useDefaultGateways hostnames",
    "gateway.GRPCRouteRule": "name matches",
    "gateway.GRPCBackendRef": "group port",
    "gateway.BackendTrafficPolicySpec": "targetRefs",
    "eg.BackendTrafficPolicySpec": "targetRef targetRefs targetSelectors mergeType",
    "eg.RateLimitSpec": "type",
}
# messages that are read field by field: their own rows are about them
DEEPER = {
    "istio.VirtualService": "http",
    "istio.HTTPRouteDestination": "destination",
    "istio.DestinationRule": "trafficPolicy subsets",
    "istio.TrafficPolicy": "loadBalancer connectionPool outlierDetection portLevelSettings retryBudget",
    "istio.TrafficPolicy.PortTrafficPolicy": "port loadBalancer connectionPool outlierDetection",
    "istio.Subset": "trafficPolicy",
    "istio.ConnectionPoolSettings": "tcp http",
    "envoy.VirtualHost": "routes hedge_policy retry_policy typed_per_filter_config",
    "envoy.Route": "route typed_per_filter_config",
    "envoy.WeightedCluster": "clusters",
    "envoy.LocalRateLimit": "token_bucket",
    "envoy.CircuitBreakers.Thresholds.RetryBudget": "budget_percent",
    "envoy.WeightedCluster.ClusterWeight": "typed_per_filter_config",
    "envoy.RouteAction": "weighted_clusters hedge_policy retry_policy",
    "envoy.RetryPolicy.RateLimitedRetryBackOff": "reset_headers",
    "envoy.Cluster": "circuit_breakers outlier_detection common_lb_config load_assignment "
    "typed_extension_protocol_options",
    "envoy.CircuitBreakers": "thresholds",
    "gateway.GRPCRouteSpec": "rules",
    "gateway.HTTPRouteSpec": "rules",
    "gateway.HTTPRouteRule": "filters timeouts backendRefs",
    "gateway.GRPCRouteRule": "filters backendRefs",
    "gateway.HTTPBackendRef": "filters",
    "gateway.GRPCBackendRef": "filters",
    "gateway.RetryConstraint": "budget minRetryRate",
    "eg.BackendTrafficPolicySpec": "healthCheck timeout rateLimit circuitBreaker retry",
    "eg.Retry": "retryOn perRetry",
    "eg.PerRetryPolicy": "backOff",
    "eg.RetryBudget": "percent",
    "eg.LocalRateLimit": "rules",
    "eg.RateLimitRule": "limit",
    "eg.Timeout": "tcp http",
    "eg.HealthCheck": "passive",
    "eg.RateLimitSpec": "local",
}


def put(documents: list[dict[str, Any]], path: tuple[Any, ...], name: str, value: Any) -> str:
    """The documents as a file, with a field more; None leaves it out."""
    documents = copy.deepcopy(documents)
    node: Any = documents[-1]
    for part in path:
        node = node[part]
    if value is None:
        node.pop(name, None)
    else:
        node[name] = value
    return "\n---\n".join(json.dumps(each) for each in documents) + "\n"


def seen(text: str) -> tuple[tuple[str, ...], str, set[tuple[str, str, str]]]:
    """The instances, the scenario of the first one, and everything that is said about the file."""
    opened = formats.open_config("mesh.yaml", text)
    names = tuple(formats.instance_names(*opened)) if opened else ()
    if opened is None or not names:
        return (), "", set()
    found = formats.convert(*opened, names[0])
    return names, found.text, {(each.code, each.path, each.message) for each in found.findings}


@pytest.mark.parametrize("message", FIELDS)
def test_a_field_is_mapped_or_named(message: str):
    """Of every message, each of its fields."""
    documents, path = PLACES[message]
    known = f"{WHICH.get(message, '')} {DEEPER.get(message, '')}".split()
    for name, kind in (field.split(":") for field in FIELDS[message].split()):
        value = SAY.get(name, VALUES[kind[-1]])
        names, text, said = seen(put(documents, path, name, [value] if kind[0] == "*" else value))
        about = {row for row in said if row[1].rpartition(".")[2] == name or f"`{name}`" in row[2]}
        assert "RL191" not in {code for code, path, _ in about if path.rpartition(".")[2] == name}, name
        if name in known:
            continue
        without = seen(put(documents, path, name, None))
        assert about or (names, text) != without[:2], f"{name}: {value} changes nothing, and nothing is said"


def test_every_message_has_its_place():
    assert set(PLACES) == set(FIELDS)
    for rows in (WHICH, DEEPER):
        for message, names in rows.items():
            assert set(names.split()) <= {field.partition(":")[0] for field in FIELDS[message].split()}
