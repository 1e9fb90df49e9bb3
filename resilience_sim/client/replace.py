"""Everything that stands in for something, put in its place while simulated code may run, and taken back.

Functions are found by what they are, wherever a loaded module holds them: ``from time import sleep`` makes no
difference, nor does a default argument. What stands in for them asks who calls (here.py), so that other threads, and
whatever is left over by mistake, get the real thing.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from resilience_sim.client import chance, clock, hosts, loop, poll, refusals, sockets, threads
from resilience_sim.client.blame import is_users

# Who has to do with running us, and never runs inside a simulation.
_NOT_LOOKED_AT = {
    "resilience_sim", "greenlet", "_pytest", "pytest", "xdist", "execnet", "pluggy", "hypothesis", "rich", "textual",
    "typer", "click", "pygments", "yaml", "numpy", "pandas", "scipy", "matplotlib", "distributed", "dask", "optuna",
}  # fmt: skip
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")
Patch = tuple[Any, str, Any, Any]  # whose, attribute, real, in its place


class Replacements:
    """For one process; :meth:`enter` and :meth:`leave` may be called again and again."""

    def __init__(self) -> None:
        found: dict[Any, Any] = {}
        for each in (clock, chance, threads, hosts, sockets, poll, loop):
            found.update(each.replacements())
        self._table = {id(real): (real, new) for real, new in found.items()}
        self._back = {id(new): (new, real) for real, new in found.items()}
        self._seen: dict[str, ModuleType] = {}
        self._patches: list[Patch] = []
        self._datetime = clock.DatetimeMethods()
        self._watch = refusals.Watch(self._on_load)
        self._before: set[str] = set()
        self._environment: dict[str, str] = {}
        self._last_resort: Any = None
        self._stdout: Any = None
        for where, name, new in (*chance.attributes(), *threads.attributes()):
            self._patches.append((where, name, getattr(where, name), new))

    def enter(self) -> None:
        """Put everything in its place."""
        self.look()
        for where, name, _, new in self._patches:
            setattr(where, name, new)
        self._datetime.enter()
        sys.meta_path.insert(0, self._watch)
        self._before = set(sys.modules)
        self._environment = {name: os.environ.pop(name) for name in list(os.environ) if name.lower() in _PROXIES}
        os.environ["no_proxy"] = ".resim"
        self._last_resort, logging.lastResort = logging.lastResort, logging.NullHandler()
        self._stdout, sys.stdout = sys.stdout, sys.stderr

    def leave(self) -> None:
        """Take everything back, also from modules that were loaded meanwhile."""
        sys.stdout = self._stdout
        logging.lastResort = self._last_resort
        os.environ.pop("no_proxy", None)
        os.environ.update(self._environment)
        sys.meta_path.remove(self._watch)
        self._datetime.leave()
        for where, name, real, _ in reversed(self._patches):
            setattr(where, name, real)
        for name in sys.modules.keys() - self._before:
            module = sys.modules[name]
            if self._looks_at(name, module):
                for where, attribute, _, real in list(_found(module, self._back)):
                    setattr(where, attribute, real)
        threads.forget()

    def look(self) -> None:
        """Look at the modules that were not there before."""
        for name, module in list(sys.modules.items()):
            if self._seen.get(name) is not module and self._looks_at(name, module):
                self._seen[name] = module
                self._patches += _found(module, self._table)
                if name in refusals.REFUSED:
                    self._refuse_in(module, name)

    def _looks_at(self, name: str, module: Any) -> bool:
        return isinstance(module, ModuleType) and name.partition(".")[0] not in _NOT_LOOKED_AT

    def _refuse_in(self, module: ModuleType, name: str) -> None:
        for where, attribute, new in refusals.in_module(module, name):
            self._patches.append((where, attribute, getattr(where, attribute), new))

    def _on_load(self, module: ModuleType, name: str) -> None:
        """A module has come while code runs, that has something to be refused."""
        if self._seen.get(name) is module:
            return
        self._seen[name] = module
        for where, attribute, new in refusals.in_module(module, name):
            self._patches.append((where, attribute, getattr(where, attribute), new))
            setattr(where, attribute, new)


def _found(module: ModuleType, table: Mapping[int, tuple[Any, Any]]) -> Iterator[Patch]:
    """Where a module holds what is in the table: by a name, in a class, as a default, in a closure, in an object."""
    held = vars(module)
    deep = is_users(getattr(module, "__file__", None) or "<") or module.__name__.partition(".")[0] not in _STDLIB
    for name, value in list(held.items()):
        known = table.get(id(value))
        if known is not None and known[0] is value:
            if isinstance(name, str):
                yield module, name, *known
        elif not deep:
            continue
        elif isinstance(value, FunctionType):
            if value.__module__ == module.__name__:
                yield from _in_function(value, table)
        elif isinstance(value, type):
            if value.__module__ == module.__name__:
                yield from _in_class(value, table)
        elif isinstance(value, functools.partial):
            known = table.get(id(value.func))
            if known is not None:
                yield module, name, value, functools.partial(known[1], *value.args, **value.keywords)
        elif type(value).__module__ == module.__name__ and hasattr(value, "__dict__"):
            for attribute, inside in list(vars(value).items()):
                known = table.get(id(inside))
                if known is not None and known[0] is inside:
                    yield value, attribute, *known


def _in_class(owner: type, table: Mapping[int, tuple[Any, Any]]) -> Iterator[Patch]:
    for name, value in list(vars(owner).items()):
        plain = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        known = table.get(id(plain))
        if known is not None and known[0] is plain:
            yield owner, name, value, known[1] if plain is value else staticmethod(known[1])
        elif isinstance(plain, FunctionType):
            yield from _in_function(plain, table)


def _in_function(function: FunctionType, table: Mapping[int, tuple[Any, Any]]) -> Iterator[Patch]:
    defaults = function.__defaults__
    if defaults and any(id(each) in table for each in defaults):
        yield function, "__defaults__", defaults, tuple(_swapped(each, table) for each in defaults)
    named = function.__kwdefaults__
    if named and any(id(each) in table for each in named.values()):
        yield function, "__kwdefaults__", named, {name: _swapped(each, table) for name, each in named.items()}
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # empty
            continue
        known = table.get(id(held))
        if known is not None and known[0] is held:
            yield cell, "cell_contents", *known


def _swapped(value: Any, table: Mapping[int, tuple[Any, Any]]) -> Any:
    known = table.get(id(value))
    return known[1] if known is not None and known[0] is value else value


_STDLIB = sys.stdlib_module_names


@functools.cache
def replacements() -> Replacements:
    """Those of this process."""
    return Replacements()
