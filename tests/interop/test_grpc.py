"""gRPC service configs: names, validity of the whole, and every field of the proto mapped or named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interop.shop import codes, imported
from resilience_sim.interop.formats import Imported, instance_names, open_config
from resilience_sim.interop.grpc import FIELDS
from resilience_sim.lint.check import lint_text
from resilience_sim.scenario.diagnostics import ScenarioError

RETRY: dict[str, Any] = {
    "maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}  # fmt: skip


def config(*names: Any, **more: Any) -> dict[str, Any]:
    return {"name": list(names), "retryPolicy": RETRY, **more}


def read(document: Any, instance: str | None = None) -> Imported:
    return imported(json.dumps(document), "service_config.json", instance)


def names(document: Any) -> list[str]:
    opened = open_config("service_config.json", json.dumps(document))
    assert opened is not None
    return instance_names(*opened)


def said(found: Imported) -> str:
    return "\n".join(f"{each.code} {each.severity} {each.message}" for each in found.findings)


def retry_with(**changes: Any) -> Imported:
    policy = {key: value for key, value in {**RETRY, **changes}.items() if value is not None}
    return read({"methodConfig": [config({"service": "a"}, retryPolicy=policy)]})


def test_long_names_are_names():
    """Many a service of a large package has one of more than sixty letters."""
    long = "com.example.department.of.very.long.names.v1alpha1.InventoryReservationService"
    found = read({"methodConfig": [config({"service": long, "method": "ReserveEverythingThatIsLeftInTheWarehouse"})]})
    assert found.stack.instance == f"{long}/ReserveEverythingThatIsLeftInTheWarehouse"
    assert not [each for each in found.findings if each.severity == "error"]


@pytest.mark.parametrize("empty", [{}, {"service": ""}, {"service": "", "method": ""}])
def test_an_empty_name_is_the_default(empty: dict[str, str]):
    assert names({"methodConfig": [config(empty), config({"service": "a"})]}) == ["default", "a"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({}, {"service": ""}),
        ({"service": "a"}, {"service": "a", "method": ""}),
        ({"service": "a", "method": "m"}, {"service": "a", "method": "m"}),
    ],
)
def test_the_same_name_twice_is_not_valid(one: dict[str, str], two: dict[str, str]):
    """In one configuration or in two."""
    for document in ({"methodConfig": [config(one, two)]}, {"methodConfig": [config(one), config(two)]}):
        assert "RL193 error a name that stands twice" in said(read(document, names(document)[0]))


def test_a_service_and_a_method_of_it_are_two_names():
    assert names({"methodConfig": [config({"service": "a"}, {"service": "a", "method": "m"})]}) == ["a", "a/m"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maxAttempts": 1}, "`maxAttempts` must be at least 2"),
        ({"maxAttempts": None}, "`maxAttempts` is required"),
        ({"initialBackoff": "0s"}, "`initialBackoff` must be more than 0"),
        ({"maxBackoff": None}, "`maxBackoff` is required"),
        ({"backoffMultiplier": 0}, "`backoffMultiplier` must be more than 0"),
        ({"backoffMultiplier": None}, "`backoffMultiplier` is required"),
        ({"retryableStatusCodes": []}, "`retryableStatusCodes` must not be empty"),
        ({"retryableStatusCodes": ["unavailable"]}, "cannot be read as a list of status codes"),
        ({"retryableStatusCodes": "UNAVAILABLE"}, "cannot be read as a list of status codes"),
        ({"retryableStatusCodes": [99]}, "cannot be read as a list of status codes"),
        ({"initialBackoff": "100ms"}, "the value of `initialBackoff` cannot be read as a duration"),
    ],
)
def test_a_retry_policy_that_is_not_valid(changes: dict[str, Any], message: str):
    assert message in said(retry_with(**changes))
    assert [each for each in retry_with(**changes).findings if each.severity == "error"]


def test_one_bad_policy_spoils_the_whole_service_config():
    """grpc-go keeps none of it; a configuration without a name is not looked at."""
    bad = {**RETRY, "maxAttempts": 1}
    both = {"methodConfig": [config({"service": "a"}), config({"service": "b"}, retryPolicy=bad)]}
    assert "this configuration is not valid, and with it no other one" in said(read(both, "a"))
    unnamed = {"methodConfig": [config({"service": "a"}), {"retryPolicy": bad}]}
    found = read(unnamed, "a")
    assert "without a `name` applies to nothing" in said(found)
    assert not [each for each in found.findings if each.severity == "error"]


def test_throttling_has_bounds():
    throttled = {"methodConfig": [config({})], "retryThrottling": {"maxTokens": 1001, "tokenRatio": 0.1}}
    assert "`maxTokens` is at most 1000" in said(read(throttled))
    throttled["retryThrottling"] = {"maxTokens": 10, "tokenRatio": 0}
    assert "needs `maxTokens` and `tokenRatio` above 0" in said(read(throttled))


def test_numbers_of_codes():
    (layer,) = retry_with(retryableStatusCodes=[14, "ABORTED"]).stack.layers
    assert set(layer.settings["on"].value.strip("[]").split(", ")) >= {"unavailable", "error"}


def test_names_in_another_case_at_every_level():
    document = {
        "MethodConfig": [{"Name": [{"Service": "a"}], "RetryPolicy": {**RETRY}}],
        "RetryThrottling": {"MaxTokens": 10, "TokenRatio": 0.1},
    }
    found = read(document)
    told = said(found)
    for right in ("methodConfig", "name", "service", "retryPolicy", "retryThrottling", "maxTokens", "tokenRatio"):
        assert f"is `{right}`: grpc-go reads it" in told
    assert not codes(found) & {"RL191", "RL192", "RL193"}


def test_only_some_implementations_hedge():
    found = read({"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.1s"}}]})
    assert "RL155 info grpc-go does not read `hedgingPolicy`" in said(found)


EVERY: dict[str, Any] = {
    "loadBalancingPolicy": "round_robin", "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": "a"}, "connectionScaling": {"maxConnectionsPerSubchannel": 2},
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    "methodConfig": [
        {"name": [{"service": "a", "method": "m"}], "waitForReady": True, "timeout": "1s",
         "maxRequestMessageBytes": 1, "maxResponseMessageBytes": 1,
         "retryPolicy": {**RETRY, "perAttemptRecvTimeout": "1s"}},
        {"name": [{}], "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "1s", "nonFatalStatusCodes": ["ABORTED"]}},
    ],
}  # fmt: skip


def test_every_field_is_mapped_or_named():
    """The proto's list; the message goes away when a field is left out."""
    assert set(EVERY) == set(FIELDS[""])
    assert {key for each in EVERY["methodConfig"] for key in each} == set(FIELDS["methodConfig"])
    assert set(EVERY["methodConfig"][0]["retryPolicy"]) == set(FIELDS["retryPolicy"])
    assert set(EVERY["methodConfig"][1]["hedgingPolicy"]) == set(FIELDS["hedgingPolicy"])
    for instance in ("a/m", "default"):
        found = read(EVERY, instance)
        assert not codes(found) & {"RL191", "RL192", "RL193"}, said(found)
    named = said(read(EVERY, "a/m")) + said(read(EVERY, "default"))
    for field in ("loadBalancingPolicy", "loadBalancingConfig", "healthCheckConfig", "connectionScaling",
                  "waitForReady", "maxRequestMessageBytes", "maxResponseMessageBytes", "perAttemptRecvTimeout",
                  "nonFatalStatusCodes"):  # fmt: skip
        assert f"RL190 info `{field}` is not modelled" in named


def test_the_nanosecond_that_stands_for_a_timeout_of_nothing_is_not_said() -> None:
    text = '{"methodConfig": [{"name": [{"service": "a.B"}], "timeout": "0s"}]}'
    found = lint_text(text, "service_config.json")
    assert "RL192" in [each.code for each in found]
    assert not [each for each in found if "1ns" in each.message]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n  // mine\n  "methodConfig": [{"name": [{}], "timeout": "1s"}]\n}', (2, 3)),
        ('{"methodConfig": [{"name": [{}], "timeout": "1s"},]}', (1, 51)),
        ('{"methodConfig": [{"name": [{}], "timeout": "1s"}]}', None),
    ],
)
def test_a_service_config_is_strict_json(text: str, place: tuple[int, int] | None):
    """Elsewhere comments are read: appsettings.json has them."""
    found = [each for each in imported(text, "service_config.json").findings if each.code == "RL193"]
    assert [(each.line, each.col) for each in found] == ([] if place is None else [place])


@pytest.mark.parametrize(
    ("before", "broken"),
    [
        ("\n", False),
        ("\r\n\t", False),
        (" // why\n", False),
        (" /* why\n */ ", False),
        (" /* {", True),
        ("\n\u00a0", True),
    ],
)
def test_lines_end_and_comments_stand_between_any_two_tokens_and_no_break_spaces_nowhere(before: str, broken: bool):
    """Positions stay those of the file."""
    text = f'{{"methodConfig":{before}[{{"name": [{{"service": "shop"}}],{before}"timeout":{before}"0s"}}]}}'
    if broken:
        with pytest.raises(ScenarioError):
            open_config("service_config.json", text)
        return
    found = imported(text, "service_config.json")
    (said,) = [each for each in found.findings if "ends every call" in each.message]
    above = text[: text.index('"timeout"')]
    assert (said.line, said.col) == (above.count("\n") + 1, len(above) - above.rfind("\n"))


@pytest.mark.parametrize("name", ["maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier"])
def test_null_is_no_value_where_one_is_required(name: str):
    policy = {"retryPolicy": {**RETRY, name: None}}
    found = read({"methodConfig": [config({"service": "a"}, **policy)]})
    assert f"RL193 error `{name}` is required" in said(found)


@pytest.mark.parametrize(("value", "told"), [("4", True), ("", False), ("four", False), ("${MOST}", False)])
def test_only_a_number_in_quotes_is_called_one(value: str, told: bool):
    assert ("a number in quotes" in said(retry_with(maxAttempts=value))) is told


def test_a_text_where_a_list_belongs_is_not_called_empty():
    found = said(retry_with(retryableStatusCodes="UNAVAILABLE"))
    assert "cannot be read as a list of status codes" in found
    assert "must not be empty" not in found


def test_a_ratio_that_is_cut_to_nothing_is_not_to_be_written_as_nothing():
    """Nothing is refused."""
    throttling = {"maxTokens": 10, "tokenRatio": 0.0004}
    found = read({"methodConfig": [config({"service": "a"}, retryPolicy=RETRY)], "retryThrottling": throttling})
    assert [each.help for each in found.findings if each.code == "RL153"] == ["write 0.001 or more"]


@pytest.mark.parametrize("path", ["service_config.json", "service_config.yaml"])
def test_json_is_read_as_deep_as_yaml(path: str):
    """Whatever stands in the innermost brackets."""

    def deep(levels: int) -> str:
        inside = "[" * (levels - 1) + "1" + "]" * (levels - 1)
        return f'{{"methodConfig": [{{"name": [{{"service": "a"}}]}}], "healthCheckConfig": {inside}}}'

    assert open_config(path, deep(60)) is not None
    with pytest.raises(ScenarioError, match="nested deeper than 60 levels"):
        open_config(path, deep(61))


@pytest.mark.parametrize(("more", "line"), [("\n  waitForReady: true", 6), ("", 5)])
def test_what_merges_something_is_told_of_where_it_stands(more: str, line: int):
    text = f"x: &x\n  timeout: 1s\nmethodConfig:\n- name: [{{service: a}}]\n- <<: *x{more}\n"
    found = imported(text, "service_config.yaml").findings
    assert [each.line for each in found if "without a `name`" in each.message] == [line]


def test_what_is_no_configuration_is_named():
    """It was left out without a word."""
    found = said(read({"methodConfig": [5, "x", None, config({"service": "a"})]}))
    for place in range(3):
        assert f"the value of `methodConfig[{place}]` cannot be read as a mapping" in found
    assert "cannot be read" not in said(read({"methodConfig": [config({"service": "a"})]}))


def test_a_value_that_is_not_known_has_no_default():
    found = said(retry_with(maxAttempts="${ATTEMPTS}"))
    assert "`maxAttempts` comes from the environment, which is not known here; it was read as if it were not" in found
    assert "default" not in found


def test_a_control_character_is_no_comment():
    found = imported('{"methodConfig": [{"name": [{"service": "a.B\x01"}], "timeout": "3s"}]}', "a.json")
    assert "a control character within quotes is no JSON" in said(found)
    assert "comments" not in said(found)
