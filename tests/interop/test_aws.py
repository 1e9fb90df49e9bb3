"""The AWS SDK's shared config: parsed as botocore parses it, checked against the parser that botocore uses."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.shop import codes, imported
from resilience_sim.interop.aws import FIELDS, OTHERS, REASONS
from resilience_sim.interop.emit import settle
from resilience_sim.interop.flat_trees import parse_ini
from resilience_sim.interop.formats import Imported, convert, instance_names, open_config, open_together
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Mapping, Scalar, Source


def read(text: str, instance: str | None = None) -> Imported:
    return imported(text, "config", instance)


def said(found: Imported) -> str:
    return "\n".join(f"{each.line} {each.code} {each.severity} {each.message}" for each in found.findings)


def names(text: str, path: str = "config") -> list[str]:
    opened = open_config(path, text)
    assert opened is not None
    return instance_names(*opened)


LINES = st.sampled_from(
    ["[default]", "[profile a]", "[profile b]", "  [profile c]", "[a] tail]", "max_attempts = 3", "Max_Attempts: 4",
     "  retry_mode = standard", "    nested = 1", "s3 =", "  x = y", "  noequals", "nonsense", "# a comment",
     "  ; another", "", "   ", "key = a # b", "= 5", "a = b = c", "[]"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(LINES, max_size=10))
def test_files_are_parsed_as_botocore_parses_them(lines: list[str]):
    """The same sections, keys and values, or refused by both."""
    text = "\n".join(lines)
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
        wanted = {head: dict(parser.items(head)) for head in parser.sections()}
        nested = [value for section in wanted.values() for value in section.values() if value.startswith("\n")]
        refused = any("=" not in line for value in nested for line in value.split("\n") if line.strip())
    except configparser.Error:
        refused, wanted = True, {}
    found: list[Diagnostic] = []
    tree = parse_ini(text, Source.of("config", text), found)
    assert bool(found) == refused, [str(each) for each in found]
    if not refused:
        got = {
            head: {
                key: str(each.value.value if each.value.value is not None else "")
                for key, each in entry.value.entries.items() if isinstance(each.value, Scalar)
            }
            for head, entry in tree.entries.items() if isinstance(entry.value, Mapping)
        }  # fmt: skip
        assert {h: {k: v.split() for k, v in s.items()} for h, s in got.items()} == {
            h: {k: v.split() for k, v in s.items()} for h, s in wanted.items()
        }


@pytest.mark.parametrize(
    "head",
    ["default", "profile a", 'profile "a b"', "profile 'a'", "profile a b", "profile", "profiles a", "a", "preview",
     'profile "a', "Profile a", "DEFAULT", "sso-session a", "services a", "profile   a"],
)  # fmt: skip
def test_which_sections_are_profiles(head: str):
    """configloader.py: what begins with `profile` and has two words, and `default`."""
    try:
        parts = shlex.split(head) if head.startswith("profile") else []
    except ValueError:
        parts = []
    wanted = [parts[1]] if len(parts) == 2 else ["default"] if head == "default" else []
    got = names(f"[{head}]\nmax_attempts = 3\n")
    assert got == wanted


def test_of_two_sections_for_one_profile_the_last_counts_as_a_whole():
    text = "[profile default]\nmax_attempts = 7\n[default]\nretry_mode = standard\n"
    assert read(text).stack.layers[0].settings["attempts"].value == "3"


def test_profiles_that_say_nothing_run_with_the_defaults():
    text = "[default]\nregion = eu-west-1\n[profile dev]\nregion = x\n"
    assert names(text) == ["default", "dev"]
    assert read(text, "dev").stack.layers[0].settings["attempts"].value == "3"
    assert open_config("settings.ini", text) is None, "nobody knows what another INI file with sections is"


@pytest.mark.parametrize("word", ["Standard", "STANDARD", "none", "adaptive2", ""])
def test_with_an_unknown_mode_there_is_no_client(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = of_botocore(f"[default]\nretry_mode = {word}\n", tmp_path, monkeypatch)
    assert real == "InvalidRetryModeError"
    found = read(f"[default]\nretry_mode = {word}\nmax_attempts = 5\n")
    assert [layer.kind for layer in found.stack.layers] == ["timeout"]
    assert "2 RL174 error a mode that botocore does not know: it makes no client" in said(found)


def of_botocore(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """What the installed one makes of a file: the retries of its client, or the name of its error."""
    botocore = pytest.importorskip("botocore.session")
    file = folder / "config"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    for name in ("AWS_PROFILE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"):
        monkeypatch.delenv(name, raising=False)
    session = botocore.Session()
    session.set_credentials("a", "b")
    try:
        return session.create_client("s3", region_name="eu-west-1").meta.config.retries
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize(
    "number", ["4", "+4", " 4 ", "1_000", "0", "-1", "3.0", "'3'", "3 # three", "", "three", "0x3", "03"]
)
def test_numbers_are_read_as_botocore_reads_them(number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With ``int``: underscores are fine, and nothing at all is an error."""
    text = f"[default]\nmax_attempts = {number}\n"
    real, found = of_botocore(text, tmp_path, monkeypatch), read(text)
    if isinstance(real, dict):
        assert found.stack.layers[0].settings["attempts"].value == str(real["total_max_attempts"])
        assert "RL192" not in codes(found)
    else:
        assert "RL192" in codes(found)


def test_settings_of_the_code_and_near_misses_are_told():
    text = "[default]\nmax_attempts = 3\nread_timeout = 5\nretry_attempts = 3\ncolour = blue\nregion = x\n"
    assert "3 RL175 warning `read_timeout` belongs into the code" in said(read(text))
    assert "4 RL191 warning `retry_attempts` is no key known here" in said(read(text))
    assert "colour" not in said(read(text)), "what other tools keep in a profile is none of our business"


def test_every_key_of_botocore_is_mapped_named_or_about_something_else():
    """The session variables of botocore 1.44.8 (configprovider.py)."""
    text = "[default]\n" + "".join(f"{key} = 1\n" for key in OTHERS) + "retry_mode = standard\nmax_attempts = 2\n"
    assert codes(read(text)) == {"RL170", "RL173"}
    for key in REASONS:
        assert f"RL190 info `{key}` is not modelled" in said(read(f"[default]\nmax_attempts = 2\n{key} = 1\n"))
    assert set(FIELDS) <= {"retry_mode", "max_attempts", "defaults_mode"}
    assert not set(OTHERS) & {*REASONS, *FIELDS}


def test_settings_of_a_section_that_a_later_one_replaces_are_named() -> None:
    """botocore keeps the last of `[default]` and `[profile default]`, whole."""
    found = imported("[default]\nmax_attempts = 9\n\n[profile default]\nretry_mode = standard\n", "config")
    (told,) = (each for each in found.findings if each.code == "RL191")
    assert (told.line, "these settings are ignored" in told.message) == (1, True)
    assert "attempts: 3 " in found.text


def test_variables_of_the_environment_lie_over_every_profile():
    """botocore, configprovider.py: a variable goes before the file; AWS_MAX_ATTEMPTS counts the first call, too."""
    env = ("prod.env", 'export AWS_MAX_ATTEMPTS="7"\nAWS_SECRET_ACCESS_KEY=x\n')
    config = ("config", "[default]\nmax_attempts = 3\nretry_mode = legacy\n[profile x]\nmax_attempts = 9\n")
    for files, profiles in (([env], ["default"]), ([config, env], ["default", "x"]), ([env, config], ["default", "x"])):
        opened = open_together(files)
        assert opened is not None
        assert instance_names(*opened) == profiles
        for name in profiles:
            attempts = settle(convert(*opened, name).stack.layers[0])["attempts"]
            assert attempts.value == "7"
    assert open_together([("prod.env", "AWS_SECRET_ACCESS_KEY=x\n")]) is None


COMPOSE = """\
services:
  app:
    environment: {AWS_MAX_ATTEMPTS: '4', AWS_RETRY_MODE: legacy, OTHER: 1}
  plain: {image: x}
"""
DEPLOYMENT = """\
kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: app
        env:
        - {name: AWS_MAX_ATTEMPTS, value: "4"}
        - {name: AWS_RETRY_MODE, valueFrom: {secretKeyRef: {name: s, key: k}}}
      - name: side
        env: [{name: AWS_MAX_ATTEMPTS, value: "1_0"}]
"""


def test_variables_of_containers_and_of_compose_files():
    opened = open_config("compose.yaml", COMPOSE)
    assert opened is not None
    assert instance_names(*opened) == ["app"]
    layer = imported(COMPOSE, "compose.yaml", "app").stack.layers[0]
    assert (layer.settings["attempts"].value, settle(layer)["mode"].value) == ("4", "legacy")
    for name, attempts in (("app", "4"), ("side", "10")):
        assert imported(DEPLOYMENT, "d.yaml", name).stack.layers[0].settings["attempts"].value == attempts
    assert open_config("d.yaml", DEPLOYMENT.replace("AWS_", "AMS_")) is None


def test_a_file_with_the_line_ends_of_windows():
    assert names("[profile a]\r\nmax_attempts = 3\r\n[profile b]\r\nretry_mode : legacy\r\n") == ["a", "b"]
