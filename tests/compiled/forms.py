"""Where the two forms of the core are, and how a program is run in one of them.

The interpreted one is always there (``RESIM_PURE=1``). The compiled one is the installed one if it is up to date; if
not, it is built once per test session from a copy of the checkout, by the build's own setup.py.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOW = "import sys; from resilience_sim._build_mode import describe; sys.stdout.write(describe())"


def run(form: str | Path, *arguments: str | Path) -> str:
    """Run this Python with ``arguments`` in a form: "interpreted", or the folder that holds the compiled package."""
    env = {key: value for key, value in os.environ.items() if key != "RESIM_PURE"}
    env["PYTHONPATH"] = str(ROOT)
    if form == "interpreted":
        env["RESIM_PURE"] = "1"
    else:
        env["PYTHONPATH"] = str(form)
    answer = subprocess.run(
        [sys.executable, *arguments], env=env, cwd="/", capture_output=True, text=True, check=False, timeout=300
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def built(folder: Path) -> Path:
    """The folder that holds the package with its compiled core; built there if it has to be."""
    if run(ROOT, "-c", HOW) == "compiled":
        return ROOT
    lacking = None
    if importlib.util.find_spec("mypyc") is None:
        lacking = "mypy is not installed"
    elif shutil.which(os.environ.get("CC", "cc").split()[0]) is None:
        lacking = "there is no C compiler"
    if lacking:
        reason = f"no up-to-date compiled core, and none can be built: {lacking}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    place = folder / "compiled"
    place.mkdir(exist_ok=True)
    with (folder / "compiled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of one session share one build
        if not (place / "done").exists():
            _build(place)
            (place / "done").touch()
    return place


def _build(place: Path) -> None:
    for name in ("resilience_sim", "scenarios", "tools"):
        shutil.copytree(
            ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"), dirs_exist_ok=True
        )
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, place)
    env = {**os.environ, "RESIM_COMPILE": "1"}
    env.pop("RESIM_PURE", None)
    answer = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=place, env=env, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-4000:]
