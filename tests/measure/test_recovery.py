"""Noticing a fault, recovering from it, or never."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.kernel import events as ev
from resilience_sim.measure.recovery import collapsed, recovery
from resilience_sim.measure.result import NO_READING, Reading
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.plan import Expectation, Scope

from .tape import S, Tape, plan

FAULT = FaultConfig("outage", "main", 10 * S, 10 * S)


def timeline(verdicts: str) -> tuple[array[int], bytearray]:
    """One request a second from t = 0; ``#`` available, ``.`` not, spaces ignored."""
    marks = verdicts.replace(" ", "")
    return array("q", (n * S for n in range(len(marks)))), bytearray(mark == "#" for mark in marks)


def recovered(verdicts: str) -> Reading:
    return recovery(FAULT, (FAULT,), *timeline(verdicts))


def test_recovered_with_the_first_request_after_the_fault():
    """Everything succeeds from its end on: the empty sum is the maximum."""
    assert recovered("########## .......... ##########") == Reading(0.0)


def test_recovered_after_the_last_failure():
    """Three failures linger on."""
    assert recovered("########## .......... ...#######") == Reading(3.0)


def test_a_lucky_success_amid_failures_is_no_recovery():
    """It must stay back."""
    assert recovered("########## .......... .#.#..####") == Reading(6.0)


def test_one_late_failure_among_many_successes_does_not_undo_it():
    """Before: 80 %. After the fault one in six fails: still above 79 %."""
    assert recovered("####.####. .......... ..#####.#####") == Reading(2.0)


def test_never_recovered_has_a_bound():
    """Failing to the end: it took at least until the last arrival."""
    assert recovered("########## .......... #####.....") == Reading(None, 9.0)


def test_without_a_request_after_the_fault_there_is_no_reading():
    """Nothing was seen, good or bad."""
    assert recovered("########## ..........") == NO_READING


def test_without_a_request_before_the_target_is_99_percent():
    """A fault from the start on."""
    early = FaultConfig("outage", "main", 0, 2 * S)
    assert recovery(early, (early,), *timeline("...#.####")) == Reading(3.0)


@given(st.lists(st.booleans(), min_size=21, max_size=60))
def test_every_stretch_from_the_recovery_on_is_at_the_target(marks):
    """The definition itself, by brute force; and no earlier request qualifies."""
    arrivals = array("q", (n * S for n in range(len(marks))))
    reading = recovery(FAULT, (FAULT,), arrivals, bytearray(marks))
    target_up = 100 * sum(marks[:10]) - 10  # availability before minus a point, times 1000

    def stays(first: int) -> bool:
        good = 0
        for count, mark in enumerate(marks[first:], 1):
            good += mark
            if 1000 * good < target_up * count:
                return False
        return True

    candidates = [n for n in range(20, len(marks)) if stays(n)]
    if reading.value is None:
        assert reading.bound == len(marks) - 1 - 20
    else:
        first = round(reading.value) + 20
        assert first in candidates
        # Whoever starts before it passes through a stretch ending there that is not above the target.
        assert all(1000 * sum(marks[start:first]) <= target_up * (first - start) for start in range(20, first))


def test_collapsed_looks_at_the_last_fifth_after_every_fault():
    """Half of the level before the first fault is not yet collapse, less than half is."""
    assert collapsed((FAULT,), *timeline("########## .......... ########..")) is True
    assert collapsed((FAULT,), *timeline("########## .......... ########.#")) is False
    assert collapsed((FAULT,), *timeline("########## ..........")) is None


def test_collapsed_is_relative_to_the_level_before():
    """Who fails half the time anyway has not collapsed when half of the last fifth fails, nor by one more failure."""
    assert collapsed((FAULT,), *timeline("#.#.#.#.#. .......... #.#.#.#.#. #.#.#.#.#. .#..#")) is False
    assert collapsed((FAULT,), *timeline("#.#.#.#.#. .......... #.#.#.#.#. #.#.#.#.#. .....")) is True
    assert collapsed((FAULT,), *timeline(".......... .......... ..........")) is False
    late = FaultConfig("outage", "late", 100 * S, S)
    assert collapsed((FAULT, late), *timeline("########## .......... ########..")) is True


def test_without_a_fault_collapsed_is_relative_to_the_best_fifth():
    """A run that was never better has not collapsed."""
    assert collapsed((), bytearray(), timeline("##### ##### ##### ##### ##...")[1]) is True
    assert collapsed((), bytearray(), timeline("##### ##### ##### ##### ###..")[1]) is False
    assert collapsed((), bytearray(), timeline(".#... #.... .#... ..#.. .#...")[1]) is False
    assert collapsed((), bytearray(), timeline("..... ..... ..... ..... .....")[1]) is False
    assert collapsed((), bytearray(), timeline(".#... ###.. .#... ..#.. .#...")[1]) is True
    assert collapsed((), bytearray(), bytearray()) is None


def test_detection_is_the_first_opening_at_or_after_the_start():
    """Earlier openings do not count, later ones neither; without any the bound is the rest of the run."""
    tape = Tape()
    tape.request(0, S)
    tape.breaker(5 * S, ev.CLOSED, ev.OPEN, ev.WHY_CONSECUTIVE, 2)
    tape.breaker(12 * S, ev.HALF_OPEN, ev.OPEN, ev.WHY_PROBE_FAILED, ev.ERROR)
    result = tape.result(plan(faults=(FAULT,)), end=30 * S)
    assert result.metrics["detection"] == Reading(2.0)
    assert result.document["faults"] == [
        {"id": "main", "from": 10.0, "to": 20.0, "detected_after": 2.0, "recovered_after": None}
    ]
    late = plan(faults=(FaultConfig("outage", "main", 13 * S, S),))
    assert tape.result(late, end=30 * S).metrics["detection"] == Reading(None, 17.0)


def test_of_several_faults_the_worst_counts_unless_one_is_named():
    """The whole run reads the slowest; a scope reads its own fault, up to where the next one begins."""
    first, second = FaultConfig("outage", "one", 2 * S, S), FaultConfig("outage", "two", 10 * S, S)
    tape = Tape()
    for second_number in range(20):
        bad = second_number in (2, 3, 4, 10, 11)
        tape.request(second_number * S, second_number * S + 1, ev.ERROR if bad else ev.SUCCESS)
    scopes = tuple(Expectation("", "recovery", "<", 1, Scope("after", name)) for name in ("one", "two"))
    result = tape.result(plan(faults=(first, second), expect=scopes))
    assert result.scoped["after one"]["recovery"] == Reading(2.0)
    assert result.scoped["after two"]["recovery"] == Reading(1.0)
    assert result.metrics["recovery"] == Reading(2.0)
