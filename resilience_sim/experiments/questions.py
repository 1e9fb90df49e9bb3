"""From what somebody asks for, and what the scenario's ``tune:`` says, to a question for the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resilience_sim.experiments.race import Objective, Tuning
from resilience_sim.experiments.space import STACK, Space, space_of
from resilience_sim.experiments.specs import SpecError
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.read.pieces import expectation_from
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings import codes
from resilience_sim.settings.plan import Expectation

HOPELESS = {codes.WRONG_TYPE, codes.NO_UNIT, codes.BAD_UNIT, codes.RANGE, codes.CHOICE}  # whatever stands beside it
USUAL = (Objective("availability", +1), Objective("attempts_per_request", -1))


def question(
    scenario: Scenario,
    vary: Sequence[tuple[str, Any]] = (),
    minimize: Sequence[str] = (),
    maximize: Sequence[str] = (),
    subject_to: Sequence[str] = (),
    seed: int = 1,
    requests: int = 0,
    seconds: float = 0.0,
) -> Tuning:
    """The question; what is not given is the scenario's own, else the usual.

    Without constraints those are its expectations, but what it shows and what is about variants.

    Raises:
        SpecError: values that cannot be read, or the same metric as high and low.
        ScenarioError: a value, or a constraint, that cannot be.
    """
    own = scenario.tune
    if not minimize and not maximize and own is not None:
        minimize, maximize = own.minimize, own.maximize
    objectives = [Objective(name, +1) for name in dict.fromkeys(maximize)]
    objectives += [Objective(name, -1) for name in dict.fromkeys(minimize)]
    if len({each.metric for each in objectives}) < len(objectives):
        raise SpecError("a metric cannot be to be high and low", "name it once")
    constraints: tuple[Expectation, ...] = tuple(expectation_from(text, scenario.plan) for text in subject_to)
    if not constraints and own is not None and own.subject_to:
        constraints = own.subject_to
    elif not constraints:
        constraints = tuple(each for each in scenario.plan.expect if not each.shows and not each.scope.variant)
    space = space_of(scenario, vary or (own.vary if own is not None else ()))
    _check(space)
    worlds = own.worlds if own is not None else None
    return Tuning(space, tuple(objectives) or USUAL, constraints, worlds, seed, requests, seconds)


def _check(space: Space) -> None:
    """ScenarioError for a setting with a value that can never stand there, or whose first one cannot today.

    A stack is the one to hold all others, so that each has to stand by itself.
    """
    for spec in space.specs:
        wanted = spec.choices if spec.range is None else (spec.range.at(0.0), spec.range.at(1.0))
        for text in wanted:
            try:
                space.scenario.with_settings([f"{spec.path}={text}"])
            except ScenarioError as error:
                if spec.path == STACK or text == wanted[0] or any(each.code in HOPELESS for each in error.diagnostics):
                    raise
