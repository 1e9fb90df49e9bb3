"""Jupyter notebooks as Python source: each line of code on the line that it has in the notebook's file."""

from __future__ import annotations

import json
import re

from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError

_KIND = re.compile(r'\s*"cell_type": *"(\w+)"')
_SOURCE = re.compile(r'\s*"source": *\[\s*\Z')
_TEXT = re.compile(r'\s*("(?:[^"\\]|\\.)*"),?\s*\Z')
_MAGIC = re.compile(r"(\s*)(?:[%!?]|[A-Za-z_][\w.]*\?\??\s*\Z|[A-Za-z_]\w*\s*=\s*[%!])")
_STILL_PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun")
_TO_SCRIPT = "make a script of it: `jupyter nbconvert --to script`"


def as_python(path: str, text: str) -> str:
    """The code cells alone, everything else blank; columns are those of the code. ScenarioError where it cannot be."""
    try:
        whole = json.loads(text)
    except ValueError:
        raise _cannot(path, "no notebook: it is not JSON") from None
    cells = whole.get("cells") if isinstance(whole, dict) else None
    if not isinstance(cells, list):
        raise _cannot(path, "a notebook of a version before 4, which is not read")
    lines = ["" for _ in text.split("\n")]
    code, inside, python = False, False, True
    found = 0
    for number, line in enumerate(text.split("\n")):
        if inside:
            match = _TEXT.match(line)
            if match is None:
                inside = False
                continue
            said = json.loads(match.group(1)).rstrip("\n")
            if found == 0 and said.startswith("%%"):
                python = said.startswith(_STILL_PYTHON)
            found += 1
            magic = _MAGIC.match(said)
            lines[number] = "" if not python else f"{magic.group(1)}pass" if magic else said
        elif kind := _KIND.match(line):
            code = kind.group(1) == "code"
        elif code and _SOURCE.match(line):
            inside, python, found = True, True, 0
    if not any(lines) and any(isinstance(each, dict) and each.get("cell_type") == "code" and each.get("source")
                              for each in cells):  # fmt: skip
        raise _cannot(path, "a notebook whose lines of code do not stand on lines of their own")
    return "\n".join(lines)


def _cannot(path: str, why: str) -> ScenarioError:
    return ScenarioError([Diagnostic("RL200", f"{why}; nothing in it was looked at", path, help=_TO_SCRIPT)])
