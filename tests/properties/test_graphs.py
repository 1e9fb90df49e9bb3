"""Random plans of several services, of everything there is: the laws, the document, what is printed, and lint."""

from __future__ import annotations

import os
import pickle
from math import isnan

import jsonschema
from hypothesis import HealthCheck, given, settings

from resilience_sim.lint.look import findings
from resilience_sim.lint.subject import Subject
from resilience_sim.settings.plan import Plan
from resilience_sim.views.document import plain, schema
from tests.services.graph import Ran, audit

from .plans import SEEDS, graphs

EXAMPLES = int(os.environ.get("RESIM_GRAPHS", "12"))
SCHEMA = schema()
RUN = jsonschema.Draft7Validator({**SCHEMA["definitions"]["run"], "definitions": SCHEMA["definitions"]})


@given(graphs(), SEEDS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_every_run_keeps_the_laws(plan: Plan, seed: int) -> None:
    """Event by event; the document has its schema and agrees with itself."""
    run = Ran(plan, seed)
    audit(run)
    RUN.validate(plain(run.document))
    requests = run.document["requests"]
    assert requests["total"] == sum(requests["by_outcome"].values())
    for each in run.document["services"]:
        assert 0 <= each["succeeded"] <= each["attempts_received"]
        assert each["expired"] <= each["attempts_received"]
        if each["utilization"] is not None:
            assert 0 <= each["utilization"] <= 1 + 1e-9
    assert Ran(pickle.loads(pickle.dumps(plan)), seed).result.digest == run.result.digest


@given(graphs())
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_lint_has_something_to_say_of_all_of_them(plan: Plan) -> None:
    """Whole sentences, with numbers that are numbers, of places that there are."""
    links = {f"{link.caller} > {link.callee}" for link in plan.links}
    for found in findings(Subject("", plan)):
        assert found.instance in {"", f"client > {plan.service.name}", *links}
        assert found.message
        assert found.remedy
        assert " B " not in f" {found.text} {found.remedy} ", found.text
        assert "nan" not in found.message
        assert not any(isnan(value) for value in found.numbers.values()), found.numbers
