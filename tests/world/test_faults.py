"""The fault timeline: every kind, its edges, its share, its replica, and faults that overlap."""

from __future__ import annotations

import pytest
from lab import b, every, fault, lab, outage, post, retry, run, timeout

from resilience_sim.kernel.rng import FAULT_ERROR, FAULT_SHARE, KeyedRng
from resilience_sim.scenario.load import load_text

# --- when ---


def test_a_fault_lasts_from_its_start_to_just_before_its_end():
    """1 s to 2 s: the instants 1 s and 1.999999999 s are in it, 0.999999999 s and 2 s are not."""
    calls = ["0.999999999s", "1s", "1.999999999s", "2s"]
    story = lab(b(), calls, faults=[outage("refuse", "1s", "1s")])
    assert story.outcomes == ["success", "refused", "refused", "success"]


def test_what_is_due_at_the_end_of_a_fault_is_not_hit():
    """The second arrival was timed before the fault began; still it comes after its end (a named bug)."""
    story = lab(b("1ms"), every("1s", 3), faults=[outage("error", "0.5s", "0.5s")])
    assert story.outcomes == ["success"] * 3


def test_waiting_work_that_starts_at_the_end_of_a_fault_is_not_hit():
    """Work of 2 s began before the outage; the next starts at its very end."""
    story = lab(b("2s", workers=1), ["0s", "0.1s"], faults=[outage("error", "1s", "1s")])
    assert story.outcomes == ["success", "success"]


def test_a_fault_is_announced_with_its_end():
    """On at 1 s (until 3 s), off at 3 s."""
    story = lab(b(), every("1s", 6), faults=[outage("hang", "1s", "2s")])
    assert [(e[0], e[5]) for e in story.of("fault_on")] == [(10**9, 3 * 10**9)]
    assert story.times("fault_off") == [3000]


def test_a_fault_after_the_traffic_does_not_prolong_the_run():
    """The run is over when nothing is under way."""
    story = lab(b("10ms"), faults=[outage("hang", "1h", "1h")])
    assert (story.end, story.of("fault_on")) == (10, [])


# --- outages ---


def test_refuse_fails_at_once_and_never_reaches_b():
    """Not received, no amplification, no worker."""
    story = lab(b("100ms"), every("1s", 2), faults=[outage("refuse", "0s", "9s")])
    assert (story.outcomes, story.latencies) == (["refused"] * 2, [0, 0])
    assert story.document["service"]["attempts_received"] == 0
    assert story.document["amplification"] == 0
    assert story.document["attempts"]["total"] == 2


def test_refuse_takes_a_round_trip():
    """10 ms each way."""
    assert lab(b("1s", network="10ms"), faults=[outage("refuse", "0s", "9s")]).latencies == [20]


def test_hang_reaches_b_holds_no_worker_and_never_answers():
    """One worker: the hanging attempt does not keep the next one from being served."""
    story = lab(b("100ms", workers=1), ["0s", "0.5s"], [timeout("1s")], faults=[outage("hang", "0s", "0.2s")])
    assert (story.outcomes, story.latencies) == (["timeout", "success"], [1000, 100])
    assert story.document["service"]["attempts_received"] == 2
    assert story.worked() == [(500, 600, 1)]


def test_hang_without_a_timeout_is_never_answered():
    """Not even when the outage ends."""
    story = lab(b("100ms"), ["0s", "5s"], faults=[outage("hang", "0s", "1s")])
    assert story.outcomes == ["unanswered", "success"]


def test_error_answers_after_the_usual_service_time():
    """500 after 100 ms, with a worker held, without an effect."""
    story = lab(b("100ms", workers=1), ["0s", "0s"], faults=[outage("error", "0s", "1s")], operation=post())
    assert (story.outcomes, story.latencies, story.effects) == (["error"] * 2, [100, 200], [])


def test_reset_fails_midway():
    """At 50 of 100 ms, without an effect; the worker is free then."""
    story = lab(b("100ms", workers=1), ["0s", "0s"], faults=[outage("reset", "0s", "1s")], operation=post())
    assert (story.outcomes, story.latencies, story.effects) == (["reset"] * 2, [50, 100], [])


def test_refuse_and_hang_are_decided_on_arrival():
    """Arrived before, started during the outage: served. With error it fails, for that is decided at the start."""
    for how, outcome in (("refuse", "success"), ("hang", "success"), ("error", "error"), ("reset", "reset")):
        story = lab(b("1s", workers=1), ["0s", "0s"], faults=[outage(how, "0.5s", "1s")])
        assert story.outcomes == ["success", outcome]


def test_what_began_before_the_fault_is_not_hit():
    """Work from 0 to 1 s, outage from 0.5 s."""
    assert lab(b("1s"), faults=[outage("error", "0.5s", "9s")]).outcomes == ["success"]


# --- brownout ---


def test_a_brownout_takes_workers_away():
    """25 % of 4 is 1: one after the other."""
    story = lab(b("100ms", workers=4), ["0s"] * 4, faults=[fault("brownout", "0s", "9s", workers=0.25)])
    assert story.latencies == [100, 200, 300, 400]


@pytest.mark.parametrize(("workers", "share", "left"), [(10, 0.25, 2), (4, 0.1, 1), (100, 0.29, 29), (3, 0.99, 2)])
def test_workers_are_rounded_down_but_one_is_left(workers, share, left):
    """Unless the share is nothing."""
    story = lab(b("100ms", workers=workers), ["0s"] * 100, faults=[fault("brownout", "0s", "99s", workers=share)])
    assert story.latencies.count(100) == left


def test_a_brownout_to_nothing_stops_work_until_it_ends():
    """0 %: the queue is kicked when the brownout ends, though nothing else happens then."""
    story = lab(b("100ms", workers=2), ["0s", "0s", "0s"], faults=[fault("brownout", "0s", "5s", workers=0.0)])
    assert story.latencies == [5100, 5100, 5200]


def test_work_under_way_when_workers_go_is_finished():
    """Four at work at 50 ms; nobody new until fewer than the limit are busy."""
    story = lab(b("100ms", workers=4), ["0s"] * 4 + ["0.06s"], faults=[fault("brownout", "0.05s", "9s", workers=0.25)])
    assert story.latencies == [100] * 4 + [140]


def test_a_brownout_slows_and_fails():
    """4x slower, all fail."""
    story = lab(b("100ms"), faults=[fault("brownout", "0s", "9s", slower=4.0, failure_rate=1.0)])
    assert (story.outcomes, story.latencies) == (["error"], [400])


def test_a_brownout_of_unlimited_workers_leaves_them_unlimited():
    """25 % of everything."""
    story = lab(b("100ms"), ["0s"] * 50, faults=[fault("brownout", "0s", "9s", workers=0.25)])
    assert set(story.latencies) == {100}


# --- the others ---


def test_latency_adds():
    """100 + 300 ms, a worker held all the while."""
    story = lab(b("100ms", workers=1), ["0s", "0s"], faults=[fault("latency", "0s", "9s", add="300ms")])
    assert story.latencies == [400, 800]


def test_errors_strike_their_rate():
    """30 %: those whose luck is below."""
    rng = KeyedRng(1)
    story = lab(b("1ms"), every("1s", 100), faults=[fault("errors", "0s", "1h", rate=0.3, outcome="unavailable")])
    expected = ["unavailable" if rng.uniform(FAULT_ERROR, rid, 1) < 0.3 else "success" for rid in range(100)]
    assert story.outcomes == expected


@pytest.mark.parametrize("status", ["error", "unavailable", "rate_limited", "client_error"])
def test_errors_answer_with_their_status_after_the_service_time(status):
    """500, 503, 429, 404."""
    story = lab(b("100ms"), faults=[fault("errors", "0s", "9s", rate=1.0, outcome=status)])
    assert (story.outcomes, story.latencies) == ([status], [100])


def test_b_s_own_rate_limit_answers_at_once():
    """2/s, full at its start: two pass, the third is 429 at once without a worker, later ones pass again."""
    story = lab(
        b("100ms", workers=9), ["1s", "1s", "1s", "1.5s", "1.5s"], faults=[fault("rate_limit", "1s", "9s", limit=2.0)]
    )
    assert story.outcomes == ["success", "success", "rate_limited", "success", "rate_limited"]
    assert story.latencies[2] == 0
    assert story.document["service"]["attempts_received"] == 5


def test_a_cold_cache_warms_up():
    """5x slower, half-life 1 s: 500, 300 and 200 ms at 0, 1 and 2 s."""
    story = lab(b("100ms"), every("1s", 3), faults=[fault("cold_cache", "0s", "9s", slower=5.0, half_life="1s")])
    assert story.latencies == [500, 300, 200]


def test_a_crashing_replica_loses_its_work_and_its_queue():
    """At 50 ms both hear reset; nothing has happened."""
    story = lab(b("100ms", workers=1), ["0s", "0s"], faults=[fault("crash_replica", "50ms", "1s")], operation=post())
    assert (story.outcomes, story.latencies, story.effects) == (["reset"] * 2, [50, 50], [])


def test_a_crashed_replica_refuses_until_it_is_back():
    """Down from 1 s to 2 s."""
    story = lab(b("100ms"), ["0s", "1s", "1.5s", "2s"], faults=[fault("crash_replica", "1s", "1s")])
    assert story.outcomes == ["success", "refused", "refused", "success"]


def test_a_crash_s_news_crosses_the_network():
    """Reset at 50 ms, 10 ms of wire."""
    story = lab(b("100ms", network="10ms"), faults=[fault("crash_replica", "50ms", "1s")])
    assert (story.outcomes, story.latencies) == (["reset"], [60])


# --- where and whom ---


def test_a_fault_may_strike_one_replica():
    """Replica 2 of 3 refuses."""
    story = lab(b(replicas=3), every("1s", 6), faults=[outage("refuse", "0s", "99s", replica=2)])
    assert story.outcomes == ["success", "refused", "success"] * 2


def test_one_replica_crashes_alone():
    """The other's work goes on."""
    story = lab(b("100ms", replicas=2), ["0s", "0s"], faults=[fault("crash_replica", "50ms", "1s", replica=1)])
    assert story.outcomes == ["reset", "success"]


def test_a_brownout_of_one_replica_leaves_the_other_its_workers():
    """Replica 1 has no worker for a second."""
    story = lab(
        b("100ms", workers=1, replicas=2), ["0s", "0s"], faults=[fault("brownout", "0s", "1s", workers=0.0, replica=1)]
    )
    assert story.latencies == [1100, 100]


def test_a_share_of_attempts_is_drawn_for_each_attempt():
    """30 % of attempts: a retry may escape."""
    rng = KeyedRng(1)
    story = lab(b(), every("1s", 100), [retry(2)], faults=[outage("refuse", "0s", "1h", share=0.3)])
    hit = {(rid, n): rng.uniform(FAULT_SHARE, rid, n) < 0.3 for rid in range(100) for n in (1, 2)}
    assert story.outcomes == ["refused" if hit[rid, 1] and hit[rid, 2] else "success" for rid in range(100)]
    assert "refused" in story.outcomes


def test_a_share_of_requests_strikes_the_same_requests_on_every_attempt():
    """No retry escapes."""
    rng = KeyedRng(1)
    story = lab(b(), every("1s", 100), [retry(5)], faults=[outage("refuse", "0s", "1h", share=0.3, of="requests")])
    expected = ["refused" if rng.uniform(FAULT_SHARE, rid, 0) < 0.3 else "success" for rid in range(100)]
    assert story.outcomes == expected
    assert len(story.sent()) == 100 + 4 * expected.count("refused")


def test_two_faults_draw_their_shares_independently():
    """Half and half: a quarter is hit by both, so three quarters by either."""
    halves = [outage("refuse", "0s", "1h", share=0.5), fault("errors", "0s", "1h", share=0.5, rate=1.0)]
    story = lab(b(), every("1s", 400), faults=halves)
    assert story.outcomes.count("success") == pytest.approx(100, abs=40)


# --- overlapping ---


def test_slower_multiplies_and_added_latency_comes_on_top():
    """(100 + 10 per other) x 2 x 3 + 50 + 25."""
    faults = [
        fault("brownout", "0s", "9s", slower=2.0), fault("brownout", "0s", "9s", slower=3.0),
        fault("latency", "0s", "9s", add="50ms"), fault("latency", "0s", "9s", add="25ms"),
    ]  # fmt: skip
    assert lab(b("100ms", per_concurrent="10ms"), ["0s", "0s"], faults=faults).latencies == [675, 735]


def test_workers_left_by_overlapping_brownouts_multiply():
    """Half of half of eight."""
    faults = [fault("brownout", "0s", "9s", workers=0.5), fault("brownout", "0s", "9s", workers=0.5)]
    assert lab(b("100ms", workers=8), ["0s"] * 4, faults=faults).latencies == [100, 100, 200, 200]


def test_when_one_of_two_brownouts_ends_its_workers_return():
    """None until 1 s, then one of two until 5 s."""
    faults = [fault("brownout", "0s", "1s", workers=0.0), fault("brownout", "0s", "5s", workers=0.5)]
    assert lab(b("100ms", workers=2), ["0s"] * 3, faults=faults).latencies == [1100, 1200, 1300]


def test_refusing_outdoes_hanging_outdoes_limiting():
    """Whatever the order of the timeline."""
    limit = fault("rate_limit", "0s", "9s", limit=0.001)
    faults = [limit, outage("hang", "0s", "2s"), outage("refuse", "0s", "1s")]
    story = lab(b(), ["0.5s", "1.5s", "2.5s", "2.6s"], [timeout("100ms")], faults=faults)
    assert story.outcomes == ["refused", "timeout", "success", "rate_limited"]


def test_reset_outdoes_error():
    """Both outages: reset midway."""
    story = lab(b("100ms"), faults=[outage("reset", "0s", "1s"), outage("error", "0s", "1s")])
    assert (story.outcomes, story.latencies) == (["reset"], [50])


def test_reset_comes_midway_of_the_slowed_time():
    """Half of 4 x 100 ms."""
    story = lab(b("100ms"), faults=[outage("reset", "0s", "1s"), fault("brownout", "0s", "1s", slower=4.0)])
    assert story.latencies == [200]


def test_a_crash_without_a_replica_takes_all_of_them_down():
    """Two replicas, down from 150 to 550 ms: four calls are refused (a named bug: the first alone went down)."""
    story = lab(b("30.7ms", replicas=2), every("100ms", 8), faults=[fault("crash_replica", "150ms", "400ms")])
    assert story.outcomes == ["success"] * 2 + ["refused"] * 4 + ["success"] * 2


@pytest.mark.parametrize(("own", "more", "fails"), [(0.5, 0.5, 0.75), (0.3, 0.6, 0.72), (0.0, 0.4, 0.4)])
def test_failures_of_a_brownout_come_on_top_of_bs_own(own, more, fails):
    """1 - (1 - a)(1 - b), not the larger of the two (a named bug). 10,000 calls: three deviations are 1.5 %."""
    faults = [fault("brownout", "0s", "1h", failure_rate=more)]
    story = lab(b("5ms", failure_rate=own), every("10ms", 10_000), faults=faults)
    assert story.outcomes.count("error") / 10_000 == pytest.approx(fails, abs=0.015)


def test_two_brownouts_come_on_top_of_each_other():
    """Half of the half that is left."""
    faults = [fault("brownout", "0s", "1h", failure_rate=0.5, id=name) for name in "xy"]
    assert lab(b("5ms"), every("10ms", 10_000), faults=faults).outcomes.count("error") == pytest.approx(7_500, abs=150)


@pytest.mark.parametrize("errors_first", [True, False])
def test_a_failed_attempt_whose_answer_is_lost_has_no_effect(errors_first):
    """It fails by itself or by `errors`; that its answer is lost as well changes nothing at B (a named bug)."""
    lost = fault("errors", "0s", "9s", outcome="lost_response", id="lost")
    errors = fault("errors", "0s", "9s", id="errors")
    both = [errors, lost] if errors_first else [lost, errors]
    own = lab(b("100ms", failure_rate=1.0), every("1s", 2), [timeout("500ms")], faults=[lost], operation=post())
    struck = lab(b("100ms"), every("1s", 2), [timeout("500ms")], faults=both, operation=post())
    for story in (own, struck):
        assert (story.outcomes, story.effects) == (["timeout"] * 2, [])
    works = lab(b("100ms"), every("1s", 2), [timeout("500ms")], faults=[lost], operation=post())
    assert len(works.effects) == 2


def test_the_answer_of_an_outage_is_never_lost():
    """Broken off or answered with an error: the caller hears of it."""
    lost = fault("errors", "0s", "9s", outcome="lost_response", id="lost")
    for how, outcome in (("error", "error"), ("reset", "reset")):
        assert lab(b("100ms"), faults=[lost, outage(how, "0s", "9s")]).outcomes == [outcome]


# --- lost answers that somebody else gives ---


def lost(answer: str, **settings):
    return fault("errors", "0s", "9s", outcome="lost_response", answer=answer, **settings)


@pytest.mark.parametrize("answer", ["error", "unavailable", "rate_limited", "client_error", "timeout", "reset"])
def test_a_lost_answer_may_become_an_error_at_once(answer):
    """As soon as B has done the work; the effect happens."""
    story = lab(b("100ms"), faults=[lost(answer)], operation=post())
    assert (story.outcomes, story.latencies) == ([answer], [100])
    assert (story.effects, story.ends()) == ([(100, "applied")], [(100, "lost_response")])
    assert story.document["effects"]["orphans"] == 1


def test_the_mesh_retries_what_was_done():
    """A connection that breaks after the work: the sidecar answers 503, the payment is made twice."""
    story = lab(b("100ms"), every("1s", 3), [retry(2, "5s")], faults=[lost("unavailable")], operation=post())
    assert story.outcomes == ["unavailable"] * 3
    assert [name for _, name in story.effects] == ["applied"] * 3 + ["duplicate"] * 3
    assert story.document["effects"]["duplicates"] == 3


def test_the_first_fault_that_loses_an_answer_says_what_is_heard():
    """Two at once: the one that stands first in the file; of a failure the answer is lost, too."""
    first, second = lost("unavailable", id="x"), lost("reset", id="y")
    assert lab(b("1ms"), faults=[first, second]).outcomes == ["unavailable"]
    assert lab(b("1ms"), faults=[second, first]).outcomes == ["reset"]
    failing = lab(b("1ms", failure_rate=1.0), faults=[first], operation=post())
    assert (failing.outcomes, failing.effects) == (["unavailable"], [])


def test_nobody_hears_a_lost_answer_after_giving_up():
    """The caller has left by the time the work is done."""
    story = lab(b("500ms"), faults=[lost("unavailable")], stack=[timeout("100ms")], operation=post())
    assert (story.results(), len(story.effects)) == ([(100, "timeout")], 1)


def test_case_56_a_mesh_pays_twice():
    """istio/istio #13851, #50506: the connection breaks after the work, the sidecar answers 503, the mesh retries."""
    text = """
resim: 1
service: {latency: 100ms}
operation: {method: POST, amount: 100.00}
traffic: {rate: 10/s, duration: 60s}
stack:
  - retry: {like: envoy, num_retries: 2, on: [unavailable, refused, reset]}
faults:
  - outage: {id: cut, at: 20s, for: 5s, how: reset}
  - errors: {id: e503, at: 30s, for: 5s, rate: 50%, status: 503}
  - lost_responses: {id: lost, at: 40s, for: 5s, rate: 50%, answer: unavailable}
"""
    paid = run(load_text(text, "payout.yaml").plan)
    assert paid.document["effects"]["duplicates"] > 20
    assert paid.document["effects"]["amount_duplicated"] == 100.0 * paid.document["effects"]["duplicates"]
    assert (
        paid.document["requests"]["by_outcome"]["timeout"] == paid.document["requests"]["by_outcome"]["unanswered"] == 0
    )
    assert all(40_000 <= t < 46_000 for t, effect in paid.effects if effect == "duplicate")
    careful = run(load_text(text.replace("num_retries: 2", "num_retries: 2, only_idempotent: true"), "p.yaml").plan)
    assert careful.document["effects"]["duplicates"] == 0
