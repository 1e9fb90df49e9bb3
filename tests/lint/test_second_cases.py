"""The older rules again: with other settings the number is the simulation's, too, and just beside it all is well."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lint.cases import CASES, SECOND, Check, Seen, found_in, near, opened_at, seen_in, text_of
from resilience_sim.kernel import events as ev
from resilience_sim.lint.check import subjects
from resilience_sim.lint.look import findings

Edits = Sequence[tuple[str, str]]
ORDINARY = "circuit_breaker: {failure_threshold: 3, recovery_time: 2s}"
LIMITED = (
    "circuit_breaker: {like: resilience4j, slidingWindowSize: 3, minimumNumberOfCalls: 3, waitDurationInOpenState: 2s, "
    "permittedNumberOfCallsInHalfOpenState: 1, maxWaitDurationInHalfOpenState: 3s}"
)


def waits(run: Seen) -> set[int]:
    return {b for _, _, _, _, _, b in run.tape.of(ev.RETRY_WAIT)}


def got_through(run: Seen) -> bool:
    """Whether a request that was rejected reached B with a later try."""
    rejected = {rid: t for t, _, _, rid, _, _ in run.tape.of(ev.REJECTED)}
    return any(t > rejected.get(rid, t) for t, _, _, rid, _, _ in run.tape.of(ev.SENT))


def served(run: Seen, since: int) -> int:
    return sum(a & 0xFF == ev.SUCCESS and t > since * SECOND for t, _, _, _, a, _ in run.tape.of(ev.DONE))


def fired(run: Seen, position: int) -> int:
    return sum(source == position for _, _, source, _, _, _ in run.tape.of(ev.TIMED_OUT))


def longest_late(run: Seen) -> int:
    first = opened_at(run)
    return max((t - first for t, *_ in run.tape.of(ev.LATE_RESULT) if t - first < 4 * SECOND), default=0)


def duplicates(run: Seen) -> float:
    return run.metrics["duplicates"] or 0


# code, what makes it another true case, its number, then what silences it closely, and what a run shows then;
# the last is what a run of the true case shows, where that of cases.py is about its own settings only
SECOND_CASES: list[tuple[str, Edits, dict[str, float], Edits, Callable[[Seen], bool], Check | None]] = [
    ("RL002", [("500ms", "300ms"), ("after: 1s", "after: 800ms")], {"inner": 0.8, "outer": 0.3},
     [("500ms", "300ms"), ("after: 1s", "after: 290ms")], lambda r: fired(r, 4) > 0, None),
    ("RL006", [("rate: 60/s", "rate: 45/s"), ("attempts: 3", "attempts: 4")], {"demand": 180.0},
     [("rate: 60/s", "rate: 30/s")], lambda r: served(r, 40) > 500, None),
    ("RL007", [("attempts: 5", "attempts: 4"), ("threshold: 5", "threshold: 3")], {"attempts": 4, "threshold": 3},
     [("threshold: 5", "threshold: 6")], lambda r: r.metrics["opened"] == 0, None),
    ("RL008", [("attempts: 4", "attempts: 3"), ("threshold: 3", "threshold: 5")], {"attempts": 15},
     [("attempts: 4", "attempts: 1")],
     lambda r: sum(t <= opened_at(r) for t, *_ in r.tape.of(ev.SENT)) == 3, None),
    ("RL012", [("recovery_time: 2s", "recovery_time: 2s, probes: 2, success_threshold: 2")], {"probes": 2},
     [(ORDINARY, LIMITED)], lambda r: served(r, 20) > 50, None),
    ("RL013", [("recovery_time: 500ms", "recovery_time: 1s"), ("after: 3s", "after: 2s")],
     {"recovery": 1.0, "inner": 2.0},
     [("recovery_time: 500ms", "recovery_time: 1s"), ("after: 3s", "after: 900ms")],
     lambda r: longest_late(r) <= 0.9 * SECOND, None),
    ("RL014", [("attempts: 3, delay: 2s", "attempts: 2, delay: 3s")], {"again_after": 3.0, "waves": 1},
     [("delay: 2s", "delay: 2s, jitter: equal")], lambda r: len(waits(r)) > 40, None),
    ("RL016", [("attempts: 5, delay: 0ms", "attempts: 3, delay: 0ms")], {"attempts": 3, "patience": 0.0},
     [("delay: 0ms, jitter: none", "delay: 300ms, backoff: exponential, jitter: full")],
     lambda r: (r.metrics["failed"] or 0) < 5,
     lambda n, r: len(r.tape.of(ev.RETRY_WAIT)) == 20 and r.metrics["failed"] == 10),
    ("RL018", [("ttl: 2s", "ttl: 3s")], {"ttl": 3.0, "last_try": 6.75}, [("ttl: 2s", "ttl: 7s")],
     lambda r: duplicates(r) == 0, None),
    ("RL019", [("attempts: 3, delay: 100ms", "attempts: 5, delay: 50ms")], {"patience": 0.2},
     [("attempts: 3, delay: 100ms, jitter: full", "attempts: 3, delay: 200ms"), ("10s}\n", "300ms}\n")],
     got_through, None),
    ("RL021", [("queue: 500", "queue: 300")], {"wait": 3.0, "patience": 1.0}, [("queue: 500", "queue: 80")],
     lambda r: (r.metrics["wasted_work"] or 0) < 0.5, None),
    ("RL022", [("attempts: 3", "attempts: 5"), ("250%", "400%")], {"allowed": 4.0, "retries": 4},
     [("250%", "150%")], lambda r: (r.metrics["denied_by_budget"] or 0) > 0, None),
    ("RL023", [("attempts: 3", "attempts: 6"), ("50%", "80%")], {"attempts": 1.0},
     [("latency: 1ms", "latency: 1ms, on: [timeout]")],
     lambda r: r.metrics["attempts_per_request"] == near(1 + 0.5 + 0.25), None),
    ("RL027", [("slow_call: 2s", "slow_call: 1500ms")], {"slow": 1.5, "inner": 1.0},
     [("slow_call: 2s", "slow_call: 700ms")],
     lambda r: any(a & 0xFF == ev.WHY_SLOW_SHARE for _, _, _, _, a, _ in r.tape.of(ev.BREAKER)), None),
]  # fmt: skip


def edited(code: str, edits: Edits) -> str:
    text = text_of(code)
    for old, new in edits:
        assert text.count(old) == 1, (old, text)
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("case", SECOND_CASES, ids=[case[0] for case in SECOND_CASES])
def test_other_settings_and_settings_just_beside_them(
    case: tuple[str, Edits, dict[str, float], Edits, Callable[[Seen], bool], Check | None],
):
    code, edits, expected, beside, calm, shows = case
    text = edited(code, edits)
    (found,) = found_in(text, code)
    assert {name: found.numbers[name] for name in expected} == pytest.approx(expected)
    assert (shows or CASES[code].shows)(found.numbers, seen_in(text))
    quiet = edited(code, beside)
    assert found_in(quiet, code) == []
    assert calm(seen_in(quiet))


def test_waits_of_jitter_alone_are_not_called_none() -> None:
    """RL016 and RL019 with SmallRye's default delay: half of the waits are none, and none is longer than the jitter."""
    text = (
        "resim: 1\nservice: {latency: 20ms}\ntraffic: {rate: 20/s, requests: 400}\n"
        "faults:\n  - outage: {id: main, at: 4s, for: 12s, how: refuse}\nstack:\n"
        "  - retry: {like: smallrye, attempts: 4}\n"
        "  - circuit_breaker: {like: smallrye, recovery_time: 5s}\n"
    )
    (found,) = found_in(text, "RL016")
    (rejected,) = found_in(text, "RL019")
    run = seen_in(text)
    made = [b for _, _, _, _, _, b in run.tape.of(ev.RETRY_WAIT)]
    assert 0.4 < sum(wait == 0 for wait in made) / len(made) < 0.6
    assert 0.15 < max(made) / SECOND <= 0.2
    assert found.numbers == {"patience": near(0.6), "attempts": 4}
    assert rejected.numbers["patience"] == near(0.6)
    assert "half of them none at all" in found.message
    assert "at once" not in found.message
    patient = text.replace("attempts: 4", "attempts: 12")
    assert found_in(patient, "RL016") == []


ENDLESS = """\
resim: 1
service: {latency: 20ms}
traffic: {rate: 20/s, requests: 400}
faults:
  - outage: {id: main, at: 4s, for: 5s, how: error}
stack:
  - circuit_breaker: {failure_threshold: 3}
  - retry: {like: tenacity}
  - retry: {id: inner, attempts: 3, delay: 100ms, jitter: full}
  - timeout: {after: 1s}
"""


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("RL005", "one request becomes attempts without limit (no limit x 3)"),
        ("RL008", "`retry` stands inside and never gives up: while B fails no failure reaches this breaker"),
    ],
)
def test_the_number_that_stands_for_no_limit_is_not_said(code: str, says: str) -> None:
    found = [each for subject in subjects(ENDLESS, "endless.yaml", ()) for each in findings(subject)]
    assert says in next(each.message for each in found if each.code == code)
    assert not [each.message for each in found if "10000" in each.message or "30000" in each.message]


def test_attempts_without_limit_are_ended_by_a_timeout_on_purpose() -> None:
    """RL003 is about attempts that were wanted; who wants no end to them wants the timeout to be it."""
    text = ENDLESS.replace("circuit_breaker: {failure_threshold: 3}", "timeout: {id: outer, after: 9s}")
    text = text.replace("  - retry: {id: inner, attempts: 3, delay: 100ms, jitter: full}\n", "")
    assert found_in(text, "RL003") == []
    assert found_in(text.replace("like: tenacity", "attempts: 40"), "RL003")


def test_the_quota_of_an_sdk_without_retries_is_nobodys_mistake() -> None:
    """RL022: a budget that somebody wrote for one attempt is idle; `max_attempts: 1` of AWS has its quota anyway."""
    text = "resim: 1\nservice: {latency: 20ms}\ntraffic: {rate: 20/s, requests: 40}\nstack:\n  - retry: %s\n"
    assert found_in(text % "{attempts: 1, budget: 10%%}".replace("%%", "%"), "RL022")
    assert found_in(text % "{like: aws, max_attempts: 1}", "RL022") == []
