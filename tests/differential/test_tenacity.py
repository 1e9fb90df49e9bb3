"""Retry against the installed tenacity, on one fake clock, over generated outcomes.

Where their rules are the same: number of tries with the first one counted, no wait after the last, which outcomes are
retried, fixed, incrementing and exponential waits with a cap. The elapsed limit is compared with tenacity's
``stop_before_delay``, which also stops on a tie (>=, ours >): limits are odd microseconds here, so that there is none.
Jitter differs by design (tenacity draws from a global generator) and is tested against its formula elsewhere.
"""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import bench, retry

tenacity = pytest.importorskip("tenacity")

MS = 1_000_000
STEP = st.tuples(st.sampled_from(["success", "error", "error", "timeout", "unavailable"]), st.integers(0, 50))


class Outcome(Exception):
    """What a call came to."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def theirs(script, attempts, on, wait, max_elapsed_us):
    """(instants of the tries in µs, outcome, instant of the end) by tenacity."""
    clock = SimpleNamespace(us=0)
    tries: list[int] = []

    def call() -> None:
        outcome, took = script[len(tries)] if len(tries) < len(script) else ("success", 0)
        tries.append(clock.us)
        clock.us += took * 1000
        if outcome != "success":
            raise Outcome(outcome)

    def sleep(seconds: float) -> None:
        clock.us += round(seconds * 1e6)

    stop = tenacity.stop_after_attempt(attempts)
    if max_elapsed_us:
        stop = stop | tenacity.stop_before_delay(max_elapsed_us / 1e6)
    retrying = tenacity.Retrying(
        stop=stop, wait=wait, sleep=sleep, reraise=True,
        retry=tenacity.retry_if_exception(lambda e: e.name in on),
    )  # fmt: skip
    with patch.object(tenacity, "time", SimpleNamespace(monotonic=lambda: clock.us / 1e6)):
        try:
            retrying(call)
        except Outcome as failure:
            return tries, failure.name, clock.us
    return tries, "success", clock.us


def ours(script, attempts, on, settings_, max_elapsed_us):
    """The same by resim."""
    policy = retry(attempts, on=sorted(on), max_elapsed=max_elapsed_us * 1000, **settings_)
    run = bench([policy], [(outcome, took * MS) for outcome, took in script])
    return [e[0] // 1000 for e in run.of("sent")], run.outcomes[0], run.of("done")[0][0] // 1000


@given(
    script=st.lists(STEP, max_size=8),
    attempts=st.integers(1, 8),
    on=st.sets(st.sampled_from(["error", "timeout", "unavailable"]), min_size=1),
    shape=st.sampled_from(["constant", "linear", "exponential"]),
    delay=st.integers(0, 500),
    factor=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    cap=st.one_of(st.none(), st.integers(1, 2000)),
    limit=st.one_of(st.just(0), st.integers(0, 3000).map(lambda ms: 1000 * ms + 501)),
)
@settings(max_examples=300)
def test_tries_waits_and_outcomes_are_tenacity_s(script, attempts, on, shape, delay, factor, cap, limit):
    """The same tries at the same instants, the same outcome at the same instant."""
    seconds, most = delay / 1000, {} if cap is None else {"max": cap / 1000}
    wait = {
        "constant": lambda: tenacity.wait_fixed(min(delay, cap or delay) / 1000),
        "linear": lambda: tenacity.wait_incrementing(start=seconds, increment=seconds, **most),
        "exponential": lambda: tenacity.wait_exponential(multiplier=seconds, exp_base=factor, **most),
    }[shape]()
    mine = {"delay": delay * MS, "backoff": shape, "factor": factor, "max_delay": (cap or 0) * MS}
    expected = theirs(script, attempts, on, wait, limit)
    found = ours(script, attempts, on, mine, limit)
    assert found[1] == expected[1]
    assert found[0] == pytest.approx(expected[0], abs=len(expected[0]))  # they round each wait to a microsecond
    assert found[2] == pytest.approx(expected[2], abs=len(expected[0]))
