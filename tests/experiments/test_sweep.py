"""Sweeps: the figures of each point, contours, sensitivity, and the command as a whole."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from math import pi, prod, sin

import pytest
from cli.shell import resim
from rich.text import Text

import resilience_sim
from resilience_sim.experiments.crew import Alone, Processes
from resilience_sim.experiments.specs import parse_spec
from resilience_sim.experiments.sweep import Grid, Point, Sweep, crossings, effects, sweep
from resilience_sim.measure.statistics import Summary, summarize
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.views.live.look import UNICODE
from resilience_sim.views.sweep import sweep_rows

FLAKY = """\
resim: 1
name: flaky
service: {latency: 50ms, failure_rate: 50%}
traffic: {rate: 20/s, requests: 150, arrivals: even}
stack:
  - retry: {attempts: 3}
"""
# Ten workers of 100 ms without a queue: everybody is served up to 100/s, then 100/s of them.
EXACT = """\
resim: 1
name: exact
service: {latency: 100ms, workers: 10, queue: 0}
traffic: {rate: 50/s, duration: 4s, arrivals: even}
"""


def grid(text, *over, metrics=("availability",), seeds=(1, 2, 3), refine=None):
    specs = tuple(parse_spec(*each.split("=", 1)) for each in over)
    return Grid(load_text(text, "x.yaml"), specs, metrics, seeds, refine)


def test_each_point_is_what_run_would_say():
    """The same plan, the same seeds, the same numbers; Student's interval over them."""
    asked = grid(FLAKY, "retry.attempts=1..4", metrics=("availability", "p99_success"))
    found = sweep(asked, Alone())
    assert [point.at for point in found.points] == [{"retry.attempts": str(n)} for n in (1, 2, 3, 4)]
    for point in found.points:
        plan = asked.scenario.with_settings([f"retry.attempts={point.at['retry.attempts']}"]).plan
        runs = [simulate(plan, seed) for seed in asked.seeds]
        for name in asked.metrics:
            assert point.metrics[name] == summarize(name, [run.metrics[name] for run in runs])
    assert found.runs == 12
    assert found.requests == 12 * 150


def test_processes_give_the_same_answer():
    asked = grid(FLAKY, "retry.attempts=1..3", "service.failure_rate=10%,50%", seeds=tuple(range(1, 20)))
    assert sweep(asked, Processes(3)) == sweep(asked, Alone())


def test_none_means_the_default_again():
    found = sweep(grid(FLAKY, "retry.attempts=5,none"), Alone())
    three = sweep(grid(FLAKY, "retry.attempts=3"), Alone()).points[0]
    assert found.points[1].metrics == three.metrics


def test_none_is_a_value_where_the_setting_has_it():
    """urllib3 retries without end with ``total: none``, ten times by default."""
    text = FLAKY.replace("attempts: 3", "like: urllib3, total: 2").replace("50%", "100%")
    ask = grid(text, "retry.total=none,null", metrics=("attempts_per_request",), seeds=(1,))
    plans = [ask.scenario.with_settings(ask.settings((value,))).plan for value in ("none", "null")]
    assert plans[0].stack != plans[1].stack
    assert plans[1] == ask.scenario.with_settings({"retry.total": None}).plan


def test_values_are_whatever_set_takes():
    """Stacks and distributions, too."""
    found = sweep(grid(FLAKY, "stack=[{retry: {attempts: 2}}],[]", "service.latency={exponential: 9ms},9ms"), Alone())
    assert [point.at["stack"] for point in found.points] == ["[{retry: {attempts: 2}}]"] * 2 + ["[]"] * 2
    means = [point.metrics["availability"].mean for point in found.points]
    assert means[0] > 0.7 > means[2]


def test_an_impossible_combination_shows_before_anything_is_run():
    with pytest.raises(ScenarioError):
        sweep(grid(FLAKY, "retry.attempts=1..3", "retry.jitter=none,banana"), _Forbidden())


def test_from_python_mistakes_say_what_to_write():
    """Not three values of a range that nobody divided, and a remedy as on the command line."""
    flaky = resilience_sim.loads(FLAKY)
    for call, words in (
        (lambda: flaky.sweep({"retry.delay": "1ms..2s"}), r"does not say how many values \(write it like"),
        (lambda: flaky.sweep({}), "nothing to sweep over"),
        (lambda: flaky.sweep({"seed": "1..3"}), r"the same seeds \(--seed"),
        (lambda: flaky.margins(over={"retry.attempts": "3"}), r"is no range \(write it like"),
        (lambda: flaky.margins("load", precision=0.0), "precision=0.0: from 0.0005 to 0.2"),
        (lambda: flaky.tune({"retry.attempts": "1..3"}, requests=10), r"too few to tune with \(a run has about 150"),
        (lambda: flaky.tune({"retry.attempts": "1..3"}, maximize="availabilty"), "did you mean `availability`"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert [each.settings for each in flaky.tune({"retry.attempts": "1..3"}, maximize="goodput", requests=20_000)] == [
        {}
    ]


@dataclass
class _Impatient:
    """Ctrl-C after so many pieces of work."""

    pieces: int

    def map(self, work, tasks, on_answer=None):
        for task in tasks[: self.pieces]:
            on_answer(work(task))
        raise KeyboardInterrupt


def test_after_ctrl_c_the_points_that_have_all_their_runs_are_there():
    """Twenty seeds are three pieces of work: of seven two points, and not the third."""
    ask = grid(FLAKY, "retry.attempts=1..3", "retry.delay=0ms,1ms", seeds=tuple(range(1, 21)))
    whole, found = sweep(ask, Alone()), sweep(ask, _Impatient(7))
    assert found.interrupted
    assert found.points == whole.points[:2]
    assert (found.runs, found.requests) == (40, 40 * 150)
    assert effects(whole, "availability")
    assert effects(found, "availability") == []
    two = sweep(grid(FLAKY, "retry.attempts=1..3", "service.failure_rate=10%,50%"), _Impatient(3))
    rows = sweep_rows(UNICODE, 80, ask.scenario, two, ["availability"])
    lines = ["".join(text for text, _ in row.spans) for row in rows]
    assert sum("?" in line for line in lines) == 1  # the fourth of four, as nobody knows of the third row
    assert "Interrupted: the points that are listed are complete, others are missing." in lines


class _Forbidden:
    def map(self, work, tasks, on_answer=None):
        raise AssertionError


def test_refining_finds_the_cliff_with_few_points():
    """Availability of EXACT falls below 90 % at 100/s / 0.9; a grid as fine would have 128 points."""
    asked = grid(EXACT, "traffic.rate=50/s..200/s:3", seeds=(1,), refine=("availability", 0.9))
    found = sweep(asked, Alone())
    ((at, _),) = crossings(found, "availability", 0.9)
    assert at == pytest.approx(100 / 0.9, rel=0.03)
    assert len(found.points) <= 3 + 6
    assert [point.refined for point in found.points].count(False) == 3
    rates = [float(point.at["traffic.rate"][:-2]) for point in found.points]
    assert rates == sorted(rates)


def test_refining_follows_a_contour_of_two_settings():
    """Half of the requests are served where the workers are half of rate x latency; far from there nothing is run."""
    over = ("traffic.rate=40/s..200/s:5", "service.workers=2..18:5")
    found = sweep(grid(EXACT, *over, seeds=(1,), refine=("availability", 0.5)), Alone())
    added = [point for point in found.points if point.refined]
    assert added
    finest = (4 * 2**3 + 1) * 17  # as fine in rate after three halvings, and every whole number of workers
    assert len(found.points) < finest / 3
    for point in added:
        rate, workers = float(point.at["traffic.rate"][:-2]), int(point.at["service.workers"])
        assert 0.1 < workers / (rate * 0.1) < 1.5


def test_a_value_that_is_not_crossed_adds_nothing():
    found = sweep(grid(EXACT, "traffic.rate=20/s..80/s:3", seeds=(1,), refine=("availability", 0.5)), Alone())
    assert len(found.points) == 3
    assert crossings(found, "availability", 0.5) == []


# --- sensitivity --------------------------------------------------------------------------------------------------


def made_up(function, *axes):
    """A sweep whose metric is a function of numbers."""
    from itertools import product

    specs = tuple(parse_spec(f"x{n}", f"0..{len(values) - 1}") for n, values in enumerate(axes))
    points = []
    for places in product(*(range(len(values)) for values in axes)):
        value = function(*(axis[place] for axis, place in zip(axes, places, strict=True)))
        summary = Summary(value, None, value, value, 0)
        points.append(Point({f"x{n}": str(place) for n, place in enumerate(places)}, {"mean": summary}, 1))
    return Sweep(specs, tuple(points), (1,), len(points), 0)


def test_a_sum_has_no_interactions():
    """Var(3x) : Var(y) is 9 : 1, and first order is total."""
    axis = [float(n) for n in range(11)]
    first, second = effects(made_up(lambda x, y: 3 * x + y, axis, axis), "mean")
    assert (first.path, second.path) == ("x0", "x1")
    assert first.first == pytest.approx(first.total) == pytest.approx(0.9)
    assert second.first == pytest.approx(second.total) == pytest.approx(0.1)


def test_a_product_of_centred_factors_is_all_interaction():
    axis = [-1.0, 0.0, 1.0]
    for each in effects(made_up(lambda x, y: x * y, axis, axis), "mean"):
        assert each.first == pytest.approx(0.0)
        assert each.total == pytest.approx(1.0)


def sobol_g(*places):
    """Sobol's G function with a = 0, 1, 4.5, 9: S = 0.716, 0.179, 0.024, 0.007."""
    return prod((abs(4 * place - 2) + a) / (1 + a) for place, a in zip(places, (0, 1, 4.5, 9), strict=True))


# What SALib 1.6.0 says, with numpy 2.4.6: sample.sobol.sample(problem, 8192, seed=1), analyze.sobol.analyze(…, seed=1).
BY_SALIB = [
    (lambda x, y: x + 2 * x * y + y**3, (0, 1), 100, [0.4940, 0.4649], [0.5351, 0.5060]),
    (lambda x, y, z: sin(x) + 7 * sin(y) ** 2 + 0.1 * z**4 * sin(x), (-pi, pi), 20,
     [0.3141, 0.4437, -0.0002], [0.5574, 0.4424, 0.2437]),
    (sobol_g, (0, 1), 8, [0.7163, 0.1791, 0.0237, 0.0072], [0.7871, 0.2422, 0.0343, 0.0105]),
]  # fmt: skip


@pytest.mark.parametrize(("function", "ends", "places", "first", "total"), BY_SALIB)
def test_the_same_as_salib(function, ends, places, first, total):
    """Its Saltelli sampling of the same functions has come to the same indices, within its own error of 0.02."""
    axis = [ends[0] + (ends[1] - ends[0]) * (n + 0.5) / places for n in range(places)]
    ours = {each.path: each for each in effects(made_up(function, *[axis] * len(first)), "mean")}
    assert [ours[f"x{n}"].first for n in range(len(first))] == pytest.approx(first, abs=0.02)
    assert [ours[f"x{n}"].total for n in range(len(first))] == pytest.approx(total, abs=0.02)


def test_what_does_not_vary_or_is_not_known_has_no_effects():
    assert effects(made_up(lambda x, y: 1.0, [0.0, 1.0], [0.0, 1.0]), "mean") == []
    assert effects(made_up(lambda x, y: None if x else y, [0.0, 1.0], [0.0, 1.0]), "mean") == []


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def flaky(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flaky.yaml").write_text(FLAKY)
    return tmp_path


def test_the_document_and_the_table(flaky):
    answer = resim("sweep", "flaky.yaml", "--over", "retry.attempts=1..3", "--over", "service.failure_rate=10%,50%",
                   "--runs", "3", "--show", "p99", "--out", "csv=points.csv", "--json")  # fmt: skip
    assert answer.code == 0
    document = answer.document
    assert document["points"][0]["at"] == {"retry.attempts": "1", "service.failure_rate": "10%"}
    assert all(point["runs"] == 3 for point in document["points"])
    assert document["spent"]["runs"] == 18
    assert {each["path"] for each in document["sensitivity"]["p99"]} == {"retry.attempts", "service.failure_rate"}
    with (flaky / "points.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 6
    assert lines[0]["retry.attempts"] == "1"
    assert float(lines[0]["p99"]) == document["points"][0]["p99"]["mean"]


def test_a_curve_for_people(flaky):
    answer = resim(
        "sweep", "flaky.yaml", "--over", "retry.attempts=1..3", "--runs", "3", "--refine", "availability=70%"
    )
    assert answer.code == 0
    assert answer.out.count("●") == 3
    assert "It crosses 70% at about retry.attempts = 2." in answer.out
    assert "what moves it" not in answer.out
    assert "the best of the other points, by availability, against" in answer.out
    assert "retry.attempts=2" in answer.out.split("compare")[1]


def test_todays_settings_are_not_compared_with_themselves(flaky):
    """Where they are the best of the points, others may be compared with them."""

    def ask(*values):
        return resim("sweep", "flaky.yaml", "--runs", "2", "--over", f"retry.attempts={','.join(values)}").out

    assert "--try retry.attempts=4  the best of these points, by availability, against" in ask("2", "3", "4")
    assert "--try retry.attempts=2  the best of the other points, by availability, against" in ask("1", "2", "3")
    assert "--try retry.attempts=2  this one against today's settings" in ask("2", "3")
    assert "resim compare" not in ask("3")


def test_a_heat_map_fits_eighty_columns(flaky):
    """With numbers where they fit, as shades alone where there are too many."""

    def shown(count):
        over = ("--over", "retry.attempts=1..2", "--over", f"service.failure_rate=0%..90%:{count}")
        return resim("sweep", "flaky.yaml", *over, "--runs", "1", terminal=True, columns=80)

    few, many = shown(4), shown(19)
    assert "retry.attempts down, service.failure_rate across" in few.out
    assert "what moves it" in few.out
    for answer in (few, many):
        assert [line for line in Text.from_ansi(answer.out).plain.splitlines() if len(line) > 80] == []


def test_more_columns_than_a_line_has_stand_in_strips(flaky):
    """The gaps go first, then the map goes on below; every column is there, and none wraps."""

    def shown(count, columns):
        over = ("--over", "retry.attempts=1..2", "--over", f"service.failure_rate=0%..90%:{count}")
        few = ("--runs", "1", "--set", "traffic.requests=10")
        out = resim("sweep", "flaky.yaml", *over, *few, terminal=True, columns=columns).out
        lines = Text.from_ansi(out).plain.splitlines()
        assert max(map(len, lines)) <= columns
        cells = [line[5:] for line in lines if line[:5].strip() == "2"]
        assert sum(len(each.replace(" ", "")) for each in cells) == count
        return cells

    assert len(shown(60, 80)) == 1
    assert len(shown(100, 80)) == 2
    assert len(shown(100, 40)) == 3


def test_long_values_have_numbers_and_a_legend(flaky):
    """A whole stack would leave no room for the picture."""
    stacks = "stack=[{retry: {attempts: 2}}, {timeout: {after: 300ms}}],[{retry: {attempts: 3, delay: 1s}}],[]"
    for more in ((), ("--over", "service.failure_rate=10%,50%")):
        answer = resim("sweep", "flaky.yaml", "--over", stacks, *more, "--runs", "1", terminal=True, columns=80)
        lines = Text.from_ansi(answer.out).plain.splitlines()
        assert max(map(len, lines)) <= 80
        named = [line.split()[0] for line in lines if line.lstrip().startswith(("(1)", "(2)", "[]"))]
        assert named == ["(1)", "(2)", "[]", "(1)", "(2)"]


def test_the_points_of_a_contour_are_accounted_for(flaky):
    """A map has no place for them, and one who asked for them is told where they are."""
    ask = (
        "sweep",
        "flaky.yaml",
        "--over",
        "retry.attempts=1..2",
        "--over",
        "service.failure_rate=0%..60%:3",
        "--runs",
        "1",
    )
    answer = resim(*ask, "--refine", "availability=80%", "--out", "csv=points.csv")
    with (flaky / "points.csv").open() as file:
        count = sum(1 for _ in csv.DictReader(file)) - 6
    assert count > 1
    assert f"{count} more points lie between these, along 80%: --out csv=PATH has them." in answer.out
    assert "It does not cross 5% here." in resim(*ask, "--refine", "availability=5%").out


def test_a_figure_that_never_changes_has_no_scale_and_no_best(flaky):
    """Availability of 200 % there is none, and of equal points none is the best."""
    ask = ("sweep", "flaky.yaml", "--over", "retry.attempts=1..3", "--runs", "2", "--set", "service.failure_rate=0%")
    same = resim(*ask)
    assert "200%" not in same.out
    assert "the first of these points" in same.out
    none = resim(*ask, "--show", "opened")
    assert none.out.count("no data in 2 runs") == 3
    assert "the first of these points" in none.out
    two = resim("sweep", "flaky.yaml", "--over", "service.failure_rate=90%,0%", "--over", "retry.delay=0ms,1ms",
                "--runs", "1")  # fmt: skip
    assert "the first of the best of these points" in two.out
    assert "--try 'service.failure_rate=0%, retry.delay=0ms'" in two.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to sweep over"),
        (["--over", "retry.attempts"], "no PATH=SPEC"),
        (["--over", "retry.delay=1ms..1s"], "does not say how many values"),
        (["--over", "retry.attemps=1..3"], "attempts"),
        (["--over", "retry.attempts=0..3"], "--over"),
        (["--over", "seed=1..3"], "every value meets the same seeds"),
        (["--over", "retry.attempts=1..3", "--over", "retry.attempts=1..3"], "named twice"),
        (["--over", "retry.attempts=1..3", "--show", "availabilty"], "did you mean `availability`"),
        (["--over", "retry.attempts=1..3", "--refine", "availability"], "has no `=`"),
        (["--over", "retry.attempts=1..3", "--refine", "availability=5"], "--refine"),
        (["--over", "retry.attempts=1,3", "--refine", "availability=50%"], "nothing lies between"),
        (["--over", "retry.attempts=1..3", "--out", "jsonl=x"], "unknown format `jsonl`"),
        (["--over", "retry.attempts=1..9999", "--over", "retry.delay=1ms..9s:100"], "too many"),
    ],
)
def test_mistakes(flaky, arguments, words):
    answer = resim("sweep", "flaky.yaml", "--runs", "1", *arguments)
    assert answer.code == 2
    assert words in answer.err
