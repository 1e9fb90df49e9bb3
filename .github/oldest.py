"""Print the lower bounds of pyproject.toml as pip constraints: with them, the oldest allowed versions are installed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
HIGHER = {"rich": "14.2"}  # textual 8 needs it; without the extra `play`, rich 14.0 works
for requirement in [*project["dependencies"], *extras["play"], *extras["test"]]:
    bound = re.match(r"([\w-]+)>=([\w.]+)", requirement)
    if bound and bound[1] != "setuptools":  # the build brings its own
        print(f"{bound[1]}=={HIGHER.get(bound[1], bound[2])}")  # noqa: T201
