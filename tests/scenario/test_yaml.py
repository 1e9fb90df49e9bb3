"""Which YAML a scenario may use."""

import pytest

from resilience_sim.scenario.text.parse import parse, scalar
from resilience_sim.scenario.text.tree import Source, plain
from resilience_sim.settings import codes

from .lab import HEAD, SOURCE, TRAFFIC, finding, findings, marked, plan


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("-3", -3),
        (".inf", float("inf")),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    """The core schema of YAML 1.2, not the guesses of 1.1."""
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_the_key_on_is_a_key():
    """YAML 1.1 would read it as true."""
    assert plain(parse("on: [error]\n", Source.of("t", ""), [])) == {"on": ["error"]}


def test_a_duplicate_key_points_at_the_second_and_names_the_first():
    """Neither of the two is guessed."""
    found = finding("service: {latency: 1ms, latency: 2ms}\n")
    assert (found.code, found.line, found.col, marked(found)) == (codes.DUPLICATE_KEY, 3, 25, "latency")
    assert "line 3" in found.help


def test_plain_anchors_work():
    """An alias that is no trick stands for its value."""
    body = "service: {latency: &t 30ms, network: *t}\nstack: [{timeout: &o {after: 1s}}, {timeout: *o}]\n"
    made = plan(body)
    assert made.service.network.a == 30_000_000
    assert [each.id for each in made.stack] == ["timeout", "timeout#2"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("resim: 1\nservice: &s {latency: *s}\n", codes.TOO_MUCH),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)),
            codes.TOO_MUCH,
        ),
        ("[" * 100_000, codes.TOO_MUCH),
        ("a: " + "{a: " * 5_000, codes.TOO_MUCH),
        ("- " * 3_000, codes.TOO_MUCH),
        ("resim: 1\n--- \nresim: 1\n", codes.YAML_FEATURE),
        ("resim: !!python/object:os.system 1\n", codes.YAML_FEATURE),
        ("? [a, b]\n: 1\n", codes.YAML_FEATURE),
        ("resim: 1\n\tname: x\n", codes.SYNTAX),
        ("a: 'x\n", codes.SYNTAX),
        ("a: [1, 2\nb: 3\n", codes.SYNTAX),
        ("a: *nowhere\n", codes.SYNTAX),
        ("a: b: c\n", codes.SYNTAX),
        ("", codes.WRONG_TYPE),
        ("# only a comment\n", codes.WRONG_TYPE),
        ("just text\n", codes.WRONG_TYPE),
        ("- a\n- b\n", codes.WRONG_TYPE),
        ("a: \x07\n", codes.SYNTAX),
        ("a: \ud800\n", codes.SYNTAX),
    ],
)
def test_what_cannot_be_read_is_one_finding_with_a_place(text, code):
    """Loops, bombs, endless nesting, other features of YAML, broken text, no scenario at all."""
    found = findings(text)
    assert code in [each.code for each in found]
    assert found[0].message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * 100_000, (1, 41)),
        ("[" * 1_001, (1, 41)),
        ("[" * 41, (1, 41)),
        ("{" * 3_000, (1, 2)),  # a mapping as a key, which no version gets past
        ("a: " + "{a: " * 5_000, (1, 4 + 4 * 39)),
        ("- " * 3_000, (1, 81)),
        ("é: !x 1\nb: " + "[" * 100_000, (2, 4 + 39)),
    ],
)
def test_too_deep_is_the_same_finding_with_every_version_of_the_yaml_library(text, place):
    """libyaml 0.2.6 has a limit of its own and reaches it while it looks ahead, before it tells of the first level."""
    found = [each for each in findings(text) if each.code in (codes.TOO_MUCH, codes.YAML_FEATURE, codes.SYNTAX)]
    assert found[-1].code == (codes.YAML_FEATURE if text[0] == "{" else codes.TOO_MUCH)
    assert (found[-1].line, found[-1].col) == place
    assert [each.message for each in found[:-1]] == (["the tag `!x` is not used in scenarios"] if "!x" in text else [])


def test_merge_keys_are_refused():
    """``<<`` would hide where a setting comes from."""
    found = findings(HEAD + "service: &s {latency: 1ms}\nclient:\n  <<: *s\n" + TRAFFIC)
    assert [each.code for each in found] == [codes.YAML_FEATURE]
    assert marked(found[0]) == "<<"


def test_a_tab_gets_a_hint():
    """The most common trap of YAML has its own remedy."""
    found = findings("resim: 1\nservice:\n\tlatency: 1ms\n")
    assert "spaces" in found[0].help
    assert found[0].line == 3


def test_windows_line_ends_and_byte_order_mark():
    """Files from elsewhere load, with the right lines."""
    text = SOURCE.replace("\n", "\r\n").replace("attempts: 3, delay: 1s}\r", "attemps: 3}\r", 1)
    found = findings(text)
    assert marked(found[0]) == "attemps"


def test_the_pure_python_loader_reads_the_same(monkeypatch):
    """Where no C loader is installed, trees and places are the same."""
    import yaml

    fast = parse(SOURCE, Source.of("t", SOURCE), [])
    monkeypatch.delattr(yaml, "CSafeLoader")
    slow = parse(SOURCE, Source.of("t", SOURCE), [])
    assert plain(fast) == plain(slow)
    found = finding("service: {latency: 1ms, latncy: 2ms}\n")
    assert marked(found) == "latncy"
