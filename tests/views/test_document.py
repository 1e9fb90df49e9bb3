"""The result document: what it holds, that it fits its schema, and that the schema is strict."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.measure.expectations import evaluate
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.measure.statistics import compare
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.metrics import METRICS
from resilience_sim.settings.plan import Expectation, Plan, Scope, Warned
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.traffic import TrafficConfig
from resilience_sim.views.document import SCHEMA, dumps, failure, plain, result_document, schema

EXPECT = (
    Expectation("availability >= 99%", "availability", ">=", 0.99, because="users notice"),
    Expectation("p97 < 1s", "p97", "<", 1.0, Scope("before", "main", "", "before main")),
    Expectation("collapse_probability < 5%", "collapse_probability", "<", 0.05),
)
S = 1_000_000_000
COMPONENTS = (
    ev.Component(0, "client", "A", 0),
    ev.Component(1, "replica", "B#1", number=1),
    ev.Component(2, "circuit_breaker", "circuit_breaker", 0),
)
PLAN = Plan(
    name="story",
    service=ServiceConfig(workers=2),
    operation=OperationConfig("POST", amount=0.1),
    traffic=TrafficConfig(),
    client=ClientConfig(),
    faults=(FaultConfig("outage", "main", 10 * S, 5 * S),),
    stack=(),
    expect=EXPECT,
)
SCENARIO = Scenario(PLAN, "resim: 1", "story.yaml", "0123456789abcdef", warnings=(Warned("RW001", "odd"),))


def run(seed: int, outcome: int):
    fold = RunFold(PLAN, COMPONENTS, S)
    for rid in range(20):
        t = rid * S
        fold.on_event(t, ev.ARRIVE, 0, rid, ev.ADMITTED, 0)
        done = ev.pack_done(outcome if rid % 3 == seed % 3 else ev.SUCCESS, 1, 1, 0)
        fold.on_event(t + S // 3, ev.DONE, 0, rid, done, S // 3)
        if rid == 3:
            fold.on_event(t, ev.BREAKER, 2, rid, ev.pack_change(0, 1, ev.WHY_FAILURE_SHARE), ev.pack_pair(6, 10))
    fold.on_event(20 * S, ev.EFFECT, 1, 0, ev.pack_attempt(1, ev.DUPLICATE, 0), 0)
    return fold.result(seed, "0" * 16, 21 * S)


def whole(runs: int = 3):
    results = {
        "as-written": [run(seed, ev.ERROR) for seed in range(runs)],
        "other": [run(seed, ev.SUCCESS) for seed in range(runs)],
    }
    return result_document(
        "compare",
        scenario=SCENARIO,
        seeds=range(runs),
        variants=results,
        comparison=compare(results, "as-written"),
        expectations=evaluate(EXPECT, results),
        warnings=SCENARIO.warnings,
    )


@pytest.mark.parametrize("runs", [1, 3])
def test_a_full_document_fits_the_schema(runs):
    """Comparison, expectations, series, one run and several."""
    document = whole(runs)
    jsonschema.Draft7Validator(schema()).validate(document)
    assert document["schema"] == SCHEMA
    assert json.loads(dumps(document)) == document


def test_a_failure_is_a_document_too():
    """Nothing loaded: everything empty, the findings under error."""
    error = failure("invalid_scenario", "1 error", [Diagnostic("RE001", "no such key", "x.yaml", 3, 5)])
    document = result_document("run", path="x.yaml", error=error)
    jsonschema.Draft7Validator(schema()).validate(document)
    assert document["scenario"] == {"name": None, "path": "x.yaml", "digest": None}
    assert document["error"]["diagnostics"][0]["line"] == 3


def test_the_schema_is_itself_valid():
    """Draft 7."""
    jsonschema.Draft7Validator.check_schema(schema())


def test_the_schema_names_every_metric_of_the_table():
    """The file leaves them out, the table fills them in."""
    names = schema()["definitions"]["metricName"]["anyOf"][0]["enum"]
    assert names == [metric.name for metric in METRICS]


def breakages():
    yield "an unknown key at the top", lambda d: d.update(extra=1)
    yield "a missing key", lambda d: d.pop("warnings")
    yield "another schema", lambda d: d.update(schema="resim.result/2")
    yield "an unknown key in a run", lambda d: d["variants"][0]["runs"][0].update(extra=1)
    yield "an outcome that must be there", lambda d: d["variants"][0]["runs"][0]["requests"]["by_outcome"].pop("shed")
    yield "a negative count", lambda d: d["variants"][0]["runs"][0]["client"].update(crashes=-1)
    yield "a share above one", lambda d: d["variants"][0]["runs"][0].update(availability=1.5)
    yield "an unknown metric", lambda d: d["variants"][0]["summary"].update(speed=d["variants"][0]["summary"]["p99"])
    yield "half an interval", lambda d: d["comparison"][0]["p99"].update(ci95=[1])
    yield "an unknown verdict", lambda d: d["expectations"][0].update(verdict="maybe")
    yield "text for a number", lambda d: d["variants"][0]["runs"][0]["latency"].update(p99="800ms")
    yield "an unknown state", lambda d: d["variants"][0]["runs"][0]["breakers"][0]["transitions"][0].update(to="AJAR")


@pytest.mark.parametrize(("what", "breaking"), [pytest.param(w, b, id=w) for w, b in breakages()])
def test_the_schema_refuses(what, breaking):
    """Strict where the contract is closed."""
    document = copy.deepcopy(whole())
    breaking(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema()).validate(document)


def test_other_outcomes_may_appear():
    """``by_outcome`` is open."""
    document = whole()
    document["variants"][0]["runs"][0]["requests"]["by_outcome"]["throttled"] = 3
    jsonschema.Draft7Validator(schema()).validate(document)


def test_one_run_has_no_interval():
    """The mean is the value, the interval null."""
    entry = whole(1)["variants"][0]["summary"]["availability"]
    assert entry["ci95"] is None
    assert entry["mean"] == entry["min"] == entry["max"]


def test_numbers_are_rounded_to_twelve_digits_and_json_safe():
    """0.1 + 0.2 is 0.3; no NaN, no infinity."""
    assert plain([0.1 + 0.2, float("nan"), float("-inf"), 1 / 3, 7, True, None]) == [
        0.3,
        None,
        None,
        0.333333333333,
        7,
        True,
        None,
    ]
    with pytest.raises(ValueError, match="Out of range"):
        dumps({"x": float("nan")})


def test_the_text_is_the_same_every_time():
    """Key order is fixed by construction."""
    assert dumps(whole()) == dumps(whole())


def test_the_schema_is_shipped_inside_the_package():
    """Installed copies find it beside the code."""
    import resilience_sim.views

    folder = Path(resilience_sim.views.__file__).parent
    assert (folder / "schemas" / "resim.result.1.json").is_file()
