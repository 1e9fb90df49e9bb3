"""Order and repetition of layers: the same policies, wired differently."""

from __future__ import annotations

from itertools import permutations

from lab import bench, breaker, bulkhead, every, fallback, hedge, limiter, retry, throttle, timeout

FAILING = ["error"] * 1000


def test_a_breaker_outside_a_retry_counts_requests():
    """Threshold 2, 3 tries each: it opens after six attempts, between requests."""
    run = bench([breaker(2, "10s"), retry(3, "1s")], FAILING, every("4s", 3))
    assert run.breaker == [(6000, "OPEN")]
    assert len(run.sent()) == 6
    assert run.outcomes == ["error", "error", "breaker_open"]


def test_a_breaker_inside_a_retry_counts_attempts():
    """Threshold 2: it opens with the second try of the first request, whose third is rejected."""
    run = bench([retry(3, "1s"), breaker(2, "10s")], FAILING, every("4s", 3))
    assert run.breaker == [(1000, "OPEN")]
    assert run.outcomes == ["breaker_open"] * 3
    assert len(run.sent()) == 2


def test_policies_repeat():
    """Two breakers: the inner one trips first, the outer counts its rejections as failures."""
    run = bench([breaker(3, "100s"), breaker(2, "100s")], FAILING, every("1s", 5))
    assert run.breaker == [(1000, "OPEN"), (2000, "OPEN")]
    assert [e[2] for e in run.of("breaker")] == [4, 3]
    assert [e[2] for e in run.of("rejected")] == [4, 3, 3]


def test_a_fallback_outermost_catches_what_every_layer_did():
    """Rejections included."""
    run = bench([fallback(), breaker(1), retry(2)], FAILING, every("1s", 3))
    assert run.outcomes == ["fallback"] * 3


def test_a_timeout_outside_or_inside_a_bulkhead_s_queue():
    """Outside, waiting counts; inside, it does not."""
    calls = ["0s", "0s", "0s"]
    script = [("success", "1s")] * 3
    outside = bench([timeout("1.5s"), bulkhead(1, 9)], script, calls)
    inside = bench([bulkhead(1, 9), timeout("1.5s")], script, calls)
    assert outside.outcomes == ["success", "timeout", "timeout"]
    assert inside.outcomes == ["success"] * 3


def test_a_limiter_outside_a_retry_counts_requests_and_inside_attempts():
    """One permit a second: outside it admits the request with all its tries."""
    script = ["error", "error", "success"]
    assert bench([limiter(1.0), retry(3)], script).outcomes == ["success"]
    assert bench([retry(3), limiter(1.0)], script).outcomes == ["rate_limited"]


def test_every_order_conserves_requests():
    """All policies in many orders around a service that succeeds, fails and hangs by turns."""
    policies = [
        retry(2, "50ms"), breaker(3, "1s"), timeout("200ms"), bulkhead(3, 2), limiter(20.0, burst=5, max_wait="100ms"),
        hedge("50ms"), fallback("10ms"), throttle(),
    ]  # fmt: skip
    turns = ["success", ("error", "30ms"), "hang", ("success", "120ms"), "unavailable"]
    for n, order in enumerate(permutations(policies)):
        if n % 1009 == 0:
            run = bench(order, lambda k: turns[k % 5], every("40ms", 40))
            assert len(run.of("done")) == 40
