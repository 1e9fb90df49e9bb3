"""Traces taken from the real libraries: every decision, every state, every counter.

``RESIM_CONFORMANCE_DIR=DIR pytest tests/conformance`` runs the traces of another folder too. A trace that the runner
cannot express fails.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.breakers import Drive
from conformance.compare import differences
from conformance.document import Document, Unsupported, files, read
from conformance.http_retries import run_cockatiel, run_urllib3
from conformance.limiters import run_limiter
from conformance.retries import run_retry

EXCEPTIONS: dict[str, str] = json.loads(Path(__file__).with_name("exceptions.json").read_text(encoding="utf-8"))


def run_breaker(document: Document) -> tuple[list[str], list[str]]:
    """Differences of a whole sequence."""
    drive = Drive(document)
    decisive: list[str] = []
    counters: list[str] = []
    for number, step in enumerate(document["steps"]):
        drive.step(step)
        wrong, inexact = differences(step, number, drive.seen)
        decisive += wrong
        counters += inexact
    return decisive, counters


RUNNERS = {"circuit_breaker": run_breaker, "retry": run_retry, "rate_limiter": run_limiter}
OF_LIBRARY = {("retry", "urllib3"): run_urllib3, ("retry", "cockatiel"): run_cockatiel}


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_trace(path: Path) -> None:
    """The machine does what the library did."""
    document = read(path)
    runner = OF_LIBRARY.get((document["kind"], document["library"])) or RUNNERS.get(document["kind"])
    if runner is None:
        raise Unsupported(f"kind {document['kind']!r}")
    decisive, counters = runner(document)
    assert not decisive, "\n".join(decisive)
    if document["id"] not in EXCEPTIONS:
        assert not counters, "\n".join(counters)
