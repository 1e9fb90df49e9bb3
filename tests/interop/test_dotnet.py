"""Microsoft.Extensions.Http.Resilience in appsettings.json: recognition, TimeSpans, validation, every property."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.shell import resim

from interop.shop import codes, imported
from resilience_sim.interop import durations, formats
from resilience_sim.interop.dotnet import FIELDS, OF_CODE
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported, instance_names, open_config
from resilience_sim.lint.check import UNKNOWN, lint_files


def read(section: dict[str, Any], path: str = "H") -> Imported:
    document: dict[str, Any] = section
    for name in reversed(path.split(":")):
        document = {name: document}
    return imported(json.dumps(document), "appsettings.json")


def settings(found: Imported) -> dict[str, dict[str, str]]:
    return {each.id or each.kind: {k: v.value for k, v in settle(each).items()} for each in found.stack.layers}


def said(found: Imported) -> str:
    return "\n".join(f"{each.code} {each.severity} {each.message}" for each in found.findings)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:30", 30), ("00:30", 1800), ("1.00:00:00", 86400), ("1:00:00:00", 86400), ("00:00:00.5", 0.5),
        ("00:00:00.0000001", 1e-7), ("30", 30 * 86400), ("-00:00:00.001", -0.001), ("0", 0), (5, 5 * 86400),
    ],
)  # fmt: skip
def test_time_spans(text: object, seconds: float):
    assert durations.timespan(text) == round(seconds * 1e9)


@pytest.mark.parametrize("text", ["30s", "25:00:00", "00:60:00", "00:00:61", "1.5", "", "P1D", "00:00:00.12345678"])
def test_what_is_no_time_span(text: str):
    with pytest.raises(ValueError, match=r"no TimeSpan|out of range"):
        durations.timespan(text)


TIMES = {"TotalRequestTimeout": {"Timeout": "00:00:20"}}


@pytest.mark.parametrize("path", ["H", "HttpClients:Inventory:Resilience", "A:B:C:D:E"])
def test_sections_are_found_wherever_they_stand(path: str):
    found = read({**TIMES, "Retry": {"MaxRetryAttempts": 2}}, path)
    assert found.stack.instance == path.replace(":", ".")
    assert settings(found)["retry"]["attempts"] == "3"


def test_several_clients_are_several_instances():
    one = {**TIMES, "Retry": {"MaxRetryAttempts": 2}}
    opened = open_config("appsettings.json", json.dumps({"Clients": {"A": one, "B": {"Resilience": one}}}))
    assert opened is not None
    assert instance_names(*opened) == ["Clients.A", "Clients.B.Resilience"]


@pytest.mark.parametrize(
    "section",
    [
        {"Retry": {"Count": 3, "DelayMs": 200}, "CircuitBreaker": {"FailuresBeforeBreaking": 5}},
        {"Retry": {"MaxRetries": 3}, "Timeout": {"Seconds": 3}},
        {"RetryCount": 3, "CircuitBreaker": {"DurationOfBreak": "00:00:30"}},
        {"RateLimiter": {"PermitLimit": 5, "Window": "00:00:01"}},
        {"Retry": {"MaxRetryAttempts": 3, "BaseDelayMs": 5, "JitterFactor": 0.1}},
        {
            "MaxRetryAttempts": 3,
            "OperationTimeout": "00:00:30",
            "CircuitBreaker": {
                "FailureRatio": 0.5,
                "SamplingDuration": "00:00:30",
                "MinimumThroughput": 10,
                "BreakDuration": "00:00:30",
            },
        },
        {
            "AttemptTimeout": "00:00:30",
            "CircuitBreaker": {
                "Enabled": True,
                "FailureRatio": 0.5,
                "MinimumThroughput": 20,
                "BreakDuration": "00:00:30",
            },
        },
        {
            "Enabled": True,
            "Retry": {
                "IsEnabled": True,
                "MaxRetryAttempts": 3,
                "BaseDelay": "00:00:01",
                "BackoffType": "Exponential",
                "UseJitter": True,
            },
            "CircuitBreaker": {
                "IsEnabled": True,
                "FailureThreshold": 5,
                "BreakDuration": "00:00:30",
                "SamplingDuration": "00:00:30",
                "MinimumThroughput": 10,
            },
        },
    ],
)
def test_sections_of_ones_own_are_not_microsofts(section: dict[str, Any]):
    assert open_config("appsettings.json", json.dumps({"Resilience": section})) is None


@pytest.mark.parametrize("kind", ["Exponential", "exponential", "2", 2, "EXPONENTIAL"])
def test_enumerations_in_any_case_or_as_numbers(kind: object):
    assert settings(read({**TIMES, "Retry": {"BackoffType": kind}}))["retry"]["BackoffType"] == "Exponential"


def test_paths_with_colons_join_what_stands_below():
    found = imported(
        """{"H:Retry:MaxRetryAttempts": 5, "H": {"Retry:Delay": "00:00:01", "retry": {"UseJitter": false},
            "TotalRequestTimeout:Timeout": "00:00:20"}}""",
        "appsettings.json",
    )
    got = settings(found)
    assert (got["retry"]["attempts"], got["retry"]["delay"], got["total"]["after"]) == ("6", "1s", "20s")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"Retry": {"Retries": 3, "MaxRetryAttempts": 2}}, "`Retries` is no key of this section: the binder is strict"),
        ({"Routing": {}}, "`Routing` is no key of this section"),
        ({"Retry": {"DisableFor": True, "MaxRetryAttempts": 2}}, "`DisableFor` is no key of this section"),
        ({"AttemptTimeout": {"Timeout": "00:00:21"}}, "is longer than the total timeout"),
        ({"AttemptTimeout": {"Timeout": "00:00:16"}}, "is shorter than twice the attempt timeout"),
        ({"AttemptTimeout": {"Timeout": "00:00:00.005"}}, "`Timeout` must be from 10ms to 24h"),
        ({"AttemptTimeout": {"Timeout": "30"}}, "`Timeout` must be from 10ms to 24h"),
        ({"CircuitBreaker": {"MinimumThroughput": 1}}, "`MinimumThroughput` must be at least 2"),
        ({"CircuitBreaker": {"FailureRatio": 50}}, "`FailureRatio` is a share from 0 to 1"),
        ({"CircuitBreaker": {"BreakDuration": "00:00:00.1"}}, "`BreakDuration` must be from 500ms to 24h"),
        ({"Retry": {"MaxRetryAttempts": 0}}, "the value of `MaxRetryAttempts` cannot be read as an integer"),
        ({"Retry": {"BackoffType": "Expo"}}, "the value of `BackoffType` cannot be read"),
        ({"Retry": {"Delay": "2s"}}, "the value of `Delay` cannot be read as a duration"),
    ],
)  # fmt: skip
def test_the_application_does_not_start(section: dict[str, Any], message: str):
    found = read({**TIMES, **section})
    assert message in said(found)
    assert [each for each in found.findings if each.severity == "error"]


def test_a_ratio_of_nothing_opens_at_any_failure():
    found = read({**TIMES, "CircuitBreaker": {"FailureRatio": 0, "MinimumThroughput": 10}})
    assert "RL193" not in codes(found)
    assert settings(found)["circuit_breaker"]["failure_threshold"] == "0.000001%"


@pytest.mark.parametrize("delay", ["-00:00:00.001", "-1.00:00:00", "2.00:00:00"])
def test_the_delay_of_a_hedge_has_no_bounds(delay: str):
    found = read(
        {"TotalRequestTimeout": {"Timeout": "1.00:00:00"}, "Hedging": {"Delay": delay, "MaxHedgedAttempts": 1}}
    )
    assert "must be from" not in said(found)


STANDARD: dict[str, Any] = {
    "RateLimiter": {"Name": "a", "DefaultRateLimiterOptions": {"PermitLimit": 9, "QueueLimit": 2,
                                                              "QueueProcessingOrder": "OldestFirst"}},
    "TotalRequestTimeout": {"Name": "b", "Timeout": "00:00:20"},
    "Retry": {"Name": "c", "MaxRetryAttempts": 2, "BackoffType": "Linear", "UseJitter": True, "Delay": "00:00:01",
              "MaxDelay": "00:00:05", "ShouldRetryAfterHeader": False},
    "CircuitBreaker": {"Name": "d", "FailureRatio": 0.5, "MinimumThroughput": 9, "SamplingDuration": "00:00:30",
                       "BreakDuration": "00:00:05"},
    "AttemptTimeout": {"Name": "e", "Timeout": "00:00:03"},
}  # fmt: skip
HEDGING: dict[str, Any] = {
    "TotalRequestTimeout": {"Name": "b", "Timeout": "00:00:20"},
    "Hedging": {"Name": "c", "MaxHedgedAttempts": 2, "Delay": "00:00:01"},
    "Endpoint": {"RateLimiter": STANDARD["RateLimiter"], "CircuitBreaker": STANDARD["CircuitBreaker"],
                 "Timeout": STANDARD["AttemptTimeout"]},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "document"), [("handler", STANDARD), ("hedging handler", HEDGING)])
def test_every_property_is_mapped_or_named(kind: str, document: dict[str, Any]):
    """The lists of the options' classes; code is named wherever it stands."""
    assert set(document) == set(FIELDS[kind])
    for name, below in [*document.items(), *document.get("Endpoint", {}).items()]:
        assert set(below) == set(FIELDS[name])
    found = read(document)
    assert not codes(found) & {"RL191", "RL192", "RL193"}, said(found)
    for name in OF_CODE:
        changed = {**document, "TotalRequestTimeout": {**document["TotalRequestTimeout"], name: "x"}}
        assert f"`{name}` is not modelled: it is code" in said(read(changed))


def test_files_of_environments_lie_over_the_common_one(tmp_path: Path):
    """Key by key; without a word the environment is Production, as in .NET."""
    base = {"H": {**TIMES, "Retry": {"MaxRetryAttempts": 2, "Delay": "00:00:01"}}}
    (tmp_path / "appsettings.json").write_text(json.dumps(base), encoding="utf-8")
    for name, retries in (("Production", 5), ("Development", 7)):
        changed = json.dumps({"h": {"retry": {"MaxRetryAttempts": retries}}})
        (tmp_path / f"appsettings.{name}.json").write_text(changed, encoding="utf-8")
    told = resim("import", str(tmp_path))
    assert "attempts: 6" in told.out
    assert "delay: 1s" in told.out
    assert "this file is for the environment development only" in told.err
    assert "attempts: 8" in resim("import", str(tmp_path), "--profile", "Development").out
    assert "attempts: 3" in resim("import", str(tmp_path / "appsettings.json")).out


@pytest.mark.parametrize(
    ("key", "today"),
    [
        ("exceptionsAllowedBeforeBreaking", "that is `MinimumThroughput` with `FailureRatio` today"),
        ("DurationOfBreak", "that is `BreakDuration` today"),
        ("SamplingDuratoin", "did you mean `SamplingDuration`?"),
        ("Whatever", ""),
    ],
)
def test_a_key_that_the_binder_refuses_has_the_name_of_today(key: str, today: str):
    """Polly 7 had other names; Microsoft's binder takes no key that it does not know."""
    section = {"AttemptTimeout": {"Timeout": "00:00:02"}, "CircuitBreaker": {"FailureRatio": 0.5, key: "00:00:30"}}
    opened = formats.open_config("appsettings.json", json.dumps({"Api": section}))
    assert opened is not None
    (found,) = (each for each in formats.convert(*opened, "Api").findings if key in each.message)
    assert (found.code, found.help) == ("RL193", today)


RETRY = {"MaxRetryAttempts": 2, "Delay": "00:00:00.200", "UseJitter": False}
BREAKER = {"FailureRatio": 0.4, "MinimumThroughput": 6, "SamplingDuration": "00:00:08", "BreakDuration": "00:00:03"}


@pytest.mark.parametrize(
    ("section", "kinds"),
    [
        ({"Retry": RETRY, "Timeout": {"Timeout": "00:00:06"}}, ["retry", "timeout"]),
        ({"Timeout": {"Timeout": "00:00:06"}, "CircuitBreaker": BREAKER}, ["circuit_breaker", "timeout"]),
        (
            {"Timeout": {"Timeout": "00:00:06"}, "CircuitBreaker": BREAKER, "Retry": RETRY,
             "RateLimiter": {"DefaultRateLimiterOptions": {"PermitLimit": 7}}},
            ["bulkhead", "retry", "circuit_breaker", "timeout"],
        ),
    ],
)  # fmt: skip
def test_a_pipeline_that_the_code_builds_has_what_stands_there_and_nothing_else(
    section: dict[str, Any], kinds: list[str]
) -> None:
    """`Timeout` is what tells it: nothing of the standard handler, which would refuse it, is added."""
    found = read(section)
    assert [layer.kind for layer in found.stack.layers] == kinds
    assert settings(found)["attempt"]["after"] == "6s"
    assert "RL124 info `Timeout` is no part of the standard handler" in said(found)
    assert not [each for each in found.findings if each.severity == "error"]


@pytest.mark.parametrize("section", [{"Retry": RETRY}, {"Retry": RETRY, "CircuitBreaker": BREAKER}])
def test_what_may_be_a_pipeline_of_ones_own_is_said_to_be_a_guess(section: dict[str, Any]) -> None:
    names = " and ".join(f"`{name}`" for name in section)
    assert f"RL124 info nothing but {names} stands here: taken for the standard handler" in said(read(section))
    assert "RL124" not in said(read({**TIMES, **section}))


@pytest.mark.parametrize(
    "section",
    [
        {"Retry": {"MaxRetryAttempts": 3, "Delay": 2}, "Timeout": {"Timeout": 30}},  # seconds of a class of one's own
        {"Retry": {"Count": 3, "BackoffType": "Linear", "Delay": "00:00:01"}, "CircuitBreaker": BREAKER,
         "Timeout": {"Timeout": "00:00:30"}},
        {"Timeout": {"Total": "00:00:06", "Attempt": "00:00:02"}, "Hedging": {"Delay": "00:00:01"}},
    ],
)  # fmt: skip
def test_pipelines_with_keys_or_numbers_that_are_not_pollys_are_not_read(section: dict[str, Any]) -> None:
    assert open_config("appsettings.json", json.dumps({"Resilience": section})) is None


def test_a_limiter_of_code_that_is_null_in_a_dump_of_the_options_is_no_unknown_key() -> None:
    """`RateLimiter` is a property of RateLimiterStrategyOptions, as `OnRejected` is."""
    found = read({**TIMES, "RateLimiter": {"RateLimiter": None, "DefaultRateLimiterOptions": {"PermitLimit": 7}}})
    assert "RL193" not in codes(found)
    assert "`RateLimiter` is not modelled: it is code" in said(found)


def test_a_file_of_an_environment_with_little_in_it_is_read_with_the_other(tmp_path: Path):
    """By itself nobody knows what it is."""
    own, small = tmp_path / "appsettings.json", tmp_path / "appsettings.Development.json"
    own.write_text('{"Http":{"Retry":{"MaxRetryAttempts":3},"AttemptTimeout":{"Timeout":"00:00:01"}}}', "utf-8")
    small.write_text('{"Http":{"Retry":{"MaxRetryAttempts":40}}}', "utf-8")
    linted = lint_files([str(small), str(own)], profiles=["Development"])
    assert linted.unreadable == []
    assert any("up to 41 calls" in each.message for each in linted.found)
    assert [each.message for each in lint_files([str(small)]).unreadable] == [UNKNOWN]
