"""The JSON Schema (draft 7) of a scenario file, generated from the models.

Owns the generation and where editors find the file. Refuses to be edited by hand: a test compares the file with the
models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE_NAME = "resim-v1.schema.json"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def shipped_path() -> Path:
    """The schema that is part of the package."""
    return Path(__file__).with_name(FILE_NAME)


def schema_text() -> str:
    """The schema as text; cheap, from the shipped file."""
    path = shipped_path()
    return path.read_text(encoding="utf-8") if path.is_file() else as_text(schema())


def as_text(document: dict[str, Any]) -> str:
    """How the schema is written to a file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The schema, generated now."""
    from resilience_sim.scenario.models_file import FileModel

    generated = FileModel.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    definitions = generated.pop("$defs", {})
    document = {
        "$schema": DRAFT_7,
        "$id": "https://resim.invalid/resim-v1.schema.json",
        "title": "resim scenario",
        **{key: value for key, value in generated.items() if key != "title"},
        "definitions": dict(sorted(definitions.items())),
    }
    tidied: dict[str, Any] = _tidy(document, top=True)
    return tidied


def _tidy(node: Any, top: bool = False) -> Any:
    """Draft 7 ignores what stands beside ``$ref``; titles made of key names and ``default: null`` say nothing."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidy = {
        key: (
            {name: _tidy(each) for name, each in value.items()}
            if key in ("properties", "definitions")
            else _tidy(value)
        )
        for key, value in node.items()
        if not (key == "title" and not top) and not (key == "default" and value is None)
    }
    if "$ref" in tidy and len(tidy) > 1:
        tidy = {"allOf": [{"$ref": tidy.pop("$ref")}], **tidy}
    return tidy


if __name__ == "__main__":
    shipped_path().write_text(as_text(schema()), encoding="utf-8")
