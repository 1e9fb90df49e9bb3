"""A folder to work in, with a scenario and a recording."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from cli.shell import QUICK, resim


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder but for ``quick.yaml``, and the place where commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick.yaml").write_text(QUICK, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What ``run quick.yaml --save`` writes, made once."""
    place = tmp_path_factory.mktemp("recorded")
    (place / "quick.yaml").write_text(QUICK, encoding="utf-8")
    with contextlib.chdir(place):
        assert resim("run", "quick.yaml", "-q", "--save", "r.resim").code == 0
    return (place / "r.resim").read_bytes()


@pytest.fixture
def recording(here: Path, recorded: bytes) -> Path:
    """``r.resim``, a run of quick.yaml."""
    (here / "r.resim").write_bytes(recorded)
    return here / "r.resim"
