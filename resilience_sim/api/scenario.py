"""Scenarios: load them, change them, run them. A scenario is immutable; every change returns a new one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from datetime import timedelta
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, overload

from resilience_sim.api.comparison import Comparison, known
from resilience_sim.api.results import Result, Results, check_metrics
from resilience_sim.api.settings import Value, changed, duration
from resilience_sim.runs.endings import as_in_a_command
from resilience_sim.settings.plan import AS_WRITTEN

if TYPE_CHECKING:
    from resilience_sim.api.experiments import Margins, Sweep, Tuning
    from resilience_sim.measure.result import RunResult
    from resilience_sim.policies.plugin import Policy
    from resilience_sim.runs.batch import Batch
    from resilience_sim.scenario.scenario import Scenario as Loaded
    from resilience_sim.settings.plan import Plan, Warned

_LARGEST_SEED = 2**63 - 1


class Scenario:
    """A scenario as :func:`load` and :func:`loads` return it: ``load("hard-outage").set("retry.attempts", 5)``."""

    def __init__(
        self, loaded: Loaded, policies: tuple[tuple[str, str, int | str], ...] = (), variant: str = AS_WRITTEN
    ) -> None:
        self._loaded = loaded
        self._policies = policies
        self._variant = variant
        plan = loaded.plan
        if variant != AS_WRITTEN:  # variants are resolved only when they are asked for
            plan = next(each.plan for each in loaded.variants if each.name == variant)
        self.plan: Plan = _with(plan, policies)

    @property
    def name(self) -> str:
        """As the file says, or the file's name."""
        return self.plan.name

    @property
    def about(self) -> str:
        """What it is about, in a sentence."""
        return self.plan.about

    @property
    def text(self) -> str:
        """The YAML that was loaded, without later settings."""
        return self._loaded.text

    @property
    def path(self) -> str:
        """Where it was loaded from."""
        return self._loaded.path

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What is odd about it without stopping a run."""
        return self._loaded.warnings

    @property
    def variants(self) -> dict[str, Scenario]:
        """The variants of its ``compare:`` section by name, without the scenario itself."""
        return {each.name: Scenario(self._loaded, self._policies, each.name) for each in self._loaded.variants}

    def set(self, path: str, value: Value) -> Scenario:
        """With one setting changed: ``scenario.set("retry.delay", "250ms")``.

        Paths and values are those of ``--set``; None takes a setting away, so that its default applies again.

        Raises:
            ScenarioError: the path names nothing, or the value is impossible.
        """
        return self.with_settings({path: value})

    def with_settings(self, settings: Mapping[str, Value]) -> Scenario:
        """With several settings changed at once, which have to fit together only then."""
        if self._variant != AS_WRITTEN:
            raise ValueError(f"`{self._variant}` is a variant of a file; change the scenario it belongs to")
        return Scenario(changed(self._loaded, settings), self._policies)

    def with_policy(self, policy: type[Policy], position: int | str = "outer") -> Scenario:
        """With a policy of your own in the stack: ``outer``, ``inner``, or its place counted from 0 at the outside.

        ``shop.stock``, ``shop.stock.inner`` and ``shop.stock.1`` are in the stack of the calls from shop to stock.

        The class has to stand at the top level of a module, where a worker process finds it, too.
        """
        if "." in policy.__qualname__:
            raise ValueError(f"`{policy.__qualname__}` is inside something; move it to the top level of a module")
        return Scenario(
            self._loaded, (*self._policies, (policy.__module__, policy.__qualname__, position)), self._variant
        )

    @overload
    def run(
        self, seed: int | None = None, *, series: str | timedelta | None = None, metrics: Iterable[str] | None = None
    ) -> Result: ...
    @overload
    def run(
        self,
        *,
        seeds: int | Iterable[int],
        series: str | timedelta | None = None,
        metrics: Iterable[str] | None = None,
        workers: int = 1,
    ) -> Results: ...
    @as_in_a_command
    def run(
        self,
        seed: int | None = None,
        *,
        seeds: int | Iterable[int] | None = None,
        series: str | timedelta | None = None,
        metrics: Iterable[str] | None = None,
        workers: int = 1,
    ) -> Result | Results:
        """Run it once, with the scenario's own seed or the one given, or with many ``seeds``.

        ``seeds``: how many, from the scenario's own on as ``resim run --runs`` takes them, or which. ``series``:
        figures over time in bins of that length. ``metrics``: compute only these, which is faster. ``workers``:
        processes that share the runs, 0: one for each core.
        """
        from resilience_sim.runs.batch import run_many
        from resilience_sim.runs.simulate import simulate as simulate_plan

        width = 0 if series is None else duration(series)
        names = None if metrics is None else check_metrics(list(metrics))
        if seeds is None:
            chosen = _seeds(self, [self.plan.seed if seed is None else seed])[0]
            return Result(self, simulate_plan(self.plan, chosen, series=width, metrics=names))
        if seed is not None:
            raise TypeError("give seed= or seeds=, not both")
        batch = run_many({"": self.plan}, _seeds(self, seeds), workers, series=width, metrics=names)
        return Results(self, [Result(self, run) for run in _answers(batch)[""]])

    def compare(
        self,
        variants: Mapping[str, Scenario | Mapping[str, Value]] | None = None,
        *,
        seeds: int | Iterable[int] = 20,
        baseline: str | None = None,
        metrics: Iterable[str] | None = None,
        workers: int = 1,
        cluster: str | None = None,
    ) -> Comparison:
        """Run this scenario ("as-written") and variants of it on the same seeds, and say what each is worth.

        ``variants`` by name: settings that change this scenario, or another scenario; without them those of its
        ``compare:`` section. ``baseline``: what the others are compared with; as the scenario says, or as written.
        ``cluster``: the address of a Dask scheduler whose workers do the runs; see docs/cluster.md.
        """
        own = variants is None
        chosen = {AS_WRITTEN: self} | {
            name: each if isinstance(each, Scenario) else self.with_settings(each)
            for name, each in (self.variants if variants is None else variants).items()
        }
        first = baseline or (self._loaded.baseline if own else AS_WRITTEN)
        return compare(chosen, seeds=seeds, baseline=first, metrics=metrics, workers=workers, cluster=cluster)

    @as_in_a_command
    def margins(
        self,
        *axes: str,
        over: Mapping[str, str] | None = None,
        until: str | Iterable[str] = (),
        seeds: int | Iterable[int] = 60,
        precision: float = 0.01,
        workers: int = 1,
        cluster: str | None = None,
    ) -> Margins:
        """How much more it stands: for every seed the value at which its run breaks, axis by axis.

        ``axes``: of ``load``, ``slower``, ``failing``, ``outage`` and ``capacity``, all of them by default; of several
        services ``slower:db`` turns one up. ``over``: settings as axes, ``{"retry.attempts": "1..10"}``; without
        ``axes`` only these. ``until``: what has to hold, written like an expectation. ``precision``: how finely, as a
        share of the value. ``cluster``: the address of
        a Dask scheduler whose workers do the runs, ``tcp://HOST:8786``. See docs/tuning.md and docs/cluster.md.

        Raises:
            ClusterError: nobody answers there, or nobody who does can be used.
            ValueError: an axis or a range that cannot be read.
            ScenarioError: an expectation, or an end of a range, that cannot be.
        """
        from resilience_sim.api.experiments import Margins, names_of, with_remedies
        from resilience_sim.experiments.axes import AXES, axis_problem
        from resilience_sim.experiments.cluster import crew_for
        from resilience_sim.experiments.margins import COARSEST, FINEST, Inquiry, find_margins
        from resilience_sim.experiments.specs import parse_range
        from resilience_sim.scenario.read.pieces import expectation_from

        for axis in axes:
            problem, instead = axis_problem(axis, self.plan)
            if problem:
                raise ValueError(f"{problem}: {', '.join(instead)}")
        if over:
            self._as_written("searched")
        if not FINEST <= precision <= COARSEST:
            raise ValueError(f"precision={precision}: from {FINEST} to {COARSEST}")
        with with_remedies():
            ranges = tuple((path, parse_range(path, text)) for path, text in (over or {}).items())
        inquiry = Inquiry(
            {self._variant: self._loaded if ranges else self._loaded.with_plan(self.plan)},
            tuple(_seeds(self, seeds)),
            axes or (() if ranges else tuple(AXES)),
            ranges,
            tuple(expectation_from(text, self.plan) for text in names_of(until)),
            precision,
        )
        with crew_for(cluster, workers, _warn) as crew:
            found = find_margins(inquiry, crew)
        if found.interrupted:
            raise KeyboardInterrupt
        return Margins(found)

    @as_in_a_command
    def sweep(
        self,
        over: Mapping[str, str],
        *metrics: str,
        seeds: int | Iterable[int] = 20,
        refine: tuple[str, float] | None = None,
        workers: int = 1,
    ) -> Sweep:
        """Figures at every combination of values, on the same luck: ``sweep({"retry.attempts": "1..6"}, "p99")``.

        ``over``: by path ``1..6``, ``50/s..120/s:8``, ``10ms..2s:6:log`` or ``5%,10%,none``. ``metrics``: availability
        unless named. ``refine``: a metric and a value; points are added where the one crosses the other.

        Raises:
            ValueError: a metric or values that cannot be read.
            ScenarioError: a combination of values that cannot be.
        """
        from resilience_sim.api.experiments import Sweep, with_remedies
        from resilience_sim.experiments.crew import local_crew
        from resilience_sim.experiments.specs import parse_values
        from resilience_sim.experiments.sweep import Grid
        from resilience_sim.experiments.sweep import sweep as measure

        names = tuple(check_metrics([*(metrics or ("availability",)), *([refine[0]] if refine else [])]))
        self._as_written("swept")
        if not over:
            raise ValueError("nothing to sweep over: name a setting and its values")
        with with_remedies():
            specs = tuple(parse_values(path, text) for path, text in over.items())
        found = measure(Grid(self._loaded, specs, names, tuple(_seeds(self, seeds)), refine), local_crew(workers))
        if found.interrupted:
            raise KeyboardInterrupt
        return Sweep(found, names)

    @as_in_a_command
    def tune(
        self,
        vary: Mapping[str, object] | None = None,
        *,
        minimize: str | Iterable[str] = (),
        maximize: str | Iterable[str] = (),
        subject_to: str | Iterable[str] = (),
        requests: int = 20_000_000,
        seed: int | None = None,
        study: str | PathLike[str] | None = None,
        workers: int = 1,
    ) -> Tuning:
        """Search for settings that are surely better, certified on fresh seeds; see docs/tuning.md.

        What is not given is taken from the scenario's ``tune:`` section, else from the stack. ``requests``: how many
        may be simulated. ``study``: a file that keeps what is measured, to go on with later.

        Raises:
            ValueError: a metric or values that cannot be read.
            ScenarioError: a constraint, or a value, that cannot be.
        """
        from resilience_sim.api.experiments import Tuning, names_of, with_remedies
        from resilience_sim.experiments.crew import local_crew
        from resilience_sim.experiments.questions import question
        from resilience_sim.experiments.study import Study
        from resilience_sim.experiments.tune import tune as search

        self._as_written("tuned")
        with with_remedies():
            asked = question(
                self._loaded,
                tuple((vary or {}).items()),
                check_metrics(names_of(minimize)),
                check_metrics(names_of(maximize)),
                names_of(subject_to),
                self.plan.seed if seed is None else seed,
                requests=requests,
            )
            with Study(None if study is None else fspath(study), asked.question()) as kept:
                found = search(asked, local_crew(workers), kept)
        if found.interrupted:
            raise KeyboardInterrupt
        return Tuning(found, [each.metric for each in asked.objectives])

    def _as_written(self, done: str) -> None:
        if self._policies or self._variant != AS_WRITTEN:
            raise ValueError(f"only a scenario as its file says, without policies of your own, can be {done}")

    def record(self, path: str | Path, seed: int | None = None) -> Path:
        """Run it once and record the run in a ``.resim`` file; returns the path.

        Raises:
            RecordingError: the file cannot be written.
            ValueError: the stack has a policy of your own, which a recording does not hold.
        """
        if self._policies:
            raise ValueError("a run with a policy of your own cannot be recorded: a recording holds no code")
        return self.record_plan(self.plan, path, self.plan.seed if seed is None else seed)

    @as_in_a_command
    def record_plan(self, plan: Plan, path: str | Path, seed: int) -> Path:
        """As :meth:`record`, of a plan that was made from this scenario."""
        from resilience_sim.runs.record import record
        from resilience_sim.runs.simulate import drain
        from resilience_sim.runs.simulation import Simulation

        chosen = _seeds(self, [seed])[0]
        with record(Simulation(plan, chosen), self._loaded, path, self._variant) as source:
            drain(source)
        return Path(path)

    def __repr__(self) -> str:
        stack = " > ".join(policy.id for policy in self.plan.stack) or "no policies"
        settings = "".join(f", {each}" for each in self._loaded.overrides)
        variant = "" if self._variant == AS_WRITTEN else f", variant {self._variant}"
        return f"<Scenario {self.name}{variant}: {stack}{settings}>"


def load(source: str | PathLike[str], settings: Mapping[str, Value] | None = None) -> Scenario:
    """Load a scenario: a path, the name of a shipped one, or ``-`` for standard input.

    Raises:
        ScenarioError: with every mistake that was found, where it is and what to do.
    """
    from resilience_sim.scenario.load import load as load_file

    found = Scenario(load_file(fspath(source)))
    return found.with_settings(settings) if settings else found


def loads(text: str, settings: Mapping[str, Value] | None = None) -> Scenario:
    """Load a scenario from YAML text; data files it names are looked for in the current folder.

    Raises:
        ScenarioError: with every mistake that was found.
    """
    from resilience_sim.scenario.load import load_text

    found = Scenario(load_text(text, "scenario"))
    return found.with_settings(settings) if settings else found


def simulate(
    scenario: Scenario,
    seed: int | None = None,
    *,
    series: str | timedelta | None = None,
    metrics: Iterable[str] | None = None,
) -> Result:
    """One run; see :meth:`Scenario.run`."""
    return scenario.run(seed, series=series, metrics=metrics)


def simulate_many(
    scenario: Scenario,
    seeds: int | Iterable[int],
    *,
    series: str | timedelta | None = None,
    metrics: Iterable[str] | None = None,
    workers: int = 1,
) -> Results:
    """Runs with many seeds; see :meth:`Scenario.run`."""
    return scenario.run(seeds=seeds, series=series, metrics=metrics, workers=workers)


@as_in_a_command
def compare(
    variants: Mapping[str, Scenario],
    *,
    seeds: int | Iterable[int] = 20,
    baseline: str | None = None,
    metrics: Iterable[str] | None = None,
    workers: int = 1,
    cluster: str | None = None,
) -> Comparison:
    """Run scenarios on the same seeds (those of the first) and compare them with ``baseline``, which is the first.

    ``cluster``: see :meth:`Scenario.compare`.
    """
    if not variants:
        raise ValueError("nothing to compare; give scenarios by name")
    from resilience_sim.runs.batch import run_many

    names = None if metrics is None else check_metrics(list(metrics))
    first = next(iter(variants))
    chosen = known(baseline or first, variants)
    plans = {name: each.plan for name, each in variants.items()}
    chosen_seeds = _seeds(variants[first], seeds)
    if cluster is None:
        batch = run_many(plans, chosen_seeds, workers, metrics=names)
    else:
        from resilience_sim.experiments.cluster import open_cluster

        with open_cluster(cluster, _warn) as elsewhere:
            batch = run_many(plans, chosen_seeds, metrics=names, elsewhere=elsewhere)
    runs = _answers(batch)
    found = {
        name: Results(scenario, [Result(scenario, run) for run in runs[name]]) for name, scenario in variants.items()
    }
    return Comparison(found, chosen)


def _warn(words: str) -> None:
    warnings.warn(words, RuntimeWarning, stacklevel=2)


def _answers(batch: Batch) -> dict[str, list[RunResult]]:
    """The results with seeds that every variant has; a warning names what was lost, RunFailed if that is all."""
    from resilience_sim.runs.batch import RunFailed

    if batch.interrupted:
        raise KeyboardInterrupt
    found = batch.paired()
    for lost in batch.lost:
        if not any(found.values()):
            raise RunFailed(lost.variant, lost.seed, lost.cause)
        where = f" of {lost.variant}" if lost.variant else ""
        warnings.warn(f"seed {lost.seed}{where} was lost: {lost.cause}", RuntimeWarning, stacklevel=4)
    return found


def _with(plan: Plan, policies: tuple[tuple[str, str, int | str], ...]) -> Plan:
    if not policies:
        return plan
    from resilience_sim.runs.plugins import with_policies

    return with_policies(plan, [f"{module}:{name}@{position}" for module, name, position in policies])


def _seeds(scenario: Scenario, seeds: int | Iterable[int]) -> list[int]:
    first = scenario.plan.seed
    if isinstance(seeds, int):
        if seeds < 1:
            raise ValueError(f"seeds={seeds}: at least one run is needed")
        return [(first + index) & _LARGEST_SEED for index in range(seeds)]
    found = [int(seed) for seed in seeds]
    for seed in found:
        if not 0 <= seed <= _LARGEST_SEED:
            raise ValueError(f"{seed} is no seed: seeds are whole numbers from 0 to 2**63 - 1")
    if not found:
        raise ValueError("no seeds: at least one run is needed")
    if len(set(found)) < len(found):
        raise ValueError("the same seed twice gives the same run twice; name each once")
    return found
