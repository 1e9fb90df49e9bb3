"""Retry, told with hand-computed instants (milliseconds)."""

from __future__ import annotations

import pytest
from lab import b, bench, breaker, fault, hedge, lab, outage, retry, timeout


def test_attempts_include_the_first_try():
    """attempts: 3 means at most three tries."""
    run = bench([retry(3, "1s")], [("error", "50ms")] * 9)
    assert run.sent(0) == [0, 1050, 2100]
    assert run.outcomes == ["error"]


def test_no_wait_follows_the_last_try():
    """The caller hears of the last failure at once."""
    run = bench([retry(3, "1s")], [("error", "50ms")] * 9)
    assert run.done_at(0) == 2150


def test_a_success_ends_the_tries():
    """The second try's success is the request's."""
    run = bench([retry(5, "1s")], [("error", "100ms"), ("success", "30ms")])
    assert run.sent(0) == [0, 1100]
    assert (run.outcomes, run.latencies) == (["success"], [1130])


def test_one_attempt_is_no_retry():
    """attempts: 1 changes nothing."""
    run = bench([retry(1, "1s")], [("error", "5ms")])
    assert (run.sent(0), run.latencies) == ([0], [5])


def test_a_try_after_no_wait_comes_at_the_same_instant():
    """delay 0ms: tries follow each other without time passing."""
    run = bench([retry(4)], ["error"] * 9)
    assert run.sent(0) == [0, 0, 0, 0]
    assert run.done_at(0) == 0


@pytest.mark.parametrize("outcome", ["error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed"])
def test_outcomes_retried_by_default(outcome):
    """What B or the wire did wrong is retried by default."""
    assert len(bench([retry(2)], [outcome]).sent(0)) == 2


@pytest.mark.parametrize("outcome", ["breaker_open", "bulkhead_full", "limited", "throttled", "exhausted"])
def test_outcomes_not_retried_by_default(outcome):
    """What Service A's own policies decided is not."""
    assert len(bench([retry(2)], [outcome]).sent(0)) == 1


def test_only_listed_outcomes_are_retried():
    """on: [timeout] leaves errors alone."""
    run = bench([retry(3, on=["timeout"])], ["timeout", "error", "success"])
    assert (len(run.sent(0)), run.outcomes) == (2, ["error"])


def test_a_rejection_by_an_inner_breaker_is_retried_only_if_listed():
    """The same calls, with breaker_open in the list and without."""
    inner = breaker(1)
    assert bench([retry(4, "1s"), inner], ["error"] * 9).done_at(0) == 1000
    listed = bench([retry(4, "1s", on=["error", "breaker_open"]), inner], ["error"] * 9)
    assert listed.sent(0) == [0]
    assert listed.done_at(0) == 3000


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"backoff": "constant"}, [0, 100, 200, 300, 400]),
        ({"backoff": "linear"}, [0, 100, 300, 600, 1000]),
        ({"backoff": "exponential"}, [0, 100, 300, 700, 1500]),
        ({"backoff": "exponential", "factor": 3.0}, [0, 100, 400, 1300, 4000]),
        ({"backoff": "exponential", "max_delay": "250ms"}, [0, 100, 300, 550, 800]),
        ({"backoff": "linear", "max_delay": "150ms"}, [0, 100, 250, 400, 550]),
    ],
)
def test_waits_grow_as_the_backoff_says(settings, sent):
    """constant d, linear d·n, exponential d·factor^(n-1), each capped."""
    assert bench([retry(5, "100ms", **settings)], ["error"] * 9).sent(0) == sent


def test_max_elapsed_counts_from_the_first_try_and_includes_the_wait():
    """A wait that would end later than max_elapsed is not begun."""
    assert bench([retry(9, "1s", max_elapsed="2.5s")], ["error"] * 9).sent(0) == [0, 1000, 2000]
    assert bench([retry(9, "1s", max_elapsed="3s")], ["error"] * 9).sent(0) == [0, 1000, 2000, 3000]
    assert bench([retry(9, "1s", max_elapsed="2.5s")], ["error"] * 9).done_at(0) == 2000


def test_the_hint_of_a_429_replaces_the_backoff():
    """Retry-After 5s: the second try comes five seconds after the answer, exactly."""
    slow_down = fault("rate_limit", 0, "100s", limit=1.0, retry_after="5s")
    run = lab(b("10ms"), ["0s", "0.1s"], [retry(2, "1s")], faults=[slow_down])
    assert run.results(1) == [(100, "rate_limited"), (5110, "success")]


def test_the_hint_may_be_ignored():
    """honor_retry_after: false waits as the backoff says."""
    slow_down = fault("rate_limit", 0, "100s", limit=1.0, retry_after="5s")
    run = lab(b("10ms"), ["0s", "0.1s"], [retry(2, "1s", honor_retry_after=False)], faults=[slow_down])
    assert run.sent(1) == [100, 1100]


def test_a_hint_counts_against_max_elapsed():
    """A hint longer than the time left ends the request."""
    slow_down = fault("rate_limit", 0, "100s", limit=1.0, retry_after="5s")
    run = lab(b(), ["0s", "0.1s"], [retry(2, "1s", max_elapsed="4s")], faults=[slow_down])
    assert (run.outcomes, run.sent(1)) == (["success", "rate_limited"], [100])


def test_a_hint_is_used_once_and_only_for_the_answer_that_brought_it():
    """An inner retry ignored the hint, its second try timed out: the outer retry waits its own delay."""
    stack = [retry(2, "1s"), timeout("0.5s"), retry(2, "0.1s", on=["rate_limited"], honor_retry_after=False)]
    faults = [fault("rate_limit", 0, "0.15s", limit=1.0, retry_after="7s"), outage("hang", "0.15s", "0.9s")]
    run = lab(b("10ms"), ["0s", "0.1s"], stack, faults=faults)
    assert run.results(1) == [(100, "rate_limited"), (600, "timeout"), (1610, "success")]


def test_retries_multiply_when_nested():
    """Two tries around three tries: six attempts, with both waits between."""
    run = bench([retry(2, "1s"), retry(3, "100ms")], ["error"] * 9)
    assert run.sent(0) == [0, 100, 200, 1200, 1300, 1400]


def test_jitter_is_the_request_s_own():
    """Two requests wait differently; the same request waits the same in every run, whatever else is in the stack."""
    one = bench([retry(2, "1s", jitter="full")], ["error"] * 4, ["0s", "0s"])
    other = bench([timeout("60s"), retry(2, "1s", jitter="full")], ["error"] * 4, ["0s", "0s"])
    assert one.sent() == other.sent()
    assert len(set(one.sent())) == 3


def test_a_cancelled_wait_makes_no_try():
    """A timeout outside ends the waiting too."""
    run = bench([timeout("500ms"), retry(3, "1s")], ["error"] * 3)
    assert (run.sent(0), run.outcomes, run.done_at(0), run.end) == ([0], ["timeout"], 500, 500)


def test_a_hedge_inside_is_one_try():
    """Both legs fail: that is one failed try, retried once."""
    run = bench([retry(2, "1s"), hedge("100ms")], [("error", "300ms")] * 4)
    assert run.sent(0) == [0, 100, 1400, 1500]


def test_the_wait_is_announced_with_its_length():
    """Views learn of a wait when it begins: number of the next try and nanoseconds."""
    run = bench([retry(3, "2s", backoff="linear")], ["error"] * 9)
    assert [(e[0], e[4], e[5]) for e in run.of("retry_wait")] == [
        (0, 2, 2_000_000_000),
        (2_000_000_000, 3, 4_000_000_000),
    ]


def test_waits_that_outgrow_time_end_the_run():
    """Sixty tries, doubling without a cap: some wait outlives the clock; the run ends all the same (a named bug)."""
    run = bench([retry(60, "1s", backoff="exponential")], lambda n: "error")
    assert run.outcomes == ["unanswered"]
    assert len(run.sent(0)) > 30
