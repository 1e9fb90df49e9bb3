"""Tables of parameters: the one place where a setting is described.

A :class:`Table` lists the parameters of a policy, a fault or a section of the scenario file. Reading and checking a
file, the JSON Schema, ``--set`` paths, ``resim explain``, the cockpit's forms, and the tests' random scenarios are all
derived from these tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from resilience_sim.settings.types import Schema, Type, either
from resilience_sim.settings.units import shown

Loc: TypeAlias = tuple[str | int, ...]
Settings: TypeAlias = dict[str, Any]


class Findings(Protocol):
    """Where mistakes are reported; paths begin at the top of the scenario."""

    def error(
        self, loc: Loc, code: str, message: str, help: str = "", key: bool = False, rests_on: tuple[Loc, ...] = ()
    ) -> None:
        """Report a mistake, unless it rests on something that was wrong already. ``key``: point at the key."""

    def warn(self, code: str, message: str) -> None:
        """Remember something odd that does not stop a run."""

    def touches(self, loc: Loc) -> bool:
        """Whether a path lies at, above or below something already reported."""


@dataclass(frozen=True)
class Param:
    """One parameter.

    Attributes:
        name: As the scenario file writes it.
        type: What it takes.
        default: As the file would write it; None where there is none (then it reads as None).
        about: One line for people.
        required: Must be written.
        same_as: Of a library's parameter: our parameter that sets it, too.
        libraries: The libraries that have a parameter of this name; empty for our own.
        first: What the cockpit and error messages propose, where that is not the default.
        synonyms: What other tools call it; an unknown key of that name gets a hint.
    """

    name: str
    type: Type
    default: Any = None
    about: str = ""
    required: bool = False
    same_as: str = ""
    libraries: tuple[str, ...] = ()
    first: str = ""
    synonyms: tuple[str, ...] = ()

    @cached_property
    def initial(self) -> Any:
        """The value when it is not written."""
        return None if self.default is None else self.type.read(self.default)

    @property
    def default_text(self) -> str:
        """The default as YAML would write it; "" when there is none."""
        if self.default is None:
            return ""
        if isinstance(self.default, bool):
            return "true" if self.default else "false"
        if isinstance(self.default, list | tuple):
            return "[" + ", ".join(str(each) for each in self.default) + "]"
        return str(self.default)


class Values:
    """The parsed values of a mapping: by attribute or by key, defaults included.

    ``written`` are the names that stand in the file; ``scalar`` is what the short spelling said, None for a mapping.
    """

    __slots__ = ("read", "scalar", "table")

    def __init__(self, table: Table, read: dict[str, Any], scalar: Any = None) -> None:
        self.table = table
        self.read = read
        self.scalar = scalar

    @property
    def written(self) -> Collection[str]:
        return self.read.keys()

    def __getitem__(self, name: str) -> Any:
        return self.read[name] if name in self.read else self.table.by_name[name].initial

    def __getattr__(self, name: str) -> Any:
        if name not in _SLOTS:
            if name in self.read:
                return self.read[name]
            param = self.table.by_name.get(name)
            if param is not None:
                return param.initial
        raise AttributeError(name)


_SLOTS = frozenset(Values.__slots__)
Check: TypeAlias = Callable[[Values, Loc, Findings], None]


@dataclass(frozen=True)
class Table:
    """Parameters that stand in one mapping.

    Attributes:
        name: The kind or section, as the file writes it.
        about: One line for people.
        short: The type of the one value that may be written instead of a mapping.
        check: What has to hold between the parameters; reports what does not.
        alternatives: JSON Schema for what ``check`` asks: ``{"oneOf": [...]}``.
        page: What ``resim explain`` says beyond the list of parameters.
        libraries: The parameters of each library by name; under ``like:`` its own types read them.
    """

    name: str
    about: str
    params: tuple[Param, ...]
    short: Type | None = None
    check: Check | None = None
    alternatives: Mapping[str, Any] | None = None
    page: str = ""
    libraries: Mapping[str, Mapping[str, Param]] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, Param]:
        """The parameters, by name."""
        return {param.name: param for param in self.params}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {param.name: at for at, param in enumerate(self.params)}

    def place(self, param: Param) -> int:
        """Where it stands among the parameters."""
        return self._places[param.name]

    @cached_property
    def needed(self) -> tuple[Param, ...]:
        """The parameters that must be written."""
        return tuple(param for param in self.params if param.required)

    @property
    def own(self) -> tuple[Param, ...]:
        """The parameters that are ours rather than a library's."""
        return tuple(param for param in self.params if not param.libraries)

    @property
    def needs_body(self) -> bool:
        """Whether some parameter must be written."""
        return bool(self.needed)


# --- types made of tables -----------------------------------------------------------------------------------------


class Nested(Type):
    """A mapping with the parameters of a table, read as :class:`Values`."""

    name = "mapping"

    def __init__(self, table: Table) -> None:
        self.table = table

    def read(self, value: Any) -> Values:
        """A default; what stands in a file is read with its position (scenario/)."""
        if isinstance(value, dict):
            return Values(self.table, {key: self.table.by_name[key].type.read(each) for key, each in value.items()})
        assert self.table.short is not None
        return Values(self.table, {}, self.table.short.read(value))

    @property
    def schema(self) -> Schema:
        return {"$ref": f"#/definitions/{self.table.name}"}


class ListOf(Type):
    """A list whose items have one type; read as a list."""

    name = "list"
    example: Any = ()

    def __init__(self, item: Type) -> None:
        self.item = item

    @property
    def schema(self) -> Schema:
        return {"type": "array", "items": self.item.schema}


class MapOf(Type):
    """A mapping with free keys, whose values have one type or are empty; read as a dict."""

    name = "mapping"
    example: Any = None

    def __init__(self, item: Type) -> None:
        self.item = item

    @property
    def schema(self) -> Schema:
        item = self.item.schema
        return {"type": "object", "additionalProperties": either(item, {"type": "null"}) if item else {}}


@dataclass(frozen=True, slots=True)
class Item:
    """``- kind: {...}``, read."""

    kind: str
    body: Values


class OneOrMany(Type):
    """A mapping, or a list of mappings of another table; read as :class:`Values` or a list of them."""

    name = "mapping or list"

    def __init__(self, one: Nested, item: Nested) -> None:
        self.one, self.item, self.many = one, item, ListOf(item)

    def read(self, value: Any) -> Values:
        """A default."""
        return self.one.read(value)

    @property
    def schema(self) -> Schema:
        return either(self.one.schema, self.many.schema)


class OneOf(Type):
    """``- kind: {...}``, or ``- kind``: a mapping with exactly one key, which says by which table it is read."""

    name = "item"

    def __init__(self, what: str, kinds: Mapping[str, Table], fallback: str) -> None:
        self.what, self.kinds, self.fallback = what, kinds, fallback

    @property
    def schema(self) -> Schema:
        return {"$ref": f"#/definitions/{self.what}"}


def pick_one(values: Values, names: Collection[str]) -> list[str]:
    """Which of these are written with a value."""
    return [name for name in names if values[name] is not None and name in values.written]


# --- libraries ----------------------------------------------------------------------------------------------------


class LibraryError(ValueError):
    """A setting the library does not take; ``name`` says which one."""

    def __init__(self, name: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.remedy = remedy


def with_defaults(params: tuple[Param, ...], given: Settings) -> Settings:
    """Every parameter of a library with its value; LibraryError for names it does not have."""
    settings = {
        param.name: param.initial if (said := given.get(param.name)) is None else said for param in params
    }  # written and empty is the default, too
    for name in given:
        if name not in settings:
            raise LibraryError(name, f"no parameter {shown(name)}", "there are " + ", ".join(settings))
    return settings
