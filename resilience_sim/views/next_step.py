"""The next command worth typing, after a run or a comparison; every one works as printed."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Any

from resilience_sim.measure.result import RunResult
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.own_code import is_served, own_code_of
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig

MOST = 3
MULTIPLIED, SOME = 2.0, 1.2  # attempts per request from which on retries are the first thing to change; in a collapse
LEAST_REQUESTS = 20  # fewer say nothing about a share of retries

Step = tuple[str, str]  # command, what it shows


def next_steps(scenario: Scenario, results: Sequence[RunResult], saved: str = "") -> list[Step]:
    """At most three commands, the most useful first, and a tour of the cockpit. ``saved``: the recording, if any."""
    steps: list[Step] = []
    if scenario.path != "-" and not scenario.plan.several:
        steps += _about_scenario(scenario, results)
    if saved and is_served(scenario.plan):
        steps.insert(0, (f"resim replay {quote(saved)} --speed 1x", "watch it again"))
    elif saved:
        steps.insert(min(1, len(steps)), (f"resim replay {quote(saved)} --verify", "does it happen again, exactly?"))
    kinds = {policy.kind for policy in scenario.plan.stack}
    for kind in ("circuit_breaker", "retry"):
        if kind in kinds:
            steps.append((f"resim explain {kind}", "its rules and settings"))
    return [*steps[:MOST], tour_step(scenario)]


def _about_scenario(scenario: Scenario, results: Sequence[RunResult]) -> list[Step]:
    name = quote(scenario.path)
    again = "".join(f" --set {quote(override)}" for override in scenario.overrides)
    plan = scenario.plan
    code = own_code_of(plan)
    steps: list[Step] = []
    if is_served(plan):
        return [(f"resim run {name}{again}", "the same scenario, its own traffic and stack simulated")]
    if code is not None:
        client = f" --client {quote(code.target)}"
        if any(line.startswith("stack:") for line in scenario.text.splitlines()):
            steps.append((f"resim compare {name}{again}{client}", "your code beside the stack"))
        if len(results) == 1:
            steps.append((f"resim run {name}{again}{client} --runs 20", "more than one anecdote"))
        return [*steps, (f"resim margins {name}{again}{client}", "how much more it stands")]
    run = results[0].document
    paths = [f"operation.{index}." for index in range(len(plan.operation.mix))] or ["operation."]
    posts = [(path, each) for path, each in zip(paths, plan.operation.each, strict=True) if each.method == "POST"]
    keyless = [path for path, each in posts if not each.idempotency_key]
    if run["effects"]["duplicates"] and (keyless or not plan.service.deduplicate):
        keyed = "".join(f" --set {path}idempotency_key=true" for path in keyless)
        keyed += "" if plan.service.deduplicate else " --set service.deduplicate=true"
        steps.append((f"resim run {name}{again}{keyed}", "the same with idempotency keys"))
    if scenario.variants:
        steps.append((f"resim compare {name}{again}", "the same luck, other settings"))
    if len(results) == 1:
        steps.append((f"resim run {name}{again} --runs 20", "more than one anecdote"))
    retries = [policy for policy in plan.stack if isinstance(policy, RetryConfig | LikeRetryConfig)]
    per_request = run["attempts"]["per_request"] or 0.0
    if no_end(run):
        steps.insert(0, (f"resim lint {name}{again}", "what in these settings lets calls wait for ever"))
    elif retries and not plan.actions and run["requests"]["failed"]:
        times = per_request >= (SOME if run["collapsed"] else MULTIPLIED)
        cut = "under_way" in run["requests"]
        if times and not retries[0].budget and not cut and run["requests"]["total"] >= LEAST_REQUESTS:
            budget = f" --set {retries[0].id}.budget=10%"
            steps.insert(0, (f"resim run {name}{again}{budget}", "retries capped at a tenth"))
        elif not times and not cut and isinstance(retries[0], RetryConfig):
            more = retries[0].attempts + 2
            steps.append((f"resim run {name}{again} --set {retries[0].id}.attempts={more}", "does trying harder help?"))
    if not retries and not any(policy.kind in ("circuit_breaker", "timeout") for policy in plan.stack):
        steps.append(("resim compare hard-outage", "what each policy is worth"))
    return steps


def no_end(run: dict[str, Any]) -> bool:
    """Whether calls that nobody answered, and nobody gave up, are most of what failed, or hold all threads."""
    outcomes = run["requests"]["by_outcome"]
    unanswered, exhausted = outcomes.get("unanswered", 0), outcomes.get("exhausted", 0)
    return bool(unanswered and 2 * (unanswered + exhausted) >= run["requests"]["failed"])


def again_words(scenario: Scenario) -> str:
    """The scenario on a command line, with the settings that were given beside it."""
    return quote(scenario.path) + "".join(f" --set {quote(override)}" for override in scenario.overrides)


# scenarios that have a tour of their own (play/tours)
TOURS = {
    "retry-storm": "retries",
    **{name: name for name in ("cascade", "retry-amplification", "tail-at-scale", "double-charge", "idempotency-key")},
}


def tour_step(scenario: Scenario) -> Step:
    """The cockpit's tour of a scenario, or the first one."""
    name = TOURS.get(scenario.path, "first-look")
    return (f"resim play --tour {name}", "a guided tour in the cockpit: predict, watch, change it")


def after_beside(scenario: Scenario, beside: str, saved: str = "") -> list[Step]:
    """What to type after a run beside a variant or a setting."""
    steps: list[Step] = []
    if scenario.path != "-" and not scenario.plan.several:
        what = f"--try {quote(beside)}" if "=" in beside else f"--variant {quote(beside)}"
        shows = "twenty seeds each, with intervals"
        if "=" not in beside and len(scenario.variants) > 1:
            what, shows = "", "all variants, twenty seeds each, with intervals"
        steps.append((f"resim compare {again_words(scenario)} {what}".rstrip(), shows))
    if saved:
        steps.append((f"resim replay {quote(saved)} --verify", "does it happen again, exactly?"))
    return [*steps, tour_step(scenario), ("resim list", "the scenarios that come with resim")][:MOST]


def after_what_if(scenario: Scenario, variant: str, settings: Sequence[str]) -> list[Step]:
    """What to type after a recording was run with other settings; a whole other stack has no command line."""
    steps: list[Step] = []
    if scenario.path != "-" and settings:
        against = "" if variant == "as-written" else f" --baseline {quote(variant)}"
        command = f"resim compare {again_words(scenario)} --try {quote(', '.join(settings))}{against}"
        steps.append((command, "the same change with twenty seeds, to be sure"))
    return [*steps, *(step for step in after_comparison(scenario, 20) if step not in steps)][:MOST]


def after_comparison(scenario: Scenario, runs: int) -> list[Step]:
    """What to type after a comparison of ``runs`` seeds."""
    steps: list[Step] = []
    if scenario.path != "-" and not scenario.plan.several:
        name = quote(scenario.path)
        again = "".join(f" --set {quote(override)}" for override in scenario.overrides)
        if runs < 20:
            steps.append(
                (f"resim compare {name}{again} --runs {20 if runs == 1 else 100}", "with more seeds, to be sure")
            )
        steps.append((f"resim run {name}{again}", "watch it as written"))
    steps.append(tour_step(scenario))
    for kind in ("retry", "circuit_breaker"):
        if any(policy.kind == kind for policy in scenario.plan.stack):
            steps.append((f"resim explain {kind}", "its rules and settings"))
    return (steps or [("resim list", "the scenarios that come with resim")])[:MOST]
