"""Whether to try again and after how long, by the rules of a library.

Owns the order: is the end of the attempt worth another one, how long would the wait be, is it time to stop. Sans-IO.
Refuses formulas (rules/waits.py), budgets (policies/budgets.py) and the libraries (rules/library_retries.py).
"""

from __future__ import annotations

import re
from typing import Final

from mypy_extensions import i64

from resilience_sim.policies.config_like_retry import AgainConfig, LikeRetryConfig, StopConfig
from resilience_sim.policies.rules.waits import Draws, Memory, Wait

STOP: Final = -1
FIVE_SECONDS: Final = 5_000_000_000


class Ended:
    """How an attempt ended: an error with its class and what that derives from, or a returned value."""

    __slots__ = ("causes", "failed", "lineage", "message", "name")

    def __init__(
        self, name: str, failed: bool, lineage: tuple[str, ...] = (), message: str = "", causes: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.failed = failed
        self.lineage = lineage or (name,)
        self.message = message
        self.causes = causes


def again(config: AgainConfig, end: Ended) -> bool:
    """Whether an end is worth another attempt; tenacity's retry_* and what others say with fewer words."""
    kind = config.kind
    if kind in {"any", "all"}:
        held = [again(each, end) for each in config.of]
        return any(held) if kind == "any" else all(held)
    if kind in {"always", "never"}:
        return kind == "always"
    if kind in {"result", "not_result"}:
        return not end.failed and (end.name in config.names) == (kind == "result")
    if not end.failed:
        return kind in {"unless_error", "not_message"}
    if kind in {"message", "not_message"}:
        matches = bool(re.match(config.pattern, end.message)) if config.pattern else end.message == config.text
        return matches == (kind == "message")
    if kind == "cause":
        return any(name in config.names for name in end.causes)
    return any(name in config.names for name in end.lineage) == (kind == "error")


def stops(config: StopConfig, attempt: i64, elapsed: i64, wait: i64) -> bool:
    """Whether to give up after failed attempt number ``attempt``."""
    kind = config.kind
    if kind == "attempts":
        return attempt >= config.limit
    if kind == "after":
        return elapsed >= config.limit
    if kind == "before":
        return elapsed + wait >= config.limit
    if kind == "exceeded":
        return elapsed > config.limit
    if kind == "any":
        return any(stops(each, attempt, elapsed, wait) for each in config.of)
    return kind == "all" and all(stops(each, attempt, elapsed, wait) for each in config.of)


class RuleRetry:
    """The machine: settings only; what a call remembers is its :class:`Memory`."""

    __slots__ = ("_hint", "_limit", "_stop", "_trims", "_wait")

    _limit: i64

    def __init__(self, config: LikeRetryConfig) -> None:
        self._wait = Wait(config.wait)
        self._stop = config.stop
        self._hint = config.rules.hint
        self._trims = config.rules.trims
        self._limit = config.limit

    def next(self, attempt: i64, retry: i64, elapsed: i64, memory: Memory, draws: Draws) -> i64:
        """The wait after attempt number ``attempt``, which was worth another one, or :data:`STOP`.

        ``retry`` is the number of the wait as backoff counts it; a hint may make that start anew.
        """
        w = self._wait.wait(retry, memory, draws)
        hint = memory.hint
        if hint >= 0.0:
            if self._hint in {"replaces", "restarts"}:
                w = hint
            elif self._hint == "bounds":
                w = min(max(w, hint), hint + float(FIVE_SECONDS))
        wait: i64 = int(w + 0.5)
        if stops(self._stop, attempt, elapsed, wait):
            return STOP
        if self._trims and self._limit:
            wait = max(0, min(wait, self._limit - elapsed))
        return wait
