"""Service B: workers, queue, disciplines, replicas, slowdown, network, failures and effects."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab import a, b, every, hedge, lab, outage, post, retry, run, timeout
from lab import plan as make_plan

from resilience_sim.kernel.rng import BALANCER, FAILURE, SERVICE, KeyedRng
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.service import OperationConfig

AT_ONCE = ["0s", "0s", "0s"]

# --- workers and queue ---


def test_workers_are_unlimited_by_default():
    """Everybody is served at once."""
    assert lab(b("100ms"), AT_ONCE).latencies == [100] * 3


def test_one_worker_serves_one_after_the_other():
    """The others wait in B's queue."""
    story = lab(b("100ms", workers=1), AT_ONCE)
    assert story.worked() == [(0, 100, 0), (100, 200, 1), (200, 300, 2)]
    assert story.document["service"]["queue_peak"] == 2
    assert story.document["service"]["busy_peak"] == 1


def test_a_full_queue_refuses_at_once():
    """workers: 1, queue: 1: the third is shed, without network at the same instant; it did reach B."""
    story = lab(b("100ms", workers=1, queue=1), AT_ONCE)
    assert story.outcomes == ["success", "success", "shed"]
    assert story.latencies == [100, 200, 0]
    assert story.document["service"]["attempts_received"] == 3


def test_no_queue_at_all():
    """queue: 0."""
    assert lab(b("100ms", workers=1, queue=0), AT_ONCE).outcomes == ["success", "shed", "shed"]


def test_lifo_serves_the_youngest_first():
    """0 is at work; of 1 and 2 the later one comes first."""
    story = lab(b("100ms", workers=1, discipline="lifo"), ["0s", "0.01s", "0.02s"])
    assert [rid for _, _, rid in story.worked()] == [0, 2, 1]


def test_fifo_works_on_what_nobody_waits_for():
    """Timeouts of 150 ms: the third is worked on from 200 to 300 for nothing."""
    story = lab(b("100ms", workers=1), AT_ONCE, [timeout("150ms")])
    assert story.worked() == [(0, 100, 0), (100, 200, 1), (200, 300, 2)]
    assert story.document["service"]["wasted_seconds"] == pytest.approx(0.2)


def test_drop_abandoned_skips_what_nobody_waits_for():
    """The third is dropped when its turn comes; the second, already at work, is not."""
    story = lab(b("100ms", workers=1, discipline="drop_abandoned"), AT_ONCE, [timeout("150ms")])
    assert story.worked() == [(0, 100, 0), (100, 200, 1)]
    assert [(e[0] // 10**6, e[3]) for e in story.of("left_queue")] == [(200, 2)]


def test_when_work_ends_the_next_begins_before_the_caller_reacts():
    """One worker, one place: the retry of the first finds the place free and the worker busy."""
    story = lab(b("100ms", workers=1, queue=1, failure_rate=1.0), ["0s", "0s"], [retry(2)])
    kinds = [(e[1], e[3]) for e in story.events if e[0] == 100_000_000]
    assert kinds[:4] == [(7, 0), (6, 1), (9, 0), (11, 0)]
    assert story.outcomes == ["error", "error"]


# --- replicas ---


def replicas_of(story) -> list[int]:
    """The replica of each received attempt, from 1."""
    return [story.components[e[2]].number for e in story.of("received")]


def test_round_robin_takes_turns():
    """Three replicas."""
    assert replicas_of(lab(b(replicas=3), every("1s", 7))) == [1, 2, 3, 1, 2, 3, 1]


def test_random_picks_by_the_attempt_s_luck():
    """The same attempt goes to the same replica in every variant."""
    rng = KeyedRng(1)
    story = lab(b(replicas=3, balancer="random"), every("1s", 30))
    assert replicas_of(story) == [1 + int(rng.uniform(BALANCER, rid, 1) * 3) for rid in range(30)]


def test_least_loaded_picks_the_fewest_at_work_and_waiting():
    """Ties go to the first."""
    story = lab(b("1s", replicas=3, balancer="least_loaded"), ["0s", "0.1s", "0.2s", "0.3s", "1.15s"])
    assert replicas_of(story) == [1, 2, 3, 1, 2]


def test_each_replica_has_its_own_workers_and_queue():
    """Two replicas of one worker and one place: four served, one shed."""
    story = lab(b("100ms", workers=1, queue=1, replicas=2), ["0s"] * 5)
    assert story.outcomes == ["success"] * 4 + ["shed"]
    assert story.latencies == [100, 100, 200, 200, 0]


# --- time ---


def test_slowdown_adds_for_each_other_request_in_service():
    """10 ms for each: 100, 110, 120."""
    assert lab(b("100ms", per_concurrent="10ms"), AT_ONCE).latencies == [100, 110, 120]


def test_slowdown_is_each_replica_s_own():
    """Two replicas: the third shares with the first only."""
    assert lab(b("100ms", per_concurrent="10ms", replicas=2), AT_ONCE).latencies == [100, 100, 110]


def test_the_network_is_crossed_both_ways_and_holds_no_worker():
    """10 ms out, 100 ms of one worker, 10 ms back."""
    story = lab(b("100ms", network="10ms", workers=1), ["0s", "0s"])
    assert story.worked() == [(10, 110, 0), (110, 210, 1)]
    assert story.latencies == [120, 220]


def test_refusals_cross_the_network_too():
    """Shed after a round trip of 20 ms."""
    story = lab(b("100ms", network="10ms", workers=1, queue=0), ["0s", "0s"])
    assert (story.outcomes, story.latencies) == (["success", "shed"], [120, 20])


def test_an_attempt_given_up_on_the_wire_still_arrives():
    """Timeout after 5 of 10 ms: B works on it and the effect happens."""
    story = lab(b("100ms", network="10ms"), stack=[timeout("5ms")], operation=post())
    assert story.effects == [(110, "applied")]
    stopped = lab(b("100ms", network="10ms"), stack=[timeout("5ms", cancels_work=True)], operation=post())
    assert (stopped.effects, stopped.of("received")) == ([], [])


def test_an_answer_on_its_way_back_may_come_too_late():
    """The work ended at 110 in time, the answer would arrive at 120: timeout at 115, effect applied."""
    story = lab(b("100ms", network="10ms"), stack=[timeout("115ms")], operation=post())
    assert (story.outcomes, story.effects) == (["timeout"], [(110, "applied")])
    assert story.document["service"]["wasted_seconds"] == 0


def test_service_luck_belongs_to_request_and_attempt():
    """Attempt n of request r takes the time that its own number says, in any stack."""
    rng = KeyedRng(1)
    slow = b(Latency("uniform", 0.0, 1e9), failure_rate=1.0)
    story = lab(slow, every("10s", 5), [retry(3)])
    used = {(e[3], e[4] >> 16): e[5] for e in story.of("end")}
    assert len(used) == 15
    assert all(abs(t - rng.uniform(SERVICE, rid, attempt) * 1e9) <= 1 for (rid, attempt), t in used.items())


# --- failures ---


@pytest.mark.parametrize("failure", ["error", "unavailable", "rate_limited", "client_error"])
def test_an_attempt_fails_after_its_service_time(failure):
    """With the outcome the scenario names, having held its worker."""
    story = lab(b("100ms", workers=1, failure_rate=1.0, failure=failure), ["0s", "0s"])
    assert (story.outcomes, story.latencies) == ([failure] * 2, [100, 200])


def test_failures_are_the_attempt_s_luck():
    """30 %: those whose number is below 0.3."""
    rng = KeyedRng(1)
    story = lab(b("1ms", failure_rate=0.3), every("1s", 200))
    assert story.outcomes == ["error" if rng.uniform(FAILURE, rid, 1) < 0.3 else "success" for rid in range(200)]
    assert 30 < story.outcomes.count("error") < 90


def test_a_lost_response_without_a_timeout_is_never_answered():
    """The effect happens, the caller waits to the end of the run and holds its thread."""
    story = lab(
        b("100ms", failure_rate=1.0, failure="lost_response"), ["0s", "1s"], client=a(threads=1), operation=post()
    )
    assert story.outcomes == ["unanswered", "exhausted"]
    assert story.effects == [(100, "applied")]
    assert story.end == 1000


def test_a_lost_response_with_a_timeout_is_a_timeout():
    """Reported as failed though done: an orphan."""
    story = lab(b("100ms", failure_rate=1.0, failure="lost_response"), stack=[timeout("1s")], operation=post())
    assert (story.outcomes, story.latencies) == (["timeout"], [1000])
    assert story.document["effects"]["orphans"] == 1


def test_a_lost_response_may_be_answered_by_somebody_else():
    """Over the wire and back, with the effect: a duplicate at every try that the answer causes."""
    service = b("100ms", network="10ms", failure_rate=1.0, failure="lost_response", lost_answer="unavailable")
    story = lab(service, stack=[retry(3, "1s")], operation=post())
    assert (story.results(), story.outcomes) == (
        [(120, "unavailable"), (1240, "unavailable"), (2360, "unavailable")], ["unavailable"]
    )  # fmt: skip
    assert story.ends() == [(110, "lost_response"), (1230, "lost_response"), (2350, "lost_response")]
    assert story.effects == [(110, "applied"), (1230, "duplicate"), (2350, "duplicate")]


def test_a_client_error_has_no_effect():
    """B has refused to do it."""
    story = lab(b("10ms", failure_rate=1.0, failure="client_error"), every("1s", 5), operation=post())
    assert (story.outcomes, story.effects) == (["client_error"] * 5, [])
    assert story.document["requests"]["by_outcome"]["client_error"] == 5
    assert story.document["availability"] == 0


# --- effects ---

LOSING = b("10ms", failure_rate=1.0, failure="lost_response")
PATIENT = [retry(3, "400ms"), timeout("100ms")]  # attempts at 0, 500, 1000; effects 10 ms later


def test_a_post_executed_again_is_a_duplicate():
    """Three times: one effect, two duplicates, all orphans of a request reported as failed."""
    story = lab(LOSING, stack=PATIENT, operation=OperationConfig("POST", amount=25.0))
    assert story.effects == [(10, "applied"), (510, "duplicate"), (1010, "duplicate")]
    effects = story.document["effects"]
    assert (effects["applied"], effects["duplicates"], effects["orphans"]) == (3, 2, 3)
    assert (effects["amount_applied"], effects["amount_duplicated"]) == (75.0, 50.0)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_idempotent_methods_change_nothing_the_second_time(method):
    """No duplicate."""
    story = lab(LOSING, stack=PATIENT, operation=post(method=method))
    assert [what for _, what in story.effects] == ["applied", "repeated", "repeated"]
    assert story.document["effects"]["duplicates"] == 0


def test_a_get_has_no_effect():
    """Nothing is booked."""
    assert lab(LOSING, stack=PATIENT).effects == []


def test_a_key_that_b_remembers_prevents_duplicates():
    """One effect, two deduplicated."""
    story = lab(replace(LOSING, deduplicate=True), stack=PATIENT, operation=post(key=True))
    assert [what for _, what in story.effects] == ["applied", "deduplicated", "deduplicated"]
    assert story.document["effects"]["deduplicated"] == 2
    assert story.document["effects"]["applied"] == 1


def test_it_takes_both_a_key_and_a_memory():
    """Either alone does not help."""
    for deduplicate, key in ((True, False), (False, True)):
        story = lab(replace(LOSING, deduplicate=deduplicate), stack=PATIENT, operation=post(key=key))
        assert [what for _, what in story.effects] == ["applied", "duplicate", "duplicate"]


def test_a_key_is_forgotten_after_its_ttl():
    """ttl 900 ms: the attempt 1 s after the effect is a duplicate, and is remembered in turn."""
    remembering = replace(LOSING, deduplicate=True, dedup_ttl=900_000_000)
    story = lab(remembering, stack=[retry(4, "400ms"), timeout("100ms")], operation=post(key=True))
    assert story.effects == [(10, "applied"), (510, "deduplicated"), (1010, "duplicate"), (1510, "deduplicated")]


def test_requests_do_not_share_keys():
    """Two requests, two effects."""
    story = lab(b("10ms", deduplicate=True), ["0s", "0s"], operation=post(key=True))
    assert [what for _, what in story.effects] == ["applied", "applied"]


def test_a_failed_attempt_has_no_effect():
    """error, unavailable, rate_limited: nothing happened."""
    for failure in ("error", "unavailable", "rate_limited"):
        assert lab(b("10ms", failure_rate=1.0, failure=failure), operation=post()).effects == []


def test_the_effect_of_given_up_work_is_an_orphan():
    """It happens after the request was reported as failed, and says so."""
    story = lab(b("500ms"), stack=[timeout("100ms")], operation=post())
    assert [(e[0] // 10**6, e[5]) for e in story.of("effect")] == [(500, 1)]
    assert story.document["effects"]["orphans"] == 1


def test_an_effect_of_a_request_that_succeeded_in_the_end_is_no_orphan():
    """First attempt given up, its effect happens; the second succeeds: a duplicate, no orphan."""
    story = lab(b("150ms"), stack=[hedge("100ms", cancels_loser=False)], operation=post())
    assert story.effects == [(150, "applied"), (250, "duplicate")]
    assert story.document["effects"]["orphans"] == 0


def test_wasted_time_is_the_whole_service_time_of_abandoned_work():
    """Given up at 499 of 500 ms: 500 ms wasted; answered at 500 of 500: none."""
    assert lab(b("500ms"), stack=[timeout("499ms")]).document["service"]["wasted_seconds"] == 0.5
    assert lab(b("500ms"), stack=[timeout("501ms")]).document["service"]["wasted_seconds"] == 0


def test_common_luck_across_variants():
    """A stack, more workers, an outage: the service luck of the first attempts stays."""
    base = make_plan(b(Latency("exponential", 1e8)), every("1s", 20))
    variants = [
        base,
        replace(base, stack=make_plan(stack=[timeout("10s"), retry(3), hedge("5s")]).stack),
        replace(base, faults=(outage("refuse", "5s", "3s"),)),
        replace(base, client=a(instances=3)),
    ]
    stories = [run(variant) for variant in variants]
    used = [{e[3]: e[5] for e in s.of("end") if e[4] >> 16 == 1} for s in stories]
    assert all(u[rid] == used[0][rid] for u in used for rid in u)
    assert [len(u) for u in used] == [20, 20, 17, 20]
