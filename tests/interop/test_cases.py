"""Configurations as people have them, each with the value that the real program would run with.

The inputs are small, made from public files, bug reports and accident reports with the details replaced.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.shop import plan_of
from resilience_sim.interop import formats
from resilience_sim.interop.formats import Imported
from resilience_sim.runs.simulate import simulate
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
