"""What the models know about a path: the keys that may stand there.

Owns walking pydantic annotations. Refuses to look at any particular scenario.
"""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from resilience_sim.scenario.models_file import FileModel
from resilience_sim.scenario.models_items import OneKey
from resilience_sim.scenario.tree import Loc

Model = type[BaseModel]


def unwrap(annotation: Any) -> Any:
    """``X`` out of ``Annotated[X, …]`` and ``X | None``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return unwrap(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return unwrap(next(each for each in get_args(annotation) if each is not type(None)))
    return annotation


@cache
def keys_of(model: Model) -> dict[str, Any]:
    """The keys of a model as YAML writes them, with the type of each."""
    return {field.alias or name: unwrap(field.annotation) for name, field in model.model_fields.items()}


def type_at(loc: Loc) -> Any:
    """The type that belongs at a path; None when the models do not go there."""
    here: Any = FileModel
    for part in loc:
        if is_model(here):
            here = keys_of(here).get(str(part))
        elif get_origin(here) in (list, dict):
            here = unwrap(get_args(here)[-1])
        else:
            return None
        if here is None:
            return None
    return here


def is_model(here: Any) -> bool:
    """Whether it is a model of ours."""
    return isinstance(here, type) and issubclass(here, BaseModel)


def keys_at(loc: Loc) -> list[str]:
    """The keys that may stand in the mapping at a path."""
    here = type_at(loc)
    return list(keys_of(here)) if is_model(here) else []


def homes(key: str) -> list[str]:
    """The sections and policies that do have such a key."""
    found = []
    for section, kind in keys_of(FileModel).items():
        if is_model(kind) and key in keys_of(kind):
            found.append(section)
        item = unwrap(get_args(kind)[-1]) if get_origin(kind) is list else None
        if isinstance(item, type) and issubclass(item, OneKey):
            found += [name for name, body in keys_of(item).items() if name == key or key in keys_of(body)]
    return found
