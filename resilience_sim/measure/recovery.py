"""When a fault was detected, when the service had recovered, and whether it collapsed.

``available`` holds one byte per request (1: succeeded in time), in order of arrival.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from resilience_sim.measure.breakers import BreakerLog
from resilience_sim.measure.result import NO_READING, Reading
from resilience_sim.settings.faults import FaultConfig

MARGIN_PERCENT = 1


def detection(fault: FaultConfig, breakers: Sequence[BreakerLog], end: int) -> Reading:
    """Seconds from the start of the fault to the first opening of any breaker at or after it.

    Not seen by the end of the run (``end``, ns): the bound says how long there was to see it. Without a breaker, or
    before the fault began, there is no reading.
    """
    if not breakers or end < fault.at:
        return NO_READING
    openings = [t for log in breakers if (t := log.first_opening(fault.at)) is not None]
    if openings:
        return Reading((min(openings) - fault.at) / 1e9)
    return Reading(None, (end - fault.at) / 1e9)


def recovery(
    fault: FaultConfig, faults: Sequence[FaultConfig], arrivals: Sequence[int], available: bytearray
) -> Reading:
    """Seconds from the end of the fault until availability *is and stays back* within one point of its level before.

    The target is the availability of the requests that arrived before the fault, minus one percentage point (99 % when
    none did). Let D be the running sum, over the requests from the fault's end on, of (target - available). Recovered
    is the arrival of the request after the last global maximum of D, where the empty sum counts too: that is the
    earliest instant from which every stretch of requests that begins there is on average at the target or above, so
    one late failure among many successes does not undo a recovery, and a lucky success amid failures is none.

    The requests looked at end where the next of ``faults`` begins, if one does after this one's end: what that one
    breaks is its own story.

    When D is highest at the very end, nothing has recovered yet: no value, the bound is the time from the fault's
    end to the last arrival looked at. When no request came after the fault there is no reading.
    """
    end = fault.at + fault.duration
    first = bisect_left(arrivals, end)
    nexts = [other.at for other in faults if other.at >= end]
    count = bisect_left(arrivals, min(nexts)) if nexts else len(arrivals)
    if first >= count:
        return NO_READING
    before = bisect_left(arrivals, fault.at)
    good = available.count(1, 0, before)
    if not before:
        before = good = 1
    # Whole numbers: target = good / before - 1 / 100, everything times 100 * before.
    up = 100 * good - MARGIN_PERCENT * before  # a failed request adds this to D
    down = 100 * before - up  # an available one takes this away; always positive, so D peaks right after a failure
    best = 0
    best_at = first  # the request after the peak
    failures = 0
    at = available.find(0, first, count)
    while at >= 0:
        failures += 1
        height = up * failures - down * (at + 1 - first - failures)
        if height >= best:
            best = height
            best_at = at + 1
        at = available.find(0, at + 1, count)
    if best_at >= count:
        return Reading(None, (arrivals[count - 1] - end) / 1e9)
    return Reading((arrivals[best_at] - end) / 1e9)


def collapsed(faults: Sequence[FaultConfig], arrivals: Sequence[int], available: bytearray) -> bool | None:
    """Whether the last fifth (rounded up) of the arrivals after every fault succeeds less than half as often as before.

    Before: those that arrived before the first fault (all of them would have succeeded, when none did). Where no fault
    came: the best of the five fifths of the run. None when no request came after the faults: no data.
    """
    came = [fault for fault in faults if not arrivals or fault.at <= arrivals[-1]]
    total = len(available)
    first = bisect_left(arrivals, max(fault.at + fault.duration for fault in came)) if came else 0
    count = total - first
    if count <= 0:
        return None
    fifth = -(-count // 5)
    good = available.count(1, total - fifth)
    if came:
        before = bisect_left(arrivals, min(fault.at for fault in came))
        return 2 * good * before < available.count(1, 0, before) * fifth if before else 2 * good < fifth
    edges = [total * number // 5 for number in range(6)]
    bests = [2 * good * (end - start) < available.count(1, start, end) * fifth for start, end in pairwise(edges)]
    return any(bests)
