"""Finding the user's callable, and importing its modules anew, so that nothing is carried over from an earlier run."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from resilience_sim.client.blame import is_users
from resilience_sim.client.errors import OwnCodeError

HOW = "write it as --client module:callable, e.g. shop:checkout for checkout() in shop.py"
_known: dict[str, Callable[..., Any]] = {}  # callables that have no module to be imported from


def remember(call: Callable[..., Any], name: str) -> None:
    """Let a callable of this process be found by a name."""
    _known[name] = call


def forget(name: str) -> None:
    """No longer."""
    _known.pop(name, None)


def is_known(name: str) -> bool:
    """Whether it is one of them."""
    return name in _known


def check(target: str) -> None:
    """OwnCodeError where ``target`` cannot name a callable."""
    if target in _known:
        return
    module, colon, name = target.partition(":")
    if not colon or not module or not name:
        raise OwnCodeError(f"`{target}` names no callable", HOW)
    if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise OwnCodeError(f"`{target}` is not module:callable", HOW)


class Modules:
    """The user's modules as one client instance of one run has them."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._own: dict[str, ModuleType] = {}
        self._theirs: dict[str, ModuleType] = {}  # what was in their place before
        self._inside = False

    def find(self) -> Callable[..., Any]:
        """The callable, imported anew; to be called while they are in their place. OwnCodeError: there is none."""
        if self.target in _known:
            return _known[self.target]
        name, _, path = self.target.partition(":")
        try:
            found: Any = importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing = error.name or name
            if missing == name or name.startswith(missing + "."):
                raise OwnCodeError(f"there is no module `{missing}` here or among what is installed", HOW) from None
            raise
        for part in path.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                offers = [each for each, value in vars(found).items() if callable(value) and not each.startswith("_")]
                raise OwnCodeError(f"there is no `{path}` in `{name}`", _perhaps(path, offers)) from None
        if not callable(found):
            raise OwnCodeError(f"`{self.target}` is no callable but {type(found).__name__}", HOW)
        call: Callable[..., Any] = found
        return call

    def enter(self) -> None:
        """Put them into their place; the first time there are none, so that they are imported anew."""
        if self._inside or self.target in _known:
            return
        self._inside = True
        self._theirs = {name: module for name, module in sys.modules.items() if self._is_users(name, module)}
        for name in self._theirs:
            del sys.modules[name]
        sys.modules.update(self._own)

    def leave(self) -> None:
        """Put back what was there before."""
        if not self._inside:
            return
        self._inside = False
        self._own = {name: module for name, module in sys.modules.items() if self._is_users(name, module)}
        for name in self._own:
            del sys.modules[name]
        sys.modules.update(self._theirs)

    def _is_users(self, name: str, module: Any) -> bool:
        """Only what a target may have: a test that runs us, and whoever has started it, must stay what it is."""
        if name == "__main__" or name.partition(".")[0] in _KEPT:
            return False
        if name.partition(".")[0] == self.target.partition(":")[0].partition(".")[0]:
            return True
        file = getattr(module, "__file__", None)
        spec = getattr(module, "__spec__", None)
        if file is None or spec is None or not is_users(file):
            return False
        return not _is_of_tests(name, spec)


_KEPT = {"resilience_sim", "conftest", "sitecustomize", "usercustomize", "_pytest", "pytest"}


def _is_of_tests(name: str, spec: Any) -> bool:
    """Whether pytest has imported it: its tests and helpers are running."""
    return "pytest" in type(spec.loader).__module__ or name.rpartition(".")[2].startswith(("test_", "conftest"))


def can_import(module: ModuleType) -> bool:
    """Whether importing a module by its name gives it again, rather than a test that is running."""
    spec = getattr(module, "__spec__", None)
    return spec is not None and not _is_of_tests(module.__name__, spec) and module.__name__ != "__main__"


def _perhaps(path: str, offers: list[str]) -> str:
    from resilience_sim.settings.suggest import did_you_mean

    return did_you_mean(path, offers) or (f"it has {', '.join(sorted(offers)[:8])}" if offers else HOW)


def is_async(call: Callable[..., Any]) -> bool:
    """Whether calling it makes a coroutine."""
    inner = inspect.unwrap(call)
    return any(
        inspect.iscoroutinefunction(each)
        for each in (call, inner, _bare(call), getattr(type(call), "__call__", None))  # noqa: B004
    )


def _bare(call: Any) -> Any:
    while hasattr(call, "func"):  # functools.partial
        call = call.func
    return call


def takes_request(call: Callable[..., Any]) -> bool:
    """Whether it has a parameter ``request``. OwnCodeError where it needs others."""
    try:
        parameters = inspect.signature(call).parameters
    except (TypeError, ValueError):
        return False
    needed = [
        each.name
        for each in parameters.values()
        if each.default is each.empty
        and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    if others := [name for name in needed if name != "request"]:
        what = f"`{getattr(call, '__qualname__', call)}` needs {', '.join(f'`{name}`' for name in others)}"
        raise OwnCodeError(
            f"{what}, and is called without", "give it defaults, or wrap it; `request` alone is handed in"
        )
    return "request" in parameters


def prime(target: str) -> None:
    """Import the libraries that the user's modules import, so that they come to life in the real world.

    What they make while they are imported (locks, say) outlives the run. The user's own modules are only read.
    """
    if target in _known:
        return
    seen: set[str] = set()
    wanted = [target.partition(":")[0]]
    while wanted:
        name = wanted.pop()
        if name in seen or name.partition(".")[0] in _KEPT:
            continue
        seen.add(name)
        file = _file_of(name)
        if file is None or not is_users(file):
            with suppress(Exception):  # it says so itself when the user's module is imported
                importlib.import_module(name)
        else:
            wanted += _imported_by(file, name)


def _file_of(name: str) -> str | None:
    """The source of a module that need not be imported for it."""
    parts = name.split(".")
    path: Any = None
    spec = None
    for i in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: i + 1]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
        if path is None and i + 1 < len(parts):
            return None
    return spec.origin if spec is not None and spec.has_location else None


def _imported_by(file: str, name: str) -> list[str]:
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    package = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
    found = [".".join(name.split(".")[:i]) for i in range(1, name.count(".") + 1)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [each for each in found if each]
