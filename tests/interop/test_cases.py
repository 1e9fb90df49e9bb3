"""Configurations as people have them, each with the value that the real program would run with.

The inputs are small, made from public files, bug reports and accident reports with the details replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli.shell import resim

from interop.shop import plan_of
from resilience_sim.interop import formats
from resilience_sim.interop.formats import Imported
from resilience_sim.lint.check import lint_text
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text

CASES = Path(__file__).parent / "cases"


def case(name: str, instance: str | None = None, profiles: tuple[str, ...] = (), path: str = "") -> Imported:
    """One instance out of a case's file."""
    folder = next(CASES.glob(f"{name}*"))
    place = folder / path if path else next(each for each in sorted(folder.iterdir()))
    opened = formats.open_config(place.name, place.read_text(encoding="utf-8"), profiles)
    assert opened is not None
    file, kind = opened
    found = formats.convert(file, kind, formats.choose(formats.instance_names(file, kind), instance, kind))
    plan_of(found)
    return found


def settings(found: Imported) -> dict[str, dict[str, str]]:
    """Settings by kind (or id) of the policy, as the scenario has them."""
    from resilience_sim.interop.emit import settle

    return {layer.id or layer.kind: {k: v.value for k, v in settle(layer).items()} for layer in found.stack.layers}


def said(found: Imported) -> str:
    """All findings as text."""
    return "\n".join(f"{each.line} {each.code} {each.severity} {each.message}" for each in found.findings)


# --- resilience4j in Spring Boot ---


def test_01_old_names_of_instances_and_the_order_of_aspects():
    """``backends`` and ``limiters`` are ``instances``; an order of one's own is further out than any default."""
    found = case("01", "alpha")
    got = settings(found)
    assert list(got) == ["timeout", "retry", "circuit_breaker", "rate_limiter", "bulkhead"]
    assert got["rate_limiter"]["limit"] == "10/s"
    assert got["rate_limiter"]["max_wait"] == "0ms"
    assert got["circuit_breaker"]["min_calls"] == "6"
    assert got["timeout"]["after"] == "5s"
    assert got["bulkhead"]["max_concurrent"] == "1"


def test_03_a_key_of_an_older_version():
    found = case("03")
    assert settings(found)["retry"]["attempts"] == "3"
    assert "`maxRetryAttempts` is a key of older versions and is ignored today: it is called `maxAttempts`" in said(
        found
    )


@pytest.mark.parametrize(
    ("instance", "kind", "wanted"),
    [
        ("s3", "circuit_breaker", {"failure_threshold": "50%", "recovery_time": "30s", "window": "100"}),
        ("s3", "retry", {"attempts": "3", "delay": "200ms"}),
        ("users", "circuit_breaker", {"failure_threshold": "50%", "recovery_time": "10s", "window": "10"}),
        ("nested", "circuit_breaker", {"slow_call": "2s", "slow_threshold": "50%"}),
    ],
)
def test_04_placeholders(instance: str, kind: str, wanted: dict[str, str]):
    """With a suffix, nested, and referring to keys of the same file."""
    found = case("04", instance)
    got = settings(found)[kind]
    assert {key: got[key] for key in wanted} == wanted
    assert "RL192" not in {each.code for each in found.findings}


def test_04_a_placeholder_without_a_default_is_not_known():
    found = case("04", "ai")
    assert said(found).count("comes from the environment, which is not known here") == 3
    remarks = found.stack.layers[0].remarks
    assert "failureRateThreshold could not be read: the library's default stands in" in remarks


@pytest.mark.parametrize(("profiles", "attempts", "delay"), [
    ((), "5", "2s"), (("test",), "1", "1ms"), (("prod",), "2", "2s"), (("test", "prod"), "2", "1ms"),
])  # fmt: skip
def test_06_documents_are_laid_over_each_other_by_profile(profiles: tuple[str, ...], attempts: str, delay: str):
    """Key by key; the old and the new way to name a profile."""
    got = settings(case("06", profiles=profiles))["retry"]
    assert (got["attempts"], got["delay"]) == (attempts, delay)


def test_an_unknown_key_has_a_suggestion():
    """`maxAttempt` is the usual slip."""
    opened = formats.open_config(
        "application.yml", "resilience4j.retry.instances.pay: {maxAttempt: 4, waitDuration: 1s}\n"
    )
    assert opened is not None
    (finding,) = [each for each in formats.convert(*opened, "pay").findings if each.code == "RL191"]
    assert finding.help == "did you mean `maxAttempts`?"


def test_07_tokens_of_the_build():
    found = case("07")
    assert settings(found)["circuit_breaker"]["window"] == "10"
    assert not [each for each in found.findings if each.severity != "info"]


def test_08_instances_in_the_wrong_place():
    found = case("08")
    assert list(settings(found)) == ["retry"]
    assert "13 RL191 warning `instances` under `configs` is a configuration of that name" in said(found)
    assert "`vendorCB` is no key known here" in said(found)
    assert "`instance` is no key known here" in said(found)


def test_fault_04_an_order_of_ones_own_is_outermost():
    """Breaker 1, retry 2, time limiter by default."""
    assert list(settings(case("fault_04"))) == ["circuit_breaker", "retry", "timeout"]


def test_fault_05_dotted_and_nested_keys_are_one_tree():
    got = settings(case("fault_05"))
    assert got["circuit_breaker"]["failure_threshold"] == "40%"
    assert got["retry"]["attempts"] == "2"
    assert got["bulkhead"]["max_concurrent"] == "7"


# --- Istio and Envoy ---

NO_HOST_LEFT = """
resim: 1
service: {{latency: 10ms, replicas: {replicas}, balancer: {balancer}}}
traffic: {{rate: 10/s, requests: 30, arrivals: even}}
stack:
  - circuit_breaker: {{like: envoy, consecutive_5xx: 5, max_ejection_percent: 100, healthy_panic_threshold: 0}}
faults:
  - outage: {{id: a, at: 0s, for: 100s, how: error}}
"""


@pytest.mark.parametrize("balancer", ["round_robin", "random", "least_loaded"])
@pytest.mark.parametrize("replicas", [1, 2])
def test_62_no_host_left_is_a_503_at_once(balancer: str, replicas: int):
    """All hosts ejected and no panic: Envoy answers "no healthy upstream" itself (this run once never ended)."""
    plan = load_text(NO_HOST_LEFT.format(replicas=replicas, balancer=balancer), "s.yaml").plan
    outcomes = simulate(plan, 1).document["requests"]["by_outcome"]
    assert outcomes["error"] == 5 * replicas
    assert outcomes["unavailable"] == 30 - outcomes["error"]


def names_in(name: str, path: str = "") -> list[str]:
    """The instances of a case's file."""
    folder = next(CASES.glob(f"{name}*"))
    place = folder / path if path else next(each for each in sorted(folder.iterdir()))
    opened = formats.open_config(place.name, place.read_text(encoding="utf-8"))
    assert opened is not None
    return formats.instance_names(*opened)


def outcomes(setting: str) -> set[str]:
    """The outcomes of ``[a, b]``."""
    return set(setting.strip("[]").split(", "))


def test_15_a_wildcard_host_can_be_named():
    assert names_in("15") == ["pay-api.pay.svc.cluster.local", "*.pay.svc.cluster.local"]
    got = settings(case("15", "*.pay.svc.cluster.local"))
    assert got["circuit_breaker"]["recovery_time"] == "1m"
    assert settings(case("15", "pay-api.pay.svc.cluster.local"))["circuit_breaker"]["max_ejection_percent"] == "50"


def test_16_forty_retries_to_one_of_two_subsets():
    """Weights and subsets are named; gateway errors include resets."""
    found = case("16")
    got = settings(found)
    assert (got["retry"]["attempts"], got["attempt"]["after"], got["total"]["after"]) == ("41", "1s", "1m")
    assert {"reset", "refused", "unavailable", "timeout"} <= outcomes(got["retry"]["on"])
    assert "`weight` is not modelled" in said(found)
    assert "RL029" in {
        each.code for each in lint_text((CASES / "16_istio_40_retries_weighted/vs.yaml").read_text(), "v.yaml")
    }


def test_17_a_template_is_to_be_rendered_first():
    """Rendered: 48 hours a try, 240 in all."""
    with pytest.raises(ScenarioError, match="this is a template") as caught:
        case("17", path="vs.yaml")
    assert "render it first" in caught.value.diagnostics[0].help
    assert caught.value.diagnostics[0].line == 4
    got = settings(case("17", path="rendered.yaml"))
    assert (got["attempt"]["after"], got["total"]["after"]) == ("48h", "240h")


def test_47_connections_are_what_limits_http_1():
    """Istio's own task: one connection, one pending, three callers: a good part is refused."""
    found = case("47", path="dr.yaml")
    got = settings(found)["bulkhead"]
    assert (got["max_concurrent"], got["queue"]) == ("1", "1")
    text = found.text.replace("traffic: {rate: 50/s, duration: 90s}", "traffic: {users: 3, think: 0ms, requests: 30}")
    result = simulate(load_text(text.partition("faults:")[0] + text[text.index("stack:") :], "s.yaml").plan, 1)
    assert result.document["requests"]["by_outcome"]["bulkhead_full"] >= 8


def test_62_the_rule_it_came_from():
    got = settings(case("62", path="dr.yaml"))["circuit_breaker"]
    assert (got["max_ejection_percent"], got["healthy_panic_threshold"]) == ("100", "0")


def test_63_two_rules_with_wildcard_hosts():
    assert names_in("63") == ["a", "b"]
    got = settings(case("63", "a"))
    assert (got["total"]["after"], got["retry"]["attempts"], got["attempt"]["after"]) == ("5s", "3", "2s")
    assert outcomes(got["retry"]["on"]) == {"unavailable", "shed"}
    assert settings(case("63", "b")) == {}


@pytest.mark.parametrize("route", ["2", "/v1"])
def test_63_every_route_can_be_chosen(route: str):
    text = (CASES / "63_istio_star_hosts_collide" / "vs.yaml").read_text(encoding="utf-8")
    opened = formats.open_config("vs.yaml", text, route=route)
    assert opened is not None
    assert settings(formats.convert(*opened, "a"))["total"]["after"] == {"2": "9s", "/v1": "5s"}[route]


@pytest.mark.parametrize("path", ["gateway.yaml", "named-host.yaml"])
def test_64_a_gateways_rule_and_that_of_its_destination(path: str):
    """Timeout and retries of the one, ejection of the other."""
    assert names_in("64", path) == ["productpage"]
    got = settings(case("64", path=path))
    assert (got["total"]["after"], got["retry"]["attempts"]) == ("5s", "3")
    assert got["circuit_breaker"]["failure_threshold"] == "7"


def test_65_a_list_of_kubectl():
    got = settings(case("65"))
    assert (got["bulkhead"]["max_concurrent"], got["bulkhead"]["queue"]) == ("1", "1")


@pytest.mark.parametrize(
    ("instance", "wanted"),
    [
        ("a", {"unavailable", "shed", "timeout", "refused", "reset"}),
        ("b", {"timeout", "refused", "reset"}),
        ("c", {"refused", "shed"}),
    ],
)
def test_67_words_of_retry_on(instance: str, wanted: set[str]):
    found = case("67", instance)
    assert outcomes(settings(found)["retry"]["on"]) == wanted
    assert ("RL143" in {each.code for each in found.findings}) == (instance == "c")


def test_72_one_name_in_two_namespaces():
    hosts = ["api.prod.svc.cluster.local", "api.staging.svc.cluster.local", "api.partner.example"]
    assert names_in("72") == hosts
    got = [settings(case("72", host)) for host in hosts]
    assert [each["total"]["after"] for each in got] == ["2s", "30s", "1m"]
    assert [each["retry"]["attempts"] for each in got] == ["2", "10", "3"]


def test_fault_10_a_rule_of_another_namespace():
    assert list(settings(case("fault_10", "fraud.finance.svc.cluster.local"))) == ["total", "retry"]
    assert "fraud.sandbox.svc.cluster.local" in names_in("fault_10")


def test_fault_16_retries_without_attempts():
    """Istio's validation refuses it, and no retry comes of it."""
    found = case("fault_16")
    assert list(settings(found)) == ["total", "attempt"]
    assert "retries nothing, and Istio's validation refuses it" in said(found)


def test_istio_files_are_read_together(tmp_path: Path):
    """The route in one file, the rule in another, and the folder of both."""
    text = (CASES / "64_istio_gateway_vs_dr_not_joined" / "gateway.yaml").read_text(encoding="utf-8")
    text = text.replace("maxEjectionPercent: 50", "maxEjectionPercent: 20")  # of which lint has something to say
    for name, part in zip(("vs.yaml", "dr.yaml"), text.split("---\n"), strict=True):
        (tmp_path / name).write_text(part, encoding="utf-8")
    for argv in ([str(tmp_path)], [str(tmp_path / "vs.yaml"), str(tmp_path / "dr.yaml")]):
        answer = resim("import", *argv)
        assert answer.code == 0
        assert "consecutive5xxErrors: 7" in answer.out
        assert "timeout: the whole request" in answer.out
    linted = resim("lint", str(tmp_path), "--format", "concise")
    assert "dr.yaml:6" in linted.out
    assert "vs.yaml:10" in linted.out


# --- gRPC, .NET, Dapr, AWS ---


def test_23_names_in_another_case_and_throttling_in_the_wrong_place():
    """grpc-go reads them; `.01s` is a duration; throttling inside a method configuration is ignored."""
    found = case("23")
    got = settings(found)["retry"]
    assert (got["attempts"], got["delay"], got["max_delay"], got["factor"]) == ("3", "10ms", "10s", "2x")
    assert outcomes(got["on"]) >= {"unavailable", "error"}
    assert "budget" not in got
    codes = {each.code for each in found.findings}
    assert "RL154" in codes
    assert not codes & {"RL192", "RL193"}
    assert "`retryThrottling` is not modelled: it has its place at the top" in said(found)


GRPC_RETRY = (
    '"retryPolicy": {"maxAttempts": 3, "initialBackoff": "1s", "maxBackoff": "2s", "backoffMultiplier": 2, '
    '"retryableStatusCodes": ["UNAVAILABLE"]}'
)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ('[{"service": "a", "method": "b"}, {"service": "a", "method": "b"}]', "a name that stands twice"),
        ('[{"service": "a"}, {"method": "b"}]', "a method without its service"),
    ],
)
def test_a_service_config_with_bad_names_is_not_valid(names: str, message: str):
    opened = formats.open_config("s.json", f'{{"methodConfig": [{{"name": {names}, {GRPC_RETRY}}}]}}')
    assert opened is not None
    found = formats.convert(*opened, formats.instance_names(*opened)[0])
    assert message in said(found)


def test_69_a_section_of_ones_own_is_not_microsofts():
    """Nothing can be said about it: no import, and no clean bill from the linter."""
    path = str(CASES / "69_dotnet_custom_section" / "appsettings.json")
    for command in ("import", "lint"):
        answer = resim(command, path)
        assert answer.code == 2
        assert "configuration that resim knows" in answer.err


def test_fault_08_a_hedge_that_waits_for_a_failure():
    """-00:00:00.001 is without end, and no error."""
    found = case("fault_08")
    assert int(settings(found)["hedge"]["delay"].removesuffix("h")) >= 24
    assert not [each for each in found.findings if each.severity == "error"]


def test_dotnet_paths_numbers_and_ranges():
    """`a:b` is a path, an enumeration may be a number, a bare number is days."""
    text = """{"H": {"Retry:MaxDelay": "00:00:03", "Retry": {"MaxRetryAttempts": 2, "BackoffType": 0},
        "AttemptTimeout": {"Timeout": "30"}}}"""
    opened = formats.open_config("appsettings.json", text)
    assert opened is not None
    found = formats.convert(*opened, "H")
    retry = settings(found)["retry"]
    assert (retry["attempts"], retry["BackoffType"], retry["max_delay"]) == ("3", "Constant", "3s")
    assert "`Timeout` must be from 10ms to 24h" in said(found)


def test_61_dapr_retries_errors_of_the_caller():
    """It is said; and simulated, a B that answers 404 is asked four times for each request until the breaker opens."""
    found = case("61")
    assert "answers of 400 to 499 too, and a breaker counts them" in said(found)
    assert settings(found)["circuit_breaker"]["failure_threshold"] == "6"
    missing = "faults=[{errors: {at: 0s, for: 1h, status: 404}}]"
    tripped = simulate(load_text(found.text, "s.yaml", [missing]).plan, 1).document
    assert tripped["breakers"][0]["opened"] > 0
    again = [missing, "circuit_breaker.failure_threshold=1000000"]
    assert simulate(load_text(found.text, "s.yaml", again).plan, 1).document["attempts"]["per_request"] == 4


def test_fault_12_one_bad_policy_refuses_the_resource():
    """Also when no target refers to it."""
    found = case("fault_12")
    assert "Dapr refuses the whole resource" in said(found)
    assert resim("import", str(CASES / "fault_12_dapr_invalid_unused_policy" / "resiliency.yaml")).code == 1


def test_fault_14_a_section_that_is_no_profile():
    assert names_in("fault_14") == ["ci"]
    found = case("fault_14")
    assert settings(found)["retry"]["attempts"] == "3"
    assert "no profile: in this file a profile is written" in said(found)


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ('[profile "two words"]\nmax_attempts = 3\n', ["two words"], ""),
        ("[profile a]\nmax_attempts = 3\n[profile a]\nregion = x\n", ["a"], "a section that stands twice"),
        ("[profile a]\nmax_attempts = 3\nmax_attempts = 4\n", ["a"], "a key that stands twice"),
        ("[profile a]\nmax_attempts = 3\nnonsense\n", ["a"], "neither a section nor a key"),
        ("[profile a]\nmax_attempts = 3 # no comment\n", ["a"], "cannot be read as an integer"),
        ("[profile a]\nmax_attempts = 3\ns3 =\n  max_concurrent_requests = 9\n", ["a"], "`s3` is not modelled"),
    ],
)
def test_aws_files_as_botocore_parses_them(text: str, names: list[str], message: str):
    opened = formats.open_config("config", text)
    assert opened is not None
    assert formats.instance_names(*opened) == names
    assert message in said(formats.convert(*opened, names[0]))


ENVOY = """
static_resources:
  clusters:
  - name: a
    common_lb_config: {healthy_panic_threshold: {value: 20}}
    outlier_detection: {consecutive_5xx: 3, max_ejection_percent: 100}
    circuit_breakers:
      thresholds:
      - {priority: DEFAULT, max_requests: 9}
      - {priority: HIGH, max_requests: 5}
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          stream_idle_timeout: 5s
          route_config:
            virtual_hosts:
            - name: all
              routes:
              - {match: {prefix: /a}, route: {cluster: a, timeout: 5s}}
              - {match: {prefix: /b}, route: {cluster: a, timeout: 5s, priority: HIGH}}
              - {match: {prefix: /c}, route: {cluster: nowhere, timeout: 5s}}
"""


def envoy(text: str, instance: str, route: str = "") -> Imported:
    opened = formats.open_config("envoy.yaml", text, route=route)
    assert opened is not None
    return formats.convert(*opened, instance)


def test_envoy_priorities_panic_and_fields_of_the_listener():
    found = envoy(ENVOY, "a")
    assert settings(found)["bulkhead"]["max_concurrent"] == "9"
    assert settings(found)["circuit_breaker"]["healthy_panic_threshold"] == "20"
    assert "`stream_idle_timeout` is not modelled" in said(found)
    assert settings(envoy(ENVOY, "a", "/b"))["bulkhead"]["max_concurrent"] == "5"


def test_envoy_does_not_start_with_a_route_to_nowhere():
    assert "a route to a cluster that is not defined" in said(envoy(ENVOY, "nowhere"))


def test_envoy_in_the_names_of_a_config_dump():
    """Fields in camel case, as the administration endpoint prints them."""
    dump = """{"configs": [
      {"dynamicActiveClusters": [{"cluster": {"name": "a", "connectTimeout": "1s",
        "circuitBreakers": {"thresholds": [{"maxConnections": 7, "maxPendingRequests": 2}]}}}]},
      {"dynamicRouteConfigs": [{"routeConfig": {"virtualHosts": [{"name": "v", "routes": [
        {"match": {"prefix": "/"}, "route": {"cluster": "a", "timeout": "4s",
         "retryPolicy": {"retryOn": "5xx", "numRetries": 2, "perTryTimeout": "1s"}}}]}]}}]}]}"""
    got = settings(envoy(dump, "a"))
    assert (got["total"]["after"], got["retry"]["attempts"], got["attempt"]["after"]) == ("4s", "3", "1s")
    assert (got["bulkhead"]["max_concurrent"], got["bulkhead"]["queue"]) == ("7", "2")


# --- libraries' rules, as cases of people have them ---


def run_case(name: str, *settings: str) -> dict[str, Any]:
    text = (next(CASES.glob(f"{name}*")) / "scenario.yaml").read_text(encoding="utf-8")
    return simulate(load_text(text, "s.yaml", list(settings)).plan, 1).document


def test_54_the_retry_quota_of_the_sdk():
    """500 tokens, 5 a retry: 100 retries while B is down, then none; `legacy` has no quota."""
    standard, legacy = run_case("54"), run_case("54", "retry.mode=legacy")
    assert standard["attempts"]["total"] - standard["requests"]["total"] == 100
    assert legacy["attempts"]["total"] - legacy["requests"]["total"] > 5_000


def test_55_stop_after_delay_overshoots():
    """Waits of 1, 2 and 4 s: the last attempt starts 7 s after the first; `before_delay` ends at 3 s."""
    assert run_case("55")["latency"]["max"] == pytest.approx(7.0)
    before = run_case("55", "retry.stop={kind: before_delay, value: 5}")
    assert before["latency"]["max"] == pytest.approx(3.0)
