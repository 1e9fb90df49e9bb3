"""Which form runs, and that an old build never wins over edited source."""

from __future__ import annotations

import importlib.util
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from resilience_sim import _build_mode

from .forms import HOW, ROOT, run


def test_both_are_there_and_say_so(compiled):
    """By RESIM_PURE at run time."""
    assert run(compiled, "-c", HOW) == "compiled"
    assert run("interpreted", "-c", HOW).startswith("interpreted")
    asked = f"import os; os.environ['RESIM_PURE'] = '1'; {HOW}"
    assert run(compiled, "-c", asked) == "interpreted (RESIM_PURE is set)"
    no = f"import os; os.environ['RESIM_PURE'] = '0'; {HOW}"
    assert run(compiled, "-c", no) == "compiled"


def test_frames_die_into_free_lists(compiled):
    """What tools/mypyc_freelist.py does to the C code of this version of mypyc took effect: a seventh of the speed."""
    code = compiled / "build" / "__native_resilience_sim.c"
    if not code.exists():
        pytest.skip("built elsewhere")
    assert code.read_text().count("Timed_free_count++") == 1


def test_every_file_of_the_core_is_compiled(compiled):
    """But what stays interpreted on purpose (setup.py)."""
    code = (
        "import sys, pkgutil, importlib, resilience_sim.runs.simulate\n"
        "for room in ('kernel', 'policies', 'policies.rules', 'world'):\n"
        "    package = importlib.import_module('resilience_sim.' + room)\n"
        "    for found in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(found.name)\n"
    )
    code += (
        "print(*(f'{n} {m.__file__}' for n, m in sys.modules.items() if n.startswith('resilience_sim.')), sep='\\n')"
    )
    files = dict(line.split() for line in run(compiled, "-c", code).splitlines())
    sources = {name for name, file in files.items() if file.endswith(".py")}
    core = {
        name for name in files
        if name.split(".")[1] in {"kernel", "policies", "world"} and not files[name].endswith("__init__.py")
    }  # fmt: skip
    assert len(core) > 30
    left = core & sources
    assert left == {"resilience_sim.kernel.vectors", "resilience_sim.kernel.format"}
    assert "resilience_sim.measure.run_fold" in set(files) - sources


@pytest.fixture
def checkout(tmp_path):
    """A checkout in small, and its own copy of _build_mode.py: nothing compiled."""
    package = tmp_path / "resilience_sim"
    for room in (*_build_mode.ROOMS, *_build_mode.PARTLY):
        (package / room).mkdir(parents=True)
        for name in ("__init__", "one", "two"):
            age(package / room / f"{name}.py", 100)
    (tmp_path / "pyproject.toml").touch()
    (package / "_build_mode.py").write_text(Path(_build_mode.__file__).read_text())
    return package


def age(path: Path, seconds: int) -> None:
    """Touch it, so many seconds ago."""
    path.touch()
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def outdated(package: Path) -> list[str]:
    spec = importlib.util.spec_from_file_location("form_of_checkout", package / "_build_mode.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.outdated()


def test_source_newer_than_its_compiled_form_is_noticed(checkout):
    """Nothing compiled; all compiled; one edited; a new one; folds that are not compiled do not count."""
    suffix = EXTENSION_SUFFIXES[0]
    assert outdated(checkout) == []
    for room in _build_mode.ROOMS:
        for name in ("one", "two"):
            age(checkout / room / (name + suffix), 500)  # built once, and led into ever since
    for room in _build_mode.PARTLY:
        age(checkout / room / ("one" + suffix), 500)
    assert outdated(checkout) == []
    age(checkout.parent / (_build_mode.LIBRARY + suffix), 50)
    assert outdated(checkout) == []
    for room in _build_mode.PARTLY:
        (checkout / room / "two.py").touch()
    assert outdated(checkout) == []
    (checkout / "measure" / "one.py").touch()
    (checkout / "kernel" / "two.py").touch()
    (checkout / "policies" / "three.py").touch()
    found = [file.replace(os.sep, "/") for file in outdated(checkout)]
    assert found == ["kernel/two.py", "measure/one.py", "policies/three.py"]
    (checkout.parent / "pyproject.toml").unlink()  # installed: nobody edits there
    assert outdated(checkout) == []


def test_this_checkout_is_where_the_tests_look():
    """The forms are those of this very source."""
    assert Path(_build_mode.__file__).is_relative_to(ROOT)
