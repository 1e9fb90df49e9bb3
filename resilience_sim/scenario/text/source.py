"""Where a scenario's text comes from: a path, a shipped name, or standard input."""

from __future__ import annotations

import errno
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.text import shipped
from resilience_sim.settings import codes
from resilience_sim.settings.suggest import nearest

LARGEST = 2 * 1024 * 1024
ENDING = ".yaml"
STDIN = "-"
_SCENARIO = re.compile(r"^(?:\{[ \t]*)?[\"']?resim[\"']?[ \t]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Text:
    """A scenario's text; ``path`` as it is shown, ``folder`` where its data files are."""

    text: str
    path: str
    folder: Path
    stem: str


def is_scenario(text: str) -> bool:
    """Whether a text is meant as a scenario: it says so with its key ``resim``."""
    return "resim" in text and _SCENARIO.search(text) is not None


def is_file(name: str | Path) -> bool:
    """Whether there is such a file; what no file can be called is none."""
    try:
        return name != "" and Path(name).is_file()
    except (OSError, ValueError):
        return False


def names_scenario(name: str) -> bool:
    """Whether a word means a scenario, there or not: that of a YAML file, or of one that is shipped."""
    return name.endswith((ENDING, ".yml")) or shipped.find(name) is not None


def is_folder(name: str | Path) -> bool:
    """Whether there is such a folder; an empty name is not this one."""
    try:
        return name != "" and Path(name).is_dir()
    except (OSError, ValueError):
        return False


def file_named(source: str) -> str:
    """``checkout.yaml`` for ``checkout``, where there is such a file and nothing else of that name."""
    if source == STDIN or shipped.find(source) is not None:
        return source
    path, other = Path(source), Path(f"{source}{ENDING}")
    try:
        return source if path.suffix or path.exists() or not other.is_file() else str(other)
    except (OSError, ValueError):
        return source


def read(source: str, encoding: Callable[[bytes], str] | None = None) -> Text:
    """The text of a scenario, or a ScenarioError that says what to do. ``encoding``: of bytes that are not UTF-8."""
    if source == STDIN:
        return Text(_decode(_standard_input(), STDIN), STDIN, Path(), "stdin")
    known = shipped.find(source)
    try:
        source = file_named(source)
        path = Path(source)
        if known is not None and not path.is_file():
            return Text(_decode(_bytes(known), source), source, known.parent, known.stem)
        if path.is_dir():
            inside = sorted(each.name for each in path.glob("*.yaml"))[:5]
            found = ", ".join(f"`{path / name}`" for name in inside)
            raise _failed(source, "it is a folder", f"it holds {found}" if inside else "name a scenario file")
        raw = _bytes(path)
        return Text(_decode(raw, source, encoding(raw) if encoding else "utf-8-sig"), source, path.parent, path.stem)
    except FileNotFoundError:
        raise _failed(source, "no such file or shipped scenario", _suggest(Path(source))) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a usable name"
        raise _failed(source, f"cannot be read: {why}", "check the name and your rights to the file") from None


def _standard_input() -> bytes:
    stream = sys.stdin
    try:
        binary = getattr(stream, "buffer", None)
        raw = binary.read(LARGEST + 1) if binary is not None else stream.read(LARGEST + 1).encode()
    except (AttributeError, OSError, ValueError):
        raise _failed(STDIN, "standard input cannot be read", "pipe a scenario in, or name a file") from None
    return bytes(raw)


def _bytes(path: Path) -> bytes:
    refuse_special(path)
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def refuse_special(path: Path) -> None:
    """OSError for what is neither a file nor a folder: a fifo may never answer, a device never end."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and path.parent.name != "fd":  # the shell's `<(…)` is answered
        raise OSError(errno.EINVAL, "it is no file but a pipe or a device")


def _decode(raw: bytes, name: str, encoding: str = "utf-8-sig") -> str:
    if len(raw) > LARGEST:
        raise _failed(name, "larger than 2 MiB", "is it a scenario? measured data goes into files of its own")
    if raw.startswith(b"SQLite format 3"):
        raise _failed(name, "this is a recording, not a scenario", f"try `resim replay {name}`")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise _failed(name, "the file is UTF-16", "save it as UTF-8") from None
        line = raw.count(b"\n", 0, error.start) + 1
        what = "binary data" if b"\0" in raw[:4096] else f"line {line} is not UTF-8"
        raise _failed(name, f"not text: {what}", "save it as UTF-8") from None
    if "\0" in text:
        raise _failed(name, "not text: binary data", "a scenario is a YAML file")
    return text


def _suggest(path: Path) -> str:
    beside: list[str] = []
    try:
        for each in list(path.parent.iterdir())[:500]:
            if each.suffix in (".yaml", ".yml"):
                beside.append(str(path.parent / each.name))
    except (OSError, ValueError):
        pass
    ranked = nearest(path.name, {Path(each).name for each in beside} | set(shipped.names()))
    if not ranked and path.suffix in (".yaml", ".yml"):
        ranked = nearest(path.stem, shipped.names())
    if ranked:
        full = next((each for each in beside if Path(each).name == ranked[0]), ranked[0])
        return f"did you mean `{full}`?"
    return "`resim list` shows what is shipped, `resim init` writes a new scenario"


def _failed(name: str, message: str, remedy: str) -> ScenarioError:
    return ScenarioError([Diagnostic(codes.UNREADABLE, message, name, help=remedy)])
