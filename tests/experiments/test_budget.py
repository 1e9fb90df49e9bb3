"""A budget is a promise: it is kept, or refused before anything is searched; and what it buys is certified."""

from __future__ import annotations

import pytest
from cli.shell import resim

from experiments.test_tune import question
from resilience_sim.experiments.crew import Alone
from resilience_sim.experiments.purse import Purse, TooSmall
from resilience_sim.experiments.race import CAUTION, Objective, shortfall
from resilience_sim.experiments.tune import tune
from resilience_sim.measure.result import NO_READING, Reading
from resilience_sim.settings.plan import Expectation

RANDOM = """\
resim: 1
name: random
service: {latency: {exponential: 20ms}, failure_rate: 30%}
traffic: {rate: 50/s, duration: 1s}
stack: [{retry: {attempts: 1}}, {timeout: {after: 100ms}}]
"""
CLOSED = RANDOM.replace("rate: 50/s", "users: 2, think: 50ms")
FASTER = "resim: 1\nname: faster\nservice: {latency: 50ms}\ntraffic: {users: 1, duration: 1s}\n"


def asked(text, budget, vary=None, objective=("availability", +1), **more):
    vary = vary or {"retry.attempts": "1..4", "timeout.after": "20ms..200ms:log"}
    return question(text, vary, Objective(*objective), requests=budget, **more)


@pytest.mark.parametrize(("text", "budget"), [(RANDOM, 5_600), (RANDOM, 9_000), (CLOSED, 4_500)])
def test_a_budget_is_kept(text, budget):
    """Also where nobody knows before how many requests a run has."""
    found = tune(asked(text, budget), Alone())
    assert budget * 0.3 < found.requests <= budget
    assert len(found.certified_on) >= 16
    assert found.margins_missing


def test_margins_come_first_to_the_first():
    text = RANDOM.replace("30%", "30%, workers: 2")
    found = tune(asked(text, 60_000, subject_to=["attempts_per_request <= 2x"]), Alone())
    assert found.requests <= 60_000
    assert not found.margins_missing or not found.front[-1].margins
    assert set(found.front[0].margins) == {"load", "slower"}


def test_a_candidate_that_is_dearer_than_the_budget_is_not_certified():
    """In a closed loop a faster service gets more requests: 20 in a run as written, a thousand at 1 ms."""
    vary = {"service.latency": "1ms..1.2ms:log"}
    found = tune(asked(FASTER, 2_100, vary, ("mean", -1)), Alone())
    assert found.verdict == "cannot_tell"
    assert found.certified_on == ()
    assert not found.interrupted
    assert found.requests < 2_100 + 1_000  # one run more, by which it is known


def test_too_small_a_budget_is_refused_with_the_least_that_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(RANDOM)
    asked = ("tune", "x.yaml", "--vary", "retry.attempts=1..4", "--budget", "3k requests")
    refused = resim(*asked, "--resume", "study")
    assert refused.code == 2
    assert not (tmp_path / "study").exists()
    (tmp_path / "study").touch()
    assert resim(*asked, "--resume", "study").code == 2
    assert (tmp_path / "study").exists()  # it was there before
    assert "error: --budget: 3,000 requests are too few to tune with" in refused.err
    least = refused.err.rpartition("allow ")[2].split(" ")[0].replace(",", "")
    assert 4_000 <= int(least) <= 6_000
    answer = resim("tune", "x.yaml", "--vary", "retry.attempts=1..4", "--budget", f"{least} requests", "--json")
    assert answer.code in (0, 4)
    assert answer.document["spent"]["requests"] <= int(least)
    assert answer.document["certified_on"]


def test_what_could_not_be_certified_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(FASTER)
    ask = ["tune", "x.yaml", "--vary", "service.latency=1ms..1.2ms:log", "--minimize", "mean"]
    answer = resim(*ask, "--budget", "2100 requests")
    assert answer.code == 4
    assert "The budget was used up before anything could be certified" in answer.out
    assert "urely better" not in answer.out
    enough = resim(*ask, "--budget", "100k requests")
    assert enough.code == 0
    assert "before anything could be certified" not in enough.out


def test_a_purse_of_time():
    now = [0.0]
    purse = Purse(0, 10.0, lambda: now[0])
    assert purse.used() == 0
    now[0] = 2.0
    purse.pay(500, runs=5)
    assert purse.price == 100
    assert purse.used() == pytest.approx(0.2)
    assert purse.left(0.6) == pytest.approx(500 / 2.0 * 4.0)
    assert purse.room(0.6) == pytest.approx(10.0)
    now[0] = 11.0
    assert purse.left() == 0
    purse.check(1e9)  # what a run takes is not known before
    with pytest.raises(TooSmall):
        Purse(99, 0.0, lambda: 0.0).check(1.0)


def expected(text):
    metric, op, limit = text.split()
    return Expectation(text, metric, op, float(limit))


@pytest.mark.parametrize(
    ("text", "values", "caution", "short"),
    [
        ("availability >= 0.9", [0.9, 0.9], CAUTION, 0.0),
        ("availability > 0.9", [0.9, 0.9], CAUTION, 1e-9 / 0.9),
        ("availability >= 0.9", [0.85, 0.96], 0.0, 0.0),
        ("availability >= 0.9", [0.8, 0.8], CAUTION, 1 / 9),
        ("p99 <= 2", [3.0, 3.0], CAUTION, 0.5),
        ("p99 <= 2", [1.0, None], CAUTION, 0.5),
        ("p99 <= 2", [None, None], CAUTION, 1.0),
        ("availability == 1", [1.0, 0.5], CAUTION, 0.25),
        ("opened != 2", [2.0, 1.0], CAUTION, 0.5),
    ],
)
def test_shortfall(text, values, caution, short):
    readings = [NO_READING if value is None else Reading(value) for value in values]
    assert shortfall(expected(text), readings, caution) == pytest.approx(short)


def test_caution_wants_the_mean_on_the_right_side_by_more_the_less_is_known():
    few, many = [Reading(0.89), Reading(0.93)], [Reading(0.89), Reading(0.93)] * 16
    wanted = expected("availability >= 0.9")
    assert shortfall(wanted, few, CAUTION) > 0
    assert shortfall(wanted, many, CAUTION) == 0


def test_a_budget_beyond_floating_point_is_refused(tmp_path, monkeypatch):
    """It was an internal error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(RANDOM)
    for budget in (f"{'9' * 400} requests", "1000001G requests"):
        refused = resim("tune", "x.yaml", "--budget", budget)
        assert refused.code == 2
        assert "out of range" in refused.err
