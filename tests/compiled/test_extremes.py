"""Every parameter at its extremes: both forms of the core refuse the same, and what they run has the same digest."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .forms import run

LONGEST_WAIT = """
from resilience_sim.lint.check import lint_text

wait = "{kind: exponential_jitter, max: 9200000000, jitter: 9200000000}"
head = "resim: 1\\ntraffic: {rate: 1/s, requests: 20}\\n"
print(len(lint_text(f"{head}stack: [{{retry: {{like: tenacity, wait: {wait}}}}}]\\n", "s.yaml")))
"""
PROGRAM = Path(__file__).with_name("extremes.py")
ONE_IN = 97  # of 85,000; all of them: `python -m tests.fuzz --target extremes`


def test_extremes_are_the_same_in_both_forms(compiled: Path) -> None:
    """Digest, figures, levels and tables; none ends as nothing documented does, none takes long."""
    with ThreadPoolExecutor() as pool:
        theirs, ours = (
            json.loads(each)
            for each in pool.map(lambda form: run(form, PROGRAM, str(ONE_IN)), (compiled, "interpreted"))
        )
    assert theirs[0] == "compiled"
    assert ours[0].startswith("interpreted")
    outcomes = Counter("refused" if each.startswith("refused") else each.split()[0] for each in ours[1].values())
    assert outcomes["refused"] > 500
    assert len(ours[1]) - outcomes["refused"] > 75
    assert not {name: each for name, each in ours[1].items() if each.split()[0].isupper()}
    assert {name: (each, theirs[1][name]) for name, each in ours[1].items() if theirs[1][name] != each} == {}


def test_the_longest_waits_are_no_overflow(compiled: Path) -> None:
    """`lint` ended with "int too large to convert to i64" where the jitter is as long as the longest wait."""
    assert run(compiled, "-c", LONGEST_WAIT) == run("interpreted", "-c", LONGEST_WAIT)
