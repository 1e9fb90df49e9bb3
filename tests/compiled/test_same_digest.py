"""One source, two forms, the same events and the same figures."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from policies.test_like_scenarios import DUE, EVERY
from policies.test_like_scenarios import plan as like_plan
from properties.plans import SEEDS, plans

from .forms import run

DIGESTS = Path(__file__).with_name("digests.py")
MANY = 200


def both(compiled: Path, *arguments: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The outcomes in both forms; each process says which it is."""
    form, theirs = json.loads(run(compiled, DIGESTS, *arguments))
    assert form == "compiled"
    form, ours = json.loads(run("interpreted", DIGESTS, *arguments))
    assert form.startswith("interpreted")
    return theirs, ours


def test_shipped_scenarios(compiled):
    """Every scenario, every variant; every scenario recorded."""
    theirs, ours = both(compiled)
    assert len(ours) >= 80
    assert theirs == ours


@pytest.fixture
def cases():
    """Random plans, always the same ones."""
    found = []

    @settings(
        max_examples=MANY, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(plans(), SEEDS)
    def collect(plan, seed):
        found.append((str(len(found)), plan, seed))

    collect()
    return found[:MANY]


def test_random_scenarios(compiled, cases, tmp_path):
    """Of every policy, every fault, every latency shape, each kind of traffic."""
    assert len(cases) == MANY
    everything = [plan for _, plan, _ in cases]
    assert len({policy.kind for plan in everything for policy in plan.stack}) == 8
    assert len({fault.kind for plan in everything for fault in plan.faults}) == 8
    assert len({each.kind for plan in everything for each in (plan.service.latency, plan.service.network)}) == 7
    assert {plan.traffic.loop for plan in everything} == {"open", "closed", "trace"}
    file = tmp_path / "cases"
    file.write_bytes(pickle.dumps(cases))
    theirs, ours = both(compiled, file)
    assert len(ours) == MANY
    assert sum(not outcome[0].isupper() for outcome in ours.values()) > MANY * 0.9, "runs, not errors"
    assert theirs == ours


def test_rules_of_every_library(compiled, tmp_path):
    """Every ``like:`` with its defaults, under faults, two seeds each."""
    cases = []
    for kind, library in EVERY:
        due = DUE.get(kind, {}).get(library, "")
        made = like_plan(f"{kind}: {{like: {library}{', ' + due if due else ''}}}", "timeout: {after: 2s}")
        cases += [(f"{kind} {library} {seed}", made, seed) for seed in (1, 2)]
    file = tmp_path / "cases"
    file.write_bytes(pickle.dumps(cases))
    theirs, ours = both(compiled, file)
    assert len(ours) == len(cases) > 50
    assert theirs == ours
