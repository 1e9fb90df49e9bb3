"""Spring Boot: profiles, imports and names that no case shows, each with what the application would run with."""

from __future__ import annotations

from pathlib import Path

import pytest

from interop.shop import imported
from resilience_sim.interop import folders
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import Imported, convert, instance_names, open_together
from resilience_sim.scenario.diagnostics import ScenarioError

YML = "application.yml"
TRIES = "resilience4j.retry.instances.a: {maxAttempts: 2}\n"


def retry(found: Imported) -> dict[str, str]:
    return {name: each.value for name, each in settle(found.stack.layers[0]).items()}


def said(found: Imported) -> str:
    return "\n".join(f"{each.line} {each.code} {each.severity} {each.message}" for each in found.findings)


def document(condition: str, number: int, more: str = "") -> str:
    return f"---\n{condition}\nresilience4j.retry.instances.a: {{maxAttempts: {number}{more}}}\n"


ON = "spring.config.activate.on-profile: "


@pytest.mark.parametrize(
    ("head", "profiles", "attempts"),
    [
        ("spring.profiles.default: dev\n", (), "3"),  # Profiles.getDefaultProfiles binds it like the active ones
        ("spring.profiles.default: dev\n", ("prod",), "4"),
        ("spring.profiles: {default: dev, active: prod}\n", (), "4"),
        ("spring.profiles.include: dev\n", ("prod",), "4"),  # included profiles come before the active ones
        ("spring.profiles: {include: dev, active: prod}\n", (), "4"),
        ("spring.profiles: {include: prod, active: dev}\n", (), "4"),  # of one file the later document counts
    ],
)
def test_profiles_that_the_file_makes_active(head: str, profiles: tuple[str, ...], attempts: str):
    """Spring Boot's reference: "Included profiles are added before any spring.profiles.active profiles"."""
    text = head + TRIES + document(ON + "dev", 3, ", waitDuration: 9s") + document(ON + "prod", 4)
    found = imported(text, YML, "a", profiles)
    assert retry(found)["attempts"] == attempts
    assert (retry(found)["delay"] == "9s") == ("include" in head or attempts == "3")


@pytest.mark.parametrize("expression", ["a & b | c", "(a & b", "a)", "!(a | b & c)"])
def test_an_expression_that_spring_refuses(expression: str):
    """``Malformed profile expression``: spring-core, ProfilesParser."""
    found = imported(TRIES + document(f'{ON}"{expression}"', 9), YML, "a", ("a", "c"))
    assert "3 RL193 error a profile expression that mixes" in said(found)
    assert retry(found)["attempts"] == "2"
    for right in ("a & (b | c)", "(a | b) & c", "!b & a & c", "a"):
        found = imported(TRIES + document(f'{ON}"{right}"', 9), YML, "a", ("a", "c"))
        assert "RL193" not in said(found)
        assert retry(found)["attempts"] == "9", right


@pytest.mark.parametrize("which", ["active", "include", "default"])
def test_a_document_for_a_profile_cannot_make_others_active(which: str):
    """Spring Boot's reference, "Profiles": they "can only be used in non-profile-specific documents"."""
    text = TRIES + document(f"{ON}prod\nspring.profiles.{which}: b", 3)
    assert f"`spring.profiles.{which}` in a document for one profile" in said(imported(text, YML, "a"))
    assert "RL193" not in said(imported(f"spring.profiles.{which}: b\n" + TRIES, YML, "a"))


def test_a_file_that_is_imported_lies_over_the_one_that_imports_it():
    """Spring Boot's reference: its values "take precedence over the file that triggered the import"."""
    importing = 'spring.config.import: "optional:file:./aaa.yml"\n' + TRIES
    for files in (
        [("aaa.yml", TRIES.replace("2", "9")), (YML, importing)],
        [(YML, importing), ("aaa.yml", TRIES.replace("2", "9"))],
    ):
        opened = open_together(files)
        assert opened is not None
        found = convert(*opened, "a")
        assert retry(found)["attempts"] == "9"
        assert "what it imports is not read" not in said(found)
    assert "what it imports is not read" in said(imported(importing, YML, "a"))


def test_names_of_variables_mean_nothing_in_the_application_s_own_files():
    """Only the environment has names in capitals with underscores (SystemEnvironmentPropertyMapper)."""
    text = (
        "RESILIENCE4J_RETRY_INSTANCES_A_MAXATTEMPTS=7\n"
        "resilience4j.retry.instances.a.max_attempts=4\n"
        "resilience4j.retry.instances.b.MAX-ATTEMPTS=5\n"
    )
    for name, values in (("application.properties", {"a": "4", "b": "5"}), ("prod.env", {"a": "7"})):
        opened = open_together([(name, text)])
        assert opened is not None
        assert {each: retry(convert(*opened, each))["attempts"] for each in instance_names(*opened)} == values


def test_properties_have_java_s_escapes_and_may_be_latin_1(tmp_path: Path):
    """java.util.Properties.load; Spring Boot's loader reads ISO 8859-1 (OriginTrackedPropertiesLoader)."""
    text = "# grüße\nresilience4j.retry.instances.a.waitDuration=\\u0037\\u0073\n"
    for encoding in ("latin-1", "utf-8"):
        file = tmp_path / "application.properties"
        file.write_bytes(text.encode(encoding))
        assert retry(imported(folders.read(str(file)).text, file.name, "a"))["delay"] == "7s"


def test_a_tab_in_the_indentation_is_told():
    with pytest.raises(ScenarioError) as error:
        imported("resilience4j:\n\tretry: {}\n", YML)
    assert error.value.diagnostics[0].help == "indent with spaces; YAML allows no tab here"


A = "resilience4j.retry.instances.a."


@pytest.mark.parametrize(
    ("text", "attempts", "wrong"),
    [
        (f"{A}maxAttempts=4\r{A}waitDuration=1s", "4", ""),  # LineNumberReader ends a line at a lone CR
        (f"# \r{A}maxAttempts=4\r\n{A}waitDuration=1s", "4", ""),
        (f"{A}maxAttempts=4 \n{A}enableRandomizedWait=true \t\n{A}waitDuration=1s", "4", ""),
        (f"{A}maxAttempts=4\n{A}waitDuration=1s \n", "4", "`waitDuration` cannot be read as a duration"),
        (f"{A}maxAttempts=\\ 4\n{A}waitDuration=\\ 1s\n", "4", "`waitDuration` cannot be read as a duration"),
        (f"{A}maxAttempts=4\xa0\n", "3", "`maxAttempts` cannot be read as an integer"),
        (f"{A}maxAttempts=4\n{A}enableRandomizedWait=\xa0true\n", "4", "cannot be read as true or false"),
    ],
)
def test_lines_and_blanks_of_properties_are_java_s(text: str, attempts: str, wrong: str):
    """OriginTrackedPropertiesLoader keeps blanks behind a value; StringToBooleanConverter and NumberUtils cut blanks,
    DurationStyle does not (Spring Boot at c329ffa), and none of them a no-break space.
    """
    found = imported(text, "application.properties", "a")
    assert retry(found)["attempts"] == attempts
    assert wrong in said(found)
    assert ("RL192" in said(found)) == bool(wrong)
