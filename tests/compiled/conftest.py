"""The compiled form, once per session."""

from __future__ import annotations

from pathlib import Path

import pytest

from .forms import built


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder to put on the path."""
    base = tmp_path_factory.getbasetemp()
    return built(base if worker_id == "master" else base.parent)


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """As pytest-xdist's, which may not be there."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")
