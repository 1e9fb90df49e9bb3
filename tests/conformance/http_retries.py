"""Drives a RuleRetry through one call of a trace whose attempts end as HTTP requests do (urllib3, cockatiel)."""

from __future__ import annotations

from typing import Any

from conformance.compare import same
from conformance.document import Document, filled, native, ns
from conformance.retries import Script
from resilience_sim.kernel.events import ERROR, RATE_LIMITED, REFUSED, RESET, SUCCESS, TIMEOUT, UNAVAILABLE
from resilience_sim.policies.rules.retry import STOP, Draws, Memory, RuleRetry
from resilience_sim.settings.retry import LikeRetryConfig
from resilience_sim.settings.retry_libraries import LIBRARIES, emulate_retry

ENDS = {"ok": SUCCESS, "connect": REFUSED, "timeout": TIMEOUT, "reset": RESET, "429": RATE_LIMITED, "500": ERROR,
        "503": UNAVAILABLE, "success": SUCCESS, "failure": ERROR}  # fmt: skip
NAMES = {"connect": "NewConnectionError", "timeout": "ReadTimeoutError", "reset": "ProtocolError"}


def settings_of(config: dict[str, Any]) -> LikeRetryConfig:
    """From the arguments of ``Retry``; None is our ``unlimited``, or ``any``."""
    words = {"allowed_methods": "any"}
    params = {param.name: param for param in LIBRARIES["urllib3"]}
    given = {
        name: params[name].type.read(words.get(name, "unlimited") if value is None else value)
        for name, value in config.items()
    }
    return emulate_retry("urllib3", given)


class Beyond(Script):
    """Our machine also draws for the wait that is not made any more, after the last attempt."""

    def next(self) -> float:
        """The next one, or any."""
        return 0.5 if self.taken == len(self._numbers) else super().next()


class Call:
    """One call: what the machine says to each end of an attempt."""

    def __init__(self, config: LikeRetryConfig, method: str, draws: Draws) -> None:
        self.machine, self.memory, self.draws, self.method = RuleRetry(config), Memory(), draws, method
        self.now = 0
        self.attempts = 0
        self.slept = 0

    def ended(self, end: str, lasts: float) -> int:
        """The wait before the next attempt, or STOP."""
        self.now += ns(lasts)
        self.attempts += 1
        word, _, hint = end.partition("=")
        outcome, memory = ENDS[word], self.memory
        memory.hint = float(hint) * 1e9 if hint and float(hint) else -1.0
        memory.ends[outcome] = memory.ends.get(outcome, 0) + 1
        if outcome == SUCCESS or not self.machine.worth(outcome, bool(hint), self.method):
            return STOP
        wait = self.machine.next(self.attempts, self.attempts, self.now, memory, self.draws)
        if wait != STOP:
            self.now += wait
            self.slept += wait
        return wait


class OfAttempt(Draws):
    """Numbers that belong to attempts, as those of the engine do."""

    def __init__(self, numbers: list[float]) -> None:
        self._numbers = numbers
        self.attempt = 0

    def next(self) -> float:
        """The number of this attempt."""
        return self._numbers[self.attempt]


def run_urllib3(document: Document, numbers: list[float] | None = None) -> tuple[list[str], list[str]]:
    """Differences of the whole call; draws, unless they are of ``numbers`` by attempt, are the stricter level."""
    return _run(document, settings_of(document["config"]), document["method"], numbers)


def run_cockatiel(document: Document) -> tuple[list[str], list[str]]:
    """The same for a retry of cockatiel: a failure is a failure."""
    given = filled(LIBRARIES["cockatiel"], native(document["config"]))
    return _run(document, emulate_retry("cockatiel", given), "GET", None)


def _run(
    document: Document, config: LikeRetryConfig, method: str, numbers: list[float] | None
) -> tuple[list[str], list[str]]:
    script = Beyond(document.get("u", []))
    keyed = OfAttempt(numbers or [])
    call = Call(config, method, script if numbers is None else keyed)
    wrong: list[str] = []
    over = False
    for number, step in enumerate(document["steps"], 1):
        if over:
            wrong.append(f"attempt {number} should not be made")
            break
        if not same(step["t"], call.now / 1e9):
            wrong.append(f"attempt {number} should begin at {step['t']}, begins at {call.now / 1e9}")
        before = call.now
        keyed.attempt = number
        wait = call.ended(step["outcome"], step["duration"])
        over = wait == STOP
        seen = {"t_end": (before + ns(step["duration"])) / 1e9, "decision": "finish" if over else "retry"}
        seen.update({} if over else {"delay": wait / 1e9})
        for name, value in step["expect"].items():
            if not same(value, seen.get(name)):
                wrong.append(f"attempt {number}: {name} should be {value}, is {seen.get(name)}")
    final = {"t": call.now / 1e9, "attempts": call.attempts, "total_sleep": call.slept / 1e9}
    for name, value in final.items():
        if not same(document["final"][name], value):
            wrong.append(f"final: {name} should be {document['final'][name]}, is {value}")
    consumed = document["final"]["draws_consumed"]
    inexact = [] if numbers or consumed == script.taken else [f"{consumed} draws should be taken, {script.taken} were"]
    return wrong, inexact
