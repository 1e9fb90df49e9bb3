"""The files of a folder that may be configuration or Python source, and their texts."""

from __future__ import annotations

import os
import tokenize
from io import BytesIO
from pathlib import Path

from resilience_sim.interop.documents import PYTHON
from resilience_sim.scenario.text import source
from resilience_sim.scenario.text.source import Text

SUFFIXES = (".yaml", ".yml", ".json", ".properties", ".env", ".ini", ".cfg")
# what tools make or bring along: nobody lints it
SKIPPED = frozenset(
    (
        "node_modules", "venv", "env", "virtualenv", "site-packages", "dist-packages", "__pycache__", "build", "dist",
        "target", "vendor", "third_party", "bower_components",
    )
)  # fmt: skip


def expanded(name: str, python: bool = False) -> list[str]:
    """A file's name as it is; of a folder all files in it that may be configuration, with ``python`` source too.

    Hidden folders and those that tools make are left out, whole.
    """
    if not source.is_folder(name):
        return [name]
    wanted = (*SUFFIXES, *PYTHON) if python else SUFFIXES
    found: list[str] = []
    for folder, below, files in os.walk(name):
        below[:] = sorted(each for each in below if not _skipped(Path(folder), each))
        found += [os.path.join(folder, each) for each in sorted(files) if each.lower().endswith(wanted)]  # noqa: PTH118
    return [each for each in sorted(found) if source.is_file(each)]


def _skipped(folder: Path, name: str) -> bool:
    return (
        name.startswith(".") or name in SKIPPED or name.endswith(".egg-info") or (folder / name / "pyvenv.cfg").exists()
    )


def read(name: str) -> Text:
    """The text of a file. Python says itself in which encoding it is (PEP 263); .properties need not be UTF-8."""
    if name.lower().endswith(".properties"):
        return source.read(name, _of_properties)
    return source.read(name, _encoding) if name.lower().endswith(PYTHON) else source.read(name)


def _of_properties(raw: bytes) -> str:
    """Spring Boot reads ISO 8859-1, where every byte is a letter, and people write UTF-8 in it: the same in ASCII."""
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _encoding(raw: bytes) -> str:
    try:
        return tokenize.detect_encoding(BytesIO(raw).readline)[0]
    except SyntaxError:  # it names one that is not known, or is not the UTF-8 that it should be
        return "utf-8-sig"
