"""A realistic file of each format: recognised, mapped field by field, runs, and comes back as it was written."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cli.shell import resim

from interop.shop import NAMES, imported, plan_of
from resilience_sim.interop import formats
from resilience_sim.interop.generic import as_generic
from resilience_sim.interop.registry import FORMATS, WRITTEN
from resilience_sim.interop.writing import write
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load
from resilience_sim.scenario.text import shipped
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig

FILES = Path(__file__).parent / "files"
INSTANCES = [(name, None) for name in NAMES if name not in ("grpc", "python")] + [
    ("grpc", "shop.Inventory/Reserve"),
    ("grpc", "shop.Catalog"),
    ("python", "session"),
    ("python", "stock_of"),
]


def read(name: str) -> str:
    return (FILES / NAMES[name]).read_text(encoding="utf-8")


def test_every_format_has_its_file():
    assert set(NAMES) == set(FORMATS)


@pytest.mark.parametrize(("name", "instance"), INSTANCES)
def test_imports_and_runs(name: str, instance: str | None):
    """The scenario is valid without a warning, and a run of it ends."""
    found = imported(read(name), NAMES[name], instance)
    assert found.format == name
    plan = plan_of(found)
    assert simulate(plan, 1).document["requests"]["total"] > 4000


@pytest.mark.parametrize("name", NAMES)
def test_recognised_whatever_the_file_is_called(name: str):
    """The content decides where the name says nothing."""
    opened = formats.open_config("settings", read(name))
    assert opened is not None
    assert opened[1] == name


@pytest.mark.parametrize(("name", "instance"), INSTANCES)
def test_every_field_is_accounted_for(name: str, instance: str | None):
    """No key of these files is unknown, and no value unreadable."""
    found = imported(read(name), NAMES[name], instance)
    assert not {each.code for each in found.findings} & {"RL191", "RL192", "RL193"}
    assert all(each.line and each.col for each in found.findings)


def vars_of(config: PolicyConfig) -> dict[str, Any]:
    """All settings; the outcomes of a retry in no particular order."""
    found = {name: value for name, value in asdict(config).items() if name != "written"}
    return {**found, "on": sorted(found["on"])} if "on" in found else found


@pytest.mark.parametrize(("name", "instance"), [each for each in INSTANCES if each[0] in WRITTEN])
def test_round_trip(name: str, instance: str | None):
    """Imported, written back, imported again: the same stack."""
    first = as_generic(plan_of(imported(read(name), NAMES[name], instance)).stack)
    plan = plan_of(imported(read(name), NAMES[name], instance))
    again = imported(write(plan, name).text, NAMES[name])
    assert [vars_of(each) for each in as_generic(plan_of(again).stack)] == [vars_of(each) for each in first]


def expect(name: str, instance: str | None = None) -> dict[str, dict[str, str]]:
    """Settings as they were mapped, by kind (or id) of the policy."""
    layers = imported(read(name), NAMES[name], instance).stack.layers
    return {layer.id or layer.kind: {key: each.value for key, each in layer.settings.items()} for layer in layers}


def test_resilience4j_field_by_field():
    """The table of the reference."""
    found = expect("resilience4j")
    assert list(found) == ["retry", "circuit_breaker", "rate_limiter", "timeout", "bulkhead"]
    retry, breaker = found["retry"], found["circuit_breaker"]
    assert (retry["attempts"], retry["delay"], retry["factor"], retry["max_delay"], retry["jitter"]) == (
        "4",
        "150ms",
        "1.8x",
        "2s",
        "30%",
    )
    assert (breaker["window"], breaker["min_calls"], breaker["failure_threshold"]) == ("40", "15", "35%")
    assert (breaker["slow_call"], breaker["slow_threshold"], breaker["recovery_time"], breaker["probes"]) == (
        "900ms",
        "70%",
        "12s",
        "6",
    )
    assert found["rate_limiter"]["limit"] == "80/s"
    assert found["timeout"]["after"] == "1.2s"
    assert found["bulkhead"]["max_concurrent"] == "12"


def test_dotnet_field_by_field():
    """Standard handler: the bulkhead outermost, the attempt timeout innermost."""
    found = expect("dotnet")
    assert list(found) == ["bulkhead", "total", "retry", "circuit_breaker", "attempt"]
    assert found["retry"]["attempts"] == "3"
    breaker = found["circuit_breaker"]
    assert (breaker["failure_threshold"], breaker["window"], breaker["min_calls"]) == ("25%", "20s", "30")
    assert found["bulkhead"] == {"max_concurrent": "200", "queue": "20"}


def test_hedging_handler():
    """Hedging in place of retry, the rest under Endpoint."""
    found = imported(
        """{"Hedged": {"TotalRequestTimeout": {"Timeout": "00:00:20"},
        "Hedging": {"MaxHedgedAttempts": 2, "Delay": "00:00:01"},
        "Endpoint": {"Timeout": {"Timeout": "00:00:05"}, "CircuitBreaker": {"MinimumThroughput": 20}}}}""",
        "appsettings.json",
    )
    kinds = [layer.id or layer.kind for layer in found.stack.layers]
    assert kinds == ["total", "hedge", "bulkhead", "circuit_breaker", "attempt"]
    assert found.stack.layers[1].settings["max_extra"].value == "2"


def test_several_instances_must_be_named():
    """The names are listed, a slip is met with a suggestion."""
    with pytest.raises(formats.ConfigImportError, match="2 instances") as caught:
        imported(read("grpc"), NAMES["grpc"])
    assert "shop.Catalog" in caught.value.help
    with pytest.raises(formats.ConfigImportError) as caught:
        imported(read("grpc"), NAMES["grpc"], "shop.Catalogue")
    assert "did you mean `shop.Catalog`" in caught.value.help


def test_properties_are_the_same_as_yaml():
    """Kebab case, numbered lists, continued lines."""
    found = imported(
        """\
        # a comment
        spring.datasource.password=hunter2
        resilience4j.retry.instances.inventory.max-attempts=4
        resilience4j.retry.instances.inventory.waitDuration = \\
            150ms
        resilience4j.circuitbreaker.instances.inventory.ignoreExceptions[0]=com.acme.NotFound
        resilience4j.circuitbreaker.instances.inventory.failure-rate-threshold: 35
        """,
        "application.properties",
    )
    layers = {layer.kind: layer for layer in found.stack.layers}
    assert layers["retry"].settings["attempts"].value == "4"
    assert layers["retry"].settings["delay"].value == "150ms"
    assert layers["circuit_breaker"].settings["failure_threshold"].value == "35%"
    assert layers["retry"].settings["attempts"].at.span.line == 3


def test_spring_documents_profiles_and_dotted_keys():
    """Dotted keys are paths, documents of a profile are left out and said to be, merge keys are followed."""
    found = imported(
        """\
        resilience4j.retry:
          instances: {b: {maxAttempts: 4, waitDuration: 1s}}
        resilience4j.retry.instances.b.enableRandomizedWait: yes
        ---
        resilience4j: {circuitbreaker: {instances: {b: {<<: {slidingWindowSize: 5}, failureRateThreshold: 20}}}}
        ---
        spring: {config: {activate: {on-profile: prod}}}
        resilience4j: {retry: {instances: {b: {maxAttempts: 9}}}}
        """,
        "application.yml",
    )
    layers = {layer.kind: layer.settings for layer in found.stack.layers}
    assert layers["retry"]["attempts"].value == "4"
    assert layers["retry"]["jitter"].value == "50%"
    assert layers["circuit_breaker"]["failure_threshold"].value == "20%"
    assert layers["circuit_breaker"]["window"].value == "5"
    told = {each.line: each.message for each in found.findings}
    assert "for one profile only" in told[8]


def test_other_files_are_not_recognised():
    """A scenario or any other YAML is nobody's configuration."""
    assert formats.open_config("x.yaml", "resim: 1\ntraffic: {rate: 1/s}\n") is None
    assert formats.open_config("x.json", '{"name": "package", "dependencies": {}}') is None


@cache
def shipped_plans() -> list[Plan]:
    return [load(name).plan for name in shipped.names()]


@pytest.mark.parametrize("to", WRITTEN)
def test_every_shipped_stack_can_be_written(to: str):
    """Whatever a format cannot say is noted; what is written is read again."""
    for plan in shipped_plans():
        written = write(plan, to)
        if to in ("grpc", "aws", "istio", "envoy", "dotnet") or plan.stack:
            opened = formats.open_config(NAMES[to], written.text)
            assert opened is None or opened[1] == to


@dataclass(frozen=True, slots=True)
class CoinFlip:
    """A policy that no format has heard of: somebody's plug-in."""

    id: str = "coin"
    kind: str = "coin_flip"


@pytest.mark.parametrize("to", WRITTEN)
def test_a_kind_that_no_format_has_is_noted_in_words(to: str):
    """The rest of the stack is written all the same."""
    plan = load("payments-complete").plan
    written = write(replace(plan, stack=(CoinFlip(), *plan.stack)), to)
    assert "`coin`: no coin flip in this format; it belongs into code" in written.notes
    assert written.text == write(plan, to).text


MESH = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: vee}
spec:
  hosts: [shop]
  http:
  - retries: {attempts: 010, perTryTimeout: 1s}
    route: [{destination: {host: shop}}]
"""
DAPR = """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: dee}
spec: {policies: {timeouts: {t: 5s}}, targets: {apps: {cart: {timeout: t}}}}
"""
APPLICATION = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  application.yml: |
    resilience4j.retry.instances.stock.max-attempts: 010
"""


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_resources_of_several_programs_in_one_file(order: tuple[int, ...], listed: bool, tmp_path: Path):
    """As `helm template` and `kustomize build` write them: each is read as its program reads it, none is left out."""
    parts = [(MESH, DAPR, APPLICATION)[number] for number in order]
    text = "---\n".join(parts)
    if listed:
        if APPLICATION in parts:
            parts.remove(APPLICATION)  # its block has lines of its own
        text = "kind: List\nitems:\n" + "".join(f"- {textwrap.indent(part, '  ')[2:]}" for part in parts)
    file = tmp_path / "all.yaml"
    file.write_text(text, encoding="utf-8")
    made = {}
    for name in ("shop", "cart", *([] if listed else ["stock"])):
        opened = formats.open_together([("all.yaml", text)], instance=name)
        assert opened is not None
        made[name] = opened[1]
        stack = formats.convert(*opened, name).stack
        attempts = [layer.settings["attempts"].value for layer in stack.layers if "attempts" in layer.settings]
        assert attempts == {"shop": ["9"], "cart": [], "stock": ["8"]}[name]
    assert made == {"shop": "istio", "cart": "dapr"} | ({} if listed else {"stock": "resilience4j"})
    with pytest.raises(formats.ConfigImportError, match="of several programs") as error:
        formats.open_together([("all.yaml", text)])
    assert "`cart`" in error.value.help
    said = resim("lint", str(file), "--format", "concise").out
    assert "RL132" in said
    assert "RL164" in said
    assert ("[stock]" in said) != listed


def test_calls_between_hosts_in_a_file_with_resources_of_another_program(tmp_path: Path):
    file = tmp_path / "all.yaml"
    other = MESH.replace("vee", "wee").replace("shop", "stock")
    file.write_text(f"{DAPR}---\n{MESH}---\n{other}", encoding="utf-8")
    made = resim("import", str(file), "--calls", "shop=stock", "-o", "-")
    assert made.code == 0
    assert "to: stock" in made.out


def test_a_service_beside_routes_is_part_of_them():
    text = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: web}\nspec: {ports: [{port: 80}]}\n---\n"
        + MESH
    )
    opened = formats.open_config("all.yaml", text)
    assert opened is not None
    assert opened[1] == "istio"
    assert len(opened[0].documents) == 2
