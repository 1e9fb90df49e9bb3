"""What the figures of a run mean, told with hand-made events."""

from __future__ import annotations

import pickle

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import pack_attempt
from resilience_sim.measure.result import Reading
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.plan import Expectation, Scope
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig

from .tape import A2, BREAKER, BREAKER2, COMPONENTS, MS, REPLICA, RETRY, A, B, S, Tape, plan


def test_an_empty_run_has_no_figures_and_no_failure():
    """Nothing happened: counts are zero, shares are null, nothing divides by zero."""
    run = Tape().result().document
    assert run["requests"]["total"] == 0
    assert run["availability"] is None
    assert run["latency"] == {"mean": None, "p50": None, "p90": None, "p95": None, "p99": None, "max": None}
    assert run["collapsed"] is False
    assert all(reading.value is None for name, reading in Tape().result().metrics.items() if name != "open_time")


def test_every_request_falls_into_exactly_one_category():
    """Total = succeeded + late + fallback + failed, and unanswered requests are failed ones."""
    tape = Tape()
    tape.request(0, 1 * S)
    tape.request(1 * S, 4 * S)  # late
    tape.request(2 * S, 3 * S, ev.ERROR)
    rid = tape.arrive(3 * S)
    tape.done(4 * S, rid, ev.FALLBACK)
    tape.arrive(5 * S)  # never answered
    requests = tape.result(plan(traffic=TrafficConfig(deadline=2 * S))).document["requests"]
    assert {key: requests[key] for key in ("total", "succeeded", "late", "fallback", "failed")} == {
        "total": 5,
        "succeeded": 1,
        "late": 1,
        "fallback": 1,
        "failed": 2,
    }
    assert requests["by_outcome"]["success"] == 2
    assert requests["by_outcome"]["unanswered"] == 1
    assert requests["by_outcome"]["fallback"] == 1
    assert sum(requests["by_outcome"].values()) == requests["total"]


def test_a_success_exactly_at_the_deadline_is_in_time():
    """The deadline is what the user is willing to wait: only longer is late."""
    tape = Tape()
    tape.request(0, 2 * S)
    assert tape.result(plan(traffic=TrafficConfig(deadline=2 * S))).document["requests"]["succeeded"] == 1


def test_first_try_counts_only_successes_with_one_attempt():
    """A success after a retry succeeded, but not at the first try."""
    tape = Tape()
    tape.request(0, 1 * S)
    rid = tape.arrive(2 * S)
    tape.attempt(rid, 2 * S, 3 * S, ev.ERROR).attempt(rid, 4 * S, 5 * S, number=2).done(5 * S, rid, attempts=2)
    run = tape.result().document
    assert run["requests"]["succeeded"] == 2
    assert run["requests"]["succeeded_first_try"] == 1
    assert run["attempts"]["total"] == 3
    assert run["attempts"]["per_request"] == 1.5
    assert run["attempts"]["by_outcome"]["error"] == 1


def test_the_limiters_no_and_bs_429_share_a_name():
    """Both are ``rate_limited`` to the reader."""
    tape = Tape()
    tape.request(0, 1, ev.RATE_LIMITED)
    tape.request(2, 3, ev.LIMITED)
    assert tape.result().document["requests"]["by_outcome"]["rate_limited"] == 2


def test_attempts_that_never_reached_b_do_not_amplify():
    """Amplification counts what B received; attempts without a result are unanswered."""
    tape = Tape()
    rid = tape.arrive(0)
    tape.put(0, ev.SENT, B, rid, 1)
    tape.put(0, ev.RESULT, B, rid, pack_attempt(1, ev.REFUSED, 0), 0)
    tape.put(1, ev.SENT, B, rid, 2)
    tape.put(1, ev.RECEIVED, REPLICA, rid, 2, ev.HUNG)
    run = tape.result().document
    assert run["amplification"] == 1.0
    assert run["attempts"]["by_outcome"]["unanswered"] == 1
    assert run["service"]["busy_peak"] == 0


def test_queue_busy_and_utilization():
    """Two workers, one waits: peaks and the share of worker time that was busy."""
    tape = Tape()
    for number in range(3):
        tape.arrive(0)
        tape.put(0, ev.RECEIVED, REPLICA, number, 1, ev.STARTED if number < 2 else ev.QUEUED_AT_B)
    for number, end in ((0, 1 * S), (1, 2 * S)):
        tape.put(end, ev.END, REPLICA, number, pack_attempt(1, ev.SUCCESS, number), end)
    tape.put(1 * S, ev.BEGIN, REPLICA, 2, 1, 1 * S)
    tape.put(2 * S, ev.END, REPLICA, 2, pack_attempt(1, ev.SUCCESS, 0), 1 * S)
    service = tape.result(end=4 * S).document["service"]
    assert service == {
        "attempts_received": 3,
        "queue_peak": 1,
        "busy_peak": 2,
        "utilization": 0.5,
        "wasted_seconds": 2.0,
    }
    assert tape.result().metrics["wasted_work"] == Reading(0.5)
    assert tape.result(plan(service=ServiceConfig())).document["service"]["utilization"] is None


def test_threads_peak_is_of_one_instance():
    """Two instances with two and one requests: the peak is two; the backlog holds no thread until it starts."""
    tape = Tape()
    tape.arrive(0)
    tape.arrive(0, source=A2)
    tape.arrive(0)
    waiting = tape.arrive(0, ev.BACKLOGGED)
    tape.done(1, 0).put(1, ev.START, A, waiting)
    assert tape.result().document["client"]["threads_peak"] == 2


def test_orphans_are_effects_of_requests_reported_as_failed():
    """Before the report they come with DONE, after it with the effect itself."""
    tape = Tape()
    tape.arrive(0)
    tape.put(1, ev.EFFECT, REPLICA, 0, pack_attempt(1, ev.APPLIED, 0), 0)
    tape.put(2, ev.EFFECT, REPLICA, 0, pack_attempt(2, ev.DUPLICATE, 0), 0)
    tape.done(3, 0, ev.TIMEOUT, attempts=3, effects=2)
    tape.put(4, ev.EFFECT, REPLICA, 0, pack_attempt(3, ev.DUPLICATE, 0), 1)
    tape.arrive(5)
    tape.put(6, ev.EFFECT, REPLICA, 1, pack_attempt(1, ev.APPLIED, 0), 0)
    tape.put(6, ev.EFFECT, REPLICA, 1, pack_attempt(2, ev.DEDUPLICATED, 0), 0)
    tape.put(6, ev.EFFECT, REPLICA, 1, pack_attempt(3, ev.REPEATED, 0), 0)
    tape.done(7, 1, attempts=3, effects=1)
    effects = tape.result(plan(operation=OperationConfig("POST", amount=25.0))).document["effects"]
    assert effects == {
        "applied": 4,
        "duplicates": 2,
        "orphans": 3,
        "deduplicated": 1,
        "amount_applied": 100.0,
        "amount_duplicated": 50.0,
    }


def test_breakers_tell_their_story():
    """Transitions with reasons, time open to the end of the run, rejections, and the breaker that never moved."""
    tape = Tape()
    tape.breaker(1 * S, ev.CLOSED, ev.OPEN, ev.WHY_CONSECUTIVE, 2, 2)
    tape.put(2 * S, ev.REJECTED, BREAKER, 0, ev.BREAKER_OPEN)
    tape.breaker(4 * S, ev.OPEN, ev.HALF_OPEN, ev.WHY_RECOVERY_TIME, 3000)
    tape.breaker(5 * S, ev.HALF_OPEN, ev.OPEN, ev.WHY_PROBE_FAILED, ev.TIMEOUT)
    first, second = tape.result(end=7 * S).document["breakers"]
    assert (first["id"], first["instance"]) == ("circuit_breaker", 0)
    assert (first["opened"], first["open_seconds"], first["rejected"]) == (2, 5.0, 1)
    assert [(x["t"], x["from"], x["to"], x["why"]) for x in first["transitions"]] == [
        (1.0, "CLOSED", "OPEN", "2 failures in a row"),
        (4.0, "OPEN", "HALF_OPEN", "recovery time was over (open for 3s)"),
        (5.0, "HALF_OPEN", "OPEN", "probe failed: timeout"),
    ]
    assert second == {
        "id": "circuit_breaker",
        "instance": 1,
        "opened": 0,
        "open_seconds": 0.0,
        "rejected": 0,
        "transitions": [],
    }


def test_denied_retries_and_rejections_are_counted():
    """A budget's no and any layer's no."""
    tape = Tape()
    rid = tape.arrive(0)
    tape.put(1, ev.RETRY_DENIED, RETRY, rid, 2).put(2, ev.REJECTED, BREAKER2, rid, ev.BREAKER_OPEN)
    result = tape.result()
    assert result.document["attempts"]["denied_by_budget"] == 1
    assert result.metrics["rejected"] == Reading(1)


def expect(*scopes: Scope) -> tuple[Expectation, ...]:
    return tuple(Expectation("", "availability", ">=", 0.5, scope) for scope in scopes)


MAIN = FaultConfig("outage", "main", 10 * S, 10 * S)


def test_a_request_belongs_to_the_scope_in_which_it_arrived():
    """Its attempts and its outcome count there, though they come later; the fault's edges are [from, to)."""
    tape = Tape()
    tape.request(9 * S, 12 * S, ev.ERROR)
    tape.request(10 * S, 21 * S)
    tape.request(20 * S, 21 * S)
    tape.request(21 * S, 22 * S)
    scopes = expect(*(Scope(kind, "main") for kind in ("before", "during", "after")), Scope())
    result = tape.result(plan(faults=(MAIN,), expect=scopes))
    assert {key: readings["failed"].value for key, readings in result.scoped.items()} == {
        "before main": 1,
        "during main": 0,
        "after main": 0,
        "all ": 1,
    }
    assert result.scoped["during main"]["max"] == Reading(11.0)
    assert result.scoped["during main"]["amplification"] == Reading(1.0)
    assert result.scoped["after main"]["succeeded"] == Reading(2)
    assert result.scoped["before main"]["utilization"] == Reading(1 / 20)  # only the second within the scope
    assert result.scoped["all "] == result.metrics


def test_phases_are_scopes():
    """The second phase starts where the first ends and takes the drain."""
    phases = (Phase(10 * S, 1, 1), Phase(10 * S, 1, 1))
    tape = Tape()
    tape.request(9 * S, 10 * S)
    tape.request(10 * S, 25 * S, ev.ERROR)
    scopes = expect(Scope("phase", "1"), Scope("phase", "2"), Scope("phase", "3"))
    result = tape.result(plan(traffic=TrafficConfig(phases=phases, phased=True), expect=scopes))
    assert result.scoped["phase 1"]["availability"] == Reading(1.0)
    assert result.scoped["phase 2"]["availability"] == Reading(0.0)
    assert result.scoped["phase 3"]["availability"] == Reading(None)


def test_a_percentile_of_an_expectation_is_read_too():
    """p97 is not in the table, but asked for."""
    tape = Tape()
    for number in range(100):
        tape.request(number * S, number * S + number * MS)
    asked = (Expectation("p97 < 1s", "p97", "<", 1.0),)
    assert tape.result(plan(expect=asked)).metrics["p97"] == Reading(0.096)


def test_asking_changes_nothing():
    """The result may be asked at any moment, twice, and while the run goes on."""
    tape = Tape()
    tape.request(0, 1 * S)
    tape.request(2 * S, 4 * S, ev.ERROR)
    the_plan = plan(faults=(MAIN,), expect=expect(Scope("before", "main"), Scope("after", "main")))
    asked, quiet = (RunFold(the_plan, COMPONENTS, S) for _ in range(2))
    for event in tape.events:
        asked.on_event(*event)
        asked.result(1, "x", event[0])
        quiet.on_event(*event)
    assert asked.result(1, "x", 4 * S) == asked.result(1, "x", 4 * S) == quiet.result(1, "x", 4 * S)


def test_a_result_survives_pickling():
    """Results travel between processes."""
    tape = Tape()
    tape.request(0, 1 * S)
    result = tape.result()
    assert pickle.loads(pickle.dumps(result)) == result


def test_series_count_events_where_they_happen():
    """Bins of a second; an empty one has no p99; the queue is the highest in the bin and carries over."""
    tape = Tape()
    tape.request(0, int(1.5 * S))
    rid = tape.arrive(100 * MS)
    tape.put(200 * MS, ev.RECEIVED, REPLICA, rid, 1, ev.QUEUED_AT_B)
    tape.put(2200 * MS, ev.LEFT_QUEUE, REPLICA, rid, 1, ev.ABANDONED)
    tape.done(3500 * MS, rid, ev.TIMEOUT)
    assert tape.result(series=S).document["series"] == {
        "bin": 1.0,
        "t": [0.0, 1.0, 2.0, 3.0],
        "arrivals": [2, 0, 0, 0],
        "attempts_at_service": [2, 0, 0, 0],
        "succeeded": [0, 1, 0, 0],
        "failed": [0, 0, 0, 1],
        "queue": [1, 1, 1, 0],
        "p99": [None, 1.5, None, 3.4],
    }


def test_only_successes_count_for_the_latency_of_successes():
    """A policy that fails fast makes every percentile of all outcomes shorter, and those of the successes not."""
    tape = Tape()
    for number in range(4):
        tape.request(number * S, number * S + 400 * MS)
        tape.request(number * S, number * S, ev.BREAKER_OPEN)
    scopes = (Expectation("", "p75_success", "<", 1.0, Scope("phase", "1")),)
    phases = TrafficConfig(phases=(Phase(2 * S, 1.0, 1.0), Phase(2 * S, 1.0, 1.0)), phased=True)
    result = tape.result(plan(traffic=phases, expect=scopes))
    for name in ("mean_success", "p50_success", "p99.9_success", "max_success", "p75_success"):
        assert result.metrics[name] == Reading(0.4)
    assert (result.metrics["p50"], result.metrics["mean"], result.metrics["max"]) == (
        Reading(0.0),
        Reading(0.2),
        Reading(0.4),
    )
    assert result.scoped["phase 1"]["p75_success"] == Reading(0.4)
    failing = Tape()
    failing.request(0, S, ev.ERROR)
    assert failing.result().metrics["p99_success"] == Reading(None)
    assert failing.result().metrics["p99"] == Reading(1.0)


def test_goodput_of_the_last_phase_is_not_thinned_by_the_drain():
    """Two equal phases of successes have the same goodput, however long the run drains."""
    tape = Tape()
    for number in range(40):
        tape.request(number * 100 * MS, number * 100 * MS + (50 * MS if number < 39 else 20 * S))
    scopes = tuple(Expectation("", "goodput", ">", 1.0, Scope("phase", number)) for number in ("1", "2"))
    phases = TrafficConfig(phases=(Phase(2 * S, 10.0, 10.0), Phase(2 * S, 10.0, 10.0)), phased=True)
    result = tape.result(plan(traffic=phases, expect=scopes), end=24 * S)
    assert result.scoped["phase 1"]["goodput"] == result.scoped["phase 2"]["goodput"] == Reading(10.0)
    assert result.metrics["goodput"] == Reading(40 / 24)


def test_a_clock_at_the_end_of_time_has_figures():
    """Closing parts of the run went on beyond the last one."""
    tape = Tape()
    tape.request(0, 1 * S)
    tape.request((1 << 62) - 2, (1 << 62) - 1)
    tape.request(1 << 62, (1 << 62) + 1)
    run = tape.result(plan(faults=(FaultConfig("outage", "f", 1 * S, S),))).document
    assert run["requests"]["total"] == run["requests"]["succeeded"] == 3
