"""YAML that is read line by line is what libyaml reads: values, places, and what is said of what is broken."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from resilience_sim.interop.yaml_lines import Lines
from resilience_sim.interop.yaml_tree import _BUILD_TOKEN, _Text, parse_yaml
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Mapping, Node, Scalar, Source

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("files/*.y*ml"), *HERE.glob("cases/*/*.y*ml")])
BITS = (
    "- ", "-", "--- ", "# x", " #x", "#", ":", ": ", "'", '"', "{", "}", "[", "]", ", ", "&a ", "*a", "!t ", ">", "%",
    "@", "\t", "  ", " ", "~", "010", "1:30", "yes", "<<: ", "? ", "\\", "é", "a: b", "'it''s'", "- - a", "[a, [b]]",
    "{a: [], b: {}}", "{a: }", "[,]", "-1", "1e3", "a:b", "- # c", "k : v", '"q": 1', '{"q":1}', "@tok@",
    "|", "\n", "\n\n", "\n---\n", "\n...\n", "\u2028", "\x85", "\ufeff", "\x07", "\r\n", "\r", "kind: a\nkind: b\n",
    "{a: b}: c", "- a: b\n  c: d", "key:\n", "\n- x\n", "\n  - y\n", "\U0001f600", '"a\\"b"', "x" * 1100,
)  # fmt: skip
Read = tuple[list[Node], list[Diagnostic], list[tuple[str, str]]]


def by_lines(text: str) -> Read:
    found: list[Diagnostic] = []
    unclear: list[tuple[Scalar, str]] = []
    read = parse_yaml(text, Source.of("f.yaml", text), found, unclear)
    return said(read, found, unclear)


def by_libyaml(text: str) -> Read:
    found: list[Diagnostic] = []
    unclear: list[tuple[Scalar, str]] = []
    plain = _BUILD_TOKEN.sub(r"\1'\2'", text)
    read = _Text(text, plain, Source.of("f.yaml", text), found, unclear).documents()
    return said(read, found, unclear)


def said(read: list[Node], found: list[Diagnostic], unclear: list[tuple[Scalar, str]]) -> Read:
    places = sorted((f"{node.span.line}:{node.span.col}", text) for node, text in unclear)
    return [each for each in read if not isinstance(each, Scalar)], list(dict.fromkeys(found)), places


def changed(text: str, random: Random) -> str:
    """A stretch of the text with something put in, taken out, or indented in another way."""
    lines = text.split("\n")
    at = random.randrange(len(lines))
    text = "\n".join(lines[at : at + random.randint(2, 20)])
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(text) + 1)
        way = random.random()
        if way < 0.7:
            text = text[:at] + random.choice(BITS) + text[at:]
        elif way < 0.85:
            text = text[:at] + text[at + random.randint(1, 8) :]
        else:
            lines = text.split("\n")
            at = random.randrange(len(lines))
            lines[at] = " " * random.randint(0, 6) + lines[at].lstrip()
            text = "\n".join(lines)
    return text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name + "/" + file.name)
def test_every_file_is_read_as_libyaml_reads_it(file: Path):
    text = file.read_text(encoding="utf-8")
    assert by_lines(text) == by_libyaml(text)


def test_changed_files_are_read_as_libyaml_reads_them():
    random = Random(4)
    texts = [file.read_text(encoding="utf-8") for file in FILES]
    for _ in range(1500):
        text = changed(random.choice(texts), random)
        if "{{" not in text:  # where a template is looked for depends on where a document begins
            assert by_lines(text) == by_libyaml(text), text


def test_the_usual_is_read_line_by_line_and_the_rest_is_left_to_libyaml():
    def alone(text: str) -> list[Node] | None:
        source = Source.of("f.yaml", text)
        return Lines(source, []).part(0, len(source.lines), True)

    usual = "a: 1 # one\nb:\n- c: 'x'\n  \"d\": [1, {e: f}]\n-\n- - g\n# end\nh:\n"
    read = alone(usual)
    assert read is not None
    assert read == by_libyaml(usual)[0]
    assert isinstance(read[0], Mapping)
    assert list(read[0].entries) == ["a", "b", "h"]
    for each in (
        "a: &x 1",
        "a: !t 1",
        "a: |\n  b",
        "a: b\n  c",
        "a: 1\na: 2",
        'a: "\\n"',
        "a:\n  - b\n c: 1",
        "a: b: c",
        "{",
    ):
        assert alone(each) is None, each
    assert alone("# nothing\n") == []


def test_a_document_that_breaks_in_its_first_line_is_told_of_once():
    found: list[Diagnostic] = []
    text = "a: 1\n--- b: 2\n"
    parse_yaml(text, Source.of("f.yaml", text), found)
    assert [(each.line, each.message) for each in found] == [
        (2, "not YAML: mapping values are not allowed in this context")
    ]


def test_a_template_is_looked_for_in_the_document_that_is_broken():
    """Quoted in one before it, it breaks nothing."""
    found: list[Diagnostic] = []
    text = "a: '{{ x }}'\n---\nb: 1\n c: 2\n---\nd: {{ y }}\n"
    parse_yaml(text, Source.of("f.yaml", text), found)
    assert [(each.line, "template" in each.message) for each in found] == [(4, False), (6, True)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: c\x07\n", (2, 5)),
        ("# é\r\na: 'x\x7f'\n", (2, 6)),
        ("a: [\n  \x01]\n---\nb: 1\n", (2, 3)),
        ("a: 1\n---\nb: \udc80\n", (3, 4)),
    ],
)
def test_a_character_that_yaml_does_not_have_is_told_of_where_it_stands(text: str, place: tuple[int, int]):
    """libyaml names no line then (its ReaderError has the offset of a buffer)."""
    found: list[Diagnostic] = []
    parse_yaml(text, Source.of("f.yaml", text), found)
    assert [(each.line, each.col) for each in found] == [place]
