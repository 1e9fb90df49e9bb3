"""What a change brings is found at the change; what was there before is not said again."""

from __future__ import annotations

from resilience_sim.lint.check import lint_text

TEXT = """resim: 1
service: {latency: {exponential: 100ms}, workers: 10, queue: 50}
traffic: {rate: 20/s, duration: 60s}
stack:
  - retry: {attempts: 2, delay: 100ms, jitter: full, budget: 10%}
  - timeout: {after: 1s}
changes:
  - {at: 40s, remove: timeout}
  - {at: 30s, set: {retry.attempts: 9, retry.budget: null}}
  - {at: 30s, set: {retry.jitter: none}}
  - {at: 50s, set: {retry.attempts: 2}}
"""


def test_each_finding_points_to_the_change_that_brings_it() -> None:
    """Of several at one instant to the last; a stack between two of them never exists."""
    found = lint_text(TEXT, "x.yaml")
    assert [(each.code, each.path, each.line) for each in found] == [
        ("RL004", "changes.0", 8), ("RL006", "changes.2", 10), ("RL014", "changes.2", 10),
    ]  # fmt: skip
    assert all(each.message.startswith("after this change: ") for each in found)


def test_without_changes_there_is_nothing_to_find() -> None:
    assert lint_text(TEXT.partition("changes:")[0], "x.yaml") == []
    assert lint_text(TEXT, "x.yaml", ["changes=[]"]) == []
