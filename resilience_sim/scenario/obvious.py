"""The variants anyone would try first, for a scenario that names none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.scenario.text.spelling import Unwritable, quoted
from resilience_sim.scenario.write import policy_text
from resilience_sim.settings.policy import PolicyConfig

BUDGET = "10%"
SWAPPED = ("circuit_breaker", "timeout")  # on which side of the retry they stand changes what they do


def with_obvious_variants(scenario: Scenario) -> Scenario | None:
    """The scenario with variants made for it: each policy left out, the retry on the other side, a retry budget.

    Their text is appended to the scenario's, so that a recording of one can be replayed. None if none can be made.
    """
    kept: dict[str, str] = {}
    plans = [scenario.plan]
    for name, change in _candidates(scenario.plan.stack).items():
        tried = _with(scenario, {name: change})
        if tried is not None and tried.variants and tried.variants[0].plan not in plans:
            kept[name] = change
            plans.append(tried.variants[0].plan)
    return _with(scenario, kept) if kept else None


def _with(scenario: Scenario, variants: dict[str, str]) -> Scenario | None:
    for text in _texts(scenario.text.rstrip(), variants):
        try:
            return load_text(text, scenario.path, scenario.overrides, dict(scenario.files))
        except ScenarioError:
            continue
    return None


def _texts(text: str, variants: dict[str, str]) -> Iterator[str]:
    """A scenario's text with the variants: after its last block, or in the braces of a file in flow style."""
    block = "".join(f"    {quoted(name)}: {change}\n" for name, change in variants.items())
    yield f"{text}\ncompare:\n  variants:\n{block}"
    before, brace, after = text.rpartition("}")
    if brace:
        comma = "" if before.rstrip().endswith((",", "{")) else ","
        pairs = ", ".join(f"{quoted(name)}: {change}" for name, change in variants.items())
        yield f"{before}{comma} compare: {{variants: {{{pairs}}}}}{brace}{after}"


def _candidates(stack: Sequence[PolicyConfig]) -> dict[str, str]:
    """Names of variants, and what each changes, as YAML."""
    if not stack:
        return {
            "retry": "{stack: [{retry: {attempts: 3, delay: 100ms, jitter: full}}]}",
            "timeout": "{stack: [{timeout: {after: 1s}}]}",
        }
    found = {f"no-{policy.id}": f"{{without: [{quoted(policy.id)}]}}" for policy in stack}
    if len(stack) > 1:
        found["nothing"] = "{stack: []}"
    for retry in (policy for policy in stack if policy.kind == "retry"):
        found[f"{retry.id}-budget"] = f"{{set: {{{quoted(f'{retry.id}.budget')}: {BUDGET}}}}}"
    for one, other in combinations(range(len(stack)), 2):
        kinds = {stack[one].kind, stack[other].kind}
        if "retry" not in kinds or not kinds & set(SWAPPED):
            continue
        order = list(stack)
        order[one], order[other] = order[other], order[one]
        try:
            items = ", ".join(f"{{{policy_text(policy)}}}" for policy in order)
        except Unwritable:
            continue
        found[f"{order[one].id}-outside-{order[other].id}"] = f"{{stack: [{items}]}}"
    return found
