"""A thousand broken scenarios: always a Scenario or a ScenarioError, and quickly."""

import random
import re
import time

import pytest

from resilience_sim.scenario.describe import templates as init_templates
from resilience_sim.scenario.render import STYLES, render
from resilience_sim.scenario.text.parse import parse
from resilience_sim.scenario.text.tree import Mapping, Scalar, Sequence, Source, plain

from .lab import FULL, HEAD, SOURCE, TRAFFIC, attempt

BASES = [FULL, SOURCE, HEAD + TRAFFIC, *(init_templates.render("x", each) for each in init_templates.TEMPLATES)]
TOKENS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    ",",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "|",
    ">",
    "'",
    '"',
    "%",
    "@",
    "`",
    "\t",
    "\0",
    "\x85",
    "\u2028",
    "\ud7ff",
    "🦆",
    "<<: *a",
    "~",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    ".nan",
    "-.inf",
    "9" * 400,
    "1" * 5000,
    "0x",
    "0o9",
    "5ms",
    "10%",
    "4x",
    "3/s",
    "1/0s",
    "3/0ms",
    "-5ms",
    "1e3",
    "retry",
    "timeout",
    "phase 99999999999",
    "²",
    "١٢s",
    "{a: {a: {a: {a: 1}}}}",
    "? ",
    "--- ",
    "... ",
    "\r",
    "\ufeff",
    "before main",
    "p99 < ",
    "stack.0",
    "$ref",
    "__class__",
]
VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    float("nan"),
    10**30,
    "",
    "x",
    "5",
    "5ms",
    "10%",
    "3/s",
    "2x",
    [],
    {},
    [1],
    {"x": 1},
    [[]],
    [{}],
    {"p50": 1},
    ["retry", "retry"],
    [{"retry": None, "timeout": {}}],
    "x" * 3000,
    {"id": "a", "at": "1s"},
]


def bytes_changed(text: str, luck: random.Random) -> str:
    """Characters dropped, doubled, exchanged."""
    letters = list(text)
    for _ in range(luck.randint(1, 8)):
        where = luck.randrange(len(letters))
        letters[where : where + luck.choice((0, 1, 1, 3))] = luck.choice(
            ["", chr(luck.randrange(1, 0x250)), letters[where] * 2]
        )
    return "".join(letters)


def lines_changed(text: str, luck: random.Random) -> str:
    """Lines dropped, doubled, moved, indented."""
    lines = text.split("\n")
    for _ in range(luck.randint(1, 4)):
        where, other = luck.randrange(len(lines)), luck.randrange(len(lines))
        lines[where] = luck.choice(
            ["", lines[other], "  " + lines[where], lines[where].lstrip(), lines[where] + "\n" + lines[where]]
        )
    return "\n".join(lines)


def tokens_changed(text: str, luck: random.Random) -> str:
    """Words and marks exchanged."""
    parts = re.split(r"(\W)", text)
    for _ in range(luck.randint(1, 4)):
        parts[luck.randrange(len(parts))] = luck.choice([*TOKENS, luck.choice(parts)])
    return "".join(parts)


def structure_changed(text: str, luck: random.Random) -> str:
    """A value exchanged by something of another kind, a key by another key; written out as JSON, which is YAML."""
    import json

    def spots(node, found):
        for key, each in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
            found.append((node, key))
            if isinstance(each, dict | list):
                spots(each, found)
        return found

    data = plain(parse(text, Source.of("x", text), []))
    for _ in range(luck.randint(1, 3)):
        every = spots(data, [])
        if not every:
            break
        holder, key = luck.choice(every)
        other_holder, other_key = luck.choice(every)
        what = luck.randrange(4)
        if what == 0 and isinstance(holder, dict):
            holder[str(other_key)] = holder.pop(key)
        elif what == 1:
            del holder[key]
        elif what == 2:
            holder[key] = json.loads(json.dumps(other_holder[other_key])) if other_holder else None
        else:
            holder[key] = json.loads(json.dumps(luck.choice(VALUES)))
    return json.dumps(data, ensure_ascii=luck.random() < 0.5)


def spliced(text: str, luck: random.Random) -> str:
    """The head of one with the tail of another."""
    other = luck.choice(BASES)
    return text[: luck.randrange(len(text))] + other[luck.randrange(len(other)) :]


KINDS = (bytes_changed, lines_changed, tokens_changed, structure_changed, spliced)


@pytest.mark.parametrize("kind", KINDS)
def test_broken_scenarios_are_refused_politely(kind):
    """Two hundred of each kind: no other exception, none slow, every finding printable and in place."""
    loaded = 0
    for seed in range(200):
        luck = random.Random(f"{kind.__name__} {seed}")
        text = kind(luck.choice(BASES), luck)
        overrides = [
            luck.choice(["retry.attempts=9", "service.workers=x", "a.b", "stack.0=[", "faults.main.for=3s"])
        ] * (seed % 5 == 0)
        began = time.process_time()
        found = attempt(text, *overrides)
        loaded += not found
        for each in found:
            assert each.message
            assert each.file in ("test.yaml", "--set")
            assert each.line == 0 or (each.line >= 1 and 1 <= each.col < each.end_col), each
            assert each.col <= len(each.source) + 1, each
        for style in STYLES:
            assert render(found, style) or not found
        assert time.process_time() - began < 2.0, text
    assert loaded < 200


def test_the_tree_keeps_every_place():
    """Each scalar's place is where its text stands."""

    def walk(node):
        if isinstance(node, Scalar):
            yield node
        elif isinstance(node, Mapping):
            for entry in node.entries.values():
                yield from walk(entry.value)
        elif isinstance(node, Sequence):
            for item in node.items:
                yield from walk(item)

    source = Source.of("x", FULL)
    for node in walk(parse(FULL, source, [])):
        if isinstance(node.value, str):
            piece = source.line(node.span.line)[node.span.col - 1 : node.span.end_col - 1]
            assert piece == node.value
