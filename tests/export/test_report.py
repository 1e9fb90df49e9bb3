"""The report: one file that needs nothing, says everything, and lets nothing in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cli.shell import QUICK, resim
from patience import PATIENCE

from resilience_sim.views.export.report import _kept

VOID = frozenset(("meta", "br", "path", "rect", "circle", "input"))
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&amp;'\""


class Page(HTMLParser):
    """Tags in their order; their nesting is checked, what is inside scripts is kept."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A page of every command that has one."""
    here = tmp_path_factory.mktemp("pages")
    scenario = str(here / "quick.yaml")
    Path(scenario).write_text(
        QUICK.replace("stack:", "faults:\n  - outage: {id: main, at: 5s, for: 3s}\nstack:\n  - circuit_breaker: {}"),
        encoding="utf-8",
    )
    lines = {
        "run": ["run", scenario, "--save", str(here / "r.resim")],
        "compare": ["compare", scenario, "--runs", "20"],
        "margins": ["margins", scenario, "--axis", "load", "--runs", "3", "--until", "availability > 50%"],
        "sweep": ["sweep", scenario, "--over", "retry.attempts=1..3", "--over", "retry.delay=10ms,1s", "--runs", "2"],
        "tune": ["tune", scenario, "--budget", "2k requests"],
    }
    found = {}
    for name, argv in lines.items():
        out = here / f"{name}.html"
        answer = resim(*argv, "-q", "--out", f"html={out}", "--out", f"json={here / name}.json")
        assert answer.code in (0, 1, 4) or name == "tune", answer
        if out.exists():
            found[name] = out.read_text(encoding="utf-8")
    for name, source in (("report of a recording", "r.resim"), ("report of a document", "compare.json")):
        assert resim("report", str(here / source), "-q", "-o", str(here / "x.html"), "--force").code in (0, 1)
        found[name] = (here / "x.html").read_text(encoding="utf-8")
    return found


def test_every_page_is_whole_small_and_alone(pages):
    for name, text in pages.items():
        page = Page(text)
        assert len(text.encode()) < 400_000, name
        for tag, attributes in page.tags:
            assert "src" not in attributes, name
            assert not str(attributes.get("href", "#")).strip("#").count(":"), name
            assert not any(each.startswith("on") for each in attributes), name
            assert tag not in ("link", "iframe", "object", "img", "form"), name
        assert not re.search(r"url\(|@import", text.split("</style>")[0]), name
        assert page.document["schema"] == "resim.result/1"


def test_only_its_own_script_may_run(pages):
    for text in pages.values():
        page = Page(text)
        policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a) or ""
        own = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
        assert f"script-src 'sha256-{own}'" in policy
        assert policy.startswith("default-src 'none'")


def test_the_page_of_a_run_has_verdicts_causes_charts_and_figures(pages):
    for name in ("run", "report of a recording"):
        text = pages[name]
        order = [text.index(each) for each in ("<h2>Verdicts", "Why", "<h2>Over time", "<h2>Figures", "<h2>Data")]
        assert order == sorted(order)
        assert text.count("<figure class='time'") == 3  # B has no queue
        assert "States of the breakers" in text
        assert 'class="bandname"' in text


def test_every_chart_over_time_has_its_numbers_below_it(pages):
    """For those who cannot see it, or have no script; a row for each bin."""
    document = Page(pages["run"]).document
    bins = len(document["variants"][0]["runs"][0]["series"]["t"])
    for figure in re.findall(r"<figure class='time'.*?</figure>", pages["run"], re.DOTALL):
        assert f'data-bins="{bins}"' in figure
        assert figure.split("<tbody>")[1].count("<tr>") == bins


def test_requests_are_told_of_in_lists_that_need_no_script(pages):
    """Why each was chosen, step by step; the strip links to each, and every step has its instant."""
    for name in ("run", "report of a recording", "compare"):
        text = pages[name]
        told = re.findall(r"<section class='story' id='(request-\d+)'>(.*?)</section>", text, re.DOTALL)
        assert 3 <= len(told) <= 8, name
        assert [f"#{place}" for place, _ in told] == re.findall(r'<a href="(#request-\d+)">', text), name
        for _, story in told:
            steps = [float(t) for t in re.findall(r"<li data-t='([\d.e-]+)'>", story)]
            assert steps == sorted(steps)
            assert "answered its user" in story
            assert f'data-from="{steps[0]:.9g}"' in story
        reasons = " ".join(re.findall(r"<h3>(#\d+: .*?)</h3>", text))
        for reason in ("the first that failed", "the first that `circuit_breaker` refused", "the slowest"):
            assert reason in reasons, name
    assert pages["run"].index("id='head'") < pages["run"].index("<h3>Answered with success")
    assert pages["compare"].count("The same request elsewhere") == pages["compare"].count("<section class='story'")
    assert "id='head'" not in pages["report of a document"]  # which has no events


def test_only_runs_that_are_drawn_keep_their_series(pages):
    """Twenty runs of three variants would be megabytes."""
    for variant in Page(pages["compare"]).document["variants"]:
        assert ["series" in run for run in variant["runs"]] == [True] + [False] * 19
        assert not any(breaker["transitions"] for run in variant["runs"][1:] for breaker in run["breakers"])


def test_an_answer_of_each_kind_is_drawn(pages):
    assert "differences" in pages["compare"]
    assert "<h2>Margins" in pages["margins"]
    assert pages["sweep"].count("class='heat'") == 6
    assert "<h2>Settings to choose from" in pages.get("tune", "<h2>Settings to choose from")


def test_a_request_over_several_services_is_a_tree(tmp_path):
    place = tmp_path / "x.html"
    assert resim("run", "cascade", "-q", "--set", "traffic.duration=16s", "--out", f"html={place}").code in (0, 1, 4)
    text = place.read_text(encoding="utf-8")
    Page(text)
    deepest = re.search(r"calls stock.*?<ul class='steps'><li data-t='[\d.]+'><b>[\d.]+s</b> calls db", text)
    assert deepest is not None
    assert re.search(r'<text class="name" x="20" y="\d+">db</text>', text)


def test_no_text_becomes_markup(tmp_path):
    path = tmp_path / "evil.yaml"
    path.write_text(
        QUICK.replace("name: quick", f"name: {json.dumps(EVIL)}").replace(
            "availability >= 90%", f"{{that: availability >= 90%, because: {json.dumps(EVIL)}}}"
        )
    )
    assert resim("compare", str(path), "--runs", "2", "-q", "--out", f"html={tmp_path / 'x.html'}").code in (0, 1, 4)
    page = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert page.document["scenario"]["name"] == EVIL


def test_no_name_of_a_policy_or_a_fault_becomes_markup(tmp_path):
    """They stand in the stories of requests, and in pictures."""
    path = tmp_path / "evil.yaml"
    bad = json.dumps("<b>'\"<script>")
    path.write_text(
        QUICK.partition("compare:")[0].replace("stack:", f"faults:\n  - outage: {{id: {bad}, at: 5s, for: 3s}}\nstack:")
        + f"  - circuit_breaker: {{id: {bad}, failure_threshold: 2}}\n"
    )
    assert resim("run", str(path), "-q", "--out", f"html={tmp_path / 'x.html'}").code in (0, 1)
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    page = Page(text)
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2
    assert "<section class='story'" in text
    assert "the first that `&lt;b&gt;" in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema": "resim.result/9"}',
        '{"schema": "resim.result/1", "variants": 3}',
        '{"schema": "resim.result/1", "variants": [{"name": "a", "runs": [{"series": {"bin": "<b>"}}]}]}',
        '{"schema": "resim.result/1", "expectations": [{}]}',
        '{"schema": "resim.result/1", "front": [{"set": 1}]}',
        '{"schema": "resim.result/1", "margins": [{"axis": []}]}',
        "[" * 100_000,
    ],
)
def test_a_document_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    answer = resim("report", str(path))
    assert answer.code == 2, answer
    assert answer.err.startswith("error: ")
    assert not (tmp_path / "x.html").exists()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")
@pytest.mark.parametrize("name", ["run", "compare"])
def test_a_browser_has_nothing_to_complain_of(pages, name, tmp_path):
    """Real headless Chromium: no message on its console, the script ran, and the charts are as wide as the page."""
    place = tmp_path / "page.html"
    probe = "<script>document.title='no'</script>"  # which the policy of the page must not let run
    place.write_text(pages[name].replace("</body>", f"{probe}</body>"), encoding="utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", place.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert [line for line in said if "Content Security Policy" not in line] == []
    assert len(said) == 1  # that of the probe
    assert "<title>no" not in done.stdout
    assert done.stdout.count("<svg") == pages[name].count("<svg")


def test_services_and_links_are_embedded_once():
    """A hundred of them in each of a hundred runs would be megabytes."""
    run = {"seed": 1, "breakers": [], "services": [{"name": "a"}], "links": [{"to": "a"}], "series": {}}
    kept = _kept({"variants": [{"name": name, "runs": [run, run]} for name in ("one", "two")]})
    found = [[(each["services"], each["links"]) for each in variant["runs"]] for variant in kept["variants"]]
    assert found == [[([{"name": "a"}], [{"to": "a"}]), ([], [])], [([], []), ([], [])]]


def test_of_hundreds_of_runs_the_first_of_each_variant_are_embedded():
    """A comparison of five variants over a hundred seeds was twice as large as a page may be."""
    runs = [{"seed": seed} for seed in range(1, 101)]
    kept = _kept({"variants": [{"name": name, "runs": runs} for name in "abcde"]})
    assert [len(each["runs"]) for each in kept["variants"]] == [20] * 5
    alone = _kept({"variants": [{"name": "a", "runs": runs}]})
    assert len(alone["variants"][0]["runs"]) == 100
