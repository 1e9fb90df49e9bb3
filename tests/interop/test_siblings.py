"""Other spellings, other layouts, several files: what the real program makes of siblings of the known cases."""

from __future__ import annotations

from interop.shop import codes, imported
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported, convert, instance_names, open_together

YML = "application.yml"


def of(kind: str, found: Imported) -> dict[str, str]:
    layer = next(each for each in found.stack.layers if each.kind == kind)
    return {name: each.value for name, each in settle(layer).items()}


def together(*texts: tuple[str, str], profiles: tuple[str, ...] = (), instance: str = "a") -> Imported:
    opened = open_together(texts, profiles)
    assert opened is not None
    return convert(*opened, instance)


def tries(name: str, number: int) -> tuple[str, str]:
    line = "resilience4j.retry.instances.a.maxAttempts"
    return name, f"{line}={number}\n" if name.endswith("properties") else f"{line}: {number}\n"


def test_of_several_profiles_the_one_named_last_wins_whatever_the_order_of_the_files():
    files = (tries(YML, 2), tries("application-eu.yml", 3), tries("application-prod.yml", 4))
    for order, number in ((("prod", "eu"), "3"), (("eu", "prod"), "4")):
        assert of("retry", together(*files, profiles=order))["attempts"] == number
        assert of("retry", together(*reversed(files), profiles=order))["attempts"] == number


def test_properties_lie_over_yaml_and_application_over_bootstrap_in_any_order():
    for files in ((tries("application.properties", 5), tries(YML, 2)), (tries(YML, 5), tries("bootstrap.yml", 2))):
        assert of("retry", together(*files))["attempts"] == "5"
        assert of("retry", together(*reversed(files)))["attempts"] == "5"


def test_two_spellings_of_one_key_are_named():
    found = imported("resilience4j.retry.instances:\n  a: {maxAttempts: 3, max-attempts: 7}\n", YML, "a")
    assert [each.message for each in found.findings if each.code == "RL191"] == [
        "`max-attempts` and `maxAttempts` are one key to Spring, and which of them counts is not defined; the last one "
        "was taken"
    ]


BASES = """resilience4j:
  MODULE:
    configs:
      default: {DEFAULT}
      base: {BASE}
      mid: {baseConfig: base}
      own: {BASE}
    instances:
      a: {baseConfig: mid}
      own: {}
"""


def test_a_base_may_have_a_base_and_the_default_one_follows_but_for_a_breaker():
    text = BASES.replace("MODULE", "circuitbreaker").replace("DEFAULT", "slidingWindowSize: 50")
    text = text.replace("BASE", "failureRateThreshold: 20")
    breaker = of("circuit_breaker", imported(text, YML, "a"))
    assert (breaker["failure_threshold"], breaker["window"]) == ("20%", "100")
    assert "RL109" in codes(imported(text, YML, "a"))
    own = of("circuit_breaker", imported(text, YML, "own"))  # the configuration of its own name, no default
    assert (own["failure_threshold"], own["window"]) == ("20%", "100")
    for module, default, base, kind, expected in (
        ("retry", "maxAttempts: 7", "waitDuration: 3s", "retry", {"attempts": "7", "delay": "3s"}),
        ("timelimiter", "timeoutDuration: 4s", "cancelRunningFuture: false", "timeout", {"after": "4s"}),
        ("ratelimiter", "limitForPeriod: 9", "limitRefreshPeriod: 1s", "rate_limiter", {}),
        ("bulkhead", "maxConcurrentCalls: 6", "maxWaitDuration: 1s", "bulkhead", {"max_concurrent": "6"}),
    ):
        text = BASES.replace("MODULE", module).replace("DEFAULT", default).replace("BASE", base)
        found = imported(text, YML, "a")
        assert of(kind, found) | expected == of(kind, found), module
        assert "RL109" not in codes(found)


def test_bases_in_a_circle_are_refused_and_end():
    text = BASES.replace("MODULE", "retry").replace("DEFAULT", "maxAttempts: 7").replace("BASE", "baseConfig: mid")
    assert "leads back to itself" in "".join(each.message for each in imported(text, YML, "a").findings)


def test_an_application_s_file_in_a_config_map_is_read_where_it_stands():
    text = """apiVersion: v1
kind: ConfigMap
metadata: {name: app}
data:
  application.yml: |
    # comment
    resilience4j.retry.instances.a: {maxAttempts: 5, bogus: 1}
  application.properties: |-
    resilience4j.retry.instances.b.maxAttempts=6
"""
    opened = open_together([("cm.yaml", text)])
    assert opened is not None
    assert instance_names(*opened) == ["a", "b"]
    found = convert(*opened, "a")
    assert of("retry", found)["attempts"] == "5"
    assert of("retry", convert(*opened, "b"))["attempts"] == "6"
    (unknown,) = [each for each in found.findings if each.code == "RL191"]
    assert (unknown.line, unknown.col) == (7, text.splitlines()[6].index("bogus") + 1)


def test_a_number_in_quotes_is_no_number_to_dapr():
    text = """apiVersion: dapr.io/v1alpha1
kind: Resiliency
spec:
  policies: {retries: {r: {policy: constant, duration: 1s, maxRetries: '3'}}}
  targets: {apps: {a: {retry: r}}}
"""
    found = imported(text, "r.yaml", "a")
    assert {"RL192", "RL193"} <= set(codes(found))
    assert "RL162" not in codes(found)  # nobody left `maxRetries` away


def test_grpc_says_of_a_bad_number_what_is_bad_and_not_that_it_is_missing():
    text = """{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4.5, "initialBackoff": "0.1s",
    "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": [14]}}]}"""
    found = imported(text, "s.json", "default")
    assert [each.code for each in found.findings if each.severity == "error"] == ["RL192"]
