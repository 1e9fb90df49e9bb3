"""All extremes of all parameters in both forms of the core, and what came out."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compiled import extremes
from compiled.forms import run


def compare(compiled: Path | None, one_in: int = 1) -> int:
    """Prints the differences and what ended badly; the exit code."""
    program = Path(extremes.__file__)
    forms: list[str | Path] = ["interpreted", *([compiled] if compiled else [])]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda form: json.loads(run(form, program, str(one_in)))[1], forms))
    ours, theirs = found[0], found[-1]
    differ = [f"{name}\n  {each}\n  {theirs[name]}" for name, each in ours.items() if theirs[name] != each]
    bad = [f"{name}: {each}" for form in found for name, each in form.items() if each.split()[0].isupper()]
    for line in [*differ, *bad]:
        print(line)
    ends = Counter("refused" if each.startswith("refused") else "ran" for each in ours.values())
    print(f"{len(ours):,} extremes in {len(found)} forms: {dict(ends)}; differences {len(differ)}, bad ends {len(bad)}")
    return int(bool(differ or bad))
