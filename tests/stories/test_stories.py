"""One story per shipped scenario: its teaching point, on figures. The numbers in its comments are checked here too."""

from __future__ import annotations

import pytest

from stories.figures import Variant

approx = pytest.approx
pytestmark = pytest.mark.usefixtures("compiled_runs")


def test_first_look() -> None:
    many = tuple(range(1, 31))
    both, none, retry, breaker = (Variant("first-look", v, many) for v in ("as-written", "none", "retry", "breaker"))
    before = "before dark"
    assert none.mean("availability", before) == approx(0.50, abs=0.04)
    assert retry.mean("availability", before) == approx(0.85, abs=0.04)
    assert both.mean("availability", before) == approx(0.76, abs=0.10)
    assert breaker.mean("availability", before) < 0.2
    assert retry.mean("amplification", "during dark") > 2.8
    assert both.mean("amplification", "during dark") < 1.0
    early = sum(opened > 0 for opened in both.values("opened", before)) / len(many)
    assert 0.15 < early < 0.6
    changes = both.runs[0].document["breakers"][0]["transitions"]
    assert [c["to"] for c in changes] == ["OPEN", "HALF_OPEN", "OPEN", "HALF_OPEN", "CLOSED"]
    assert 25 < changes[0]["t"] < 30


def test_no_resilience() -> None:
    nothing, retry, timeout, full = (
        Variant("no-resilience", v) for v in ("as-written", "retry", "timeout-and-retry", "full")
    )
    assert nothing.mean("availability", "before down") == approx(0.9, abs=0.03)
    assert nothing.mean("availability", "after hung") == 0 == retry.mean("availability", "after hung")
    assert nothing.values("threads_peak") == [30] * 8
    assert timeout.mean("availability", "after hung") > 0.95
    assert full.count("requests", "failed") == 0
    assert full.count("by_outcome", "fallback") > 50


def test_transient_blip() -> None:
    patient, none, impatient = (Variant("transient-blip", v) for v in ("as-written", "none", "impatient"))
    assert patient.values("availability") == [1.0] * 8
    assert none.values("availability", "during blip") == [0.0] * 8
    assert impatient.mean("availability", "during blip") == approx(1 / 6, abs=0.1)
    assert 3 < max(patient.values("p99", "during blip")) < 4.5


def test_hard_outage() -> None:
    both, none, retry, breaker = (Variant("hard-outage", v) for v in ("as-written", "none", "retry", "breaker"))
    during = "during main"
    assert none.mean("amplification", during) == 1.0
    assert retry.mean("amplification", during) == approx(3.0, abs=0.05)
    assert breaker.mean("amplification", during) == approx(0.04, abs=0.01)
    assert both.mean("amplification", during) == approx(0.25, abs=0.05)
    assert retry.mean("availability", during) == approx(0.05, abs=0.02)
    assert retry.mean("p50", during) == approx(1.2, abs=0.05)
    assert retry.mean("recovery") < 0.5 < both.mean("recovery") < 5


def test_thread_exhaustion() -> None:
    nothing, timeout, protected = (Variant("thread-exhaustion", v) for v in ("as-written", "timeout", "protected"))
    assert min(nothing.values("crashes")) >= 1
    assert nothing.values("threads_peak") == [40] * 8
    assert nothing.mean("availability") == approx(0.58, abs=0.03)
    assert nothing.mean("recovery") > 8
    for survivor in (timeout, protected):
        assert survivor.values("crashes") == [0] * 8
        assert survivor.mean("availability") > 0.75
    assert timeout.mean("mean") == approx(0.28, abs=0.03)
    assert protected.mean("mean") == approx(0.11, abs=0.02)
    assert protected.mean("threads_peak") < 16


def test_retry_order() -> None:
    outside, inside, share = (Variant("retry-order", v) for v in ("as-written", "retry-outside", "share-inside"))
    assert outside.mean("availability", "before down") == approx(0.98, abs=0.02)
    assert inside.mean("availability", "before down") == approx(0.70, abs=0.12)
    assert share.mean("availability", "before down") > 0.88
    assert inside.mean("opened", "before down") > 1
    assert outside.mean("amplification", "during down") > 3 * inside.mean("amplification", "during down")
    assert share.mean("detection") < outside.mean("detection")


def test_retry_storm() -> None:
    seeds = tuple(range(1, 7))
    storm, budget = (Variant("retry-storm", v, seeds) for v in ("as-written", "budget"))
    assert storm.mean("collapse_probability") > 0.9
    assert budget.mean("collapse_probability") < 0.05
    assert storm.mean("availability", "before trigger") > 0.99
    assert storm.mean("availability", "after trigger") < 0.01
    assert storm.mean("amplification", "after trigger") > 2.9
    assert storm.mean("wasted_work") > 0.8
    assert budget.mean("recovery") < 12
    for variant in ("no-retry", "breaker", "newest-first"):
        assert Variant("retry-storm", variant, (1, 2)).mean("collapse_probability") == 0


def test_double_charge_and_idempotency_key() -> None:
    charged, keyed = Variant("double-charge"), Variant("idempotency-key")
    assert min(charged.values("duplicates")) > 0
    assert keyed.values("duplicates") == [0] * 8
    # The same luck: what was charged twice there is recognised here.
    twice = [run.document["effects"]["duplicates"] for run in charged.runs]
    assert twice == [run.document["effects"]["deduplicated"] for run in keyed.runs]
    total = charged.count("requests", "total")
    assert charged.count("effects", "duplicates") / total == approx(0.24, abs=0.05)
    assert charged.mean("availability") > 0.97
    assert charged.count("effects", "amount_duplicated") == 25 * charged.count("effects", "duplicates")
    assert keyed.count("effects", "amount_applied") == 25 * keyed.count("effects", "applied")
    assert Variant("double-charge", "no-retry").mean("duplicates") == 0
    assert Variant("double-charge", "no-retry").count("effects", "orphans") / total == approx(0.2, abs=0.05)
    assert Variant("idempotency-key", "forgetful").mean("duplicates") > 10


def test_http_methods() -> None:
    variants = {v: Variant("http-methods", v) for v in ("as-written", "put", "delete", "post", "post-with-key")}
    same = {(v.mean("availability"), v.mean("mean"), v.mean("amplification")) for v in variants.values()}
    assert len(same) == 1
    doubled = {name for name, v in variants.items() if v.mean("duplicates") > 0}
    assert doubled == {"post"}
    assert variants["post"].mean("duplicates") == approx(38, abs=6)
    assert variants["as-written"].count("effects", "applied") == 0
    assert variants["put"].count("effects", "applied") > 100


def test_payments_complete() -> None:
    complete, no_keys, no_retry, no_breaker, outside = (
        Variant("payments-complete", v) for v in ("as-written", "no-keys", "no-retry", "no-breaker", "breaker-outside")
    )
    assert complete.values("duplicates") == [0] * 8
    assert complete.mean("availability") > 0.98
    assert no_keys.mean("duplicates") == approx(20, abs=4)
    assert no_retry.mean("availability") == approx(0.82, abs=0.04)
    assert no_retry.count("effects", "orphans") == approx(no_retry.count("by_outcome", "timeout"), abs=0.5)
    assert complete.mean("amplification", "during down") == approx(1.5, abs=0.4)
    assert no_breaker.mean("amplification", "during down") > 4
    assert outside.values("opened") == [0] * 8


def test_flapping_breaker() -> None:
    flapping, steady, none = (Variant("flapping-breaker", v) for v in ("as-written", "steady", "none"))
    assert flapping.mean("opened") == approx(17, abs=3)
    assert steady.mean("opened") < 5
    assert flapping.mean("availability", "during unwell") == approx(0.40, abs=0.06)
    assert none.mean("availability", "during unwell") == approx(0.65, abs=0.03)
    assert steady.mean("availability", "during unwell") > 0.6
    assert steady.mean("amplification", "during down") < 0.5
    assert Variant("flapping-breaker", "backing-off").mean("availability") < flapping.mean("availability")


def test_slow_dependency() -> None:
    blind, slow, timeout, both = (
        Variant("slow-dependency", v) for v in ("as-written", "slow-calls", "timeout", "both")
    )
    assert blind.values("opened") == [0] * 8
    assert blind.mean("p50", "during molasses") > 4
    assert blind.mean("availability", "during molasses") < 0.1
    assert blind.values("threads_peak") == [30] * 8
    assert slow.mean("detection") == approx(5, abs=1)
    assert both.mean("detection") == approx(2, abs=0.6)
    assert timeout.mean("wasted_work") > 0.9
    assert both.mean("p50", "during molasses") < 0.1


def test_thundering_herd() -> None:
    herd, backoff, jitter = (Variant("thundering-herd", v) for v in ("as-written", "backoff", "jitter"))
    assert herd.mean("availability") == approx(0.75, abs=0.04)
    assert backoff.mean("availability") == approx(herd.mean("availability"), abs=0.01)
    assert jitter.mean("availability") > 0.995
    assert jitter.mean("amplification") < herd.mean("amplification")
    assert jitter.mean("mean") < herd.mean("mean")
    assert herd.mean("utilization") == approx(0.10, abs=0.02)


def test_cold_cache_recovery() -> None:
    seeds = (1, 2, 3, 4)
    flood, breaker, budget, bulkhead = (
        Variant("cold-cache-recovery", v, seeds) for v in ("as-written", "breaker", "budget", "bulkhead")
    )
    assert flood.mean("collapse_probability") == 1
    assert flood.mean("availability", "after restart") < 0.05
    for cured in (breaker, budget, bulkhead):
        assert cured.mean("collapse_probability") == 0
    served = [v.mean("availability", "during cold") for v in (budget, breaker, bulkhead)]
    assert served == sorted(served)
    assert served[0] == approx(0.72, abs=0.1)
    assert served[-1] > 0.9


def test_hedged_tail() -> None:
    hedged, none, eager, retry = (Variant("hedged-tail", v) for v in ("as-written", "none", "eager", "retry-timeout"))
    assert hedged.mean("p99") < 0.5 * none.mean("p99")
    assert hedged.mean("amplification") == approx(1.09, abs=0.02)
    assert eager.mean("amplification") == approx(1.7, abs=0.05)
    assert retry.mean("amplification") == approx(hedged.mean("amplification"))
    assert hedged.values("availability") == [1.0] * 8
    assert retry.mean("availability") < 1


def test_partial_replica() -> None:
    during = "during one-down"
    retry, none, breaker, least = (
        Variant("partial-replica", v, (1, 2, 3, 4)) for v in ("as-written", "none", "breaker", "least-loaded")
    )
    assert retry.mean("availability", during) == approx(0.99, abs=0.01)
    assert none.mean("availability", during) == approx(2 / 3, abs=0.01)
    assert breaker.mean("availability", during) == approx(0.06, abs=0.04)
    assert least.mean("availability", during) < 1 / 3


def test_rate_limited() -> None:
    listening, deaf, backoff, limiter, none = (
        Variant("rate-limited", v) for v in ("as-written", "deaf", "backoff", "limiter", "none")
    )
    assert listening.mean("availability") > 0.99
    assert none.mean("availability") < deaf.mean("availability") < backoff.mean("availability") < 0.95
    assert deaf.mean("availability") == approx(0.81, abs=0.04)
    assert deaf.mean("amplification") == approx(1.7, abs=0.1)
    assert limiter.mean("availability") > 0.99
    assert max(limiter.values("amplification")) <= 1


def test_cascade() -> None:
    during, seeds = "during slow-db", (1, 2)
    served = {
        name: Variant("cascade", name, seeds).mean("availability", during)
        for name in ("as-written", "timeout", "bulkhead", "breaker", "optional", "more-workers")
    }
    assert served.pop("as-written") == approx(0.15, abs=0.06)
    assert served.pop("more-workers") == approx(0.32, abs=0.1)
    expected = {"timeout": 0.7, "bulkhead": 0.75, "breaker": 0.7, "optional": 1.0}
    assert served == approx(expected, abs=0.04)


def test_retry_amplification() -> None:
    seeds = (1, 2)
    stacks = ("as-written", "budget", "top-only", "bottom-only", "no-retry")
    storm, *cures = (Variant("retry-amplification", name, seeds) for name in stacks)
    assert storm.values("amplification", "during down") == [3.0, 3.0]  # of shop; db's 27 are an expectation of the file
    assert storm.values("collapse_probability") == [1.0, 1.0]
    assert storm.values("availability", "after down") == [0.0, 0.0]
    for cure in cures:
        assert cure.mean("availability", "after down") > 0.99
        assert cure.mean("recovery") < 0.5


def test_tail_at_scale() -> None:
    seeds = (1, 2)
    p50 = {
        name: Variant("tail-at-scale", name, seeds).mean("p50")
        for name in ("as-written", "hedged", "eager", "hedged-above", "good-enough")
    }
    expected = {"as-written": 0.235, "hedged": 0.108, "eager": 0.070, "hedged-above": 0.156, "good-enough": 0.091}
    assert p50 == approx(expected, rel=0.12)


def test_deadlines() -> None:
    seeds, after = (1, 2, 3), "after slow-db"
    late, told, stopped = (Variant("deadlines", name, seeds) for name in ("as-written", "passed-on", "cancelled"))
    assert late.mean("availability", after) < 0.5
    assert told.mean("availability", after) == approx(0.96, abs=0.08)
    assert stopped.mean("availability", after) > 0.98


def test_shared_dependency() -> None:
    seeds, after = (1, 2), "after slow-db"
    assert Variant("shared-dependency", "as-written", seeds).values("availability", after) == [0.0, 0.0]
    for name in ("bulkhead", "breaker", "switched-off"):
        assert Variant("shared-dependency", name, seeds).mean("availability", after) > 0.99
    assert Variant("shared-dependency", "budget", seeds).mean("availability", after) > 0.87


def test_payments_over_hops() -> None:
    def at_pay(name: str) -> tuple[int, int]:
        runs = Variant("payments-over-hops", name, (1, 2)).runs
        found = [next(s["effects"] for s in r.document["services"] if s["name"] == "pay") for r in runs]
        return sum(each["duplicates"] for each in found), sum(each["orphans"] for each in found)

    assert at_pay("as-written")[0] > 40
    duplicates, orphans = at_pay("key")
    assert (duplicates, orphans > 0) == (0, True)
    assert at_pay("mail-first") == at_pay("mail-optional") == (0, 0)
    duplicates, orphans = at_pay("no-retry")
    assert (duplicates, orphans > 30) == (0, True)
