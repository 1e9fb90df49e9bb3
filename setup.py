"""The one build step that pyproject.toml cannot say: the top-level folder ``scenarios`` ships inside the package.

In a checkout they are found where they are; in a wheel, as resilience_sim/shipped (scenario/shipped.py finds both).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

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
        return [*super().get_source_files(), *(str(source) for source in self._scenarios())]


setup(cmdclass={"build_py": BuildWithScenarios})
