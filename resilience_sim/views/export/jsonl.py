"""JSON Lines, one object per event: the format ``resim.events/1``.

The first line is a header: ``{"schema": "resim.events/1", "scenario", "seed", "resim", "components": [..]}``. Every
other line: ``{"t": seconds, "kind": "arrive", "by": "A", "rid": 0, ...}`` with the payload under names; ``rid`` is
left out where no request is meant, ``instance`` is there when the source belongs to a client instance. Keys may be
added within a version.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from resilience_sim.kernel.events import Event
from resilience_sim.kernel.text import escaped
from resilience_sim.views.export.base import About, Export
from resilience_sim.views.export.decode import kind_name, payload

if TYPE_CHECKING:
    pass


SCHEMA = "resim.events/1"


class JsonlExport(Export):
    """Writes events to ``stream`` as they come."""

    def sees_services(self) -> bool:
        return True

    def __init__(self, stream: TextIO, facts: About) -> None:
        super().__init__()
        self._stream = stream
        self._by: dict[int, dict[str, Any]] = {}
        for component in facts.components:
            speaker: dict[str, Any] = {"by": component.name}
            if component.instance >= 0:
                speaker["instance"] = component.instance
            self._by[component.id] = speaker
        self._encoder = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "))
        header = {
            "schema": SCHEMA,
            "scenario": facts.name,
            "seed": facts.seed,
            "resim": facts.version,
            "components": [asdict(component) for component in facts.components],
        }
        stream.write(self._encode(header) + "\n")

    def _encode(self, value: Any) -> str:
        return escaped(self._encoder.encode(value))

    def take(self, events: list[Event]) -> None:
        lines = []
        for t, kind, source, rid, a, b in events:
            line = {"t": t / 1_000_000_000, "kind": kind_name(kind), **self._by.get(source, {"by": str(source)})}
            if rid >= 0:
                line["rid"] = rid
            line.update(payload(kind, a, b))
            lines.append(self._encode(line))
        if lines:
            self._stream.write("\n".join(lines) + "\n")
