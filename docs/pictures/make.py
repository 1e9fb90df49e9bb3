"""Make the pictures of the README with the program's own views:  python docs/pictures/make.py"""

from __future__ import annotations

from pathlib import Path

from resilience_sim.measure.expectations import evaluate
from resilience_sim.measure.statistics import compare
from resilience_sim.runs.batch import run_many
from resilience_sim.runs.compare import plans_of
from resilience_sim.scenario.load import load
from resilience_sim.views.comparison import comparison_rows
from resilience_sim.views.picture import svg_of_live_frame, svg_of_text

HERE = Path(__file__).resolve().parent
SECOND = 1_000_000_000


def live() -> str:
    """`resim run first-look` when the breaker has seen all its states."""
    return svg_of_live_frame(load("first-look").plan, seed=1, at=56 * SECOND, width=110, height=34)


def comparison() -> str:
    """`resim compare retry-storm`: verdicts, table, and how many runs collapsed."""
    scenario = load("retry-storm")
    batch = run_many(plans_of(scenario), range(1, 21))
    differences = compare(batch.results, scenario.baseline)
    verdicts = evaluate(scenario.plan.expect, batch.results)
    rows = comparison_rows(scenario, batch.results, differences, (), verdicts, 140)
    texts = ["".join(text for text, _ in row.spans) for row in rows]
    return svg_of_text(rows[: texts.index("Next") - 1], 140, "resim compare retry-storm")


if __name__ == "__main__":
    (HERE / "live.svg").write_text(live(), encoding="utf-8")
    (HERE / "comparison.svg").write_text(comparison(), encoding="utf-8")
