"""``resim snapshot`` as a whole."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cli.shell import QUICK, resim

FILE = "resim.snapshot"


@pytest.fixture
def noted(here):
    """A folder with a snapshot."""
    answer = resim("snapshot")
    assert (answer.code, answer.out) == (0, f"wrote {FILE}: 1 scenario, 20 seeds each\n")
    return here


def test_nothing_changed(noted):
    answer = resim("snapshot", "--check")
    assert (answer.code, answer.out) == (0, "1 scenario: none changed\n")


def test_a_change_is_told_checked_and_accepted(noted):
    """With what changed, by how much, and which setting; `--check` ends with 1 until it is accepted."""
    before = (noted / FILE).read_text()
    (noted / "quick.yaml").write_text(QUICK.replace("attempts: 3", "attempts: 5"))
    answer = resim("snapshot", "--check", "--out", "markdown=x.md")
    assert answer.code == 1
    assert "stack.retry.attempts  3 → 5" in answer.out
    assert "availability" in answer.out
    assert answer.out.count("1 scenario: 1 changed") == 1
    assert "- stack.retry.attempts: 3 → 5" in (noted / "x.md").read_text()
    assert (noted / FILE).read_text() == before
    assert resim("snapshot").code == 0
    document = resim("snapshot", "--check", "--json").document["snapshot"]
    (one,) = document["differ"]
    assert one["changed"]
    assert {"path": "stack.retry.attempts", "was": "3", "now": "5"} in one["settings"]
    assert {each["metric"]: each["verdict"] for each in one["figures"]}["availability"] == "better"
    assert resim("snapshot", "--update").code == 0
    assert (noted / FILE).read_text() != before
    assert resim("snapshot", "--check").code == 0


def test_a_comment_is_no_change(noted):
    (noted / "quick.yaml").write_text("# new words\n" + QUICK)
    assert resim("snapshot", "--check").out == "1 scenario: none changed\n"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["snapshot", "--check"], "there is no snapshot yet"),
        (["snapshot", "nowhere"], "nowhere is no folder"),
        (["snapshot", "empty"], "no scenarios in empty"),
        (["snapshot", "--check", "--update"], "exclude each other"),
        (["snapshot", "--runs", "2"], "too few"),
    ],
)
def test_mistakes(here, argv, says):
    (here / "empty").mkdir()
    answer = resim(*argv)
    assert answer.code == 2
    assert says in answer.err
    assert not (here / FILE).exists()


def test_a_broken_scenario_leaves_the_snapshot_alone(noted):
    before = (noted / FILE).read_text()
    (noted / "other.yaml").write_text("resim: 1\nservce: {}\n")
    answer = resim("snapshot", "--update")
    assert answer.code == 2
    assert "servce" in answer.err
    assert (noted / FILE).read_text() == before


def test_a_merge_that_went_wrong_is_named_with_its_line(noted):
    text = (noted / FILE).read_text()
    (noted / FILE).write_text(text.replace("\n[quick.yaml]", "\n<<<<<<< HEAD\n[quick.yaml]", 1))
    answer = resim("snapshot", "--check")
    assert answer.code == 2
    assert f"{FILE}:5:1" in answer.err


def test_a_file_of_somebodys_stays(here):
    (here / FILE).write_text("a diary\n")
    assert resim("snapshot").code == 2
    assert (here / FILE).read_text() == "a diary\n"


def test_other_seeds_need_an_update(noted):
    assert "add --update" in resim("snapshot", "--runs", "12").err
    assert resim("snapshot", "--runs", "12", "--update").code == 0
    assert (noted / FILE).read_text().startswith("resim snapshot 1, seeds 1 to 12\n")


ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(os.name == "nt", reason="the action's shell is bash")
def test_the_github_action_reports_and_decides(noted):
    """Its own script, as it stands in action.yml."""
    (noted / "quick.yaml").write_text(QUICK.replace("attempts: 3", "attempts: 5"))
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    (script,) = [step["run"] for step in steps if step.get("id") == "check"]
    command = f'resim() {{ {shlex.quote(sys.executable)} -m resilience_sim "$@"; }}\n{script}'
    files = {"GITHUB_STEP_SUMMARY": "summary", "GITHUB_OUTPUT": "output"}
    env = {**os.environ, "FOLDER": ".", "REPORT": "report", "PYTHONPATH": str(ROOT), **files}
    done = subprocess.run(
        ["bash", "-e", "-c", command], cwd=noted, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done
    assert "attempts: 3 → 5" in (noted / "summary").read_text()
    assert (noted / "report" / "snapshot.json").exists()
    assert (noted / "output").read_text() == "report=report\nchanged=true\n"


def test_the_hooks_of_pre_commit_are_commands():
    from resilience_sim.cli.app import COMMANDS

    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for hook in hooks:
        resim_, command, *_ = hook["entry"].split()
        assert resim_ == "resim"
        assert command in COMMANDS
