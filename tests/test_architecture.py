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
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]

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


def room(path: Path) -> str:
    """The room a file belongs to; the package's own files belong to none."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, module) of every import; ``from x import y`` counts as x.y when that is a module of ours."""
    found = []
    for node in ast.walk(tree(path)):
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


@pytest.mark.parametrize("name", sorted(ARROWS))
def test_imports_point_downwards(name):
    """A room imports exactly the rooms it says: an arrow that nobody needs any more goes."""
    if "*" in ARROWS[name]:
        return
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


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in CORE], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_core_uses_only_the_standard_library(path):
    """And the typing helpers that mypyc needs."""
    for line, module in imports(path):
        top = module.split(".")[0]
        allowed = top == "resilience_sim" or top in sys.stdlib_module_names or top in TYPING_HELPERS
        assert allowed, f"{path}:{line}: the core may not import {module}"


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in CORE], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_core_knows_no_wall_clock_and_no_other_chance(path):
    """No time, no dates, no global random numbers, no environment."""
    for line, module in imports(path):
        assert module.split(".")[0] not in FORBIDDEN_IN_CORE, f"{path}:{line}: {module}"


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in CORE], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_core_depends_on_no_hash_order(path):
    """It never walks over a set, nor asks for hashes or addresses."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.For | ast.comprehension):
            over = node.iter
            called = over.func.id if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) else ""
            assert not isinstance(over, ast.Set | ast.SetComp), f"{path}:{over.lineno}: order of a set"
            assert called not in {"set", "frozenset"}, f"{path}:{over.lineno}: order of a set"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"hash", "id"}, f"{path}:{node.lineno}: {node.func.id}()"


@pytest.mark.parametrize(
    "path", [p for p in FILES if room(p) not in MAY_PRINT], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_nobody_prints_but_commands_and_views(path):
    """Data and diagnostics have one way out."""
    if room(path) == "":
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{path}:{node.lineno}: print()"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_module_says_what_it_is(path):
    """In its docstring. Classes and functions have one where it says something."""
    assert ast.get_docstring(tree(path)), path


def private(name: str) -> bool:
    """Whether an attribute is for its own class only."""
    return name.startswith("_") and not name.startswith("__")


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_nobody_uses_the_private_attributes_of_others(path):
    """Not ``x._name``, unless x is ``self`` or the file itself is what defines ``_name``."""
    nodes = list(ast.walk(tree(path)))
    of_self = {"self", "cls"}
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    foreign = []
    for node in nodes:
        if isinstance(node, ast.Attribute) and private(node.attr):
            if isinstance(node.value, ast.Name) and node.value.id in of_self:
                own.add(node.attr)
            elif not (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "super"):
                foreign.append(node)
    for node in foreign:
        assert node.attr in own, f"{path}:{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_holds_one_idea(path):
    """So it is not very long."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{path} has {lines} lines"


# The codec of recordings packs events bit by bit whatever they mean.
MAY_SHIFT = {"kernel/events.py", "recording/encode.py"}


def is_payload(node: ast.expr) -> bool:
    """``a``, ``b``, ``step.a``, ``event[4]``: the payload of an event."""
    if isinstance(node, ast.Name):
        return node.id in {"a", "b"}
    if isinstance(node, ast.Attribute):
        return node.attr in {"a", "b"}
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value in {4, 5}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_payloads_are_read_in_one_place(path):
    """An event means one thing: shifts and masks on its payload are those of kernel/events.py."""
    if path.relative_to(PACKAGE).as_posix() in MAY_SHIFT:
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift | ast.LShift | ast.BitAnd):
            assert not is_payload(node.left), f"{path}:{node.lineno}: use the readers of kernel/events.py"


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
