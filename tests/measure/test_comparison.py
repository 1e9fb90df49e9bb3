"""Variants side by side: pairs of seeds, missing data, the first request that went another way."""

from __future__ import annotations

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.measure.divergence import Divergence, OutcomeFold, first_divergence
from resilience_sim.measure.result import Reading, RunResult
from resilience_sim.measure.statistics import compare, summaries
from resilience_sim.measure.story import StoryFold

from .tape import BREAKER, S, Tape


def run(seed: int, **readings: float | None) -> RunResult:
    return RunResult(seed, "", {}, {name: Reading(value) for name, value in readings.items()}, {})


def test_runs_are_paired_by_seed():
    """Whatever the order they came back in; seeds that only one side has are left out."""
    results = {
        "as-written": [run(1, availability=0.5), run(2, availability=0.6), run(3, availability=0.1)],
        "eager": [run(2, availability=0.8), run(1, availability=0.7)],
    }
    (entry,) = compare(results, "as-written")
    assert (entry.variant, entry.baseline, entry.pairs) == ("eager", "as-written", 2)
    assert entry.metrics["availability"].delta == pytest.approx(0.2)
    assert entry.metrics["availability"].verdict == "better"


def test_missing_data_is_not_compared():
    """A variant that never recovers in one run must not win by leaving that run out."""
    results = {"a": [run(1, recovery=5.0), run(2, recovery=6.0)], "b": [run(1, recovery=1.0), run(2, recovery=None)]}
    (entry,) = compare(results, "a")
    assert entry.metrics["recovery"].delta is None
    assert entry.metrics["recovery"].verdict == "cannot_tell"


def test_the_baseline_may_be_any_variant():
    """Everybody else is compared with it, in order."""
    results = {name: [run(1, availability=1.0)] for name in ("a", "b", "c")}
    assert [entry.variant for entry in compare(results, "b")] == ["a", "c"]
    with pytest.raises(KeyError):
        compare(results, "d")


def test_summaries_need_data_in_every_run():
    """Mean and interval over all runs or none; least and most over those with data; Wilson for collapse."""
    found = summaries([run(1, p99=1.0, recovery=None, collapse_probability=0.0), run(2, p99=3.0, recovery=4.0)])
    assert (found["p99"].mean, found["p99"].low, found["p99"].high) == (2.0, 1.0, 3.0)
    assert (found["recovery"].mean, found["recovery"].low, found["recovery"].missing) == (None, 4.0, 1)
    share = summaries([run(seed, collapse_probability=0.0) for seed in range(20)])["collapse_probability"]
    assert share.ci95 == (0.0, pytest.approx(0.1611, abs=1e-4))


def told(*outcomes: int) -> OutcomeFold:
    tape = Tape()
    for number, outcome in enumerate(outcomes):
        tape.request(number * S, number * S + 1, outcome)
    fold = OutcomeFold()
    tape.into(fold)
    return fold


def test_the_first_divergence_is_the_first_request_with_another_outcome():
    """Its number, its arrival, both outcomes; None when there is none."""
    ours, theirs = told(ev.SUCCESS, ev.ERROR, ev.SUCCESS), told(ev.SUCCESS, ev.SUCCESS, ev.ERROR)
    assert first_divergence(ours, theirs) == Divergence(1, S, ev.ERROR, ev.SUCCESS)
    assert first_divergence(ours, ours) is None
    assert first_divergence(ours, told(ev.SUCCESS)) is None


def test_a_story_knows_the_breaker_it_met():
    """Events of one request, the last change of each breaker before its end, and the faults of its time."""
    tape = Tape()
    tape.put(0, ev.FAULT_ON, 9, a=0).put(1, ev.FAULT_OFF, 9, a=0)
    tape.put(2, ev.FAULT_ON, 9, a=1).put(2 * S, ev.FAULT_OFF, 9, a=1)
    tape.request(S, S + 2, ev.ERROR)
    tape.breaker(S + 5, ev.CLOSED, ev.OPEN, ev.WHY_CONSECUTIVE, 1)
    rid = tape.arrive(S + 6)
    tape.put(S + 6, ev.REJECTED, BREAKER, rid, ev.BREAKER_OPEN).done(S + 6, rid, ev.BREAKER_OPEN, attempts=0)
    tape.breaker(3 * S, ev.OPEN, ev.HALF_OPEN, ev.WHY_RECOVERY_TIME, 1)
    story = StoryFold(rid)
    tape.into(story)
    assert [step.kind for step in story.story.steps] == [ev.ARRIVE, ev.REJECTED, ev.DONE]
    assert story.breakers[BREAKER][0] == S + 5
    assert story.faults == [1]


def test_the_interval_of_a_difference_of_shares_ends_at_everything():
    """Nothing can be more than 100 points better."""
    results = {
        "a": [run(1, availability=0.0), run(2, availability=0.3)],
        "b": [run(1, availability=1.0), run(2, availability=1.0)],
    }
    (entry,) = compare(results, "a")
    difference = entry.metrics["availability"]
    assert difference.ci95 is not None
    assert difference.ci95[1] == 1.0
    assert -1.0 <= difference.ci95[0] < 0.85
