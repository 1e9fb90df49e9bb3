"""Where scenarios and their data come from."""

import io
import sys
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.text import datafiles, shipped
from resilience_sim.settings import codes, units

from .lab import HEAD, SOURCE, TRAFFIC


def unreadable(source) -> str:
    """The only finding about a source, as text."""
    with pytest.raises(ScenarioError) as caught:
        load(str(source))
    (found,) = caught.value.diagnostics
    assert found.code == codes.UNREADABLE
    return str(found)


def test_a_path_loads_and_names_the_scenario(tmp_path):
    """The name is that of the file unless it is written."""
    path = tmp_path / "my-case.yaml"
    path.write_text(HEAD + TRAFFIC)
    made = load(str(path))
    assert (made.plan.name, made.path, made.text) == ("my-case", str(path), HEAD + TRAFFIC)


def test_standard_input(monkeypatch):
    """``-`` reads it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SOURCE.encode())))
    made = load("-")
    assert (made.path, made.plan.name) == ("-", "flaky-b")


def test_what_cannot_be_read_says_why(tmp_path):
    """Missing, folder, binary, wrong encoding, huge, a recording."""
    (tmp_path / "checkout.yaml").write_text(SOURCE)
    assert "did you mean" in unreadable(tmp_path / "chekout.yaml")
    assert "folder" in unreadable(tmp_path)
    assert "checkout.yaml" in unreadable(tmp_path)
    for name, raw, said in [
        ("binary", b"\x7fELF\0\xff\xfe", "binary"),
        ("latin", "name: é".encode("latin-1"), "line 1 is not UTF-8"),
        ("wide", "resim: 1".encode("utf-16"), "UTF-16"),
        ("huge", b"#" * (2**21 + 1), "larger than 2 MiB"),
        ("zero", b"resim: 1\0", "binary"),
        ("run.resim", b"SQLite format 3\0\xff", "resim replay"),
    ]:
        (tmp_path / name).write_bytes(raw)
        assert said in unreadable(tmp_path / name)
    assert "resim list" in unreadable(tmp_path / "nothing-like-it" / "at-all")
    assert unreadable("bad\0name")
    assert unreadable("x" * 5000)


def test_shipped_scenarios_are_found_by_name(tmp_path, monkeypatch):
    """From any folder; a misspelt name gets the nearest."""
    (tmp_path / "hard-outage.yaml").write_text("resim: 1\nabout: 'it''s gone'\n" + TRAFFIC)
    (tmp_path / "soft.yaml").write_text("resim: 1\nabout: >-\n  two\n  lines\n" + TRAFFIC)
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    assert shipped.names() == ["hard-outage", "soft"]
    assert shipped.about("hard-outage") == "it's gone"
    assert shipped.about("soft") == load("soft").plan.about == "two lines"
    assert load("hard-outage").path == "hard-outage"
    assert "did you mean `hard-outage`?" in unreadable("hard-outtage")
    assert shipped.find("../soft") is None


@pytest.mark.parametrize(
    ("name", "content", "values"),
    [
        ("a.csv", "1.5\n0.25\n", [250_000_000, 1_500_000_000]),
        ("b.csv", "latency_ms\n12\n8.5\n", [8_500_000, 12_000_000]),
        ("c.csv", "latency\n12ms\n1s\n", [12_000_000, 10**9]),
        ("d.csv", "url,latency_us\n/a,7\n/b,3\n", [3_000, 7_000]),
        ("e.csv", "# measured\n\n3ms\r\n", [3_000_000]),
        ("f.csv", "x_ns\n5\n", [5]),
        ("g.csv", "1e-3\n", [1_000_000]),
    ],
)
def test_measured_latencies(tmp_path, name, content, values):
    """One column or a header; units, or what the header ends in, or seconds."""
    (tmp_path / name).write_bytes(content.encode())
    made = load_text(HEAD + TRAFFIC + f"service: {{latency: {{empirical: {name}}}}}\n", str(tmp_path / "s.yaml"))
    assert list(made.plan.service.latency.values) == values
    assert made.files == ((name, (tmp_path / name).read_bytes().decode()),)


@pytest.mark.parametrize(
    ("name", "content", "times", "warned"),
    [
        ("a.csv", "time_ms\n0\n10\n20\n", [0, 10_000_000, 20_000_000], False),
        (
            "b.jsonl",
            '0.5\n"600ms"\n{"t": 0.7}\n{"arrival_ms": 800}\n',
            [5 * 10**8, 6 * 10**8, 7 * 10**8, 8 * 10**8],
            False,
        ),
        ("c.csv", "3\n1\n2\n", [10**9, 2 * 10**9, 3 * 10**9], True),
    ],
)
def test_traces(tmp_path, name, content, times, warned):
    """CSV and JSON lines; what is out of order is sorted, with a warning."""
    (tmp_path / name).write_text(content)
    made = load_text(HEAD + f"traffic: {{trace: {name}}}\n", str(tmp_path / "s.yaml"))
    assert list(made.plan.traffic.trace) == times
    assert ([each.code for each in made.warnings] == ["RW002"]) == warned


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "1\nx\n", "a.csv:2:1: not a time"),
        ("a.csv", "1\n-2\n", "a.csv:2:1: out of range"),
        ("a.csv", "", "no values"),
        ("a.csv", "1,2\n", "several columns"),
        ("a.csv", "foo,bar\n1,2\n", "no column"),
        ("a.jsonl", "{\n", "a.jsonl:1:2: not JSON"),
        ("a.jsonl", '{"x": 1}\n', "a.jsonl:1:1: the object has no `t`"),
        ("a.jsonl", "NaN\n", "not a time"),
        ("a.jsonl", "true\n", "not a time"),
        ("a.csv", "1\n1e300\n", "out of range"),
        ("a.csv", "1\n5 parsecs\n", "a.csv:2"),
        ("a.jsonl", "[" * 100_000, "not JSON"),
        ("a.csv", "1\n\n9/0\n", "a.csv:3"),
        ("a.csv", "id,t\n1,2\n2,x\n", "a.csv:3:3: not a time"),
    ],
)
def test_bad_data_files_name_the_line(tmp_path, name, content, said):
    """File, line, reason; the place is where the scenario names the file."""
    (tmp_path / name).write_text(content)
    with pytest.raises(ScenarioError) as caught:
        load_text(HEAD + f"traffic: {{trace: {name}}}\n", str(tmp_path / "s.yaml"))
    (found,) = caught.value.diagnostics
    assert (found.code, found.line, found.col) == (codes.DATA_FILE, 2, 18)
    assert said in found.message


@pytest.mark.parametrize("secret", ["hunter2", "9hunter2", "-hunter2", "1hunters", "7" * 61, "12hunter/s", '"hunter2"'])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_no_content_of_a_data_file_is_printed(tmp_path, name, secret):
    """A scenario from somebody else may name any file: its first bad word was in the message and in the remedy."""
    (tmp_path / name).write_text(f"1\n{secret}\n")
    with pytest.raises(ScenarioError) as caught:
        load_text(HEAD + f"traffic: {{trace: {name}}}\n", str(tmp_path / "s.yaml"))
    said = str(caught.value)
    assert f"{name}:2:" in said
    assert "hunter" not in said
    assert "777" not in said


def test_a_replay_takes_its_files_along(tmp_path):
    """With files given, nothing is read from disk."""
    text = HEAD + "traffic: {trace: t.csv}\n"
    made = load_text(text, "gone/s.yaml", files={"t.csv": "1\n2\n"})
    assert made.plan.traffic.trace == (10**9, 2 * 10**9)
    with pytest.raises(ScenarioError, match="not kept"):
        load_text(text, str(tmp_path / "s.yaml"), files={})


def test_a_data_file_may_lie_elsewhere(tmp_path):
    """It is read from where the scenario says, like any path beside it."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "t.csv").write_text("1\n2\n")
    loaded = load_text(HEAD + "traffic: {trace: ../t.csv}\n", str(tmp_path / "inner" / "s.yaml"))
    assert loaded.plan.traffic.trace == (1_000_000_000, 2_000_000_000)


@given(st.from_regex(r"[0-9]{1,12}(\.[0-9]{0,14})?", fullmatch=True), st.sampled_from([10**9, 10**6, 10**3, 1]))
def test_simple_numbers_are_read_as_all_others(text, unit):
    """The quick way says the same as the exact one, or leaves it to that."""
    quick = datafiles._simple(text, unit)
    assert quick in (-1, round(Fraction(text) * unit))
    if quick >= 0:
        assert quick == datafiles._value("a.csv", 1, text, unit)


@given(
    st.lists(
        st.decimals(0, 2_000_000, allow_nan=False, places=4).map(str)
        | st.from_regex(r"[0-9]{1,7}(\.[0-9]{1,14})?", fullmatch=True)
        | st.sampled_from(["0.0000000005", "0.1234567895", "0.12345678949", ".5", "5.", "999999.999999999"]),
        min_size=1,
    ),
    st.sampled_from([10**9, 10**6, 10**3, 1]),
)
def test_plain_lines_are_read_together_as_each_alone(lines, unit):
    together = datafiles._all_plain(lines, unit)
    alone = [datafiles._value("a.csv", 1, line, unit) for line in lines]
    assert together in (None, alone)
    if max(alone) < 10**14 and all(Fraction(line) * unit == ns for line, ns in zip(lines, alone, strict=True)):
        assert together == alone


@pytest.mark.parametrize(
    "odd", ["", ".", "1.2.3", "1e3", "nan", "1_0", " 1", "-1", "250ms", "\u0661", "0" * 31, "2000000"]
)
def test_one_odd_line_makes_a_chunk_be_read_line_by_line(odd):
    assert datafiles._all_plain(["1.5"], 1_000_000_000) == [1_500_000_000]
    assert datafiles._all_plain(["1.5", odd], 1_000_000_000) is None


def test_chunks_keep_the_order_and_the_numbers_of_lines(monkeypatch):
    monkeypatch.setattr(datafiles, "_CHUNK", 4)
    lines = ["t_ms", "1", "2", "3", "4", "5", "6", "7", "# a remark", "8", "9s", "10", "11", "12", "13", "14", "15"]
    expected = [1, 2, 3, 4, 5, 6, 7, 8, 9_000, *range(10, 16)]
    assert datafiles._csv("a.csv", lines) == [ms * 1_000_000 for ms in expected]
    with pytest.raises(units.UnitError, match=r"a\.csv:18:1: not a time"):
        datafiles._csv("a.csv", [*lines, "x"])


def test_a_trace_of_many_lines_is_read_in_no_time(tmp_path):
    """Four million took half a minute; 16 s of CPU before, 2 s now."""
    (tmp_path / "t.csv").write_text("0.001\n" * 400_000)
    begin = time.process_time()
    load_text(HEAD + "traffic: {trace: t.csv}\n", str(tmp_path / "s.yaml"))
    assert time.process_time() - begin < 1.0
