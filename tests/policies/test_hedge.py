"""Hedge, told with hand-computed instants (milliseconds)."""

from __future__ import annotations

from lab import b, bench, breaker, fallback, fault, hedge, lab, post, retry, timeout


def test_a_quick_answer_needs_no_hedge():
    """Answered before the delay: one attempt."""
    run = bench([hedge("100ms")], [("success", "99ms")])
    assert (run.sent(0), run.latencies, run.end) == ([0], [99], 99)


def test_a_second_leg_starts_after_the_delay_and_the_first_success_wins():
    """First leg 500 ms, second 100 ms: done at 200, the first is cancelled."""
    run = bench([hedge("100ms")], [("success", "500ms"), ("success", "100ms")])
    assert run.sent(0) == [0, 100]
    assert run.results(0) == [(200, "success"), (200, "cancelled")]
    assert run.latencies == [200]
    assert [(e[4], e[5]) for e in run.of("hedge_won")] == [(2, 2)]


def test_the_first_leg_may_win():
    """It answers at 150, the second is cancelled."""
    run = bench([hedge("100ms")], [("success", "150ms"), ("success", "100ms")])
    assert run.results(0) == [(150, "success"), (150, "cancelled")]


def test_legs_start_one_after_the_other_up_to_max_extra():
    """max_extra: 3: at 100, 200 and 300, no more."""
    run = bench([hedge("100ms", 3)], [("success", "1s")] * 9)
    assert run.sent(0) == [0, 100, 200, 300]
    assert run.latencies == [1000]


def test_a_failed_leg_waits_for_the_others():
    """The first fails at 150, the second succeeds at 300."""
    run = bench([hedge("100ms")], [("error", "150ms"), ("success", "200ms")])
    assert (run.outcomes, run.latencies) == (["success"], [300])


def test_when_all_fail_the_last_outcome_is_the_answer():
    """error at 150, timeout at 300: timeout."""
    run = bench([hedge("100ms")], [("error", "150ms"), ("timeout", "200ms")])
    assert (run.outcomes, run.latencies) == (["timeout"], [300])


def test_a_failure_before_the_delay_starts_nothing():
    """A hedge is no retry."""
    run = bench([hedge("100ms")], [("error", "50ms")])
    assert (run.sent(0), run.outcomes, run.latencies) == ([0], ["error"], [50])


def test_no_delay_starts_all_at_once():
    """delay 0ms, max_extra 2: three attempts at the same instant."""
    run = bench([hedge("0ms", 2)], [("success", "300ms"), ("success", "100ms"), ("success", "200ms")])
    assert (run.sent(0), run.latencies) == ([0, 0, 0], [100])


def test_no_extra_legs_is_no_hedge():
    """max_extra: 0 changes nothing."""
    assert bench([hedge("100ms", 0)], [("success", "1s")]).sent(0) == [0]


def test_the_loser_s_work_is_cancelled_at_b():
    """Its worker is free when the winner answers."""
    run = lab(b("300ms", workers=2), stack=[hedge("100ms")], operation=post())
    assert run.ends() == [(300, "success"), (300, "cancelled")]
    assert run.effects == [(300, "applied")]


def test_a_loser_may_be_left_to_run():
    """cancels_loser: false: it ends on its own, its answer means nothing, its effect happens twice."""
    run = lab(b("300ms"), stack=[hedge("100ms", cancels_loser=False)], operation=post())
    assert run.results(0) == [(300, "success"), (400, "success")]
    assert run.effects == [(300, "applied"), (400, "duplicate")]
    assert (run.outcomes, run.latencies) == (["success"], [300])
    assert run.document["service"]["wasted_seconds"] == 0.3


def test_a_timeout_outside_ends_the_whole_race():
    """Both legs are abandoned."""
    run = bench([timeout("150ms"), hedge("100ms")], ["hang", "hang", "hang"])
    assert run.results(0) == [(150, "timeout"), (150, "timeout")]
    assert run.end == 150


def test_a_timeout_inside_belongs_to_each_leg():
    """Legs time out at 200 and 300."""
    run = bench([hedge("100ms"), timeout("200ms")], ["hang", "hang"])
    assert run.results(0) == [(200, "timeout"), (300, "timeout")]


def test_retries_inside_a_leg_race_too():
    """The first leg retries, the second wins meanwhile; the retry is called off."""
    run = bench([hedge("100ms"), retry(3, "1s")], [("error", "50ms"), ("success", "100ms")])
    assert run.sent(0) == [0, 100]
    assert (run.outcomes, run.latencies, run.end) == (["success"], [200], 200)


def test_a_rejected_leg_is_a_failed_leg():
    """The breaker opened by the first leg's failure rejects nobody else's answer."""
    run = bench([hedge("100ms", 2), breaker(1)], [("error", "150ms"), ("success", "200ms")])
    assert (run.outcomes, run.latencies, run.sent(0)) == (["success"], [300], [0, 100])


def test_a_crashing_replica_takes_both_legs_though_the_first_loss_wins_the_race():
    """With a fallback inside, the loss of one leg answers the race and cancels the other (a named bug)."""
    run = lab(b("1s"), stack=[hedge("100ms"), fallback()], faults=[fault("crash_replica", "0.5s", "1s")])
    assert run.outcomes == ["fallback"]
    assert run.ends() == [(500, "reset"), (500, "reset")]
    assert sorted(run.results(0)) == [(500, "cancelled"), (500, "reset")]
