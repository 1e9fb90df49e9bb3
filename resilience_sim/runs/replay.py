"""A recording played back (:class:`Playback`, a Source like any simulation), and compared with a simulation of the same
scenario and seed (:func:`verify`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resilience_sim import __version__
from resilience_sim.kernel.events import Component, Event
from resilience_sim.kernel.sim import FOREVER, UNLIMITED
from resilience_sim.kernel.sink import Fold, Sink
from resilience_sim.measure.outer_events import seen_by
from resilience_sim.recording.decode import events_of
from resilience_sim.recording.layout import RecordingError
from resilience_sim.recording.reader import Recording
from resilience_sim.runs.action_schedule import plan_after
from resilience_sim.runs.actions import ActionError, from_detail
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.actions import Action
from resilience_sim.settings.own_code import with_own_code
from resilience_sim.settings.plan import AS_WRITTEN, Plan

_STRIDE = 4096  # engine steps between two looks at whether a difference was found


def scenario_of(recording: Recording) -> Scenario:
    """The scenario a recording was made from, loaded again from the text and data files inside the recording."""
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load_text

    meta = recording.meta
    try:
        found = load_text(meta.scenario_text, meta.scenario_path, meta.overrides, dict(meta.files))
        return found.with_plan(with_own_code(found.plan, meta.client)) if meta.client else found
    except ScenarioError as error:
        raise RecordingError(
            str(recording.path),
            f"the scenario in it is not valid for this version of resim ({__version__}): {error.diagnostics[0]}",
            f"use resim {meta.version}, which recorded it",
        ) from error


def plan_of(recording: Recording, scenario: Scenario) -> Plan:
    """The configuration that was recorded: the scenario as written, or the variant it names."""
    name, client = recording.meta.variant, recording.meta.client
    if name == AS_WRITTEN or (client and name == client):
        return with_own_code(scenario.plan, client) if client else scenario.plan
    for variant in scenario.variants:
        if variant.name == name:
            return with_own_code(variant.plan, client) if client else variant.plan
    raise RecordingError(
        str(recording.path), f"it is of variant {name}, which its scenario does not have", "record the run again"
    )


def actions_of(recording: Recording) -> list[Action] | None:
    """What was done to the recorded run, in order; None when nothing was. RecordingError when it cannot be read."""
    try:
        found = [from_detail(each.t, each.kind, each.detail["action"]) for each in recording.actions]
    except (ActionError, KeyError, TypeError) as error:
        cause = f"what was done to the run cannot be read: {error}"
        raise RecordingError(
            str(recording.path), cause, f"use resim {recording.meta.version}, which recorded it"
        ) from error
    return found or None


class Playback:
    """Yields the events of a recording as a simulation would; a Source. The recording stays open while it is used."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.scenario = scenario_of(recording)
        # Includes the faults and policies that were added while it ran, so that folds know them.
        self.plan_at_first = plan_of(recording, self.scenario)
        self.actions = actions_of(recording) or []
        self.plan = plan_after(self.plan_at_first, self.actions)
        self.seed = recording.meta.seed
        self.components: tuple[Component, ...] = recording.components
        self.now = 0
        self._folds: list[Fold] = []
        self._sink: Sink | None = None
        self._chunks = recording.iter_chunks()
        self._chunk: list[Event] = []
        self._next = 0

    @property
    def event_count(self) -> int:
        return 0 if self._sink is None else self._sink.count

    def attach(self, fold: Fold) -> None:
        """Let ``fold`` see every event. RuntimeError when playing has begun."""
        if self._sink is not None:
            raise RuntimeError("folds are attached before the first step")
        self._folds.append(seen_by(fold, self.plan, self.components))

    def run(self, until: int = FOREVER, budget: int = UNLIMITED) -> bool:
        """Yield events with ``t <= until``, at most ``budget`` of them. False when the recording is at its end."""
        sink = self._begin()
        while True:
            chunk = self._chunk
            first = self._next
            if first == len(chunk):
                _, columns = next(self._chunks, (0, None))
                if columns is None:
                    self.now = max(self.now, self.recording.end)
                    return False
                self._chunk, self._next = list(events_of(columns)), 0
                continue
            if budget <= 0:
                return True
            for event in chunk[first : first + budget]:
                if event[0] > until:
                    return True
                self._next += 1
                self.now = event[0]
                sink.emit(*event)
            budget -= self._next - first

    def seek(self, to: int) -> bool:
        """Forward to ``to``: everything before that instant is fed to the folds at once. False at the end.

        ValueError when ``to`` has passed: folds cannot unsee, so going back takes a new Playback with new folds.
        """
        if self.event_count and to <= self.now:
            raise ValueError(f"already at {self.now / 1e9} s: to go back, begin a new playback")
        return self.run(until=to - 1)

    def digest(self) -> str:
        """Hash over the events so far, the same as that of the run at this point."""
        return self._begin().digest()

    def _begin(self) -> Sink:
        if self._sink is None:
            self._sink = Sink(self._folds)
        return self._sink


@dataclass(frozen=True, slots=True)
class Difference:
    """The first event that is not the same: its number from 0, its instant, and both sides (None: no more events)."""

    index: int
    t: int
    recorded: Event | None
    simulated: Event | None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether simulating again gives what was recorded.

    ``expected`` and ``actual`` are digests, over all events recorded or simulated up to the end of the recording.
    ``cause`` says what probably made the difference, "" when there is none.
    """

    same: bool
    expected: str
    actual: str
    first_difference: Difference | None
    cause: str = ""


class _Comparer(Fold):
    """Compares every simulated event with the recorded one at its place."""

    def sees_services(self) -> bool:
        return True

    def __init__(self, recording: Recording) -> None:
        self._recorded = recording.iter_events()
        self._ends = not recording.finished  # then more events than recorded are no difference
        self._hash = Sink([])
        self.index = 0
        self.done = False
        self.first: Difference | None = None

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        simulated = (t, kind, source, rid, a, b)
        if self.done:
            if not self._ends:
                self._hash.emit(*simulated)
            return
        recorded = next(self._recorded, None)
        if recorded is None and self._ends:
            self.done = True
            return
        self._hash.emit(*simulated)
        if simulated != recorded:
            self.done = True
            self.first = Difference(self.index, t if recorded is None else min(t, recorded[0]), recorded, simulated)
        self.index += 1

    def finish(self) -> None:
        """The simulation is over: whatever is left in the recording is a difference."""
        if not self.done:
            recorded = next(self._recorded, None)
            if recorded is not None:
                self.first = Difference(self.index, recorded[0], recorded, None)

    def digest(self) -> str:
        return self._hash.digest()


def verify(recording: Recording, progress: Callable[[int], None] | None = None) -> Verification:
    """Simulate the recorded scenario with the recorded seed again and compare every event.

    ``progress`` is called with the virtual instant reached, now and then. A recording that did not finish is compared
    up to its end.
    """
    scenario = scenario_of(recording)
    plan = plan_of(recording, scenario)
    expected = recording.digest()
    simulation = Simulation(plan, recording.meta.seed, actions_of(recording))
    comparer = _Comparer(recording)
    simulation.attach(comparer)
    while simulation.run(budget=_STRIDE):
        if progress is not None:
            progress(simulation.now)
        if comparer.done and (comparer.first is None or not recording.finished):
            break
    comparer.finish()
    actual = comparer.digest()
    first = comparer.first
    same = first is None and expected == actual
    cause = "" if same else _cause(recording, scenario, simulation)
    return Verification(same, expected, actual, first, cause)


def _cause(recording: Recording, scenario: Scenario, simulation: Simulation) -> str:
    """The most likely reason for a difference."""
    meta = recording.meta
    if meta.version != __version__:
        return f"recorded by resim {meta.version}, simulated by resim {__version__}"
    if meta.scenario_digest != scenario.digest:
        return "the scenario text in the recording now reads as another scenario"
    if recording.components != simulation.components:
        return "the recording names other components than the scenario gives"
    return f"the same version ({__version__}) simulates it differently: another machine's arithmetic, or a bug in resim"
