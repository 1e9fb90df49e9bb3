"""What each rule is held to: the settings that silence it, and what a simulation must show of its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.lint.check import subjects
from resilience_sim.lint.finding import Finding
from resilience_sim.lint.look import findings
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

FOLDER = Path(__file__).parent / "scenarios"
SECOND = 1_000_000_000


class Tape(Fold):
    """Every event."""

    def __init__(self) -> None:
        self.events: list[tuple[int, int, int, int, int, int]] = []

    def sees_services(self) -> bool:
        return True

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self.events.append((t, kind, source, rid, a, b))

    def of(self, kind: int) -> list[tuple[int, int, int, int, int, int]]:
        return [event for event in self.events if event[1] == kind]


@dataclass(frozen=True)
class Seen:
    """A run of the scenario."""

    metrics: dict[str, float | None]
    scoped: dict[str, dict[str, float | None]]
    document: dict[str, Any]
    tape: Tape


def text_of(code: str) -> str:
    return (FOLDER / f"{code}.yaml").read_text(encoding="utf-8")


def found_in(text: str, code: str) -> list[Finding]:
    return [each for subject in subjects(text, f"{code}.yaml", ()) for each in findings(subject) if each.code == code]


@cache
def seen(code: str) -> Seen:
    return seen_in(text_of(code))


def seen_in(text: str, seed: int = 7, only: tuple[str, ...] = ()) -> Seen:
    """``only``: these figures and no events, in half the time."""
    plan = load_text(text, "t.yaml").plan
    tape = Tape()
    result = simulate(plan, seed, metrics=only, digest=False) if only else simulate(plan, seed, [tape])
    metrics = {name: reading.value for name, reading in result.metrics.items()}
    scoped = {scope: {name: r.value for name, r in found.items()} for scope, found in result.scoped.items()}
    return Seen(metrics, scoped, result.document, tape)


def opened_at(run: Seen) -> int:
    """The instant of the first opening."""
    return next(t for t, _, _, _, a, _ in run.tape.of(ev.BREAKER) if a >> 8 & 0xFF == ev.OPEN)


def near(value: float | None, share: float = 0.1) -> Any:
    return pytest.approx(value, rel=share)


Check = Callable[[dict[str, float], Seen], bool]


@dataclass(frozen=True)
class Case:
    """``calm``: the change that silences the rule; ``expected``: its numbers; ``shows``: what the run confirms."""

    calm: tuple[str, str]
    expected: dict[str, float]
    shows: Check
    severity: str = "warning"
    assumes: bool = False
    extra: dict[str, float] = field(default_factory=dict)


def _inner_timeouts(run: Seen, position: int) -> int:
    """Timeouts that fired at the layer in this place; components: client, B, its replica, faults, then the layers."""
    fired = [source for _, _, source, _, _, _ in run.tape.of(ev.TIMED_OUT)]
    return sum(1 for source in fired if source == position)


def _one_request_opened(numbers: dict[str, float], run: Seen) -> bool:
    first = opened_at(run)
    failed = [rid for t, _, _, rid, a, _ in run.tape.of(ev.RESULT) if t <= first and a & 0xFF == ev.ERROR]
    return len(set(failed[-int(numbers["threshold"]) :])) == 1


def _same_wait(numbers: dict[str, float], run: Seen) -> bool:
    waits = {b for _, _, _, _, _, b in run.tape.of(ev.RETRY_WAIT)}
    return waits == {round(numbers["again_after"] * SECOND)} and len(run.tape.of(ev.RETRY_WAIT)) >= 40


def _stuck(numbers: dict[str, float], run: Seen) -> bool:
    changes = run.tape.of(ev.BREAKER)
    served = [t for t, _, _, _, a, _ in run.tape.of(ev.DONE) if a & 0xFF == ev.SUCCESS and t > 10 * SECOND]
    return changes[-1][4] >> 8 & 0xFF == ev.HALF_OPEN and not served


def _late(numbers: dict[str, float], run: Seen) -> bool:
    first = opened_at(run)
    late = [t - first for t, *_ in run.tape.of(ev.LATE_RESULT) if t - first < 4 * SECOND]
    return numbers["recovery"] * SECOND < max(late) <= numbers["inner"] * SECOND


def _forgotten(numbers: dict[str, float], run: Seen) -> bool:
    effects: dict[int, list[int]] = {}
    again = []
    for t, _, _, rid, a, _ in run.tape.of(ev.EFFECT):
        if a & 0xFF == ev.DUPLICATE:
            again.append((t - effects[rid][0]) / SECOND)
        effects.setdefault(rid, []).append(t)
    return bool(again) and min(again) >= numbers["ttl"] and max(again) <= numbers["last_try"]


def _rejected_each_time(numbers: dict[str, float], run: Seen) -> bool:
    counts: dict[int, int] = {}
    for _, _, _, rid, _, _ in run.tape.of(ev.REJECTED):
        counts[rid] = counts.get(rid, 0) + 1
    return max(counts.values()) == numbers["attempts"]


def _threads_first(numbers: dict[str, float], run: Seen) -> bool:
    turned = [t for t, _, _, _, a, _ in run.tape.of(ev.ARRIVE) if a == ev.TURNED_AWAY]
    return abs(turned[0] / SECOND - 5 - numbers["gone"]) < 0.1 and turned[0] < opened_at(run)


def _first_turned_away(numbers: dict[str, float], run: Seen) -> bool:
    turned = next(t for t, _, _, _, a, _ in run.tape.of(ev.ARRIVE) if a == ev.TURNED_AWAY)
    return abs(turned / SECOND - 5 - numbers["seconds"]) < 0.11


def _attempts_until_open(numbers: dict[str, float], run: Seen) -> bool:
    first = opened_at(run)
    return sum(t <= first for t, *_ in run.tape.of(ev.SENT)) == numbers["attempts"]


def _storm(numbers: dict[str, float], run: Seen) -> bool:
    late = [t for t, *_ in run.tape.of(ev.SENT) if 40 * SECOND < t < 60 * SECOND]
    served = [t for t, _, _, _, a, _ in run.tape.of(ev.DONE) if a & 0xFF == ev.SUCCESS and t > 40 * SECOND]
    return len(late) / 20 == near(numbers["demand"], 0.15) and len(served) < 20


def _reasons(run: Seen) -> set[int]:
    return {a & 0xFF for _, _, _, _, a, _ in run.tape.of(ev.BREAKER)}


def _opens_when_it_lasts(numbers: dict[str, float], run: Seen) -> bool:
    """Not in this outage; in one that is long enough, after the time that was named."""
    longer = seen_in(text_of("RL030").replace("for: 40s", "for: 90s"))
    after = longer.document["faults"][0]["detected_after"]
    return run.metrics["opened"] == 0 and after == near(numbers["seconds"], 0.05)


def _one_failure_opened(numbers: dict[str, float], run: Seen) -> bool:
    openings = [event for event in run.tape.of(ev.BREAKER) if event[4] & 0xFF == ev.WHY_FAILURE_SHARE]
    results = [a & 0xFF for _, _, _, _, a, _ in run.tape.of(ev.RESULT)]
    failing = sum(outcome != ev.SUCCESS for outcome in results) / len(results)
    alone = all((ev.first_of(pair), ev.second_of(pair)) == (1, 1) for *_, pair in openings)
    return len(openings) > 50 and alone and failing == near(numbers["failing"], 0.2)


def _waited_in_vain(numbers: dict[str, float], run: Seen) -> bool:
    waiting = {rid for _, _, _, rid, _, b in run.tape.of(ev.RETRY_WAIT) if b == round(numbers["hint"] * SECOND)}
    tries = [rid for _, _, _, rid, _, _ in run.tape.of(ev.SENT)]
    took = run.metrics["max"]
    return len(waiting) > 10 and all(tries.count(rid) == 1 for rid in waiting) and took == near(numbers["limit"], 1e-6)


def service(run: Seen, name: str) -> dict[str, Any]:
    """The figures of one of several services."""
    return next(each for each in run.document["services"] if each["name"] == name)


def _room_for_one(numbers: dict[str, float], run: Seen) -> bool:
    """The greedy one takes all; held to its share, it leaves the other alone."""
    text = text_of("RL036")
    one = CASES["RL036"].calm
    calm = seen_in(text.replace(*one))
    taken = service(run, "db")["busy_peak"] == numbers["workers"] and service(run, "prices")["latency"]["p90"] > 0.1
    return taken and service(calm, "prices")["latency"]["p90"] < 0.06


def _all_waiting(numbers: dict[str, float], run: Seen) -> bool:
    full = next(t for t, _, _, _, _, b in run.tape.of(ev.RECEIVED) if t > 5 * SECOND and b == ev.QUEUED_AT_B)
    return full / SECOND == near(5 + numbers["seconds"], 0.01) and service(run, "shop")["busy_peak"] == 20


CASES: dict[str, Case] = {
    "RL001": Case(
        ("deadline: 2s", "deadline: 4s"),
        {"worst": 3.4, "deadline": 2.0},
        lambda n, r: r.metrics["max"] == near(n["worst"], 1e-6),
        assumes=True,
    ),
    "RL002": Case(
        ("after: 1s", "after: 300ms"),
        {"inner": 1.0, "outer": 0.5},
        lambda n, r: _inner_timeouts(r, 4) == 0 < _inner_timeouts(r, 3),
        "error",
    ),
    "RL003": Case(
        ("after: 2s", "after: 600ms"),
        {"possible": 2, "attempts": 4},
        lambda n, r: r.metrics["attempts_per_request"] == n["possible"],
        assumes=True,
    ),
    "RL004": Case(("full}\n", "full}\n  - timeout: {after: 1s}\n"), {"seconds": 2.0}, _first_turned_away, "error"),
    "RL005": Case(
        ("inner, attempts: 3", "inner, attempts: 1"),
        {"attempts": 9, "budgeted": 9},
        lambda n, r: r.metrics["amplification"] == n["attempts"],
    ),
    "RL006": Case(("jitter: full", "jitter: full, budget: 10%"), {"capacity": 100.0, "demand": 180.0}, _storm),
    "RL007": Case(("threshold: 5", "threshold: 12"), {"attempts": 5, "threshold": 5}, _one_request_opened),
    "RL008": Case(("attempts: 4", "attempts: 1"), {"attempts": 12, "pause": 0.3}, _attempts_until_open, "info"),
    "RL009": Case(("min_calls: 100", "min_calls: 10"), {"calls": 20.0}, lambda n, r: r.metrics["opened"] == 0, "error"),
    "RL010": Case(
        ("window: 60s", "window: 10s"),
        {"seconds": 30.0, "calls": 300.0},
        lambda n, r: r.document["faults"][0]["detected_after"] == near(n["seconds"], 0.06),
    ),
    "RL011": Case(
        ("failure_rate: 20%", "failure_rate: 1%"),
        {"chance": 1.0, "failures": 0.2},
        lambda n, r: r.metrics["opened"] == near(n["per_hour"], 0.2),
        assumes=True,
    ),
    "RL012": Case(("time: 2s}\n", "time: 2s}\n  - timeout: {after: 1s}\n"), {"probes": 1}, _stuck, "error"),
    "RL013": Case(("time: 500ms", "time: 5s"), {"recovery": 0.5, "inner": 3.0}, _late, assumes=True),
    "RL014": Case(("delay: 2s", "delay: 2s, jitter: full"), {"again_after": 2.0, "waves": 2}, _same_wait),
    "RL015": Case(
        ("exponential", "exponential, max_delay: 2s"),
        {"last_wait": 25.6},
        lambda n, r: max(e[5] for e in r.tape.of(ev.RETRY_WAIT)) == near(n["last_wait"] * SECOND, 1e-9),
    ),
    "RL016": Case(
        ("delay: 0ms, jitter: none", "delay: 300ms, jitter: full"),
        {"attempts": 5, "patience": 0.0},
        lambda n, r: len(r.tape.of(ev.RETRY_WAIT)) == 40 and r.metrics["failed"] == 10,
        assumes=True,
    ),
    "RL017": Case(
        (
            "deduplicate: false}\noperation: {method: POST, idempotency_key: false}",
            "deduplicate: true}\noperation: {method: POST, idempotency_key: true}",
        ),
        {},
        lambda n, r: r.metrics["duplicates"] == near(n["duplicates_per_request"] * 5000),
        "error",
    ),
    "RL018": Case(("ttl: 2s", "ttl: 1h"), {"last_try": 6.75, "ttl": 2.0}, _forgotten, "error"),
    "RL019": Case(
        ("on: [error, breaker_open]", "on: [error]"), {"patience": 0.2, "recovery": 10.0}, _rejected_each_time
    ),
    "RL020": Case(
        ("max_concurrent: 20", "max_concurrent: 40"),
        {"load": 20.0, "rejected": 0.15889},
        lambda n, r: r.metrics["rejected"] == near(n["rejected"] * 20000),
    ),
    "RL021": Case(
        ("queue: 500", "queue: 50"),
        {"wait": 5.0, "patience": 1.0, "fits": 100},
        lambda n, r: (r.metrics["wasted_work"] or 0) > 0.8,
    ),
    "RL022": Case(
        ("budget: 250%", "budget: 10%"),
        {"allowed": 2.5, "retries": 2},
        lambda n, r: r.metrics["denied_by_budget"] == 0 and len(r.tape.of(ev.RETRY_WAIT)) > 300,
    ),
    "RL023": Case(
        (
            "  - retry: {attempts: 3, delay: 100ms, jitter: full}\n  - fallback: {latency: 1ms}",
            "  - fallback: {latency: 1ms}\n  - retry: {attempts: 3, delay: 100ms, jitter: full}",
        ),
        {"attempts": 1.0},
        lambda n, r: r.metrics["attempts_per_request"] == n["attempts"],
        "error",
    ),
    "RL024": Case(("after: 3s", "after: 300ms"), {"gone": 1.0, "opens": 5.45}, _threads_first, assumes=True),
    "RL025": Case(
        ("delay: 20ms", "delay: 400ms"), {}, lambda n, r: r.metrics["amplification"] == near(1 + n["extra"], 0.02)
    ),
    "RL026": Case(
        ("limit: 20/s", "limit: 100/s"),
        {"rejected": 0.6},
        lambda n, r: 1 - (r.metrics["availability"] or 0) == near(n["rejected"], 0.03),
        "error",
    ),
    "RL027": Case(
        ("slow_call: 2s", "slow_call: 500ms"),
        {"slow": 2.0, "inner": 1.0},
        lambda n, r: ev.WHY_SLOW_SHARE not in _reasons(r) and (r.metrics["p99"] or 0) > 0.8,
    ),
    "RL028": Case(
        ("after: 200ms", "after: 1s"), {}, lambda n, r: 1 - (r.metrics["availability"] or 0) == near(n["late"])
    ),
    "RL029": Case(
        ("attempts: 20", "attempts: 4"),
        {"attempts": 20, "each": 1.0},
        lambda n, r: max(ev.attempt_of(a) for _, _, _, _, a, _ in r.tape.of(ev.RESULT)) == n["attempts"],
    ),
    "RL030": Case(
        ("window: 100, min_calls: 100", "window: 20, min_calls: 20"),
        {"seconds": 49.0, "trouble": 40.0},
        _opens_when_it_lasts,
    ),
    "RL031": Case(
        ("window: 1s, min_calls: 1,", "window: 20s, min_calls: 10,"),
        {"failures": 1, "failing": 0.05},
        _one_failure_opened,
    ),
    "RL033": Case(
        (
            "retry: {attempts: 3, delay: 20ms, jitter: full}}]}]}\n  stock: {latency: 1ms, calls: [{to: db, stack: "
            "[{retry: {attempts: 3,",
            "timeout: {after: 1s}}]}]}\n  stock: {latency: 1ms, calls: [{to: db, stack: [{retry: {attempts: 1,",
        ),
        {"attempts": 27, "budgeted": 27, "levels": 3},
        lambda n, r: service(r, "db")["amplification"] == n["attempts"],
        "error",
    ),
    "RL034": Case(
        ("after: 400ms", "after: 100ms"),
        {"waits": 0.3, "longest": 0.85},
        lambda n, r: service(r, "stock")["latency"]["max"] == near(n["longest"], 1e-9),
        assumes=True,
    ),
    "RL035": Case(
        ("deadline: 1s}", "deadline: 1s}\nstack: [{timeout: {after: 1s, passes_on: true}}]"),
        {"deadline": 1.0, "longest": 1.7},
        lambda n, r: (
            n["deadline"] < service(r, "shop")["latency"]["max"] == near(1.601, 1e-9) and n["longest"] >= 1.601
        ),
        assumes=True,
    ),
    "RL036": Case(
        ("{to: db, times: 40}", "{to: db, times: 40, stack: [{bulkhead: {max_concurrent: 6, queue: 1000}}]}"),
        {"workers": 10, "greedy": 1},
        _room_for_one,
    ),
    "RL037": Case(
        ("after: 1s", "after: 300ms"),
        {"seconds": 0.5, "workers": 20, "held": 1.0, "at_once": 40},
        _all_waiting,
        assumes=True,
    ),
    "RL038": Case(
        ("[{to: stock}]", "[{to: stock}, {to: reviews}]"),
        {"services": 3, "reached": 2},
        lambda n, r: service(r, "reviews")["attempts_received"] == 0 < service(r, "stock")["attempts_received"],
    ),
    "RL039": Case(
        (
            "operation: {method: POST}}, {to: mail}]}\n  pay: {latency: 10ms}",
            "operation: {method: POST, idempotency_key: true}}, {to: mail}]}\n  pay: {latency: 10ms, deduplicate: "
            "true}",
        ),
        {"times": 3},
        lambda n, r: service(r, "pay")["effects"]["applied"] == n["times"] * 20,
        "error",
    ),
    "RL032": Case(("retry_after: 30s", "retry_after: 2s"), {"hint": 30.0, "limit": 5.0}, _waited_in_vain),
}
