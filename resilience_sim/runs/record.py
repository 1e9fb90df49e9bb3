"""Recording a run while it goes on::

    with record(source, scenario, "r.resim") as source:
        while source.run(until=...):
            ...

The wrapped source is stepped in place of the original: that is how the recording knows whether the run came to its end
(``finished``), commits four times a second even when a slow live view yields few events, and is closed properly however
the run ends.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from resilience_sim import __version__
from resilience_sim.kernel.events import Component
from resilience_sim.kernel.sim import FOREVER, UNLIMITED
from resilience_sim.kernel.sink import Fold
from resilience_sim.recording.layout import RecordingError, RecordingMeta, component_row
from resilience_sim.recording.writer import RecordingWriter
from resilience_sim.runs.actions import ActionError, kind_of, new_components, plan_with, to_detail
from resilience_sim.runs.simulation import Simulation, Source
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.actions import Action
from resilience_sim.settings.own_code import own_code_of
from resilience_sim.settings.plan import Plan


class Recorded:
    """A source whose events go into a recording as well; use as a context manager."""

    def __init__(self, source: Source, writer: RecordingWriter) -> None:
        self.source = source
        self._over = False
        self.writer = writer
        source.attach(writer.encoder)

    @property
    def plan(self) -> Plan:
        return self.source.plan

    @property
    def seed(self) -> int:
        return self.source.seed

    @property
    def components(self) -> tuple[Component, ...]:
        return self.source.components

    @property
    def now(self) -> int:
        return self.source.now

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about the user's own code, when the run is over."""
        return tuple(getattr(self.source, "notes", ()))

    def attach(self, fold: Fold) -> None:
        """Let ``fold`` see every event; only before the first step."""
        self.source.attach(fold)

    def run(self, until: int = FOREVER, budget: int = UNLIMITED) -> bool:
        """As the source's; RecordingError when the recording cannot be written any more."""
        goes_on = self.source.run(until, budget)
        self._over = not goes_on
        self.breathe()
        return goes_on

    def breathe(self) -> None:
        """Commit what is new, if it is time to."""
        self.writer.breathe()

    def act(self, action: Action) -> None:
        """Act on the run, a :class:`Simulation`, and record the action. ActionError: nothing happened."""
        source = self.source
        if not isinstance(source, Simulation):
            raise ActionError("only a simulation can be acted upon")
        if not source.run(action.t - 1):
            raise ActionError("the run is over")
        joined = new_components(source.plan_in_force, source.components, action)
        plan_with(source.plan_in_force, [action])  # what is impossible must not get into the recording
        detail = {"action": to_detail(action), "components": [component_row(each) for each in joined]}
        self.writer.action(action.t, kind_of(action), detail)
        source.act(action)

    def digest(self) -> str:
        return self.source.digest()

    def __enter__(self) -> Recorded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep everything until here, also after Ctrl-C; ``finished`` only if the run said that it is over."""
        if isinstance(error, RecordingError):
            self.writer.abandon()
        elif self._over:
            self.writer.close(True, self.source.digest(), self.source.now)
        else:
            self.writer.close(False, "", self.source.now)


def record(
    source: Source, scenario: Scenario, path: str | Path, variant: str = "as-written", force: bool = False
) -> Recorded:
    """Begin a recording of ``source``, which has not made a step yet. RecordingError when that is impossible.

    ``scenario`` is where ``source.plan`` comes from; ``variant`` names which of its configurations that is.
    ``force``: also in place of a file that is no recording.
    """
    return Recorded(source, RecordingWriter(path, describe(source, scenario, variant), source.components, force=force))


def describe(source: Source, scenario: Scenario, variant: str = "as-written") -> RecordingMeta:
    """What a recording says about a run beside its events."""
    code = own_code_of(source.plan)
    return RecordingMeta(
        seed=source.seed,
        scenario_text=scenario.text,
        scenario_path=scenario.path,
        scenario_name=source.plan.name,
        scenario_digest=scenario.digest,
        variant=variant,
        overrides=scenario.overrides,
        files=scenario.files,
        deadline_ns=source.plan.traffic.deadline,
        version=__version__,
        client=code.target if code is not None else "",
    )
