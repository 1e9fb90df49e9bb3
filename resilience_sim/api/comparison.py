"""Scenarios side by side on the same seeds: paired differences and what they prove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from resilience_sim.api.results import Results, need_everything
from resilience_sim.api.tables import Row, frame, html_table, text_table
from resilience_sim.measure.statistics import Difference
from resilience_sim.measure.statistics import compare as differences_of
from resilience_sim.settings.metrics import metric
from resilience_sim.settings.plan import AS_WRITTEN
from resilience_sim.settings.suggest import did_you_mean

if TYPE_CHECKING:
    from resilience_sim.measure.expectations import Verdict

SHOWN = ("availability", "p50_success", "p99_success", "attempts_per_request", "recovery", "collapse_probability")


class Comparison(Mapping[str, Results]):
    """The :class:`Results` of every variant by name, and their differences to ``baseline``, paired by seed."""

    def __init__(self, found: dict[str, Results], baseline: str) -> None:
        self.baseline = baseline
        self._found = found
        runs = {name: [result.figures for result in results] for name, results in found.items()}
        self.differences: dict[str, dict[str, Difference]] = {
            each.variant: each.metrics for each in differences_of(runs, baseline)
        }

    def __getitem__(self, variant: str) -> Results:
        return self._found[known(variant, self._found)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def difference(self, variant: str, metric: str) -> Difference:
        """``variant`` minus the baseline: ``delta``, ``ci95``, ``verdict`` and the ``runs_needed`` to tell."""
        if variant == self.baseline:
            raise KeyError(f"`{variant}` is the baseline itself")
        found = self.differences[known(variant, self._found)]
        return found[known(metric, found, "metric")]

    def verdict(self, variant: str, metric: str) -> str:
        """``better``, ``worse`` or ``cannot_tell``."""
        return self.difference(variant, metric).verdict

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of the expectations of the scenario as written, those about variants included."""
        from resilience_sim.measure.expectations import evaluate

        for results in self._found.values():
            need_everything(results)
        runs = {name: [result.figures for result in results] for name, results in self._found.items()}
        first = self._found.get(AS_WRITTEN)
        return evaluate(first.plan.expect, runs) if first is not None else []

    @overload
    def frame(self, library: None = None) -> list[Row]: ...
    @overload
    def frame(self, library: Literal["pandas", "polars"]) -> Any: ...
    def frame(self, library: str | None = None) -> Any:
        """A row for each variant and metric: mean, difference to the baseline, its 95 % interval, verdict."""
        rows: list[Row] = []
        for variant, results in self._found.items():
            changes = self.differences.get(variant, {})
            for name, summary in results.summary().items():
                change = changes.get(name, Difference(None, None, ""))
                low, high = change.ci95 or (None, None)
                rows.append(
                    {"variant": variant, "metric": name, "mean": summary.mean, "delta": change.delta}
                    | {"ci95_low": low, "ci95_high": high, "verdict": change.verdict or None}
                    | {"runs_needed": change.runs_needed}
                )
        return frame(rows, library)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        from resilience_sim.views.differences import difference_text, value_text

        computed = next(iter(self._found.values()))[0].metrics
        names = [name for name in SHOWN if name in computed] or list(computed)
        summaries = {variant: results.summary() for variant, results in self._found.items()}
        rows = []
        for name in names:
            asked = metric(name)
            assert asked is not None
            for index, (variant, results) in enumerate(self._found.items()):
                change = self.differences.get(variant, {}).get(name)
                difference = "(baseline)" if variant == self.baseline else difference_text(asked, change)
                verdict = change.verdict.replace("_", " ") if change is not None and difference != "same" else ""
                value = value_text(asked, summaries[variant][name], len(results))
                rows.append(["" if index else name, variant, value, difference, verdict])
        return ["metric", "variant", "mean", "difference ± 95%", "verdict"], rows

    def __repr__(self) -> str:
        return f"{self._title()}\n{text_table(*self._table())}"

    def _repr_html_(self) -> str:
        return html_table(self._title(), *self._table())

    def _title(self) -> str:
        runs = len(next(iter(self._found.values())))
        return f"{runs} runs each on the same seeds, differences to {self.baseline}"


def known(name: str, names: Mapping[str, object], what: str = "variant") -> str:
    """The name, if it is one of ``names``; KeyError with the nearest one otherwise."""
    if name not in names:
        raise KeyError(f"there is no {what} `{name}`; {did_you_mean(name, list(names)) or ', '.join(names)}")
    return name
