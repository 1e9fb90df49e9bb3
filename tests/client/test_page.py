"""docs/your-code.md and its example do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli.shell import resim
from patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "your_code"
PAGE = (ROOT / "docs" / "your-code.md").read_text(encoding="utf-8")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "pytest_resim", "-p", "no:xdist", "-p", "no:cacheprovider")
BLOCK = re.compile(r"^```python\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_page_shows_the_example():
    shown = dict(BLOCK.findall(PAGE))
    assert set(shown) == {"shop.py", "test_shop.py"}
    for name, text in shown.items():
        assert text == (EXAMPLE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(r"^    resim (run|compare) (.*?)(?: {2,}#.*)?$", PAGE, re.MULTILINE))
def test_the_commands_of_the_page_run(line, monkeypatch):
    monkeypatch.chdir(EXAMPLE)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    few = ["--runs", "2"] if line[0] == "compare" else []
    answer = resim(line[0], *line[1].split(), *few)
    assert answer.code == 0, answer.err
    assert "Traceback" not in answer.err


def test_the_tests_of_the_example_pass(tmp_path):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLE)]), "RESIM_PURE": "1"}
    env.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [*PYTEST, str(EXAMPLE)],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout + done.stderr
