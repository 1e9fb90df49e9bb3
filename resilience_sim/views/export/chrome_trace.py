"""Chrome's trace event format, which Perfetto (ui.perfetto.dev) and chrome://tracing open.

Virtual microseconds. Three processes: *Service A* with a span per request and per attempt (async ``b``/``e`` pairs,
named by outcome, so that failures stand in lanes of their own) and a track per breaker with its state; *Service B*
with a span per piece of work and counters; *Faults* with a track each. Of several services each is a process, with
the attempts and the breakers of the calls that it makes, too. Both ends of a span are written when it is complete;
readers sort.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from resilience_sim.kernel.events import (
    ACTION,
    ARRIVE,
    BEGIN,
    BREAKER,
    DONE,
    FAULT_ON,
    LEFT_QUEUE,
    QUEUED_AT_B,
    RECEIVED,
    RESULT,
    SENT,
    STATE_NAMES,
    SUCCESS,
    Event,
    attempt_of,
    call_of,
    new_state,
    outcome_of,
)
from resilience_sim.kernel.text import escaped
from resilience_sim.measure.tables import TABLES, Row, TablesFold
from resilience_sim.settings.calls import CLIENT_NAME
from resilience_sim.views.export.base import About, Export
from resilience_sim.views.export.decode import payload

if TYPE_CHECKING:
    pass


CLIENT, SERVICE, FAULTS = 1, 2, 3  # further services count on from there
COUNTER_NS = 100_000_000  # counters are written at most this often
_COLUMNS = {name: [column.split()[0] for column in columns] for name, columns in TABLES.items()}


class ChromeTraceExport(Export):
    """Writes a trace to ``stream`` as the run goes on; valid JSON after ``close``."""

    def __init__(self, stream: TextIO, facts: About) -> None:
        super().__init__()
        self._stream = stream
        self._tables = TablesFold(facts.components, facts.deadline_ns)
        self._encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
        self._changes = facts.changes
        self._end = 0
        self._breakers: dict[int, tuple[int, int, dict[str, Any]]] = {}  # since when, in which state, why
        self._due = COUNTER_NS
        services = list(dict.fromkeys(each.node for each in facts.components if each.kind == "service")) or ["B"]
        self._pids = {name: SERVICE if n == 0 else FAULTS + n for n, name in enumerate(services)}
        self._pids[CLIENT_NAME] = CLIENT
        self._queue = {each.id: f"queue at {each.node}" for each in facts.components if each.kind == "replica"}
        self._counts = {"requests in flight": 0, "attempts in flight": 0}
        self._counts |= dict.fromkeys((f"queue at {name}" for name in services), 0)
        self._counter_pids = {f"queue at {name}": self._pids[name] for name in services}
        self._answered = self._succeeded = 0
        self._last: dict[str, float] = {}
        other = self._encode({"scenario": facts.name, "seed": facts.seed, "resim": facts.version, "clock": "virtual"})
        stream.write('{"displayTimeUnit":"ms","otherData":' + other + ',"traceEvents":[\n')
        self._separator = ""
        named = [(pid, name) for name, pid in self._pids.items() if name != CLIENT_NAME]
        if len(named) == 1 and services == ["B"]:
            named = [(SERVICE, "Service B")]
        for pid, name in sorted([(CLIENT, "Service A"), *named, (FAULTS, "Faults")]):
            self._put("M", "process_name", 0, pid, args={"name": name})
            self._put("M", "process_sort_index", 0, pid, args={"sort_index": pid})
        copies = {CLIENT_NAME: sum(each.kind == "client" for each in facts.components)}
        for each in facts.components:
            if each.kind == "replica":
                copies[each.node] = copies.get(each.node, 0) + 1
        self._names: dict[int, str] = {}
        self._tracks: dict[int, int] = {}  # by breaker or fault: its process
        for component in facts.components:
            if component.kind in ("circuit_breaker", "fault"):
                caller = component.link.partition(">")[0] or CLIENT_NAME
                one = copies.get(caller, 1) == 1 or component.instance < 0
                name = component.name if one else f"{component.name}@{component.instance}"
                self._names[component.id] = name
                pid = FAULTS if component.kind == "fault" else self._pids[caller]
                self._tracks[component.id] = pid
                label = name if pid == FAULTS else f"breaker {name}"
                self._put("M", "thread_name", 0, pid, component.id + 1, args={"name": label})
            if component.kind == "circuit_breaker":
                self._breakers[component.id] = (0, 0, {})

    def _encode(self, value: Any) -> str:
        return escaped(self._encoder.encode(value))

    def sees_services(self) -> bool:
        return True

    def take(self, events: list[Event]) -> None:
        counts = self._counts
        for t, kind, source, _, a, b in events:
            if t >= self._due:
                self._write_counters()
                self._due = t - t % COUNTER_NS + COUNTER_NS
            if kind == SENT:
                counts["attempts in flight"] += not call_of(a)
            elif kind == RESULT:
                counts["attempts in flight"] -= not call_of(attempt_of(a))
            elif kind == RECEIVED:
                counts[self._queue.get(source, "queue at B")] += b == QUEUED_AT_B
            elif kind in (BEGIN, LEFT_QUEUE):
                counts[self._queue.get(source, "queue at B")] -= 1
            elif kind == ARRIVE:
                counts["requests in flight"] += 1
            elif kind == DONE:
                counts["requests in flight"] -= 1
                self._answered += 1
                self._succeeded += outcome_of(a) == SUCCESS
            elif kind == BREAKER:
                self._change(t, source, new_state(a), payload(kind, a, b))
            elif kind == FAULT_ON:
                self._put("X", self._names.get(source, str(source)), t, FAULTS, source + 1, dur=b - t, cat="fault")
            elif kind == ACTION:
                words = self._changes[a] if a < len(self._changes) else f"change {a + 1}"
                self._put("i", words, t, FAULTS, cat="change", args=payload(kind, a, b))
        if events:
            self._end = events[-1][0]
        self._tables.take(events)
        self._write_rows()

    def finish(self, end: int) -> None:
        """Close what is open and the JSON text."""
        self._end = max(self._end, end)
        self._due = self._end
        self._write_counters()
        self._tables.close()
        self._write_rows()
        for source in self._breakers:
            self._change(self._end, source, -1, {})
        self._stream.write("\n]}\n")

    def _change(self, t: int, source: int, state: int, why: dict[str, Any]) -> None:
        """The breaker leaves its state: that is the time to write the slice of it."""
        since, was, because = self._breakers.get(source, (0, 0, {}))
        pid = self._tracks.get(source, CLIENT)
        self._put("X", STATE_NAMES[was], since, pid, source + 1, dur=t - since, cat="breaker", args=because)
        self._breakers[source] = (t, state, why)

    def _write_rows(self) -> None:
        rows = self._tables.drain()
        for row in rows["requests"]:
            about_it = _named("requests", row)
            name = f"request {about_it['outcome']}"
            self._pair("request", name, CLIENT, f"r{row[0]}", about_it["arrived_s"], about_it["done_s"], about_it)
        for row in rows["attempts"]:
            about_it = _named("attempts", row)
            call = about_it["call"]
            ident = f"r{row[0]}.{call}.{row[1]}" if call else f"r{row[0]}.{row[1]}"
            name = f"attempt {about_it['outcome']}"
            caller, service = (self._pids.get(about_it[side], SERVICE) for side in ("caller", "service"))
            self._pair("attempt", name, caller, ident, about_it["sent_s"], about_it["answered_s"], about_it)
            began = about_it["began_s"]
            if began is not None:
                args = {"rid": row[0], "attempt": row[1], "replica": about_it["replica"]}
                args |= {"call": call, "for": about_it["caller"]} if call else {}
                name = "work abandoned" if about_it["abandoned"] else f"work {about_it['work_outcome'] or 'unfinished'}"
                self._pair("work", name, service, ident, began, about_it["ended_s"], args)

    def _pair(
        self, cat: str, name: str, pid: int, ident: str, start: float, end: float | None, args: dict[str, Any]
    ) -> None:
        """A span; without an end it lasts until the end of the run."""
        last = self._end if end is None else round(end * 1e9)
        args = {key: value for key, value in args.items() if value is not None}
        self._put("b", name, round(start * 1e9), pid, cat=cat, ident=ident, args=args)
        self._put("e", name, last, pid, cat=cat, ident=ident)

    def _write_counters(self) -> None:
        """As of the end of the interval that is over; only what has changed."""
        values: dict[str, float] = dict(self._counts)
        if self._answered:
            values["success %"] = round(100 * self._succeeded / self._answered, 2)
        self._answered = self._succeeded = 0
        for name, value in values.items():
            if self._last.get(name) != value:
                self._last[name] = value
                self._put("C", name, self._due, self._counter_pids.get(name, CLIENT), args={"value": value})

    def _put(
        self,
        phase: str,
        name: str,
        t: int,
        pid: int,
        tid: int = 0,
        *,
        dur: int = -1,
        cat: str = "",
        ident: str = "",
        args: dict[str, Any] | None = None,
    ) -> None:
        # Microseconds with all digits, which floats would lose after a hundred virtual days.
        text = f'{{"ph":"{phase}","name":{self._encode(name)},"pid":{pid},"tid":{tid},"ts":{t // 1000}.{t % 1000:03d}'
        if dur >= 0:
            text += f',"dur":{dur // 1000}.{dur % 1000:03d}'
        if cat:
            text += f',"cat":"{cat}"'
        if ident:
            text += f',"id":"{ident}"'
        if args:
            text += f',"args":{self._encode(args)}'
        self._stream.write(f"{self._separator}{text}}}")
        self._separator = ",\n"


def _named(table: str, row: Row) -> dict[str, Any]:
    return dict(zip(_COLUMNS[table], row, strict=True))
