"""Pages with real output: what they say a command prints is what it prints, and their bold figures are among it.

These are the gallery, the how-tos and the first five minutes. After a change that is meant, the outputs are written
again (the prose is yours) by

    python tests/stories/test_gallery.py --write
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
GALLERY = DOCS / "gallery"
QUESTIONS = sorted(path.stem for path in GALLERY.glob("*.md") if path.stem != "index")
PAGES = [*(f"gallery/{name}.md" for name in QUESTIONS), "how-to/import-your-config.md", "start.md"]
BLOCK = re.compile(r"```console\n\$ (resim [^\n]+)\n(.*?)```", re.DOTALL)

if __name__ == "__main__":
    sys.path.insert(0, str(DOCS.parent / "tests"))


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """So few requests are simulated sooner than other processes are started."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(ours)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)


def printed(command: str, folder: Path) -> str:
    """What a command of a page in that folder prints; ``| grep CODE`` leaves the lines that have it."""
    from cli.shell import resim

    line, _, code = command.partition(" | grep ")
    with contextlib.chdir(folder), one_core():
        answer = resim(*shlex.split(line)[1:], columns=100)
    lines = [line for line in answer.out.splitlines() if code in line]
    assert lines, f"{command}: nothing printed ({answer.err})"
    return "\n".join(lines) + "\n"


def test_there_are_enough_questions_and_all_are_listed() -> None:
    assert len(QUESTIONS) >= 20
    assert sorted(path.stem for path in GALLERY.glob("*.yaml")) == QUESTIONS
    listed = re.findall(r"\]\(([a-z0-9-]+)\.md\)", (GALLERY / "index.md").read_text(encoding="utf-8"))
    assert sorted(listed) == QUESTIONS


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_has_its_source_and_a_scenario_that_keeps_its_word(name: str) -> None:
    text = (GALLERY / f"{name}.md").read_text(encoding="utf-8")
    assert re.search(r"^Asked at https://github\.com/\S+/\d+$", text, re.MULTILINE)
    commands = [command for command, _ in BLOCK.findall(text)]
    assert commands
    assert all(f" {name}.yaml" in command for command in commands)
    assert "✗" not in text, "an expectation that does not hold"
    assert "no longer so" not in text
    about = re.search(r'^about: "(.*)"$', (GALLERY / f"{name}.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert about is not None
    assert f"({name}.md): {about[1]}\n" in (GALLERY / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_a_run_says(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert blocks
    for command, shown in blocks:
        assert shown == printed(command, (DOCS / name).parent), f"{name}: {command}"
    outputs = "".join(shown for _, shown in blocks)
    figures = re.findall(r"\*\*([^*\n]*\d[^*\n]*)\*\*", text)
    assert figures, "no figure in bold type"
    assert [each for each in figures if not re.search(rf"(?<![\d.]){re.escape(each)}(?!\.?\d)", outputs)] == []


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("python tests/stories/test_gallery.py --write")
    for name in PAGES:
        page = DOCS / name
        old = page.read_text(encoding="utf-8")
        new = BLOCK.sub(lambda m: f"```console\n$ {m[1]}\n{printed(m[1], page.parent)}```", old)  # noqa: B023
        page.write_text(new, encoding="utf-8")
