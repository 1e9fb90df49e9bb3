"""Each trap where it is, to the line and column, and silent where the file does it right."""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.shop import imported
from resilience_sim.interop.formats import all_traps
from resilience_sim.lint.check import lint_text

R4J = "resilience4j.retry.instances.i.maxAttempts=3\nresilience4j.retry.instances.i."
CB = "resilience4j.circuitbreaker.instances.i.slidingWindowSize=10\nresilience4j.circuitbreaker.instances.i."
NET = '{"H": {"TotalRequestTimeout": {"Timeout": "00:00:18"},\n '
ISTIO = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec:\n  hosts: [b]\n  http:\n  - "
RULE = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nspec:\n  host: b\n  trafficPolicy:\n    "
ENVOY = (
    "virtual_hosts:\n- routes:\n  - route: {cluster: b, timeout: 5s, retry_policy: "
    "{retry_on: 5xx, num_retries: 1}}\nclusters:\n- name: b\n  "
)
ROUTE = "virtual_hosts:\n- routes:\n  - route:\n      cluster: b\n      "
LIMITED = (
    "route_config:\n  virtual_hosts: [{routes: [{route: {cluster: b, timeout: 1s}}]}]\nhttp_filters:\n"
    "- name: envoy.filters.http.local_ratelimit\n  typed_config:\n"
    "    filter_enforced: {default_value: {numerator: 100}}\n    "
)
GATEWAY = (
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nspec:\n  rules:\n  - backendRefs: [{name: b}]\n    "
)
GRPC = (
    '{"methodConfig": [{"name": [{}], "retryPolicy": {"initialBackoff": "1s", "maxBackoff": '
    '"2s", "backoffMultiplier": 2,\n'
)
DAPR = (
    "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nspec:\n  targets: {apps: {b: {retry: r, "
    "circuitBreaker: c}}}\n  policies:\n    circuitBreakers: {c: {trip: consecutiveFailures "
    ">= 3}}\n    retries:\n      r: "
)

CASES = [
    (
        "RL101",
        "a.properties",
        R4J
        + "waitDuration=1s\n"
        + R4J.split("\n")[1]
        + "enableExponentialBackoff=true\n"
        + R4J.split("\n")[1]
        + "exponentialMaxWaitDuration=2s\n",
        4,
    ),
    ("RL102", "a.properties", R4J + "enableRandomizedWait=true\n", 2),
    ("RL102", "a.properties", R4J + "exponentialBackoffMultiplier=2\n", 2),
    ("RL103", "a.properties", CB + "minimumNumberOfCalls=20\n", 2),
    ("RL107", "a.properties", "resilience4j.ratelimiter.instances.i.limitForPeriod=50\n", 1),
    ("RL108", "a.properties", "resilience4j.retry.retryAspectOrder=9\n" + R4J + "waitDuration=1s\n", 1),
    (
        "RL109",
        "application.yml",
        "resilience4j:\n  circuitbreaker:\n    configs:\n      default: {slidingWindowSize: "
        "10}\n"
        "      calm: {failureRateThreshold: 70}\n    instances:\n      i: {baseConfig: calm}\n",
        7,
    ),
    ("RL111", "a.properties", CB + "failureRateThreshold=0.5\n", 2),
    ("RL112", "a.properties", CB + "failureRateThreshold=50\n", 1),
    ("RL113", "a.properties", CB + "ignoreExceptions=com.acme.A,com.acme.B\n", 2),
    ("RL114", "a.properties", R4J + "maxRetryAttempts=4\n", 2),
    ("RL187", "application.yml", "micronaut.http.client:\n  read-timeout: 30000\n", 2),
    ("RL196", "application.yml", "resilience4j.retry.instances.i:\n  maxAttempts: 010\n", 2),
    ("RL120", "a.json", NET + '"RateLimiter": {"DefaultRateLimiterOptions": {"PermitLimit": 5}}}}', 2),
    ("RL121", "a.json", NET + '"Retry": {"MaxRetryAttempts": 3}}}', 2),
    ("RL123", "a.json", NET + '"Retry": {"MaxDelay": "00:00:03"}}}', 2),
    ("RL124", "a.json", '{"H":\n {"Retry": {"MaxRetryAttempts": 3, "Delay": "00:00:01"}}}', 2),
    ("RL193", "a.json", NET + '"AttemptTimeout": {"Timeout": "00:00:20"}}}', 2),
    ("RL193", "a.json", NET + '"CircuitBreaker": {"SamplingDuration": "00:00:10"}}}', 2),
    ("RL193", "a.json", NET + '"Retries": {"MaxRetryAttempts": 3}}}', 2),
    ("RL192", "a.json", NET + '"AttemptTimeout": {"Timeout": "4s"}}}', 2),
    ("RL130", "a.yaml", RULE + "outlierDetection: {consecutive5xxErrors: 3}\n", 6),
    ("RL130", "a.yaml", ENVOY + "outlier_detection: {consecutive_5xx: 3}\n", 6),
    ("RL131", "a.yaml", ISTIO + "timeout: 2s\n    retries: {attempts: 2, perTryTimeout: 2s}\n", 7),
    ("RL131", "a.yaml", ROUTE + "timeout: 2s\n      retry_policy: {retry_on: 5xx, per_try_timeout: 2s}\n", 6),
    ("RL132", "a.yaml", ISTIO + "retries: {attempts: 2}\n", 6),
    ("RL133", "a.yaml", ISTIO + "timeout: 2s\n", 6),
    ("RL134", "a.yaml", ROUTE + "retry_policy: {retry_on: 5xx}\n", 4),
    ("RL135", "a.yaml", RULE + "outlierDetection: {consecutive5xxErrors: 3, consecutiveGatewayErrors: 3}\n", 6),
    ("RL135", "a.yaml", ENVOY + "outlier_detection: {consecutive_gateway_failure: 3}\n", 6),
    ("RL136", "a.yaml", RULE + "outlierDetection: {consecutive5xxErrors: 0}\n", 6),
    ("RL137", "a.yaml", RULE + "outlierDetection: {minHealthPercent: 50}\n", 6),
    ("RL138", "a.yaml", RULE + "portLevelSettings: []\n", 6),
    ("RL139", "a.yaml", ROUTE + "timeout: 2s\n      retry_policy: {num_retries: 3}\n", 6),
    ("RL140", "a.yaml", ENVOY + "circuit_breakers: {thresholds: [{max_requests: 9}]}\n", 6),
    (
        "RL141",
        "a.yaml",
        ENVOY + "circuit_breakers: {thresholds: [{max_retries: 9, retry_budget: {}, max_requests: 8}]}\n",
        6,
    ),
    ("RL142", "a.yaml", ENVOY + "circuit_breakers: {thresholds: [{max_retries: 9}]}\n", 6),
    ("RL119", "a.yaml", ISTIO + 'retries: {attempts: 1, retryOn: "5xx,404"}\n', 6),
    ("RL143", "a.yaml", ISTIO + 'retries: {attempts: 1, retryOn: "5xx,unavailable"}\n', 6),
    ("RL144", "a.yaml", GATEWAY + "retry: {attempts: 2}\n", 5),
    ("RL144", "a.yaml", GATEWAY + "timeouts: {request: 2s}\n    retry: {codes: [503]}\n", 7),
    ("RL145", "a.yaml", LIMITED + "token_bucket: {max_tokens: 5, fill_interval: 1s}", 6),
    ("RL150", "a.json", GRPC + '"maxAttempts": 7, "retryableStatusCodes": ["UNAVAILABLE"]}}]}', 2),
    ("RL119", "a.json", GRPC + '"maxAttempts": 3, "retryableStatusCodes": ["NOT_FOUND"]}}]}', 2),
    ("RL193", "a.json", GRPC + '"maxAttempts": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}', 2),
    ("RL152", "a.json", '{"methodConfig": [{"name": [{}],\n"hedgingPolicy": {"maxAttempts": 3}}]}', 2),
    (
        "RL153",
        "a.json",
        GRPC + '"maxAttempts": 3, "retryableStatusCodes": [14]}}],\n"retryThrottling": {"maxTokens": '
        "10, "
        '"tokenRatio": 0.12345}}',
        3,
    ),
    ("RL155", "a.json", '{"methodConfig": [{"name": [{}],\n"hedgingPolicy": {"maxAttempts": 3}}]}', 2),
    ("RL154", "a.json", GRPC + '"MaxAttempts": 3, "retryableStatusCodes": [14]}}]}', 2),
    ("RL160", "a.yaml", DAPR + "{policy: constant, maxRetries: 2}\n      s: {policy: constant}\n", 9),
    ("RL161", "a.yaml", DAPR + "{policy: exponential, duration: 2s, maxRetries: 2}\n", 8),
    ("RL162", "a.yaml", DAPR + "{policy: constant, duration: 2s}\n", 8),
    ("RL163", "a.yaml", DAPR + "{policy: constant, duration: 200, maxRetries: 2}\n", 8),
    ("RL164", "a.yaml", DAPR.replace("retry: r, ", "") + "{policy: constant}\n", 4),
    ("RL168", "a.yaml", DAPR + "{maxRetries: 2}\n      DaprBuiltInServiceRetries: {maxRetries: 1}\n", 9),
    ("RL169", "a.yaml", DAPR.replace("retry: r,", "retry: r, timeouts: t,") + "{maxRetries: 2}\n", 4),
    ("RL165", "a.yaml", DAPR + "{maxRetries: 2}\n      DefaultRetryPolicy: {maxRetries: 3}\n", 9),
    ("RL166", "a.yaml", DAPR + "{policy: constant, maxRetries: 2}\n", 8),
    ("RL167", "a.yaml", DAPR.replace(">=", ">") + "{maxRetries: 2}\n", 6),
    ("RL119", "a.yaml", DAPR + '{maxRetries: 2, matching: {httpStatusCodes: "400-599"}}\n', 8),
    ("RL170", "a.ini", "[default]\nmax_attempts = 4\n", 2),
    ("RL171", "a.ini", "[default]\nretry_mode = legacy\n", 2),
    ("RL174", "a.ini", "[default]\nretry_mode = Standard\n", 2),
    ("RL175", "a.ini", "[default]\nmax_attempts = 4\nread_timeout = 5\n", 3),
    ("RL173", "a.ini", "[default]\nretry_mode = standard\n", 2),
    ("RL181", "a.properties", "a.B/c/Retry/delay=5\na.B/c/Retry/enabled=false\n", 2),
    ("RL185", "a.properties", "Svc/pay/Retry/delay=5\n", 1),
    ("RL186", "a.yml", "micronaut:\n  http:\n    client: {read-timeout: 5s}\n", 3),
    ("RL182", "a.properties", "a.B/c/Retry/maxRetries=3\n", 1),
    ("RL184", "a.properties", "a.B/c/Retry/maxRetries=-1\n", 1),
    ("RL191", "a.properties", R4J + "maxAttemps=4\n", 2),
    ("RL192", "a.properties", R4J + "waitDuration=1.5s\n", 2),
    ("RL190", "a.yaml", ISTIO + "fault: {abort: {httpStatus: 500}}\n    retries: {attempts: 0}\n", 6),
]


@pytest.mark.parametrize(
    ("code", "path", "text", "line"), CASES, ids=[f"{case[0]}-{i}" for i, case in enumerate(CASES)]
)
def test_trap_is_found_in_its_place(code: str, path: str, text: str, line: int):
    """The code, in the line where it is written, pointing at something in it."""
    found = [each for each in imported(text, path).findings if each.code == code]
    assert found, [str(each) for each in imported(text, path).findings]
    first = found[0]
    assert first.line == line
    assert text.split("\n")[first.line - 1][first.col - 1 : first.col].strip(" {")
    assert first.severity == all_traps()[code].severity or code in ("RL192",)


def test_no_trap_in_a_file_that_does_it_right():
    """The multiplier beside the cap, a share that ejects, a shorter per-try timeout."""
    good = (
        R4J
        + "waitDuration=1s\n"
        + "".join(
            R4J.split("\n")[1] + line + "\n"
            for line in (
                "enableExponentialBackoff=true",
                "exponentialBackoffMultiplier=2",
                "exponentialMaxWaitDuration=2s",
            )
        )
    )
    assert not imported(good, "a.properties").findings
    ejects = RULE + "outlierDetection: {consecutive5xxErrors: 3, maxEjectionPercent: 100}\n"
    assert not imported(ejects, "a.yaml").findings
    ten = "{endpoint: {}}, " * 10
    hosts = ENVOY + "outlier_detection: {max_ejection_percent: 10}\n  load_assignment: "
    hosts += f"{{endpoints: [{{lb_endpoints: [{ten}]}}]}}\n"
    assert "RL130" not in {each.code for each in imported(hosts, "a.yaml").findings}


def test_the_cap_is_really_left_out():
    """What the library ignores, the scenario must not have."""
    layers = imported(CASES[0][2], "a.properties").stack.layers
    assert "max_delay" not in layers[0].settings


def test_every_trap_has_a_test_or_a_reason():
    """Codes without a case above: RL110 is a corner, RL195 and others are tested elsewhere, RL2xx in test_source.py."""
    rest = set(all_traps()) - {case[0] for case in CASES}
    assert {code for code in rest if code < "RL200"} == {
        "RL110", "RL115", "RL116", "RL117", "RL118", "RL180", "RL183", "RL195",
    }  # fmt: skip
    told = Path(__file__).with_name("test_source.py").read_text(encoding="utf-8")
    assert not {code for code in rest if code >= "RL200" and code not in told}


SPRING = "resilience4j.retry.instances.b: "
POLLY = '{"b": {"AttemptTimeout": {"Timeout": "00:00:02"}, "Retry": %s}}'
DAPR = "kind: Resiliency\napiVersion: dapr.io/v1alpha1\nspec: "
OF_DAPR = DAPR + "{policies: {retries: {r: {policy: constant, maxRetries: 3}}}, targets: {apps: {b: {retry: r}}}}"


@pytest.mark.parametrize(
    ("path", "text", "code", "remedy"),
    [
        ("application.yml", SPRING + "{maxAttempts: 3}", "RL014", "`enableRandomizedWait: true`"),
        ("application.yml", SPRING + "{waitDuration: 0ms}", "RL016", "`enableExponentialBackoff: true`"),
        ("appsettings.json", POLLY % '{"UseJitter": false}', "RL014", "`UseJitter: true`"),
        ("appsettings.json", POLLY % '{"Delay": "00:00:00"}', "RL016", "a `Delay`"),
        ("r.yaml", OF_DAPR, "RL014", "`policy: exponential`"),
    ],
)
def test_remedies_are_in_the_words_of_the_file(path: str, text: str, code: str, remedy: str):
    """A key of scenarios helps nobody who writes for a library."""
    (found,) = {each.remedy for each in lint_text(text, path) if each.code == code}
    assert remedy in found
    assert "jitter: full" not in found


def test_the_retry_that_dapr_has_built_in_needs_no_other_timeout():
    """It is about apps that cannot be reached: what hangs it does not try again, and nobody can set it there."""
    retry = "{policy: constant, duration: 100ms, maxRetries: 7}"
    policies = f"{{timeouts: {{DefaultTimeoutPolicy: 2s}}, retries: {{DefaultAppRetryPolicy: {retry}}}}}"
    text = f"{DAPR}{{policies: {policies}, targets: {{apps: {{b: {{}}}}}}}}"
    found = [each for each in lint_text(text, "r.yaml") if each.instance == "other-apps"]
    assert found
    assert not [each for each in found if each.code == "RL003"]


def test_an_item_of_a_list_is_named_with_its_list():
    """`0` is the name of nothing."""
    route = "match: [{uri: {prefix: /%s}}], route: [{destination: {host: b}}]"
    text = (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: b}\n"
        f"spec: {{hosts: [b], http: [{{{route % 'x'}}}, {{{route % 'y'}}}]}}"
    )
    said = [each.message for each in lint_text(text, "b.yaml") if "another route" in each.message]
    assert len(said) == 1
    assert said[0].startswith("`http[1]` is not modelled")
