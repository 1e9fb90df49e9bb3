"""Margins against what arithmetic says they are, and the command as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.shell import resim

import resilience_sim
from resilience_sim.experiments import search
from resilience_sim.experiments.crew import Alone, Processes, WorkFailed
from resilience_sim.experiments.margins import Inquiry, find_margins
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.read.pieces import expectation_from

# Ten workers of 100 ms: 100 a second, to the last one. Arrivals every 1/rate s exactly, no luck at all.
EXACT = """\
resim: 1
name: exact
service: {latency: 100ms, workers: 10, queue: 0}
traffic: {rate: 50/s, duration: 10s, arrivals: even}
"""


def margins(text, *until, seeds=(1, 2), **more):
    scenario = load_text(text, "x.yaml")
    wanted = tuple(expectation_from(each, scenario.plan) for each in until)
    return {
        each.axis: each for each in find_margins(Inquiry({"": scenario}, seeds, until=wanted, **more), Alone()).found
    }


def test_the_cliff_of_an_exact_service_is_its_capacity():
    """Without a queue and without luck B answers everybody up to 100/s: twice today's traffic, half of its workers."""
    found = margins(EXACT, "availability == 100%", axes=("load", "slower", "capacity", "failing"))
    assert found["load"].p5 == pytest.approx(2.0, rel=0.012)
    assert found["slower"].p5 == pytest.approx(2.0, rel=0.012)
    assert found["capacity"].p50 == pytest.approx(0.6)  # of ten workers five are needed: the sixth lost is too many
    assert found["capacity"].margin == found["capacity"].p5
    assert found["failing"].p95 is not None
    assert found["failing"].p95 <= 0.02
    assert all(not each.not_monotone for each in found.values())


def test_a_whole_number_is_the_first_that_breaks():
    """Five workers are enough and four are not; the way down goes from the end that holds."""
    found = margins(EXACT, "availability == 100%", axes=(), over=(("service.workers", _range("1..10")),))
    each = found["service.workers"]
    assert each.falls
    assert (each.today, each.critical, each.unit) == (10.0, (4.0, 4.0), "count")
    assert each.margin == pytest.approx(0.4)


def test_the_way_goes_up_where_more_breaks():
    found = margins(EXACT, "availability == 100%", axes=(), over=(("service.latency", _range("50ms..400ms")),))
    each = found["service.latency"]
    assert not each.falls
    assert each.p50 == pytest.approx(0.2, rel=0.015)
    assert each.unit == "s"


def test_what_does_not_break_is_null():
    """And what is broken at the easiest end says so."""
    found = margins(EXACT, "availability >= 0%", axes=("load", "failing"))
    assert found["load"].critical == (None, None)
    assert (found["load"].p5, found["load"].margin, found["load"].broken_by) == (None, None, "")
    broken = margins(EXACT, "p50 < 1ms", axes=("load", "failing"))
    assert broken["failing"].critical == (0.0, 0.0)
    assert broken["load"].already == (1, 2)
    assert broken["load"].broken_by == "p50 < 1ms"


def test_no_data_is_not_broken():
    """Recovery without a fault has no value, so nothing breaks it."""
    found = margins(EXACT, "recovery < 1s", axes=("load",))
    assert found["load"].critical == (None, None)


def test_the_scenario_s_own_expectations_count_where_they_hold_today():
    text = EXACT + "expect:\n  - availability >= 99%\n  - p50 < 1ms\n"
    scenario = load_text(text, "x.yaml")
    found = find_margins(Inquiry({"": scenario}, (1, 2), ("load",)), Alone())
    assert [each.text for each in found.until] == ["availability >= 99%", "collapse"]
    assert found.found[0].broken_by == "availability >= 99%"
    alone = find_margins(Inquiry({"": load_text(EXACT, "x.yaml")}, (1, 2), ("failing",)), Alone())
    assert [each.text for each in alone.until] == ["collapse"]


def test_processes_give_the_same_answer():
    """And the first seed's search decides where the others begin, whoever does them."""
    text = EXACT.replace("arrivals: even", "arrivals: poisson").replace("queue: 0", "queue: 3")
    scenario = load_text(text, "x.yaml")
    inquiry = Inquiry({"": scenario}, tuple(range(1, 7)), ("load",), until=_until(scenario, "availability >= 95%"))
    assert find_margins(inquiry, Processes(3)).found == find_margins(inquiry, Alone()).found


def test_work_that_fails_has_no_answer():
    with pytest.raises(WorkFailed, match="ZeroDivisionError"):
        Processes(2).map(_divide, [1, 0, 2])
    assert Processes(2).map(_divide, [1, 2, 4]) == [8, 4, 2]


def test_a_killed_process_costs_nothing(tmp_path):
    """Its task goes to another one, once."""
    answer = Processes(2).map(_die_once, [(str(tmp_path / f"{n}"), n) for n in range(6)])
    assert answer == [n * n for n in range(6)]


def _divide(number: int) -> int:
    return 8 // number


def _die_once(task: tuple[str, int]) -> int:
    import os
    import signal
    from pathlib import Path

    mark = Path(task[0])
    if task[1] % 3 == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task[1] ** 2


def _range(spec: str):
    from resilience_sim.experiments.specs import parse_range

    return parse_range("", spec)


def _until(scenario, *texts):
    return tuple(expectation_from(each, scenario.plan) for each in texts)


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def exact(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = EXACT + "compare: {variants: {twice: {set: {service.workers: 20}}}}\n"
    (tmp_path / "exact.yaml").write_text(text)
    return tmp_path


ASK = ("margins", "exact.yaml", "--runs", "2", "--until", "availability == 100%")


def test_the_document(exact):
    answer = resim(*ASK, "--axis", "load", "--variant", "twice", "--json")
    assert answer.code == 0
    document = answer.document
    assert [(each["axis"], each["variant"]) for each in document["margins"]] == [
        ("load", "as-written"),
        ("load", "twice"),
    ]
    first, second = document["margins"]
    assert first["margin"] == pytest.approx(2.0, rel=0.012)
    assert second["margin"] == pytest.approx(4.0, rel=0.012)
    assert document["until"] == [{"that": "availability == 100%", "scope": ""}]
    assert document["spent"]["requests"] == first["requests_simulated"] + second["requests_simulated"]
    assert document["seeds"] == first["seeds"] == [1, 2]


def test_at_least_decides_the_exit_code(exact):
    held = resim(*ASK, "--at-least", "load=1.9x", "--at-least", "capacity=50%")
    assert held.code == 0
    assert "✓ traffic to at least 1.9x: 2x" in held.out
    assert "✓ workers lost to at least 50%: breaks from 60%" in held.out
    short = resim(*ASK, "--axis", "load", "--at-least", "load=2.1x")
    assert short.code == 1
    assert "✗ traffic to at least 2.1x: only 2x" in short.out


def test_what_it_says(exact):
    """The rate in absolute terms, what broke, and that arithmetic agrees; no advice on a retry that is not there."""
    answer = resim(*ASK, "--axis", "load")
    assert "median 2.01x = 100/s" in answer.out or "median 2x = 100/s" in answer.out
    assert "`availability == 100%` fails" in answer.out
    assert "arithmetic says the same: 100/s = B's 100/s" in answer.out
    assert "retry.budget" not in answer.out
    elsewhere = resim("margins", "exact.yaml", "--runs", "2", "--until", "p50 < 90ms", "--axis", "load")
    assert "broken at 0.062x already" in elsewhere.out
    assert "arithmetic" not in elsewhere.out


def test_the_bar_of_a_setting_without_a_value_today_is_of_its_range(exact):
    """From 1 s, which holds, down to 100 ms: nine tenths of the way."""
    answer = resim(*ASK, "--over", "traffic.deadline=10ms..1s")
    assert f"  {'█' * 18}··  to " in answer.out


def test_all_axes_leave_out_what_cannot_be(exact):
    text = EXACT.replace("workers: 10, queue: 0", "workers: unlimited")
    (exact / "wide.yaml").write_text(text)
    answer = resim("margins", "wide.yaml", "--runs", "2", "--until", "availability >= 99%", "--precision", "10%")
    assert answer.code == 0
    assert "B has no limit on its workers" in answer.out
    refused = resim("margins", "wide.yaml", "--runs", "2", "--axis", "capacity")
    assert refused.code == 2
    assert "no limit on its workers" in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--axis", "lode"], "expected load, slower"),
        (["--over", "service.workers"], "no PATH=SPEC"),
        (["--over", "service.workers=3"], "is no range"),
        (["--over", "service.workers=3..10ms"], "of two kinds"),
        (["--over", "service.wokers=1..3"], "--> --over:1:1   service.wokers"),
        (["--over", "service.latency=0..3"], "expected a duration"),
        (["--until", "availability"], "cannot read"),
        (["--until", "availability > 5% after noon"], "no fault `noon`"),
        (["--at-least", "load=150%"], "is no factor"),
        (["--at-least", "lode=2x"], "expected load, slower"),
        (["--at-least", "retry.attempts=3"], "nothing was searched there"),
        (["--at-least", "load=17x"], "an axis is searched up to 16x"),
        (["--at-least", "service.workers=50ms", "--over", "service.workers=1..10"], "not of the kind of 1"),
        (["--at-least", "service.workers=11", "--over", "service.workers=1..10"], "beyond 1..10"),
        (["--over", "service.workers=1..10", "--over", "service.workers=1..5"], "named twice"),
        (["--precision", "0%"], "out of range"),
        (["--variant", "nobody"], "--variant"),
        (["--runs", "0"], "--runs"),
        (["--out", "jsonl=x.jsonl"], "unknown format `jsonl`"),
    ],
)
def test_mistakes(exact, arguments, words):
    axis = [] if "--axis" in arguments else ["--axis", "failing"]
    answer = resim("margins", "exact.yaml", "--runs", "2", *axis, *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert not list(exact.glob("*.jsonl"))


# B is idle nearly always, and one request in a hundred fails: of twenty requests some seeds have none, some have two.
LUCKY = """\
resim: 1
name: lucky
service: {latency: 20ms, failure_rate: 5%, workers: 10}
traffic: {rate: 10/s, requests: 20, arrivals: even}
"""


@pytest.fixture
def lucky(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lucky.yaml").write_text(LUCKY)
    return lambda *arguments: resim("margins", "lucky.yaml", "--precision", "20%", *arguments)


def test_what_a_step_breaks_is_not_held(exact):
    """Ten workers, and the sixth one lost is too many: 60 % lost is what breaks it, not what it stands."""
    answer = resim(*ASK, "--axis", "capacity", "--at-least", "capacity=60%")
    assert answer.code == 1
    assert "✗ workers lost to at least 60%: breaks from 60%" in answer.out
    down = resim(*ASK, "--over", "service.workers=1..10", "--at-least", "service.workers=4")
    assert down.code == 1
    assert "✗ service.workers to at least 4: breaks from 4" in down.out


def test_a_few_seeds_that_break_are_not_nothing(lucky):
    """Less than half of them: there is no median in the range, and something broke all the same."""
    ask = ("--axis", "slower", "--until", "availability >= 95%", "--runs", "20")
    already = sum(each is not None for each in lucky(*ask, "--json").document["margins"][0]["critical"])
    assert 1 < already < 10
    answer = lucky(*ask, "--out", "html=lucky.html")
    assert "median not in the range, 5%: 0.062x" in Path("lucky.html").read_text()
    assert f"broken at 0.062x already in {already} of 20 seeds · median more than 16x" in answer.out
    assert f"Weakest: latency; today it is broken in {already} of 20 runs" in answer.out
    assert "Nothing broke" not in answer.out
    assert "held to" not in answer.out
    assert "–" not in answer.out


def test_what_breaks_at_today_s_value_did_not_hold_to_it(exact):
    """The critical value is today's: at 100 requests a second the tenth worker is busy, and one more is too many."""
    full = (*ASK[:-1], "availability >= 99.9%", "--axis", "load", "--set", "traffic.rate=101/s")
    assert resim(*full, "--json").document["margins"][0]["p5"] < 1
    at = (*ASK, "--axis", "load", "--set", "traffic.rate=100.4/s", "--precision", "2%")
    found = resim(*at, "--json").document["margins"][0]
    assert found["critical"] == [1.0, 1.0]
    words = resim(*at).out
    assert "broken today · median 1x" in words
    assert "held to" not in words


def test_who_holds_in_nearly_all_seeds_says_in_how_many(lucky):
    ask = ("--axis", "slower", "--until", "availability >= 90%", "--seed", "25", "--runs", "25")
    broken = sum(each is not None for each in lucky(*ask, "--json").document["margins"][0]["critical"])
    assert broken == 1
    answer = lucky(*ask, "--at-least", "slower=2x")
    assert "holds to 16x, the end of the range, in 24 of 25 seeds" in answer.out
    assert "✓ latency to at least 2x: 24 of 25 seeds hold to 16x" in answer.out
    assert "Weakest: latency; 1 of 25 runs breaks by 16x (`availability >= 90%` fails)." in answer.out
    assert "Nothing broke" not in answer.out


def test_an_outage_of_ours_is_not_today_s(lucky):
    """The scenario has no faults and holds; what breaks it is the outage that the axis begins with."""
    answer = lucky("--axis", "outage", "--until", "availability >= 75%", "--runs", "3", "--set", "traffic.requests=200")
    assert "broken today" not in answer.out + lucky("--axis", "outage", "--until", "p50 < 1s", "--runs", "2").out
    broken = lucky("--axis", "outage", "--until", "availability >= 88%", "--runs", "3", "--set", "traffic.requests=200")
    assert "broken by the outage" in broken.out
    assert "the outage breaks it" in broken.out
    assert "today" not in broken.out
    assert "the scenario has none; 1x is an outage that refuses, 10% of the traffic long" in broken.out


def test_a_share_that_is_harder_when_smaller_is_not_broken_today(lucky):
    """A threshold of 90 % opens never, one of 5 % at once: the way goes down, and today's value is far from the end."""
    stack = "stack: [{circuit_breaker: {failure_threshold: 90%, window: 10, min_calls: 5, recovery_time: 1s}}]\n"
    (Path("lucky.yaml")).write_text(LUCKY + stack)
    over = "circuit_breaker.failure_threshold=1%..100%"
    answer = lucky("--over", over, "--until", "opened < 1", "--runs", "3", "--json").document["margins"][0]
    assert answer["p5"] < answer["today"]
    words = lucky("--over", over, "--until", "opened < 1", "--runs", "3").out
    assert "broken today" not in words
    assert "half of the runs break by" in words


def test_expectations_that_cannot_break_anything_are_named(lucky):
    """Those that fail today, and those without data."""
    with Path("lucky.yaml").open("a") as file:
        file.write("expect: [p50 < 1ms, opened == 0]\n")
    answer = lucky("--axis", "failing", "--runs", "2")
    assert "`p50 < 1ms` fails today: it does not count as broken here." in answer.out
    assert "`opened == 0` had no data in any run, and without data nothing is broken." in answer.out
    warnings = lucky("--axis", "failing", "--runs", "2", "--json").document["warnings"]
    assert any("`p50 < 1ms` fails today" in each["message"] for each in warnings)
    named = lucky("--axis", "failing", "--runs", "2", "--until", "p50 < 1s").out
    assert "fails today" not in named
    assert "no data" not in named


def test_what_cannot_be_searched_is_refused_before_anything_runs(exact, monkeypatch):
    """Exit code 2 means that nothing was simulated."""
    monkeypatch.setattr(search, "simulate", lambda *_, **__: pytest.fail("something was simulated"))
    wide = EXACT.replace("workers: 10, queue: 0", "workers: unlimited")
    (exact / "wide.yaml").write_text(wide)
    for asked in (["--axis", "load", "--axis", "capacity"], ["--at-least", "retry.attempts=3"]):
        assert resim("margins", "wide.yaml", "--runs", "2", *asked).code == 2


@pytest.mark.parametrize(
    ("retry", "offered"),
    [("{attempts: 3}", True), ("{like: polly}", True), ("{attempts: 3, budget: 5%}", False), ("{like: aws}", False)],
)
def test_a_budget_is_offered_where_the_retry_can_have_one(exact, retry, offered):
    """And only where there is a cliff to move."""
    (exact / "retry.yaml").write_text(EXACT + f"stack: [retry: {retry}]\n")
    asked = ("margins", "retry.yaml", "--axis", "load", "--runs", "1", "--precision", "20%")
    answer = resim(*asked, "--until", "availability == 100%")
    assert ("--try retry.budget=10%" in answer.out) == offered
    holds = resim(*asked, "--set", "traffic.duration=1s", "--until", "availability >= 0%")
    assert holds.code == 0
    assert "budget" not in holds.out


def test_from_python():
    """The same numbers as objects, rows and text."""
    scenario = resilience_sim.loads(EXACT)
    found = scenario.margins("load", "capacity", until="availability == 100%", seeds=2)
    assert found["load"].p5 == pytest.approx(2.0, rel=0.012)
    assert [each.axis for each in found] == ["load", "capacity"]
    assert {row["axis"] for row in found.frame()} == {"load", "capacity"}
    assert "capacity" in repr(found)
    assert "<table>" in found._repr_html_()
    with pytest.raises(ValueError, match="no axis `lode`"):
        scenario.margins("lode")
    over = scenario.margins(over={"service.workers": "1..10"}, until="availability == 100%", seeds=2)
    assert over["service.workers"].critical == (4.0, 4.0)
