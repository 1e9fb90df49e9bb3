"""Configurations that no case shows, of meshes and RPCs: each with what the real program makes of it."""

from __future__ import annotations

import pytest

from interop.shop import imported
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported, instance_names, open_config
from resilience_sim.lint.check import NOTHING, lint_text
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text


def settings(found: Imported) -> dict[str, dict[str, str]]:
    return {each.id or each.kind: {k: v.value for k, v in settle(each).items()} for each in found.stack.layers}


def said(found: Imported) -> str:
    return "\n".join(f"{each.line} {each.code} {each.severity} {each.message}" for each in found.findings)


# --- Envoy ---

BOOTSTRAP = """static_resources:
  clusters:
CLUSTERS
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          route_config:
OPTIONS
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {match: {prefix: /}, route: {cluster: a, timeout: 5s, retry_policy: {retry_on: 5xx, num_retries: 0}}}
"""


def bootstrap(clusters: str = "{name: a}", options: str = "name: r", instance: str = "a") -> Imported:
    lines = "\n".join(f"  - {each}" for each in clusters.split("\n"))
    text = BOOTSTRAP.replace("CLUSTERS", lines).replace("OPTIONS", f"            {options}")
    return imported(text, "envoy.yaml", instance)


def test_a_static_cluster_of_a_name_alone_is_defined():
    """Every field of a Cluster but its name has a default (envoy/config/cluster/v3/cluster.proto)."""
    found = bootstrap()
    assert "not defined" not in said(found)
    assert settings(found)["retry"]["budget"] == "{kind: envoy, budget_percent: 0%, min_retry_concurrency: 3}"


def test_no_retries_are_not_said_to_count_the_first_call():
    assert settings(bootstrap())["retry"]["attempts"] == "1"
    assert "RL132" not in said(bootstrap())


def test_two_static_clusters_of_one_name_are_refused():
    """``cluster manager: duplicate cluster``: cluster_manager_impl.cc, loadCluster."""
    assert "4 RL193 error a second cluster of the same name" in said(bootstrap("{name: a}\n{name: a}"))


def test_the_first_limits_of_a_priority_count_and_the_second_are_named():
    """``std::find_if`` over the thresholds: upstream_impl.cc, ClusterInfoImpl::ResourceManagers::load."""
    limits = "{name: a, circuit_breakers: {thresholds: [{max_requests: 7}, {max_requests: 3}]}}"
    found = bootstrap(limits)
    assert settings(found)["bulkhead"]["max_concurrent"] == "7"
    assert "Envoy takes the first limits of a priority" in said(found)


def test_a_route_to_an_unknown_cluster_is_taken_where_clusters_are_not_checked():
    """``validate_clusters``: true by default for routes that stand in the listener (route.proto)."""
    assert "a route to a cluster that is not defined" in said(bootstrap("{name: b}"))
    assert "a route to a cluster that is not defined" not in said(bootstrap("{name: b}", "validate_clusters: false"))


def test_what_a_route_configuration_says_of_all_routes_is_named():
    found = bootstrap(options="request_mirror_policies: [{cluster: b}]")
    assert "RL190 info `request_mirror_policies` is not modelled" in said(found)


@pytest.mark.parametrize(
    ("field", "refused"),
    [
        ("interval: 0s", True), ("base_ejection_time: 0s", True), ("max_ejection_time: 0s", True),
        ("max_ejection_percent: 101", True), ("enforcing_success_rate: 200", True),
        ('max_ejection_percent: "120"', True), ("enforcing_local_origin_success_rate: 101", True),
        ("max_ejection_percent: 50.0", False), ("failure_percentage_threshold: 101", True),
        ("max_ejection_percent: 100", False), ("success_rate_stdev_factor: 1900", False),
        ("consecutive_5xx: 500", False), ("interval: 0.001s", False),
    ],
)  # fmt: skip
def test_ranges_of_outlier_detection(field: str, refused: bool):
    """``(validate.rules)`` in envoy/config/cluster/v3/outlier_detection.proto."""
    found = bootstrap(f"{{name: a, outlier_detection: {{{field}}}}}")
    assert ("RL193" in said(found)) == refused
    assert "RL192" not in said(found)
    load_text(found.text, "s.yaml")


@pytest.mark.parametrize(("share", "taken"), [("120", "100%"), ("-1", "0%"), ("100", "100%"), ("0.5", "0.5%")])
def test_a_retry_budget_is_a_percentage(share: str, taken: str):
    """``(validate.rules)`` in envoy/type/v3/percent.proto, for ``healthy_panic_threshold`` too."""
    budget = f"circuit_breakers: {{thresholds: [{{retry_budget: {{budget_percent: {{value: {share}}}}}}}]}}"
    found = bootstrap(f"{{name: a, {budget}}}")
    assert ("a percentage is 0 to 100: Envoy refuses this" in said(found)) == (share in ("120", "-1"))
    assert f"budget_percent: {taken}" in settings(found)["retry"]["budget"]
    panic = bootstrap(f"{{name: a, common_lb_config: {{healthy_panic_threshold: {{value: {share}}}}}}}")
    assert ("RL193" in said(panic)) == (share in ("120", "-1"))


def test_envoy_gateways_fraction_is_at_most_one():
    """``numerator must be less than or equal to denominator``: the CRD's rule of gwapiv1.Fraction."""
    policy = (
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata: {name: p}\nspec:\n"
        "  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]\n  retry: {numRetries: 2}\n"
        "  circuitBreaker: {retryBudget: {percent: {numerator: 120}}}\n---\n"
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n"
        "spec: {rules: [{backendRefs: [{name: api, port: 80}]}]}\n"
    )
    assert "RL193 error a fraction above 1" in said(imported(policy, "g.yaml"))
    assert "RL193" not in said(imported(policy.replace("120", "100"), "g.yaml"))


def test_hedging_that_cannot_begin_is_named():
    """``hedge_on_per_try_timeout`` acts when a try times out: route_components.proto, HedgePolicy."""
    routes = "retry_policy: {retry_on: 5xx, num_retries: 0}"
    hedge = ", hedge_policy: {hedge_on_per_try_timeout: true}"
    for policy, why in ((routes, "without a `per_try_timeout`"), ("prefix_rewrite: /", "without a `retry_policy`")):
        text = BOOTSTRAP.replace("CLUSTERS", "  - {name: a}").replace("OPTIONS", "            name: r")
        found = imported(text.replace(routes, policy + hedge), "envoy.yaml", "a")
        assert why in said(found)


# --- gRPC ---

RETRY = ('"retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": %s, '
         '"retryableStatusCodes": ["UNAVAILABLE"]}')  # fmt: skip


@pytest.mark.parametrize(
    ("config", "list_of"),
    [
        ('{"methodConfig": {"name": [{"service": "a.B"}], "timeout": "3s"}}', "methodConfig"),
        ('{"methodConfig": [{"name": {"service": "a.B"}, "timeout": "3s"}]}', "name"),
    ],
)
def test_a_mapping_where_a_service_config_has_a_list_is_told_of_and_read(config: str, list_of: str):
    found = imported(config, "service_config.json", "a.B")
    assert said(found) == f"1 RL192 error the value of `{list_of}` cannot be read as a list"
    assert settings(found)["timeout"]["after"] == "3s"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ('{"methodConfig": ["a"]}', "the value of `methodConfig[0]` cannot be read as a mapping"),
        ('{"methodConfig": [{"timeout": "3s"}]}', "a method configuration without a `name` applies to nothing"),
        ('{"methodConfig": []}', ""),
    ],
)
def test_what_is_wrong_with_a_file_without_any_instance_is_said(config: str, why: str):
    with pytest.raises(ScenarioError) as caught:
        lint_text(config, "service_config.json")
    assert [each.message for each in caught.value.diagnostics] == [*([why] if why else []), NOTHING]


def service_config(method: str, more: str = "", name: str = '{"service": "a"}') -> Imported:
    text = f'{{"methodConfig": [{{"name": [{name}], {method}}}]{more}}}'
    opened = open_config("service_config.json", text)
    assert opened is not None
    return imported(text, "service_config.json", instance_names(*opened)[0])


@pytest.mark.parametrize("tokens", ['"maxTokens": 1001, "tokenRatio": 0.1', '"maxTokens": 10, "tokenRatio": 0'])
def test_a_bad_throttling_makes_the_service_config_invalid_for_methods_without_retries_too(tokens: str):
    """grpc-go, service_config.go: parseServiceConfig ends with the range of both."""
    more = f', "retryThrottling": {{{tokens}}}'
    for method in ('"timeout": "1s"', RETRY % "2"):
        assert said(service_config(method, more)).count("the service config is not valid") == 1
    assert "not valid" not in said(service_config('"timeout": "1s"', ', "retryThrottling": {"maxTokens": 9, '
                                                  '"tokenRatio": 0.1}'))  # fmt: skip


def test_throttling_is_spoken_of_where_there_is_one():
    more = ', "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}'
    for throttling, count in ((more, 1), ("", 0)):
        remarks = "".join(service_config(RETRY % "2", throttling).stack.remarks)
        assert remarks.count("retryThrottling is per server name") == count


def test_waits_of_grpc_that_shrink_are_named():
    """``backoffMultiplier`` must be above 0 only (gRFC A6)."""
    found = service_config(RETRY % "0.5")
    assert "`backoffMultiplier` is not modelled: waits that shrink" in said(found)
    assert "RL193" not in said(found)


def test_a_deadline_of_no_time_ends_every_call():
    """grpc-go, stream.go: a timeout that is not negative becomes ``context.WithTimeout``."""
    found = service_config('"timeout": "0s"')
    assert "ends every call before it begins" in said(found)
    assert settings(found)["timeout"]["after"] == "1ns"


def test_numbers_in_quotes_are_for_some_implementations_only():
    """encoding/json reads no text into an int or a float; protobuf's JSON, as in C++, and grpc-java's parser do."""
    found = service_config((RETRY % '"2"').replace(": 3", ': "3"'))
    assert said(found).count("RL192 warning a number in quotes") == 2
    assert settings(found)["retry"]["attempts"] == "3"
    assert "in quotes" not in said(service_config(RETRY % "2"))


def test_a_file_whose_only_name_is_no_name_says_so():
    assert "a method without its service" in said(service_config('"timeout": "1s"', name='{"method": "m"}'))


# --- Dapr ---

DAPR = """apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: r}
spec:
  policies:
    POLICIES
  targets: {apps: {a: TARGET}}
"""


def resiliency(policies: str, target: str) -> Imported:
    return imported(DAPR.replace("POLICIES", policies).replace("TARGET", target), "resiliency.yaml", "a")


def trip(cel: str) -> Imported:
    return resiliency(f"circuitBreakers: {{c: {{trip: '{cel}'}}}}", "{circuitBreaker: c}")


@pytest.mark.parametrize("text", ["0s", "-1s", "'0'"])
def test_a_timeout_of_dapr_that_is_not_above_0_is_none(text: str):
    """``if def.t > 0``: pkg/resiliency/policy.go; ``parseDuration`` takes any sign."""
    found = resiliency(f"timeouts: {{t: {text}}}", "{timeout: t}")
    assert settings(found) == {}
    assert "a timeout that is not above 0 is none" in said(found)
    assert "RL193" not in said(found)


def test_a_policy_that_a_template_fills_in_is_not_said_to_be_refused():
    found = resiliency('timeouts: {t: "{{ .Values.t }}"}', "{timeout: t}")
    assert "is filled in by a template" in said(found)
    assert "RL193" not in said(found)


@pytest.mark.parametrize(
    ("cel", "condition"),
    [
        # counters are int64 (breaker/circuitbreaker.go), and CEL divides whole numbers whole
        ("totalFailures / requests > 0.5", "totalFailures >= requests"),
        ("requests >= 9 && totalFailures / requests >= 0.3", "requests >= 9 && totalFailures >= requests"),
        ("double(totalFailures) / double(requests) > 0.5", "totalFailures / requests > 0.5"),
        ("consecutiveFailures > 3 || totalFailures > 10", "consecutiveFailures > 3 || totalFailures > 10"),
        ("fails > 3", "requests < 0"),  # compiles (expr.go declares it), fails when it is asked for: false
    ],
)
def test_conditions_of_dapr_as_cel_reads_them(cel: str, condition: str):
    found = trip(cel)
    assert " ".join(settings(found)["circuit_breaker"]["trip"].split()) == f'"{condition}"'
    assert "RL193" not in said(found)
    assert ("the breaker never opens" in said(found)) == ("fails" in cel)
    assert ("CEL cuts what a division leaves over" in said(found)) == ("/" in cel and "double" not in cel)


@pytest.mark.parametrize(
    "cel", ["requests > 5 ? true : false", "int(requests) > 5", "totalFailures * 100 / requests > 9"]
)
def test_conditions_of_dapr_that_are_not_read_here_are_named_and_not_refused(cel: str):
    found = trip(cel)
    assert "`trip` is not modelled" in said(found)
    assert "RL193" not in said(found)


@pytest.mark.parametrize("cel", ["consecutiveFailures >", "requests = 3", "requests > 3 and totalFailures > 2"])
def test_a_condition_that_cannot_be_parsed_refuses_the_resource_whether_or_not_a_target_names_it(cel: str):
    for target in ("{circuitBreaker: c}", "{}"):
        found = resiliency(f"circuitBreakers: {{c: {{trip: '{cel}'}}}}", target)
        assert "`c` cannot be decoded: Dapr refuses the whole resource" in said(found)


# --- Istio ---


def kube(kind: str, spec: str, name: str = "a", namespace: str = "shop") -> str:
    metadata = f"{{name: {name}, namespace: {namespace}}}"
    return f"apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n"


def virtual(entry: str, **more: str) -> Imported:
    spec = f"{{hosts: [a], http: [{{{entry}, route: [{{destination: {{host: a}}}}]}}]}}"
    return imported(kube("VirtualService", spec, **more), "istio.yaml")


def rule(policy: str) -> Imported:
    return imported(kube("DestinationRule", f"{{host: a, trafficPolicy: {{{policy}}}}}"), "istio.yaml")


@pytest.mark.parametrize(
    "found",
    [
        virtual("timeout: 0s"),
        virtual("timeout: 1.0005s"),
        virtual("timeout: 1s, retries: {attempts: 2, perTryTimeout: 500us}"),
        rule("outlierDetection: {baseEjectionTime: 0s}"),
        rule("outlierDetection: {interval: 1.5ms}"),
        rule("outlierDetection: {maxEjectionPercent: 101}"),
        rule("outlierDetection: {minHealthPercent: 101}"),
        rule("outlierDetection: {consecutiveLocalOriginFailures: 3}"),
    ],
)
def test_what_istio_s_validation_refuses(found: Imported):
    """pkg/config/validation: ValidateDuration, ValidatePercent, validateOutlierDetection; timeouts of routes, too."""
    assert said(found).count("RL193 error") == 1
    assert "stio's validation refuses" in said(found)


def test_what_istio_s_validation_takes():
    for found in (
        virtual("timeout: 1ms, retries: {attempts: 2, perTryTimeout: 1ms}"),
        rule(
            "outlierDetection: {baseEjectionTime: 1m, interval: 1500ms, maxEjectionPercent: 100, minHealthPercent: 0}"
        ),
        rule("outlierDetection: {consecutiveLocalOriginFailures: 3, splitExternalLocalOriginErrors: true}"),
    ):
        assert "RL193" not in said(found)


@pytest.mark.parametrize("name", ["on", "12", "n"])
def test_names_that_yaml_makes_no_text_of_are_refused(name: str):
    """Go's YAML reads 1.1: ``n`` and ``on`` are flags, and the API server wants texts in metadata."""
    assert "3 RL193 error a name that YAML makes a number" in said(virtual("timeout: 1s", namespace=name))
    assert "RL193" not in said(virtual("timeout: 1s", namespace=f"'{name}'"))


def test_conditions_for_retries_are_one_text():
    """``retryOn`` is a string in the resource's schema."""
    assert "cannot be read as one text" in said(virtual("retries: {attempts: 2, retryOn: [5xx, reset]}"))


def test_a_limit_of_connections_limits_nothing_where_all_is_upgraded_to_http2():
    found = rule("connectionPool: {tcp: {maxConnections: 5}, http: {h2UpgradePolicy: UPGRADE}}")
    assert list(settings(found)) == ["retry"]
    assert "`maxConnections` is not modelled" in said(found)


def test_of_rules_in_two_namespaces_that_of_the_service_is_taken_and_the_other_is_named():
    """Istio looks for a rule in the namespace of the caller, then of the service, then of the root: it merges none."""
    ours = kube("DestinationRule", "{host: a, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 9}}}")
    theirs = kube(
        "DestinationRule",
        "{host: a.shop.svc.cluster.local, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 4}}}",
        namespace="other",
    )
    for text in (f"{ours}---\n{theirs}", f"{theirs}---\n{ours}"):
        found = imported(text, "istio.yaml")
        assert settings(found)["circuit_breaker"]["failure_threshold"] == "9"
        assert "callers in its namespace other have this rule" in said(found)


def test_who_may_see_a_rule_and_what_the_mesh_has_by_default_is_named():
    spec = "{hosts: [a], exportTo: [x], http: [{route: [{destination: {host: a}}]}]}"
    operator = "kind: IstioOperator\nspec: {meshConfig: {defaultHttpRetryPolicy: {attempts: 0}}}\n"
    found = imported(f"{kube('VirtualService', spec)}---\n{operator}", "istio.yaml")
    assert "`exportTo` is not modelled" in said(found)
    assert "`defaultHttpRetryPolicy` is not modelled" in said(found)


# --- Envoy Gateway: policies that choose their targets by labels ---

LABELLED = """apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop, labels: {team: a, tier: b}}
spec: {rules: [{backendRefs: [{name: stock, port: 80}]}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: p, namespace: SPACE}
spec:
  targetSelectors: [{kind: HTTPRoute, matchLabels: {team: LABEL}}]
  retry: {numRetries: NUMBER}
"""


@pytest.mark.parametrize(
    ("space", "label", "number", "attempts"),
    [("shop", "a", "4", "5"), ("shop", "x", "4", None), ("pay", "a", "4", None), ("shop", "a", "0", "1")],
)
def test_policies_that_choose_by_labels(space: str, label: str, number: str, attempts: str | None):
    """policy_helpers.go: labels of resources in the policy's own namespace; one that fits nothing is named."""
    text = LABELLED.replace("SPACE", space).replace("LABEL", label).replace("NUMBER", number)
    found = imported(text, "route.yaml", "stock.shop.svc.cluster.local")
    assert settings(found).get("retry", {}).get("attempts") == attempts
    assert ("`targetSelectors` is not modelled: no labels in these files fit" in said(found)) == (attempts is None)
    assert ("RL132" in said(found)) == (attempts == "5")
