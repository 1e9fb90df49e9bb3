"""The next command worth typing, after a run or a comparison; every one works as printed."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from resilience_sim.measure.result import RunResult
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig

MOST = 3

Step = tuple[str, str]  # command, what it shows


def next_steps(scenario: Scenario, results: Sequence[RunResult], saved: str = "") -> list[Step]:
    """At most three commands, the most useful first. ``saved``: the recording that was written, if any."""
    steps: list[Step] = []
    if scenario.path != "-":
        steps += _about_scenario(scenario, results)
    if saved:
        steps.insert(min(1, len(steps)), (f"resim replay {quote(saved)} --verify", "does it happen again, exactly?"))
    kinds = {policy.kind for policy in scenario.plan.stack}
    for kind in ("circuit_breaker", "retry"):
        if kind in kinds:
            steps.append((f"resim explain {kind}", "its rules and settings"))
    if not steps:
        steps.append(("resim list", "the scenarios that come with resim"))
    return steps[:MOST]


def _about_scenario(scenario: Scenario, results: Sequence[RunResult]) -> list[Step]:
    name = quote(scenario.path)
    again = "".join(f" --set {quote(override)}" for override in scenario.overrides)
    plan = scenario.plan
    run = results[0].document
    steps: list[Step] = []
    if run["effects"]["duplicates"] and not (plan.operation.idempotency_key and plan.service.deduplicate):
        keyed = " --set operation.idempotency_key=true --set service.deduplicate=true"
        steps.append((f"resim run {name}{again}{keyed}", "the same with idempotency keys"))
    if scenario.variants:
        steps.append((f"resim compare {name}{again}", "the same luck, other settings"))
    if len(results) == 1:
        steps.append((f"resim run {name}{again} --runs 20", "more than one anecdote"))
    retries = [policy for policy in plan.stack if isinstance(policy, RetryConfig | LikeRetryConfig)]
    per_request = run["attempts"]["per_request"] or 0.0
    if (
        retries
        and not retries[0].budget
        and (run["collapsed"] or per_request >= 2)
        and "under_way" not in run["requests"]
    ):
        budget = f" --set {retries[0].id}.budget=10%"
        steps.insert(0, (f"resim run {name}{again}{budget}", "retries capped at a tenth"))
    elif retries and run["requests"]["failed"]:
        more = retries[0].attempts + 2
        steps.append((f"resim run {name}{again} --set {retries[0].id}.attempts={more}", "does trying harder help?"))
    if not retries and not any(policy.kind in ("circuit_breaker", "timeout") for policy in plan.stack):
        steps.append(("resim compare hard-outage", "what each policy is worth"))
    return steps


def after_comparison(scenario: Scenario, runs: int) -> list[Step]:
    """What to type after a comparison of ``runs`` seeds."""
    steps: list[Step] = []
    if scenario.path != "-":
        name = quote(scenario.path)
        again = "".join(f" --set {quote(override)}" for override in scenario.overrides)
        if runs < 20:
            steps.append(
                (f"resim compare {name}{again} --runs {20 if runs == 1 else 100}", "with more seeds, to be sure")
            )
        steps.append((f"resim run {name}{again}", "watch it as written"))
    for kind in ("retry", "circuit_breaker"):
        if any(policy.kind == kind for policy in scenario.plan.stack):
            steps.append((f"resim explain {kind}", "its rules and settings"))
    return (steps or [("resim list", "the scenarios that come with resim")])[:MOST]
