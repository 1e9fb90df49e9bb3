"""The comparison: differences with their certainty, exact for small runs, whole at any width."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import compare
from resilience_sim.runs.compare import VariantDivergence, divergences, plans_of, same_arrivals
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.views.comparison import comparison_rows, render_comparison
from views.scenes import BUSY, OUTAGE, console, printed, scenario, text

Ran = tuple[Scenario, dict[str, list[RunResult]], list[VariantDivergence]]
NOISY = BUSY.replace("duration: 30s", "duration: 20s") + (
    "compare:\n  variants:\n    none: {stack: []}\n    calm: {set: {retry.attempts: 2}}\n"
    "    same: {set: {retry.attempts: 3}}\n"
)


def ran(
    yaml: str, runs: int = 1, baseline: str = "as-written"
) -> tuple[Scenario, dict[str, list[RunResult]], list[VariantDivergence]]:
    one = scenario(yaml)
    plans = plans_of(one)
    results = {name: [simulate(plan, seed + 1) for seed in range(runs)] for name, plan in plans.items()}
    return one, results, divergences(plans, baseline, 1)


@pytest.fixture(scope="module")
def noisy() -> Ran:
    """Four seeds of a busy scenario with three variants."""
    return ran(NOISY, 4)


def test_one_seed_exactly() -> None:
    one, results, parted = ran(OUTAGE)
    assert text(comparison_rows(one, results, compare(results, "as-written"), parted)) == (
        "small-outage  3 variants  seed 1  same arrivals, same luck\n"
        "\n"
        "              available              difference  p99 success  attempts\n"
        "  none        ██████████▌       70%  +7.5        50ms         1x\n"
        "  retry       ██████████▌       70%  +7.5        50ms         1.3x\n"
        "  as-written  █████████▍      62.5%  baseline    50ms         0.78x\n"
        "With this seed equally available: none and retry; as-written is less available; of these none has the fewest"
        " attempts per request\n"
        "p99 success: of fewer than 100 successes it is the highest\n"
        "one seed is an anecdote: resim compare demo.yaml --runs 20 adds intervals and says better or worse\n"
        "\n"
        "  none: +7.5 points availability (62.5% to 70%), 29% more attempts per request\n"
        "  retry: +7.5 points availability (62.5% to 70%), 68% more attempts per request\n"
        "\n"
        "                     as-written  none           retry\n"
        "  availability       62.5%       70%            70%\n"
        "                                 +7.5 points    +7.5 points\n"
        "  p99, failures too  300ms       50ms           300ms\n"
        "                                 -250ms\n"
        "  p50 of successes   50ms        50ms           50ms\n"
        "  p99 of successes   50ms        50ms           50ms\n"
        "  attempts/request   0.78x       1x             1.3x\n"
        "                                 +0.22x         +0.53x\n"
        "  rejected           12          0              0\n"
        "                                 -12            -12\n"
        "  utilization        1.9%        2.5%           3.3%\n"
        "                                 +0.575 points  +1.34 points\n"
        "  detection          800ms       –              –\n"
        "  recovery           1.5s        0s             0s\n"
        "                                 -1.5s          -1.5s\n"
        "  opened             2           –              –\n"
        "  time open          6.4s        –              –\n"
        "\n"
        "Where they part\n"
        "  none: first at request #10, which came at 5s\n"
        "    as-written  ✗ breaker_open: circuit_breaker rejected it: OPEN since 4.8s (2 failures in a row), 2.8s"
        " before it may probe\n"
        "    none        ✗ error: attempt 1 error after 50ms\n"
        "  retry: first at request #10, which came at 5s\n"
        "    as-written  ✗ breaker_open: circuit_breaker rejected it: OPEN since 4.8s (2 failures in a row), 2.8s"
        " before it may probe\n"
        "    retry       ✗ error: attempt 1 error after 50ms, waited 200ms, attempt 2 error after 50ms\n"
        "\n"
        "Next\n"
        "  resim compare demo.yaml --runs 20  with more seeds, to be sure\n"
        "  resim run demo.yaml                watch it as written\n"
        "  resim play --tour first-look       a guided tour in the cockpit: predict, watch, change it\n"
        "\n"
        "              available              difference  p99 success  attempts\n"
        "  none        ██████████▌       70%  +7.5        50ms         1x\n"
        "  retry       ██████████▌       70%  +7.5        50ms         1.3x\n"
        "  as-written  █████████▍      62.5%  baseline    50ms         0.78x\n"
        "With this seed equally available: none and retry; as-written is less available; of these none has the fewest"
        " attempts per request"
    )


def test_several_seeds_say_better_worse_or_how_many_more_runs_would(noisy: Ran) -> None:
    one, results, parted = noisy
    page = text(comparison_rows(one, results, compare(results, "as-written"), parted))
    assert "4 variants  4 runs each, seeds 1-4  same arrivals, same luck" in page
    assert "± 95% interval of the paired difference" in page
    assert re.search(r"± \S+( points)? ✗", page)
    assert re.search(r"± \S+( points)? ✓", page)
    assert re.search(r"± \S+( points)? \? \d+", page)
    assert "  same: the same availability" in page
    assert "same: every request ended as in as-written" in page
    assert "anecdote" not in page


def test_narrow_screens_get_a_block_a_variant_and_no_cell_is_cut(noisy: Ran) -> None:
    one, results, parted = noisy
    differences = compare(results, "as-written")
    for width in (60, 80, 140):
        out = console(width, terminal=True)
        render_comparison(out, one, results, differences, parted)
        page = re.sub(r"\x1b\[[\d;]*m", "", printed(out))
        assert max(cell_len(line) for line in page.splitlines()) <= width
        assert "…" not in page
        if width < 140:
            assert all(f"  {name} against as-written" in page for name in ("none", "calm", "same"))
            assert re.search(r"✓ better|✗ worse", page)


def test_piped_it_is_one_full_width_table(noisy: Ran) -> None:
    one, results, parted = noisy
    out = console(80)
    render_comparison(out, one, results, compare(results, "as-written"), parted)
    page = printed(out)
    assert "\x1b" not in page
    assert re.search(r"^ +as-written +none +calm +same$", page, re.M)


def test_collapses_come_with_their_wilson_interval() -> None:
    storm = BUSY.replace("duration: 30s", "duration: 20s").replace("for: 6s, how: hang", "for: 1s, how: hang")
    down = (
        storm.replace("stack:", "  - outage: {at: 3s, for: 1s, id: early}\nstack:")
        + "compare:\n  variants: {none: {stack: []}}\n"
    )
    one, results, _ = ran(down, 2)
    for run in results["none"]:
        run.document["collapsed"] = True
    import dataclasses

    from resilience_sim.measure.result import Reading

    results["none"] = [
        dataclasses.replace(run, metrics={**run.metrics, "collapse_probability": Reading(1.0)})
        for run in results["none"]
    ]
    page = text(comparison_rows(one, results, compare(results, "as-written")))
    assert re.search(r"^  none +2 of 2 +probability 34.2% to 100%$", page, re.M)
    assert re.search(r"^  as-written +0 of 2 +probability 0% to 65.7%$", page, re.M)
    many = {name: [dataclasses.replace(run, seed=seed) for seed in range(100) for run in runs[:1]]
            for name, runs in results.items()}  # fmt: skip
    page = text(comparison_rows(one, many, compare(many, "as-written")))
    assert re.search(r"^  none +100 of 100   probability 96.3% to 100%$", page, re.M)  # a named bug: no gap


@pytest.mark.parametrize("runs", [1, 3])
def test_an_interrupted_comparison_says_so(runs: int) -> None:
    one, results, _ = ran(OUTAGE, runs)
    rows = comparison_rows(one, results, compare(results, "as-written"), interrupted=True)
    assert rows[1].plain().startswith("interrupted")
    assert comparison_rows(one, {}, [])[0].plain().startswith("small-outage  0 variants")


def test_same_arrivals_are_claimed_only_where_they_are_the_same() -> None:
    """Not at another rate, nor where users wait for their answers; nor do requests end alike that one alone has."""
    open_loop = "resim: 1\nname: quiet\nservice: {latency: 1ms}\ntraffic: {rate: 10/s, requests: 20}\n"
    alike = open_loop + "stack: [timeout: {after: 1s}]\ncompare: {variants: {slow: {set: {timeout.after: 2s}}}}\n"
    closed = alike.replace("rate: 10/s", "users: 2")
    longer = alike.replace("slow: {", "more: {set: {traffic.requests: 30}}, slow: {")
    for scenario_text, same in ((alike, True), (closed, False), (longer, False)):
        assert same_arrivals(plans_of(scenario(scenario_text)).values()) == same
    one, results, parted = ran(longer)
    page = text(comparison_rows(one, results, compare(results, "as-written"), parted, arrivals=False))
    assert "seed 1  same luck" in page
    assert "more: each of the first 20 requests ended as in as-written" in page
    assert "slow: every request ended as in as-written" in page
