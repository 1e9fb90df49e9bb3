"""Where the two forms of the core are, and how a program is run in one of them.

The interpreted one is always there (``RESIM_PURE=1``). The compiled one is the installed one if it is up to date; if
not, it is built from a copy of the checkout, by the build's own setup.py, and pytest's cache keeps it for the next
session: compiling takes up to a minute of CPU, twice that if the C compiler optimizes, which tests do not need.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from resilience_sim._build_mode import PARTLY, ROOMS

ROOT = Path(__file__).resolve().parents[2]
HOW = "import sys; from resilience_sim._build_mode import describe; sys.stdout.write(describe())"


def environment(form: str | Path) -> dict[str, str]:
    """In which this Python has that form: "interpreted", or the folder that holds the compiled package."""
    env = {key: value for key, value in os.environ.items() if key != "RESIM_PURE"}
    if form == "interpreted":
        return {**env, "PYTHONPATH": str(ROOT), "RESIM_PURE": "1"}
    return {**env, "PYTHONPATH": str(form)}


def run(form: str | Path, *arguments: str | Path) -> str:
    """Run this Python with ``arguments`` in a form: "interpreted", or the folder that holds the compiled package."""
    answer = subprocess.run(
        [sys.executable, *arguments],
        env=environment(form),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


# Whatever the machine code depends on; what of these is not compiled, settings above all, gives the compiler its types.
SOURCES = ("setup.py", "tools/mypyc_freelist.py", *(f"resilience_sim/{room}" for room in (*ROOMS, *PARTLY, "settings")))
PRODUCTS = ("**/*.so", "build/*.c")


def key(top: Path) -> str:
    """Of this source on this machine: what was compiled under the same key can be used again."""
    digest = hashlib.blake2b(digest_size=16)
    chosen = [os.environ.get(name) for name in ("CC", "CFLAGS")]
    digest.update(repr((sys.version, sys.prefix, version("mypy"), version("setuptools"), chosen)).encode())
    for name in SOURCES:
        for path in [top / name] if name.endswith(".py") else sorted((top / name).rglob("*.py")):
            digest.update(f"{path.relative_to(top)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def begin(folder: Path, cache: Path | None = None) -> subprocess.Popen[bytes]:
    """Let another process do ``built``, which tests that come later will wait for."""
    command = [sys.executable, __file__, folder, *([cache] if cache else [])]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def built(folder: Path, cache: Path | None = None) -> Path:
    """The folder that holds the package with its compiled core; made below ``folder`` if there is none yet."""
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
            _build(place, cache)
            (place / "done").touch()
    return place


def _build(place: Path, cache: Path | None) -> None:
    for name in ("resilience_sim", "scenarios", "tools"):
        shutil.copytree(
            ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"), dirs_exist_ok=True
        )
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, place)
    kept = cache / key(place) if cache else None
    if kept and (kept / "whole").exists():
        _copy_products(kept, place)
        return
    env = {**os.environ, "RESIM_COMPILE": "1", "RESIM_OPTIMIZE": "0"}
    env.pop("RESIM_PURE", None)
    answer = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=place, env=env, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-4000:]
    if cache and kept:
        shutil.rmtree(cache, ignore_errors=True)  # one build is kept, of some 30 MB
        _copy_products(place, kept)
        (kept / "whole").touch()


def _copy_products(there: Path, here: Path) -> None:
    """What the build has made; newer than any source, as it was."""
    for pattern in PRODUCTS:
        for path in there.glob(pattern):
            target = here / path.relative_to(there)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


if __name__ == "__main__":
    built(*map(Path, sys.argv[1:]))
