"""List items with exactly one key: ``- retry: {attempts: 3}``, or ``- retry`` for its defaults.

Owns that form. Because the key is the kind, a model's error path is the YAML path. Refuses to know kinds.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from resilience_sim.scenario import codes
from resilience_sim.scenario.leaves import Schema, either, problem
from resilience_sim.scenario.models_base import Strict
from resilience_sim.scenario.suggest import did_you_mean, one_of
from resilience_sim.scenario.units import shown


class OneKey(Strict):
    """One of its fields, and only one. ``stand_in``: an item with which checking can go on."""

    stand_in: ClassVar[Any] = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        kinds = list(cls.model_fields)
        what = (cls.__doc__ or "").strip(".").lower()
        if isinstance(data, str):
            if data not in kinds:
                near = did_you_mean(data, kinds)
                raise problem(
                    codes.UNKNOWN_KEY,
                    f"no kind {shown(data)} ({what} is due)",
                    near or one_of(kinds),
                    stand_in=cls.stand_in,
                )
            return {data: {}}
        if not isinstance(data, dict):
            raise problem(
                codes.WRONG_TYPE, f"expected {what}, not {shown(data)}", "write `- KIND: {…}`", stand_in=cls.stand_in
            )
        if not data:
            raise problem(codes.MISSING, f"{what} is missing", one_of(kinds), stand_in=cls.stand_in)
        if len(data) > 1:
            names = list(data)
            known = [name for name in names if name in kinds]
            if len(known) == 1:
                remedy = f"indent `{next(n for n in names if n != known[0])}` below `{known[0]}`, or use braces"
            else:
                remedy = "begin each with its own `-`"
            raise problem(
                codes.CONFLICT, f"several keys where {what} is due", remedy, at=names[1], stand_in=cls.stand_in
            )
        return {key: ({} if body is None else body) for key, body in data.items()}

    @property
    def kind(self) -> str:
        """The key that was written."""
        return next(iter(self.model_fields_set))

    @property
    def body(self) -> Any:
        """The model behind the key."""
        return getattr(self, self.kind)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """A word, or a mapping with one key."""
        written = handler.resolve_ref_schema(handler(core))
        description = written.pop("description", "")
        written = {**written, "minProperties": 1, "maxProperties": 1}
        bare = [name for name, each in cls.model_fields.items() if not needs_body(each.annotation)]
        return {"description": description, **(either({"enum": bare}, written) if bare else written)}

    @classmethod
    def body_model(cls, kind: str) -> type[Strict]:
        """The model of a kind."""
        return body_of(cls.model_fields[kind].annotation)


def body_of(annotation: Any) -> type[Strict]:
    """``Model`` out of ``Model | None``."""
    found: type[Strict] = next(each for each in annotation.__args__ if each is not type(None))
    return found


def needs_body(annotation: Any) -> bool:
    """Whether some key of a kind has no default."""
    return any(each.is_required() for each in body_of(annotation).model_fields.values())
