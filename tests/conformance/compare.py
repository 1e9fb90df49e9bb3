"""What was expected against what was seen: at once decisions and states, and everything else as the stricter level."""

from __future__ import annotations

from typing import Any

DECISIVE = ("decision", "state")
NEAR = 1e-6


def same(expected: Any, seen: Any) -> bool:
    """Equal; numbers to a millionth, mappings in what is expected of them."""
    if isinstance(expected, dict):
        return isinstance(seen, dict) and all(same(value, seen.get(name)) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(seen, list) and len(expected) == len(seen) and all(map(same, expected, seen))
    if isinstance(expected, bool) or isinstance(seen, bool):
        return expected is seen
    if isinstance(expected, int | float) and isinstance(seen, int | float):
        return abs(expected - seen) <= NEAR * max(1.0, abs(expected))
    return bool(expected == seen)


def differences(step: dict[str, Any], number: int, seen: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Of one step: decisive ones, and in the counters."""
    expected = dict(step["expect"])
    if "events" in expected:
        expected["events"] = sorted(expected["events"])
    if "events" in seen and "events" not in expected and seen["events"]:
        expected["events"] = []
    decisive, counters = [], []
    for name, value in expected.items():
        if name not in seen:
            decisive.append(f"step {number}: {name} is not exposed")
        elif not same(value, seen[name]):
            text = f"step {number} (t={step['t']}, {step['op']}): {name} should be {value}, is {seen[name]}"
            (decisive if name in DECISIVE else counters).append(text)
    return decisive, counters
