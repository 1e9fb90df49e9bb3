"""What tools/release.py asks of a release; building and comparing wheels is its own affair, and takes minutes."""

from __future__ import annotations

import datetime
import importlib.util
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
assert spec is not None
assert spec.loader is not None
release = importlib.util.module_from_spec(spec)
sys.modules["release"] = release
spec.loader.exec_module(release)

TODAY = datetime.date(2026, 12, 1)
LOG = "# Changelog\n\n## [Unreleased]\n\n{waiting}## [1.2.0]{date}\n\n### Added\n\n- That.\n\n## [1.1.0] - 2026-01-01\n"


def problems(waiting: str = "", date: str = " - 2026-12-01", version: str = "1.2.0") -> list[str]:
    return release.changelog_problems(LOG.format(waiting=waiting, date=date), version, TODAY)


def test_the_changelog_has_the_version_with_a_date_that_has_come_and_nothing_that_waits():
    """Each of them is named."""
    assert problems() == []
    assert problems(version="1.3.0") == ["CHANGELOG.md has no section for 1.3.0"]
    assert "has no date" in problems(date="")[0]
    assert "yet to come" in problems(date=" - 2026-12-02")[0]
    assert "Unreleased" in problems(waiting="### Fixed\n\n- This.\n\n")[0]


def test_a_wheel_is_held_against_the_tree_it_was_made_of():
    """What is missing, what is not compiled, and what does not belong there."""
    tree = ROOT
    package = {
        path.relative_to(tree).as_posix()
        for path in (tree / "resilience_sim").rglob("*")
        if path.suffix in {".py", ".json", ".css", ".js"} or path.name == "py.typed" or path.parent.name == "tours"
    }
    package = {name for name in package if "__pycache__" not in name}
    shipped = {f"resilience_sim/shipped/{path.name}" for path in (tree / "scenarios").iterdir()}
    rooms = ("kernel", "policies", "world", "measure", "recording")
    compiled = {f"resilience_sim/{room}/x.so" for room in rooms} | {"resilience_sim__mypyc.so"}
    whole = {*package, *shipped, *compiled, "pytest_resim.py", "r-1.dist-info/licenses/LICENSE", "r-1.dist-info/RECORD"}
    assert release.contents_problems(whole, tree) == []
    assert release.contents_problems(whole - {"pytest_resim.py"}, tree) == ["pytest_resim.py is missing"]
    assert release.contents_problems(whole - {"resilience_sim/world/x.so"}, tree) == ["nothing of world/ is compiled"]
    assert release.contents_problems(whole | {"tests/conftest.py"}, tree) == ["tests/conftest.py does not belong there"]


def test_digests_that_differ_or_are_too_few_stop_a_release():
    """The first of them is named."""
    same = {str(number): "d" for number in range(release.ENOUGH)}
    assert release.differences({"one.whl": same, "two.whl": dict(same)}) == []
    other = {**same, "7": "e"}
    assert release.differences({"one.whl": same, "two.whl": other}) == [
        "two.whl and one.whl differ in 1 digests, the first is 7"
    ]
    assert "100 should be" in release.differences({"one.whl": {"1": "d"}})[0]


def test_wheels_are_made_with_pinned_tools():
    """tools/build-constraints.txt pins what pyproject.toml asks for, with hashes."""
    pins = (ROOT / release.CONSTRAINTS).read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    exact = [line for line in project["build-system"]["requires"] if "==" in line]
    assert exact == ["mypy==2.4.1"]
    assert all(f"\n{requirement} \\\n    --hash=sha256:" in pins for requirement in exact)
    assert "\nsetuptools==" in pins
    assert release.runtime_of_mypyc(pins)["purl"] == "pkg:pypi/mypy@2.4.1#mypyc/lib-rt"


def test_a_python_is_looked_for_and_only_one_that_is_here_is_found():
    """This one may lack headers; one that nobody has is left out."""
    found = release.interpreters([f"3.{sys.version_info[1]}", "3.99"])
    assert "3.99" not in found
    assert all(path.exists() for path in found.values())
