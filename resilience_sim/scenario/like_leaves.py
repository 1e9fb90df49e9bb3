"""The libraries' own parameter names as keys of a policy, beside ours.

Owns how their values are written: durations with a unit (or the plain number that the library takes), percentages as
the library writes them or with ``%``. The names come from the tables of policies/rules/. Refuses their meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, create_model

from resilience_sim.policies.rules import native
from resilience_sim.policies.rules.native import Param
from resilience_sim.scenario import codes, units
from resilience_sim.scenario.leaves import DURATION_SCHEMA, RATIO_SCHEMA, Leaf, Schema, choice, either, flag, read_count
from resilience_sim.scenario.models_base import key
from resilience_sim.scenario.suggest import did_you_mean, one_of
from resilience_sim.scenario.units import UnitError, shown

M = TypeVar("M", bound=BaseModel)
Tables = Mapping[str, tuple[Param, ...]]
MOST = 1_000_000_000
NATIVE = "`like: "  # how the description of a library's own name begins


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnitError(codes.WRONG_TYPE, f"expected a number, not {shown(value)}", "write it without quotes and unit")
    return float(value)


def _time(param: Param) -> Leaf:
    def read(value: object) -> int:
        if param.unit and isinstance(value, int | float) and not isinstance(value, bool):
            found = round(value * param.unit)
            if not 0 <= found <= 1 << 60:
                raise UnitError(codes.RANGE, f"{shown(value)} is out of range", "write a plain positive number")
            return found
        return units.duration(value)

    plain: Schema = {"type": "number", "minimum": 0}
    return Leaf(read, either(plain, DURATION_SCHEMA) if param.unit else DURATION_SCHEMA, "1s")


def _share(whole: float) -> Leaf:
    """In hundredths or as a fraction, the way the library writes it; ``50%`` is always understood."""

    def read(value: object) -> float:
        share = float(units.ratio(value)) * whole if isinstance(value, str) else _number(value)
        if not 0 <= share <= whole:
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"from 0 to {whole:g}, or up to `100%`")
        return share

    number: Schema = {"type": "number", "minimum": 0, "maximum": whole}
    return Leaf(read, either(number, RATIO_SCHEMA), "50%")


def percent_as_share() -> Leaf:
    """``20`` or ``20%``, kept as 0.2."""
    percent = _share(100.0)

    def read(value: object) -> float:
        found = percent.read(value)
        assert isinstance(found, float)
        return found / 100.0

    return Leaf(read, percent.schema, "20%")


def _plain(param: Param) -> Leaf:
    def read(value: object) -> float:
        found = _number(value)
        if not param.least <= found <= 1e9:
            raise UnitError(codes.RANGE, f"{shown(value)} is out of range", f"at least {param.least:g}")
        return found

    return Leaf(read, {"type": "number", "minimum": param.least}, max(1.0, param.least))


def _count(param: Param) -> Leaf:
    least = int(param.least)

    def read(value: object) -> int:
        return read_count(value, least, MOST)

    return Leaf(read, {"type": "integer", "minimum": least, "maximum": MOST}, max(1, least))


def _text(param: Param) -> Leaf:
    def read(value: object) -> str:
        if not isinstance(value, str | int | float) or isinstance(value, bool) or len(str(value)) > 1000:
            raise UnitError(codes.WRONG_TYPE, f"expected text, not {shown(value)}", 'put it in quotes: "…"')
        return str(value)

    return choice(*param.words) if param.words else Leaf(read, {"type": ["string", "number"]}, "1")


def _mapping(param: Param) -> Leaf:
    takes = dict(param.keys)

    def read(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise UnitError(codes.WRONG_TYPE, f"expected a mapping, not {shown(value)}", one_of(takes) if takes else "")
        if not takes:  # tenacity's nested ones are read where they are understood
            return value
        for name in value:
            if name not in takes:
                remedy = did_you_mean(str(name), takes) or one_of(takes)
                raise UnitError(codes.CHOICE, f"`{param.name}` has no {shown(name)}", remedy)
        for name in takes:
            if name not in value:
                raise UnitError(codes.MISSING, f"`{param.name}` needs `{name}`", f"it has {one_of(takes)}")
        found: dict[str, Any] = {name: leaf(Param(name, takes[name], None)).read(each) for name, each in value.items()}
        return found

    names: Schema = {name: dict(leaf(Param(name, kind, None)).schema) for name, kind in param.keys}
    closed: Schema = {"additionalProperties": False, "required": list(takes)} if takes else {}
    return Leaf(read, {"type": "object", "properties": names, **closed}, None)


def leaf(param: Param) -> Leaf:
    """How one parameter is read."""
    readers: dict[str, Callable[[Param], Leaf]] = {
        native.TIME: _time, native.NUMBER: _plain, native.COUNT: _count, native.TEXT: _text, native.MAPPING: _mapping,
    }  # fmt: skip
    if param.takes == native.FLAG:
        return flag()
    if param.takes in {native.PERCENT, native.SHARE}:
        return _share(100.0 if param.takes == native.PERCENT else 1.0)
    return readers[param.takes](param)


def owners(tables: Tables) -> dict[str, list[str]]:
    """The libraries that have a parameter of a name."""
    found: dict[str, list[str]] = {}
    for library, table in tables.items():
        for param in table:
            found.setdefault(param.name, []).append(library)
    return found


def knows(tables: Tables) -> Callable[[type[M]], type[M]]:
    """Class decorator: the model takes the parameters of these tables, too; None when they are not written."""

    def extend(model: type[M]) -> type[M]:
        fields: dict[str, Any] = {}
        libraries = owners(tables)
        for table in tables.values():
            for param in table:
                if param.name in model.model_fields or param.name in fields:
                    continue
                stands_for = f", our `{param.same_as}`" if param.same_as else ""
                about = f"{NATIVE}{'`, `'.join(libraries[param.name])}`{stands_for}."
                fields[param.name] = (Annotated[Any, leaf(param)] | None, key(None, description=about))
        made: type[M] = create_model(
            model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **fields
        )
        return made

    return extend


def like_leaf(*libraries: str) -> Leaf:
    """``classic`` or a library that has this kind of policy."""
    names = ("classic", *libraries)

    def read(value: object) -> str:
        said = str(value)
        if said in names:
            return said
        lower = said.lower().replace("_", "-")
        if lower in names or lower.replace("-", "") in names:
            return lower if lower in names else lower.replace("-", "")
        raise UnitError(
            codes.CHOICE, f"{shown(value)} is no library with such a policy", did_you_mean(said, names) or one_of(names)
        )

    return Leaf(read, {"enum": list(names)}, "classic")
