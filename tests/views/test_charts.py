"""Small charts: exact characters, exact widths."""

from __future__ import annotations

from resilience_sim.views import charts


def test_an_area_fills_from_below_two_values_a_character() -> None:
    assert charts.area([0, 1, 2, 3, 4, 8, None, 8], 8, 2) == ["  ⢸⢸", "⢀⣴⣿⢸"]


def test_a_value_above_zero_is_never_invisible() -> None:
    assert charts.area([0.0001, 0.0001], 100, 1) == ["⣀"]
    assert charts.area([0.0001], 100, 1, ascii_only=True) == ["."]


def test_values_beyond_the_top_stay_inside() -> None:
    assert charts.area([50, 50], 10, 2) == ["⣿", "⣿"]


def test_a_line_joins_neighbours_and_keeps_gaps() -> None:
    assert charts.line([1, 4, None, 1], 4, 1) == ["⡸⢀"]


def test_charts_are_as_wide_as_asked_in_both_forms() -> None:
    values = [float(i % 7) if i % 5 else None for i in range(61)]
    for rows in (1, 2, 5):
        for draw in (charts.area, charts.line):
            assert [len(row) for row in draw(values, 6, rows)] == [31] * rows
            assert all(row.isascii() and len(row) == 31 for row in draw(values, 6, rows, True))


def test_overlay_unites_dots_and_prefers_the_upper_ascii() -> None:
    assert charts.overlay(["⣀ "], ["⠉⠁"]) == ["⣉⠁"]
    assert charts.overlay([".#"], ["* "]) == ["*#"]


def test_sparklines_and_lanes() -> None:
    assert charts.sparkline([0, 1, None, 4, 8]) == " ▁ ▄█"
    assert charts.sparkline([0, 8], ascii_only=True) == " @"
    assert charts.lane([0, 1, 2, -1], ("━", "█", "▒")) == "━█▒ "


def test_runs_are_as_few_as_possible() -> None:
    assert charts.runs("aabbb", [0, 0, 1, 1, 1]) == [("aa", 0), ("bbb", 1)]
    assert charts.runs("", []) == []
