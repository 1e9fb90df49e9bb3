"""The fingerprint: the same for the same settings, another for others, on every machine."""

import os
import subprocess
import sys

from .lab import FULL, HEAD, SOURCE, TRAFFIC, scenario


def digest(text: str, *overrides: str) -> str:
    """The fingerprint of a whole text."""
    return scenario(text, *overrides, head="").digest


def test_layout_comments_names_and_spelling_do_not_matter():
    """Only what decides the run does."""
    other = SOURCE.replace("name: flaky-b", "name: other # a comment").replace("10s", "10000ms")
    other = other.replace(
        "service: {latency: 50ms, failure_rate: 50%}", "service:\n  failure_rate: 50.0%\n  latency: 0.05s"
    )
    assert digest(SOURCE) == digest(other)


def test_every_setting_matters():
    """One changed value, one other digest, in a variant too."""
    seen = {digest(SOURCE)}
    for old, new in [
        ("50ms", "51ms"),
        ("attempts: 6", "attempts: 7"),
        ("requests: 20", "requests: 21"),
        ("99%", "98%"),
        ("baseline: as-written", "baseline: eager"),
        ("for: 15s", "for: 16s"),
    ]:
        seen.add(digest(SOURCE.replace(old, new)))
    seen.add(digest(SOURCE, "seed=2"))
    assert len(seen) == 8


def test_it_is_16_hexadecimal_digits_and_the_same_in_another_process():
    """Whatever the hash seed."""
    here = digest(FULL)
    assert len(here) == 16
    assert int(here, 16) >= 0
    code = "import sys; from resilience_sim.scenario.load import load_text as l; print(l(sys.stdin.read(), 'x').digest)"
    for seed in ("0", "123"):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            input=FULL,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert ran.stdout.strip() == here


def test_data_files_count(tmp_path):
    """The same name with other values is another scenario."""
    from resilience_sim.scenario.load import load_text

    text = HEAD + "traffic: {trace: t.csv}\n" + TRAFFIC.replace("traffic", "about: x #")
    assert load_text(text, "x", files={"t.csv": "1\n"}).digest != load_text(text, "x", files={"t.csv": "2\n"}).digest
