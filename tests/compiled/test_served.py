"""A served run, whose clients are Python, on a compiled core."""

from __future__ import annotations

import json
from pathlib import Path

from .forms import run

HERE = Path(__file__).parent


def test_both_forms_do_the_same(compiled):
    theirs = json.loads(run(compiled, HERE / "served.py"))
    ours = json.loads(run("interpreted", HERE / "served.py"))
    assert theirs[0] == "compiled"
    assert theirs[1:] == ours[1:]
    assert {"success", "error", "reset", "cut"} <= set(ours[2])
