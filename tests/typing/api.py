"""The public API as a type checker sees it. Checked by mypy --strict (.ci/run), never run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, assert_type

import resilience_sim as rs
from resilience_sim.kernel.frames import Frame
from resilience_sim.policies.plugin import ERROR

scenario = rs.load("hard-outage", {"retry.attempts": 5})
assert_type(scenario, rs.Scenario)
assert_type(rs.loads("resim: 1"), rs.Scenario)
assert_type(scenario.set("retry.delay", "250ms").set("retry.delay", None), rs.Scenario)
assert_type(scenario.with_settings({"a": timedelta(seconds=1), "b": [1, 2], "c": {"d": 0.5}}), rs.Scenario)
assert_type(scenario.variants, dict[str, rs.Scenario])

result = scenario.run()
assert_type(result, rs.Result)
assert_type(scenario.run(7, series="1s", metrics=["p99"]), rs.Result)
assert_type(rs.simulate(scenario, 7, series=timedelta(seconds=1)), rs.Result)
assert_type(result.availability, float)
assert_type(result.metrics["p99.9"], float)
assert_type(result.at_least, dict[str, float])
assert_type(result.series, dict[str, list[float]])
assert_type(result.events("breaker", rid=3), Iterator[rs.Event])
result.availibility  # type: ignore[attr-defined]  # noqa: B018 (a slip of the pen is found)
scenario.run(1, seeds=2)  # type: ignore[call-overload]

results = scenario.run(seeds=20, workers=2)
assert_type(results, rs.Results)
assert_type(rs.simulate_many(scenario, range(3)), rs.Results)
assert_type(results[0], rs.Result)
assert_type(results[:3], rs.Results)
assert_type(results.values("p99"), list[float])
assert_type(results.summary()["availability"], rs.Summary)
assert_type(results.summary()["availability"].ci95, tuple[float, float] | None)
assert_type(results.frame(), list[dict[str, float | str | None]])
assert_type(results.frame("pandas"), Any)
assert_type(results.passed, bool)

comparison = scenario.compare({"eager": {"retry.attempts": 9}, "other": scenario}, seeds=3)
assert_type(comparison, rs.Comparison)
assert_type(rs.compare({"a": scenario, "b": scenario}), rs.Comparison)
assert_type(comparison["eager"], rs.Results)
assert_type(comparison.difference("eager", "p99"), rs.Difference)
assert_type(comparison.difference("eager", "p99").delta, float | None)


class Once(rs.Policy):
    def enter(self, parent: Frame) -> None:
        self.turn_away(parent, ERROR)

    def on_result(self, f: Frame, outcome: int) -> None:
        self.answer(f, outcome)


assert_type(scenario.with_policy(Once, "inner"), rs.Scenario)

try:
    rs.load("nothing")
except rs.ScenarioError as error:
    assert_type(error.diagnostics[0].message, str)
