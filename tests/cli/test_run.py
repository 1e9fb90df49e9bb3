"""``resim run``: exit codes, documents, outputs, recordings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.shell import QUICK, resim

SGR = re.compile(r"\x1b\[")


def test_plain_run_is_lines_then_the_summary(here):
    """With --ui plain: a line per request and per change of state, then verdicts and figures."""
    answer = resim("run", "quick.yaml", "--ui", "plain")
    assert answer.code == 0
    assert answer.err == ""
    lines, _, summary = answer.out.partition("\n\n")
    assert len(lines.splitlines()) == 200
    assert all(" request " in line for line in lines.splitlines())
    assert "availability >= 90%" in summary
    assert "Why" in summary
    assert not SGR.search(answer.out)


def test_piped_without_more_it_is_the_summary_alone(here):
    """No line per request unless it is asked for: by --ui plain, a speed, an instant to start at."""
    answer = resim("run", "quick.yaml")
    assert answer.out.startswith("quick  seed 1")
    assert "Why" in answer.out
    assert answer.out in resim("run", "quick.yaml", "--ui", "plain").out
    assert " request " in resim("run", "quick.yaml", "--speed", "1000x").out


def test_quiet_run_is_only_the_verdicts_and_the_availability(here):
    """-q: neither lines nor reasons nor advice."""
    answer = resim("run", "quick.yaml", "-q")
    assert [line.split()[0] for line in answer.out.splitlines() if line] == ["quick", "\u2713", "requests", "failed"]
    assert answer.err == ""
    many = resim("run", "quick.yaml", "-q", "--runs", "5").out
    assert re.search(r"^  availability +\d", many, re.M)
    assert "Why" not in many


def test_the_ending_of_a_path_says_the_format(here):
    """``--out r.json``; an ending that says nothing is an error."""
    answer = resim("run", "quick.yaml", "-q", "--out", "r.json", "--out", "r.xml", "--out", "r.md")
    assert answer.code == 0
    assert json.loads((here / "r.json").read_text())["schema"] == "resim.result/1"
    assert "<testsuites" in (here / "r.xml").read_text()
    assert resim("run", "quick.yaml", "--out", "r.pdf").code == 2


def test_no_scenario_means_the_storm_beside_its_cure():
    """``resim run`` alone: both on the same luck, with figures, reasons and an answer."""
    document = resim("run", "--json").document
    assert document["scenario"]["name"] == "retry-storm"
    assert document["command"] == "run"
    assert [variant["name"] for variant in document["variants"]] == ["as-written", "budget"]
    storm, cure = (variant["runs"][0] for variant in document["variants"])
    assert storm["requests"]["total"] == cure["requests"]["total"]
    assert storm["digest"] == resim("run", "retry-storm", "--json").document["variants"][0]["runs"][0]["digest"]
    answer = resim("run")
    assert answer.code == 0
    assert answer.out.splitlines()[-1].startswith(
        "With this seed best by availability: budget, 54 points over as-written"
    )
    assert "Why  as-written" in answer.out
    assert "Why  budget" in answer.out
    assert "resim play --tour retries" in answer.out


def test_beside_a_setting_or_a_variant(here):
    """Both lanes are recorded; several seeds give intervals; expectations are about the first lane."""
    answer = resim("run", "quick.yaml", "--beside", "retry.attempts=6, retry.delay=10ms", "--runs", "9", "--json",
                   "--save", "b.resim")  # fmt: skip
    assert answer.code == 0
    names = [variant["name"] for variant in answer.document["variants"]]
    assert names == ["as-written", "retry.attempts=6, retry.delay=10ms"]
    assert answer.document["comparison"][0]["availability"]["verdict"] == "better"
    assert resim("replay", "b.resim", "--verify").code == 0
    (other,) = set(here.glob("b.*.resim"))
    digest = answer.document["variants"][1]["runs"][0]["digest"]
    assert f"digest {digest}" in resim("replay", str(other), "--verify").out
    alone = resim("run", "quick.yaml", "--beside", "alone", "--json", "--save", "a.resim").document
    digest = alone["variants"][1]["runs"][0]["digest"]
    assert f"digest {digest}" in resim("replay", "a.alone.resim", "--verify").out
    assert [variant["name"] for variant in alone["variants"]] == ["as-written", "alone"]


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ("eagr", "did you mean `eager`?"),
        ("retry.attempts=many", "--beside:1:16"),
        ("retr.attempts=2", "did you mean"),
    ],
)
def test_nothing_to_run_beside(here, beside, said):
    """Exit code 2, the place and the nearest name."""
    answer = resim("run", "quick.yaml", "--beside", beside)
    assert answer.code == 2
    assert said in answer.err


def test_json_is_one_document_and_nothing_else(here):
    """Even where lines or notes would have been printed; progress is wiped away."""
    answer = resim("run", "quick.yaml", "--json", "--runs", "3", terminal=True)
    assert answer.code == 0
    assert answer.document["command"] == "run"
    assert answer.document["seeds"] == [1, 2, 3]
    assert answer.document["error"] is None
    assert re.sub(r"\r\x1b\[K[^\r]*", "", answer.err) == ""


def test_same_digest_whatever_the_user_interface(here):
    """Plain, quiet, JSON, recorded, paced: the same events."""
    digest = resim("run", "quick.yaml", "--json").document["variants"][0]["runs"][0]["digest"]
    assert f"digest {digest}" in resim("run", "quick.yaml").out
    assert f"digest {digest}" in resim("run", "quick.yaml", "-q", "--save", "x.resim").out
    assert f"digest {digest}" in resim("run", "quick.yaml", "--speed", "1000x").out


@pytest.mark.parametrize(
    ("expectation", "code", "verdict"),
    [("availability >= 90%", 0, "pass"), ("availability > 99.99%", 1, "fail"), ("opened >= 1", 4, "inconclusive")],
)
def test_exit_code_follows_the_verdicts(here, expectation, code, verdict):
    """Held, failed, without data."""
    (here / "x.yaml").write_text(QUICK.replace("availability >= 90%", expectation))
    answer = resim("run", "x.yaml", "--json")
    assert answer.code == code
    assert [each["verdict"] for each in answer.document["expectations"]] == [verdict]
    assert resim("run", "x.yaml", "-q").code == code


def test_failed_outranks_inconclusive(here):
    """Both at once: the answer is no."""
    (here / "x.yaml").write_text(QUICK + "  - opened >= 1\n  - availability > 99.99%\n")
    assert resim("run", "x.yaml", "-q").code == 1


def test_stdin_is_a_scenario(here):
    """``-``."""
    answer = resim("run", "-", "--json", stdin=QUICK)
    assert answer.code == 0
    assert answer.document["scenario"]["path"] == "-"


def test_set_and_seed(here):
    """Settings and luck from the command line."""
    answer = resim("run", "quick.yaml", "--json", "--set", "retry.attempts=1", "--seed", "7", "--series", "1s")
    run = answer.document["variants"][0]["runs"][0]
    assert run["seed"] == 7
    assert run["attempts"]["total"] == run["requests"]["total"]
    assert run["series"]["bin"] == 1
    assert answer.code == 1


def test_invalid_scenario_with_and_without_json(here):
    """Every finding, exit code 2, no traceback."""
    (here / "bad.yaml").write_text(QUICK.replace("attempts: 3", "attemps: 3").replace("50ms", "50"))
    answer = resim("run", "bad.yaml")
    assert answer.code == 2
    assert answer.out == ""
    assert "bad.yaml:4:" in answer.err
    assert "did you mean `attempts`?" in answer.err
    document = resim("run", "bad.yaml", "--json").document
    assert document["error"]["code"] == "invalid_scenario"
    assert {found["code"] for found in document["error"]["diagnostics"]} == {"RS012", "RS013"}
    assert document["scenario"]["path"] == "bad.yaml"


def test_unknown_scenario_name_suggests_the_nearest(here):
    """A shipped name misspelt."""
    answer = resim("run", "first-lok")
    assert answer.code == 2
    assert "did you mean `first-look`?" in answer.err


def test_outputs_of_every_kind(here):
    """Several at once; each is there and complete."""
    outs = ["json=o.json", "jsonl=o.jsonl", "csv=tables", "chrome-trace=t.json", "junit=j.xml", "markdown=m.md"]
    answer = resim("run", "quick.yaml", "-q", *(word for out in outs for word in ("--out", out)))
    assert answer.code == 0
    assert json.loads((here / "o.json").read_text())["schema"] == "resim.result/1"
    assert len((here / "tables" / "requests.csv").read_text().splitlines()) == 201
    assert json.loads((here / "t.json").read_text())["traceEvents"]
    assert "<testsuites" in (here / "j.xml").read_text()
    assert "availability" in (here / "m.md").read_text()


def test_output_on_stdout_has_it_alone(here):
    """The summary moves to standard error."""
    answer = resim("run", "quick.yaml", "--out", "csv-requests=-")
    assert answer.out.splitlines()[0].startswith("rid,")
    assert len(answer.out.splitlines()) == 201
    assert "availability >= 90%" in answer.err


@pytest.mark.parametrize(
    "options",
    [
        ["--out", "json=no/such/folder/x.json"],
        ["--out", "jsno=x.json"],
        ["--out", "json=-", "--json"],
        ["--out", "json=-", "--out", "csv=-"],
        ["--save", "no/such/folder/r.resim"],
        ["--save", "quick.yaml"],
    ],
)
def test_targets_are_checked_before_anything_is_simulated(here, options, monkeypatch):
    """Exit code 2, a remedy, and no run."""

    def never(*_: object) -> bool:
        raise AssertionError("simulated")

    monkeypatch.setattr("resilience_sim.runs.simulation.Simulation.run", never)
    before = sorted(here.iterdir())
    answer = resim("run", "quick.yaml", *options)
    assert answer.code == 2, answer.err
    assert sorted(here.iterdir()) == before
    if "--json" in options:
        assert answer.document["error"]["code"] == "usage"
    else:
        assert "help: " in answer.err


def test_many_runs_have_means_and_intervals(here):
    """--runs over all cores; the first one can be recorded."""
    answer = resim("run", "quick.yaml", "--runs", "4", "--save", "r.resim")
    assert answer.code == 0
    assert "4 runs, seeds 1-4" in answer.out
    assert "95% interval" in answer.out
    assert resim("replay", "r.resim", "--verify").code == 0
    document = resim("run", "quick.yaml", "--runs", "4", "--json").document
    assert document["variants"][0]["summary"]["availability"]["ci95"] is not None


@pytest.mark.parametrize(
    "options",
    [
        ["--seed", "x"], ["--seed", "-1"], ["--runs", "0"], ["--speed", "fast"], ["--speed", "0x"], ["--ui", "tui"],
        ["--series", "1"], ["--series", "0s"], ["--set", "retry.attemps=5"], ["--set", "retry"], ["--nonsense"],
        ["--color", "pink"], ["more", "words"],
    ],
)  # fmt: skip
def test_bad_options_are_exit_code_2(here, options):
    """In words with a remedy, or as the one document."""
    answer = resim("run", "quick.yaml", *options)
    assert answer.code == 2
    assert answer.out == ""
    assert "error" in answer.err
    assert "Traceback" not in answer.err
    answer = resim("run", "quick.yaml", "--json", *options)
    assert answer.code == 2
    assert answer.document["error"]["code"] in ("usage", "invalid_scenario")
    assert answer.document["command"] == "run"


def test_an_internal_error_names_a_file_with_the_traceback(here, monkeypatch, tmp_path):
    """Exit code 3, short message."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(*_: object, **__: object) -> bool:
        raise RuntimeError("boom")

    monkeypatch.setattr("resilience_sim.runs.simulation.Simulation.run", broken)
    answer = resim("run", "quick.yaml")
    assert answer.code == 3
    assert "internal error: RuntimeError: boom" in answer.err
    assert "Traceback" not in answer.err
    named = re.search(r"\S+resim-error-\S+\.txt", answer.err)
    assert named
    assert "Traceback" in open(named[0]).read()  # noqa: PTH123, SIM115
    document = resim("run", "quick.yaml", "--json").document
    assert document["error"]["code"] == "internal"


def test_a_run_that_does_not_fit_into_memory_says_so(here, monkeypatch):
    """It was "a fault in resim"."""

    def full(*_: object, **__: object) -> bool:
        raise MemoryError

    monkeypatch.setattr("resilience_sim.runs.simulation.Simulation.run", full)
    answer = resim("run", "quick.yaml")
    assert answer.code == 2
    assert "not enough memory" in answer.err
    assert "help: make the run shorter" in answer.err
    assert resim("run", "quick.yaml", "--json").document["error"]["code"] == "memory"


def test_interrupted_run_is_summarised_but_not_judged(here, monkeypatch):
    """Ctrl-C: exit code 130, what was simulated is there, no expectation counts."""
    from resilience_sim.runs.simulation import Simulation

    original = Simulation.run
    calls = 0

    def interrupting(self, until=1 << 60, budget=1 << 60):
        nonlocal calls
        calls += 1
        if calls == 3:
            import signal

            signal.raise_signal(signal.SIGINT)
        return original(self, until, 50)

    monkeypatch.setattr(Simulation, "run", interrupting)
    answer = resim("run", "quick.yaml", "-q", "--save", "r.resim")
    assert answer.code == 130
    assert "interrupted" in answer.out
    calls = 0
    answer = resim("run", "quick.yaml", "--json")
    assert answer.code == 130
    document = answer.document
    assert document["error"]["code"] == "interrupted"
    assert 0 < document["variants"][0]["runs"][0]["requests"]["total"] < 200
    assert {each["verdict"] for each in document["expectations"]} == {"inconclusive"}
    monkeypatch.undo()
    kept = resim("replay", str(here / "r.resim"), "-q")
    assert kept.code == 4
    assert "was cut short" in kept.err


class Editor:
    """Saves other texts while ``--watch`` waits, then presses Ctrl-C."""

    def __init__(self, path, texts):
        self.path, self.texts = path, list(texts)

    def __call__(self, seconds):
        if not self.texts:
            raise KeyboardInterrupt
        self.path.write_text(self.texts.pop(0), encoding="utf-8")


@pytest.mark.parametrize("command", ["run", "compare"])
def test_watch_runs_again_when_the_file_is_saved(here, command):
    """What changed since the last result stands below; a mistake is shown and the next save runs again."""
    better = QUICK.replace("attempts: 3", "attempts: 10")
    editor = Editor(here / "quick.yaml", [better, better.replace("retry:", "rety:"), QUICK.replace("30%", "10%")])
    answer = resim(command, "quick.yaml", "--watch", "--runs", "2", pause=editor)
    assert answer.code == 0
    runs = answer.out.split("quick.yaml was saved")
    assert len(runs) == 4
    assert "Since the last result" not in runs[0]
    assert re.search(
        r"Since the last result +as-written\n +now against last time\n +availability +\S+ +\S+ +\+", runs[1]
    )
    assert "did you mean `retry`?" in answer.err
    assert "Since" not in runs[2]
    assert "Since the last result" in runs[3]
    assert answer.err.count("watching quick.yaml: runs again when it is saved") == 4


def test_watch_needs_a_file():
    """A shipped scenario does not change."""
    answer = resim("run", "first-look", "--watch")
    assert answer.code == 2
    assert "resim init my-scenario --template first-look" in answer.err


def test_save_and_out_replace_no_file_that_is_not_resims_own_without_force(here):
    """They replaced whatever was there, the scenario included."""
    (here / "notes.txt").write_text("years of work")
    scenario = (here / "quick.yaml").read_text()
    for output in (["--save", "notes.txt"], ["--out", "json=notes.txt"], ["--out", "csv-requests=notes.txt"]):
        refused = resim("run", "quick.yaml", "-q", *output)
        assert refused.code == 2
        assert "--force" in refused.err
        assert (here / "notes.txt").read_text() == "years of work"
    for output in (["--save", "quick.yaml"], ["--out", "json=quick.yaml"]):
        for command in ("run", "compare"):
            refused = resim(command, "quick.yaml", "-q", "--force", *output)
            assert refused.code == 2
            assert "this command itself uses that file" in refused.err
    assert (here / "quick.yaml").read_text() == scenario
    assert resim("run", "quick.yaml", "-q", "--force", "--save", "notes.txt").code == 0
    assert resim("replay", "notes.txt", "--verify").code == 0
    refused = resim("export", "notes.txt", "--to", "json", "-o", "quick.yaml")
    assert refused.code == 2
    assert "--force" in refused.err
    assert resim("export", "notes.txt", "--to", "json", "-o", "notes.txt", "--force").code == 2
    assert resim("export", "notes.txt", "--to", "json", "-o", "quick.yaml", "--force").code == 0
    assert resim("export", "notes.txt", "--to", "json", "-o", "quick.yaml").code == 0


def test_a_librarys_configuration_is_replaced_only_with_force(here):
    """Nothing in it says that resim has written it: it may be the one in production."""
    (here / "application.yml").write_text("precious: true\n")
    words = ["export", "quick.yaml", "--to", "resilience4j", "-o", "application.yml"]
    refused = resim(*words)
    assert refused.code == 2
    assert "--force" in refused.err
    assert (here / "application.yml").read_text() == "precious: true\n"
    assert resim(*words, "--force").code == 0
    assert "precious" not in (here / "application.yml").read_text()


def test_what_init_has_written_runs_by_its_name(here):
    """``init shop`` writes shop.yaml; a shipped scenario of that name comes first."""
    assert resim("init", "shop").code == 0
    assert resim("run", "shop", "--json").document["scenario"]["path"] == "shop.yaml"
    assert resim("lint", "shop").err == "nothing found\n"
    assert resim("init", "retry-storm").code == 0
    assert resim("run", "retry-storm", "--json").document["scenario"]["path"] == "retry-storm"


def test_a_run_is_recorded_as_a_picture(here):
    """The answer is the same as without; the picture is that of the run, whichever way it was watched."""
    plain = resim("run", "quick.yaml", "-q")
    answer = resim("run", "quick.yaml", "-q", "--record", "x.svg")
    assert (answer.code, answer.out) == (plain.code, plain.out)
    beginning = Path("x.svg").read_text()[:400]
    assert "<title>resim run quick</title><desc>moves" in beginning
    first = Path("x.svg").read_bytes()
    told = resim(
        "run", "quick.yaml", "--ui", "plain", "--runs", "2", "--record", "x.svg"
    )  # in place of the earlier one
    assert Path("x.svg").read_bytes() == first
    assert "note: x.svg: 1" in told.err
    assert "only the run with seed" in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--record", "gif=-"], "a picture goes to a file"),
        (["--record", "x.gif", "--speed", "0.1x"], "would play for about 200 s; it may for 60 s"),
        (["--record", "x.mp4"], "formats: gif, svg, cast"),
        (["--record", "x.cast", "--out", "json=x.cast"], "this command itself uses that file"),
    ],
)
def test_pictures_that_cannot_be(here, words, said):
    answer = resim("run", "quick.yaml", *words)
    assert answer.code == 2
    assert said in answer.err
    assert not list(Path().glob("x.*"))


def test_ctrl_c_while_a_picture_is_drawn_takes_nothing_back(here, monkeypatch):
    """The answer stands, nothing half is left, and the exit code says that something is missing."""
    from resilience_sim.views.film import svg

    def interrupted(film):
        raise KeyboardInterrupt

    monkeypatch.setattr(svg, "svg_of_film", interrupted)  # as the signal does, in the middle of the work
    answer = resim("run", "quick.yaml", "-q", "--record", "x.svg")
    assert answer.code == 130
    assert answer.out == resim("run", "quick.yaml", "-q").out
    assert answer.err == "interrupted: x.svg is not written\n"
    assert sorted(path.name for path in here.iterdir()) == ["quick.yaml"]
