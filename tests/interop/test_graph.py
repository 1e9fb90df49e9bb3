"""Several hosts of a mesh become one graph of services when it is said who calls whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.shell import resim

from resilience_sim.interop.formats import ConfigImportError, open_config
from resilience_sim.interop.graph import ImportedGraph, import_graph, parse_calls
from resilience_sim.lint.check import lint_text
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

ISTIO = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: stock, namespace: prod}
spec:
  hosts: [stock]
  http:
    - route: [{destination: {host: stock}}]
      timeout: 1s
      retries: {attempts: 2, perTryTimeout: 300ms, retryOn: 5xx}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: prod}
spec:
  host: db
  trafficPolicy:
    connectionPool: {http: {http2MaxRequests: 100}}
    outlierDetection: {consecutive5xxErrors: 5, interval: 5s, baseEjectionTime: 30s, maxEjectionPercent: 100}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: prices, namespace: prod}
spec:
  hosts: [prices]
  http:
    - route: [{destination: {host: prices}}]
      retries: {attempts: 0}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: prod}
spec:
  hosts: [reviews]
  http:
    - route: [{destination: {host: reviews}}]
"""
ENVOY = """\
clusters:
- {name: outbound|80||stock.prod.svc.cluster.local, circuit_breakers: {thresholds: [{max_requests: 7}]}}
- {name: Data.Base, outlier_detection: {consecutive_5xx: 6}}
route_config:
  virtual_hosts:
  - name: all
    domains: ["*"]
    routes:
    - {match: {prefix: /a}, route: {cluster: outbound|80||stock.prod.svc.cluster.local, timeout: 2s}}
    - match: {prefix: /b}
      route: {cluster: Data.Base, timeout: 1s, retry_policy: {retry_on: 5xx, num_retries: 1}}
"""
GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: stock}
spec:
  rules: [{timeouts: {request: 1s}, backendRefs: [{name: stock, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: db}
spec:
  rules: [{timeouts: {request: 500ms}, backendRefs: [{name: db, port: 80}]}]
"""


def graph(text: str, *calls: str, path: str = "mesh.yaml") -> ImportedGraph:
    opened = open_config(path, text)
    assert opened is not None
    return import_graph(*opened, parse_calls(calls))


def test_each_link_has_the_rules_of_its_callee() -> None:
    found = graph(ISTIO, "shop=stock,prices", "stock=db", "prices=db")
    plan = load_text(found.text, "g.yaml").plan
    assert [each.name for each in plan.everybody] == ["shop", "stock", "db", "prices"]
    kinds = {link.name: [policy.kind for policy in link.stack] for link in plan.links}
    to_db = ["retry", "bulkhead", "circuit_breaker"]
    assert kinds == {"shop>stock": ["timeout", "retry", "timeout"], "shop>prices": [], "stock>db": to_db,
                     "prices>db": to_db}  # fmt: skip
    alone = open_config("mesh.yaml", ISTIO)
    assert alone is not None
    assert plan.stack == (), "shop is no host of the file: nothing is said of the way to it"
    assert plan.services[1].replicas == 3, "as an import of the host alone assumes it"
    assert found.left_out == ("reviews.prod.svc.cluster.local",)
    assert "not in the graph: reviews" in found.text
    assert "calling replica keeps its own account of db's hosts" in found.text
    assert [each.place for each in plan.faults] == ["prices"] or [each.place for each in plan.faults] == ["db"]


def test_the_entry_has_its_own_rules_and_what_comes_out_runs_and_lints() -> None:
    found = graph(ISTIO, "stock.prod=db")
    plan = load_text(found.text, "g.yaml").plan
    assert [policy.kind for policy in plan.stack] == ["timeout", "retry", "timeout"]
    run = simulate(plan, 1).document
    assert run["links"][1]["calls"] > 1000
    assert run["availability"] < 1.0
    codes = {(each.code, each.instance) for each in lint_text(found.text, "g.yaml")}
    assert ("RL033", "") in codes
    assert ("RL004", "stock > db") in codes


def test_envoy_and_the_gateway_api() -> None:
    plan = load_text(graph(ENVOY, "stock=Data.Base").text, "g.yaml").plan
    assert [each.name for each in plan.everybody] == ["stock", "data"]
    assert plan.stack[-1].kind == "bulkhead"
    assert [policy.kind for policy in plan.links[0].stack] == ["timeout", "retry", "circuit_breaker"]
    plan = load_text(graph(GATEWAY, "stock=db").text, "g.yaml").plan
    assert plan.stack[0].after == 1_000_000_000
    assert plan.links[0].stack[0].after == 500_000_000


REFUSED = [
    (["shop=stok"], "no host `stok`", "did you mean `stock`?"),
    (["shop=cache"], "no host `cache`", "one of: `stock`"),
    (["stok=db"], "no host `stok`", "did you mean `stock`?"),
    (["stock=db", "db=stock"], "call each other in a circle", "leave one"),
    (["shop=stock", "stock=db", "db=stock"], "in a circle: stock > db > stock", "leave one"),
    (["shop=stock", "admin=db"], "nobody calls shop, admin", "--calls gateway=shop,admin"),
    (["shop"], "CALLER=CALLEE", "shop=stock,prices"),
    (["shop=stock,"], "CALLER=CALLEE", "shop=stock,prices"),
    (["shop=stock,stock"], "`stock` twice", "once"),
    (["shop=stock", "prices=reviews", "reviews=prices"], "no call leads to `prices`", "--calls NAME=prices"),
]


@pytest.mark.parametrize(("calls", "message", "remedy"), REFUSED)
def test_what_is_no_graph(calls: list[str], message: str, remedy: str) -> None:
    with pytest.raises(ConfigImportError) as caught:
        graph(ISTIO, *calls)
    assert message in str(caught.value)
    assert remedy in caught.value.help


def test_only_meshes_have_hosts_that_call_each_other() -> None:
    text = "resilience4j: {retry: {instances: {a: {maxAttempts: 2}}}}\n"
    with pytest.raises(ConfigImportError, match="files of a mesh"):
        graph(text, "a=b", path="application.yml")


def test_on_the_command_line(tmp_path: Path) -> None:
    config, out = tmp_path / "mesh.yaml", tmp_path / "shop.yaml"
    config.write_text(ISTIO, encoding="utf-8")
    asked = resim("import", str(config))
    assert asked.code == 2
    assert "--calls A=B,C" in asked.err
    done = resim("import", str(config), "--calls", "shop=stock", "--calls", "stock=db", "-o", str(out))
    assert done.code == 0
    assert "not in the graph: prices.prod.svc.cluster.local, reviews.prod.svc.cluster.local" in done.err
    assert resim("validate", str(out)).code == 0
    both = resim("import", str(config), "--calls", "shop=stock", "--instance", "stock")
    assert both.code == 2
    assert "exclude each other" in both.err
    again = resim("import", str(config), "--calls", "shop=stok", "-o", str(out), "--force")
    assert again.code == 2
    assert "did you mean `stock`?" in again.err
    listed = resim("import", str(config), "--calls", "stock=db", "-o", str(out), "--force", "--json")
    reply = json.loads(listed.out)
    assert reply["services"] == ["stock", "db"]
    assert reply["left_out"] == ["prices.prod.svc.cluster.local", "reviews.prod.svc.cluster.local"]
