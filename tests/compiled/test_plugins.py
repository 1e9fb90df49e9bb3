"""Policies in plain Python, in a stack of compiled layers and in one of interpreted ones."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

import pytest

from resilience_sim.policies.plugin import PluginError
from resilience_sim.runs.plugins import GROUP, with_policies
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

from . import plugged
from .forms import run

HERE = Path(__file__).parent
PLAN, HOPS = (load_text(text, "-").plan for text in (plugged.TEXT, plugged.HOPS))


@pytest.fixture(autouse=True)
def _findable(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONHASHSEED", "0")


def test_both_forms_do_the_same(compiled):
    """Timers, further tries, cancelling, turning away: in every place of the stack."""
    theirs = json.loads(run(compiled, HERE / "plugged.py"))
    ours = json.loads(run("interpreted", HERE / "plugged.py"))
    assert theirs[0] == "compiled"
    assert theirs[1:] == ours[1:]
    assert ours[2]["cancelled"] > 0
    digests = [digest for digest, _, _ in ours[1].values()]
    assert len(set(digests)) == len(digests)


def test_one_that_lets_everything_pass_changes_no_figure():
    """A stack with it and one without are the same to the user."""
    plain = simulate(PLAN, 1).document
    plugged_in = simulate(with_policies(PLAN, ["plugged:Through"]), 1).document
    for part in ("requests", "attempts", "latency", "work"):
        assert plugged_in.get(part) == plain.get(part)


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (["plugged:Once"], ["Once", "retry", "timeout"]),
        (["plugged:Once@outer"], ["Once", "retry", "timeout"]),
        (["plugged:Once@1"], ["retry", "Once", "timeout"]),
        (["plugged:Once@inner"], ["retry", "timeout", "Once"]),
        (["plugged:Once", "plugged:Once"], ["Once#2", "Once", "retry", "timeout"]),
    ],
)
def test_where_it_stands(asked, ids):
    """Outermost, if nothing else is said."""
    assert [policy.id for policy in with_policies(PLAN, asked).stack] == ids


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("plugged:Once@shop.stock", ["shop.stock.Once", "shop.stock.retry", "shop.stock.timeout"]),
        ("plugged:Once@shop.stock.1", ["shop.stock.retry", "shop.stock.Once", "shop.stock.timeout"]),
        ("plugged:Once@shop.stock.inner", ["shop.stock.retry", "shop.stock.timeout", "shop.stock.Once"]),
    ],
)
def test_where_it_stands_between_services(asked, ids):
    """After a failed attempt it turns one away, which stock does not see."""
    plan = with_policies(HOPS, [asked])
    assert [policy.id for policy in plan.stack_of("shop>stock")] == ids
    assert plan.stack == HOPS.stack
    received = [simulate(each, 1).document["services"][1]["attempts_received"] for each in (HOPS, plan)]
    assert received[1] < received[0]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("no_such_module:Once", "cannot import"),
        ("plugged:Nothing", "there is no `Nothing`"),
        ("plugged:TEXT", "no class derived from"),
        ("plugged:Once@3", "from 0 (outermost) to 2"),
        ("plugged:Once@-1", "`outer`, `inner`"),
        ("plugged:Once@shop.stock", "the scenario has no calls between services"),
        ("unheard_of", "no installed package offers"),
    ],
)
def test_what_cannot_be_used_is_said(asked, words):
    """Before anything runs."""
    with pytest.raises(PluginError) as error:
        with_policies(PLAN, [asked])
    assert words in str(error.value)
    with pytest.raises(PluginError, match=r"no calls are named `shop\.db`; those between services are `@shop\.stock`"):
        with_policies(HOPS, ["plugged:Once@shop.db"])


def test_one_that_does_not_begin_as_it_has_to_ends_the_run(compiled):
    """It has no place; said before anything happens."""
    told = "cannot begin: `__init__` of plugged:Unbegun has to call `super().__init__(sim, source, inner)`"
    for form in (compiled, "interpreted"):
        assert run(form, HERE / "plugged.py", "Unbegun").strip() == told


def test_a_package_offers_one_by_name(tmp_path, monkeypatch):
    """Through an entry point."""
    info = tmp_path / "offering-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nonce = plugged:Once\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    assert [policy.id for policy in with_policies(PLAN, ["once"]).stack] == ["once", "retry", "timeout"]


def test_on_the_command_line(tmp_path):
    """Found in the current folder; a scenario cannot name it."""
    (tmp_path / "s.yaml").write_text(plugged.TEXT)
    (tmp_path / "own.py").write_text((HERE / "plugged.py").read_text())
    go = f"import os, sys; os.chdir({os.fspath(tmp_path)!r}); sys.argv[0] = 'resim'; sys.path[:] = sys.path[1:]\n"
    go += "from resilience_sim.cli.main import main; main()"
    answer = run("interpreted", "-c", go, "run", "s.yaml", "--policy", "own:Once@inner", "--json")
    assert json.loads(answer)["variants"][0]["runs"][0]["digest"]
