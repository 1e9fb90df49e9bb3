"""validate, list, init, explain, schema, and the program without a command."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import yaml

from cli.shell import QUICK, resim
from resilience_sim.cli.app import COMMANDS
from resilience_sim.cli.commands.list_ import KINDS
from resilience_sim.scenario.text import shipped

QUIET = """\
resim: 1
service: {latency: 1ms}
traffic: {rate: 1/s, requests: 9}
stack: [timeout: {after: 1s}]
"""


def test_lint_does_not_say_that_there_is_nothing_in_a_file_it_cannot_read(here):
    """Of the others it says that there is nothing else."""
    (here / "bad.yaml").write_text(QUICK.replace("attempts: 3", "attemps: 3"))
    (here / "quiet.yaml").write_text(QUIET)
    alone, both = resim("lint", "bad.yaml"), resim("lint", "bad.yaml", "quiet.yaml")
    assert (alone.code, both.code) == (2, 2)
    assert "nothing" not in alone.err
    assert "nothing else found in 2 files" in both.err
    assert resim("lint", "quiet.yaml").err == "nothing found\n"


def test_validate_many_files(here):
    """Exit code 2 when any is not valid; all of them are looked at."""
    (here / "bad.yaml").write_text(QUICK.replace("attempts: 3", "attemps: 3"))
    (here / "worse.yaml").write_text("resim: 1\n")
    assert resim("validate", "quick.yaml").code == 0
    answer = resim("validate", "quick.yaml", "bad.yaml", "worse.yaml")
    assert answer.code == 2
    assert "quick.yaml: valid, 2 variants, 1 expectation" in answer.out
    assert "bad.yaml:7:13" in answer.out
    assert "worse.yaml" in answer.out
    assert "2 of 3 not valid" in answer.err


@pytest.mark.parametrize(
    ("style", "said"),
    [("full", " --> bad.yaml:7:13"), ("concise", "bad.yaml:7:13: error[RS012]"), ("github", "::error file=bad.yaml")],
)
def test_validate_formats(here, style, said):
    """For people, for grep, for GitHub."""
    (here / "bad.yaml").write_text(QUICK.replace("attempts: 3", "attemps: 3"))
    answer = resim("validate", "bad.yaml", "--format", style)
    assert answer.code == 2
    assert said in answer.out


def test_validate_documents(here):
    """--json and --format json are the same document."""
    (here / "bad.yaml").write_text(QUICK.replace("attempts: 3", "attemps: 3"))
    document = resim("validate", "bad.yaml", "quick.yaml", "--json").document
    assert document == resim("validate", "bad.yaml", "quick.yaml", "--format", "json").document
    assert document["error"]["diagnostics"][0]["path"] == "stack.0.retry.attemps"
    document = resim("validate", "quick.yaml", "--json").document
    assert document["error"] is None
    assert document["scenario"]["name"] == "quick"


def test_every_shipped_scenario_is_listed_with_a_line():
    """The default comes first."""
    lines = resim("list").out.splitlines()
    assert lines[0].startswith("first-look")
    assert {line.split()[0] for line in lines} == set(shipped.names())
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("what", KINDS)
def test_lists(what):
    """In lines, as names, as a document; and everything listed can be explained."""
    names = resim("list", what, "-q").out.split()
    document = resim("list", what, "--json").document
    assert [item["name"] for item in document["items"]] == names
    assert all(item["about"] for item in document["items"])
    assert document["error"] is None
    if what in ("policies", "faults", "metrics"):
        for name in names:
            answer = resim("explain", name)
            assert answer.code == 0
            assert len(answer.out) > 40


def test_init_writes_a_scenario_that_runs(here):
    """With the schema beside it, and never over a file."""
    answer = resim("init", "mine")
    assert answer.code == 0
    assert answer.out.splitlines() == ["wrote mine.yaml", "wrote resim-v1.schema.json"]
    text = (here / "mine.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./resim-v1.schema.json\n")
    assert resim("validate", "mine.yaml").code == 0
    schema = json.loads((here / "resim-v1.schema.json").read_text())
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(text))
    (here / "mine.yaml").write_text("precious")
    again = resim("init", "mine")
    assert again.code == 2
    assert "--force" in again.err
    assert (here / "mine.yaml").read_text() == "precious"
    assert resim("init", "mine", "--force").code == 0


def test_every_template_is_valid(here):
    """Those of init, and shipped scenarios under a new name."""
    for name in [*resim("list", "templates", "-q").out.split(), "first-look", "retry-order"]:
        assert resim("init", f"from-{name}", "--template", name).code == 0
        document = resim("validate", f"from-{name}.yaml", "--json").document
        assert document["error"] is None
        assert document["scenario"]["name"] == f"from-{name}"
    answer = resim("init", "x", "--template", "retry-strom")
    assert answer.code == 2
    assert "did you mean `retry-storm`?" in answer.err


def test_schema(here):
    """Of scenarios and of results; on standard output and in a file."""
    jsonschema.Draft7Validator.check_schema(json.loads(resim("schema").out))
    assert json.loads(resim("schema", "--result").out)["$id"] == "resim.result.1.json"
    assert resim("schema", "-o", "s.json").code == 0
    assert (here / "s.json").read_text() == resim("schema").out
    assert resim("schema", "-o", "s.json").code == 2


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("retry", "1 - f^n"),
        ("breaker", "HALF_OPEN"),
        ("circuit-breaker", "recovery_time"),
        ("outage", "refuse"),
        ("p99.9", "Nearest rank"),
        ("breaker_open", "Never reached B"),
        ("RS012", "No such key"),
        ("rw001", "60 s"),
        ("exit-codes", "130"),
        ("service.latency", "scenario key"),
        ("retry.max_delay", "No wait is longer"),
        ("recordings", "SQLite"),
        ("budget", "budget"),
    ],
)
def test_explain(topic, said):
    """Policies, faults, metrics, outcomes, codes, keys."""
    answer = resim("explain", topic)
    assert answer.code == 0
    assert said in answer.out
    assert resim("explain", topic, "--json").document["topics"]


def test_explain_everything_it_lists():
    """No topic is a dead end, and a narrow terminal is respected."""
    for topic in resim("explain", "--json").document["topics"]:
        answer = resim("explain", topic["name"], terminal=True, env={"NO_COLOR": "1"})
        assert answer.code == 0, topic
        assert max(len(line) for line in answer.out.splitlines()) <= 80, topic


def test_explain_suggests_the_nearest():
    """An unknown topic."""
    answer = resim("explain", "circit_breaker")
    assert answer.code == 2
    assert "did you mean `circuit_breaker`?" in answer.err


def test_without_a_command():
    """Help; with --json there is nothing to answer."""
    answer = resim()
    assert answer.code == 0
    assert all(f"\n  {name} " in answer.out for name in COMMANDS)
    answer = resim("--json")
    assert answer.code == 2
    assert answer.document["error"]["code"] == "usage"


@pytest.mark.parametrize("argv", [["--version"], ["run", "--version"], ["validate", "--version"], ["--version", "-v"]])
def test_version_everywhere(argv):
    """Also where an argument is missing."""
    from resilience_sim import __version__

    answer = resim(*argv)
    assert answer.code == 0
    assert answer.out.splitlines()[0] == f"resim {__version__}"
    assert ("interpreted" in answer.out or "compiled" in answer.out) == ("-v" in argv)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["rnu"], "did you mean `run`?"),
        (["comprae", "first-look"], "did you mean `compare`?"),
        (["retry-storm"], "did you mean `resim run retry-storm`?"),
        (["--runs", "5", "run", "first-look"], "come after it: resim run ... --runs"),
        (["play", "--tour", "retris"], "did you mean `retries`?"),
        (["run", "--sed", "4"], "did you mean `--seed`?"),
        (["list", "scenario"], "did you mean `scenarios`?"),
        (["photograph"], "commands: "),
        (["validate"], "--help"),
        (["run", "first-look", "hard-outage"], "unexpected: hard-outage"),
        (["run", "--runs", "few"], "'--runs'"),
    ],
)
def test_what_was_meant(argv, said):
    """Commands, options and words that are nearly right."""
    answer = resim(*argv)
    assert answer.code == 2
    assert said in answer.err
    assert answer.out == ""
    assert said in resim(*argv, "--json").document["error"]["message"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(name):
    """On a terminal and piped; 80 columns are enough."""
    for terminal in (False, True):
        answer = resim(name, "--help", terminal=terminal, env={"NO_COLOR": "1"})
        assert answer.code == 0
        assert "--json" in answer.out
        assert max(len(line) for line in answer.out.splitlines()) <= 80


def test_help_and_version_are_commands_too():
    """``resim help``, ``resim help run``, ``resim version``: as people type them."""
    assert resim("help").out == resim("--help").out
    assert resim("help", "run").out == resim("run", "--help").out
    assert resim("version").out == resim("--version").out
    assert resim("version", "-v").out == resim("--version", "-v").out


def test_what_to_type_next_is_quoted(here):
    """A named bug: ``init "My Shop"`` printed a command that fails when pasted."""
    answer = resim("init", "My Shop")
    assert "next: resim run 'My Shop.yaml'" in answer.err
    assert resim("run", "My Shop.yaml", "-q").code == 0


def test_messages_break_at_blanks_on_a_terminal(here):
    """A named bug: lint and validate broke words at the edge; piped, nothing is broken."""
    (here / "x.yaml").write_text(QUICK.replace("attempts: 3", "attemps: 3"))
    text = "resim: 1\nname: x\nservice: {latency: 2s}\ntraffic: {rate: 50/s, requests: 100}\nstack:\n"
    (here / "y.yaml").write_text(text + "  - retry: {attempts: 5}\n  - timeout: {after: 1s}\n")
    words = resim("lint", "y.yaml").out.split()
    for columns in (40, 60, 80):
        shown = re.sub(r"\x1b\[[0-9;]*m", "", resim("lint", "y.yaml", terminal=True, columns=columns).out)
        assert shown.split() == words
        assert max(len(line) for line in shown.splitlines() if "|" not in line) <= columns


def test_topics_end_with_ranges_of_codes():
    """98 bare codes scrolled everything else away."""
    out = resim("explain").out
    assert "RS001 to RS" in out
    assert len(out.splitlines()) <= 23
