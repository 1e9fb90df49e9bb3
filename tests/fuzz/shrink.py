"""Makes what was found small: fewer steps, fewer files, fewer lines, as long as the same thing is wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace

from .case import Case

Broken = Callable[[Case], bool]


def signature(problem: str) -> str:
    """The same for findings that are probably one."""
    return re.sub(r"0x[0-9a-f]+|[0-9.]+|'[^']*'|\"[^\"]*\"|`[^`]*`", "#", problem)[:140]


def smaller(case: Case, broken: Broken, seconds: float = 12.0) -> Case:
    """The smallest that was found in that time."""
    end = time.monotonic() + seconds

    def tried(other: Case) -> bool:
        return time.monotonic() < end and broken(other)

    for at in reversed(range(len(case.steps))):
        fewer = case.steps[:at] + case.steps[at + 1 :]
        if fewer and tried(replace(case, steps=fewer)):
            case = replace(case, steps=fewer)
    for name in list(case.files):
        fewer_files = {key: value for key, value in case.files.items() if key != name}
        if tried(replace(case, files=fewer_files)):
            case = replace(case, files=fewer_files)
    for name, content in case.files.items():
        if b"\0" in content or len(content) > 1_000_000:
            continue
        for parts in (content.splitlines(keepends=True), None):
            pieces = parts if parts is not None else re.findall(rb"[^,{}\[\]]+|[,{}\[\]]", case.files[name])
            case = _fewer(case, name, pieces, tried)
    return case


def _fewer(case: Case, name: str, pieces: list[bytes], tried: Broken) -> Case:
    size = len(pieces) // 2
    while size:
        at = 0
        while at < len(pieces):
            rest = pieces[:at] + pieces[at + size :]
            other = case.with_file(name, b"".join(rest))
            if tried(other):
                case, pieces = other, rest
            else:
                at += size
        size //= 2
    return case
