"""What a user installs: the wheel, made from the source distribution, in an environment far from the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from patience import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
PARTS = (
    "pyproject.toml",
    "setup.py",
    "README.md",
    "LICENSE",
    "resilience_sim",
    "pytest_resim.py",
    "scenarios",
    "tools",
)
BUILD = "import sys, setuptools.build_meta as build; print(getattr(build, sys.argv[1])(sys.argv[2]))"


def done(*command: str | Path, cwd: Path) -> str:
    """Run a program that has to succeed; what it printed."""
    # Compiling is another story, and a longer one: tests/compiled.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"RESIM_PURE": "1"}
    answer = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkout to source distribution to wheel; without network, with the setuptools that is installed."""
    tree = tmp_path_factory.mktemp("tree")
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        elif source.exists():
            shutil.copy(source, tree / name)
    done(sys.executable, "-c", BUILD, "build_sdist", tree / "dist", cwd=tree)
    archive = next((tree / "dist").glob("resilience_sim-*.tar.gz"))
    fresh = tmp_path_factory.mktemp("fresh")
    shutil.unpack_archive(archive, fresh)
    unpacked = next(fresh.iterdir())
    done(sys.executable, "-c", BUILD, "build_wheel", fresh, cwd=unpacked)
    return next(fresh.glob("resilience_sim-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; its dependencies are those of the tests'."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    done(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=place)
    paths = sysconfig.get_paths(vars={"base": str(place), "platbase": str(place)})
    ours = {sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]}
    Path(paths["purelib"], "dependencies.pth").write_text("\n".join(sorted(ours)) + "\n")
    return place


def test_the_wheel_holds_what_it_should(wheel):
    """Every scenario, both schemas, the marker for type checkers, the licence; no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {path.name for path in (ROOT / "scenarios").iterdir() if path.is_file()}
    assert {name.rpartition("/")[2] for name in names if name.startswith("resilience_sim/shipped/")} == shipped
    schemas = {path.relative_to(ROOT).as_posix() for path in (ROOT / "resilience_sim").rglob("*.json")}
    assert schemas
    assert schemas <= names
    assert "resilience_sim/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "resilience_sim").rglob("*.py")}
    assert modules <= names
    assert not [name for name in names if name.startswith(("tests", "scenarios", "benchmarks"))]


def test_installed_it_runs_from_any_folder(installed, tmp_path):
    """``resim run`` without an argument; every shipped scenario is there and valid."""
    resim = installed / "bin" / "resim"
    where = done(
        installed / "bin" / "python", "-c", "import resilience_sim; print(resilience_sim.__file__)", cwd=tmp_path
    )
    assert where.startswith(str(installed))
    document = json.loads(done(resim, "run", "--json", cwd=tmp_path))
    assert document["scenario"]["name"] == "retry-storm"
    names = done(resim, "list", "-q", cwd=tmp_path).split()
    assert set(names) == {path.stem for path in (ROOT / "scenarios").glob("*.yaml")}
    done(resim, "validate", *names, cwd=tmp_path)
    assert done(resim, "run", "first-look", "-q", cwd=tmp_path).startswith("first-look")


def test_the_same_digest_installed_and_in_the_checkout(installed, tmp_path):
    """What is shipped is what is in the folder ``scenarios``."""
    there = json.loads(done(installed / "bin" / "resim", "run", "retry-order", "--json", cwd=tmp_path))
    here = json.loads(
        done(
            sys.executable,
            "-m",
            "resilience_sim",
            "run",
            str(ROOT / "scenarios" / "retry-order.yaml"),
            "--json",
            cwd=ROOT,
        )
    )
    digests = [document["variants"][0]["runs"][0]["digest"] for document in (there, here)]
    assert digests[0] == digests[1]


def test_the_name_on_the_index_is_ours():
    """``resim`` there is another project: nobody must be told to install it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "resilience-sim"
    assert project["scripts"] == {"resim": "resilience_sim.cli.main:main"}
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.py"), ROOT / "pyproject.toml"]
    for path in [*texts, *ROOT.glob("resilience_sim/**/*.py")]:
        wrong = re.findall(r"pip install[^`\n]*?['\" ]resim\b|\bresim\[[a-z]+\]", path.read_text(encoding="utf-8"))
        assert not wrong, path


def test_the_commands_of_the_readme_are_those_of_ci():
    """.ci/run takes the test command from the README; both set-ups are one line each and name no registry."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    setups = [line for line in readme if line.startswith("python3 -m venv ")]
    assert any(line.endswith("resim run") for line in setups)
    assert sum("-m pytest" in line for line in setups) == 1
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    for file in (text, "\n".join(setups), (ROOT / "pyproject.toml").read_text(encoding="utf-8")):
        assert "://" not in file
        assert "index-url" not in file
