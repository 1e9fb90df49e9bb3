"""Retry budgets: which retries are paid for, by hand."""

from __future__ import annotations

import pytest
from lab import a, bench, budget, every, lab, retry
from lab import b as service


def allowed(run) -> list[int]:
    """Requests that were retried."""
    return [e[3] for e in run.of("retry_wait")]


def denied(run) -> list[int]:
    """Requests whose retry was not paid for."""
    return [e[3] for e in run.of("retry_denied")]


def failing(scheme, calls: int, script=None, **settings):
    """One call a second, retry once at once; by default everything fails."""
    script = script or (lambda n: "error")
    return bench([retry(2, budget=budget(scheme, **settings))], script, every("1s", calls))


def test_a_ratio_of_nothing_still_pays_one_retry_in_ten_seconds():
    """Retries may be at most 0 % of the calls, plus 1; the one at 0 s is forgotten at 10 s."""
    assert allowed(failing("ratio", 12, ratio=0.0)) == [0, 10]


def test_a_ratio_compares_retries_with_calls_of_the_last_ten_seconds():
    """20 %: the k-th retry beyond the first needs 5 k calls in the window."""
    assert allowed(failing("ratio", 15, ratio=0.2)) == [0, 4, 9, 10, 14]


def test_a_denied_retry_ends_the_request_with_its_failure_and_is_counted():
    """The outcome of the failed attempt, at the instant of it, and a count of denials."""
    run = lab(service("10ms", failure_rate=1.0), every("1s", 3), [retry(2, "1h", budget=budget("ratio", ratio=0.0))])
    assert run.outcomes == ["error"] * 3
    assert run.latencies[1:] == [10, 10]
    assert run.document["attempts"]["denied_by_budget"] == 2
    assert run.document["attempts"]["total"] == 4


def test_the_budget_is_asked_before_the_wait():
    """Denial comes with the failure, not after the backoff."""
    run = bench([retry(2, "5s", budget=budget("ratio", ratio=0.0))], lambda n: ("error", "1s"), ["0s", "0.5s"])
    assert denied(run) == [1]
    assert run.times("retry_denied") == [1500]


def test_a_bucket_starts_full_and_calls_pay_in():
    """Capacity 2, half a token a call: two saved, then every other call can afford a retry."""
    run = failing("token_bucket", 8, capacity=2.0, deposit=0.5, cost=1.0)
    assert allowed(run) == [0, 1, 2, 4, 6]


def test_ten_deposits_of_a_tenth_pay_for_one_retry_exactly():
    """No rounding: after ten calls the eleventh's retry is paid, one call earlier it is not."""
    for first_failure, paid in ((9, [0]), (10, [0, 10])):
        script = ["error", "success"] + ["success"] * (first_failure - 1) + ["error"]
        run = failing("token_bucket", first_failure + 1, lambda n, s=script: s[n] if n < len(s) else "success",
                      capacity=1.0, deposit=0.1, cost=1.0)  # fmt: skip
        assert allowed(run) == paid


def test_successes_may_pay_in_instead():
    """deposit_on: success: two successes restore the token that the first failure spent."""
    script = ["error", "error", "error", "success", "success", "error"]
    run = failing("token_bucket", 5, lambda n: script[n] if n < 6 else "success",
                  capacity=1.0, deposit=0.5, deposit_on="success", cost=1.0)  # fmt: skip
    assert (allowed(run), denied(run)) == ([0, 4], [1])


def test_no_retries_while_more_than_the_threshold_of_first_tries_fails():
    """50 % exactly is still allowed; more is not."""
    script = {0: "success", 1: "error", 2: "success", 3: "error", 4: "success"}
    run = failing("failure_rate", 3, lambda n: script[n], ratio=0.5)
    assert (allowed(run), denied(run)) == ([1], [2])


def test_a_failure_rate_forgets_with_its_window_of_time():
    """Ten seconds after the failures only the new one counts, and it is 100 %."""
    script = ["error"] + ["success"] * 30
    run = bench([retry(2, budget=budget("failure_rate", ratio=0.6, window_time="2s"))],
                lambda n: "error" if n in (0, 2) else script[min(n, 30)], every("1s", 4))  # fmt: skip
    assert (allowed(run), denied(run)) == ([2], [0])


def test_failed_attempts_over_calls_forget_with_the_last_calls():
    """window: 2 calls, attempts: failures of long ago do not forbid retries for ever (a named bug)."""
    script = ["error"] * 4 + ["success"] * 3 + ["error"]
    run = failing("failure_rate", 8, lambda n: script[n] if n < 8 else "success", ratio=0.5, window_calls=2,
                  counts="attempts")  # fmt: skip
    assert denied(run) == [0, 1, 2, 3]
    assert allowed(run) == [7]


def test_failed_attempts_weigh_retries_too():
    """Over all time: two failures of one call in two calls are 100 %."""
    script = ["success", "error", "error", "error", "error"]
    by_tries = failing("failure_rate", 3, lambda n: script[n], ratio=0.7, counts="first_tries")
    by_attempts = failing("failure_rate", 3, lambda n: script[n], ratio=0.7, counts="attempts")
    assert (allowed(by_tries), denied(by_tries)) == ([1, 2], [])
    assert (allowed(by_attempts), denied(by_attempts)) == ([1], [2])


def test_a_budget_belongs_to_its_layer_of_its_instance():
    """Two instances with a ratio of 0 %: each may retry once."""
    run = bench([retry(2, budget=budget("ratio", ratio=0.0))], lambda n: "error", every("1s", 4), a(instances=2))
    assert (allowed(run), denied(run)) == ([0, 1], [2, 3])


def test_a_budget_is_shared_by_all_calls_of_its_layer():
    """Two calls at once, one retry between them."""
    run = bench([retry(5, "1s", budget=budget("token_bucket", capacity=1.0, deposit=0.0))], lambda n: "error",
                ["0s", "0s"])  # fmt: skip
    assert (allowed(run), denied(run)) == ([0], [1, 0])


def test_unknown_schemes_are_refused():
    """A scheme nobody knows is an error of the program."""
    with pytest.raises(ValueError, match="scheme"):
        bench([retry(2, budget=budget("wishful"))], ["error"])
