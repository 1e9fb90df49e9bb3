"""Of settings whose values are filled in later nothing is said that holds only if they were not there."""

from __future__ import annotations

import pytest

from resilience_sim.lint.check import lint_text

ENVOY = (
    "clusters: [{name: a, outlier_detection: {max_ejection_percent: '%s'}}]\n"
    "route_config: {virtual_hosts: [{name: a, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: a, "
    "timeout: '%s', retry_policy: {retry_on: '%s', num_retries: 1}}}]}]}\n"
)
ROUTE = (
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n"
    "  rules: [{timeouts: {request: '%s'}, retry: {attempts: '%s', codes: [500]}, backendRefs: [{name: a}]}]\n"
)
DAPR = (
    "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: a}\nspec:\n"
    "  policies: {timeouts: {general: '%s'}, retries: {r: {policy: '%s', maxInterval: 9s, maxRetries: 2}}}\n"
    "  targets: {apps: {b: {timeout: general, retry: '%s'}}}\n"
)
JAVA = (
    "resilience4j:\n  timelimiter: {instances: {a: {timeoutDuration: '%s'}}}\n"
    "  retry: {instances: {a: {waitDuration: '%s', enableExponentialBackoff: '%s', exponentialBackoffMultiplier: 2}}}\n"
)
GRPC = (
    '{"methodConfig": [{"name": [{"service": "a.B"}], "timeout": "%s", "retryPolicy": {"maxAttempts": 3, '
    '"initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": "%s", "retryableStatusCodes": ["%s"]}}]}'
)
PROPERTIES = (
    "com.acme.Svc/pay/Retry/maxDuration=%s\ncom.acme.Svc/pay/Retry/durationUnit=%s\ncom.acme.Svc/pay/Retry/delay=%s\n"
)
AWS = "[default]\nretry_mode = %s\n"
LATER = "${T}"


@pytest.mark.parametrize(
    ("name", "text", "values", "untrue"),
    [
        ("a.json", GRPC, (LATER, "2", "UNAVAILABLE"), "RL004"),
        ("resiliency.yaml", DAPR, ("{{ .t }}", "constant", "r"), "RL004"),
        ("application.yml", JAVA, (LATER, "1s", "true"), "RL004"),
        ("envoy.yaml", ENVOY, ("100", LATER, "5xx"), "no `timeout` on the route"),
        ("envoy.yaml", ENVOY, (LATER, "1s", "5xx"), "`max_ejection_percent` is not set"),
        ("envoy.yaml", ENVOY, ("100", "1s", LATER), "is no key known here"),
        ("route.yaml", ROUTE, (LATER, "2"), "no `timeouts.request`"),
        ("route.yaml", ROUTE, ("1s", LATER), "no `attempts`"),
        ("resiliency.yaml", DAPR, ("3s", LATER, "r"), "is ignored by the constant policy"),
        ("resiliency.yaml", DAPR, ("3s", "constant", LATER), "no target refers to"),
        ("application.yml", JAVA, ("1s", LATER, "true"), "have no effect without"),
        ("application.yml", JAVA, ("1s", "1s", LATER), "has no effect without"),
        ("a.json", GRPC, ("1s", LATER, "UNAVAILABLE"), "a number in quotes"),
        ("a.json", GRPC, ("1s", "2", LATER), "a list of status codes"),
        ("microprofile-config.properties", PROPERTIES, ("2", LATER, "900"), "must be longer than"),
        ("config", AWS, (LATER,), "a mode that botocore does not know"),
    ],
)
def test_what_is_filled_in_later_is_not_called_missing(name: str, text: str, values: tuple[str, ...], untrue: str):
    found = lint_text(text % values, name)
    assert untrue not in "\n".join(f"{each.code} {each.message}" for each in found)
    assert "RL192" in [each.code for each in found]


def test_a_finding_says_which_settings_it_takes_for_unset():
    """Their values are not known, so that nothing that rests on them is an error."""
    found = lint_text(GRPC.replace('"timeout": "%s", ', '"timeout": "0.01s", ') % (LATER, "UNAVAILABLE"), "a.json")
    (hit,) = (each for each in found if each.code == "RL003")
    assert "`backoffMultiplier`, whose value could not be read, is not set" in hit.assumes


def test_a_call_without_any_timeout_is_told_of_beside_a_wait_that_is_not_known():
    text = GRPC.replace('"timeout": "%s", ', "").replace("0.1s", LATER) % ("2", "UNAVAILABLE")
    assert "RL004" in [each.code for each in lint_text(text, "a.json")]
