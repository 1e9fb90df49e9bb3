"""Which form of the core runs: compiled or interpreted.

The choice is made once, when the package is imported. The core (kernel/, policies/, world/, the folds of measure/
and the codec of recording/) is one source in two forms, and where both are there they lie side by side: ``sim.py`` and
``sim.….so``. Python takes the compiled one. The source is taken instead, for the whole core, when

* ``RESIM_PURE=1`` is set, or
* this is a checkout and a source file is newer than what was compiled: edited code never loses to an old build.
"""

from __future__ import annotations

# pathlib would cost every command ten milliseconds, typing five: type checkers take TYPE_CHECKING for true by its name
# ruff: noqa: PTH110, PTH113, PTH116, PTH118, PTH120
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ROOMS = ("kernel", "policies", os.path.join("policies", "rules"), "world")
PARTLY = ("measure", "recording")  # only some of their files are compiled
LIBRARY = "resilience_sim__mypyc"
VARIABLE = "RESIM_PURE"

_why = ""  # why the source was taken though the compiled form is there


class _SourceFinder:
    """Finds modules of this package by their source, whatever lies beside it."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        if not name.startswith("resilience_sim.") or path is None:
            return None
        from importlib.util import spec_from_file_location

        for folder in path:
            file = os.path.join(folder, name.rpartition(".")[2] + ".py")
            if os.path.isfile(file):
                return spec_from_file_location(name, file)
        return None  # a package, or nothing of ours


def select_core() -> None:
    """Take the source where it is asked for or newer. Called by the package itself, before any module of the core."""
    global _why
    if os.environ.get(VARIABLE, "") not in ("", "0"):
        _why = f"{VARIABLE} is set"
    elif outdated():
        _why = "the source is newer than what was compiled"
    if _why:
        sys.meta_path.insert(0, _SourceFinder)


def outdated() -> list[str]:
    """Sources of the core that are newer than what was compiled; only looked for in a checkout."""
    package = os.path.dirname(__file__)
    if not os.path.exists(os.path.join(package, os.pardir, "pyproject.toml")):
        return []
    try:
        # All of the machine code is in this one library; the files beside the sources only lead into it.
        built = os.stat(os.path.join(package, os.pardir, LIBRARY + EXTENSION_SUFFIXES[0])).st_mtime
    except OSError:
        return []
    sources: dict[str, float] = {}
    compiled = set()
    for room in (*ROOMS, *PARTLY):
        for entry in os.scandir(os.path.join(package, room)):
            stem = os.path.join(room, entry.name.partition(".")[0])
            if entry.name.endswith(".py"):
                sources[stem] = entry.stat().st_mtime
            elif entry.name.endswith(EXTENSION_SUFFIXES[0]):
                compiled.add(stem)
    return sorted(
        stem + ".py"
        for stem, changed in sources.items()
        if changed > built and (stem in compiled or not stem.startswith(PARTLY))
    )


def describe() -> str:
    """``compiled`` or ``interpreted``, the latter with its reason if the compiled form is there."""
    from resilience_sim.kernel.compiled import COMPILED

    if COMPILED:
        return "compiled"
    return f"interpreted ({_why})" if _why else "interpreted"
