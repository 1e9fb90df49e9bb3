"""docs/events.md is made from the tables of kernel/events.py: it is current when it says what they say.

python tests/export/test_event_docs.py --write
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from resilience_sim.kernel import events as ev

FILE = Path(__file__).resolve().parents[2] / "docs" / "events.md"
UNITS = {"ns": "s", "ms": "s", "millionths": "share", "flag": "true/false", "state": "state", "outcome": "outcome"}
HEAD = """# Events

Everything resim shows is made from events. `resim export RUN --to jsonl` writes them, one JSON object a line, and
`Result.events()` yields them in Python ([python.md](python.md)). Each has its time `t` in virtual seconds, its `kind`,
the component that emitted it (`by`), the request `rid` (from 0, where it belongs to one), and the fields below. Times
and durations are in seconds. Attempts are counted from 1 within their request, whoever made them; tries from 1 within
their retry. Where services call each other, the number of an attempt has that of its call above its low 24 bits.

`--to otlp` writes requests as traces for OpenTelemetry (OTLP/JSON, one object a line, as collectors read it): a server
span of Service A for the request; for each attempt a client span of its caller, and below it a server span of the
service that received it; a span around the attempts of each call between services. Retries, rejections and changes of
breakers are its events. A resource is a service, ids are the same every time, virtual time begins with the year 2000.
`--to chrome-trace` has a process for each service. `--to sqlite` and `--to csv` have the tables `services` and `links`
by the second, and attempts with `caller`, `service`, and the call they belong to.

<!-- Made by tests/export/test_event_docs.py --write -->

| kind | emitted by | when | fields |
|---|---|---|---|
"""


def named(fields: Sequence[ev.Field]) -> str:
    """Fields with their units."""
    texts = []
    for field in fields:
        unit = UNITS.get(field.unit, "") or ", ".join(name for name in field.names if name)
        texts.append(f"`{field.name}`" + (f" ({unit})" if unit not in ("", field.name) else ""))
    return ", ".join(texts)


def page() -> str:
    """The whole page."""
    lines = [
        f"| `{ev.KIND_NAMES[kind]}` | {emitter} | {meaning} | {named(ev.PAYLOADS[kind])} |"
        for kind, (emitter, meaning) in ev.MEANINGS.items()
    ]
    more = [f"| `breaker`, why `{ev.WHY_NAMES[why]}` | {named(fields)} |" for why, fields in ev.PAIRS.items() if fields]
    more += [f"| `rejected`, `{ev.OUTCOME_NAMES[code]}` | {named([field])} |" for code, field in ev.REJECTIONS.items()]
    more.append(f"| `rejected`, any other outcome | {named([ev.WAITING])} |")
    table = "\n".join(lines)
    return f"{HEAD}{table}\n\nFurther fields:\n\n| of | fields |\n|---|---|\n" + "\n".join(more) + "\n"


def test_the_page_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == page()


def test_every_kind_and_reason_is_described() -> None:
    assert list(ev.MEANINGS) == list(ev.PAYLOADS) == list(range(1, len(ev.KIND_NAMES)))
    assert list(ev.PAIRS) == list(range(1, len(ev.WHY_NAMES)))


if __name__ == "__main__" and "--write" in sys.argv:
    FILE.write_text(page(), encoding="utf-8")
