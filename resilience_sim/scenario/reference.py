"""What every section, policy and fault understands, read from the models: for ``resim explain`` and the documentation.

Owns the extraction, so that help and checks cannot disagree. Refuses to lay anything out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from resilience_sim.scenario.fields import is_model, keys_of
from resilience_sim.scenario.like_leaves import NATIVE
from resilience_sim.scenario.models_changes import ChangeModel
from resilience_sim.scenario.models_faults import FaultItem
from resilience_sim.scenario.models_file import FileModel
from resilience_sim.scenario.models_stack import PolicyItem


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
    found = [_topic(name, "section", model) for name, model in keys_of(FileModel).items() if is_model(model)]
    found.append(_topic("changes", "section", ChangeModel))
    found += [_topic(name, "policy", model) for name, model in keys_of(PolicyItem).items()]
    found += [_topic(name, "fault", model) for name, model in keys_of(FaultItem).items()]
    return found


def topic(name: str) -> Topic | None:
    """One of them by name; a name that is a policy and a fault (none today) means the policy."""
    return next((each for each in topics() if each.name == name), None)


def _topic(name: str, kind: str, model: type[BaseModel]) -> Topic:
    meaning = " ".join((model.__doc__ or "").split())
    due = getattr(model, "due", "")
    keys = tuple(
        Key(field.alias or key, field.is_required() or key == due, _shown(field), field.description or "")
        for key, field in model.model_fields.items()
        if not (field.description or "").startswith(NATIVE)  # some sixty names of libraries: docs/libraries.md
    )
    return Topic(name, kind, meaning, keys)


def _shown(field: Any) -> str:
    value = None if field.is_required() else field.default
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(str(each) for each in value) + "]"
    return str(value)
