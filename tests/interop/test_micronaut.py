"""Micronaut's HTTP clients: inheritance, defaults, durations, the pool."""

from __future__ import annotations

import pytest

from interop.shop import codes, imported
from resilience_sim.interop.formats import Imported, instance_names, open_config
from resilience_sim.interop.micronaut import FIELDS, OTHERS, POOL


def read(text: str, instance: str | None = None, path: str = "application.yml") -> Imported:
    return imported(text, path, instance)


def settings(found: Imported) -> dict[str, dict[str, str]]:
    return {each.id or each.kind: {k: v.value for k, v in each.settings.items()} for each in found.stack.layers}


def said(found: Imported) -> str:
    return "\n".join(f"{each.code} {each.severity} {each.message}" for each in found.findings)


def test_a_service_inherits_from_the_client():
    text = """\
        micronaut.http:
          client: {readTimeout: 7s}
          services:
            a: {url: http://a}
            b: {url: http://b, read-timeout: 2s, request-timeout: 9s}
            c: [http://c]
        """
    opened = open_config("application.yml", text)
    assert opened is not None
    assert instance_names(*opened) == ["a", "b", "default"]
    assert settings(read(text, "a")) == {"total": {"after": "8s"}, "read": {"after": "7s"}}
    assert settings(read(text, "b")) == {"total": {"after": "9s"}, "read": {"after": "2s"}}
    assert settings(read(text, "default"))["read"]["after"] == "7s"


def test_defaults_are_ten_seconds_and_one_more():
    got = settings(read("micronaut.http.client.connect-timeout: 5s\n"))
    assert got == {"total": {"after": "11s"}, "read": {"after": "10s"}}


@pytest.mark.parametrize(("text", "wanted"), [("500ms", "500ms"), ("1m", "1m"), ("PT2S", "2s"), ("${T:4s}", "4s")])
def test_durations(text: str, wanted: str):
    assert settings(read(f"micronaut.http.client.read-timeout: {text}\n"))["read"]["after"] == wanted


@pytest.mark.parametrize("text", ["30000", "1.5s", "soon", "5us", "pt2s", "9999999999s"])
def test_of_a_duration_without_a_unit_micronaut_makes_no_timeout_at_all(text: str):
    found = read(f"micronaut.http.client.read-timeout: {text}\n")
    assert settings(found) == {}
    assert "RL187 error `read-timeout` is no duration to Micronaut, which passes nothing on: the client has no" in said(
        found
    )
    found = read(f"micronaut.http.client: {{read-timeout: {text}, request-timeout: 4s}}\n")
    assert settings(found) == {"total": {"after": "4s"}}
    found = read(f"micronaut.http.client: {{read-timeout: 3s, request-timeout: {text}}}\n")
    assert settings(found) == {"total": {"after": "4s"}, "read": {"after": "3s"}}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{read-timeout: -1s}", {}),
        ("{read-timeout: 0s}", {"total": {"after": "1s"}}),
        ("{read-timeout: 3s, request-timeout: -1s}", {"read": {"after": "3s"}}),
    ],
)
def test_durations_of_nothing_and_below(text: str, wanted: dict[str, dict[str, str]]):
    assert settings(read(f"micronaut.http.client: {text}\n")) == wanted


def test_the_pool_is_a_bulkhead():
    text = "micronaut.http.client.pool: {max-concurrent-http1-connections: 8, acquire-timeout: 1s}\n"
    got = settings(read(text))["bulkhead"]
    assert got == {"max_concurrent": "8", "queue": "1000000", "max_wait": "1s"}
    assert "bulkhead" not in settings(read(text.replace("{", "{enabled: false, ")))


@pytest.mark.parametrize(("own", "limit"), [("", None), (", pool: {max-concurrent-http1-connections: 3}", "3")])
def test_a_service_does_not_inherit_the_pool(own: str, limit: str | None):
    """ServiceHttpClientConfiguration: without a pool of its own it gets a new one, whose settings are the defaults."""
    pool = "client.pool: {max-concurrent-http1-connections: 8, max-pending-acquires: 5}"
    found = read(f"micronaut.http:\n  {pool}\n  services.a: {{read-timeout: 2s{own}}}\n", "a")
    bulkhead = settings(found).get("bulkhead", {})
    assert (bulkhead.get("max_concurrent"), bulkhead.get("queue")) == (limit, limit and "1000000")
    assert "`pool` is not modelled: a service does not inherit the pool of the client" in said(found)


def test_a_service_does_not_inherit_the_timeout_of_the_whole():
    """HttpClientConfiguration(copy) copies ``readTimeout``, and no ``requestTimeout``."""
    text = "micronaut.http: {client: {read-timeout: 3s, request-timeout: 20s}, services: {a: {url: http://a}}}\n"
    assert settings(read(text, "a")) == {"total": {"after": "4s"}, "read": {"after": "3s"}}
    assert "`request-timeout` is not modelled: a service does not inherit it" in said(read(text, "a"))
    assert settings(read(text, "default"))["total"] == {"after": "20s"}


def test_retries_stand_in_the_code():
    assert "RL186 info `@Retryable` and `@CircuitBreaker` stand in the code" in said(
        read("micronaut.http.client.read-timeout: 5s\n")
    )


def test_files_without_clients_are_none_of_ours():
    assert open_config("application.yml", "micronaut: {application: {name: x}, server: {port: 8080}}\n") is None


def test_every_field_is_mapped_or_named():
    """The setters of HttpClientConfiguration at 6a1c9e8."""
    body = ", ".join(f"{field}: 5s" for field in FIELDS if field != "pool")
    pool = ", ".join(f"{field}: {'5s' if field == 'acquireTimeout' else 1}" for field in POOL if field != "enabled")
    others = ", ".join(f"{field}: x" for field in OTHERS)
    found = read(f"micronaut: {{http: {{client: {{{body}, {others}, pool: {{{pool}}}}}}}}}\n")
    assert not codes(found) & {"RL191", "RL192", "RL193"}, said(found)
    for field in ("connectTimeout", "readIdleTimeout", "connectTtl", "maxPendingConnections"):
        assert f"`{field}` is not modelled" in said(found)
    assert "RL191" in codes(read("micronaut.http.client: {readTimeout: 5s, readTimeOuts: 5s}\n"))


def test_the_limit_of_older_versions_is_called_by_the_name_of_today() -> None:
    found = read("micronaut.http.services.a.pool: {enabled: true, max-connections: 5}\n")
    assert "RL114 warning `max-connections` is a key of Micronaut 1 to 3" in said(found)
    assert "bulkhead" not in settings(found)


def test_a_setting_in_the_place_of_a_clients_name_is_not_dropped_without_a_word() -> None:
    found = read(
        "micronaut.http:\n  client: {read-timeout: 4s}\n  services:\n    read-timeout: 9s\n    c: [http://c]\n"
    )
    assert settings(found)["read"]["after"] == "4s"
    (told,) = (each for each in found.findings if each.code == "RL191")
    assert (told.line, "services.NAME.read-timeout" in told.help) == (4, True)
