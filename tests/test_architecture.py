"""The shape of the house: who may import whom, what the core may not touch.

The arrows are those of ARCHITECTURE.md, read from the imports in the source, lazy ones and those for type checkers
included.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest
from patience import PATIENCE

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "resilience_sim"
FILES = sorted(PACKAGE.rglob("*.py"))

# room -> the rooms that its files import, no more and no fewer
ARROWS: dict[str, set[str]] = {
    "kernel": set(),
    "settings": {"kernel"},
    "policies": {"settings", "kernel"},
    "world": {"policies", "settings", "kernel"},
    "recording": {"kernel"},
    "scenario": {"settings", "kernel"},
    "measure": {"settings", "kernel"},
    "wire": {"kernel"},
    "client": {"wire", "world", "policies", "settings", "kernel"},
    "runs": {"client", "measure", "recording", "scenario", "world", "policies", "settings", "kernel"},
    "serve": {"wire", "runs", "scenario", "world", "policies", "settings", "kernel"},
    "interop": {"scenario", "settings", "kernel"},
    "lint": {"interop", "runs", "scenario", "policies", "settings", "kernel"},
    "experiments": {"lint", "runs", "measure", "scenario", "settings", "kernel"},
    "views": {"experiments", "runs", "measure", "recording", "scenario", "settings", "kernel"},
    "api": {"experiments", "views", "runs", "measure", "scenario", "policies", "settings", "kernel"},
    "testing": {"api", "client", "runs", "measure", "settings", "kernel"},
    "play": {"views", "runs", "measure", "recording", "scenario", "policies", "settings", "kernel"},
    "cli": {"*"},
}
CORE = ("kernel", "settings", "policies", "world", "measure")
FORBIDDEN_IN_CORE = {"time", "random", "datetime", "os", "uuid", "secrets"}
TYPING_HELPERS = {"mypy_extensions", "librt"}  # librt: only to the compiler, see kernel/vectors.py
MAY_PRINT = ("cli", "views")
LONGEST = 600  # a file holds one idea, whole; beyond this it probably holds two


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Everything in the file."""
    return list(ast.walk(tree(path)))


def room(path: Path) -> str:
    """The room a file belongs to; the package's own files belong to none."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


@cache
def imports(path: Path) -> list[tuple[int, str]]:
    """(line, module) of every import; ``from x import y`` counts as x.y when that is a module of ours."""
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: imports are absolute"
            module = node.module or ""
            for alias in node.names:
                deeper = ROOT.joinpath(*module.split("."), alias.name)
                is_module = deeper.is_dir() or deeper.with_suffix(".py").exists()
                found.append((node.lineno, f"{module}.{alias.name}" if is_module else module))
    return found


def ours(module: str) -> str | None:
    """The module's name inside the package; None for other packages."""
    return module.removeprefix("resilience_sim").lstrip(".") if module.split(".")[0] == "resilience_sim" else None


def test_every_room_has_its_arrows():
    """A new room is a decision: it gets a line here and in ARCHITECTURE.md."""
    rooms = {room(path) for path in FILES} - {""}
    assert rooms == set(ARROWS)


@pytest.mark.parametrize("name", sorted(name for name in ARROWS if "*" not in ARROWS[name]))
def test_imports_point_downwards(name):
    """A room imports exactly the rooms it says: an arrow that nobody needs any more goes."""
    found: dict[str, str] = {}
    for path in FILES:
        if room(path) == name:
            for line, module in imports(path):
                inside = ours(module)
                if inside and inside.split(".")[0] != name:
                    found.setdefault(inside.split(".")[0], f"{path}:{line}")
    assert {there: found[there] for there in found if there not in ARROWS[name]} == {}
    assert ARROWS[name] <= set(found)


def test_the_arrows_have_no_cycle():
    """Downwards means that there is a bottom."""
    below = {name: arrows - {"*"} for name, arrows in ARROWS.items()}
    order: list[str] = []
    while len(order) < len(below):
        free = [name for name in below if name not in order and below[name] <= set(order)]
        assert free, f"a cycle among {set(below) - set(order)}"
        order += free


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules that reach each other."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = list(graph[start])
        while ahead:
            module = ahead.pop()
            if module not in seen:
                seen.add(module)
                ahead += graph[module]
        return seen

    reach = {module: reached(module) for module in graph}
    found: list[set[str]] = []
    for module in graph:
        circle = {other for other in reach[module] if module in reach[other]}
        if circle and circle not in found:
            found.append(circle)
    return found


@pytest.mark.parametrize("name", sorted(ARROWS))
def test_no_modules_of_a_room_import_each_other(name):
    """Also below the rooms there is a bottom; imports within functions and for type checkers count."""
    graph: dict[str, set[str]] = {}
    for path in FILES:
        if room(path) == name:
            module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
            graph[module] = {inside for _, there in imports(path) if (inside := ours(there)) and inside != module}
    graph = {module: {there for there in below if there in graph} for module, below in graph.items()}
    assert circles(graph) == []


def calls(path: Path, *names: str) -> list[str]:
    """Where a file calls one of these by its bare name."""
    return [
        f"{path}:{node.lineno}: {node.func.id}()"
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


# What follows looks at each of some 450 files: one test a rule, which names every place that breaks it.
IN_CORE = [path for path in FILES if room(path) in CORE]


def test_the_core_uses_only_the_standard_library():
    """And the typing helpers that mypyc needs."""
    allowed = {"resilience_sim", *sys.stdlib_module_names, *TYPING_HELPERS}
    foreign = [
        f"{path}:{line}: the core may not import {module}"
        for path in IN_CORE
        for line, module in imports(path)
        if module.split(".")[0] not in allowed
    ]
    assert foreign == []


def test_the_core_knows_no_wall_clock_and_no_other_chance():
    """No time, no dates, no global random numbers, no environment."""
    foreign = [
        f"{path}:{line}: {module}"
        for path in IN_CORE
        for line, module in imports(path)
        if module.split(".")[0] in FORBIDDEN_IN_CORE
    ]
    assert foreign == []


def is_set(node: ast.expr) -> bool:
    """``{a, b}``, ``{a for …}``, ``set(…)``, ``frozenset(…)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in {"set", "frozenset"}
    return isinstance(node, ast.Set | ast.SetComp)


def test_the_core_depends_on_no_hash_order():
    """It never walks over a set, nor asks for hashes or addresses."""
    found = [
        f"{path}:{node.iter.lineno}: order of a set"
        for path in IN_CORE
        for node in nodes(path)
        if isinstance(node, ast.For | ast.comprehension) and is_set(node.iter)
    ]
    found += [call for path in IN_CORE for call in calls(path, "hash", "id")]
    assert found == []


def test_nobody_prints_but_commands_and_views():
    """Data and diagnostics have one way out."""
    silent = [path for path in FILES if room(path) not in ("", *MAY_PRINT)]
    assert [call for path in silent for call in calls(path, "print")] == []


def test_every_module_says_what_it_is():
    """In its docstring. Classes and functions have one where it says something."""
    assert [path for path in FILES if not ast.get_docstring(tree(path))] == []


def private(name: str) -> bool:
    """Whether an attribute is for its own class only."""
    return name.startswith("_") and not name.startswith("__")


def uses_of_private(path: Path) -> list[str]:
    """Where a file reaches for ``x._name`` of somebody else."""
    of_self = {"self", "cls"}
    own = {node.name for node in nodes(path) if isinstance(node, ast.FunctionDef)}
    foreign = []
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and private(node.attr):
            if isinstance(node.value, ast.Name) and node.value.id in of_self:
                own.add(node.attr)
            elif not (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "super"):
                foreign.append(node)
    return [f"{path}:{node.lineno}: {ast.unparse(node)}" for node in foreign if node.attr not in own]


def test_nobody_uses_the_private_attributes_of_others():
    """Not ``x._name``, unless x is ``self`` or the file itself is what defines ``_name``."""
    assert [use for path in FILES for use in uses_of_private(path)] == []


def test_a_file_holds_one_idea():
    """So it is not very long."""
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {path: length for path, length in lines.items() if length > LONGEST} == {}


# The codec of recordings packs events bit by bit whatever they mean.
MAY_SHIFT = {"kernel/events.py", "recording/encode.py"}


def is_payload(node: ast.expr) -> bool:
    """``a``, ``b``, ``step.a``, ``event[4]``: the payload of an event."""
    if isinstance(node, ast.Name):
        return node.id in {"a", "b"}
    if isinstance(node, ast.Attribute):
        return node.attr in {"a", "b"}
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value in {4, 5}


def test_payloads_are_read_in_one_place():
    """An event means one thing: shifts and masks on its payload are those of kernel/events.py."""
    found = [
        f"{path}:{node.lineno}: use the readers of kernel/events.py"
        for path in FILES
        if path.relative_to(PACKAGE).as_posix() not in MAY_SHIFT
        for node in nodes(path)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.RShift | ast.LShift | ast.BitAnd)
        and is_payload(node.left)
    ]
    assert found == []


def test_the_core_runs_without_anything_installed():
    """A simulation needs neither YAML nor a terminal library: none is loaded by importing it."""
    import subprocess

    code = (
        "import sys\n"
        "import resilience_sim.runs.simulate\n"
        "heavy = {'yaml', 'rich', 'typer', 'sqlite3', 'multiprocessing'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
