"""The two build steps that pyproject.toml cannot say.

The top-level folder ``scenarios`` ships inside the package: in a checkout they are found where they are; in a wheel, as
resilience_sim/shipped (scenario/text/shipped.py finds both).

The core is compiled with mypyc where there is a C compiler, and otherwise left as it is (ARCHITECTURE.md, "One source,
two forms"). ``RESIM_PURE=1`` leaves it as it is; ``RESIM_COMPILE=1`` makes a failing compilation an error;
``RESIM_OPTIMIZE=0`` takes half the time to make a core that is half as fast, which is what the tests build; ``2``
optimizes without counting first (BuildCore, below).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from setuptools import Distribution, Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))  # beside this file, also in an isolated build
from mypyc_freelist import lengthen_free_lists

SCENARIOS = Path("scenarios")
SHIPPED = Path("resilience_sim", "shipped")


class BuildWithScenarios(build_py):
    """Copies the scenarios, but not for an editable install, where they stay what they are: files to edit."""

    def _scenarios(self) -> list[Path]:
        return sorted(path for path in SCENARIOS.iterdir() if path.is_file() and not path.name.startswith("."))

    def run(self) -> None:
        """Build afresh, then add the scenarios."""
        if self.editable_mode:
            super().run()
            return
        # What an earlier build left behind must not ship: a deleted scenario would come back.
        shutil.rmtree(Path(self.build_lib, SHIPPED.parent), ignore_errors=True)
        super().run()
        for source in self._scenarios():
            target = Path(self.build_lib, SHIPPED, source.name)
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Every file that is built, ours too."""
        ours = [] if self.editable_mode else [str(Path(self.build_lib, SHIPPED, s.name)) for s in self._scenarios()]
        return [*super().get_outputs(include_bytecode), *ours]

    def get_source_files(self) -> list[str]:
        """For the source distribution."""
        steps = [Path("tools", name) for name in ("mypyc_freelist.py", "profile_workload.py")]
        return [*super().get_source_files(), *(str(source) for source in (*self._scenarios(), *steps))]


PACKAGE = Path("resilience_sim")
FOLDS = (
    "breakers", "counters", "latencies", "outer_events", "recovery", "run_fold", "series", "services_fold", "story",
    "tables",
)  # fmt: skip

# Signed overflow wraps (the digest and the random numbers rely on it); a product and a sum are rounded one after the
# other, as the interpreter does it. The third tells the compiler that no function is replaced from outside: + 15 %.
UNIX_FLAGS = ["-fwrapv", "-ffp-contract=off", "-fvisibility=hidden"]
# On Linux: so does the first. The second calls Python without a detour. The others, which only gcc heeds, inline more:
# most functions here are an event's few lines, called from one place, but what mypyc writes for their errors is long.
GCC_FLAGS = [
    "-fno-semantic-interposition", "-fno-plt",
    "--param=max-inline-insns-auto=400", "--param=inline-min-speedup=3", "--param=inline-unit-growth=100",
]  # fmt: skip
# Profile-guided optimization: gcc counts how often each branch is taken, in code that need not be fast, then uses that.
# The counts fit only what is the same code after the early steps, so COUNT may do without late ones only.
COUNT = [
    "-fprofile-generate", "-g0", "-fno-gcse", "-fno-tree-pre", "-fno-schedule-insns2", "-fno-ivopts",
    "-fno-tree-vectorize", "-fno-code-hoisting", "-fno-ipa-cp",
    "--param=inline-unit-growth=0", "--param=max-inline-insns-auto=1", "--param=inline-min-speedup=100",
]  # fmt: skip
# Of inlined code gcc takes some that always runs for what never does: nothing is moved into a section apart.
USE = [
    "-fprofile-use", "-fno-reorder-blocks-and-partition", "-Wno-missing-profile", "-Wno-error=coverage-mismatch",
]  # fmt: skip

INTERPRETED = {"__init__.py", "vectors.py", "format.py"}  # vectors: see there; format: only people need it


def compiled_files() -> list[str]:
    """Every file of the core. Settings are not among them: frozen dataclasses that inherit stay interpreted."""
    files = [path for room in ("kernel", "policies", "world") for path in sorted((PACKAGE / room).rglob("*.py"))]
    files += [PACKAGE / "measure" / f"{name}.py" for name in FOLDS]
    files += [PACKAGE / "recording" / f"{name}.py" for name in ("encode", "decode")]
    return [path.as_posix() for path in files if path.name not in INTERPRETED]


def wants_compiling() -> bool:
    """Whether there is any point in trying."""
    if os.environ.get("RESIM_PURE", "") not in {"", "0"} or sys.implementation.name != "cpython":
        return False
    if os.environ.get("RESIM_COMPILE") or os.name == "nt":
        return True
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(compiler) is not None


class ResimDistribution(Distribution):
    """Says that there is something to compile before the list of extensions is known."""

    def has_ext_modules(self) -> bool:
        """Decides between a wheel for this platform and one for all."""
        return wants_compiling()


class BuildCore(build_ext):
    """Turns the core into C and compiles it; only for a build, asking for metadata costs nothing."""

    def finalize_options(self) -> None:
        """Make the C files, in which every class and every integer has its machine form."""
        if self.distribution.ext_modules is None and wants_compiling():
            self.distribution.ext_modules = self._generate()
        super().finalize_options()

    def _generate(self) -> list[Extension]:
        try:
            from mypyc.build import mypycify

            # Errors of types elsewhere in the package are none of the compiler's business.
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            # What says ``if COMPILED`` (kernel/compiled.py) is decided here, the other branch left out.
            options = ["--follow-imports=silent", "--python-version", version, "--always-true=COMPILED"]
            level = os.environ.get("RESIM_OPTIMIZE", "3")
            extensions = mypycify(
                [*options, *compiled_files()],
                opt_level=level,
                debug_level="0" if level == "0" else "1",
                group_name="resilience_sim",
            )
        except (Exception, SystemExit) as error:
            self._give_up(error)
            return []
        lengthen_free_lists(Path("build"))
        for extension in extensions:
            if os.name != "nt":
                flags = UNIX_FLAGS + GCC_FLAGS if sys.platform.startswith("linux") else UNIX_FLAGS
                extension.extra_compile_args = [*extension.extra_compile_args, *flags]  # mypyc gives all the same list
        return extensions

    def build_extensions(self) -> None:
        """Compile; where the compiler is gcc, which can count, twice: a fifth of a run's speed."""
        if os.environ.get("RESIM_OPTIMIZE", "3") == "3" and self._is_gcc():
            try:
                self._count()
            except Exception as error:
                if os.environ.get("RESIM_COMPILE"):
                    raise
                self.warn(f"the core is compiled without counts of its branches, a fifth slower: {error}")
            else:
                for extension in self.extensions:
                    extension.extra_compile_args = [*extension.extra_compile_args, *USE]
        super().build_extensions()

    def _is_gcc(self) -> bool:
        command = getattr(self.compiler, "compiler", None)
        if not command or not self.extensions or not sys.platform.startswith("linux"):
            return False
        asked = subprocess.run([command[0], "-v"], capture_output=True, text=True, check=False)
        return "gcc version" in asked.stderr

    def _count(self) -> None:
        """Let a core that counts simulate what ships; gcc keeps the counts beside the objects and finds them there."""
        for stale in Path(self.build_temp).rglob("*.gcda"):
            stale.unlink()
        with tempfile.TemporaryDirectory() as folder:
            with self._counting(folder):
                super().build_extensions()
            shutil.copytree(PACKAGE, Path(folder, PACKAGE), ignore=shutil.ignore_patterns("*.so"), dirs_exist_ok=True)
            shutil.copytree(SCENARIOS, Path(folder, SHIPPED))
            env = {name: value for name, value in os.environ.items() if name != "RESIM_PURE"}
            subprocess.run([sys.executable, Path("tools", "profile_workload.py"), folder], env=env, check=True)

    @contextmanager
    def _counting(self, folder: str) -> Iterator[None]:
        """What is built in between counts, and lands in ``folder``."""
        place, flags = self.build_lib, [(each.extra_compile_args, each.extra_link_args) for each in self.extensions]
        self.build_lib = folder
        for each in self.extensions:
            each.extra_compile_args = [*each.extra_compile_args, *COUNT]
            each.extra_link_args = [*each.extra_link_args, COUNT[0]]
        try:
            yield
        finally:
            self.build_lib = place
            for each, (compiling, linking) in zip(self.extensions, flags, strict=True):
                each.extra_compile_args, each.extra_link_args = compiling, linking

    def run(self) -> None:
        """Compile; without success the package works all the same, slower."""
        try:
            super().run()
        except Exception as error:
            self._give_up(error)
            self.extensions = []

    def _give_up(self, error: BaseException) -> None:
        if os.environ.get("RESIM_COMPILE"):
            raise error
        self.warn(f"the core stays interpreted, some sixty times slower: {error}")


setup(cmdclass={"build_py": BuildWithScenarios, "build_ext": BuildCore}, distclass=ResimDistribution)
