"""What all policies have in common: the base of their configs, and how a kind of policy is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypeVar

from resilience_sim.settings.library_types import LibraryName
from resilience_sim.settings.table import Findings, LibraryError, Loc, Param, Settings, Table, Values, with_defaults
from resilience_sim.settings.types import FLAG, IDENTIFIER

T = TypeVar("T")


def added(default: T) -> T:
    """A config field that came after digests were published: at its default it leaves them alone."""
    made: T = field(default=default, metadata={"added": True})
    return made


ID = Param("id", IDENTIFIER, about="Its name in results and `set` paths; default: its kind.")
SHARED = Param("shared", FLAG, False, "One for all client instances, as in common storage; it outlives their restarts.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """Settings of a policy, as the core takes them: integer ns, shares from 0 to 1, outcome codes of kernel/events.py.

    Attributes:
        id: What events, ``set:`` paths and results call it (``retry``, ``timeout#2``, or the user's own name).
        written: The mapping it was read from, without the id; None when it came from elsewhere. It decides nothing.
        shared: One for all client instances, rather than one in each.
    """

    kind: ClassVar[str] = ""
    id: str = field(kw_only=False)
    shared: bool = added(False)
    written: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


def prefix_of(ident: str) -> str:
    """What stands before a policy's own id: ``shop.stock.`` of one on a link, else nothing."""
    return ident[: ident.rfind(".") + 1]


def own_id(ident: str) -> str:
    """``retry`` of ``shop.stock.retry``."""
    return ident[ident.rfind(".") + 1 :]


Classic: TypeAlias = Callable[[Values, str, Loc, Findings], PolicyConfig]
Emulate: TypeAlias = Callable[[str, Settings, str, Values], PolicyConfig]
Translate: TypeAlias = Callable[[str, Values], Settings]


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """A kind of policy, whole: what the registry holds.

    Attributes:
        table: Our parameters and those of the libraries.
        classic: From parsed values to the config, under our rules.
        layers: The layer that runs each config, as ``module:Class`` below ``resilience_sim.policies``.
        libraries: The parameters of each library that has this kind of policy.
        shared: Our parameters that hold under every library's rules, too.
        emulate: From a library's parameters (parsed) to the config that follows its rules.
        translate: Our parameters, as far as they are written, in the library's terms. LibraryError names the one it
            has no word for.
    """

    table: Table
    classic: Classic
    layers: Mapping[type[PolicyConfig], str]
    libraries: Mapping[str, tuple[Param, ...]] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    emulate: Emulate | None = None
    translate: Translate | None = None


def policy_table(
    name: str,
    about: str,
    params: tuple[Param, ...],
    libraries: Mapping[str, tuple[Param, ...]],
    page: str = "",
    **more: Any,
) -> Table:
    """Our parameters, ``like``, and every name that some library has for this kind of policy."""
    like = Param(
        "like",
        LibraryName(*libraries),
        "classic",
        "Library to emulate: its rules, defaults and parameter names, see docs/libraries.md.",
    )
    ours = (ID, *params, like) if libraries else (ID, *params)
    names = {param.name for param in ours}
    owners: dict[str, list[str]] = {}
    for library, table in libraries.items():
        for param in table:
            owners.setdefault(param.name, []).append(library)
    foreign: dict[str, Param] = {}
    for table in libraries.values():
        for param in table:
            if param.name not in names and param.name not in foreign:
                of = owners[param.name]
                stands_for = f", our `{param.same_as}`" if param.same_as else ""
                about_it = f"`like: {'`, `'.join(of)}`{stands_for}."
                foreign[param.name] = Param(
                    param.name, param.type, about=about_it, same_as=param.same_as, libraries=tuple(of)
                )
    by_library = {library: {param.name: param for param in table} for library, table in libraries.items()}
    return Table(name, about, (*ours, *foreign.values()), page=page, libraries=by_library, **more)


def library_settings(tables: Mapping[str, tuple[Param, ...]], library: str, given: Settings, what: str) -> Settings:
    """All parameters of a library with their values; LibraryError when one that it has no default for is missing."""
    if library not in tables:
        raise LibraryError("like", f"{library} has no {what}", "there are " + ", ".join(tables))
    settings = with_defaults(tables[library], given)
    for param in tables[library]:
        if param.required and settings[param.name] is None:
            raise LibraryError("like", f"{library} needs `{param.name}`", f"write `{param.name}`")
    return settings


def one_to_one(tables: Mapping[str, tuple[Param, ...]], library: str, values: Values, *ours: str) -> Settings:
    """Our written parameters (``ours``) under the names that the library has for them (``same_as``)."""
    names = {param.same_as: param.name for param in tables[library] if param.same_as}
    found: Settings = {}
    for name in ours:
        if name not in values.written or values[name] is None:
            continue
        if name not in names:
            raise LibraryError(name, f"{library} has nothing like `{name}`", what_it_has(tables[library]))
        found[names[name]] = values[name]
    return found


def what_it_has(params: tuple[Param, ...]) -> str:
    """A library's parameters, for a remedy."""
    return "it has " + ", ".join(param.name for param in params)
