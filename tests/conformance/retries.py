"""Drives a RuleRetry through one logical call of a tenacity trace."""

from __future__ import annotations

from typing import Any

from conformance.compare import same
from conformance.document import Document, Unsupported, ns
from resilience_sim.policies.rules.retry import STOP, Draws, Ended, Memory, RuleRetry, again
from resilience_sim.settings.tenacity import tenacity

# class -> what it derives from
CLASSES: dict[str, tuple[str, ...]] = {
    "A": ("Exception", "BaseException"),
    "B": ("Exception", "BaseException"),
    "SubA": ("A", "Exception", "BaseException"),
    "Limited": ("Exception", "BaseException"),
    "TryAgain": ("Exception", "BaseException"),
    "Fatal": ("BaseException",),
}
UNNAMED = ("Exception", "BaseException")


class Script(Draws):
    """The numbers of the trace, in order."""

    def __init__(self, numbers: list[float]) -> None:
        self._numbers = numbers
        self.taken = 0

    def next(self) -> float:
        """The next one."""
        if self.taken == len(self._numbers):
            raise AssertionError("more draws than the library took")
        self.taken += 1
        return self._numbers[self.taken - 1]


def ended(outcome: str) -> tuple[Ended, float]:
    """What an outcome is, and the hint it carries in seconds (-1: none)."""
    word, _, rest = outcome.partition(":")
    if word != "error":
        value = "None" if outcome == "none" else "ok" if outcome == "success" else rest or outcome
        return Ended(value, False), -1.0
    name, _, carried = rest.partition("=")
    name, _, message = name.partition("|")
    hint = float(carried) if carried else -1.0
    return Ended(name, True, (name, *CLASSES.get(name, UNNAMED)), message or name), hint


def run_retry(document: Document) -> tuple[list[str], list[str]]:
    """Differences of the whole call; draws are the stricter level."""
    if document["library"] != "tenacity":
        raise Unsupported(f"retry of {document['library']!r}")
    config = dict(document["config"])
    reraise = bool(config.pop("reraise", False))
    callback = config.pop("retry_error_callback", None)
    settings = tenacity(config)
    retry = RuleRetry(settings)
    predicate = settings.again
    assert predicate is not None
    script = Script(document.get("u", []))
    memory = Memory()
    now, slept, wrong = 0, 0, []
    final: dict[str, Any] = {}
    for number, step in enumerate(document["steps"], 1):
        if final:
            wrong.append(f"attempt {number} should not be made")
            break
        if not same(step["t"], now / 1e9):
            wrong.append(f"attempt {number} should begin at {step['t']}, begins at {now / 1e9}")
        now += ns(step["duration"])
        end, hint = ended(step["outcome"])
        memory.hint = hint * 1e9 if hint >= 0 else -1.0
        seen: dict[str, Any] = {"t_end": now / 1e9, "decision": "finish"}
        if (end.failed and end.name == "TryAgain") or again(predicate, end):
            wait = retry.next(number, number, now, memory, script)
            if wait == STOP:
                last = end.name if end.failed else f"value:{end.name}"
                final = (
                    {"result": "returned", "value": "fallback" if callback is True else str(callback), "last": last}
                    if callback is not None
                    else {"result": "raised" if reraise and end.failed else "RetryError", "last": last}
                )
            else:
                seen.update(decision="retry", delay=wait / 1e9)
                now += wait
                slept += wait
        else:
            final = {"result": "raised", "last": end.name} if end.failed else {"result": "returned", "value": end.name}
        for name, value in step["expect"].items():
            if not same(value, seen.get(name)):
                wrong.append(f"attempt {number}: {name} should be {value}, is {seen.get(name)}")
    final.update(t=now / 1e9, attempts=len(document["steps"]), total_sleep=slept / 1e9)
    for name, value in document["final"].items():
        expected = str(value) if name == "value" else value
        if name != "draws_consumed" and not same(expected, final.get(name)):
            wrong.append(f"final: {name} should be {value}, is {final.get(name)}")
    consumed = document["final"].get("draws_consumed", script.taken)
    inexact = [] if consumed == script.taken else [f"{consumed} draws should be taken, {script.taken} were"]
    return wrong, inexact
