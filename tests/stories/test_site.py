"""The site of the documents (tools/site): every page is on its menu, links lead somewhere, nothing is left out."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools" / "site"))
make_site: Any = importlib.import_module("make_site")
site_reference: Any = importlib.import_module("site_reference")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All pages, before Zensical makes HTML of them (which .ci/run does)."""
    return make_site.staged(tmp_path_factory.mktemp("site"))


def test_every_page_is_on_the_menu_once(stage: Any) -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    listed = make_site._entries(make_site.menu(nav, stage.pages))
    assert sorted(listed) == sorted(stage.pages)
    assert listed.index("gallery/index.md") + 1 == listed.index("gallery/resilience4j-breaker-never-opens.md")
    with pytest.raises(make_site.Broken, match="nobody"):
        make_site.menu([*nav, "nobody.md"], stage.pages)


def test_scenarios_are_shown_and_diagrams_are_tables(stage: Any) -> None:
    page = stage.pages["gallery/stuck-in-half-open.md"]
    assert "```yaml\nresim: 1\nname: stuck-in-half-open\n" in page
    assert "docs/gallery/stuck-in-half-open.yaml" in stage.files
    assert "| CLOSED | OPEN | failures in a row reach the threshold |" in stage.pages["policies.md"]
    assert not [name for name, text in stage.pages.items() if "```mermaid" in text]


def test_links_are_made_for_the_site(stage: Any) -> None:
    assert "[Architecture](project/architecture.md)" in stage.pages["cluster.md"]
    assert "[docs/snapshot.md](../snapshot.md)" in stage.pages["project/changelog.md"]
    with pytest.raises(make_site.Broken, match=r"nothing\.md is no file"):
        stage._linked("docs/model.md", "[there](nothing.md)")


def test_the_reference_has_every_policy_fault_metric_and_option(stage: Any) -> None:
    settings = stage.pages["reference/settings-of-policies.md"]
    for name, kind in site_reference.POLICIES.items():
        section = settings.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert all(f"| `{param.name}` |" in section for param in kind.table.own), name
    assert all(f"\n## {name}\n" in stage.pages["reference/settings-of-faults.md"] for name in site_reference.FAULTS)
    assert all(f"\n## {metric.name}\n" in stage.pages["reference/metrics.md"] for metric in site_reference.METRICS)
    assert "| `--save FILE.resim` |" in stage.pages["commands/run.md"]
    assert "| `workers` | count | `unlimited` |" in stage.pages["reference/scenario-file.md"]
    assert "::: resilience_sim.Scenario\n" in stage.pages["reference/python-api.md"]


def test_plain_text_is_no_markup() -> None:
    text = "`a_b` is a_b * 2, see docs/model.md"
    assert site_reference.prose(text) == r"`a_b` is a\_b \* 2, see [model.md](../model.md)"
    assert list(site_reference.blocks("One\ntwo.\n    a  b\nThree.")) == ["One two.", "```text\na  b\n```", "Three."]


def test_broken_links_are_found_in_what_was_built(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html">b</a> <a href="#here">h</a> <a href="a.html#there">t</a> <a href="/x/">x</a>'
        '<script src="https://elsewhere.example/s.js"></script> <a href="https://elsewhere.example/">e</a>'
    )
    (tmp_path / "b.html").write_text('<a href="a.html#here">a</a>')
    assert make_site.broken_links(tmp_path) == [
        "a.html loads https://elsewhere.example/s.js",
        "a.html: /x/ leads nowhere",
        "a.html: a.html#there: no such place",
    ]
