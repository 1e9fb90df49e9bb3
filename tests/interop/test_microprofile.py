"""MicroProfile Fault Tolerance: which property counts for whom, units, profiles, and what is refused."""

from __future__ import annotations

import pytest
from cli.shell import resim

from interop.shop import codes, imported, plan_of
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported, convert, open_config, open_together
from resilience_sim.lint.check import lint_text
from resilience_sim.runs.simulate import simulate

M = "com.acme.Svc/pay"
C = "com.acme.Svc"


def read(
    text: str, instance: str | None = None, path: str = "application.properties", **more: tuple[str, ...]
) -> Imported:
    return imported(text, path, instance, **more)


def settings(found: Imported) -> dict[str, dict[str, str]]:
    return {each.id or each.kind: {k: v.value for k, v in settle(each).items()} for each in found.stack.layers}


def attempts(text: str, instance: str | None = M, **more: tuple[str, ...]) -> str:
    return settings(read(text, instance, **more))["retry"]["attempts"]


def said(found: Imported) -> str:
    return "\n".join(f"{each.line} {each.code} {each.severity} {each.message}" for each in found.findings)


LEVELS = f"{M}/Retry/maxRetries=8\n{C}/Retry/maxRetries=5\nRetry/maxRetries=2\n"


@pytest.mark.parametrize(("instance", "wanted"), [(M, "9"), (C, "6"), ("global", "3")])
def test_the_method_goes_before_the_class_and_the_class_before_all(instance: str, wanted: str):
    assert attempts(LEVELS, instance) == wanted


def test_a_class_is_no_fallback_for_a_method_with_an_annotation_of_its_own():
    """Quarkus says so outright: the class's delay does not reach the method, everybody's jitter does."""
    found = read(f"{M}/Retry/maxRetries=1\n{C}/Retry/delay=900\nRetry/jitter=50\n", M)
    got = settings(found)["retry"]
    assert (got["attempts"], got["delay"], got["jitterDelay"]) == ("2", "0ms", "50ms")
    assert "2 RL180 warning the settings of the class do not reach this method" in said(found)


def test_an_annotation_of_the_class_holds_for_its_methods():
    found = read(f"{M}/Timeout/value=300\n{C}/Retry/maxRetries=5\n", M)
    assert list(settings(found)) == ["retry", "timeout"]
    assert settings(found)["retry"]["attempts"] == "6"
    assert "RL180" not in codes(found)


def test_what_is_said_about_everybody_is_left_out_where_the_annotation_may_not_be():
    found = read(f"{M}/Retry/maxRetries=1\nBulkhead/value=4\n", M)
    assert list(settings(found)) == ["retry"]
    assert "2 RL183 info settings for every `@Bulkhead`" in said(found)
    assert list(settings(read(f"{M}/Retry/maxRetries=1\n{M}/Bulkhead/enabled=true\nBulkhead/value=4\n", M))) == [
        "retry", "bulkhead",
    ]  # fmt: skip


def test_defaults_of_the_specification():
    """3 retries, no delay ± 200 ms, 3 min; 20 calls, half of them, 5 s, one probe; 1 s; 10 at once, no queue."""
    text = "".join(f"{M}/{each}/enabled=true\n" for each in ("Bulkhead", "Timeout", "CircuitBreaker", "Retry"))
    found = read(text)
    got = settings(found)
    assert list(got) == ["retry", "circuit_breaker", "timeout", "bulkhead"]
    assert (got["retry"]["attempts"], got["retry"]["delay"], got["retry"]["max_elapsed"]) == ("4", "0ms", "3m")
    assert got["retry"]["jitterDelay"] == "200ms"
    breaker = got["circuit_breaker"]
    assert (breaker["window"], breaker["failureRatio"], breaker["recovery_time"], breaker["success_threshold"]) == (
        "20", "0.5", "5s", "1",
    )  # fmt: skip
    assert (got["timeout"]["after"], got["bulkhead"]["max_concurrent"]) == ("1s", "10")
    assert "queue" not in got["bulkhead"]
    assert simulate(plan_of(found), 1).document["requests"]["total"] > 4000


def test_an_asynchronous_method_has_a_queue():
    assert settings(read(f"{M}/Bulkhead/value=2\n{M}/Asynchronous/enabled=true\n"))["bulkhead"]["queue"] == "10"
    assert settings(read(f"{M}/Bulkhead/waitingTaskQueue=7\n"))["bulkhead"]["queue"] == "7"


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        ("2", "SECONDS", "2s"), ("250", "", "250ms"), ("1500", "MICROS", "1ms"), ("3", "MINUTES", "3m"),
        ("1", "half-days", "12h"), ("900", "NANOS", None),
    ],
)  # fmt: skip
def test_units_stand_beside_the_number(value: str, unit: str, wanted: str | None):
    """Cut to whole milliseconds."""
    text = f"{M}/Timeout/value={value}\n" + (f"{M}/Timeout/unit={unit}\n" if unit else "")
    got = settings(read(text))
    assert (got["timeout"]["after"] if got else None) == wanted


def test_a_unit_alone_changes_the_default_of_its_number():
    """The annotation's default is 5000 of whatever unit there is."""
    got = settings(read(f"{M}/CircuitBreaker/delay=7\nCircuitBreaker/delayUnit=SECONDS\n", M))
    assert got["circuit_breaker"]["recovery_time"] == "7s"
    got = settings(read(f"{M}/CircuitBreaker/delayUnit=SECONDS\n"))
    assert got["circuit_breaker"]["recovery_time"] == "1h 23m 20s".replace(" ", "")


QUARKUS = f'quarkus.fault-tolerance."{M}".'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{QUARKUS}retry.max-retries=6\n{M}/Retry/maxRetries=2\n", "7"),
        (f"{M}/Retry/maxRetries=2\n{QUARKUS}retry.max-retries=6\n", "7"),
        (f'smallrye.faulttolerance."{M}".retry.max-retries=5\n{M}/Retry/maxRetries=2\n', "6"),
        (f"{M}/Retry/delay=1\nquarkus.fault-tolerance.global.retry.max-retries=4\nRetry/maxRetries=1\n", "5"),
        (f"{M}/Retry/maxRetries=2\n{M}/Retry/maxRetries=3\n", "4"),
    ],
)
def test_smallryes_own_names_go_before_those_of_the_specification(text: str, wanted: str):
    """At one level; a level goes before a form."""
    assert attempts(text) == wanted


def test_a_guard_of_smallryes_has_a_name_of_its_own():
    text = 'smallrye.faulttolerance."my-guard".retry.max-retries=5\nmy-guard/Timeout/value=200\n'
    assert list(settings(read(text, "my-guard"))) == ["retry", "timeout"]


def test_units_have_other_names_in_smallryes_form():
    text = f"{QUARKUS}retry.jitter=1\n{QUARKUS}retry.jitter-unit=seconds\n{QUARKUS}retry.max-duration=9\n"
    found = read(text + f"{QUARKUS}retry.max-duration-unit=minutes\n{QUARKUS}retry.jitter-delay-unit=days\n")
    got = settings(found)["retry"]
    assert (got["jitterDelay"], got["max_elapsed"]) == ("1s", "9m")
    assert "5 RL191 warning `jitter-delay-unit` is no key known here" in said(found)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (f"{M}/Retry/enabled=false\n", ["timeout"]),
        (f"{C}/Retry/enabled=false\n", ["timeout"]),
        ("Retry/enabled=false\n", ["timeout"]),
        (f"Retry/enabled=false\n{C}/Retry/enabled=true\n", ["retry", "timeout"]),
        (f"{C}/Retry/enabled=true\n{M}/Retry/enabled=false\n", ["timeout"]),
        ("MP_Fault_Tolerance_NonFallback_Enabled=false\n", []),
        ("quarkus.fault-tolerance.enabled=false\n", []),
        ("smallrye.faulttolerance.enabled=true\nMP_Fault_Tolerance_NonFallback_Enabled=false\n", ["retry", "timeout"]),
        ("MP_Fault_Tolerance_NonFallback_Enabled=false\nTimeout/enabled=true\n", ["timeout"]),
        ("MP_Fault_Tolerance_NonFallback_Enabled=true\n", ["retry", "timeout"]),
    ],
)
def test_switches(more: str, wanted: list[str]):
    """The most specific one; that for everything has the lowest rank."""
    found = read(f"{M}/Retry/maxRetries=1\n{M}/Timeout/value=300\n{more}", M)
    assert list(settings(found)) == wanted
    assert ("RL181" in codes(found)) == (len(wanted) < 2)


def test_a_fallback_is_never_switched_off_with_the_rest():
    text = f"{M}/Fallback/value=com.acme.Static\n{M}/Retry/maxRetries=1\nMP_Fault_Tolerance_NonFallback_Enabled=false\n"
    assert list(settings(read(text))) == ["fallback"]


PROFILES = f"{M}/Retry/maxRetries=1\n%dev.{M}/Retry/maxRetries=7\n%test,it.{M}/Retry/maxRetries=8\n"


@pytest.mark.parametrize(("profiles", "wanted"), [((), "2"), (("dev",), "8"), (("it",), "9"), (("dev", "it"), "9")])
def test_profiles(profiles: tuple[str, ...], wanted: str):
    assert attempts(PROFILES, profiles=profiles) == wanted


def test_quarkus_runs_in_prod_unless_something_else_is_said():
    text = f"quarkus.http.port=1\n{M}/Retry/maxRetries=1\n%prod.{M}/Retry/maxRetries=5\n%dev.{M}/Retry/maxRetries=9\n"
    found = read(text)
    assert settings(found)["retry"]["attempts"] == "6"
    assert "4 RL190 info this is for one profile only (dev)" in said(found)
    assert attempts(text + "quarkus.profile=dev\n") == "10"
    plain = text.replace("quarkus.http.port=1\n", "")
    assert attempts(plain) == "6", "application.properties is Quarkus' own file"
    assert settings(read(plain, M, "microprofile-config.properties"))["retry"]["attempts"] == "2"


def test_placeholders():
    text = (
        f"n=6\n{M}/Retry/maxRetries=${{n}}\n{M}/Retry/delay=${{NOT_HERE:${{ALSO:40}}}}\n{M}/Retry/jitter=${{NOWHERE}}\n"
    )
    found = read(text)
    got = settings(found)["retry"]
    assert (got["attempts"], got["delay"]) == ("7", "40ms")
    assert "4 RL192 warning the value of `jitter` comes from the environment" in said(found)


YAML = """\
quarkus:
  fault-tolerance:
    "com.acme.Svc/pay":
      retry: {max-retries: 5, delay: 2, delay-unit: seconds}
    global:
      timeout: {value: 500}
"%dev":
  quarkus:
    fault-tolerance:
      "com.acme.Svc/pay":
        retry: {max-retries: 9}
"com.acme.Svc/pay/CircuitBreaker/failureRatio": 0.3
"""


def test_yaml():
    found = read(YAML, M, "application.yml")
    got = settings(found)
    assert (got["retry"]["attempts"], got["retry"]["delay"], got["circuit_breaker"]["failureRatio"]) == (
        "6",
        "2s",
        "0.3",
    )
    assert settings(read(YAML, M, "application.yml", profiles=("dev",)))["retry"]["attempts"] == "10"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{M}/Retry/maxRetries=-2\n", "1 RL193 error `maxRetries` is at least -1"),
        (f"{M}/Retry/delay=-1\n", "1 RL193 error `delay` is at least 0"),
        (f"{M}/Retry/delay=9\n{M}/Retry/maxDuration=9\n", "2 RL193 error `maxDuration` must be longer than `delay`"),
        (f"{M}/Retry/delay=200000\n", "1 RL193 error `maxDuration` must be longer than `delay`"),
        (f"{M}/CircuitBreaker/failureRatio=50\n", "1 RL193 error `failureRatio` is a share from 0 to 1"),
        (f"{M}/CircuitBreaker/requestVolumeThreshold=0\n", "1 RL193 error `requestVolumeThreshold` is at least 1"),
        (f"{M}/CircuitBreaker/successThreshold=0\n", "1 RL193 error `successThreshold` is at least 1"),
        (f"{M}/Bulkhead/value=0\n", "1 RL193 error `value` is at least 1"),
        (f"{M}/Retry/delay=5s\n", "1 RL192 error the value of `delay` cannot be read as a whole number"),
        (f"{M}/Retry/delayUnit=MS\n", "1 RL192 error the value of `delayUnit` cannot be read as one of nanos"),
        (f"{M}/Retry/maxAttempts=5\n", "1 RL191 warning `maxAttempts` is no key known here"),
        (f"{M}/Retry/delay=1\n{M}/Retry/delay-unit=SECONDS\n", "2 RL191 warning `delay-unit` is no key known here"),
        (f"{M}/Retry/delay=1\n{M}/Retryable/maxRetries=5\n", "2 RL191 warning `Retryable` is no annotation"),
        (f"{M}/Retry/retryOn=java.io.IOException\n", "1 RL190 info `retryOn` is not modelled"),
        (f"{M}/Retry/delay=1\nMP_Fault_Tolerance_Metrics_Enabled=false\n", "2 RL190 info"),
        (f"{QUARKUS}retri.max-retries=5\n{M}/Retry/delay=1\n", "1 RL191 warning"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str):
    assert message in said(read(text))


@pytest.mark.parametrize(("ratio", "wanted"), [("0.75d", "0.75"), (".5f", "0.5"), ("1", "1")])
def test_numbers_as_java_writes_them(ratio: str, wanted: str):
    assert settings(read(f"{M}/CircuitBreaker/failureRatio={ratio}\n"))["circuit_breaker"]["failureRatio"] == wanted


@pytest.mark.parametrize(
    ("place", "told"),
    [("Svc/pay", True), ("mp.fault-tolerance.Svc/pay", True), (M, False), ("my-guard", False), ("com.acme.Svc", False)],
)
def test_a_place_that_is_no_class_is_told(place: str, told: bool):
    """Two of ten public files name the class without its package."""
    assert ("RL185" in codes(read(f"{place}/Retry/delay=5\n"))) == told


def test_nothing_else_is_recognised():
    for text in ("com.acme/x/y=3\n", "a.Retry.maxRetries=3\n", "spring.x=Retry/maxRetries\n"):
        assert open_config("application.properties", text) is None


def test_backoffs_beside_the_retry():
    text = f"{M}/Retry/delay=100\n{QUARKUS}exponential-backoff.factor=3\n{QUARKUS}exponential-backoff.max-delay=2000\n"
    assert settings(read(text))["retry"]["ExponentialBackoff"] == "{factor: 3, maxDelay: 2s}"
    assert (
        settings(read(f"{M}/Retry/delay=100\n{QUARKUS}fibonacci-backoff.enabled=true\n"))["retry"]["FibonacciBackoff"]
        == "{maxDelay: 1m}"
    )


def test_a_rate_limit():
    text = f"{QUARKUS}rate-limit.value=5\n{QUARKUS}rate-limit.window=2\n{QUARKUS}rate-limit.type=rolling\n"
    found = read(text)
    assert settings(found)["rate_limiter"] == {"limit": "5/2s", "kind": "fixed_window"}
    assert "3 RL190 info `type` is not modelled: a window that rolls" in said(found)


def test_the_rest_client_behind_the_same_interface_has_a_timeout():
    found = read(f"{C}/mp-rest/readTimeout=3000\n{C}/mp-rest/connectTimeout=100\n{M}/Retry/maxRetries=2\n", M)
    assert list(settings(found)) == ["retry", "client"]
    assert settings(found)["client"]["after"] == "3s"
    quarkus = f'quarkus.rest-client."{C}".read-timeout=700\n{M}/Retry/maxRetries=2\n'
    assert settings(read(quarkus, M))["client"]["after"] == "700ms"


def test_an_inner_class_keeps_its_name():
    found = read("com.acme.Svc$Inner/pay/Retry/delay=3\n")
    assert found.stack.instance == "com.acme.Svc$Inner/pay"


def test_several_files_are_one_configuration(tmp_path):  # type: ignore[no-untyped-def]
    """Quarkus' file goes before MicroProfile's, and one for a profile before both."""
    (tmp_path / "microprofile-config.properties").write_text(f"{M}/Retry/maxRetries=1\n{M}/Retry/delay=40\n")
    (tmp_path / "application.properties").write_text(f"quarkus.x=1\n{M}/Retry/maxRetries=2\n")
    (tmp_path / "application-dev.properties").write_text(f"{M}/Retry/maxRetries=7\n")
    told = resim("import", str(tmp_path))
    assert "attempts: 3" in told.out
    assert "delay: 40ms" in told.out
    assert "attempts: 8" in resim("import", str(tmp_path), "--profile", "dev").out


def test_from_the_command_line(tmp_path):  # type: ignore[no-untyped-def]
    place = tmp_path / "microprofile-config.properties"
    place.write_text(LEVELS, encoding="utf-8")
    answer = resim("import", str(place), "--instance", M)
    assert answer.code == 0
    assert "attempts: 9" in answer.out
    linted = resim("lint", str(place), "--format", "concise")
    assert linted.code in (0, 1)
    assert "RL182" in linted.out


def test_ten_thousand_documents_take_ten_thousand_times_as_long(tmp_path):
    """Each was compared with all of them: half a minute."""
    import time

    from resilience_sim.interop import formats

    begin = time.process_time()
    assert formats.open_together([("docs.yaml", "a: 1\n---\n" * 10_000)], [], "") is None
    assert time.process_time() - begin < 5.0


@pytest.mark.parametrize(
    ("word", "on", "said"),
    [("true", True, ""), ("YES", True, ""), ("1", True, ""), ("off", False, "switched off here"),
     ("5", False, "what is not true, yes, y, on or 1 is false")],
)  # fmt: skip
def test_a_switch_that_is_no_true_is_false(word: str, on: bool, said: str):
    """MicroProfile Config refuses no word; SmallRye's own documentation has `enabled=5`."""
    text = f"A/get/Retry/maxRetries=2\nA/get/Retry/enabled={word}\nA/get/Timeout/value=100\n"
    found = read(text, "A/get")
    assert any(layer.kind == "retry" for layer in found.stack.layers) is on
    assert not [each for each in found.findings if each.severity == "error"]
    switched = [each.message for each in found.findings if each.code == "RL181"]
    assert switched == ([] if on else [f"`@Retry` is {said}"] if said.startswith("switched") else switched)
    assert said in "".join(switched)


@pytest.mark.parametrize("name", ["mp.fault.tolerance.timeout.value", "mp.fault-tolerance.global.CircuitBreaker.delay"])
def test_names_that_no_specification_has_are_not_dropped_without_a_word(name: str) -> None:
    found = read(f"{name}=5000\n{M}/Retry/maxRetries=2\n", M)
    assert f"1 RL191 warning nothing reads `{name}`" in said(found)


def test_the_switch_for_all_is_told_where_one_policy_is_switched_on_by_itself() -> None:
    found = read("MP_Fault_Tolerance_NonFallback_Enabled=false\nBulkhead/enabled=true\n")
    assert list(settings(found)) == ["bulkhead"]
    assert "1 RL181 info all policies but fallbacks are switched off" in said(found)


def test_units_that_cannot_be_read_are_listed_once() -> None:
    (told,) = (each.message for each in read(f"{M}/Timeout/unit=MINUTE\n", M).findings if each.code == "RL192")
    assert told.count("seconds") == 1
    assert "half-days" in told


def test_a_finding_about_a_method_without_policies_stands_where_the_method_is_named() -> None:
    text = f"{C}/other/Timeout/value=50\n{M}/Retry/enabled=false\n"
    (found,) = (each for each in lint_text(text, "application.properties") if each.code == "RL004")
    assert found.line == 2


def test_a_name_that_is_no_class_is_told_among_many_that_say_the_same():
    """The names are all that tells these instances apart."""
    text = "".join(f"com.acme.A{n}/call/Timeout/value=100\n" for n in range(60))
    text += "com.a-cme.B/call/Timeout/value=100\nSvc/call/Timeout/value=100\n"
    found = lint_text(text, "microprofile-config.properties")
    assert [(each.line, each.message.partition(":")[0]) for each in found if each.code == "RL185"] == [
        (61, "a class has no dash in its name"),
        (62, "the class is named without its package"),
    ]


@pytest.mark.parametrize("profiles", ["{}", "{dev}", "{dev,test}"])
def test_a_profile_with_braces_is_never_active(profiles: str):
    """ProfileConfigSourceInterceptor.activeName (SmallRye Config at 3f13795e) compares names as they stand."""
    text = f"{M}/Retry/maxRetries=1\n%{profiles}.{M}/Retry/maxRetries=7\n"
    for active in ((), ("dev",), ("test",)):
        found = read(text, M, profiles=active)
        assert settings(found)["retry"]["attempts"] == "2"
        assert "2 RL191 warning a profile has no braces around its name" in said(found)
        assert "--profile" not in said(found)


VARIABLES = "QUARKUS_FAULT_TOLERANCE_GLOBAL_RETRY_MAX_RETRIES=5\nAPI_RETRY_DELAY=4\nDB_PASSWORD=x\n"


def test_variables_of_the_environment_alone_are_read():
    """SmallRye's EnvConfigSource: letters and digits as they are, anything else an underscore, in capitals."""
    found = read(VARIABLES, path="prod.env")
    assert settings(found)["retry"]["attempts"] == "6"
    assert "DELAY" not in said(found)
    assert any("are not here" in each for each in found.stack.unsure)
    switch = read("MP_FAULT_TOLERANCE_NONFALLBACK_ENABLED=false\n", path=".env")
    assert "RL181" in said(switch)


def test_variables_lie_over_the_files_of_the_application():
    name = "quarkus.fault-tolerance.global.retry.max-retries"
    for file in ("application.properties", "z.properties"):
        opened = open_together([("prod.env", VARIABLES), (file, f"{name}=1\n")])
        assert opened is not None
        found = convert(*opened, "global")
        assert settings(found)["retry"]["attempts"] == "6"
        assert not found.stack.unsure


def test_a_name_that_may_be_anybody_s_is_no_variable_of_smallrye():
    assert open_config("prod.env", "API_RETRY_DELAY=4\nRETRY_DELAY=3\n") is None
