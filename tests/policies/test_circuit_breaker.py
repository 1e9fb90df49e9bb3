"""The classic circuit breaker, told with hand-computed instants (milliseconds)."""

from __future__ import annotations

import pytest
from lab import a, b, bench, breaker, every, fallback, hedge, lab, limiter, outage, retry, timeout

from resilience_sim.kernel import events as ev
from resilience_sim.policies.circuit_breaker import TRANSITIONS, diagram

FOREVER_FAILING = ["error"] * 1000


def at_seconds(*seconds: float) -> list[str]:
    """Arrivals at these seconds."""
    return [f"{s}s" for s in seconds]


def test_failures_in_a_row_open_it():
    """failure_threshold: 3: the third failure opens, the fourth call is rejected at once."""
    run = bench([breaker(3)], FOREVER_FAILING, every("1s", 5))
    assert run.breaker == [(2000, "OPEN")]
    assert run.outcomes == ["error"] * 3 + ["breaker_open"] * 2
    assert run.sent() == [0, 1000, 2000]
    assert run.why(0) == ev.WHY_CONSECUTIVE


def test_any_success_zeroes_the_count():
    """Two failures, a success, two failures: still closed with a threshold of three."""
    run = bench([breaker(3)], ["error", "error", "success", "error", "error", "success"], every("1s", 6))
    assert run.breaker == []


def test_it_opens_with_the_result_not_with_the_call():
    """The failure counts when it is known."""
    run = bench([breaker(1)], [("error", "3s")], at_seconds(0, 1, 4))
    assert run.breaker == [(3000, "OPEN")]
    assert run.outcomes == ["error", "success", "breaker_open"]


def test_a_call_at_exactly_the_recovery_time_is_rejected():
    """OPEN ends with the first call that comes strictly later."""
    run = bench([breaker(1, "10s")], ["error", "success"], at_seconds(0, 10, 10.000000001))
    assert run.outcomes == ["error", "breaker_open", "success"]
    assert [state for _, state in run.breaker] == ["OPEN", "HALF_OPEN", "CLOSED"]
    assert run.of("breaker")[1][0] == 10_000_000_001


def test_open_is_left_by_a_call_not_by_a_timer():
    """Without calls nothing happens, however long."""
    assert bench([breaker(1, "1s")], ["error"], at_seconds(0)).breaker == [(0, "OPEN")]
    assert bench([breaker(1, "1s")], ["error"], at_seconds(0, 100)).breaker[1][0] == 100_000


def test_a_failed_probe_reopens_for_the_whole_recovery_time():
    """Opened at 0, probe at 11 fails: rejects until 21 included, probes at 22."""
    run = bench([breaker(1, "10s")], ["error", "error", "success"], at_seconds(0, 11, 12, 21, 22))
    assert run.outcomes == ["error", "error", "breaker_open", "breaker_open", "success"]
    assert run.breaker == [(0, "OPEN"), (11000, "HALF_OPEN"), (11000, "OPEN"), (22000, "HALF_OPEN"), (22000, "CLOSED")]
    assert run.why(2) == ev.WHY_PROBE_FAILED


def test_half_open_admits_so_many_probes_at_a_time():
    """probes: 2: the third call while two are out is rejected."""
    script = ["error", ("success", "5s"), ("success", "5s")]
    run = bench([breaker(1, "10s", probes=2)], script, at_seconds(0, 11, 12, 13))
    assert run.outcomes == ["error", "success", "success", "breaker_open"]
    assert run.breaker[-1] == (17000, "CLOSED")
    assert [e[4] for e in run.of("probe")] == [1, 2]


def test_a_probe_s_place_is_free_again_when_it_has_answered():
    """success_threshold: 3 with one probe at a time: three probes one after the other."""
    run = bench([breaker(1, "10s", success_threshold=3)], ["error"], at_seconds(0, 11, 12, 13))
    assert run.breaker == [(0, "OPEN"), (11000, "HALF_OPEN"), (13000, "CLOSED")]
    assert [e[5] for e in run.of("probe")] == [0, 1, 2]


def test_success_threshold_defaults_to_the_probes():
    """probes: 2: one success does not close."""
    run = bench([breaker(1, "10s", probes=2)], ["error"], at_seconds(0, 11, 12))
    assert run.breaker[-1] == (12000, "CLOSED")
    assert run.why(2) == ev.WHY_PROBES_SUCCEEDED


def test_one_failed_probe_outweighs_successful_ones():
    """Two of three successes, then a failure: open again, and the count starts over."""
    script = ["error", "success", "success", "error", "success", "success", "success"]
    run = bench([breaker(1, "10s", success_threshold=3)], script, at_seconds(0, 11, 12, 13, 24, 25, 26))
    assert [t for t, _ in run.breaker] == [0, 11000, 13000, 24000, 26000]


def test_closing_clears_what_was_counted():
    """After recovery it takes the whole threshold again."""
    script = ["error", "error", "success", "error", "error"]
    run = bench([breaker(2, "10s")], script, at_seconds(0, 1, 12, 13, 14))
    assert [t for t, _ in run.breaker] == [1000, 12000, 12000, 14000]


def test_a_late_failure_changes_nothing_while_open_and_says_so():
    """Two calls under way when the breaker opens: their failures are late."""
    script = [("error", "1s"), ("error", "2s"), ("success", "3s")]
    run = bench([breaker(1, "10s")], script, at_seconds(0, 0, 0))
    assert run.breaker == [(1000, "OPEN")]
    assert [(e[0] // 10**9, e[4], e[5]) for e in run.of("late_result")] == [
        (2, ev.ERROR, ev.CLOSED << 8 | ev.OPEN),
        (3, ev.SUCCESS, ev.CLOSED << 8 | ev.OPEN),
    ]
    assert run.outcomes == ["error", "error", "success"]


def test_a_late_result_neither_reopens_nor_closes_a_half_open_breaker():
    """Admitted while closed, answered while a probe is out."""
    script = ["success", ("error", "12s"), ("success", "13s"), "error", ("success", "5s")]
    run = bench([breaker(1, "10s")], script, at_seconds(0, 0, 0, 1, 11.5))
    assert run.breaker == [(1000, "OPEN"), (11500, "HALF_OPEN"), (16500, "CLOSED")]
    assert [e[0] // 10**9 for e in run.of("late_result")] == [12, 13]


def test_a_late_probe_does_not_count_in_the_next_half_open():
    """Two probes: one fails and reopens; the other succeeds only after the next probe began."""
    script = ["error", ("error", "1s"), ("success", "20s"), ("success", "30s")]
    run = bench([breaker(1, "10s", probes=2, success_threshold=1)], script, at_seconds(0, 11, 11.5, 23))
    assert run.breaker == [(0, "OPEN"), (11000, "HALF_OPEN"), (12000, "OPEN"), (23000, "HALF_OPEN"), (53000, "CLOSED")]
    assert [(e[0] // 10**6, e[5] >> 8) for e in run.of("late_result")] == [(31500, ev.HALF_OPEN)]


def test_ignored_outcomes_are_neither_failures_nor_successes():
    """ignore: [timeout] does not add to the count and does not zero it."""
    run = bench([breaker(2, ignore=["timeout"])], ["error", "timeout", "timeout", "error"], every("1s", 4))
    assert run.breaker == [(3000, "OPEN")]


def test_an_ignored_probe_gives_its_place_back_and_proves_nothing():
    """Half-open stays half-open; the next call is the next probe."""
    run = bench([breaker(1, "10s", ignore=["timeout"])], ["error", "timeout", "success"], at_seconds(0, 11, 12))
    assert run.breaker == [(0, "OPEN"), (11000, "HALF_OPEN"), (12000, "CLOSED")]


def test_every_outcome_but_success_is_a_failure():
    """A rejection by a policy inside counts too."""
    run = bench([breaker(1), limiter(1.0)], [], ["0s", "0s", "0s"])
    assert run.outcomes == ["success", "rate_limited", "breaker_open"]


def test_a_fallback_inside_is_a_success():
    """To the layers outside it a fallback looks like a success."""
    assert bench([breaker(1), fallback()], FOREVER_FAILING, every("1s", 5)).breaker == []


def test_a_cancelled_probe_gives_its_place_back_and_proves_nothing():
    """The timeout outside gives up on a hanging probe; the next call may probe."""
    script = ["error", "hang", "success"]
    run = bench([timeout("2s"), breaker(1, "10s")], script, at_seconds(0, 11, 12, 14))
    assert run.outcomes == ["error", "timeout", "breaker_open", "success"]
    assert run.breaker == [(0, "OPEN"), (11000, "HALF_OPEN"), (14000, "CLOSED")]


def test_a_cancelled_call_is_no_failure():
    """A timeout outside the breaker is not the breaker's business; inside it is."""
    assert bench([timeout("1s"), breaker(1)], ["hang"] * 3, at_seconds(0, 2)).breaker == []
    assert bench([breaker(1), timeout("1s")], ["hang"] * 3, at_seconds(0, 2)).breaker == [(1000, "OPEN")]


def test_a_cancelled_hedge_leg_is_no_failure():
    """The loser of a race through one breaker proves nothing."""
    run = bench([hedge("1s"), breaker(1)], ["hang", "success"], at_seconds(0))
    assert (run.outcomes, run.breaker) == (["success"], [])


# --- windows ---


def test_a_share_is_not_looked_at_before_the_minimum():
    """50 % of 4 calls: three failures of three do not open, the fourth result decides."""
    run = bench([breaker(failure_share=0.5, window_calls=4)], FOREVER_FAILING, every("1s", 4))
    assert run.breaker == [(3000, "OPEN")]
    assert run.why(0) == ev.WHY_FAILURE_SHARE


def test_the_share_itself_opens():
    """2 of 4 is 50 %, and 50 % is enough; 30 % of 10 too, though 0.3 * 10 is below 3 in floats."""
    run = bench([breaker(failure_share=0.5, window_calls=4)], ["error", "error", "success", "success"], every("1s", 4))
    assert run.breaker == [(3000, "OPEN")]
    script = ["error"] * 3 + ["success"] * 7
    assert bench([breaker(failure_share=0.3, window_calls=10)], script, every("1s", 10)).breaker == [(9000, "OPEN")]


def test_a_success_may_open_it():
    """The trip is evaluated after every recorded result: here the success that completes the minimum."""
    run = bench([breaker(failure_share=0.5, window_calls=2)], ["error", "success"], every("1s", 2))
    assert run.breaker == [(1000, "OPEN")]


def test_a_window_of_calls_slides():
    """1 of 4 is not 50 %: failures far apart never open."""
    script = ["error", "success", "success", "success"] * 5
    assert bench([breaker(failure_share=0.5, window_calls=4)], script, every("1s", 20)).breaker == []


def test_a_minimum_below_the_window():
    """min_calls: 2 of a window of 100: two failures are enough."""
    run = bench([breaker(failure_share=0.5, window_calls=100, min_calls=2)], FOREVER_FAILING, every("1s", 5))
    assert run.breaker == [(1000, "OPEN")]


def test_a_window_of_time_forgets_at_its_edge():
    """10 s: the failure of 0 s counts at 9.999 s and no more at 10 s."""
    settings = {"failure_share": 0.5, "window_time": "10s", "min_calls": 2}
    script = ["error", "success"]
    assert bench([breaker(**settings)], script, at_seconds(0, 9.999999999)).breaker != []
    assert bench([breaker(**settings)], script, at_seconds(0, 10)).breaker == []


def test_a_window_of_time_needs_ten_calls_by_default():
    """Nine failures in a second do not open, the tenth does."""
    run = bench([breaker(failure_share=0.5, window_time="10s")], FOREVER_FAILING, every("100ms", 12))
    assert run.breaker == [(900, "OPEN")]


def test_ignored_outcomes_take_no_place_in_the_window():
    """Two failures with ignored outcomes between are two of two."""
    run = bench([breaker(failure_share=1.0, window_calls=2, ignore=["timeout"])], ["error", "timeout", "error"],
                every("1s", 3))  # fmt: skip
    assert run.breaker == [(2000, "OPEN")]


# --- slow calls ---


def test_slow_calls_open_though_they_succeed():
    """slow_call: 2s, 80 % of 5: four of five slower than that."""
    script = [("success", "2.1s")] * 4 + [("success", "1s")]
    run = bench([breaker(failure_share=0.5, window_calls=5, slow_call="2s")], script, every("10s", 5))
    assert run.breaker == [(41000, "OPEN")]
    assert run.why(0) == ev.WHY_SLOW_SHARE


def test_exactly_the_limit_is_not_slow():
    """slow_call: 2s means longer than two seconds."""
    run = bench([breaker(failure_share=0.5, window_calls=2, slow_call="2s")], [("success", "2s")] * 2, every("9s", 2))
    assert run.breaker == []


def test_slow_calls_are_looked_at_with_a_consecutive_threshold_too():
    """failure_threshold: 5 and slow_call: 1s, minimum 2."""
    run = bench([breaker(5, slow_call="1s", window_calls=2)], [("success", "2s")] * 2, every("9s", 2))
    assert run.breaker == [(11000, "OPEN")]


def test_a_slow_probe_reopens():
    """A probe that succeeds too slowly has failed."""
    script = [("success", "3s"), ("success", "3s"), ("success", "1s")]
    settings = {"failure_share": 0.5, "window_calls": 1, "slow_call": "2s"}
    run = bench([breaker(**settings)], script, at_seconds(0, 14, 30))
    assert run.breaker == [
        (3000, "OPEN"),
        (14000, "HALF_OPEN"),
        (17000, "OPEN"),
        (30000, "HALF_OPEN"),
        (31000, "CLOSED"),
    ]
    assert run.why(2) == ev.WHY_PROBE_SLOW


# --- open time ---


def test_the_open_time_grows_with_each_reopening_up_to_its_cap():
    """1 s, then 2 s, 4 s, capped at 4 s: probes at the first call strictly later."""
    stack = [breaker(1, "1s", open_factor=2.0, open_max="4s")]
    run = bench(stack, FOREVER_FAILING, every("500ms", 40))
    assert [t for t, state in run.breaker if state == "HALF_OPEN"][:4] == [1500, 4000, 8500, 13000]


def test_closing_resets_the_open_time():
    """After a recovery the first opening lasts the recovery time again."""
    script = ["error", "error", "success", "error", "success"]
    run = bench([breaker(1, "1s", open_factor=3.0)], script, at_seconds(0, 2, 5.1, 6, 7.1))
    assert [t for t, _ in run.breaker] == [0, 2000, 2000, 5100, 5100, 6000, 7100, 7100]


# --- surroundings ---


def test_each_instance_has_its_own_breaker():
    """Two instances: the failures of one do not open the other's."""
    run = bench([breaker(1)], ["error", "success", "success"], every("1s", 4), a(instances=2))
    assert run.outcomes == ["error", "success", "breaker_open", "success"]


def test_a_restarted_instance_has_a_closed_breaker():
    """The crash takes the breaker's memory along; the event says so."""
    client = a(threads=1, on_exhaustion="crash", restart_after="2s")
    run = lab(b("1s", failure_rate=1.0), ["0s", "2s", "2.5s", "6s"], [breaker(1, "100s"), timeout("0.9s")], client)
    assert run.outcomes[0] == "timeout"
    crashing = lab(b("1s"), ["0s", "2s", "2.1s", "6s"], [breaker(1, "100s"), retry(1)],
                   client, faults=[outage("error", "0s", "1s")])  # fmt: skip
    assert crashing.breaker == [(1000, "OPEN")]
    assert crashing.outcomes == ["error", "breaker_open", "breaker_open", "breaker_open"]


def test_a_crash_closes_an_open_breaker():
    """One call hangs, another opens the breaker, a third finds no thread: after the restart calls pass."""
    client = a(threads=2, on_exhaustion="crash", restart_after="5s")
    run = bench([retry(2, "30s", on=["error"]), breaker(1, "100s")], ["hang", "error", "success"],
                ["0s", "1s", "2s", "8s"], client)  # fmt: skip
    assert run.outcomes == ["crashed", "crashed", "crashed", "success"]
    assert run.breaker == [(1000, "OPEN"), (7000, "CLOSED")]
    assert run.why(1) == ev.WHY_RESTART


def test_open_seconds_run_to_the_end_of_the_run():
    """Opened at 0.1 s, the run ends with the last call at 9 s."""
    run = lab(b("100ms", failure_rate=1.0), every("1s", 10), [breaker(1, "100s")])
    document = run.document["breakers"][0]
    assert (document["opened"], document["rejected"]) == (1, 9)
    assert document["open_seconds"] == pytest.approx(8.9)


def test_the_table_is_the_machine_and_draws_its_picture():
    """Every state can be left, and the diagram names every transition."""
    assert {old for old, _ in TRANSITIONS} == {ev.CLOSED, ev.OPEN, ev.HALF_OPEN}
    assert diagram().count("-->") == len(TRANSITIONS) + 1
