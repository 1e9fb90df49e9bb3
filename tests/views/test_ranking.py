"""The answer of a comparison: which is best, by what, at what price; or that it cannot be told."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from resilience_sim.measure.result import Reading, RunResult
from resilience_sim.measure.statistics import compare, summaries
from resilience_sim.views.live.look import ASCII, UNICODE
from resilience_sim.views.ranking import few_rows, ranked, ranking_rows, winner_row

Figures = dict[str, list[dict[str, float | None]]]  # by variant: the metrics of its runs


def results(figures: Figures) -> dict[str, list[RunResult]]:
    return {
        name: [
            RunResult(seed + 1, "", {}, {of: Reading(value) for of, value in run.items()}, {})
            for seed, run in enumerate(runs)
        ]
        for name, runs in figures.items()
    }


def runs(
    availability: list[float], p99: float | None = 0.1, attempts: float = 1.0, **more: float
) -> list[dict[str, float | None]]:
    return [
        {"availability": each, "p99_success": p99, "attempts_per_request": attempts, **more} for each in availability
    ]


def said(figures: Figures) -> str:
    found = results(figures)
    count = len(next(iter(found.values())))
    return winner_row(found, {name: summaries(its) for name, its in found.items()}, count).plain()


HIGH, LOW, NEAR = [0.9, 0.91, 0.92], [0.5, 0.52, 0.51], [0.91, 0.9, 0.92]


@pytest.mark.parametrize(
    ("sentence", "true", "near"),
    [
        ("Best by availability: a, 40 ± ", {"a": runs(HIGH), "b": runs(LOW)}, {"a": runs(HIGH), "b": runs(NEAR)}),
        ("Cannot tell which is the most available: a and b", {"a": runs(HIGH), "b": runs(NEAR)},
         {"a": runs(HIGH), "b": runs(HIGH)}),
        ("Equally available: a and b", {"a": runs(HIGH), "b": runs(HIGH)}, {"a": runs(HIGH), "b": runs(NEAR)}),
        ("; b has the shortest p99 of successes", {"a": runs(HIGH, 0.2, 1.0), "b": runs(HIGH, 0.1, 2.0)},
         {"a": runs(HIGH, 0.1, 1.0), "b": runs(HIGH, 0.1, 2.0)}),
        ("; a has the fewest attempts per request", {"a": runs(HIGH, 0.1, 1.0), "b": runs(HIGH, 0.1, 2.0)},
         {"a": runs(HIGH, 0.2, 1.0), "b": runs(HIGH, 0.1, 2.0)}),
        ("; of these b and a have the shortest p99 of successes; b has the fewest attempts",
         {"a": runs(HIGH, 0.1, 2.0), "b": runs(HIGH, 0.1, 1.5), "c": runs(HIGH, 0.3, 1.0), "d": runs(LOW, 0.01, 1.0)},
         {"a": runs(HIGH, 0.1, 2.0), "b": runs(HIGH, 0.1, 1.5), "c": runs(HIGH, 0.1, 1.0), "d": runs(LOW, 0.01, 1.0)}),
        # a has more than b, and less than c, of which the figures do not tell: who has the least is not known then.
        ("; b and c have the shortest p99",
         {"a": runs(HIGH, 0.4), "b": runs(HIGH, 0.1), "c": [*runs(HIGH[:2], 0.1), *runs(HIGH[2:], 0.9)]},
         {"a": runs(HIGH, 0.3), "b": runs(HIGH, 0.1), "c": [*runs(HIGH[:2], 0.1), *runs(HIGH[2:], 0.9)]}),
        ("; b has the fewest duplicates", {"a": runs(HIGH, 0.1, duplicates=3.0), "b": runs(HIGH, 0.2, duplicates=0.0)},
         {"a": runs(HIGH, 0.1, duplicates=3.0), "b": runs(HIGH, 0.2, duplicates=3.0)}),
        ("has the shortest p99", {"a": runs(HIGH, 0.1), "b": runs(HIGH, 0.2)},  # no data is no merit
         {"a": runs(HIGH, None), "b": runs(HIGH, 0.2)}),
        ("; its p99 of successes is 3 times as long (300ms, not 100ms)", {"a": runs(HIGH, 0.3), "b": runs(LOW, 0.1)},
         {"a": runs(HIGH, 0.12), "b": runs(LOW, 0.1)}),
        ("; it makes 2 times the attempts (3x, not 1.5x)",
         {"a": runs(HIGH, attempts=3.0), "b": runs(LOW, attempts=1.5)},
         {"a": runs(HIGH, attempts=1.5), "b": runs(LOW, attempts=3.0)}),
        ("; it has 3 duplicates, b 0", {"a": runs(HIGH, duplicates=3.0), "b": runs(LOW, duplicates=0.0)},
         {"a": runs(HIGH, duplicates=3.0), "b": runs(LOW, duplicates=4.0)}),
        ("No request succeeded in any variant; b has the fewest attempts per request",
         {"a": runs([0.0, 0.0], None, 3.0), "b": runs([0.0, 0.0], None, 1.0)},
         {"a": runs([0.0, 0.1], None, 3.0), "b": runs([0.0, 0.0], None, 1.0)}),
        ("With this seed best by availability: a", {"a": runs([0.9]), "b": runs([0.8])},
         {"a": runs([0.8]), "b": runs([0.9])}),
        ("No variant has an availability", {"a": [{"availability": None}], "b": [{"availability": None}]},
         {"a": runs([0.9]), "b": [{"availability": None}]}),
    ],
)  # fmt: skip
def test_what_is_said_of_the_best(sentence: str, true: Figures, near: Figures) -> None:
    assert sentence in said(true)
    assert sentence not in said(near)


def test_equal_ones_are_ranked_by_what_they_cost() -> None:
    figures = {
        "slow": runs(HIGH, 0.5),
        "busy": runs(HIGH, 0.1, 2.0),
        "good": runs(HIGH, 0.1, 1.0),
        "up": runs([1, 1, 1]),
    }
    found = {name: summaries(its) for name, its in results(figures).items()}
    assert ranked(found) == ["up", "good", "busy", "slow"]


@pytest.mark.parametrize("width", [10_000, 80, 60])
@pytest.mark.parametrize("look", [UNICODE, ASCII])
def test_every_figure_stands_under_its_heading(width: int, look: object) -> None:
    """The bar gets shorter, then goes; names may be long, or of wide letters; a collapse is counted."""
    names = ["停電-再試行", "as-written", "retry.attempts=5, retry.budget=10%, timeout.after=2s"]
    figures = {
        name: runs([0.5 + i / 10, 0.51], 0.1, 1.5, collapse_probability=float(i > 1), crashes=2.0)
        for i, name in enumerate(names)
    }
    found = results(figures)
    many = {name: summaries(its) for name, its in found.items()}
    rows = ranking_rows(many, compare(found, "as-written"), "as-written", 2, look, width)
    head = rows[0].plain()
    assert "crashes" in head
    for row in rows:
        assert row.width == cell_len(row.plain())
        assert row.width <= max(width, 80)
    for heading, text in (("p99 success", "100ms"), ("attempts", "1.5x"), ("collapsed", "0 of 2")):
        line = next(row.plain() for row in rows if row.plain().startswith("  as-written"))
        assert line[head.index(heading) :].startswith(text)
    assert any("█" in row.plain() or "#" in row.plain() for row in rows) == (width > 80)


def test_a_p99_of_few_successes_is_told_for_what_it_is() -> None:
    few, many = runs([0.9], succeeded=90.0, late=0.0), runs([0.9], succeeded=99.0, late=1.0)
    assert few_rows(results({"a": many, "b": many})) == []
    assert few_rows({"a": []}) == []
    (row,) = few_rows(results({"a": few, "b": few}))
    assert row.plain() == "p99 success: of fewer than 100 successes it is the highest"
    (row,) = few_rows(results({"a": few, "b": many}))
    assert row.plain().startswith("p99 success of a: ")
