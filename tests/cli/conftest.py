"""A folder to work in, with a scenario and a recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import QUICK, resim


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder but for ``quick.yaml``, and the place where commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick.yaml").write_text(QUICK, encoding="utf-8")
    return tmp_path


@pytest.fixture
def recording(here: Path) -> Path:
    """``r.resim``, a run of quick.yaml."""
    assert resim("run", "quick.yaml", "-q", "--save", "r.resim").code == 0
    return here / "r.resim"
