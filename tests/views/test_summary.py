"""The summary: verdicts, numbers, why, next, in that order; exact for small runs; readable anywhere."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from resilience_sim.measure.expectations import Verdict, evaluate
from resilience_sim.measure.result import RunResult
from resilience_sim.runs.simulate import simulate
from resilience_sim.runs.simulation import make_components
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.views.live.look import ASCII
from resilience_sim.views.moments import MomentsFold
from resilience_sim.views.summary import render_summary, summary_rows, verdict_rows
from views.scenes import BUSY, OUTAGE, PAYMENT, console, printed, scenario, text

Ran = tuple[Scenario, list[RunResult], list[Verdict], MomentsFold]


def ran(yaml: str, runs: int = 1) -> Ran:
    one = scenario(yaml)
    moments = MomentsFold(one.plan, make_components(one.plan))
    results = [simulate(one.plan, seed + 1, [moments] if not seed else []) for seed in range(runs)]
    return one, results, evaluate(one.plan.expect, {"as-written": results}), moments


def summary(yaml: str, runs: int = 1) -> str:
    one, results, verdicts, moments = ran(yaml, runs)
    return text(summary_rows(one, results, verdicts, moments=moments if runs == 1 else None))


def test_an_outage_exactly() -> None:
    page = re.sub(r"digest \w{16}", "digest D", summary(OUTAGE))
    assert page == (
        "small-outage  seed 1  19.6s virtual  digest D\n"
        "\n"
        "  ✗ availability >= 99%                 62.5%\n"
        "  ✓ amplification <= 1.5x  during main  0.5x\n"
        "  ✓ recovery < 10s         after main   1.5s\n"
        "  ✓ duplicates == 0                     0\n"
        "\n"
        "  requests       62.5% available, 25 of 40 succeeded, 25 at the first try\n"
        "  failed         12 breaker_open, 3 error\n"
        "  latency        p50 50ms, p90 50ms, max 50ms\n"
        "  with failures  p50 50ms, p90 50ms, max 300ms\n"
        "  attempts       31 made, 0.78 per request\n"
        "  breaker        opened 2 times, open for 6.4s, 12 calls turned away\n"
        "  service B      31 of them received, 1.9% busy, up to 1 at work\n"
        "  fault main     outage (error), 4s to 10s, breaker opened after 800ms, recovered after 1.5s\n"
        "\n"
        "Why\n"
        "  The breaker opened at 4.8s after 2 failures in a row, 800ms after the fault “main” began. It opened 2 times,"
        " was open for 6.4s in all and turned away 12 calls at once.\n"
        "  The breaker stands outside the retry: it sees one result per request, after up to 2 attempts, so it opens"
        " later and counts only what retrying could not save.\n"
        "  3 requests failed although 2 attempts were made for each.\n"
        "\n"
        "Next\n"
        "  resim compare demo.yaml                     the same luck, other settings\n"
        "  resim run demo.yaml --runs 20               more than one anecdote\n"
        "  resim run demo.yaml --set retry.attempts=4  does trying harder help?\n"
        "  resim play --tour first-look                a guided tour in the cockpit: predict, watch, change it"
    )


def test_a_payment_made_twice_is_explained_with_its_instants() -> None:
    page = summary(PAYMENT)
    assert "POST effects   4 applied (100.00), 2 duplicates (50.00 too much), 4 orphans (done, but reported as" in page
    assert (
        "Request #0 was executed twice: attempt 1 took effect at 0.05s, but its caller only saw “timeout”, and attempt"
        " 2 did it again at 0.35s. In all 2 duplicates worth 50.00: POST is not idempotent, and no idempotency key"
        " tells B that it is the same request."
    ) in page
    assert "resim run demo.yaml --set operation.idempotency_key=true --set service.deduplicate=true" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("amount: 25.00", "amount: 25.00, idempotency_key: true"),
            "carry idempotency keys, but B does not deduplicate",
        ),
        (("lost_response}", "lost_response, deduplicate: true}"), "B would deduplicate, but requests carry no"),
    ],
)
def test_half_of_idempotency_is_named_as_half(change: tuple[str, str], said: str) -> None:
    assert said in summary(PAYMENT.replace(*change))


def test_both_halves_leave_no_duplicate() -> None:
    safe = PAYMENT.replace("amount: 25.00", "amount: 25.00, idempotency_key: true")
    page = summary(safe.replace("lost_response}", "lost_response, deduplicate: true}"))
    assert "0 duplicates, 2 deduplicated" in page
    assert "B recognised 2 repeated attempts by the idempotency key" in page


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("resim: 1\nname: x\ntraffic: {rate: 1/s, requests: 3}\n", "Nothing went wrong: every request succeeded."),
        ("resim: 1\nname: x\nservice: {failure_rate: 100%}\ntraffic: {rate: 1/s, requests: 3}\n",
         "No policy stands between users and B"),
        ("resim: 1\nname: x\nservice: {failure_rate: 100%, failure: lost_response}\n"
         "traffic: {rate: 1/s, requests: 3}\n",
         "3 requests never got an answer: no timeout limits the waiting."),
        ("resim: 1\nname: x\nservice: {failure_rate: 100%, failure: lost_response}\ntraffic: {rate: 1/s, requests: 9}\n"
         "client: {threads: 3, on_exhaustion: crash}\n", "Service A crashed once at"),
        ("resim: 1\nname: x\nservice: {failure_rate: 100%, failure: lost_response}\ntraffic: {rate: 1/s, requests: 9}\n"
         "client: {threads: 3}\n", "6 requests found all 3 taken; no timeout sets a waiting one free."),
        ("resim: 1\nname: x\nservice: {latency: 3s}\ntraffic: {rate: 1/s, requests: 3, deadline: 2s}\n",
         "3 requests succeeded only after the 2s that users are willing to wait."),
        ("resim: 1\nname: x\nservice: {failure_rate: 100%}\ntraffic: {rate: 1/s, requests: 3}\nstack: [fallback]\n",
         "The fallback answered 3 requests in B's place."),
        ("resim: 1\nname: x\nservice: {latency: 1s, workers: 1, queue: 0}\n"
         "traffic: {rate: 2/s, arrivals: even, requests: 4}\n",
         "its workers were busy, first at 0.5s: it refused 2 attempts."),
        ("resim: 1\nname: x\nservice: {latency: 3s}\ntraffic: {rate: 1/s, requests: 3, deadline: 2s}\n"
         "stack: [circuit_breaker]\n", "The breaker never opened: no call failed, they were only slow"),
    ],
)  # fmt: skip
def test_causes(yaml: str, said: str) -> None:
    assert said in summary(yaml)


def test_several_runs_say_means_intervals_and_the_odds_of_collapse() -> None:
    page = summary(BUSY, 3)
    assert "busy  3 runs, seeds 1-3" in page
    assert re.search(r"^  availability +\d+(\.\d+)?% +\d.*% to .*%  \d.*% to ", page, re.M)
    assert re.search(r"^  collapsed +0 of 3  a run collapses with probability 0% to 56.1% \(95%, Wilson\)$", page, re.M)
    assert "Why  of the run with seed 1" in page
    assert "--runs 20" not in page


def test_everything_fits_eighty_columns_on_a_terminal_and_is_full_width_in_a_pipe() -> None:
    for yaml in (OUTAGE, PAYMENT, BUSY):
        one, results, verdicts, moments = ran(yaml)
        for width in (40, 80):
            out = console(width, terminal=True)
            render_summary(out, one, results, verdicts, moments=moments)
            assert max(cell_len(line) for line in re.sub(r"\x1b\[[\d;]*m", "", printed(out)).splitlines()) <= width
        out = console(80)
        render_summary(out, one, results, verdicts, moments=moments)
        assert "\x1b" not in printed(out)
        assert printed(out) == text(summary_rows(one, results, verdicts, moments=moments)) + "\n"
        assert max(map(cell_len, printed(out).splitlines())) > 80


def test_no_color_leaves_the_words_and_marks() -> None:
    one, results, verdicts, moments = ran(OUTAGE)
    out = console(80, terminal=True)
    render_summary(out, one, results, verdicts, moments=moments)
    assert not re.search(r"\x1b\[(\d+;)?[39]\dm", printed(out))
    assert "✗" in printed(out)


def test_an_interrupted_run_says_so_first() -> None:
    one, results, verdicts, _ = ran(OUTAGE)
    page = text(summary_rows(one, results, verdicts, interrupted=True))
    assert page.splitlines()[1].startswith("interrupted: everything below is about the first 19.6s")
    assert "nothing was simulated" in text(summary_rows(one, [], []))


def test_a_recording_is_offered_for_verification() -> None:
    one, results, verdicts, _ = ran(OUTAGE)
    assert "resim replay 'my run.resim' --verify" in text(summary_rows(one, results, verdicts, saved="my run.resim"))


def test_a_missed_limit_never_reads_like_the_limit() -> None:
    miss = Verdict("availability >= 99.99%", "", 0.99989999, 0.9999, "fail", "availability", ">=")
    assert text(verdict_rows([miss], ASCII)) == "  x availability >= 99.99%  99.98%"
    near = Verdict("p99 < 1s", "", 1.0001, 1.0, "fail", "p99", "<", because="users leave", reason="")
    assert text(verdict_rows([near], ASCII)) == "  x p99 < 1s  1.0001s  expected because users leave"
    unknown = Verdict("recovery < 1s", "after main", None, 1.0, "inconclusive", "recovery", "<", reason="no data")
    assert text(verdict_rows([unknown], ASCII)) == "  ? recovery < 1s  after main  –  no data"


def test_interrupted_over_many_seeds_counts_the_runs_that_were_finished() -> None:
    """One run is cut short in virtual time; of many, some are missing."""
    found = scenario(OUTAGE)
    results = [simulate(found.plan, seed) for seed in (1, 2)]
    rows = [row.plain() for row in summary_rows(found, results, [], interrupted=True)]
    assert "interrupted: everything below is about the 2 runs that were finished" in rows


FAULTY = (
    "resim: 1\nname: x\nservice: {latency: 50ms}\ntraffic: {rate: 10/s, arrivals: even, duration: 20s}\n"
    "faults: [{outage: {at: 5s, for: 2s, how: error, id: f}}]\n"
)
FAULT_WORDS = [
    # what is said of a fault, a run of which it is true, one near it of which it is not
    ("every request that came meanwhile succeeded", FAULTY + "stack: [{retry: {attempts: 2, delay: 3s}}]\n", FAULTY),
    ("every request that came meanwhile succeeded",
     FAULTY.replace("outage:", "latency:").replace("how: error", "add: 10ms"),
     FAULTY.replace("error", "hang")),  # never answered
    ("recovered at once", FAULTY, FAULTY.replace("outage:", "latency:").replace("how: error", "add: 1s") +
     "stack: [{bulkhead: {max_concurrent: 3}}]\n"),
    ("recovered at once", FAULTY, FAULTY.replace("50ms", "50ms, failure_rate: 100%")),
    ("no request that came after it succeeded", FAULTY.replace("50ms", "50ms, failure_rate: 100%"), FAULTY),
    ("no request came meanwhile", FAULTY.replace("for: 2s", "for: 50ms").replace("at: 5s", "at: 5020ms"), FAULTY),
    ("after the last request came", FAULTY.replace("at: 5s", "at: 25s"), FAULTY.replace("at: 5s", "at: 19s")),
    ("recovered after 900ms", FAULTY.replace("outage:", "latency:").replace("how: error", "add: 1s")
     + "stack: [{circuit_breaker: {failure_threshold: 3, slow_call: 500ms, slow_threshold: 50%, window: 4, "
     "recovery_time: 300ms}}]\n", FAULTY),
]  # fmt: skip


@pytest.mark.parametrize(("said", "true", "near"), FAULT_WORDS)
def test_what_became_of_a_fault(said: str, true: str, near: str) -> None:
    def row(yaml: str) -> str:
        return next(line for line in summary(yaml).splitlines() if line.startswith("  fault f"))

    assert said in row(true)
    assert said not in row(near)


def test_figures_that_read_alike_are_one_figure_and_rates_keep_their_unit() -> None:
    """``20.6/s to 20.6/s`` told nothing; a goodput that misses its limit by little was told without ``/s``."""
    steady = "resim: 1\nname: x\nservice: {latency: {uniform: [50ms, 50.001ms]}}\ntraffic: {rate: 10/s, requests: 60}\n"
    even = steady.replace("requests", "arrivals: even, requests")
    page = summary(even + "expect: [goodput > 10.0001/s]\n", 2)
    row = next(line for line in page.splitlines() if line.startswith("  goodput"))
    assert "to" not in row
    assert re.search(r"goodput > 10.0001/s  \S+/s", page)


STEPS = [
    # a step, a run after which it is worth typing, one near it after which it is not
    ("retry.budget=10%", "traffic: {rate: 10/s, requests: 60}\nstack: [{retry: {attempts: 4}}]\n",
     "traffic: {rate: 10/s, requests: 1}\nstack: [{retry: {attempts: 4}}]\n"),
    ("resim lint demo.yaml", "traffic: {rate: 10/s, requests: 60}\nstack: [{retry: {attempts: 4}}]\nHANGS",
     "traffic: {rate: 10/s, requests: 60}\nstack: [{retry: {attempts: 4}}, {timeout: {after: 1s}}]\nHANGS"),
    ("retry.attempts=3", "traffic: {rate: 10/s, requests: 60}\nstack: [{retry: {attempts: 1}}]\n",
     "traffic: {rate: 10/s, requests: 60}\nstack: [{retry: {like: polly, MaxRetryAttempts: 1}}]\n"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "after", "near"), STEPS)
def test_the_next_step_can_help(step: str, after: str, near: str) -> None:
    """No budget for one request or for calls that hang, and no setting that another rule spells otherwise."""
    hangs = "faults: [{outage: {at: 1s, for: 9s, how: hang}}]\n"
    head = "resim: 1\nname: x\nservice: {failure_rate: 100%}\n"
    assert step in summary(head + after.replace("HANGS", hangs))
    assert step not in summary(head + near.replace("HANGS", hangs))
