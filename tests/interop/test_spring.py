"""How Spring binds files: conditions, placeholders, names, several files."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.shell import resim

from interop.shop import imported
from resilience_sim.interop.spring import holds
from resilience_sim.lint.check import NOTHING, lint_files, lint_text

ATTEMPTS = "resilience4j.retry.instances.pay.max-attempts"


def attempts(text: str, path: str = "application.yml", profiles: tuple[str, ...] = ()) -> str:
    (layer,) = imported(text, path, profiles=profiles).stack.layers
    return layer.settings["attempts"].value


@pytest.mark.parametrize(
    ("expression", "profiles", "wanted"),
    [
        ("prod", {"prod"}, True),
        ("!prod", {"prod"}, False),
        ("prod & eu", {"prod"}, False),
        ("prod & eu", {"prod", "eu"}, True),
        ("prod | test", {"test"}, True),
        ("(prod | test) & !eu", {"prod", "eu"}, False),
        ("(prod | test) & !eu", {"prod"}, True),
        ("prod &", {"prod"}, False),
        ("((", {"prod"}, False),
    ],
)
def test_profile_expressions(expression: str, profiles: set[str], wanted: bool):
    assert holds(expression, profiles) == wanted


@pytest.mark.parametrize(("profiles", "wanted"), [((), "4"), (("prod",), "3"), (("live",), "3"), (("x",), "2")])
def test_profiles_that_the_file_makes_active(profiles: tuple[str, ...], wanted: str):
    """``spring.profiles.active``, unless others are asked for; groups stand for their members."""
    text = f"""\
        spring: {{profiles: {{active: "${{PROFILE:dev}}", group: {{live: [prod]}}}}}}
        {ATTEMPTS}: 2
        ---
        spring.config.activate.on-profile: prod
        {ATTEMPTS}: 3
        ---
        spring.config.activate.on-profile: [dev, test]
        {ATTEMPTS}: 4
        """
    assert attempts(text, profiles=profiles) == wanted


def test_the_default_profile_is_active_when_no_other_is():
    text = f"{ATTEMPTS}: 2\n---\nspring.config.activate.on-profile: default\n{ATTEMPTS}: 5\n"
    assert attempts(text) == "5"
    assert attempts(text, profiles=("prod",)) == "2"


def test_documents_of_a_properties_file():
    """``#---`` parts them."""
    text = f"{ATTEMPTS}=2\n#---\nspring.config.activate.on-profile=prod\n{ATTEMPTS}=7\n"
    assert attempts(text, "application.properties") == "2"
    assert attempts(text, "application.properties", ("prod",)) == "7"


def test_a_cloud_platform_is_no_profile():
    text = f"{ATTEMPTS}: 2\n---\nspring.config.activate.on-cloud-platform: kubernetes\n{ATTEMPTS}: 5\n"
    assert attempts(text, profiles=("kubernetes",)) == "2"


def test_merge_keys_and_anchors():
    text = """\
        usual: &usual {maxAttempts: 6, waitDuration: 1s}
        resilience4j: {retry: {instances: {pay: {<<: *usual, waitDuration: 2s}}}}
        """
    (layer,) = imported(text, "application.yml").stack.layers
    assert (layer.settings["attempts"].value, layer.settings["delay"].value) == ("6", "2s")


def test_relaxed_names_meet_in_one_key():
    """The same instance and key, written in three ways."""
    text = f"{ATTEMPTS}: 2\n---\nresilience4j: {{retry: {{instances: {{Pay: {{max_attempts: 3}}}}}}}}\n"
    assert attempts(text) == "3"


def test_a_placeholder_that_refers_to_itself_is_not_known():
    found = imported(f"a: ${{b}}\nb: ${{a}}\n{ATTEMPTS}: ${{a}}\n", "application.yml")
    assert "comes from the environment" in "".join(each.message for each in found.findings)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("application.yml", ': "\\x24{X:7}"'),
        ("application.properties", "=\\u0024{X:7}"),
        ("application.json", '": "\\u0024{X:7}"}'),
    ],
)
def test_the_dollar_of_a_placeholder_may_be_written_as_an_escape(path: str, written: str):
    head = '{"' if path.endswith("json") else ""
    assert attempts(f"{head}{ATTEMPTS}{written}\n", path) == "7"


def test_a_list_of_a_later_document_replaces_the_one_before():
    prefix = "resilience4j.circuitbreaker.instances.pay.ignoreExceptions"
    text = f"{prefix}: [a.A, b.B]\n---\n{prefix}: [c.C]\n"
    assert "(1 listed)" in "".join(each.message for each in imported(text, "application.yml").findings)


def test_a_folder_with_a_file_for_each_profile(tmp_path: Path):
    """``application-prod.yml`` applies when that profile is active."""
    (tmp_path / "application.yml").write_text(f"{ATTEMPTS}: 2\n", encoding="utf-8")
    (tmp_path / "application-prod.yml").write_text(f"{ATTEMPTS}: 8\n", encoding="utf-8")
    assert "attempts: 2" in resim("import", str(tmp_path)).out
    assert "attempts: 8" in resim("import", str(tmp_path), "--profile", "prod").out
    assert "attempts: 8" in resim("import", str(tmp_path / "application-prod.yml")).out


def test_a_broken_document_is_an_error_and_hides_no_other():
    found = imported(f"a: [1\n---\n{ATTEMPTS}: 2\n", "application.yml")
    assert [(each.code, each.severity) for each in found.findings] == [("RL195", "error")]
    assert found.stack.layers


@pytest.mark.parametrize("word", ["count-based", "COUNT_BASED", "countBased", "Count_Based"])
def test_words_are_relaxed_too(word: str):
    text = f"resilience4j.circuitbreaker.instances.pay: {{slidingWindowType: {word}, slidingWindowSize: 7}}\n"
    found = imported(text, "application.yml")
    assert found.stack.layers[0].settings["window"].value == "7"
    assert "RL192" not in {each.code for each in found.findings}


def test_other_sources_are_named():
    found = imported(f"spring.config.import: optional:configserver:http://x\n{ATTEMPTS}: 2\n", "application.yml")
    assert "what it imports is not read" in "".join(each.message for each in found.findings)


def test_a_rule_for_the_whole_mesh():
    """A destination rule for `*` is about every host that has none of its own."""
    text = """\
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: all, namespace: istio-system}
        spec: {host: "*", trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3, maxEjectionPercent: 100}}}
        ---
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: a, namespace: n}
        spec: {hosts: [a], http: [{timeout: 2s, route: [{destination: {host: a}}]}]}
        """
    kinds = [layer.kind for layer in imported(text, "m.yaml", "a").stack.layers]
    assert kinds == ["timeout", "retry", "circuit_breaker"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("250", "250ms"), ("2S", "2s"), ("+3s", "3s"), ("P1DT2H", "26h"), ("pt0.5s", "500ms"), ("10Ms", "10ms")],
)
def test_durations_as_spring_reads_them(text: str, wanted: str):
    found = imported(f"resilience4j.timelimiter.instances.pay.timeoutDuration: '{text}'\n", "application.yml")
    assert found.stack.layers[0].settings["after"].value == wanted


@pytest.mark.parametrize("text", ["1.5s", "10 s", "1h30m", "P", "PT", "ten", "5w"])
def test_durations_that_spring_refuses(text: str):
    found = imported(f"resilience4j.timelimiter.instances.pay.timeoutDuration: '{text}'\n", "application.yml")
    assert "RL192" in {each.code for each in found.findings}


def test_values_for_placeholders_may_stand_in_a_file_beside(tmp_path: Path):
    """A profile's own file has them, and nothing about resilience4j."""
    (tmp_path / "application.yml").write_text(f"pay.tries: 2\n{ATTEMPTS}: ${{pay.tries}}\n", encoding="utf-8")
    (tmp_path / "application-prod.yml").write_text("pay.tries: 6\n", encoding="utf-8")
    assert "attempts: 2" in resim("import", str(tmp_path)).out
    assert "attempts: 6" in resim("import", str(tmp_path), "--profile", "prod").out
    linted = resim("lint", str(tmp_path), "--format", "concise")
    assert linted.code in (0, 1)
    assert "configuration that resim knows" not in linted.err


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("circuitbreaker.instances.pay.failureRateThreshold: 0.5", "RL111"),
        ("circuitbreaker.instances.pay.slowCallRateThreshold: 101", "RL193"),
        ("circuitbreaker.instances.pay.waitDurationInOpenState: 0", "RL193"),
        ("circuitbreaker.instances.pay.slidingWindowSize: 0", "RL192"),
        ("bulkhead.instances.pay.maxConcurrentCalls: 0", "RL110"),
        ("ratelimiter.instances.pay: {limitForPeriod: 5, limitRefreshPeriod: 0}", "RL193"),
        ("retry.instances.pay: {waitDuration: 1s, enableRandomizedWait: true, randomizedWaitFactor: 1}", "RL193"),
        ("retry.instances.pay.maxAttempts: 0", "RL192"),
    ],
)
def test_values_that_the_setters_refuse(key: str, code: str):
    """The checks of the library's configuration classes: the application does not start."""
    found = imported(f"resilience4j.{key}\n", "application.yml")
    assert (code, "error") in {(each.code, each.severity) for each in found.findings}


def test_one_per_cent_is_a_warning():
    found = imported("resilience4j.circuitbreaker.instances.pay.failureRateThreshold: 1\n", "application.yml")
    assert ("RL111", "warning") in {(each.code, each.severity) for each in found.findings}


def test_the_last_line_of_a_properties_file_goes_on_with_nothing():
    assert attempts("resilience4j.retry.instances.x.maxAttempts=2\\", "application.properties") == "2"


def test_a_name_of_nothing_is_never_meant():
    text = "resilience4j:\n  retry:\n    instances:\n      '': {maxAttempts: 5}\n      a: {b: 1}\n"
    assert "did you mean ``" not in str(lint_text(text, "application.yml"))


def test_why_spring_refuses_a_file_is_said_where_nothing_is_left_of_it(tmp_path: Path):
    file = tmp_path / "application.yml"
    file.write_text("resilience4j:\n  retry:\n    instances:\n      a: {maxAttempts: 3}\n  retry: {}\n", "utf-8")
    twice, nothing = lint_files([str(file)]).unreadable
    assert (twice.line, twice.message.partition(":")[0]) == (5, "a key stands here twice")
    assert nothing.message == NOTHING
