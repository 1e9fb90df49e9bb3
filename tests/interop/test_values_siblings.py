"""Values as people write them, each with what the program of the format makes of it."""

from __future__ import annotations

import pytest

from interop.shop import imported
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported

YML = "application.yml"


def settings(found: Imported) -> dict[str, str]:
    return {key: each.value for layer in found.stack.layers for key, each in settle(layer).items()}


def said(found: Imported) -> str:
    return "\n".join(f"{each.line} {each.code} {each.severity} {each.message}" for each in found.findings)


# --- Spring: NumberUtils.parseNumber and convertNumberToTargetClass; StringToDurationConverter of an empty text ---


@pytest.mark.parametrize(
    ("written", "attempts", "warned"),
    [
        ("5.5", "5", "`maxAttempts` is 5 for Spring: it cuts"), ('"5.5"', None, ""), ('"0x10"', "16", ""),
        ("0x10", "16", ""), ('"#A"', "10", ""), ("2147483648", None, ""), ('"1_0"', None, ""), ("1_0", "10", ""),
        ("${TRIES:0x10}", "16", ""), ("${TRIES:0o17}", None, ""), ("${TRIES:010}", "10", ""), ('""', "7", ""),
        ("${TRIES:}", "7", ""), ("", "7", ""), ('" "', None, ""), ("${TRIES:5.5}", None, ""),
    ],
)  # fmt: skip
def test_integers_as_spring_reads_them(written: str, attempts: str | None, warned: str):
    """A text is none with a point, in octal or with `_`, and may be hexadecimal; an empty one leaves the base's."""
    own = f"resilience4j.retry.instances.a:\n  baseConfig: b\n  maxAttempts: {written}\n"
    text = "resilience4j.retry.configs.b.maxAttempts: 7\n" + own
    found = imported(text, YML, "a")
    assert ("RL192 error" in said(found)) == (attempts is None)
    assert attempts is None or settings(found)["attempts"] == attempts
    assert warned in said(found)
    assert ("RL196" in said(found)) == bool(warned)


def test_an_empty_duration_of_spring_is_unset():
    found = imported('resilience4j.retry.instances.a: {maxAttempts: 2, waitDuration: ""}', YML, "a")
    assert (settings(found)["delay"], "RL192" in said(found)) == ("500ms", False)


@pytest.mark.parametrize(
    ("written", "attempts"), [("0x10", None), ("5.5", None), ("4", "5"), ("010", "11"), ("null", None)]
)
def test_numbers_of_properties_are_java_s(written: str, attempts: str | None):
    """``Integer.valueOf``: SmallRye Config's converter, behind every file and every placeholder."""
    for value in (written, f"${{TRIES:{written}}}"):
        found = imported(f"a.B/c/Retry/maxRetries={value}\n", "microprofile-config.properties")
        assert ("RL192 error" in said(found)) == (attempts is None), value
        assert attempts is None or settings(found)["attempts"] == attempts


# --- keys that stand twice ---


def test_a_key_twice_keeps_spring_from_starting():
    """YamlProcessor.createYaml: ``setAllowDuplicateKeys(false)``."""
    found = imported("resilience4j.retry.instances:\n  a:\n    maxAttempts: 2\n    maxAttempts: 4\n", YML, "a")
    assert "4 RL193 error a key stands here twice: the application does not start" in said(found)


RESILIENCY = """apiVersion: dapr.io/v1alpha1
kind: Resiliency
spec:
  policies:
    retries:
      r: {policy: constant, duration: 1s, maxRetries: 2, MORE}
  targets: {apps: {a: {retry: r}}}
"""


def test_the_last_of_two_keys_counts_below_yaml_v2():
    """sigs.k8s.io/yaml without its strict mode: what is read later replaces what was there."""
    found = imported(RESILIENCY.replace("MORE", "maxRetries: 4"), "dapr.yaml", "a")
    assert settings(found)["attempts"] == "5"
    assert "6 RL195 warning a key stands here twice: the last one counts" in said(found)


def test_a_value_twice_keeps_dotnet_from_starting_and_a_section_twice_is_joined():
    """JsonConfigurationFileParser: "A duplicate key '{0}' was found" for values, which alone are kept."""
    retry = '"Retry": {"MaxRetryAttempts": 4, "Delay": "00:00:01"}'
    head = '{"Api": {"AttemptTimeout": {"Timeout": "00:00:02"}, '
    twice = retry.replace("}", ', "Delay": "00:00:02"}')
    found = imported(head + twice + "}}", "appsettings.json")
    assert "RL193 error a key stands here twice: the application does not start" in said(found)
    found = imported(f"{head}{retry}, {retry}}}}}", "appsettings.json")
    assert "RL195 warning a section stands here twice: .NET joins both" in said(found)
    assert "RL193" not in said(found)


# --- numbers in quotes, which schemas of Kubernetes refuse ---

SERVICE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: shop}
spec:
  hosts: [a]
  http: [{route: [{destination: {host: a}}], timeout: TIME, retries: {attempts: NUMBER}}]
"""


@pytest.mark.parametrize(
    ("number", "time", "refused"),
    [('"3"', "5s", "wants an integer"), ("3", "0", "wants a text"), ("3", "5s", "")],
)
def test_types_of_istio_s_schema(number: str, time: str, refused: str):
    """crd-all.gen.yaml: ``attempts`` is of ``type: integer``, durations are of ``type: string``."""
    found = imported(SERVICE.replace("NUMBER", number).replace("TIME", time), "istio.yaml")
    assert settings(found)["attempts"] == "4"
    assert ("RL193 error" in said(found)) == bool(refused)
    assert refused in said(found)
