"""The JSON Schema: current, draft 7, and of one mind with the loader."""

import json

import pytest
from jsonschema import Draft7Validator

from resilience_sim.scenario.describe import schema
from resilience_sim.scenario.describe import templates as init_templates
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.text import shipped
from resilience_sim.scenario.text.parse import parse
from resilience_sim.scenario.text.tree import Source, plain

from .lab import FULL, HEAD, SOURCE, TRAFFIC
from .test_mistakes import WRONG

VALIDATOR = Draft7Validator(schema.schema())


def valid(text: str) -> bool:
    """Whether the schema accepts a text."""
    return VALIDATOR.is_valid(plain(parse(text, Source.of("t", text), [])))


def test_the_text_is_the_schema():
    """What ``resim schema`` prints and ``resim init`` writes."""
    assert json.loads(schema.schema_text()) == schema.schema()


def test_it_is_draft_7():
    """The level that editors know."""
    Draft7Validator.check_schema(schema.schema())


@pytest.mark.parametrize("template", init_templates.TEMPLATES)
def test_templates_load_without_warnings_and_validate(template):
    """What ``init`` writes is right, and tells the editor where the schema is."""
    text = init_templates.render("my scenario: a", template)
    made = load_text(text, "x.yaml")
    assert made.warnings == ()
    assert made.plan.name == "my scenario: a"
    assert made.plan.about == init_templates.about(template)
    assert text.startswith("# yaml-language-server: $schema=./resim-v1.schema.json\n")
    assert valid(text)
    assert json.loads(schema.schema_text())["$schema"].startswith("http://json-schema.org/draft-07")


def test_an_unknown_template_names_the_nearest():
    """With a remedy."""
    with pytest.raises(KeyError, match="did you mean `outage`"):
        init_templates.render("x", "outtage")


@pytest.mark.parametrize(
    "text", [FULL, SOURCE, HEAD + TRAFFIC, HEAD + TRAFFIC + "service:\nstack:\n  - retry\n  - retry:\n"]
)
def test_what_loads_validates(text):
    """The schema accepts what the loader accepts."""
    assert list(VALIDATOR.iter_errors(plain(parse(text, Source.of("t", text), [])))) == []


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_scenarios_load_and_validate(name):
    """Every one, with its line in the list."""
    made = load(name)
    assert shipped.about(name) == made.plan.about
    assert made.plan.about
    assert valid(made.text)


def test_units_and_keys_are_checked_by_the_schema_too():
    """Editors underline the same mistakes: all but those that need arithmetic or another place."""
    beyond = ("RS018", "RS019", "RS022")  # references, ids, files
    missed = [body for body, code, *_ in WRONG if code not in beyond and valid(HEAD + TRAFFIC + body + "\n")]
    assert not valid(HEAD + TRAFFIC + "colour: red\n")
    assert not valid(HEAD + TRAFFIC + "stack: [{retry: {attemps: 3}}]\n")
    assert not [
        body for body, code, *_ in WRONG if code in ("RS012", "RS013") and "expect" not in body and body in missed
    ]
    assert len(missed) < 32


def test_every_key_is_described():
    """So that editors show help for each."""

    def bare(node, path=""):
        for name, each in node.get("properties", {}).items():
            if not each.get("description"):
                yield f"{path}.{name}"
        for part in [*node.get("anyOf", []), *node.get("definitions", {}).values()]:
            yield from bare(part, path)

    assert list(bare(schema.schema())) == []


def test_defaults_are_shown_as_yaml_writes_them():
    """``30s``, not a number of nanoseconds."""
    breaker = schema.schema()["definitions"]["circuit_breaker"]["properties"]
    assert breaker["recovery_time"]["default"] == "30s"
    assert breaker["failure_threshold"]["default"] == 5
