"""``shows:``: the accident that a scenario is there to show, as announced or no longer so."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from cli.shell import QUICK, resim

SHOWING = (
    QUICK.split("compare:")[0]
    + """
shows:
  - {that: availability < 50%, because: nobody tries again}
compare:
  variants:
    repaired: {set: {service.failure_rate: 0%}}
"""
)
BROKEN = SHOWING.replace("failure_rate: 30%", "failure_rate: 100%")


@pytest.fixture
def scenarios(here):
    (here / "broken.yaml").write_text(BROKEN)
    (here / "whole.yaml").write_text(SHOWING.replace("failure_rate: 30%", "failure_rate: 0%"))
    return here


def test_the_accident_is_as_announced(scenarios):
    """Neither green nor red, and exit code 0."""
    answer = resim("run", "broken.yaml", "-q")
    assert answer.code == 0
    assert "~ availability < 50%  0%  as announced\n" in answer.out
    found = resim("run", "broken.yaml", "--json").document["expectations"]
    assert [(each["verdict"], each["decides"]) for each in found] == [("as_announced", True)]


def test_an_unchanged_scenario_that_no_longer_shows_it_fails(scenarios):
    answer = resim("run", "whole.yaml", "-q")
    assert answer.code == 1
    assert "✗ availability < 50%  100%  no longer so; expected because nobody tries again\n" in answer.out
    assert resim("compare", "whole.yaml", "--runs", "3", "-q").code == 1
    assert resim("run", "whole.yaml", "--runs", "3", "-q").code == 1
    assert resim("run", "whole.yaml", "--save", "w.resim", "-q").code == 1
    assert resim("replay", "w.resim", "-q").code == 1


def test_repairing_it_is_no_failure(scenarios):
    """With other settings, as another variant, or by hand: answered, never deciding."""
    repair = "service.failure_rate=0%"
    answer = resim("run", "broken.yaml", "--set", repair, "-q")
    assert answer.code == 0
    assert "✓ availability < 50%  100%  no longer so" in answer.out
    found = resim("run", "broken.yaml", "--set", repair, "--json").document["expectations"]
    assert [(each["verdict"], each["decides"]) for each in found] == [("no_longer_so", False)]
    assert resim("run", "broken.yaml", "--set", repair, "--save", "r.resim", "-q").code == 0
    assert resim("replay", "r.resim", "-q").code == 0
    assert resim("compare", "broken.yaml", "--runs", "3", "-q", "--set", repair).code == 0
    resim("run", "broken.yaml", "--save", "b.resim", "-q")
    assert resim("replay", "b.resim", "-q").code == 0
    what_if = resim("replay", "b.resim", "--set", repair, "-q")
    assert what_if.code == 0
    assert "✓ availability < 50%  100%  no longer so" in what_if.out
    (scenarios / "stack.yaml").write_text("stack: []\n")
    assert resim("replay", "b.resim", "--stack", "stack.yaml", "-q").code == 0


def test_a_line_about_a_variant_never_decides(scenarios):
    text = BROKEN.replace("because: nobody tries again", "variant: repaired")
    (scenarios / "variant.yaml").write_text(text)
    answer = resim("compare", "variant.yaml", "--runs", "3", "--json")
    assert answer.code == 0
    assert [each["verdict"] for each in answer.document["expectations"]] == ["no_longer_so"]


def test_expectations_still_decide(scenarios):
    (scenarios / "both.yaml").write_text(BROKEN + "expect: [availability >= 99%]\n")
    answer = resim("run", "both.yaml", "--json")
    assert answer.code == 1
    assert [each["verdict"] for each in answer.document["expectations"]] == ["fail", "as_announced"]
    assert resim("run", "both.yaml", "--set", "service.failure_rate=0%", "-q").code == 0


def test_reports_do_not_call_an_accident_a_success(scenarios):
    assert resim("run", "broken.yaml", "--out", "markdown=a.md", "--out", "junit=a.xml", "-q").code == 0
    page = (scenarios / "a.md").read_text()
    assert "expectations held" not in page
    assert "📢 the accident that it shows: 1 of 1 as announced" in page
    suite = ElementTree.parse(scenarios / "a.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    repair = ("--set", "service.failure_rate=0%")
    assert resim("run", "broken.yaml", *repair, "--out", "markdown=b.md", "--out", "junit=b.xml", "-q").code == 0
    assert "| ✅ | `availability < 50%` | 100% | no longer so: availability is 100%" in (scenarios / "b.md").read_text()
    case = ElementTree.parse(scenarios / "b.xml").getroot()[0]
    assert (case.get("failures"), case.get("skipped")) == ("0", "1")
    assert resim("run", "whole.yaml", "--out", "junit=c.xml", "-q").code == 1
    assert ElementTree.parse(scenarios / "c.xml").getroot().get("failures") == "1"


def test_mistakes_are_placed_as_in_expect(scenarios):
    (scenarios / "wrong.yaml").write_text(BROKEN.replace("availability < 50%", "avilability < 50%"))
    answer = resim("run", "wrong.yaml")
    assert answer.code == 2
    assert "no metric `avilability`" in answer.err
    assert "did you mean `availability`" in answer.err


def test_the_storm_of_the_readme_and_its_repair():
    assert resim("run", "retry-storm", "-q").code == 0
    answer = resim("run", "retry-storm", "-q", "--set", "retry.budget=10%")
    assert answer.code == 0
    assert answer.out.count("no longer so") == 2


@pytest.mark.parametrize(
    ("expectation", "instant"),
    [
        ("failed == 0", 0.1), ("failed <= 1", 0.3), ("availability == 100%", 0.1), ("max < 1s", None),
        ("availability >= 60%", None), ("{that: failed < 2, during: phase 2}", 2.3),
        ("{that: failed < 2, after: late}", 3.5),
    ],
)  # fmt: skip
def test_a_failed_line_names_the_first_instant_at_which_it_was_violated(here, expectation, instant):
    """Of what only grows; a share has no such instant."""
    (here / "first.yaml").write_text(f"""
resim: 1
service: {{latency: 100ms}}
traffic: {{phases: [{{for: 2s, rate: 5/s}}, {{for: 2s, rate: 5/s}}], arrivals: even}}
faults: [{{outage: {{id: main, at: 0s, for: 3s, how: error}}}},
         {{outage: {{id: late, at: 3s, for: 200ms, how: error}}}},
         {{outage: {{id: last, at: 3200ms, for: 300ms, how: error}}}}]
expect: [{expectation}]
""")
    answer = resim("run", "first.yaml", "-q")
    found = json.loads(resim("run", "first.yaml", "--json").out)["expectations"][0]
    if instant is None:
        assert "first violated" not in answer.out
        assert "first_violated" not in found
        return
    assert answer.code == 1
    assert f"first violated at {instant:g}s" in answer.out
    assert found["first_violated"] == instant
