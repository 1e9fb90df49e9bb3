"""Make the pictures of the README with the program's own views:  python docs/pictures/make.py"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resilience_sim.experiments.crew import local_crew
from resilience_sim.experiments.margins import Inquiry, find_margins
from resilience_sim.experiments.questions import question
from resilience_sim.experiments.specs import parse_spec
from resilience_sim.experiments.sweep import Grid, sweep
from resilience_sim.experiments.tune import tune
from resilience_sim.measure.expectations import evaluate
from resilience_sim.measure.statistics import compare
from resilience_sim.runs.batch import run_many
from resilience_sim.runs.compare import plans_of
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load
from resilience_sim.settings.plan import Plan
from resilience_sim.views.comparison import comparison_rows
from resilience_sim.views.film.film import film_speed, shoot
from resilience_sim.views.film.svg import svg_of_film
from resilience_sim.views.live.driver import Player, Show, first_sample
from resilience_sim.views.live.facts import default_speed
from resilience_sim.views.live.frame import PlaybackStatus, frame
from resilience_sim.views.live.look import UNICODE
from resilience_sim.views.live.race import race_frame
from resilience_sim.views.margins import margins_rows
from resilience_sim.views.svg import svg_of_rows
from resilience_sim.views.sweep import sweep_rows
from resilience_sim.views.text import Row, wrap
from resilience_sim.views.tune import tune_rows

HERE = Path(__file__).resolve().parent
SECOND = 1_000_000_000


def svg_of_live_frame(plan: Plan, seed: int, at: int, width: int = 100, height: int = 30) -> str:
    """The live view of a run at the virtual instant ``at`` (ns)."""
    return svg_of_race({plan.name: plan}, seed, at, width, height)


def svg_of_race(plans: dict[str, Plan], seed: int, at: int, width: int = 140, height: int = 36, title: str = "") -> str:
    """The live view of several variants, by name, at the virtual instant ``at`` (ns)."""
    speed = default_speed(*plans.values())
    player = Player([Show(Simulation(plan, seed), name) for name, plan in plans.items()])
    for fold in player.folds:
        fold.sample = first_sample(fold.plan, speed)
    player.advance(at, lambda: True)
    playback = PlaybackStatus(speed)
    scenario = next(iter(plans.values())).name
    if len(player.folds) == 1:
        return svg_of_rows(frame(player.folds[0], width, height, playback).rows, width, f"resim run {scenario}")
    sheet = race_frame(player.folds, player.clock, width, height, playback)
    return svg_of_rows(sheet.rows, width, title or f"resim compare {scenario}")


def svg_of_text(rows: Sequence[Row], width: int, title: str) -> str:
    """A summary or a comparison (``summary_rows``, ``comparison_rows``), wrapped at ``width``."""
    return svg_of_rows([line for row in rows for line in wrap(row, width)], width, title)


def live() -> str:
    """`resim run --record live.svg`: the storm beside its cure, which moves."""
    scenario = load("retry-storm")
    budget = next(variant.plan for variant in scenario.variants if variant.name == "budget")
    plans = {"as-written": scenario.plan, "budget": budget}
    ends = []
    for plan in plans.values():
        run = Simulation(plan, 1)
        drain(run)
        ends.append(run.now)
    shows = [Show(Simulation(plan, 1), name) for name, plan in plans.items()]
    title = "resim run retry-storm --beside budget"
    return svg_of_film(shoot(shows, film_speed(*plans.values()), max(ends), title, "retry-storm beside budget"))


def cascade() -> str:
    """`resim run cascade`: a slow db takes the whole shop down; the wave has climbed, and db is quick again."""
    return svg_of_live_frame(load("cascade").plan, seed=1, at=36 * SECOND, width=120, height=34)


def comparison() -> str:
    """`resim compare retry-storm`: verdicts, table, and how many runs collapsed."""
    scenario = load("retry-storm")
    batch = run_many(plans_of(scenario), range(1, 21))
    differences = compare(batch.results, scenario.baseline)
    verdicts = evaluate(scenario.plan.expect, batch.results)
    rows = comparison_rows(scenario, batch.results, differences, (), verdicts, 140)
    texts = ["".join(text for text, _ in row.spans) for row in rows]
    return svg_of_text(rows[: texts.index("Next") - 1], 140, "resim compare retry-storm")


def margins() -> str:
    """`resim margins retry-storm --try retry.budget=10%`."""
    scenario = load("retry-storm")
    scenarios = {"as-written": scenario, "retry.budget=10%": scenario.with_settings(["retry.budget=10%"])}
    answer = find_margins(Inquiry(scenarios, tuple(range(1, 61))), local_crew())
    rows = margins_rows(UNICODE, scenario, scenarios, answer)
    return svg_of_text(rows, 110, "resim margins retry-storm --try retry.budget=10%")


def heat_map() -> str:
    """`resim sweep retry-storm --over retry.attempts=1..5 --over traffic.rate=20/s..80/s:7`."""
    scenario = load("retry-storm")
    specs = (parse_spec("retry.attempts", "1..5"), parse_spec("traffic.rate", "20/s..80/s:7"))
    found = sweep(Grid(scenario, specs, ("availability",), tuple(range(1, 21))), local_crew())
    rows = sweep_rows(UNICODE, 100, scenario, found, ("availability",))
    return svg_of_text(rows, 100, "resim sweep retry-storm --over retry.attempts=1..5 --over traffic.rate=20/s..80/s:7")


def front() -> str:
    """`resim tune hedged-tail`."""
    scenario = load("hedged-tail")
    asked = question(scenario, requests=20_000_000)
    rows = tune_rows(UNICODE, scenario, asked.objectives, tune(asked, local_crew()))
    return svg_of_text(rows, 110, "resim tune hedged-tail")


if __name__ == "__main__":
    (HERE / "margins.svg").write_text(margins(), encoding="utf-8")
    (HERE / "sweep.svg").write_text(heat_map(), encoding="utf-8")
    (HERE / "tune.svg").write_text(front(), encoding="utf-8")
    (HERE / "live.svg").write_text(live(), encoding="utf-8")
    (HERE / "cascade.svg").write_text(cascade(), encoding="utf-8")
    (HERE / "comparison.svg").write_text(comparison(), encoding="utf-8")
