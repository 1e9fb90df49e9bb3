"""Values as people write them, each with what the program of the format makes of it."""

from __future__ import annotations

import pytest

from interop.shop import imported, plan_of
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported, convert, instance_names, open_config, open_together
from resilience_sim.scenario.diagnostics import ScenarioError

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


@pytest.mark.parametrize(
    ("name", "written", "grows"),
    [("application.properties", "1", True), ("application.properties", "0", False), (YML, "1", None),
     (YML, '"1"', True), (YML, "on", True), ("application.properties", "y", None)],
)  # fmt: skip
def test_flags_as_spring_reads_them(name: str, written: str, grows: bool | None):
    """StringToBooleanConverter: true, on, yes, 1 and their opposites; nothing makes a flag of a number."""
    key, sign = "resilience4j.retry.instances.a", "=" if name.endswith("s") else ": "
    text = f"{key}.waitDuration{sign}1s\n{key}.enableExponentialBackoff{sign}{written}\n"
    found = imported(text, name, "a")
    assert ("RL192 error" in said(found)) == (grows is None)
    assert grows is None or ("factor" in settings(found)) == grows


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


@pytest.mark.parametrize(
    ("more", "delay", "attempts", "refused"),
    [
        ('duration: ""', "5s", "3", False), ('duration: "2s"', "2s", "3", False),
    ],
)  # fmt: skip
def test_empty_and_quoted_values_of_dapr(more: str, delay: str, attempts: str, refused: bool):
    """pkg/apis/resiliency/v1alpha1: ``omitempty`` keeps an empty text from the decoder, whose defaults stay."""
    text = RESILIENCY.replace(f"{more.partition(':')[0]}: {'1s' if 'duration' in more else 2}, ", "")
    found = imported(text.replace("MORE", more), "dapr.yaml", "a")
    assert (settings(found)["delay"], settings(found)["attempts"], "RL193" in said(found)) == (delay, attempts, refused)


def test_an_empty_timeout_of_dapr_refuses_the_resource():
    """resiliency.go, decodePolicies: ``time.ParseDuration("")`` is an error."""
    text = RESILIENCY.replace("    retries:", '    timeouts: {t: ""}\n    retries:').replace("MORE", "")
    assert "5 RL193 error a timeout without a duration" in said(imported(text, "dapr.yaml", "a"))


# --- files that are a part of a whole, and names that are no words ---


def test_a_cluster_alone_is_read():
    """A resource of CDS without its type, as people paste it: cluster.proto."""
    text = "name: a\nconnect_timeout: 1s\ncircuit_breakers: {thresholds: [{max_requests: 7}]}\n"
    assert settings(imported(text, "cluster.yaml", "a"))["max_concurrent"] == "7"
    assert open_config("job.yaml", "name: a\nconnect_timeout: 1s\n") is None


CONFIG = '{"methodConfig": [{"name": [{"service": "%s"}], "timeout": "%ss"}]}'


@pytest.mark.parametrize(
    ("choices", "name", "told"),
    [
        (['"clientLanguage": ["go"], ', ""], "s1", "this choice is for some clients"),
        (["", '"percentage": 10, '], "s0", "no client comes to this choice"),
        (['"percentage": 10, '], "s0", "only clients that fit `percentage` take this"),
        (['"percentage": 100, '], "s0", ""),
        (['"percent": 100, '], "s0", "RL193 error `percent` is no key of this section"),
    ],
)
def test_the_first_choice_that_is_for_every_client_is_read(choices: list[str], name: str, told: str):
    """gRFC A2: a name server lists choices, and a client takes the first whose conditions it meets."""
    text = ", ".join(f'{{{each}"serviceConfig": {CONFIG % (f"s{n}", n + 1)}}}' for n, each in enumerate(choices))
    opened = open_config("service_config.json", f"[{text}]")
    assert opened is not None
    assert instance_names(*opened) == [name]
    found = imported(f"[{text}]", "service_config.json", name)
    assert settings(found)["after"] == f"{int(name[1]) + 1}s"
    assert told in said(found)
    assert bool(told) == ("RL19" in said(found))


def test_profiles_of_aws_are_called_as_they_are_written():
    text = '[profile "my prod"]\nmax_attempts = 4\n[profile "my dev"]\nmax_attempts = 2\n'
    text += "[profile grün]\nmax_attempts = 3\n"
    opened = open_config("config", text)
    assert opened is not None
    assert instance_names(*opened) == ["my prod", "my dev", "grün"]
    found = imported(text, "config", "my dev")
    assert settings(found)["attempts"] == "2"
    assert "profile 'my dev'" in found.text


def test_source_in_an_encoding_that_is_none_is_not_run_by_python():
    """PEP 263: "SyntaxError: unknown encoding"."""
    text = "#!/usr/bin/python\n# -*- coding: utf-88 -*-\nfrom tenacity import retry\n@retry\ndef f(): pass\n"
    with pytest.raises(ScenarioError) as error:
        imported(text, "client.py")
    assert (error.value.diagnostics[0].code, error.value.diagnostics[0].line) == ("RL200", 2)
    assert imported(text.replace("utf-88", "latin-1"), "client.py").stack.layers


# --- .NET: EnvironmentVariablesConfigurationProvider, ``__`` for `:`, over the files ---

ENV = "DOTNET_ENVIRONMENT=Staging\nApi__Retry__MaxRetryAttempts=5\nAPI__ATTEMPTTIMEOUT__TIMEOUT=00:00:03\nOTHER=1\n"
COMPOSE = """services:
  shop:
    environment:
      - Api__Retry__MaxRetryAttempts=5
      - Api__AttemptTimeout__Timeout=00:00:03
      - PASSWORD=hunter2
  other:
    environment: {Api__Retry__MaxRetryAttempts: "9"}
"""
SETTINGS = '{"Api": {"Retry": {"MaxRetryAttempts": 2, "Delay": "00:00:01"}, "AttemptTimeout": {"Timeout": "00:00:02"}}}'
STAGING = '{"Api": {"Retry": {"MaxRetryAttempts": 4, "Delay": "00:00:07"}}}'


@pytest.mark.parametrize(
    ("files", "attempts", "delay"),
    [
        ([(".env", ENV)], "6", "2s"),
        ([("compose.yaml", COMPOSE)], "6", "2s"),
        ([("appsettings.json", SETTINGS), (".env", ENV)], "6", "1s"),
        ([("appsettings.json", SETTINGS), (".env", "Api__Retry__MaxRetryAttempts=5\n")], "6", "1s"),
        ([("appsettings.json", SETTINGS), ("appsettings.Staging.json", STAGING), (".env", ENV)], "6", "7s"),
        ([("appsettings.json", SETTINGS), (".env", "OTHER=1\n")], "3", "1s"),
    ],
)
def test_variables_lie_over_appsettings(files: list[tuple[str, str]], attempts: str, delay: str):
    opened = open_together(files)
    assert opened is not None
    found = convert(*opened, instance_names(*opened)[0])
    retry = next(each for each in found.stack.layers if each.kind == "retry")
    assert {key: settle(retry)[key].value for key in ("attempts", "delay")} == {"attempts": attempts, "delay": delay}
    assert "hunter2" not in found.text + said(found)
    assert ("another one's" in said(found)) == (files[0][0] == "compose.yaml")


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ('"UseJitter": "yes"', True), ('"UseJitter": 1', True), ('"UseJitter": "True"', False),
        ('"UseJitter": false', False), ('"MaxRetryAttempts": 2147483648', True), ('"MaxRetryAttempts": "5"', False),
    ],
)  # fmt: skip
def test_flags_and_integers_of_dotnet(more: str, refused: bool):
    """``bool.Parse`` and ``Int32``: ConfigurationBinder throws for anything else."""
    found = imported(
        f'{{"A": {{"Retry": {{"Delay": "00:00:01", {more}}}, "AttemptTimeout": {{"Timeout": "00:00:02"}}}}}}',
        "appsettings.json",
    )
    assert ("RL192 error" in said(found)) == refused


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("application.yml", "resilience4j: {retry: {instances: {a: {maxAttempts: 1e30}}}}", "maxAttempts"),
        ("application.yml", "resilience4j: {retry: {instances: {a: {maxAttempts: 5000000000}}}}", "maxAttempts"),
        (
            "envoy.yaml",
            "clusters: [{name: a}]\nroute_config: {virtual_hosts: [{name: a, domains: ['*'], routes: [{match: {},"
            " route: {cluster: a, retry_policy: {retry_on: 5xx, num_retries: 5000000000}}}]}]}\n",
            "num_retries",
        ),
    ],
)
def test_a_number_of_more_bits_than_the_program_has_is_called_too_large(name: str, text: str, key: str):
    """Java's int, protobuf's uint32: nothing is cut, and nobody makes so many calls."""
    found = imported(text, name)
    (wrong,) = (each for each in found.findings if each.code in ("RL192", "RL196", "RL132"))
    most = 2**32 - 1 if key == "num_retries" else 2**31 - 1
    assert wrong.message == f"the value of `{key}` cannot be read as an integer: it is more than {most}"


@pytest.mark.parametrize(("tokens", "ratio"), [("5000000000", "0.1"), ("10", "5000000000")])
def test_a_throttling_of_any_size_can_be_simulated(tokens: str, ratio: str):
    text = (
        '{"retryThrottling": {"maxTokens": %s, "tokenRatio": %s}, "methodConfig": [{"name": [{"service": "a.B"}], '
        '"retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, '
        '"retryableStatusCodes": ["UNAVAILABLE"]}}]}'
    )
    plan_of(imported(text % (tokens, ratio), "service_config.json"))
