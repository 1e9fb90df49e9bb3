"""All extremes of all parameters in both forms of the core, and what came out."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from compiled import extremes
from compiled.forms import run

PARTS = 25  # of one process each, a minute's work


def compare(compiled: Path | None) -> int:
    """Prints the differences and what ended badly, part by part; the exit code."""
    program = Path(extremes.__file__)
    forms: list[str | Path] = ["interpreted", *([compiled] if compiled else [])]
    ends: Counter[str] = Counter()
    for part in range(PARTS):
        with ThreadPoolExecutor() as pool:
            said = pool.map(run, forms, repeat(program), repeat(str(PARTS)), repeat(str(part)))
            found = [json.loads(each)[1] for each in said]
        ours, theirs = found[0], found[-1]
        differ = [f"{name}\n  {each}\n  {theirs[name]}" for name, each in ours.items() if theirs[name] != each]
        bad = [f"{name}: {each}" for form in found for name, each in form.items() if each.split()[0].isupper()]
        for line in [*differ, *bad]:
            print(line)
        ends.update("refused" if each.startswith("refused") else "ran" for each in ours.values())
        ends.update({"differences": len(differ), "bad ends": len(bad)})
        print(f"{part + 1}/{PARTS}: {dict(ends)} in {len(found)} forms", flush=True)
    return int(bool(ends["differences"] or ends["bad ends"]))
