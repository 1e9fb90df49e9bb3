"""What all exports of events share: facts about the run, and batching."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from resilience_sim import __version__
from resilience_sim.kernel.sink import Fold

if TYPE_CHECKING:
    from resilience_sim.kernel.events import Component, Event
    from resilience_sim.recording.layout import RecordingMeta
    from resilience_sim.runs.simulation import Source


BATCH = 1024


@runtime_checkable
class RecordedRun(Protocol):
    """What exports need of an open recording (recording/reader.py, not imported here: it costs sqlite3)."""

    meta: RecordingMeta
    components: tuple[Component, ...]

    @property
    def end(self) -> int:
        """Virtual instant up to which it is recorded."""

    def iter_events(self, from_t: int = 0) -> Iterator[Event]:
        """All events."""


@dataclass(frozen=True, slots=True)
class About:
    """Facts about a run that exports mention. ``deadline_ns`` 0: none. ``changes``: the words of each, if known."""

    name: str
    seed: int
    components: tuple[Component, ...]
    deadline_ns: int = 0
    version: str = __version__
    changes: tuple[str, ...] = ()


def about(run: RecordedRun | Source) -> About:
    """The facts about a recording or a source."""
    if isinstance(run, RecordedRun):
        meta = run.meta
        name = meta.scenario_name if meta.variant == "as-written" else f"{meta.scenario_name} ({meta.variant})"
        return About(name, meta.seed, run.components, meta.deadline_ns, meta.version, _recorded_changes(run))
    return About(run.plan.name, run.seed, run.components, run.plan.traffic.deadline, changes=_changes(run))


def _recorded_changes(run: RecordedRun) -> tuple[str, ...]:
    """What was changed while it was recorded; nothing where an older version recorded it in another form."""
    if "changes:" not in run.meta.scenario_text and not getattr(run, "actions", ()):
        return ()
    from resilience_sim.recording.layout import RecordingError
    from resilience_sim.recording.reader import Recording
    from resilience_sim.runs.actions import ActionError
    from resilience_sim.runs.replay import Playback

    try:
        return _changes(Playback(run)) if isinstance(run, Recording) else ()
    except (RecordingError, ActionError):
        return ()


def _changes(source: Source) -> tuple[str, ...]:
    """What is changed while it runs, as far as that is known before; a Playback knows what the user did, too."""
    plan = getattr(source, "plan_at_first", source.plan)
    actions = getattr(source, "actions", ())
    if not plan.actions and not actions:
        return ()
    from resilience_sim.views.actions_text import action_phrases

    return tuple(action_phrases(plan, actions))


class Export(Fold):
    """A fold that writes, many events at a time, which is faster. It is complete only after ``close``."""

    def __init__(self) -> None:
        self._batch: list[Event] = []

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self._batch.append((t, kind, source, rid, a, b))
        if len(self._batch) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Pass on what has gathered."""
        batch, self._batch = self._batch, []
        self.take(batch)

    def close(self, end: int) -> None:
        """No more events; the run stands at virtual instant ``end``."""
        self.flush()
        self.finish(end)

    def take(self, events: list[Event]) -> None:
        """Write some events."""
        raise NotImplementedError

    def finish(self, end: int) -> None:
        """Write what comes last."""

    def abandon(self) -> None:
        """Release what is open, instead of :meth:`close` or after it."""
