"""Recordings: real ones damaged, and forged ones, with fingerprints that fit and contents that no run can have had."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import execute
from resilience_sim.kernel.events import Event
from resilience_sim.recording import layout
from resilience_sim.recording.encode import CHUNK, encode
from resilience_sim.recording.layout import State
from resilience_sim.recording.reader import open_recording
from resilience_sim.runs.record import record
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load, load_text
from resilience_sim.settings.actions import Inject, Remove, Trip
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.views.export.csv_tables import NAMES

from .case import Case, Step
from .dice import Dice
from .scenarios import DATA, from_tables

OLD = Path(__file__).resolve().parents[1] / "recording" / "old"
HUGE = (0, 1, -1, 2, 255, 256, 65_535, 1 << 24, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 40, (1 << 53) + 1, 10**18,
        1 << 60, 1 << 61, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, -(1 << 31), -(1 << 62), -(1 << 63))  # fmt: skip
DEEP = "[" * 50_000
TEXTS = ("", "x", "\x1b]0;PWN\x07", "\u202e\u2028\x9b31m", "circuit_breaker", "retry", "client", "replica", "service",
         "a\nb\rc", "=cmd|' /C calc'!A0", "\ud7ff🦆" * 300, "x" * 100_000, "../../x", "<script>", "|a|b|",
         "null")  # fmt: skip


@cache
def bases() -> tuple[bytes, ...]:
    """Recordings of several kinds of run, made now, and those of older versions."""
    found = [gzip.decompress(path.read_bytes()) for path in sorted(OLD.iterdir())]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.resim")
        for name, options in (
            ("first-look", ["--set", "traffic.requests=60"]),
            ("library-breakers", ["--set", "traffic.requests=80"]),
            ("double-charge", ["--set", "traffic.requests=50", "--seed", "5"]),
            ("retry-storm", ["--set", "traffic.requests=900", "--set", "client.instances=3"]),
        ):
            err = io.StringIO()
            code = execute(
                ["run", name, "-q", "--save", str(path), *options],
                Environment(io.StringIO(), io.StringIO(), err),
            )
            assert code in (0, 1, 4), err.getvalue()
            found.append(path.read_bytes())
            path.unlink()
        found.append(_played(path))
        path.unlink()
        found.append(_interrupted(path))
    return tuple(found)


def _played(path: Path) -> bytes:
    """A run in which somebody did things."""
    scenario = load("first-look", ["traffic.requests=60"])
    breaker = [policy.id for policy in scenario.plan.stack if policy.kind == "circuit_breaker"]
    fault = FaultConfig("outage", "mine", 10**9, 10**9, how="hang", written=("outage", {"how": "hang"}))
    with record(Simulation(scenario.plan, 1, []), scenario, path, "as-written") as recorded:
        recorded.act(Inject(10**9, fault))
        for each in breaker:
            recorded.act(Trip(15 * 10**8, each))
        recorded.act(Remove(2 * 10**9, scenario.plan.stack[0].id))
        while recorded.run(budget=1000):
            pass
    return path.read_bytes()


def _interrupted(path: Path) -> bytes:
    """A run that did not come to its end."""
    scenario = load_text("resim: 1\ntraffic: {rate: 100/s, requests: 100}\nservice: {latency: 50ms}\n", "cut.yaml")
    with record(Simulation(scenario.plan, 1), scenario, path, "as-written") as recorded:
        recorded.run(until=10**9 // 2)
    return path.read_bytes()


class Parts:
    """What a recording says, to be changed and put together again."""

    def __init__(self, content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "r.resim")
            path.write_bytes(content)
            with open_recording(path) as recording:
                self.events: list[Event] = list(recording.iter_events())
                self.pairs: list[tuple[Any, Any]] = list(recording.meta.pairs())
                self.files: list[tuple[Any, Any]] = sorted(recording.meta.files)
                self.state = recording.state
                joined = {row[0] for each in recording.actions for row in each.detail.get("components", ())}
                self.components: list[list[Any]] = [
                    list(layout.component_row(each)) for each in recording.components if each.id not in joined
                ]
                self.actions: list[tuple[Any, ...]] = [
                    (number, each.after_event, each.t, each.kind, json.dumps(each.detail))
                    for number, each in enumerate(recording.actions)
                ]
        self.end, self.digest, self.finished = self.state.end_ns, self.state.digest, self.state.finished
        self.cut = CHUNK

    def put_together(self, extra: tuple[str, ...] = ()) -> bytes:
        """A recording with fingerprints that fit; ``extra``: statements at the end. Empty if SQLite refuses."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "r.resim")
            with closing(sqlite3.connect(path)) as db:
                try:
                    self._write(db)
                    db.commit()
                    for statement in extra:
                        db.execute(statement)
                    db.commit()
                except (sqlite3.Error, OverflowError, ValueError, TypeError, RecursionError, KeyError):
                    return b""
            return path.read_bytes()

    def _write(self, db: sqlite3.Connection) -> None:
        db.execute(f"PRAGMA application_id = {layout.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {layout.FORMAT}")
        for statement in layout.SCHEMA:
            db.execute(statement)
        db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", self.pairs)
        db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", self.files)
        db.executemany("INSERT OR REPLACE INTO components VALUES (?, ?, ?, ?, ?, ?)", self.components)
        pairs = db.execute("SELECT key, value FROM meta ORDER BY key").fetchall()
        files = db.execute("SELECT name, content FROM files ORDER BY name").fetchall()
        rows = db.execute("SELECT id, kind, name, instance, number, node FROM components ORDER BY id").fetchall()
        head = chain = layout.head_of(pairs, files, rows)
        count = chunks = 0
        for number, at in enumerate(range(0, len(self.events), self.cut)):
            part = self.events[at : at + self.cut]
            first, last, data = part[0][0], part[-1][0], encode(part)
            chain = layout.chain_chunk(chain, number, len(part), first, last, data)
            db.execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)", (number, len(part), first, last, data, chain))
            count, chunks = count + len(part), number + 1
        action_chain = head
        for row in self.actions:
            action_chain = layout.fingerprint(action_chain, *row)
            db.execute("INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?)", (*row, action_chain))
        state = State(self.finished, count, chunks, len(self.actions), self.end, self.digest, head, chain, action_chain)
        db.execute("INSERT INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", state.row())


def _events(dice: Dice, parts: Parts) -> None:
    events = [list(each) for each in parts.events]
    kind = dice.luck.randrange(9)
    field = dice.luck.randrange(6)
    if kind == 0:
        value = dice.one(HUGE)
        for each in events:
            each[field] = value
    elif kind <= 3:
        for each in dice.some(events, 5):
            each[field] = dice.one(HUGE)
    elif kind == 4:
        shift = dice.one(HUGE)
        for each in events:
            each[field] += shift
    elif kind == 5:
        one, other = dice.luck.sample(range(6), 2)
        for each in events:
            each[one], each[other] = each[other], each[one]
    elif kind == 6:
        dice.luck.shuffle(events)
        if dice.chance(0.7):
            events.sort(key=lambda each: each[0])
    elif kind == 7:
        gone = {each[1] for each in dice.some(events, 3)}
        events = [each for each in events if (each[1] in gone) is dice.chance(0.02)]
    else:
        at = dice.luck.randrange(len(events)) if events else 0
        events[at:at] = [[events[at][0] if events else 0, dice.luck.randrange(80), *(dice.one(HUGE) for _ in range(4))]]
        if dice.chance(0.5) and events:
            events[at] = [events[at][0], dice.luck.randrange(40), *events[-1][2:]]
    if dice.chance(0.5):
        known = {row[0] for row in parts.components}
        for each in events:
            each[0] = max(0, min(each[0], (1 << 62) - 1))
            each[2] = each[2] if each[2] in known else next(iter(known), 0)
            each[3] = max(-1, min(each[3], 20))
        events.sort(key=lambda each: each[0])
    parts.events = [tuple(each) for each in events]  # type: ignore[misc]
    if dice.chance(0.5):
        parts.end = events[-1][0] if events else 0


def _components(dice: Dice, parts: Parts) -> None:
    for row in dice.some(parts.components, 4):
        column = dice.luck.randrange(6)
        row[column] = dice.one(TEXTS) if column in (1, 2, 5) else dice.one(HUGE)
    kind = dice.luck.randrange(4)
    if kind == 0:
        parts.components = []
    elif kind == 1:
        parts.components = dice.some(parts.components, len(parts.components))
    elif kind == 2:
        parts.components += [
            [10**6 + n, dice.one(TEXTS), dice.one(TEXTS), n, n, "B"] for n in range(dice.one([1, 3000]))
        ]


def _meta(dice: Dice, parts: Parts) -> None:
    values = dict(parts.pairs)
    for key in dice.some([*values, "format", "more"], 2):
        values[key] = dice.one([*TEXTS, *map(str, HUGE), DEEP, "9" * 5000, '["a=b"]', "[1, null]", "{}", "nan",
                                b"\xff\0", None, 5, 1.5])  # fmt: skip
    if dice.chance(0.5):
        values["scenario_text"] = dice.one(
            [from_tables(dice), dice.mutated(str(values["scenario_text"])), DEEP, "{" * 9000]
        )
    if dice.chance(0.2):
        values["overrides"] = json.dumps([f"{dice.one(['retry.attempts', 'x', 'stack'])}={dice.one(TEXTS[:9])}"])
    if dice.chance(0.2):
        values["variant"] = dice.one([each for each in TEXTS if len(each) < 99])
    parts.pairs = list(values.items())
    if dice.chance(0.3):
        parts.files = [(dice.one(TEXTS[:6]), dice.one([*TEXTS, "1\n2\n", b"\xff"])), ("t.csv", "1\n2\n")]


def _action(dice: Dice) -> dict[str, Any]:
    written = {"how": dice.one(["hang", "x", 5])}
    fault = {"kind": dice.one(["outage", "spike", "x", 5]), "id": dice.one(TEXTS), "at": dice.one(HUGE),
             "duration": dice.one(HUGE), "how": "hang", "written": ["outage", written]}  # fmt: skip
    policy = {"type": dice.one(["RetryConfig", "BreakerConfig", "int", "PluginConfig"]), "id": dice.one(TEXTS[:6]),
              "attempts": dice.one(HUGE), "delay": dice.one(HUGE)}  # fmt: skip
    rows = [[dice.one(HUGE), dice.one(TEXTS), dice.one(TEXTS), -1, 0, "B"]]
    return dice.one(
        [
            {"action": {"fault": fault}, "components": rows}, {"action": {"policy": policy}}, {"action": {}}, {},
            {"action": {"policy": dice.one(TEXTS)}}, {"action": 5}, {"action": {"order": [1, None]}},
            {"components": 5, "action": {}}, {"components": [[1]], "action": {}}, {"components": [5]},
            {"action": {"fault": dice.one(TEXTS)}},
        ]
    )  # fmt: skip


def _actions(dice: Dice, parts: Parts) -> None:
    kinds = ("inject", "lift", "trip", "reset", "change", "add", "remove", "reorder", "x", "")
    rows = [list(each) for each in parts.actions]
    for row in dice.some(rows, 2):
        column = dice.luck.randrange(1, 5)
        if column == 4 and dice.chance(0.6):
            detail = json.loads(row[4])
            spots: list[tuple[Any, Any]] = []

            def walk(node: Any) -> None:
                for key, each in list(node.items() if isinstance(node, dict) else enumerate(node)):
                    spots.append((node, key))  # noqa: B023
                    if isinstance(each, dict | list):
                        walk(each)

            walk(detail)
            holder, key = dice.one(spots)
            if dice.chance(0.3):
                del holder[key]
            else:
                holder[key] = dice.one([*HUGE, *TEXTS, None, True, 1.5, float("inf"), [], {}, [[]], "5s"])
            row[4] = json.dumps(detail)
        else:
            row[column] = {3: dice.one(kinds), 4: dice.one([DEEP, "5", "[]", "null", "", '"x"', '{"a":' * 5000])}.get(
                column, dice.one(HUGE)
            )
    for _ in range(dice.luck.choice((0, 1, 2))):
        rows.append([0, dice.one(HUGE), dice.one(HUGE), dice.one(kinds), json.dumps(_action(dice))])
    parts.actions = [(number, *row[1:]) for number, row in enumerate(rows)]


def _state(dice: Dice, parts: Parts) -> None:
    parts.end = dice.one([*HUGE, parts.end])
    parts.digest = dice.one(["", parts.digest, *TEXTS, "0" * 16])
    parts.finished = dice.chance(0.5)
    parts.cut = dice.one([CHUNK, 1, 7, 100])


STATEMENTS = (
    "ALTER TABLE T RENAME TO gone",
    "DROP TABLE T",
    "CREATE TRIGGER boo AFTER INSERT ON T BEGIN DELETE FROM chunks; END",
    "CREATE TABLE sqlite_stat9(a)",
    "CREATE INDEX i ON T(1)",
    "DELETE FROM T",
    "INSERT INTO T SELECT * FROM T",
    "ALTER TABLE T ADD COLUMN more TEXT DEFAULT (randomblob(100))",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = 2",
    "PRAGMA user_version = 99",
    "PRAGMA application_id = 1",
    "UPDATE meta SET value = CAST(value AS BLOB)",
    "UPDATE meta SET value = x'ff00' WHERE key = 'scenario_name'",
    "UPDATE chunks SET data = zeroblob(100000)",
    "UPDATE chunks SET data = 'text'",
    "UPDATE chunks SET events = 'x'",
    "UPDATE chunks SET events = 9223372036854775807",
    "UPDATE chunks SET first_t_ns = -1",
    "UPDATE components SET id = id + 1000000",
    "UPDATE components SET name = x'ff'",
    "UPDATE state SET digest = NULL",
    "UPDATE state SET events = 1e300",
    "UPDATE OR IGNORE state SET end_ns = -1",
    "UPDATE OR REPLACE actions SET detail = '[[['",
    "INSERT INTO actions VALUES (0, 0, 0, 'set', '{}', '')",
    "PRAGMA writable_schema = ON",
    "UPDATE sqlite_master SET sql = 'CREATE VIEW T AS SELECT 1' WHERE name = 'T'",
)
VIEW = (
    "ALTER TABLE T RENAME TO gone",
    "CREATE VIEW T AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n AS key, n AS value, "
    "n AS name, n AS content, n AS id, n AS chunk, n AS one, n AS action FROM c",
)


def _schema(dice: Dice, parts: Parts) -> bytes:
    table = dice.one(["meta", "files", "components", "chunks", "actions", "state"])
    found = VIEW if dice.chance(0.15) else dice.some(STATEMENTS, 2)
    if any("sqlite_master" in each for each in found):
        found = ["PRAGMA writable_schema = ON", *found]
    return parts.put_together(tuple(each.replace(" T", f" {table}").replace("'T'", f"'{table}'") for each in found))


def made(dice: Dice) -> bytes:
    base = dice.one(bases())
    kind = dice.luck.randrange(10)
    if kind == 0:
        return dice.flipped(base)
    parts = Parts(base)
    if kind == 1:
        return _schema(dice, parts) or base
    for change in dice.luck.sample((_events, _components, _meta, _actions, _state), dice.luck.choice((1, 1, 1, 2))):
        change(dice, parts)
    found = parts.put_together()
    return dice.flipped(found) if dice.chance(0.03) else found or base


# commands that take a recording; test_fuzz.py compares them with the command line
TO = ("json", "jsonl", "csv-requests", "csv-attempts", "csv-transitions", "chrome-trace", "junit", "markdown")
R = "r.resim"


def _steps(dice: Dice) -> list[Step]:
    at = dice.one(["0s", "1ns", "0.5s", "1s", "5s", "26s", "26688d"])
    rid = dice.one([0, 1, 7, 17, 59, 10**6, 10**18, 10**40])
    out = ("out.csv", *(f"out{between}{name}.csv" for name in NAMES for between in "./"))
    return [
        Step(("replay", R, "-q", "--json"), simulates=True),
        Step(("replay", R, "--verify"), simulates=True),
        Step(("replay", R, "--verify", "--json"), simulates=True),
        Step(("replay", R, "--ui", "plain", "--speed", "max"), simulates=True),
        Step(("replay", R, "--from", at, "-q"), simulates=True),
        Step(("replay", R, "--series", dice.one(["1s", "1ns", "26688d"]), "--json"), simulates=True),
        Step(("replay", R, "--out", f"{dice.one(TO)}=-", "-q"), simulates=True),
        Step(("replay", R, "--set", dice.one(["retry.attempts=1", "traffic.requests=5", "x=1", "timeout.after=1ms"])),
             simulates=True),
        Step(("replay", R, "--with", "stack.yaml"), simulates=True),
        Step(("export", R, "--to", dice.one(TO)), simulates=True),
        Step(("export", R, "--to", "csv", "-o", "out"), out, simulates=True),
        Step(("export", R, "--to", "sqlite", "-o", "out.db"), ("out.db",), simulates=True),
        Step(("explain", f"{R}@{at}"), simulates=True),
        Step(("report", R, "-o", "-"), simulates=True),
        Step(("explain", f"{R}:{rid}"), simulates=True),
        Step(call="session", with_=(R, [0.0, 1.0, 0.5, 0.1]), simulates=True),
        Step(("run", R), simulates=True),
        Step(("compare", R), simulates=True),
        Step(("validate", R)),
        Step(("lint", R)),
        Step(("import", R)),
        Step(("compare", "s.yaml", "--with", R, "--runs", "1"), simulates=True),
    ]  # fmt: skip


def case(dice: Dice) -> Case:
    files = {R: made(dice), "stack.yaml": b"stack: [retry: {attempts: 2, delay: 10ms}]\n",
             "s.yaml": b"resim: 1\ntraffic: {rate: 9/s, requests: 9}\n", **DATA}  # fmt: skip
    steps = _steps(dice)
    return Case("recording", files, (*dice.luck.sample(steps[:14], 3), *dice.luck.sample(steps[14:], 1)))
