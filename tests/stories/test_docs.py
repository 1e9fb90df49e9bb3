"""What the documents promise: commands that can be typed, pictures that exist, rules that are the program's own.

When the breaker's table changes, its diagram in docs/policies.md is drawn again by

    python tests/stories/test_docs.py --write
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from resilience_sim.policies.circuit_breaker import diagram
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.text.shipped import names
from resilience_sim.settings.faults import FaultConfig

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(str(path.relative_to(ROOT)) for folder in ("*.md", "docs/**/*.md") for path in ROOT.glob(folder))
COMMAND_TO_DRAW = "python tests/stories/test_docs.py --write"
COMMAND = re.compile(r"resim (?:run|compare) ([a-z][a-z-]+)(?![a-z0-9./-])((?: --set [^\s`]+)*)")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page(name)):
        assert (ROOT / name).parent.joinpath(target).is_file(), target


@pytest.mark.parametrize("name", PAGES)
def test_commands_name_shipped_scenarios_and_settings_that_exist(name: str) -> None:
    for scenario, options in COMMAND.findall(page(name)):
        assert scenario in names()
        load(scenario, re.findall(r"--set (\S+)", options))


def test_the_lessons_use_every_shipped_scenario() -> None:
    lessons = page("docs/lessons.md")
    assert [name for name in names() if not re.search(rf"resim (run|compare) {name}\b", lessons)] == []


def test_the_changelog_names_every_shipped_scenario() -> None:
    text = re.sub(r"\s+", " ", page("CHANGELOG.md"))
    assert f"{len(names())} shipped scenarios" in text
    assert [name for name in names() if name not in text] == []


def test_the_state_diagram_is_the_current_one() -> None:
    drawn = re.findall(r"```mermaid\n(.*?)\n```", page("docs/policies.md"), re.DOTALL)
    assert drawn == [diagram()], f"draw it again with: {COMMAND_TO_DRAW}"


def test_the_changes_of_the_documents_are_possible() -> None:
    """The page's list is that of ``resim explain changes``, and fits a stack of the policies it names."""
    from resilience_sim.cli.topics.concepts import CONCEPTS

    block = re.search(r"```yaml\n(changes:\n.*?)```", page("docs/changes.md"), re.DOTALL)
    assert block is not None
    assert all(line.strip() in CONCEPTS["changes"][1] for line in block.group(1).splitlines())
    stack = "stack: [retry: {}, circuit_breaker: {}, timeout: {after: 1s}]\n"
    text = "resim: 1\ntraffic: {rate: 1/s, duration: 70s}\n" + stack + block.group(1)
    assert len(load_text(text, "changes.yaml").plan.actions) == 6


def test_the_smallest_file_of_the_readme_runs_with_its_additions() -> None:
    smallest, more = re.findall(r"```yaml\n(.*?)```", page("README.md"), re.DOTALL)
    plan = load_text(smallest, "flaky-b.yaml").plan
    assert plan.traffic.requests == 20
    whole = load_text(smallest + more, "flaky-b.yaml")
    assert [fault.id for fault in whole.plan.faults] == ["main"]
    assert isinstance(whole.plan.faults[0], FaultConfig)
    assert len(whole.plan.expect) == 2


def test_the_readme_is_short_and_begins_with_what_one_sees() -> None:
    lines = page("README.md").splitlines()
    assert len(lines) <= 160
    pictures = [i for i, line in enumerate(lines) if line.startswith("![")]
    commands = next(i for i, line in enumerate(lines) if "pip install" in line)
    assert pictures
    assert pictures[-1] < commands


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(COMMAND_TO_DRAW)
    path = ROOT / "docs/policies.md"
    before, after = re.split(r"(?<=```mermaid\n).*?(?=\n```)", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    path.write_text(before + diagram() + after, encoding="utf-8")
