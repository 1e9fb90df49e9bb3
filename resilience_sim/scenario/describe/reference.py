"""What every section, policy and fault understands, from the tables of settings: for help and the documentation."""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.settings.faults import FAULTS
from resilience_sim.settings.registry import CHANGE, FILE, POLICIES
from resilience_sim.settings.table import Nested, Table


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its default as YAML writes it ("" when there is none), and what it means."""

    name: str
    required: bool
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A section, policy or fault with its keys. ``kind``: ``section``, ``policy`` or ``fault``."""

    name: str
    kind: str
    meaning: str
    keys: tuple[Key, ...]


def topics() -> list[Topic]:
    """Everything there is, sections first."""
    sections = [param.type.table for param in FILE.params if isinstance(param.type, Nested)]
    found = [_topic(table, "section") for table in (*sections, CHANGE)]
    found += [_topic(kind.table, "policy") for kind in POLICIES.values()]
    found += [_topic(kind.table, "fault") for kind in FAULTS.values()]
    return found


def topic(name: str) -> Topic | None:
    """One of them by name; a name that is a policy and a fault (none today) means the policy."""
    return next((each for each in topics() if each.name == name), None)


def _topic(table: Table, kind: str) -> Topic:
    keys = tuple(Key(param.name, param.required, param.default_text, param.about) for param in table.own)
    return Topic(table.name, kind, table.about, keys)
