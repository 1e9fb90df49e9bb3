"""A case: files in an empty folder, and what is done there one after the other. It can be kept as a small JSON file."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Step:
    """``argv``: a command of resim's. Otherwise ``call`` names a function of calls.py that takes ``with_``.

    ``makes``: files that the command may write. ``simulates``: it may take as long as it likes if Ctrl-C ends it, which
    is pressed after ``patience`` seconds of CPU.
    """

    argv: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    simulates: bool = False
    patience: float = 4.0
    call: str = ""
    with_: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return " ".join(["resim", *self.argv]) if self.argv else f"{self.call}{self.with_}"


@dataclass(frozen=True)
class Case:
    """``target``: who made it."""

    target: str
    files: dict[str, bytes]
    steps: tuple[Step, ...]
    about: str = ""
    found: tuple[str, ...] = field(default=(), compare=False)  # what was wrong when it was kept

    def to_json(self) -> str:
        files = {name: _packed(content) for name, content in self.files.items()}
        usual = vars(Step())
        steps = [{name: each for name, each in vars(step).items() if each != usual[name]} for step in self.steps]
        whole = {
            "target": self.target, "about": self.about, "found": self.found, "steps": steps, "files": files,
        }  # fmt: skip
        return json.dumps(whole, indent=1, ensure_ascii=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Case:
        whole = json.loads(text)
        steps = tuple(
            Step(**{name: tuple(value) if isinstance(value, list) else value for name, value in each.items()})
            for each in whole["steps"]
        )
        files = {name: _unpacked(content) for name, content in whole["files"].items()}
        return cls(whole["target"], files, steps, whole["about"], tuple(whole["found"]))

    def with_file(self, name: str, content: bytes) -> Case:
        return replace(self, files={**self.files, name: content})


def _packed(content: bytes) -> str | list[str] | dict[str, str]:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
    return text.splitlines(keepends=True) if "".join(text.splitlines(keepends=True)) == text and "\n" in text else text


def _unpacked(content: Any) -> bytes:
    if isinstance(content, dict):
        return base64.b64decode(content["base64"])
    return ("".join(content) if isinstance(content, list) else content).encode()


def read(path: Path) -> Case:
    return Case.from_json(path.read_text(encoding="utf-8"))
