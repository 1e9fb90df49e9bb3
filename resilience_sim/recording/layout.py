"""The layout of a ``.resim`` file: tables, versions and fingerprints.

Owns the names and meanings of everything stored. Refuses to open files (writer.py, reader.py).

The exact source of truth is ``chunks`` (all events, see codec.py) with ``meta``, ``files``, ``components`` and
``actions``; ``state`` says how much of it is there and seals it. ``requests``, ``attempts``, ``transitions``,
``faults`` and ``samples`` are for people with any SQLite tool: everything in them can be derived from the events
again (runs/replay.py does, when it verifies), nothing here reads them back.

Fingerprints, all BLAKE2b with 16 bytes:

* ``head`` covers meta, files and components;
* each chunk's ``chain`` covers its numbers, its bytes and the chain of the chunk before (the first: ``head``), so a
  missing, moved or changed chunk shows wherever it is; each action's ``chain`` does the same for actions;
* ``state.seal`` covers the rest of the one row of ``state``, which is rewritten in the same transaction as whatever
  it counts.

Versions: ``PRAGMA user_version`` is the format. Tables may be added within a format (readers ignore what they do not
know); any other change raises the number. Format 2 has smaller chunks (codec.py); recordings of format 1 are still
read. ``keyframes`` is reserved: snapshots of folds at chunk borders, which may be missing without loss. ``actions``
holds what a user did to the run while it ran (an injected fault, a changed setting); its detail has ``action``
(runs/actions.py) and ``components``: rows that join the directory from then on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from resilience_sim.kernel.events import Component

APPLICATION_ID = 0x5253494D  # "RSIM"
FORMAT = 2  # written
FORMATS = (1, 2)  # read
MAGIC = b"SQLite format 3\0"
SUFFIX = ".resim"

SCHEMA: tuple[str, ...] = (
    "CREATE TABLE meta ( -- seed, scenario text, version ...\n"
    "  key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE files ( -- data files that the scenario names\n"
    "  name TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE components ( -- who can speak in an event\n"
    "  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, instance INTEGER NOT NULL,\n"
    "  number INTEGER NOT NULL, node TEXT NOT NULL)",
    "CREATE TABLE chunks ( -- every event, exact, in compressed columns\n"
    "  chunk INTEGER PRIMARY KEY, events INTEGER NOT NULL, first_t_ns INTEGER NOT NULL, last_t_ns INTEGER NOT NULL,\n"
    "  data BLOB NOT NULL, chain TEXT NOT NULL)",
    "CREATE TABLE actions ( -- what a user did while it ran; detail is JSON\n"
    "  action INTEGER PRIMARY KEY, after_event INTEGER NOT NULL, t_ns INTEGER NOT NULL, kind TEXT NOT NULL,\n"
    "  detail TEXT NOT NULL, chain TEXT NOT NULL)",
    "CREATE TABLE keyframes ( -- reserved: snapshots that make seeking fast\n"
    "  chunk INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL,\n"
    "  checksum TEXT NOT NULL, PRIMARY KEY (chunk, name))",
    "CREATE TABLE left_out ( -- why the tables for people are empty, if they are\n  why TEXT NOT NULL)",
    "CREATE TABLE tables_tell ( -- of how many events the tables for people tell; a killed run may have more\n"
    "  events INTEGER NOT NULL)",
    "CREATE TABLE state (\n"
    "  one INTEGER PRIMARY KEY CHECK (one = 1),\n"
    "  finished INTEGER NOT NULL, -- 1: the run came to its end; 0: interrupted, killed or still running\n"
    "  events INTEGER NOT NULL, chunks INTEGER NOT NULL, actions INTEGER NOT NULL,\n"
    "  end_ns INTEGER NOT NULL, -- virtual end of what is recorded\n"
    "  digest TEXT NOT NULL, -- of all events, as results print it; empty when the run did not finish\n"
    "  head TEXT NOT NULL, chain TEXT NOT NULL, action_chain TEXT NOT NULL, seal TEXT NOT NULL)",
)

# Tables for people: name -> columns with their SQL types, in the order in which rows.py makes them. Times in seconds.
TABLES: dict[str, tuple[str, ...]] = {
    "requests": (
        "rid INTEGER PRIMARY KEY", "instance INTEGER", "arrived_s REAL", "done_s REAL", "outcome TEXT",
        "late INTEGER", "latency_s REAL", "waited_s REAL", "attempts INTEGER", "retries_denied INTEGER",
        "effects INTEGER",
    ),
    "attempts": (
        "rid INTEGER", "attempt INTEGER", "replica INTEGER", "sent_s REAL", "received_s REAL", "began_s REAL",
        "ended_s REAL", "answered_s REAL", "outcome TEXT", "work_outcome TEXT", "worked_s REAL", "abandoned INTEGER",
        "effect TEXT",
    ),
    "transitions": (
        "t_s REAL", "breaker TEXT", "instance INTEGER", "from_state TEXT", "to_state TEXT", "why TEXT", "x INTEGER",
        "y INTEGER",
    ),
    "faults": ("fault TEXT", "kind_index INTEGER", "from_s REAL", "to_s REAL"),
    "samples": (
        "t_s INTEGER", "arrivals INTEGER", "attempts_at_service INTEGER", "succeeded INTEGER", "failed INTEGER",
        "queue INTEGER", "p99_s REAL",
    ),
}  # fmt: skip


def statements() -> tuple[str, ...]:
    """SQL that creates all tables, one statement each."""
    return SCHEMA + tuple(f"CREATE TABLE {name} ({', '.join(columns)})" for name, columns in TABLES.items())


@dataclass(frozen=True, slots=True)
class RecordingMeta:
    """What a recording says about its run beside the events: enough to run it again with nothing else at hand.

    ``variant`` is ``as-written`` or the name of a variant of the scenario. ``files``: data files by the name used in
    the scenario. ``deadline_ns`` 0: none (it decides which successes were late). ``version``: of the resim that
    recorded.
    """

    seed: int
    scenario_text: str
    scenario_path: str = "-"
    scenario_name: str = ""
    scenario_digest: str = ""
    variant: str = "as-written"
    overrides: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    deadline_ns: int = 0
    version: str = ""

    def pairs(self) -> list[tuple[str, str]]:
        """As rows of the table ``meta``, sorted."""
        return [
            ("deadline_ns", str(self.deadline_ns)),
            ("format", str(FORMAT)),
            ("overrides", json.dumps(self.overrides)),
            ("resim_version", self.version),
            ("scenario_digest", self.scenario_digest),
            ("scenario_name", self.scenario_name),
            ("scenario_path", self.scenario_path),
            ("scenario_text", self.scenario_text),
            ("seed", str(self.seed)),
            ("variant", self.variant),
        ]

    @classmethod
    def from_pairs(cls, pairs: Sequence[tuple[str, str]], files: Sequence[tuple[str, str]]) -> RecordingMeta:
        """Back from rows. KeyError, ValueError or TypeError when they are not what ``pairs`` gives."""
        value = dict(pairs)
        return cls(
            seed=int(value["seed"]),
            scenario_text=value["scenario_text"],
            scenario_path=value["scenario_path"],
            scenario_name=value["scenario_name"],
            scenario_digest=value["scenario_digest"],
            variant=value["variant"],
            overrides=tuple(str(item) for item in json.loads(value["overrides"])),
            files=tuple(files),
            deadline_ns=int(value["deadline_ns"]),
            version=value["resim_version"],
        )


@dataclass(frozen=True, slots=True)
class State:
    """How much there is: the one row of ``state``."""

    finished: bool
    events: int
    chunks: int
    actions: int
    end_ns: int
    digest: str
    head: str
    chain: str
    action_chain: str

    def row(self) -> tuple[int | str, ...]:
        """As stored, with the seal at the end."""
        fields = (int(self.finished), self.events, self.chunks, self.actions, self.end_ns, self.digest)
        fields_and_chains = (*fields, self.head, self.chain, self.action_chain)
        return (*fields_and_chains, fingerprint(fields_and_chains))


def fingerprint(*parts: object) -> str:
    """32 hexadecimal digits over plain values (texts, numbers, tuples and lists of them)."""
    return blake2b(json.dumps(parts, ensure_ascii=True).encode(), digest_size=16).hexdigest()


def head_of(
    pairs: Sequence[Sequence[str]], files: Sequence[Sequence[str]], components: Sequence[Sequence[int | str]]
) -> str:
    """Fingerprint over meta, files and components, each sorted by its key."""
    return fingerprint([list(p) for p in pairs], [list(f) for f in files], [list(c) for c in components])


def component_row(component: Component) -> tuple[int | str, ...]:
    """A component as a row of its table."""
    return (component.id, component.kind, component.name, component.instance, component.number, component.node)


def chain_chunk(before: str, chunk: int, events: int, first_t: int, last_t: int, data: bytes) -> str:
    """The chain after a chunk."""
    hasher = blake2b(f"{before} {chunk} {events} {first_t} {last_t} ".encode(), digest_size=16)
    hasher.update(data)
    return hasher.hexdigest()
