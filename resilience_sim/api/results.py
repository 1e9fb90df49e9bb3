"""What runs yield: a :class:`Result` for each, :class:`Results` for many seeds, their :class:`Summaries`.

Numbers are plain floats and ints in base units: seconds, shares from 0 to 1, counts, per second. Where a run has no
data (the recovery of a run without a fault) a metric is NaN; in rows of ``frame()`` it is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from resilience_sim.api.tables import Figures, Row, flat, frame, html_table, text_table
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import Summary, summaries
from resilience_sim.settings.metrics import METRICS, metric
from resilience_sim.settings.plan import AS_WRITTEN
from resilience_sim.settings.suggest import did_you_mean

if TYPE_CHECKING:
    from resilience_sim.api.events import Event
    from resilience_sim.measure.expectations import Verdict
    from resilience_sim.settings.plan import Plan


class Origin(Protocol):
    """What was run, as far as its results have to know: a Scenario."""

    @property
    def plan(self) -> Plan:
        """The plan that was run."""

    def record(self, path: str | Path, seed: int) -> Path:
        """Run it again into a recording."""


class Result:
    """One run. Metrics are attributes (``result.availability``), and entries of ``metrics`` by name (``"p99.9"``).

    The run itself is not kept: asking for :meth:`events` simulates it again, with the same outcome.
    """

    if TYPE_CHECKING:  # as the table in settings/metrics.py has them; read by __getattr__
        availability: float
        goodput: float
        succeeded: float
        late: float
        failed: float
        mean: float
        p50: float
        p90: float
        p95: float
        p99: float
        max: float
        mean_success: float
        p50_success: float
        p90_success: float
        p95_success: float
        p99_success: float
        max_success: float
        amplification: float
        attempts_per_request: float
        denied_by_budget: float
        rejected: float
        wasted_work: float
        utilization: float
        duplicates: float
        orphans: float
        detection: float
        recovery: float
        opened: float
        open_time: float
        threads_peak: float
        crashes: float
        collapse_probability: float

    def __init__(self, origin: Origin, figures: RunResult) -> None:
        self._origin = origin
        self.figures = figures
        self.seed = figures.seed
        self.digest = figures.digest
        self.metrics: dict[str, float] = {
            name: nan if reading.value is None else reading.value for name, reading in figures.metrics.items()
        }

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> float:
            metrics = self.__dict__.get("metrics", {})
            if name in metrics:
                return metrics[name]
            raise AttributeError(_no_metric(name, metrics) if metrics else name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self.metrics if name.isidentifier())]

    @property
    def plan(self) -> Plan:
        """What was run."""
        return self._origin.plan

    @property
    def at_least(self) -> dict[str, float]:
        """What had not been seen by the end of the run but would be at least this much, as a recovery (seconds)."""
        return {name: reading.bound for name, reading in self.figures.metrics.items() if reading.bound is not None}

    @property
    def document(self) -> dict[str, Any]:
        """The run as ``resim run --json`` has it: outcomes, breakers with their transitions, faults, effects …"""
        return self.figures.document

    @property
    def series(self) -> dict[str, list[float]]:
        """Figures over time as columns of equal length, ``t`` being the beginning of each bin in seconds.

        ``p99`` is NaN in a bin without outcomes.

        Raises:
            ValueError: the run was made without ``series=``.
        """
        found = self.figures.document.get("series")
        if found is None:
            raise ValueError('no figures over time were asked for; write run(series="1s")')
        return {
            name: [nan if value is None else value for value in column]
            for name, column in found.items()
            if isinstance(column, list)
        }

    @property
    def services(self) -> Figures:
        """A row for each service, the first one first, with what ``resim run --json`` says of it.

        Raises:
            ValueError: the scenario has one service.
        """
        found = self._of_several("services")
        return Figures([flat(each) for each in found], [each["name"] for each in found])

    @property
    def links(self) -> Figures:
        """A row for each link, that of ``client`` first: who calls whom, calls, attempts, outcomes of calls.

        Raises:
            ValueError: the scenario has one service.
        """
        found = self._of_several("links")
        rows = [flat({**each, "by_outcome": {}}) | flat(each["by_outcome"]) for each in found]
        return Figures(rows, [(each["from"], each["to"]) for each in found])

    def _of_several(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] | None = self.figures.document.get(name)
        if found is None:
            raise ValueError(f"{self.plan.name} has one service: its figures are those of the result")
        return found

    def events(self, *kinds: str, rid: int | None = None) -> Iterator[Event]:
        """The events of the run in order, all or only some kinds, or of one request; the run is simulated again."""
        from resilience_sim.api.events import events

        return events(self.plan, self.seed, kinds, rid)

    def save(self, path: str | Path) -> Path:
        """Record the run for ``resim replay`` and ``resim explain``; it is simulated again. Returns the path."""
        return self._origin.record(path, self.seed)

    def row(self) -> Row:
        """Seed and metrics, None where there is no data."""
        return {"seed": self.seed, **{name: reading.value for name, reading in self.figures.metrics.items()}}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {_text(name, self.metrics[name])}" for name in list(self.metrics)[:1])
        return f"<Result {self.plan.name}: seed {self.seed}, {shown}>"

    def _repr_html_(self) -> str:
        rows = [[name, _text(name, value)] for name, value in self.metrics.items() if not isnan(value)]
        return html_table(f"{self.plan.name}, seed {self.seed}", ["metric", "value"], rows)


class Results(Sequence[Result]):
    """Runs of one scenario with several seeds, in their order."""

    def __init__(self, origin: Origin, results: Sequence[Result]) -> None:
        self._origin = origin
        self._results = tuple(results)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Results: ...
    def __getitem__(self, index: int | slice) -> Result | Results:
        if isinstance(index, slice):
            return Results(self._origin, self._results[index])
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    @property
    def plan(self) -> Plan:
        """What was run."""
        return self._origin.plan

    @property
    def seeds(self) -> list[int]:
        """One for each run."""
        return [result.seed for result in self._results]

    def values(self, name: str) -> list[float]:
        """One metric, run by run; NaN where there is no data."""
        return [_value(result, name) for result in self._results]

    def summary(self) -> Summaries:
        """Every metric over the runs: mean with its 95 % interval, lowest, highest."""
        return Summaries(self.plan.name, len(self), summaries([result.figures for result in self._results]))

    @property
    def collapse_probability(self) -> Summary:
        """The share of runs that had collapsed by their end, with Wilson's 95 % interval."""
        return self.summary()["collapse_probability"]

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of the scenario's expectations about itself (those about variants: see compare)."""
        from resilience_sim.measure.expectations import evaluate

        need_everything(self)
        return evaluate(self.plan.expect, {AS_WRITTEN: [result.figures for result in self._results]})

    @property
    def passed(self) -> bool:
        """Whether every expectation is met; one that cannot be told from these runs is not. What the scenario ``shows``
        does not count: that it no longer happens may be the very aim.
        """
        return all(verdict.verdict == "pass" for verdict in self.verdicts if not verdict.shows)

    @overload
    def frame(self, library: None = None) -> list[Row]: ...
    @overload
    def frame(self, library: Literal["pandas", "polars"]) -> Any: ...
    def frame(self, library: str | None = None) -> Any:
        """A row for each run with its seed and metrics: a list of dicts, or a DataFrame of pandas or polars.

        Raises:
            ImportError: that library is not installed.
        """
        return frame([result.row() for result in self._results], library)

    def __repr__(self) -> str:
        if not self:
            return f"<Results {self.plan.name}: no run>"
        found = summaries([result.figures for result in self._results])
        name = next(iter(found))
        shown = f"{name} {_mean_text(name, found[name])}"
        return f"<Results {self.plan.name}: {_runs(len(self))}, seeds {self.seeds[0]} to {self.seeds[-1]}, {shown}>"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


class Summaries(Mapping[str, Summary]):
    """The summary of each metric by name: ``mean``, ``ci95``, ``low``, ``high``, ``missing``.

    ``mean`` and ``ci95`` are None when a run has no data: leaving it out would flatter. ``ci95`` needs two runs.
    """

    def __init__(self, title: str, runs: int, found: dict[str, Summary]) -> None:
        self.title = title
        self.runs = runs
        self._found = found

    def __getitem__(self, name: str) -> Summary:
        if name not in self._found:
            raise KeyError(_no_metric(name, self._found))
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def frame(self, library: None = None) -> list[Row]: ...
    @overload
    def frame(self, library: Literal["pandas", "polars"]) -> Any: ...
    def frame(self, library: str | None = None) -> Any:
        """A row for each metric."""
        rows: list[Row] = []
        for name, each in self._found.items():
            low, high = each.ci95 or (None, None)
            rows.append(
                {"metric": name, "mean": each.mean, "ci95_low": low, "ci95_high": high}
                | {"low": each.low, "high": each.high, "missing": each.missing}
            )
        return frame(rows, library)

    def _rows(self) -> list[list[str]]:
        return [
            [name, _mean_text(name, each), _text(name, each.low), _text(name, each.high)]
            for name, each in self._found.items()
            if each.low is not None
        ]

    def __repr__(self) -> str:
        return f"{self.title}, {_runs(self.runs)}\n{text_table(_HEAD, self._rows())}"

    def _repr_html_(self) -> str:
        return html_table(f"{self.title}, {_runs(self.runs)}", _HEAD, self._rows())


_HEAD = ("metric", "mean ± 95%", "lowest", "highest")


def check_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """The names, if all are metrics; ValueError with the nearest one otherwise."""
    for name in names:
        if metric(name) is None:
            raise ValueError(_no_metric(name, [each.name for each in METRICS]))
    return tuple(names)


def need_everything(results: Sequence[Result]) -> None:
    """ValueError when only some metrics were computed: expectations may be about any of them."""
    if any(result.figures.partial for result in results):
        raise ValueError("expectations need every metric; run without metrics=")


def _value(result: Result, name: str) -> float:
    if name not in result.metrics:
        raise KeyError(_no_metric(name, result.metrics))
    return result.metrics[name]


def _no_metric(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    if metric(name) is not None:
        return f"`{name}` was not computed; it belongs into metrics=, or leave that out"
    return f"there is no metric `{name}`" + (f"; {remedy}" if (remedy := did_you_mean(name, list(known))) else "")


def _text(name: str, value: float | None) -> str:
    from resilience_sim.kernel.format import in_unit

    known = metric(name)
    assert known is not None
    return in_unit(value, known.unit)


def _mean_text(name: str, summary: Summary) -> str:
    from resilience_sim.kernel.format import in_unit, points

    known = metric(name)
    assert known is not None
    if summary.mean is None:
        return f"none in {summary.missing}"
    shown = in_unit(summary.mean, known.unit)
    if summary.ci95 is None:
        return shown
    half = float(f"{(summary.ci95[1] - summary.ci95[0]) / 2:.2g}")
    return f"{shown} ± {points(half, signed=False) if known.unit == 'ratio' else in_unit(half, known.unit)}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
