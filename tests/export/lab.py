"""Exports without a command line: a recording, or a source run to its end, written as one format."""

from __future__ import annotations

import io

from resilience_sim.views.export.base import RecordedRun, about
from resilience_sim.views.export.targets import begin, format_named


def write(name: str, run) -> str:
    """What the format writes; of one that writes several files, the first."""
    known = format_named(name)
    assert known is not None
    stream = io.StringIO()
    export = begin(known, {known.parts[0]: stream}, about(run))
    if isinstance(run, RecordedRun):
        for event in run.iter_events():
            export.on_event(*event)
        export.close(run.end)
    else:
        run.attach(export)
        run.run()
        export.close(run.now)
    return stream.getvalue()
