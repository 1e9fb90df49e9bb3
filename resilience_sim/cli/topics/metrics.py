"""How some metrics are measured, beyond their one-line meaning in settings/metrics.py."""

from __future__ import annotations

METRICS: dict[str, str] = {
    "availability": "succeeded in time / total. A fallback or a late success is not available.",
    "goodput": "succeeded in time / length of the scope, in seconds.",
    "amplification": """\
attempts that reached B / requests. A refused attempt or one turned away by a breaker never reaches B. 3 attempts
against a B that is down make 3x: the load that a retry adds when B can bear it least.""",
    "attempts_per_request": "attempts made / requests, whether or not they reached B.",
    "wasted_work": """\
worker time spent on attempts whose caller had given up by their end / worker time spent. The whole service time
counts.""",
    "duplicates": """\
A POST executed again for the same request. GET has no effect, PUT and DELETE may be repeated. With keys
(idempotency_key) and a B that remembers them (deduplicate) a repetition is answered from the stored result
instead.""",
    "orphans": "Effects of requests that were reported as failed: the user believes that nothing happened.",
    "detection": "From the start of the fault to the first opening of a breaker at or after it.",
    "recovery": """\
From the end of the fault until availability is, and stays, within one point of its level before the fault. Not
seen by the end of the run: no value, but a lower bound, which is enough to fail `recovery < 10s`.""",
    "collapse_probability": """\
A run has collapsed when the last fifth of the arrivals after every fault succeeds less than half as often as those
before the first fault did (without a fault: as the best fifth did): it does not recover though nothing is wrong any
more (metastable failure). The share of runs, with Wilson's 95 % interval; one run proves nothing.""",
    "utilization": "Busy worker time / (workers * time). No value when workers are unlimited.",
    "threads_peak": "Most threads held at once by any one client instance.",
    "p99": """\
Nearest rank: the smallest latency that at least that percentage of the requests does not exceed; requests without an
outcome do not count. `p99` is of all outcomes, so that failing fast makes it shorter and it is never better or worse;
`p99_success` is of the requests that succeeded.
Any percentile may be asked for, p99.9 too. Beyond 131,072 requests within 0.4 %.""",
}
