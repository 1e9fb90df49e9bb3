"""``resim compare`` and ``resim replay``, and what they write."""

from __future__ import annotations

import re
import shlex

import pytest

from cli.shell import QUICK, resim
from resilience_sim.views.export.targets import FORMATS


def test_compare_says_what_each_variant_is_worth(here):
    """A table, intervals, where they part."""
    answer = resim("compare", "quick.yaml", "--runs", "5")
    assert answer.code == 0
    assert "same arrivals, same luck" in answer.out
    assert "alone" in answer.out
    assert "eager" in answer.out
    assert "Where they part" in answer.out
    assert answer.err == ""


def test_compare_document(here):
    """Variants, differences, verdicts."""
    document = resim("compare", "quick.yaml", "--runs", "5", "--json").document
    assert [variant["name"] for variant in document["variants"]] == ["as-written", "alone", "eager"]
    assert [len(variant["runs"]) for variant in document["variants"]] == [5, 5, 5]
    assert {entry["variant"]: entry["availability"]["verdict"] for entry in document["comparison"]} == {
        "alone": "worse",
        "eager": "better",
    }
    assert document["command"] == "compare"


def test_compare_runs_twenty_seeds_unless_told_otherwise(here):
    """One seed is an anecdote."""
    assert resim("compare", "quick.yaml", "--json").document["seeds"] == list(range(1, 21))


def test_choosing_variants_baseline_and_others(here):
    """--variant, --baseline, --with."""
    (here / "other.yaml").write_text(QUICK.replace("failure_rate: 30%", "failure_rate: 0%"))
    options = ["--variant", "eager", "--with", "other.yaml", "--baseline", "eager", "--runs", "2", "--json"]
    document = resim("compare", "quick.yaml", *options).document
    assert [variant["name"] for variant in document["variants"]] == ["eager", "other"]
    assert document["comparison"][0]["baseline"] == "eager"


def test_expectations_about_variants_are_judged_here(here):
    """variant NAME: ignored by run, judged by compare."""
    (here / "x.yaml").write_text(QUICK + "  - {that: availability > 99%, variant: alone}\n")
    assert resim("run", "x.yaml", "-q").code == 0
    answer = resim("compare", "x.yaml", "--runs", "5", "--json")
    assert answer.code == 1
    assert [each["verdict"] for each in answer.document["expectations"]] == ["pass", "fail"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--variant", "eagr"], "did you mean `eager`?"),
        (["--baseline", "none"], "--baseline"),
        (["--with", "nothing.yaml"], "nothing.yaml"),
        (["--variant", "as-written"], "baseline itself"),
    ],
)
def test_wrong_names(here, options, said):
    """Exit code 2 and the nearest name."""
    answer = resim("compare", "quick.yaml", *options)
    assert answer.code == 2
    assert said in answer.err


def test_a_scenario_without_variants_is_compared_with_the_obvious_ones(here):
    """Each policy left out, the retry on the other side, a budget: said, ranked, and each can be recorded."""
    text = QUICK.split("compare:")[0].rstrip() + "\n  - circuit_breaker: {failure_threshold: 3, recovery_time: 1s}\n"
    (here / "x.yaml").write_text(text)
    answer = resim("compare", "x.yaml", "--runs", "2", "--save", "c.resim")
    assert answer.code == 0
    names = ["no-retry", "no-circuit_breaker", "nothing", "retry-budget", "circuit_breaker-outside-retry"]
    assert f"the obvious ones: {', '.join(names)}" in answer.err
    assert all(re.search(rf"^  {name} +\S* +[\d.]+%", answer.out, re.M) for name in ["as-written", *names])
    for name in names:
        assert resim("replay", f"c.{name}.resim", "--verify").code == 0
    (here / "x.yaml").write_text(QUICK.split("stack:")[0])
    document = resim("compare", "x.yaml", "--runs", "2", "--json").document
    assert [variant["name"] for variant in document["variants"]] == ["as-written", "retry", "timeout"]


@pytest.mark.parametrize(
    "text",
    [
        "{resim: 1, name: x, traffic: {rate: 1/s, requests: 3}}",
        '{"resim": 1, "name": "x",\n "traffic": {"rate": "1/s", "requests": 3}\n}\n# the end',
        "{resim: 1, traffic: {rate: 1/s, requests: 3},}",
    ],
)
def test_obvious_variants_of_a_file_that_is_one_flow_mapping(here, text):
    """Their text goes into its braces, so that they can be recorded and replayed."""
    (here / "x.yaml").write_text(text)
    document = resim("compare", "x.yaml", "--runs", "2", "--json", "--save", "f.resim").document
    assert [variant["name"] for variant in document["variants"]] == ["as-written", "retry", "timeout"]
    assert resim("replay", "f.retry.resim", "--verify").code == 0


def test_nothing_to_compare(here):
    """A scenario without variants to which none can be added, because it has an empty list of them."""
    (here / "x.yaml").write_text("{resim: 1, traffic: {rate: 1/s, requests: 3}, compare: {variants: {}}}")
    answer = resim("compare", "x.yaml", "--json")
    assert answer.code == 2
    assert "--with" in answer.document["error"]["message"]


def test_try_makes_a_variant_on_the_command_line(here):
    """Named after its settings, recorded with them; several settings in one."""
    tries = ["--try", "retry.attempts=6", "--try", "retry.attempts=2, retry.delay=1s"]
    answer = resim("compare", "quick.yaml", "--variant", "alone", *tries, "--runs", "2", "--json", "--save", "t.resim")
    names = [variant["name"] for variant in answer.document["variants"]]
    assert names == ["as-written", "alone", "retry.attempts=6", "retry.attempts=2, retry.delay=1s"]
    attempts = [v["runs"][0]["attempts"]["per_request"] for v in answer.document["variants"]]
    assert attempts[1] == 1 < attempts[3] < attempts[0] < attempts[2]
    for file in here.glob("t*.resim"):
        assert resim("replay", str(file), "--verify").code == 0
    wrong = resim("compare", "quick.yaml", "--try", "retry.attempts=x")
    assert wrong.code == 2
    assert "--try:1:16" in wrong.err
    assert "write it like `--try retry.attempts=5`" in resim("compare", "quick.yaml", "--try", "eager").err


def test_compare_says_the_answer_first_and_last(here):
    """Ranked bars and the best variant, by how much; quiet: nothing else but the verdicts."""
    lines = resim("compare", "quick.yaml", "--runs", "5").out.splitlines()
    best = next(line for line in lines if line.startswith("Best by availability: eager, "))
    assert " points over as-written" in best
    assert lines[-1] == best
    assert [line.split()[0] for line in lines[3:6]] == ["eager", "as-written", "alone"]
    quiet = resim("compare", "quick.yaml", "--runs", "5", "-q").out
    assert best in quiet
    assert "availability >= 90%" in quiet
    assert "Next" not in quiet
    one = resim("compare", "quick.yaml", "--runs", "1").out
    assert one.splitlines()[-1].startswith("With this seed best by availability: eager")
    assert "one seed is an anecdote: resim compare quick.yaml --runs 20 adds intervals" in one


def test_replay_with_other_settings_leads_to_more_seeds_of_them(recording):
    """The advice works as printed (a named bug: ``replay`` has no --runs, and --set was dropped)."""
    out = resim("replay", "r.resim", "--set", "retry.attempts=6", "--set", "retry.delay=1s").out
    command = "resim compare quick.yaml --try 'retry.attempts=6, retry.delay=1s'"
    assert f"one seed is an anecdote: {command} adds" in out
    assert resim(*shlex.split(command)[1:], "-q").code == 0


def test_compare_saves_a_recording_per_variant(here):
    """The scenario as written under the name given, the variants beside it."""
    answer = resim("compare", "quick.yaml", "--runs", "5", "--save", "c.resim", "--out", "csv=tables")
    assert answer.code == 0
    assert (here / "tables" / "requests.csv").exists()
    for name in ("c", "c.alone", "c.eager"):
        assert resim("replay", f"{name}.resim", "--verify").code == 0


def test_replay_plays_the_same_run_again(recording):
    """The same lines, the same figures, the same digest."""
    again = resim("replay", "r.resim")
    run = resim("run", "quick.yaml")
    assert again.code == 0
    assert again.out.split("\nNext")[0] == run.out.split("\nNext")[0]
    document = resim("replay", "r.resim", "--json").document
    first = resim("run", "quick.yaml", "--json").document
    assert document["variants"] == first["variants"]
    assert document["command"] == "replay"


def test_replay_from_an_instant(recording):
    """Lines begin there, figures are of the whole run."""
    answer = resim("replay", "r.resim", "--from", "15s")
    lines = answer.out.partition("\n\n")[0].splitlines()
    assert 0 < len(lines) < 60
    assert all(float(line.split("s")[0]) >= 15 for line in lines)
    assert "200 succeeded" in answer.out or "of 200" in answer.out


def test_verify(recording):
    """The same, event by event."""
    answer = resim("replay", "r.resim", "--verify")
    assert answer.code == 0
    assert answer.out.startswith("identical: ")
    document = resim("replay", "r.resim", "--verify", "--json").document
    assert document["error"] is None


@pytest.mark.white_box
def test_verify_names_the_first_difference(recording, monkeypatch):
    """A simulator with other luck stands for one of another version: exit code 1."""
    from resilience_sim.runs import replay
    from resilience_sim.runs.simulation import Simulation

    monkeypatch.setattr(replay, "Simulation", lambda plan, seed, *more: Simulation(plan, seed + 1, *more))
    answer = resim("replay", "r.resim", "--verify")
    assert answer.code == 1
    assert "first difference at" in answer.out
    answer = resim("replay", "r.resim", "--verify", "--json")
    assert answer.code == 1
    assert answer.document["error"]["code"] == "diverged"


@pytest.mark.parametrize("whole", [True, False])
def test_what_if_with_another_stack(recording, here, whole):
    """A whole scenario, or nothing but a stack: same arrivals, same luck."""
    stack = "stack:\n  - retry: {attempts: 6, delay: 100ms}\n"
    (here / "stack.yaml").write_text(QUICK.replace("attempts: 3", "attempts: 6") if whole else stack)
    answer = resim("replay", "r.resim", "--with", "stack.yaml", "--json")
    document = answer.document
    assert [variant["name"] for variant in document["variants"]] == ["as-written", "what-if"]
    set_ = resim("replay", "r.resim", "--set", "retry.attempts=6", "--json").document
    runs = [each["variants"][1]["runs"][0]["digest"] for each in (document, set_)]
    assert runs[0] == runs[1]
    eager = resim("compare", "quick.yaml", "--runs", "1", "--json").document["variants"][2]
    assert eager["runs"][0]["digest"] == runs[0]
    assert "what-if" in resim("replay", "r.resim", "--set", "retry.attempts=6").out


@pytest.mark.parametrize(
    "argv",
    [
        ["replay", "nothing.resim"],
        ["replay", "quick.yaml"],
        ["replay", "r.resim", "--verify", "--set", "retry.attempts=2"],
        ["replay", "r.resim", "--with", "quick.yaml", "--set", "retry.attempts=2"],
        ["replay", "r.resim", "--from", "soon"],
        ["replay", "r.resim", "--set", "retr.attempts=2"],
        ["replay", "r.resim", "--with", "nothing.yaml"],
        ["replay"],
        ["export", "nothing.resim", "--to", "csv"],
        ["export", "quick.yaml", "--to", "csv"],
        ["export", "r.resim", "--to", "sqlite"],
        ["export", "r.resim", "--to", "cvs"],
        ["export", "r.resim", "--to", "json", "-o", "no/such/folder/x"],
    ],
)
def test_unusable_recordings_and_options(recording, argv):
    """Exit code 2 with a remedy; with --json one document."""
    answer = resim(*argv)
    assert answer.code == 2, answer.out
    assert "help: " in answer.err
    assert resim(*argv, "--json").document["error"]["message"]


@pytest.mark.parametrize("to", [known.name for known in FORMATS if not known.database])
def test_export(recording, here, to):
    """To standard output and to a file, the same."""
    printed = resim("export", "r.resim", "--to", to)
    assert printed.code == 0
    assert printed.out
    written = resim("export", "r.resim", "--to", to, "-o", "x.out", "--json")
    assert written.code == 0
    assert written.document["wrote"] == ["x.out"]
    assert (here / "x.out").read_text() == printed.out


def test_compare_puts_a_policy_of_ones_own_into_every_variant(here):
    (here / "own_half.py").write_text(
        "from resilience_sim.policies.plugin import ERROR, Policy\n\n\nclass Half(Policy):\n    calls = 0\n\n"
        "    def enter(self, parent):\n        self.calls += 1\n"
        "        self.call(parent) if self.calls % 2 else self.turn_away(parent, ERROR)\n"
    )
    plain = resim("compare", "quick.yaml", "--runs", "1", "--json").document["variants"]
    own = resim("compare", "quick.yaml", "--runs", "1", "--json", "--policy", "own_half:Half").document["variants"]
    for before, after in zip(plain, own, strict=True):
        assert after["runs"][0]["availability"] < 0.6 < before["runs"][0]["availability"]
    refused = resim("compare", "quick.yaml", "--policy", "own_half:Half", "--save", "x.resim")
    assert refused.code == 2
    assert "carries no code" in refused.err


def test_a_what_if_that_no_command_can_repeat_names_none(here):
    """``replay`` has no ``--runs``, and a whole other stack has no ``--try``."""
    resim("run", "quick.yaml", "--save", "r.resim", "-q")
    (here / "stack.yaml").write_text("stack: []\n")
    lines = resim("replay", "r.resim", "--stack", "stack.yaml").out.splitlines()
    assert "one seed is an anecdote" in lines
    assert "one seed is an anecdote: resim compare quick.yaml --try retry.attempts=2 adds intervals" in (
        resim("replay", "r.resim", "--set", "retry.attempts=2").out
    )
