"""The layout of a ``.resim`` file: its tables, versions and fingerprints. One SQLite database; writer.py fills it.

The recording is ``chunks`` (all events, encode.py) with ``meta``, ``files``, ``components`` and ``actions``; ``state``
says how much of it is there and seals it. Requests, attempts and the other tables that people query are made from the
events on demand: ``resim export --to sqlite``.

Fingerprints, all BLAKE2b with 16 bytes:

* ``head`` covers meta, files and components;
* each chunk's ``chain`` covers its numbers, its bytes and the chain of the chunk before (the first: ``head``), so a
  missing, moved or changed chunk shows wherever it is; each action's ``chain`` does the same for actions;
* ``state.seal`` covers the rest of the one row of ``state``, which is rewritten in the same transaction as whatever
  it counts.

They are not keyed: they show accidents and careless changes. A forger can compute them, so readers
also check what events say before they use it (reader.py).

Versions: ``PRAGMA user_version`` is the format. Tables may be added within a format (readers ignore what they do not
know); any other change raises the number. Formats 1 and 2 are still read: both also hold tables for people, which are
ignored, and format 1 has larger chunks (decode.py). ``actions`` holds what a user did to the run while it ran (an
injected fault, a changed setting); its detail has ``action`` (runs/actions.py) and ``components``: rows that join the
directory from then on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from resilience_sim.kernel.events import Component

APPLICATION_ID = 0x5253494D  # "RSIM"
FORMAT = 3  # written
FORMATS = (1, 2, 3)  # read
MAGIC = b"SQLite format 3\0"

SCHEMA: tuple[str, ...] = (
    "CREATE TABLE meta ( -- seed, scenario text, version ...\n"
    "  key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE files ( -- data files that the scenario names\n"
    "  name TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE components ( -- who can speak in an event\n"
    "  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, instance INTEGER NOT NULL,\n"
    "  number INTEGER NOT NULL, node TEXT NOT NULL)",
    "CREATE TABLE chunks ( -- every event, exact, in compact columns; resim export --to sqlite makes tables of them\n"
    "  chunk INTEGER PRIMARY KEY, events INTEGER NOT NULL, first_t_ns INTEGER NOT NULL, last_t_ns INTEGER NOT NULL,\n"
    "  data BLOB NOT NULL, chain TEXT NOT NULL)",
    "CREATE TABLE actions ( -- what a user did while it ran; detail is JSON\n"
    "  action INTEGER PRIMARY KEY, after_event INTEGER NOT NULL, t_ns INTEGER NOT NULL, kind TEXT NOT NULL,\n"
    "  detail TEXT NOT NULL, chain TEXT NOT NULL)",
    "CREATE TABLE state (\n"
    "  one INTEGER PRIMARY KEY CHECK (one = 1),\n"
    "  finished INTEGER NOT NULL, -- 1: the run came to its end; 0: interrupted, killed or still running\n"
    "  events INTEGER NOT NULL, chunks INTEGER NOT NULL, actions INTEGER NOT NULL,\n"
    "  end_ns INTEGER NOT NULL, -- virtual end of what is recorded\n"
    "  digest TEXT NOT NULL, -- of all events, as results print it; empty when the run did not finish\n"
    "  head TEXT NOT NULL, chain TEXT NOT NULL, action_chain TEXT NOT NULL, seal TEXT NOT NULL)",
)


class RecordingError(Exception):
    """A recording cannot be written or read: ``place`` (a path), ``cause`` and ``remedy`` are ready to be shown."""

    def __init__(self, place: str, cause: str, remedy: str) -> None:
        super().__init__(f"{place}: {cause}; {remedy}")
        self.place = place
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[RecordingError], tuple[str, str, str]]:
        return RecordingError, (self.place, self.cause, self.remedy)


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
    client: str = ""  # ``module:callable``: the user's own code was the client, in the place of the stack

    def pairs(self) -> list[tuple[str, str]]:
        """As rows of the table ``meta``, sorted."""
        return [
            *([("client", self.client)] if self.client else []),
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
            client=value.get("client", ""),
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
