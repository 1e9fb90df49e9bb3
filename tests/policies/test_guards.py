"""Timeout, bulkhead, rate limiter, fallback and throttle, told with hand-computed instants (milliseconds)."""

from __future__ import annotations

import pytest
from lab import a, b, bench, breaker, bulkhead, every, fallback, lab, limiter, outage, post, retry, throttle, timeout
from lab import hedge as race

from resilience_sim.kernel.rng import THROTTLE, KeyedRng

# --- timeout ---


def test_the_caller_stops_waiting():
    """after: 300ms, B needs 500: timed out at 300."""
    run = lab(b("500ms"), stack=[timeout("300ms")])
    assert (run.outcomes, run.latencies) == (["timeout"], [300])


def test_b_goes_on_after_a_timeout_and_the_effect_happens():
    """The work ends at 500, abandoned and wasted, and its effect is an orphan."""
    run = lab(b("500ms"), stack=[timeout("300ms")], operation=post())
    assert run.ends() == [(500, "success")]
    assert run.effects == [(500, "applied")]
    assert run.document["effects"]["orphans"] == 1
    assert run.document["service"]["wasted_seconds"] == 0.5


def test_a_timeout_may_cancel_the_work():
    """cancels_work: the worker is free at 300 and nothing happens."""
    run = lab(b("500ms", workers=1), ["0s", "0.1s"], [timeout("300ms", cancels_work=True)], operation=post())
    assert run.ends() == [(300, "cancelled"), (400, "cancelled")]
    assert run.effects == []


def test_cancelled_work_leaves_b_s_queue():
    """A queued attempt that is cancelled is never worked on."""
    last_first = b("200ms", workers=1, discipline="lifo")
    run = lab(last_first, ["0s", "0.01s", "0.15s"], [timeout("300ms", cancels_work=True)])
    assert run.outcomes == ["success", "timeout", "success"]
    assert run.worked() == [(0, 200, 0), (200, 400, 2)]
    assert [(e[0] // 10**6, e[3]) for e in run.of("left_queue")] == [(310, 1)]


def test_an_answer_before_the_timer_disarms_it():
    """The run ends with the answer, not with the timer."""
    run = lab(b("100ms"), stack=[timeout("10s")])
    assert (run.outcomes, run.end) == (["success"], 100)


def test_at_the_same_instant_the_timer_wins():
    """It was armed before the call went inside: 300 ms of 300 ms is too late."""
    assert lab(b("300ms"), stack=[timeout("300ms")]).outcomes == ["timeout"]
    assert lab(b("299.999999ms"), stack=[timeout("300ms")]).outcomes == ["success"]


def test_a_total_and_a_per_try_timeout():
    """1.05 s around tries of 400 ms with 100 ms between: cut in the third."""
    run = bench([timeout("1.05s"), retry(5, "100ms"), timeout("400ms")], ["hang"] * 9)
    assert run.results(0) == [(400, "timeout"), (900, "timeout"), (1050, "timeout")]
    assert run.latencies == [1050]


def test_timers_due_at_one_instant_all_come():
    """Two calls at the same time, one answered: the other's timeout comes, also with faults about (a named bug)."""
    run = lab(b("10ms", replicas=2), ["0s", "0s"], [timeout("1s")], faults=[outage("hang", "0s", "99s", replica=2)])
    assert run.outcomes == ["success", "timeout"]


# --- bulkhead ---


def test_a_bulkhead_rejects_beyond_its_places():
    """max_concurrent: 2, no queue: the third is turned away at once."""
    run = bench([bulkhead(2)], [("success", "1s")] * 9, ["0s", "0s", "0s", "1s"])
    assert run.outcomes == ["success", "success", "bulkhead_full", "success"]
    assert run.latencies[2] == 0


def test_a_bulkhead_s_queue_is_first_come_first_served():
    """One place, two waiting: they go in as places fall free."""
    run = bench([bulkhead(1, 2)], [("success", "1s")] * 9, ["0s", "0.1s", "0.2s", "0.3s"])
    assert run.outcomes == ["success"] * 3 + ["bulkhead_full"]
    assert run.sent() == [0, 1000, 2000]
    assert run.latencies[:3] == [1000, 1900, 2800]


def test_a_queued_call_waits_at_most_max_wait():
    """500 ms, then bulkhead_full; a place that falls free later goes to the next."""
    run = bench([bulkhead(1, 9, "500ms")], [("success", "1s")] * 9, ["0s", "0.1s", "0.8s"])
    assert run.outcomes == ["success", "bulkhead_full", "success"]
    assert run.latencies == [1000, 500, 1200]


def test_without_max_wait_a_queued_call_waits_as_long_as_its_caller():
    """The caller's own timeout ends it, and its place in the queue is free."""
    run = bench([timeout("2s"), bulkhead(1, 1)], ["hang", ("success", "400ms")], ["0s", "0.5s", "2.1s"])
    assert run.outcomes == ["timeout", "success", "success"]
    assert run.sent() == [0, 2000, 2400]


def test_a_call_that_leaves_the_queue_frees_its_place():
    """One place in the queue: free for the next at 100 ms, and nothing is sent for who left."""
    run = bench([bulkhead(1, 1, "100ms")], [("success", "1s")] * 9, ["0s", "0s", "0.05s", "0.15s", "0.95s"])
    assert run.outcomes == ["success", "bulkhead_full", "bulkhead_full", "bulkhead_full", "success"]
    assert run.latencies == [1000, 100, 0, 100, 1050]
    assert run.sent() == [0, 1000]


def test_a_place_is_held_until_the_answer_not_until_b_is_done():
    """A timeout inside frees the place while B still works."""
    run = lab(b("1s"), ["0s", "0.3s"], [bulkhead(1), timeout("200ms")])
    assert run.sent() == [0, 300]


def test_a_queue_of_thousands_empties_at_once_when_all_are_rejected_inside():
    """The breaker opens with the first answer: all who wait are told, without exhausting the stack (a named bug)."""
    run = lab(b("1s", failure_rate=1.0), ["0s"] * 3000, [bulkhead(1, 3000), breaker(1)])
    assert run.outcomes == ["error"] + ["breaker_open"] * 2999
    assert set(run.latencies) == {1000}


def test_places_do_not_multiply_when_a_waiting_leg_wins_at_once():
    """The place of the first leg is given to the second, which is answered on the spot and cancels the first; still
    one at a time afterwards (a named bug)."""
    stack = [race("100ms"), bulkhead(1, 5), fallback(), breaker(1)]
    run = bench(stack, [("error", "500ms")] + [("success", "1s")] * 9, ["0s", "20s", "20.05s"])
    assert run.outcomes[0] == "fallback"
    assert max(sum(s <= t < e for s, e in work(run)) for t in range(20_000, 25_000, 50)) == 1


def work(run) -> list[tuple[float, float]]:
    """(sent, result) of each attempt."""
    return [((e[0] - e[5]) / 1e6, e[0] / 1e6) for e in run.of("result")]


def test_a_cancelled_call_does_not_hand_its_place_to_its_own_other_leg():
    """A timeout ends both legs of a race; the waiting one is not sent first (a named bug)."""
    run = lab(b("1s"), stack=[timeout("500ms"), race("100ms"), bulkhead(1, 5)])
    assert run.sent() == [0]


# --- rate limiter ---


def test_a_token_bucket_starts_full():
    """burst: 3 at 1/s: three at once, the fourth a second later."""
    run = bench([limiter(1.0, burst=3)], [], ["0s", "0s", "0s", "0s", "0.999s", "1s", "1s"])
    assert run.outcomes == ["success"] * 3 + ["rate_limited"] * 2 + ["success", "rate_limited"]


def test_a_bucket_refills_evenly_and_not_above_its_burst():
    """2/s, burst 2: after a long pause two, not more."""
    run = bench([limiter(2.0, burst=2)], [], ["0s", "0s", "0.5s", "0.5s", "10s", "10s", "10s"])
    assert run.outcomes == ["success"] * 3 + ["rate_limited"] + ["success"] * 2 + ["rate_limited"]


def test_a_call_may_wait_for_its_permit():
    """max_wait: 1s at 2/s, burst 1: the next two wait 0.5 and 1 s, the fourth would have to wait 1.5 s."""
    run = bench([limiter(2.0, max_wait="1s")], [], ["0s"] * 4)
    assert run.outcomes == ["success"] * 3 + ["rate_limited"]
    assert run.sent() == [0, 500, 1000]
    assert run.latencies == [0, 500, 1000, 0]


def test_a_third_of_a_second_does_not_drift():
    """3/s for 30 s of waiting calls: the 90th comes at 30 s."""
    run = bench([limiter(3.0, max_wait="1h")], [], ["0s"] * 91)
    assert run.sent()[90] == pytest.approx(30_000, abs=0.001)


def test_fixed_windows_count_from_zero_and_do_not_carry_over():
    """2 in each second: two at 0.9 s and two at 1.0 s pass, unused ones expire."""
    run = bench([limiter(2.0, scheme="fixed_window")], [], ["0.9s"] * 3 + ["1s"] * 3 + ["3.5s"] * 3)
    assert run.outcomes == (["success"] * 2 + ["rate_limited"]) * 3


def test_a_call_may_wait_for_the_next_window():
    """max_wait: 1s: the third call of the first second comes at 1 s, the fifth would come at 2 s."""
    run = bench([limiter(2.0, scheme="fixed_window", max_wait="1s")], [], ["0.5s"] * 5)
    assert run.outcomes == ["success"] * 4 + ["rate_limited"]
    assert run.sent() == [500, 500, 1000, 1000]


def test_smooth_lets_one_through_per_interval():
    """10/s smooth: never two closer than 100 ms, whatever the burst."""
    run = bench([limiter(10.0, burst=10, scheme="smooth", max_wait="1s")], [], ["0s"] * 4 + ["1s"])
    assert run.sent() == [0, 100, 200, 300, 1000]


def test_a_limiter_s_rejection_is_retried_only_if_listed():
    """Its outcome is called rate_limited, yet the default list means B's."""
    assert bench([retry(3, "1s"), limiter(1.0)], [], ["0s", "0s"]).outcomes == ["success", "rate_limited"]
    listed = bench([retry(3, "1s", on=["limited"]), limiter(1.0)], [], ["0s", "0s"])
    assert (listed.outcomes, listed.sent()) == (["success"] * 2, [0, 1000])


def test_a_permit_reserved_by_a_caller_that_gave_up_is_spent():
    """It leaves the line, but the next one still waits for its own permit."""
    run = bench([timeout("500ms"), limiter(1.0, max_wait="5s")], [], ["0s", "0s", "1.6s"])
    assert run.outcomes == ["success", "timeout", "success"]
    assert run.sent() == [0, 2000]


# --- fallback ---


def test_a_fallback_serves_when_the_inside_fails():
    """After its own latency; the outcome is fallback, and it is not available."""
    run = lab(b("100ms", failure_rate=1.0), stack=[fallback("50ms")])
    assert (run.outcomes, run.latencies) == (["fallback"], [150])
    assert run.document["availability"] == 0
    assert run.document["requests"]["fallback"] == 1


def test_a_fallback_leaves_success_alone():
    """Nothing is replaced that does not fail."""
    run = lab(b("100ms"), stack=[fallback("50ms")])
    assert (run.outcomes, run.of("fell_back")) == (["success"], [])


@pytest.mark.parametrize("outcome", ["error", "timeout", "breaker_open", "limited", "shed", "throttled"])
def test_a_fallback_replaces_any_failure(outcome):
    """Whoever failed."""
    assert bench([fallback()], [outcome]).outcomes == ["fallback"]


def test_a_fallback_inside_a_retry_hides_the_failure():
    """Nothing is retried."""
    assert len(bench([retry(3), fallback()], ["error"]).sent(0)) == 1


def test_a_fallback_may_be_cut_off():
    """A timeout outside does not wait for a slow substitute."""
    run = bench([timeout("100ms"), fallback("1s")], ["error"])
    assert (run.outcomes, run.latencies) == (["timeout"], [100])


# --- throttle ---


def test_throttling_rejects_by_the_rule_of_the_sre_book():
    """All unavailable: request n is rejected when its luck is below n / (n + 1), local rejections counting too."""
    run = bench([throttle()], lambda n: "unavailable", every("1s", 60), seed=7)
    rng = KeyedRng(7)
    expected = ["throttled" if rng.uniform(THROTTLE, n, 0) < n / (n + 1) else "unavailable" for n in range(60)]
    assert run.outcomes == expected
    assert "throttled" in expected


def test_a_healthy_service_is_never_throttled():
    """requests - 2 * accepts stays below zero; errors are accepts, for B did the work."""
    assert bench([throttle()], [], every("1s", 50)).outcomes == ["success"] * 50
    assert bench([throttle()], lambda n: "error", every("1s", 50)).outcomes == ["error"] * 50


def test_throttling_forgets_with_its_window():
    """Ten refusals, then eleven seconds of silence: the next request is not throttled."""
    calls = [f"{n / 10}s" for n in range(10)] + ["12s"]
    run = bench([throttle(window="10s")], lambda n: "refused" if n < 9 else "success", calls, seed=3)
    assert run.outcomes[-1] == run.results(10)[0][1]


def test_each_instance_throttles_for_itself():
    """The other instance's refusals do not count."""
    run = bench([throttle()], lambda n: "refused", every("1s", 2), a(instances=2))
    assert run.outcomes == ["refused", "refused"]
