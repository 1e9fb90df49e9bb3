"""Reading and linting a file costs what its size does: counted in lines of Python that run, not in seconds."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from resilience_sim.interop import section
from resilience_sim.interop.formats import all_traps, convert, instance_names, open_config
from resilience_sim.lint import instances, look
from resilience_sim.lint.check import lint_files
from resilience_sim.lint.finding import Finding
from resilience_sim.lint.subject import Subject


def indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


def istio(n: int) -> str:
    return "".join(
        f"""apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: s{i}, namespace: shop}}
spec:
  hosts: [s{i}]
  http:
  - route: [{{destination: {{host: s{i}}}}}]
    retries: {{attempts: 3, perTryTimeout: 100ms, retryOn: 5xx}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: s{i}, namespace: shop}}
spec:
  host: s{i}
  trafficPolicy: {{outlierDetection: {{consecutive5xxErrors: 3, bogus: 1}}}}
---
"""
        for i in range(n)
    )


def gateway_api(n: int) -> str:
    return "".join(
        f"""apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{i}, namespace: shop}}
spec:
  rules:
  - backendRefs: [{{name: s{i}, port: 80}}]
    timeouts: {{request: 2s, backendRequest: 1s}}
    retry: {{attempts: 2, codes: [503]}}
---
"""
        for i in range(n)
    )


def envoy(n: int) -> str:
    clusters = "".join(
        f"- name: s{i}\n  circuit_breakers: {{thresholds: [{{max_requests: 240}}]}}\n"
        "  outlier_detection: {consecutive_5xx: 3, bogus: 1}\n"
        for i in range(n)
    )
    routes = "".join(
        f"- match: {{prefix: /s{i}/}}\n  route: {{cluster: s{i}, retry_policy: {{retry_on: 5xx, num_retries: 3}}}}\n"
        for i in range(n)
    )
    hosts = f"virtual_hosts:\n- name: all\n  domains: ['*']\n  routes:\n{indented(routes, 2)}"
    return f"static_resources:\n  clusters:\n{indented(clusters, 2)}route_config:\n{indented(hosts, 2)}"


def envoy_virtual_hosts(n: int) -> str:
    return "route_config:\n  virtual_hosts:\n" + "".join(
        f"""  - name: host{i}
    domains: [s{i}.example.org]
    routes: [{{match: {{prefix: /}}, route: {{cluster: s{i}, retry_policy: {{retry_on: 5xx, bogus: 1}}}}}}]
"""
        for i in range(n)
    )


def gateway_policies(n: int) -> str:
    return "".join(
        f"""apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{i}, namespace: shop}}
spec:
  parentRefs: [{{name: front}}]
  rules: [{{backendRefs: [{{name: s{i}, port: 80}}]}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: p{i}, namespace: shop}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r{i}}}]
  retry: {{numRetries: 3, bogus: 1}}
---
"""
        for i in range(n)
    )


def resilience4j(n: int) -> str:
    rows = "".join(f"s{i}: {{maxAttempts: 3, waitDuration: '${{WAIT:100ms}}', bogus: 1}}\n" for i in range(n))
    return f"resilience4j:\n  retry:\n    instances:\n{indented(rows, 6)}"


def spring_cloud(n: int) -> str:
    rows = "".join(
        f"- id: r{i}\n  uri: http://s{i}\n  filters:\n  - {{name: Retry, args: {{retries: 3}}}}\n" for i in range(n)
    )
    clients = "".join(f"c{i}: {{readTimeout: 500, bogus: 1}}\n" for i in range(n))
    return (
        f"spring:\n  cloud:\n    gateway:\n      routes:\n{indented(rows, 6)}"
        f"    openfeign:\n      client:\n        config:\n{indented(clients, 10)}"
    )


def micronaut(n: int) -> str:
    rows = "".join(f"s{i}: {{url: http://10.0.0.{i}, read-timeout: 2s, bogus: 1}}\n" for i in range(n))
    return f"micronaut:\n  http:\n    services:\n{indented(rows, 6)}"


def microprofile(n: int) -> str:
    return "".join(
        f"com.acme.S{i}/get/Retry/maxRetries=3\ncom.acme.S{i}/get/Timeout/vaule=1\n%dev.com.acme.S{i}/get/Retry/delay=1\n"
        for i in range(n)
    )


def grpc(n: int) -> str:
    rows = ",\n".join(
        f'{{"name": [{{"service": "shop.S{i}"}}], "timeout": "{wait}", "retryPolicy": {{"maxAttempts": 3, '
        '"initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, '
        '"retryableStatusCodes": ["UNAVAILABLE"]}}'
        for i in range(n)
        for wait in ("2s" if i % 2 else "bad",)
    )
    return f'{{"methodConfig": [\n{rows}\n]}}\n'


def dotnet(n: int) -> str:
    rows = ",\n".join(
        f'"Client{i}": {{"TotalRequestTimeout": {{"Timeout": "00:00:18"}}, '
        '"Retry": {"MaxRetryAttempts": 3, "Bogus": 1}}'
        for i in range(n)
    )
    return f"{{\n{rows}\n}}\n"


def aws(n: int) -> str:
    return "".join(
        f"[profile p{i}]\nsso_account_id = {i}\nretry_mode = standard\nmax_attempts = 3\nbogus = 1\n\n"
        for i in range(n)
    )


def dapr(n: int) -> str:
    retries = "".join(f"r{i}: {{policy: constant, duration: 100ms, maxRetries: x}}\n" for i in range(n))
    unused = "".join(f"u{i}: {{policy: constant, duration: 100, bogus: 1}}\n" for i in range(n))
    apps = "".join(f"a{i}: {{retry: r{i}}}\n" for i in range(n))
    return (
        "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nspec:\n"
        f"  policies:\n    retries:\n{indented(retries + unused, 6)}  targets:\n    apps:\n{indented(apps, 6)}"
    )


def dapr_in_many_resources(n: int) -> str:
    return "".join(
        f"""apiVersion: dapr.io/v1alpha1
kind: Resiliency
scopes: [shop{i}]
spec:
  policies: {{retries: {{r{i}: {{policy: constant, duration: 1s, maxRetries: 3}}}}}}
  targets: {{apps: {{a{i}: {{retry: r{i}}}}}}}
---
"""
        for i in range(n)
    )


def python(n: int) -> str:
    return "from tenacity import retry, stop_after_attempt\n" + "".join(
        f"\n\n@retry(stop=stop_after_attempt(3))\ndef f{i}():\n    get()\n" for i in range(n)
    )


FILES: dict[str, tuple[str, Callable[[int], str]]] = {
    "istio": ("istio.yaml", istio),
    "gateway_api": ("route.yaml", gateway_api),
    "gateway_policies": ("route.yaml", gateway_policies),
    "envoy": ("envoy.yaml", envoy),
    "envoy_virtual_hosts": ("envoy.yaml", envoy_virtual_hosts),
    "resilience4j": ("application.yml", resilience4j),
    "spring_cloud": ("application.yml", spring_cloud),
    "micronaut": ("application.yml", micronaut),
    "microprofile": ("microprofile-config.properties", microprofile),
    "grpc": ("service_config.json", grpc),
    "dotnet": ("appsettings.json", dotnet),
    "aws": ("config", aws),
    "dapr": ("resiliency.yaml", dapr),
    "dapr_in_many_resources": ("resiliency.yaml", dapr_in_many_resources),
    "python": ("client.py", python),
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other processes do is not counted here."""
    monkeypatch.setattr(instances, "hands", lambda: 1)


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python run, each pass of a comprehension among them."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before, collecting = sys.gettrace(), gc.isenabled()
    gc.disable()  # what others left behind may have finalizers in Python
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        if collecting:
            gc.enable()
    return count


def bend(counts: list[int]) -> float:
    """By how much three counts at n, 2n and 3n differ from a line, in parts of the first step; 2 for a square."""
    first, second = counts[1] - counts[0], counts[2] - counts[1]
    return (second - first) / first


def test_a_square_bends():
    def square(n: int) -> None:
        for _ in range(n):
            [x for x in range(n)]  # noqa: C416

    assert bend([lines_run(lambda n=n: square(n)) for n in (10, 20, 30)]) > 0.5
    assert abs(bend([lines_run(lambda n=n: [x for x in range(n)]) for n in (10, 20, 30)])) < 0.02  # noqa: C416


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_linted_in_steps_in_proportion_to_its_instances(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(section, "LARGE", 5)  # so that all three are large
    file_name, text = FILES[name]
    file = tmp_path / file_name
    all_traps()
    file.write_text(text(60), encoding="utf-8")
    lint_files([str(file)])  # what is imported, and kept for good
    counts = []
    for n in (20, 40, 60):
        file.write_text(text(n), encoding="utf-8")
        # Once before it counts: what other tests have left in a cache, or driven out of it, makes a difference.
        assert lint_files([str(file)]).stacks >= n
        counts.append(lines_run(lambda: lint_files([str(file)])))
    assert abs(bend(counts)) < 0.1, counts


@pytest.mark.parametrize("name", ["micronaut", "microprofile"])
def test_instances_that_are_not_alike_are_converted_in_steps_in_proportion_too(name: str):
    file_name, text = FILES[name]

    def every(n: int) -> None:
        opened = open_config(file_name, text(n))
        assert opened is not None
        assert [convert(*opened, each) for each in instance_names(*opened)]

    every(90)
    counts = [lines_run(lambda n=n: every(n)) for n in (30, 60, 90)]
    assert abs(bend(counts)) < 0.1, counts


@pytest.mark.parametrize("name", FILES)
def test_instances_that_are_alike_are_looked_at_a_few_times(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """And what is found is what is found when every one is looked at."""
    file_name, text = FILES[name]
    file = tmp_path / file_name
    file.write_text(text(60), encoding="utf-8")
    looked: list[str] = []

    by_rules = look.by_rules

    def seen(subject: Subject, *rest: Any) -> list[Finding]:
        looked.append(subject.instance)
        return by_rules(subject, *rest)

    monkeypatch.setattr(look, "by_rules", seen)
    monkeypatch.setattr(section, "LARGE", 1000)
    every = lint_files([str(file)]).found
    assert len(looked) >= 60
    looked.clear()
    monkeypatch.setattr(section, "LARGE", 5)
    assert list(lint_files([str(file)]).found) == list(every)
    assert 2 <= len(looked) <= 13


def test_one_that_is_not_like_the_others_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """By its own values, by what it inherits, by the spelling of its name, by another section of the same name."""
    monkeypatch.setattr(section, "LARGE", 5)
    file = tmp_path / "application.yml"
    rows = {f"svc{i}": "{maxAttempts: 3, bogus: 1}" for i in range(8)}
    rows |= {
        "other": "{maxAttempts: 30, bogus: 1}",
        "child": "{baseConfig: big, bogus: 1}",
        "a": "{maxAttempts: 3, bogus: 1}",
    }
    retries = indented("".join(f"{name}: {row}\n" for name, row in rows.items()), 6)
    file.write_text(
        "resilience4j:\n  retry:\n    configs: {big: {maxAttempts: 40}}\n    instances:\n" + retries
        + "  circuitbreaker:\n    instances:\n      SVC-3: {slidingWindowSize: 5, minimumNumberOfCalls: 50}\n",
        encoding="utf-8",
    )  # fmt: skip
    found = lint_files([str(file)]).found
    assert {each.instance for each in found if each.code == "RL029"} == {"other", "child"}
    assert {each.instance for each in found if each.code == "RL012"} == {"svc3"}
    assert sum(each.code == "RL191" for each in found) == len(rows)
    monkeypatch.setattr(section, "LARGE", 1000)
    assert list(lint_files([str(file)]).found) == list(found)


def test_what_is_said_of_the_whole_file_comes_with_every_instance_that_is_read_alone():
    text = dapr(3)
    opened = open_config("resiliency.yaml", text)
    assert opened is not None
    alone = [convert(*opened, name) for name in instance_names(*opened)]
    assert all({each.code for each in one.findings} >= {"RL160", "RL193"} for one in alone)
    told: set[int] = set()
    together = [convert(*opened, name, told) for name in instance_names(*opened)]
    assert [any(each.code == "RL160" for each in one.findings) for one in together] == [True, False, False]
    assert {each for one in together for each in one.findings} == {each for one in alone for each in one.findings}
