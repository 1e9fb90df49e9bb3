"""``--out FORMAT=PATH``: opened before the run, complete or absent after it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from recording.lab import make_plan, make_scenario

from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.export.files import ExportError
from resilience_sim.views.export.targets import FORMATS, open_outputs, parse_target

from .test_documents import DOCUMENT


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run(specs, document=DOCUMENT) -> str:
    stdout = io.StringIO()
    source = Simulation(make_plan(50), 1)
    with open_outputs(specs, stdout) as outputs:
        outputs.attach(source)
        source.run()
        outputs.finish(document)
    return stdout.getvalue()


def test_every_format_at_once(tmp_path):
    stdout = run([f"{known.name}={tmp_path}/{number}.x" for number, known in enumerate(FORMATS)])
    assert stdout == ""
    assert len(names(tmp_path)) == sum(len(known.parts) for known in FORMATS)
    assert all((tmp_path / name).stat().st_size for name in names(tmp_path))
    trace = next(number for number, known in enumerate(FORMATS) if known.name == "chrome-trace")
    assert json.loads((tmp_path / f"{trace}.x").read_text())["traceEvents"]


@pytest.mark.parametrize("known", [f for f in FORMATS if not f.database], ids=lambda known: known.name)
def test_every_format_on_standard_output(known):
    assert len(run([f"{known.name}=-"])) > 40


def test_csv_in_a_folder_or_beside_each_other(tmp_path):
    run([f"csv={tmp_path}/new"])
    tables = ("attempts", "links", "requests", "services", "transitions")
    assert names(tmp_path) == [f"new/{table}.csv" for table in tables]
    run([f"csv={tmp_path}"])
    run([f"csv={tmp_path}/x.csv"])
    assert {"x.csv", "x-attempts.csv", "x-transitions.csv", "requests.csv"} <= set(names(tmp_path))
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "requests.csv").read_bytes()
    assert (tmp_path / "x.csv").read_text().startswith("rid,instance,arrived_s,")


def test_an_interrupted_command_leaves_everything_as_it_was(tmp_path):
    (tmp_path / "old.jsonl").write_text('{"schema": "resim.events/1", "old": true}\n')
    before = (tmp_path / "old.jsonl").read_bytes()
    source = Simulation(make_plan(50), 1)

    def interrupted():
        with open_outputs([f"jsonl={tmp_path}/old.jsonl", f"csv={tmp_path}/new", "junit=-"], io.StringIO()) as outputs:
            outputs.attach(source)
            source.run(budget=100)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == ["old.jsonl"]
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "old.jsonl").read_bytes() == before


def test_an_interrupted_run_may_be_kept(tmp_path):
    source = Simulation(make_plan(50), 1)
    with open_outputs([f"chrome-trace={tmp_path}/t.json"], io.StringIO()) as outputs:
        outputs.attach(source)
        source.run(budget=100)
        outputs.finish()
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]


def test_the_file_appears_only_when_complete(tmp_path):
    with open_outputs([f"junit={tmp_path}/r.xml"], io.StringIO()) as outputs:
        assert not (tmp_path / "r.xml").exists()
        assert (outputs.needs_events, outputs.needs_document, outputs.uses_stdout) == (False, True, False)
        outputs.finish(DOCUMENT)
        assert (tmp_path / "r.xml").exists()
    assert names(tmp_path) == ["r.xml"]


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (["jsno=x"], "did you mean `jsonl`|did you mean `json`"),
        (["zzz=x"], "formats: json, jsonl"),
        (["csv"], "no path"),
        (["csv="], "no path"),
        (["csv={tmp}/x.csv", "csv-attempts={tmp}/x-attempts.csv"], "already taken"),
        (["jsonl=-", "junit=-"], "standard output is already taken"),
        (["jsonl=a.txt", "junit=a.txt"], "already taken"),
        (["jsonl={tmp}/no/x"], "folder does not exist"),
        (["jsonl={tmp}"], "it is a folder"),
        (["jsonl={tmp}/file/x"], "not a directory"),
    ],
)
def test_mistakes_show_before_the_run(tmp_path, monkeypatch, specs, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=message) as caught:
        open_outputs(["csv=ok", *(spec.replace("{tmp}", str(tmp_path)) for spec in specs)], io.StringIO())
    assert caught.value.remedy
    assert names(tmp_path) == ["file"]
    assert not (tmp_path / "ok").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("name", ["jsonl", "csv-requests", "junit", "chrome-trace"])
def test_a_full_disk_is_reported(name, tmp_path):
    with pytest.raises(ExportError, match="disk is full"):
        run([f"{name}=/dev/full", f"markdown={tmp_path}/m.md"])


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="resim" old="yes" />\n'
    )
    (tmp_path / "link.xml").symlink_to("real.xml")
    run([f"junit={tmp_path}/link.xml"])
    assert (tmp_path / "link.xml").is_symlink()
    assert "<testcase" in (tmp_path / "real.xml").read_text()


def test_from_a_recording(tmp_path):
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.runs.record import record

    plan = make_plan(50)
    with record(Simulation(plan, 1), make_scenario(plan), tmp_path / "r.resim") as source:
        source.run()
    with (
        open_recording(tmp_path / "r.resim") as recording,
        open_outputs([f"csv={tmp_path}/a.csv"], io.StringIO()) as out,
    ):
        out.play(recording)
        out.finish()
    run([f"csv={tmp_path}/b.csv"])
    for end in ("", "-attempts", "-transitions"):
        assert (tmp_path / f"a{end}.csv").read_bytes() == (tmp_path / f"b{end}.csv").read_bytes()


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
def test_an_output_replaces_an_earlier_one_and_no_other_file(tmp_path, known):
    """--out replaced whatever was there: a thesis, a configuration. With ``force`` it may."""
    spec = f"{known.name}={tmp_path}/x.out"
    run([spec])
    run([spec])
    (tmp_path / "x.out").write_text("")
    run([spec])
    for precious in (b"years of work\n", b'{"schema": "my.own/1"}', b"rid,my,own\n", b"\xff\xfe\x00"):
        (tmp_path / "x.out").write_bytes(precious)
        with pytest.raises(ExportError, match=r"what is there is not .*--force") as caught:
            run([spec])
        assert caught.value.cause
        assert (tmp_path / "x.out").read_bytes() == precious
    plan, stdout = make_plan(50), io.StringIO()
    source = Simulation(plan, 1)
    with open_outputs([spec], stdout, force=True) as outputs:
        outputs.attach(source)
        source.run()
        outputs.finish(DOCUMENT)
    assert b"years of work" not in (tmp_path / "x.out").read_bytes()
    run([spec])


def test_targets_are_parsed_without_touching_anything(tmp_path):
    assert parse_target("json=-").paths == {"": None}
    assert parse_target(f"csv={tmp_path}/d").paths["attempts"] == tmp_path / "d" / "attempts.csv"
    assert parse_target("csv=-").paths == {"requests": None}
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "spec", ["json={tmp}/in.yaml", "csv={tmp}/in.csv", "jsonl={tmp}/link.yaml", "junit={tmp}/hard"]
)
def test_an_output_never_replaces_an_input(tmp_path, spec):
    for name in ("in.yaml", "in-attempts.csv"):
        (tmp_path / name).write_text("precious")
    (tmp_path / "link.yaml").symlink_to("in.yaml")
    (tmp_path / "hard").hardlink_to(tmp_path / "in.yaml")
    inputs = [tmp_path / "in.yaml", tmp_path / "in-attempts.csv", tmp_path / "gone"]
    with pytest.raises(ExportError, match="this command itself uses that file"):
        open_outputs([spec.replace("{tmp}", str(tmp_path))], io.StringIO(), inputs, force=True)
    assert (tmp_path / "in.yaml").read_text() == (tmp_path / "in-attempts.csv").read_text() == "precious"
    assert names(tmp_path) == ["hard", "in-attempts.csv", "in.yaml", "link.yaml"]
