"""Drives a RuleBreaker through a trace and compares: what each library exposes, in its own words."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from conformance.document import Document, Unsupported, filled, native, ns
from resilience_sim.kernel.events import CLOSED, HALF_OPEN, OPEN
from resilience_sim.policies.rules.breaker import BAD, GOOD, IGNORED, NEVER, REJECTED_CALL, WAITING_CALL, RuleBreaker
from resilience_sim.settings.breaker import DISABLED, FORCED_OPEN, ISOLATED, METRICS_ONLY
from resilience_sim.settings.breaker_libraries import LIBRARIES, emulate_breaker
from resilience_sim.settings.types import Duration

R4J = {CLOSED: "CLOSED", OPEN: "OPEN", HALF_OPEN: "HALF_OPEN", FORCED_OPEN: "FORCED_OPEN", DISABLED: "DISABLED",
       METRICS_ONLY: "METRICS_ONLY"}  # fmt: skip
GO = {CLOSED: "closed", OPEN: "open", HALF_OPEN: "half-open"}
POLLY = {CLOSED: "Closed", OPEN: "Open", HALF_OPEN: "HalfOpen", ISOLATED: "Isolated"}
COCKATIEL = {CLOSED: "closed", OPEN: "open", HALF_OPEN: "halfopen", ISOLATED: "isolated"}
SEMIAN = {CLOSED: "closed", OPEN: "open", HALF_OPEN: "half_open"}
NAMES = {"resilience4j": R4J, "Polly": POLLY, "gobreaker": GO, "failsafe-go": GO, "pybreaker": GO, "opossum": GO,
         "cockatiel": COCKATIEL, "semian": SEMIAN}  # fmt: skip
TARGETS = {
    "closed": CLOSED, "close": CLOSED, "open": OPEN, "open_for": OPEN, "half_open": HALF_OPEN, "half-open": HALF_OPEN,
    "forced_open": FORCED_OPEN, "disabled": DISABLED, "metrics_only": METRICS_ONLY, "isolated": ISOLATED,
}  # fmt: skip
PREDICATE = re.compile("ignore|record|exclu|IsSuccessful|Handle", re.IGNORECASE)  # told apart by their names
NAMED = re.compile(r'outcome "(\w+)"')
CONDITION = re.compile(r"\w+ *(<=|>=|<|>|==) *(\d+)")
COMPARE = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "==": operator.eq}
RENAMED = {
    "waitIntervalFunction.initial": "waitDurationInOpenState",
    "waitIntervalFunction.multiplier": "exponentialBackoffMultiplier",
    "waitIntervalFunction.max": "exponentialMaxWaitDurationInOpenState",
}
NESTED = {"failures": "threshold"}
IGNORE_BY_NAME = {"Polly", "failsafe-go", "opossum", "cockatiel", "semian"}
CODES = {"code_404": 404, "code_500": 500}


class Call:
    """A call in flight, or one that waits to be asked again."""

    def __init__(self, token: int, since: int) -> None:
        self.token = token
        self.since = since
        self.decision = "wait" if token == WAITING_CALL else "allow"


class Drive:
    """One breaker and what it said at the last step."""

    def __init__(self, document: Document) -> None:
        self.library: str = document["library"]
        if self.library not in NAMES:
            raise Unsupported(f"library {self.library!r}")
        self.config: dict[str, Any] = document["config"]
        self.settings = self._in_ns(native(self.config, tuple(filter(PREDICATE.search, self.config))))
        self.breaker = RuleBreaker(self._configured(), 0)
        self.slow_after = self._configured().slow_call
        self.calls: dict[str, Call] = {}
        self.seen: dict[str, Any] = {}
        self.waiting: list[Call] = []
        self._change = 0
        self._opened = 0

    def _configured(self) -> Any:
        library = self.library.lower()
        return emulate_breaker(library, filled(LIBRARIES[library], self.settings))

    def _in_ns(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Durations that are plain seconds in the library (pybreaker) have no suffix."""
        if "waitIntervalFunction.initial" in settings:
            settings["enableExponentialBackoff"] = True
        settings = {RENAMED.get(name, name): value for name, value in settings.items()}
        if "FailureThresholdPeriod" in settings:  # upstream's arguments have no names; this trace calls one `failures`
            period = settings["FailureThresholdPeriod"]
            settings["FailureThresholdPeriod"] = {NESTED.get(name, name): value for name, value in period.items()}
        times = {param.name for param in LIBRARIES[self.library.lower()] if isinstance(param.type, Duration)}
        plain = {name for name in times if name in self.config}
        return {name: ns(value) if name in plain else value for name, value in settings.items()}

    # --- outcomes ---

    def _named(self, words: str, outcome: str) -> bool:
        """Whether some predicate of the configuration whose name holds ``words`` names this outcome."""
        told = [str(value) for name, value in self.config.items() if re.search(words, name, re.IGNORECASE)]
        return any("always true" in text or outcome in NAMED.findall(text) for text in told)

    def kind(self, outcome: str) -> int:
        """What the library makes of an outcome under this configuration."""
        if outcome == "success":
            return GOOD
        if self.library == "pybreaker":
            return IGNORED if self._excluded(outcome) else BAD
        if outcome == "bad_result":
            return BAD if self._named("recordResult", outcome) else GOOD
        if outcome not in {"failure", "handled", "panic", "ignored", "unrecorded", "unhandled", "cancelled"}:
            raise Unsupported(f"outcome {outcome!r} of {self.library}")
        if self._named("ignore|exclu", outcome):
            return IGNORED
        if self._named("IsSuccessful", outcome) and outcome != "panic":
            return GOOD
        if outcome == "unrecorded":
            return GOOD  # resilience4j: an exception that is not recorded is a success
        if outcome in {"ignored", "unhandled", "cancelled"} and self.library in IGNORE_BY_NAME:
            return BAD if self.library == "opossum" and not self.config.get("ignored") else IGNORED
        return BAD

    def _excluded(self, outcome: str) -> bool:
        for rule in self.config.get("exclude", ()):
            condition = CONDITION.fullmatch(rule)
            if condition:
                if outcome in CODES and COMPARE[condition[1]](CODES[outcome], int(condition[2])):
                    return True
            elif not rule.isidentifier():
                raise Unsupported(f"exclude {rule!r}")
            elif rule in {"Exception", "BaseException"}:
                if rule == "BaseException" or outcome != "base_exception":
                    return True
            elif outcome in {"ignored", "ignored_subclass"}:
                return True
        return False

    # --- steps ---

    def step(self, step: dict[str, Any]) -> None:
        """Move the clock, then do one thing; what it exposes is in ``seen``."""
        now = ns(step["t"])
        breaker = self.breaker
        while breaker.due <= now and breaker.due != NEVER:
            breaker.on_time(breaker.due)
        self._change = len(breaker.changes)
        self._opened = sum(1 for change in breaker.changes if change.new == OPEN)
        breaker.open_time.asked = []
        self.seen = {}
        op = step["op"]
        act: Callable[[int, dict[str, Any]], None] | None = getattr(self, f"_do_{op}", None)
        if act is None:
            raise Unsupported(f"op {op!r}")
        act(now, step)
        self._ask_again(now)
        if op == "asked":
            self.seen["decision"] = self.calls[step["id"]].decision
        self._look(now)

    def _do_call(self, now: int, step: dict[str, Any]) -> None:
        call = self._ask(now)
        if call is not None:
            self._end(now, call, step["outcome"])

    def _do_start(self, now: int, step: dict[str, Any]) -> None:
        call = self._ask(now)
        if call is not None:
            self.calls[step["id"]] = call

    def _do_finish(self, now: int, step: dict[str, Any]) -> None:
        call = self.calls.pop(step["id"], None)
        if call is None:
            raise Unsupported(f"no call {step['id']!r} in flight")
        self._end(now, call, step["outcome"])

    def _do_record(self, now: int, step: dict[str, Any]) -> None:
        breaker = self.breaker
        breaker.result(now, breaker.generation << 3 | breaker.state, now, self.kind(step["outcome"]), 0, 0.5)

    def _do_peek(self, now: int, step: dict[str, Any]) -> None:
        pass

    def _do_asked(self, now: int, step: dict[str, Any]) -> None:
        pass

    def _ask_again(self, now: int) -> None:
        """Those that waited for a verdict, in the order they came."""
        while self.waiting and self.breaker.state != HALF_OPEN:
            call = self.waiting.pop(0)
            token = self.breaker.admit(now)
            if token == WAITING_CALL:
                self.waiting.append(call)
                break
            call.token, call.since = token, now
            call.decision = "reject" if token == REJECTED_CALL else "allow"

    def _do_health(self, now: int, step: dict[str, Any]) -> None:
        tally = self.breaker.tally
        tally.look(now)
        rate = tally.bad / tally.total if tally.total else 0.0
        self.seen["health"] = {"throughput": tally.total, "failure_rate": rate, "failure_count": tally.bad}

    def _do_force(self, now: int, step: dict[str, Any]) -> None:
        target = TARGETS.get(str(step["to"]).lower())
        if target is None:
            raise Unsupported(f"force to {step['to']!r}")
        lasts = ns(step["for"]) if "for" in step else -1
        if not self.breaker.force(now, target, lasts):
            self.seen["decision"] = "illegal_transition"

    def _do_reset(self, now: int, step: dict[str, Any]) -> None:
        self.breaker.reset(now)

    def _do_release(self, now: int, step: dict[str, Any]) -> None:
        self.breaker.release()

    def _do_set(self, now: int, step: dict[str, Any]) -> None:
        name, value = step["param"], step["value"]
        if PREDICATE.search(name):
            self.config = {**self.config, name: value}
            return
        bare = name.removesuffix("_s")
        timed = any(
            param.name == bare and isinstance(param.type, Duration) for param in LIBRARIES[self.library.lower()]
        )
        self.settings[bare] = ns(value) if timed else value
        self.breaker.reconfigure(self._configured(), now)

    def _ask(self, now: int) -> Call | None:
        breaker = self.breaker
        token = breaker.admit(now)
        if token == REJECTED_CALL:
            self.seen.update(decision="reject", raised="breaker_open")
            if self.library == "gobreaker":
                self.seen["error"] = "open" if breaker.state == OPEN else "too_many_requests"
            elif self.library == "Polly":
                isolated = breaker.state == ISOLATED
                self.seen["error"] = "isolated" if isolated else "broken_circuit"
                self.seen["retry_after"] = None if isolated else (breaker.blocked_until - now) / 1e9
            return None
        call = Call(token, now)
        self.seen.update(decision=call.decision, raised="none")
        if token == WAITING_CALL:
            self.waiting.append(call)
        return call

    def _end(self, now: int, call: Call, outcome: str) -> None:
        breaker = self.breaker
        opened = len([change for change in breaker.changes if change.new == OPEN])
        slow = 1 if self.slow_after and now - call.since > self.slow_after else 0
        breaker.result(now, call.token, call.since, self.kind(outcome), slow, 0.5)
        self.seen["raised"] = "none" if outcome == "success" else "original"
        tripped = len([change for change in breaker.changes if change.new == OPEN]) > opened
        if tripped and self.settings.get("throw_new_error_on_trip", True):
            self.seen["raised"] = "breaker_tripped"

    # --- what it exposes ---

    def _look(self, now: int) -> None:
        breaker = self.breaker
        before = self._counts()
        state = breaker.read(now)
        self.seen["state"] = NAMES[self.library][state]
        if self.library == "resilience4j":
            self.seen["metrics"] = self._r4j_metrics(now)
        elif self.library == "failsafe-go":
            self.seen["metrics"] = self._failsafe_metrics()
            left = max(0, breaker.blocked_until - now) if state == OPEN else 0
            self.seen["remaining_delay"] = left / 1e9
        elif self.library == "gobreaker":
            self.seen["counts_before_state_read"] = before
            self.seen["counts"] = self._counts()
        elif self.library == "opossum":
            calls, failures, _ = breaker.tally.counts(now)
            self.seen.update(fires=calls, failures=failures)
        elif self.library == "semian":
            self.seen["errors"] = breaker.tally.bad
        elif self.library == "pybreaker":
            self.seen["fail_counter"] = breaker.tally.run_bad
            self.seen["success_counter"] = breaker.successes
        elif self.library == "Polly":
            words = {OPEN: "opened", ISOLATED: "opened", HALF_OPEN: "half_opened", CLOSED: "closed"}
            news = [c for c in breaker.changes[self._change :] if not (c.new == c.old == CLOSED)]
            self.seen["events"] = sorted(words[change.new] for change in news)
            if breaker.open_time.asked:
                names = ("half_open_attempts", "failure_rate", "failure_count")
                self.seen["generator_args"] = dict(zip(names, breaker.open_time.asked, strict=True))

    def _counts(self) -> dict[str, int]:
        tally = self.breaker.tally
        return {
            "requests": tally.requests, "successes": tally.total - tally.bad, "failures": tally.bad,
            "exclusions": tally.excluded, "consecutive_successes": tally.run_good,
            "consecutive_failures": tally.run_bad,
        }  # fmt: skip

    def _r4j_metrics(self, now: int) -> dict[str, float]:
        tally = self.breaker.tally
        tally.look(now)
        known = 0 < tally.total >= tally.min_calls
        return {
            "failure_rate": tally.bad * 100 / tally.total if known else -1.0,
            "slow_call_rate": tally.slow * 100 / tally.total if known else -1.0,
            "buffered": tally.total, "failed": tally.bad, "successful": tally.total - tally.bad, "slow": tally.slow,
            "not_permitted": tally.rejected,
        }  # fmt: skip

    def _failsafe_metrics(self) -> dict[str, float]:
        tally = self.breaker.tally
        rate = int(tally.bad / tally.total * 100 + 0.5) / 100 if tally.total else 0
        good = tally.total - tally.bad
        return {
            "executions": tally.total, "failures": tally.bad, "failure_rate": rate, "successes": good,
            "success_rate": int(good / tally.total * 100 + 0.5) / 100 if tally.total else 0,
        }  # fmt: skip
