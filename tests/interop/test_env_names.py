"""Settings of resilience4j in variables of the environment: files of them, containers, over the application's file."""

from __future__ import annotations

import pytest

from resilience_sim.interop.formats import Imported, convert, instance_names, open_together
from resilience_sim.lint.check import lint_text

YAML = """resilience4j:
  retry:
    instances:
      backendA: {maxAttempts: 3, waitDuration: 100ms}
      my-shop: {maxAttempts: 3}
"""
ENV = """# production
DB_PASSWORD=hunter2
export RESILIENCE4J_RETRY_INSTANCES_BACKENDA_MAXATTEMPTS=7
RESILIENCE4J_RETRY_INSTANCES_MY_SHOP_MAX_ATTEMPTS="5" # more
RESILIENCE4J_CIRCUITBREAKER_INSTANCES_BACKENDA_SLIDINGWINDOWSIZE=20
RESILIENCE4J_CIRCUITBREAKER_INSTANCES_BACKENDA_IGNOREEXCEPTIONS_0_=feign.FeignException
RESILIENCE4J_RETRY_INSTANCES_BACKENDA_WAITDURATION=250ms
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: shop
          env:
            - {name: RESILIENCE4J_RETRY_INSTANCES_BACKENDA_MAXATTEMPTS, value: "7"}
            - name: RESILIENCE4J_RETRY_INSTANCES_BACKENDA_WAITDURATION
              valueFrom: {configMapKeyRef: {name: x, key: y}}
        - name: side
          env: [{name: RESILIENCE4J_RETRY_INSTANCES_OTHER_MAXATTEMPTS, value: "2"}]
"""
COMPOSE = {
    "list": "services:\n  shop:\n    environment:\n      - RESILIENCE4J_RETRY_INSTANCES_BACKENDA_MAXATTEMPTS=7\n",
    "mapping": "services:\n  shop:\n    environment:\n      RESILIENCE4J_RETRY_INSTANCES_BACKENDA_MAXATTEMPTS: 7\n",
    "configmap": "kind: ConfigMap\ndata:\n  RESILIENCE4J_RETRY_INSTANCES_BACKENDA_MAXATTEMPTS: '7'\n",
}


def read(instance: str, *texts: tuple[str, str]) -> Imported:
    opened = open_together(texts)
    assert opened is not None
    return convert(*opened, instance)


def settings(found: Imported, kind: str = "retry") -> dict[str, str]:
    layer = next(each for each in found.stack.layers if each.kind == kind)
    return {name: setting.value for name, setting in layer.settings.items()}


def test_variables_lie_over_the_file_whatever_the_order():
    for texts in ((("application.yml", YAML), ("prod.env", ENV)), ((".env.prod", ENV), ("application.yml", YAML))):
        found = read("backendA", *texts)
        assert settings(found) | {"attempts": "7", "delay": "250ms"} == settings(found)
        assert settings(found, "circuit_breaker")["window"] == "20"
        assert "client_error" not in settings(found, "circuit_breaker")["on"]
        assert settings(read("my-shop", *texts))["attempts"] == "5"  # dashes may be underscores where the name is known
        assert "hunter2" not in found.text
        assert found.stack.unsure == []


def test_a_file_of_variables_alone_is_read_and_says_what_it_does_not_know():
    found = read("backenda", ("prod.env", ENV))
    assert settings(found)["attempts"] == "7"
    assert "the application's own files are not here" in found.stack.unsure[0]


def test_a_container_s_variables_are_read_and_those_of_another_named():
    found = read("backenda", ("deployment.yaml", DEPLOYMENT))
    assert settings(found)["attempts"] == "7"
    said = {each.code: each.message for each in found.findings}
    assert "comes from the environment" in said["RL192"]
    assert "`side` is not modelled: the variables of shop were read" in said["RL190"]


@pytest.mark.parametrize("form", sorted(COMPOSE))
def test_compose_and_config_maps_are_read(form: str):
    assert settings(read("backendA", ("application.yml", YAML), ("compose.yml", COMPOSE[form])))["attempts"] == "7"


def test_a_name_that_no_file_has_is_its_first_word():
    """As Spring has it: an underscore is a dot."""
    opened = open_together([("prod.env", "RESILIENCE4J_RETRY_INSTANCES_MY_SHOP_MAXATTEMPTS=5\n")])
    assert opened is not None
    assert instance_names(*opened) == ["my"]
    found = lint_text("RESILIENCE4J_RETRY_INSTANCES_MY_SHOP_MAXATTEMPTS=5\n", "prod.env")
    assert any(each.code == "RL191" and "SHOP_MAXATTEMPTS" in each.message for each in found)
