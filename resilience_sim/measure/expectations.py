"""Expectations to verdicts, for one run and for several.

One run: its value decides. Several runs:

* ``==`` and ``!=``, and a count against zero (``duplicates <= 0``), are promises about every run: one run that breaks
  it fails.
* Otherwise it is about the mean, and the whole 95 % interval of the mean has to agree: all of it holds, pass; none of
  it, fail; the limit lies within, inconclusive.
* ``collapse_probability`` is judged by Wilson's interval of the share of collapsed runs; one run proves nothing.
* A metric without data in any of the runs is inconclusive, never a pass. Something not yet seen that has already taken
  longer than the limit allows (a recovery) fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from resilience_sim.measure.result import NO_READING, Reading, RunResult
from resilience_sim.measure.statistics import COLLAPSE, interval, mean
from resilience_sim.settings import codes
from resilience_sim.settings.metrics import OF_SUCCESSES, least_values, metric, percentile_of
from resilience_sim.settings.plan import Expectation, Warned

PASS: Final = "pass"
FAIL: Final = "fail"
INCONCLUSIVE: Final = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one expectation.

    ``value`` and ``limit`` are in base units; the value is the mean over the runs, None without data. ``scope`` is as
    the scenario wrote it (empty: the whole run), ``metric`` and ``op`` repeat the expectation, for formatting.
    ``reason`` says why when the verdict is not plain from the value; ``because`` is the author's own reason.
    ``first_broken``: seed of the first run that alone breaks it, None when none does. ``first_violated``: where it
    fails, the first instant (s) at which it was violated, of several runs by ``first_broken``, where there is one.
    ``shows``: it is about the accident that the scenario shows, so ``pass`` means as announced and ``fail`` no longer
    so. ``decides``: the exit code is 1 when it fails; what a scenario shows is promised of the unchanged scenario only.
    ``several``: it is about several runs.
    """

    that: str
    scope: str
    value: float | None
    limit: float
    verdict: str
    metric: str
    op: str
    ci95: tuple[float, float] | None = None
    because: str = ""
    reason: str = ""
    first_broken: int | None = None
    first_violated: float | None = None
    shows: bool = False
    decides: bool = True
    several: bool = False


def evaluate(
    expectations: Sequence[Expectation],
    results: Mapping[str, Sequence[RunResult]],
    running: str = "as-written",
    unchanged: bool = True,
    violated: Mapping[Expectation, int] | None = None,
) -> list[Verdict]:
    """Judge every expectation, in order.

    ``results``: runs by variant name. ``running``: the variant that expectations without ``variant NAME`` are about.
    Expectations about variants that did not run are left out. ``unchanged``: this is the scenario as its file has it.
    ``violated``: instants of first violations (ns) in the one run there is.
    """
    verdicts = []
    for expectation in expectations:
        runs = results.get(expectation.scope.variant or running)
        if runs:
            verdict = judge(expectation, runs)
            decides = not expectation.shows or (unchanged and not expectation.scope.variant)
            at = (violated or {}).get(expectation) if verdict.verdict == FAIL and len(runs) == 1 else None
            first = None if at is None or expectation.scope.variant else at / 1e9
            verdicts.append(replace(verdict, decides=decides, first_violated=first))
    return verdicts


def judge(expectation: Expectation, runs: Sequence[RunResult]) -> Verdict:
    """One expectation over all runs of the variant that it is about."""
    scopes = [run.at(expectation.scope) for run in runs]
    readings = [scope.get(expectation.metric, NO_READING) for scope in scopes]
    values = [reading.value for reading in readings if reading.value is not None]
    complete = len(values) == len(readings)
    ci95 = interval(expectation.metric, values) if complete else None
    verdict, reason = _verdict(expectation, readings, values, ci95)
    reason = reason or (too_few(expectation.metric, scopes) if complete else "")
    broken = [run.seed for run, reading in zip(runs, readings, strict=True) if _breaks(expectation, reading)]
    return Verdict(
        that=expectation.text,
        scope=expectation.scope.label,
        value=mean(values) if complete and values else None,
        limit=expectation.limit,
        verdict=verdict,
        metric=expectation.metric,
        op=expectation.op,
        ci95=ci95,
        because=expectation.because,
        reason=reason,
        first_broken=broken[0] if broken and expectation.metric != COLLAPSE else None,
        shows=expectation.shows,
        several=len(runs) > 1,
    )


def holds(op: str, value: float, limit: float) -> bool:
    """``value op limit``."""
    if op == "<":
        return value < limit
    if op == "<=":
        return value <= limit
    if op == ">":
        return value > limit
    if op == ">=":
        return value >= limit
    return (value == limit) == (op == "==")


def _verdict(
    expectation: Expectation, readings: Sequence[Reading], values: Sequence[float], ci95: tuple[float, float] | None
) -> tuple[str, str]:
    op, limit, name = expectation.op, expectation.limit, expectation.metric
    runs = len(readings)
    if name == COLLAPSE and runs < 2:
        return INCONCLUSIVE, "needs several runs (--runs)"
    beyond = [reading for reading in readings if reading.value is None and _breaks(expectation, reading)]
    if beyond:
        longest = max(reading.bound or 0.0 for reading in beyond)
        return FAIL, f"not seen within {longest:.6g} s{_of_runs(len(beyond), runs)}"
    if _every_run(expectation):
        broken = sum(_breaks(expectation, reading) for reading in readings)
        if broken:
            return FAIL, "" if runs == 1 else f"broken in {broken} of {runs} runs"
    if len(values) < runs:
        return INCONCLUSIVE, f"no data{_of_runs(runs - len(values), runs)}"
    if _every_run(expectation):
        return PASS, ""
    if ci95 is None:
        return (PASS if holds(op, values[0], limit) else FAIL), ""
    return _by_interval(op, limit, ci95)


def _by_interval(op: str, limit: float, ci95: tuple[float, float]) -> tuple[str, str]:
    low, high = ci95
    if op in ("==", "!="):
        met = low == limit == high
        apart = not low <= limit <= high
        yes, no = (met, apart) if op == "==" else (apart, met)
    else:
        yes = holds(op, low, limit) and holds(op, high, limit)
        no = not holds(op, low, limit) and not holds(op, high, limit)
    if yes:
        return PASS, ""
    return (FAIL, "") if no else (INCONCLUSIVE, "the limit lies within the 95% interval: more runs would tell")


def _every_run(expectation: Expectation) -> bool:
    if expectation.metric == COLLAPSE:
        return False
    known = metric(expectation.metric)
    counts = known is not None and known.unit == "count"
    return expectation.op in ("==", "!=") or (counts and expectation.limit == 0)


def _breaks(expectation: Expectation, reading: Reading) -> bool:
    """Whether this run alone is against it; with a bound only: whatever the value will be, it is at least that."""
    if reading.value is not None:
        return not holds(expectation.op, reading.value, expectation.limit)
    if reading.bound is None:
        return False
    if expectation.op == "==":
        return reading.bound > expectation.limit
    return expectation.op in ("<", "<=") and not holds(expectation.op, reading.bound, expectation.limit)


def broken_by(expectation: Expectation, run: RunResult) -> bool:
    """Whether this run alone breaks it. Without data it does not."""
    scope = expectation.scope
    readings = run.at(scope)
    return _breaks(expectation, readings.get(expectation.metric, NO_READING))


def has_data(expectation: Expectation, run: RunResult) -> bool:
    """Whether this run says anything about it."""
    reading = run.at(expectation.scope).get(expectation.metric, NO_READING)
    return reading.value is not None or reading.bound is not None


def _of_runs(some: int, runs: int) -> str:
    return "" if runs == 1 else f" in {some} of {runs} runs"


def too_few(name: str, scopes: Sequence[Mapping[str, Reading]]) -> str:
    """What is to be said of a percentile of so few values that it is the highest of them; else empty."""
    percent = percentile_of(name)
    if percent is None:
        return ""
    good = name.endswith(OF_SUCCESSES)
    counted = ("succeeded", "late") if good else ("succeeded", "late", "failed")
    fewest = min(sum(int(scope.get(each, NO_READING).value or 0) for each in counted) for scope in scopes)
    if not 0 < fewest < least_values(percent):
        return ""
    return f"of {fewest} {'successes' if good else 'requests'} it is the highest"


def few_values(runs: Sequence[RunResult]) -> list[Warned]:
    """A warning for the percentiles of whole runs that have too few values."""
    found: list[Warned] = []
    for suffix, whose in (("", "requests"), (OF_SUCCESSES, "successes")):
        names = [
            name for name in ("p90", "p95", "p99") if runs and too_few(name + suffix, [run.metrics for run in runs])
        ]
        if names:
            message = f"{' and '.join(names)} of the {whose}: of so few values it is the highest"
            found.append(Warned(codes.FEW_VALUES, message))
    return found
