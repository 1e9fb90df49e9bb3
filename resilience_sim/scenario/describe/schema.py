"""The JSON Schema (draft 7) of a scenario file, made from the tables of settings."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from resilience_sim.settings.library_types import LibraryName
from resilience_sim.settings.registry import FILE
from resilience_sim.settings.table import ListOf, MapOf, Nested, OneOf, OneOrMany, Param, Table
from resilience_sim.settings.types import Schema, Type, either

FILE_NAME = "resim-v1.schema.json"
BEGINNING = r'\{\s*"\$schema": "[^"]*",\s*"\$id": "https://resim\.invalid/'  # of such a file, of any version
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


@cache
def schema_text() -> str:
    """The schema as ``resim schema`` prints it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The schema."""
    definitions: dict[str, Schema] = {}
    _define(Nested(FILE), definitions)
    top = definitions.pop(FILE.name)
    return {
        "$schema": DRAFT_7,
        "$id": "https://resim.invalid/resim-v1.schema.json",
        "title": "resim scenario",
        **top,
        "definitions": dict(sorted(definitions.items())),
    }


def _define(kind: Type, definitions: dict[str, Schema]) -> None:
    """Add the definitions that a type refers to."""
    if isinstance(kind, OneOrMany):
        _define(kind.one, definitions)
        _define(kind.many, definitions)
    elif isinstance(kind, ListOf | MapOf):
        _define(kind.item, definitions)
    elif isinstance(kind, OneOf) and kind.what not in definitions:
        definitions[kind.what] = {}
        for table in kind.kinds.values():
            _define(Nested(table), definitions)
        definitions[kind.what] = _one_of(kind)
    elif isinstance(kind, Nested) and kind.table.name not in definitions:
        definitions[kind.table.name] = {}
        for param in kind.table.params:
            _define(param.type, definitions)
        definitions[kind.table.name] = _mapping(kind.table)


def _mapping(table: Table) -> Schema:
    emulated = any(isinstance(param.type, LibraryName) for param in table.params)
    required = [param.name for param in table.params if param.required]
    made: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {param.name: _property(param) for param in table.params},
    }
    if required and emulated:
        made["anyOf"] = [{"required": required}, {"required": ["like"]}]
    elif required:
        made["required"] = required
    made.update(table.alternatives or {})
    if table.short is not None:
        return {"description": table.about, **either(table.short.schema, made)}
    return {"description": table.about, **made}


def _property(param: Param) -> Schema:
    written = dict(param.type.schema)
    if param.default is None and not param.required:
        written = either(written, {"type": "null"})
    if "$ref" in written:  # draft 7 ignores what stands beside a reference
        written = {"allOf": [written]}
    default = {"default": param.default} if param.default is not None else {}
    return {"description": param.about, **default, **written}


def _one_of(kind: OneOf) -> Schema:
    """A word, or a mapping with one key."""
    mapping: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {"description": table.about, **either(Nested(table).schema, {"type": "null"})}
            for name, table in kind.kinds.items()
        },
        "minProperties": 1,
        "maxProperties": 1,
    }
    bare = [name for name, table in kind.kinds.items() if not table.needs_body]
    return either({"enum": bare}, mapping) if bare else mapping
