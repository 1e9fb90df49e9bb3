"""Spring Cloud: routes of the gateway with their filters, and Feign clients."""

from __future__ import annotations

import textwrap

import pytest

from interop.shop import codes, imported, plan_of
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported, instance_names, open_config
from resilience_sim.interop.spring_cloud import FIELDS
from resilience_sim.lint.check import lint_text
from resilience_sim.runs.simulate import simulate


def read(text: str, instance: str | None = None, path: str = "application.yml") -> Imported:
    return imported(text, path, instance)


def settings(found: Imported) -> dict[str, dict[str, str]]:
    return {each.id or each.kind: {k: v.value for k, v in settle(each).items()} for each in found.stack.layers}


def said(found: Imported) -> str:
    return "\n".join(f"{each.line} {each.code} {each.severity} {each.message}" for each in found.findings)


def route(filters: str, more: str = "") -> str:
    """A gateway with one route that has these filters."""
    head = "spring:\n  cloud:\n    gateway:\n      routes:\n      - id: a\n        uri: lb://a\n        filters:\n"
    return head + textwrap.indent(textwrap.dedent(filters), "        ") + textwrap.dedent(more)


def names(text: str, path: str = "application.yml") -> list[str]:
    opened = open_config(path, text)
    assert opened is not None
    return instance_names(*opened)


def test_a_retry_with_its_defaults():
    """Three retries at once, of server errors and broken connections, GET only."""
    found = read(route("- Retry\n"))
    got = settings(found)["retry"]
    assert got["attempts"] == "4"
    assert set(got["on"].strip("[]").split(", ")) == {"error", "unavailable", "shed", "timeout", "refused", "reset"}
    assert "delay" not in got
    assert "RL116" in codes(found)
    assert simulate(plan_of(found), 1).document["requests"]["total"] > 4000


def test_a_retry_spelled_out():
    found = read(route("""
        - name: Retry
          args:
            retries: 5
            series:
            statuses: [TOO_MANY_REQUESTS, 503]
            methods: GET,POST
            backoff: {firstBackoff: 20ms, maxBackoff: 1s, factor: 3, basedOnPreviousValue: false}
            jitter: {randomFactor: 0.2}
            timeout: 3s
        """))  # fmt: skip
    got = settings(found)["retry"]
    assert (got["attempts"], got["delay"], got["max_delay"], got["factor"]) == ("6", "20ms", "1s", "3x")
    assert (got["jitter"], got["max_elapsed"]) == ("20%", "3s")
    assert set(got["on"].strip("[]").split(", ")) == {
        "rate_limited",
        "unavailable",
        "shed",
        "timeout",
        "refused",
        "reset",
    }
    assert not codes(found) & {"RL116", "RL191", "RL192", "RL193"}


@pytest.mark.parametrize(
    ("text", "attempts", "delay"), [("Retry=2", "3", None), ("Retry=2,BAD_GATEWAY,GET,10ms,50ms,2,true", "3", "10ms")]
)
def test_the_short_form(text: str, attempts: str, delay: str | None):
    got = settings(read(route(f"- {text}\n")))["retry"]
    assert (got["attempts"], got.get("delay")) == (attempts, delay)


def test_a_series_is_no_status():
    """The mistake that public files make; Spring cannot convert it."""
    assert "`SERVER_ERROR` is a series, no status: the application does not start" in said(
        read(route("- Retry=3,SERVER_ERROR\n"))
    )


@pytest.mark.parametrize("place", ["server: {webmvc: ", "mvc: "])
def test_the_servlet_gateway_has_filters_of_its_own(place: str):
    """There the second value is a series, `retries` counts the first call, and only answers are retried."""
    brackets = "}" * place.count("{")
    routes = "{routes: [{id: a, uri: x, filters: ['Retry=3,SERVER_ERROR', 'CircuitBreaker=cb']}]}"
    found = read(f"spring: {{cloud: {{gateway: {{{place}{routes}{brackets}}}}}}}\n")
    got = settings(found)
    assert got["retry"]["attempts"] == "3"
    assert set(got["retry"]["on"].strip("[]").split(", ")) == {"error", "unavailable", "shed"}
    assert "RL193" not in codes(found)
    assert list(got) == ["retry", "circuit_breaker", "timeout"]


def test_other_methods_make_the_operation_one():
    found = read(route("- name: Retry\n  args: {methods: [PUT, POST]}\n"))
    assert found.stack.method == "PUT"


CB = "- name: CircuitBreaker\n  args: {name: cb, statusCodes: [500, 503], fallbackUri: forward:/x}\n"
R4J = """
resilience4j:
  circuitbreaker: {instances: {cb: {slidingWindowSize: 5}}, configs: {default: {slidingWindowSize: 7}}}
  timelimiter: {instances: {cb: {timeoutDuration: 3s}}}
"""


def test_a_breaker_is_joined_to_its_resilience4j_settings():
    found = read(route(CB, R4J), "gateway/a")
    got = settings(found)
    assert list(got) == ["fallback", "circuit_breaker", "timeout"]
    assert (got["circuit_breaker"]["window"], got["timeout"]["after"]) == ("5", "3s")
    assert set(got["circuit_breaker"]["on"].strip("[]").split(", ")) == {
        "timeout", "refused", "reset", "error", "unavailable", "shed",
    }  # fmt: skip
    assert "RL115" not in codes(found)


def test_a_breaker_without_settings_has_the_defaults_of_the_file_or_the_library():
    other = CB.replace("cb,", "other,")
    got = settings(read(route(other, R4J), "gateway/a"))
    assert (got["circuit_breaker"]["window"], got["timeout"]["after"]) == ("7", "1s")
    found = read(route(other))
    got = settings(found)
    assert (got["circuit_breaker"]["window"], got["timeout"]["after"]) == ("100", "1s")
    assert "RL117" in codes(found)


def test_without_status_codes_answers_of_500_are_successes_to_the_breaker():
    found = read(route("- CircuitBreaker=cb\n"))
    assert "RL115 warning without `statusCodes`" in said(found)
    assert settings(found)["circuit_breaker"]["on"] == "[timeout, refused, reset]"


def test_the_time_limiter_can_be_off():
    off = "    circuitbreaker: {resilience4j: {disable-time-limiter: true}}\n"
    found = read(route("- CircuitBreaker=cb\n").replace("    gateway:\n", off + "    gateway:\n"))
    assert list(settings(found)) == ["circuit_breaker"]


def test_filters_stand_in_their_order_and_defaults_outside():
    text = route("- Retry=1\n- CircuitBreaker=cb\n").replace(
        "      routes:", "      default-filters: ['Retry=9']\n      routes:"
    )
    kinds = [(each.kind, each.settings.get("attempts")) for each in read(text).stack.layers]
    assert [kind for kind, _ in kinds] == ["retry", "retry", "circuit_breaker", "timeout"]
    assert [setting.value for _, setting in kinds[:2] if setting] == ["10", "2"]


def test_a_rate_limiter_of_redis():
    found = read(route("""
        - name: RequestRateLimiter
          args:
            redis-rate-limiter.replenishRate: 10
            redis-rate-limiter.burstCapacity: 30
            redis-rate-limiter.requestedTokens: 3
            key-resolver: "#{@userKeyResolver}"
        """))  # fmt: skip
    assert settings(found)["rate_limiter"] == {"limit": "10/3s", "burst": "10"}
    assert not codes(found) & {"RL191", "RL192", "RL193"}


def test_the_response_timeout_of_a_route_goes_before_that_of_the_client():
    text = route("- Retry=1\n").replace(
        "      routes:", "      httpclient: {response-timeout: 5s, connect-timeout: 1000}\n      routes:"
    )
    assert settings(read(text))["response"]["after"] == "5s"
    own = text.replace("        uri:", "        metadata: {response-timeout: 200}\n        uri:")
    assert settings(read(own))["response"]["after"] == "200ms"


@pytest.mark.parametrize("place", ["server.webflux.", "server.webmvc.", "mvc.", ""])
def test_properties_and_the_prefixes_of_newer_versions(place: str):
    prefix = f"spring.cloud.gateway.{place}routes[0]"
    text = f"{prefix}.id=a\n{prefix}.uri=lb://a\n{prefix}.filters[0]=Retry=2\n{prefix}.filters[1]=CircuitBreaker=x\n"
    assert names(text, "application.properties") == ["gateway/a"]
    wanted = "2" if "mvc" in place else "3"
    assert settings(read(text, path="application.properties"))["retry"]["attempts"] == wanted


def test_placeholders_in_lists():
    assert settings(read(route("- name: Retry\n  args: {retries: '${N:6}'}\n")))["retry"]["attempts"] == "7"


def test_an_instance_of_resilience4j_is_meant_when_none_is_named():
    text = route("- CircuitBreaker=cb\n", "resilience4j: {circuitbreaker: {instances: {cb: {slidingWindowSize: 5}}}}\n")
    assert names(text) == ["cb", "gateway/a"]
    assert read(text).stack.instance == "cb"


def test_routes_without_such_filters_are_none_of_ours():
    assert open_config("application.yml", route("- StripPrefix=1\n")) is None


FEIGN = """
spring.cloud.openfeign.client.config:
  default: {connectTimeout: 1000, readTimeout: 3000}
  stock: {readTimeout: 700, retryer: feign.Retryer.Default}
"""


def test_feign_clients():
    assert names(FEIGN) == ["feign/default", "feign/stock"]
    assert settings(read(FEIGN, "feign/default"))["attempt"]["after"] == "3s"
    got = settings(read(FEIGN, "feign/stock"))
    assert (got["retry"]["attempts"], got["attempt"]["after"]) == ("5", "700ms")
    found = read(FEIGN, "feign/default")
    assert "RL118 info no `retryer`" in said(found)
    assert "`connectTimeout` is not modelled" in said(found)


def test_feign_clients_inherit_the_default_and_know_the_old_prefix():
    text = "feign.client.config:\n  default: {readTimeout: 3000}\n  stock: {connectTimeout: 5}\n"
    assert settings(read(text, "feign/stock"))["attempt"]["after"] == "3s"
    assert settings(read("feign.client.config.a.connectTimeout: 5\n"))["attempt"]["after"] == "1m"


def test_unknown_settings_of_filters_and_clients_are_told():
    assert "`retrys` is no key known here" in said(read(route("- name: Retry\n  args: {retrys: 5}\n")))
    assert "`readTimeOutMs` is no key" in said(read("feign.client.config.a: {readTimeOutMs: 5}\n"))


@pytest.mark.parametrize("name", ["Retry", "CircuitBreaker", "RequestRateLimiter"])
def test_every_field_of_a_filter_is_mapped_or_named(name: str):
    """The fields of the Config classes; classes and resolvers are code."""
    values = {"statuses": "503", "methods": "GET", "series": "SERVER_ERROR", "retries": 2, "statusCodes": 503,
              "fallbackUri": "forward:/x", "backoff": "{firstBackoff: 5ms, maxBackoff: 9ms, factor: 2}",
              "jitter": "{randomFactor: 0.1}", "timeout": "1s", "redis-rate-limiter.replenishRate": 1,
              "redis-rate-limiter.burstCapacity": 2, "redis-rate-limiter.requestedTokens": 1}  # fmt: skip
    fields = [each for each in FIELDS[name] if each != "redis-rate-limiter"]
    args = ", ".join(f"{each}: {values.get(each, 'x')}" for each in fields)
    found = read(route(f"- name: {name}\n  args: {{{args}}}\n"), "gateway/a")
    assert not codes(found) & {"RL191", "RL192", "RL193"}, said(found)


@pytest.mark.parametrize(("what", "told"), [("statuses: BAD_REQUEST,502", "`400` is retried"),
                                            ("series: CLIENT_ERROR", "`CLIENT_ERROR` is retried"),
                                            ("statuses: TOO_MANY_REQUESTS", "")])  # fmt: skip
def test_a_retry_of_statuses_that_blame_the_request_is_told(what: str, told: str) -> None:
    found = read(route(f"- name: Retry\n  args:\n    {what}\n"))
    assert ("RL119" in codes(found)) == bool(told)
    assert told in said(found)


def test_a_limit_for_each_key_is_not_held_against_all_traffic() -> None:
    """RL026 compares a limiter with everybody's traffic, and that of the gateway is for one user (or another key)."""
    text = route("- name: RequestRateLimiter\n  args:\n    redis-rate-limiter.replenishRate: 1\n"
                 "    redis-rate-limiter.burstCapacity: 1\n")  # fmt: skip
    found = {each.code: each for each in lint_text(text, "application.yml")}
    assert "RL026" not in found
    assert "each key of the KeyResolver" in found["RL190"].message


@pytest.mark.parametrize(("word", "said_of_it"), [("FORBIDDEN", "RL119"), ("BOGUS", "RL192 error"), ("GONE", "RL119")])
def test_every_name_of_a_status_is_known(word: str, said_of_it: str):
    """``statuses`` are names of org.springframework.http.HttpStatus: 4xx are hopeless, and others are none."""
    assert said_of_it in said(read(route(f"- name: Retry\n  args: {{retries: 2, statuses: {word}}}\n")))
    assert "RL192" not in said(read(route("- name: Retry\n  args: {retries: 2, statuses: CHECKPOINT}\n")))


def test_arguments_with_dots_are_parts_of_a_whole():
    """``args`` is a map of texts, bound to the filter's configuration by its dotted names (ConfigurationService)."""
    found = settings(read(route("- name: Retry\n  args: {backoff.firstBackoff: 50ms, backoff.maxBackoff: 2s}\n")))[
        "retry"
    ]
    assert (found["delay"], found["max_delay"], found["backoff"]) == ("50ms", "2s", "exponential")


@pytest.mark.parametrize("dotted_first", [True, False])
def test_arguments_may_stand_dotted_and_as_a_mapping(dotted_first: bool):
    """FilterDefinition.args is a flat map: both are `backoff.…` in it."""
    parts = ["backoff.firstBackoff: 50ms", "backoff: {maxBackoff: 1s, factor: 3}"]
    listed = ", ".join(parts if dotted_first else parts[::-1])
    found = read(route("- {name: Retry, args: {retries: 3, " + listed + "}}\n"))
    got = settings(found)["retry"]
    assert (got["delay"], got["max_delay"], got["factor"]) == ("50ms", "1s", "3x")
    assert "RL191" not in said(found)
