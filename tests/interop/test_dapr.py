"""Dapr Resiliency: what is listed nowhere, names that are reserved, places and values that Dapr refuses or ignores."""

from __future__ import annotations

import pytest

from interop.shop import codes, imported
from resilience_sim.interop.dapr import FIELDS
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported, instance_names, open_config
from resilience_sim.lint.check import lint_text

HEAD = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: shop}\nspec:\n"


def read(spec: str, instance: str | None = None) -> Imported:
    return imported(HEAD + spec, "resiliency.yaml", instance)


def names(spec: str) -> list[str]:
    opened = open_config("resiliency.yaml", HEAD + spec)
    assert opened is not None
    return instance_names(*opened)


def settings(found: Imported) -> dict[str, dict[str, str]]:
    return {each.id or each.kind: {k: v.value for k, v in settle(each).items()} for each in found.stack.layers}


def said(found: Imported) -> str:
    return "\n".join(f"{each.line} {each.code} {each.severity} {each.message}" for each in found.findings)


TARGET = "  targets: {apps: {b: {retry: r}}}\n"
RETRIES = "  policies:\n    retries:\n      r: {policy: constant, duration: 1s, maxRetries: 2}\n"


def test_an_app_that_is_not_listed_has_the_built_in_retries():
    """Three, a second apart, when it cannot be reached; told when the file names no target at all."""
    assert names(RETRIES) == ["other-apps"]
    got = settings(read(RETRIES))
    assert list(got) == ["built-in"]
    assert (got["built-in"]["attempts"], got["built-in"]["on"]) == ("4", "[unavailable, refused, reset]")


def test_named_defaults_are_around_it():
    """The more special name goes before the general one."""
    more = "      DefaultRetryPolicy: {maxRetries: 7}\n      DefaultAppRetryPolicy: {maxRetries: 8}\n"
    more += "    timeouts: {DefaultTimeoutPolicy: 3s}\n"
    assert names(RETRIES + more + TARGET) == ["b", "other-apps"]
    got = settings(read(RETRIES + more + TARGET, "other-apps"))
    assert list(got) == ["retry", "timeout", "built-in"]
    assert (got["retry"]["attempts"], got["timeout"]["after"]) == ("9", "3s")
    assert list(settings(read(RETRIES + more + TARGET))) == ["retry"], "the target is meant when none is named"


@pytest.mark.parametrize(("retries", "attempts", "trap"), [("5", "6", False), ("2", "4", True), ("-1", "4", True)])
def test_a_built_in_policy_is_replaced_but_keeps_three_retries(retries: str, attempts: str, trap: bool):
    more = f"      DaprBuiltInServiceRetries: {{policy: constant, duration: 2s, maxRetries: {retries}}}\n"
    found = read(RETRIES + more + TARGET, "other-apps")
    assert settings(found)["built-in"]["attempts"] == attempts
    assert settings(found)["built-in"]["delay"] == "2s"
    assert ("RL168" in codes(found)) == trap


def test_one_built_in_policy_is_protected():
    found = read(RETRIES + "      DaprBuiltInActorNotFoundRetries: {maxRetries: 9}\n" + TARGET, "b")
    assert "8 RL168 warning this built-in policy cannot be replaced" in said(found)


def test_defaults_of_actors_and_components():
    more = (
        "      DefaultActorRetryPolicy: {maxRetries: 1}\n      DefaultComponentOutboundRetryPolicy: {maxRetries: 4}\n"
    )
    assert names(RETRIES + more + TARGET) == ["b", "other-actors", "other-components/outbound"]
    assert settings(read(RETRIES + more + TARGET, "other-actors"))["retry"]["attempts"] == "2"
    assert settings(read(RETRIES + more + TARGET, "other-components/outbound"))["retry"]["attempts"] == "5"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (RETRIES + "    targets: {apps: {b: {retry: r}}}\n", "8 RL169 error `targets` stands under `policies`"),
        (RETRIES + "  targets: {apps: {b: {retries: r}}}\n", "8 RL169 error a target has no `retries`"),
        (RETRIES + "  targets: {components: {c: {retry: r}}, apps: {b: {}}}\n", "8 RL169 error what stands directly"),
        (RETRIES + "  targets: {actors: {b: {circuitBreaker: c}}}\n", "8 RL193 error a circuit breaker of an actor"),
        (RETRIES + "  targets: {apps: {b: {retry: other}}}\n", "8 RL192 error `retry` names `other`"),
        (RETRIES + "      s: {maxRetries: many}\n" + TARGET, "8 RL193 error `s` cannot be decoded"),
        (RETRIES + "      s: {policy: linear}\n" + TARGET, "8 RL193 error `s` cannot be decoded"),
        (RETRIES + "      s: {duration: 1 s}\n" + TARGET, "8 RL193 error `s` cannot be decoded"),
        (RETRIES + "    timeouts: {t: soon}\n" + TARGET, "8 RL193 error `t` cannot be decoded"),
        (RETRIES + "    circuitBreakers: {c: {trip: consecutiveFailures >}}\n" + TARGET, "`c` cannot be decoded"),
        (RETRIES + "    circuitBreakers: {c: {trip: consecutiveFailure > 5}}\n" + TARGET, "the breaker never opens"),
        (RETRIES + "  scopes: [a]\n" + TARGET, "8 RL191 warning `scopes` is no key known here"),
        (RETRIES + "      s: {initialInterval: 1s}\n" + TARGET.replace(": r", ": s"), "`initialInterval` is no key"),
    ],
)  # fmt: skip
def test_what_dapr_refuses_or_ignores(spec: str, message: str):
    assert message in said(read(spec, names(spec)[0]))


def retry_with(matching: str) -> Imported:
    return read(f"  policies: {{retries: {{r: {{maxRetries: 2, matching: {matching}}}}}}}\n" + TARGET)


def on(found: Imported) -> set[str]:
    return set(found.stack.layers[0].settings["on"].value.strip("[]").split(", "))


def test_codes_and_ranges():
    assert on(retry_with('{httpStatusCodes: "429,500-599"}')) >= {"rate_limited", "error", "unavailable", "reset"}
    assert "client_error" not in on(retry_with('{httpStatusCodes: "429,500-599"}'))
    assert on(retry_with("{httpStatusCodes: 503}")) == {"unavailable", "shed", "refused", "reset", "timeout"}


def test_without_codes_of_http_every_status_is_tried_again():
    """Those of gRPC are for calls over gRPC."""
    found = retry_with('{gRPCStatusCodes: "14"}')
    assert on(found) >= {"client_error", "error", "rate_limited"}
    assert "RL190 info `gRPCStatusCodes` is not modelled" in said(found)


@pytest.mark.parametrize("codes_", ["500, 503", "5xx", "600", "500-599-600", "599-500", "99"])
def test_codes_that_refuse_the_resource(codes_: str):
    """No blanks, no patterns, nothing beyond 100 to 599."""
    assert "Dapr refuses the whole resource" in said(retry_with(f'{{httpStatusCodes: "{codes_}"}}'))


EVERY = """\
  policies:
    timeouts: {t: 1s}
    retries: {r: {policy: constant, duration: 1s, maxInterval: 2s, maxRetries: 2,
                  matching: {httpStatusCodes: "503", gRPCStatusCodes: "14"}}}
    circuitBreakers: {c: {maxRequests: 1, interval: 1s, timeout: 2s, trip: totalFailures > 3}}
  targets:
    apps: {b: {timeout: t, retry: r, circuitBreaker: c, circuitBreakerCacheSize: 9}}
    actors: {a: {timeout: t, retry: r, circuitBreaker: c, circuitBreakerScope: id, circuitBreakerCacheSize: 9}}
    components: {s: {inbound: {timeout: t, retry: r, circuitBreaker: c},
                     outbound: {timeout: t, retry: r, circuitBreaker: c}}}
scopes: [shop]
"""


@pytest.mark.parametrize("instance", ["b", "a", "s/inbound", "s/outbound"])
def test_every_field_is_mapped_or_named(instance: str):
    found = read(EVERY, instance)
    assert not codes(found) & {"RL191", "RL192", "RL193", "RL169"}, said(found)
    assert list(settings(found)) == ["retry", "circuit_breaker", "timeout"]
    for field in ("scopes", "gRPCStatusCodes", "circuitBreakerCacheSize", "circuitBreakerScope"):
        assert f"`{field}` is not modelled" in said(found)
    for fields in FIELDS.values():
        assert all(field in HEAD + EVERY for field in fields)


def test_an_app_and_an_actor_of_one_name_stay_two():
    spec = RETRIES + "  targets: {apps: {b: {retry: r}}, actors: {b: {timeout: t}}}\n"
    assert names(spec) == ["b", "actors/b"]


def resource(spec: str, scopes: str = "") -> str:
    return HEAD + spec + (f"scopes: [{scopes}]\n" if scopes else "") + "---\n"


def test_several_resources_are_one_configuration():
    """Policies are kept by name over all of them, and the last one to list a target counts."""
    one = resource("  policies: {retries: {r: {maxRetries: 1}, s: {maxRetries: 3}}}\n" + TARGET)
    two = resource("  policies: {retries: {r: {maxRetries: 5}}}\n")
    found = imported(one + two, "r.yaml", "b")
    assert settings(found)["retry"]["attempts"] == "6"
    three = resource("  targets: {apps: {b: {retry: s}}}\n")
    found = imported(one + two + three, "r.yaml", "b")
    assert settings(found)["retry"]["attempts"] == "4"
    assert "RL192" not in codes(found)
    assert "`s`: it does nothing" not in said(found)


def test_a_resource_for_one_application_is_not_for_the_others():
    one = resource("  policies: {retries: {r: {maxRetries: 1}}}\n" + TARGET)
    two = resource("  policies: {retries: {r: {maxRetries: 5}}}\n" + TARGET, "z")
    assert settings(imported(one + two, "r.yaml", "b"))["retry"]["attempts"] == "2"
    alone = resource("  policies: {retries: {r: {maxRetries: 5}}}\n" + TARGET, "z")
    assert settings(imported(alone, "r.yaml", "b"))["retry"]["attempts"] == "6"


def test_policies_with_the_same_text_that_say_different_things_are_both_looked_at():
    """What an alias stands for is not in the text, and how far the lines below are indented decides what they are."""
    deep = '          matching:\n          httpStatusCodes: "99"\n'
    aliased = "      r: {maxRetries: &most 2}\n      s: {maxRetries: *most}\n"
    first = f"{HEAD}  policies:\n    retries:\n      t:\n{deep}{aliased}"
    second = f"{HEAD}  policies:\n    retries:\n      t:\n{deep[2:]}{aliased.replace('2', 'many')}"
    found = imported(f"{first}{TARGET}---\n{second}", "resiliency.yaml")
    start = first.count("\n") + TARGET.count("\n") + 1
    wrong = {each.line - start for each in found.findings if each.message.startswith("the value of")}
    rows = second.split("\n")
    assert [rows[row - 1].strip() for row in sorted(wrong)] == [
        'httpStatusCodes: "99"', "r: {maxRetries: &most many}", "s: {maxRetries: *most}",
    ]  # fmt: skip


@pytest.mark.parametrize(("most", "told"), [(0, ""), (1, "`> 1` trips after 2 failures in a row"), (8, "after 9")])
def test_greater_than_is_told_of_in_words_that_are_right_for_every_number(most: int, told: str):
    """More than none is one: nobody takes it for anything else."""
    more = f"    circuitBreakers:\n      c: {{trip: consecutiveFailures > {most}}}\n"
    found = read(RETRIES + more + "  targets: {apps: {b: {retry: r, circuitBreaker: c}}}\n")
    assert ("RL167" in said(found), told in said(found)) == (bool(told), True)


def test_what_is_merged_is_no_key_and_no_policy():
    spec = RETRIES + "      s: &s {<<: {policy: constant}, maxRetries: 4}\n      t: {<<: *s, duration: 2s}\n"
    spec += "  targets: {apps: {<<: {a: {retry: r}, b: {retry: s}}, c: {retry: t}}}\n"
    found = read(spec, "c")
    assert (settings(found)["retry"]["attempts"], settings(found)["retry"]["delay"]) == ("5", "2s")
    assert not [each for each in found.findings if each.code in ("RL160", "RL191")]
    assert set(names(spec)) == {"a", "b", "c"}


def test_a_number_in_octal_is_told_of_among_many_that_are_not():
    """It is the same number, and so like the others but for how it is written."""
    rows = [f"      pay{i}: {{policy: constant, maxRetries: {'0144' if i == 60 else 100}}}\n" for i in range(70)]
    apps = "".join(f"      pay{i}: {{retry: pay{i}}}\n" for i in range(70))
    spec = f"  policies:\n    retries:\n{''.join(rows)}  targets:\n    apps:\n{apps}"
    found = [each.line for each in lint_text(HEAD + spec, "resiliency.yaml") if each.code == "RL196"]
    assert found == [HEAD.count("\n") + 3 + 60]


def test_a_policy_is_shown_by_its_whole_name():
    """Of `a.b` only `b` was shown, underlined where `a.b` stands."""
    retries = "  policies:\n    retries:\n      a.b: {policy: constant, duration: 1s, maxRetries: 2}\n"
    linted = lint_text(HEAD + retries + "  targets: {apps: {shop: {retry: a.b}}}\n", "resiliency.yaml")
    assert [each.source.strip() for each in linted if each.code == "RL014"] == ["a.b:"]
